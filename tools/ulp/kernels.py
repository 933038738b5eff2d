"""Functions of the prelude as loops over arrays, in vector registers or number by number."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from graphc.emit import prelude

Kernel = Callable[..., None]

VECTORS = """
@njit(**FLAGS)
def kernel({operands}, out):
  {places}, o = {pointers}, ptr(out)
  for i in range(0, i64(out.shape[0]), {lanes}):
    store(o, i, function({loads}))
"""
NUMBERS = """
@njit(**FLAGS)
def kernel({operands}, out):
  {places}, o = {pointers}, ptr(out)
  for i in range(i64(out.shape[0])):
    o[i] = function({items})
"""


@cache
def kernel(name: str, lanes: int, arguments: int = 1) -> Kernel:
    """kernel(*operands, out): the function of arrays whose length is a multiple of the lanes."""
    operands = "xyz"[:arguments]
    text = (VECTORS if lanes > 1 else NUMBERS).format(
        operands=", ".join(f"{x}s" for x in operands),
        places=", ".join(operands),
        pointers=", ".join(f"ptr({x}s)" for x in operands),
        lanes=lanes,
        loads=", ".join(f"load{lanes}({x}, i)" for x in operands),
        items=", ".join(f"{x}[i]" for x in operands),
    )
    names: dict[str, Any] = {**vars(prelude), "function": getattr(prelude, name)}
    exec(compile(text, f"<{name}>", "exec"), names)
    made: Kernel = names["kernel"]
    return made
