"""What a program has to say beside its results: an index out of range, a compilation in mid-run;
and what Numba has to say.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from graphc.errors import LabelError, RecompileWarning
from graphc.graph import INPUT, Node
from graphc.place import caller
from graphc.plan.sizes import Sizes

if TYPE_CHECKING:
    from graphc.plan.plan import Plan

Row = Callable[[int], int]
"""Of the row of a batch, its row in all the data."""


def out_of_range(
    node: Node, position: int, value: int, plan: Plan, row: Row | None = None
) -> LabelError:
    """The error about an index that a kernel found, told by its place in the data where `row`
    knows that.
    """
    low, high = (plan.sizes.capacity(node.attrs[k]) for k in ("low", "high"))
    base = node.args[0]
    name = base.name or node.attrs.get("what", "index")
    if row is not None and base.op is INPUT and base.shape and not isinstance(base.shape[0], int):
        position = _moved(base, position, plan.sizes, row)
    place = _place(base, position, plan.sizes)
    what = node.attrs.get("what", "index")
    range_ = f"{high} classes" if what == "label" else f"indices from {low} to {high - 1}"
    sentence = f"{name}{place} = {value}, but there are {range_}"
    return LabelError(sentence, subject=_stage(node.graph.part_of.get(node, node)))


def _stage(node: Node) -> str:
    """A stage as the user knows it: by the operation that was written, not by what it became."""
    written = node.graph.texts.get(node, node.op.name).split("(")[0]
    name = f" '{node.name}'" if node.name else ""
    return f"{written if written.isidentifier() else node.op.name}{name}{node.at}"


def _place(base: Node, position: int, sizes: Sizes) -> str:
    """The indices of an element, given its place in row-major order."""
    found = []
    for dim in reversed(base.shape[1:]):
        position, at = divmod(position, sizes.capacity(dim))
        found.append(at)
    indices = [position, *reversed(found)]
    return f"[{', '.join(map(str, indices))}]" if base.shape else ""


def _moved(base: Node, position: int, sizes: Sizes, row: Row) -> int:
    length = 1
    for dim in base.shape[1:]:
        length *= sizes.capacity(dim)
    return row(position // length) * length + position % length


def compiled_again(old: Sizes, sizes: Mapping[str, int], new: Sizes) -> None:
    """Warn that data of these sizes needed another specialisation, and say what differed."""
    told = [_differs(name, old, n, new) for name, n in sizes.items() if old.bound[name] != n]
    sentence = "; ".join(filter(None, told))
    logging.getLogger("graphc").info(sentence)
    warnings.warn_explicit(sentence, RecompileWarning, *caller())


def _differs(name: str, old: Sizes, n: int, new: Sizes) -> str:
    if name not in new.running:
        return f"{name} was {old.bound[name]} and is {n}: compiled again"
    if n < old.bound[name]:
        return ""
    return f"{name} grew from {old.bound[name]} to {n}: compiled again, for up to {new.bound[name]}"


def first_line(error: Exception) -> str:
    """The first line of Numba's message that says what is wrong, without its colours."""
    lines = [_COLOUR.sub("", line).strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith("Failed in ")]
    return telling[0][:200] if telling else "no message"


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
