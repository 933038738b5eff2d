"""The prelude as text, and the names that it exports, read without importing it (which would
import Numba).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

MODULES: tuple[str, ...] = ("jit", "vectors", "registers", "memory", "numbers", "formula", "series")
MODULES += ("exponentials", "angles", "functions", "products", "__init__")
"""The prelude's modules, each behind those that it imports from."""


@cache
def prelude() -> str:
    """The text of the prelude: its modules in one file."""
    return "\n\n".join(_without_relatives(_read(name)) for name in MODULES)


@cache
def exports() -> tuple[str, ...]:
    """The names in the prelude's __all__."""
    for node in ast.parse(_read("__init__")).body:
        if isinstance(node, ast.Assign) and [getattr(t, "id", "") for t in node.targets] == [
            "__all__"
        ]:
            return tuple(ast.literal_eval(node.value))
    return ()


def _read(name: str) -> str:
    return (files("graphc.emit.prelude") / f"{name}.py").read_text(encoding="utf-8")


def _without_relatives(text: str) -> str:
    """A module's text without the imports from its neighbours, which stand before it."""
    gone = {n for first, last in _relatives(text) for n in range(first, last + 1)}
    lines = enumerate(text.splitlines(), start=1)
    return "\n".join(line for n, line in lines if n not in gone) + "\n"


def _relatives(text: str) -> Iterator[tuple[int, int]]:
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, node.end_lineno or node.lineno
