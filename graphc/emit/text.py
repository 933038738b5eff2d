"""The prelude as text, and the names that it exports, read without importing it (which would
import Numba).
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

MODULES: tuple[str, ...] = ("jit", "vectors", "registers", "memory", "formula", "series")
MODULES += ("exponentials", "angles", "powers", "numbers", "functions")
MODULES += ("products", "tiles", "packing", "blocks", "orders", "team", "clock", "__init__")
"""The prelude's modules, each behind those that it imports from."""


@cache
def prelude() -> str:
    """The text of the prelude: its modules in one file."""
    return "\n\n".join(_without_relatives(_read(name)) for name in MODULES)


@cache
def exports() -> tuple[str, ...]:
    """The names in the prelude's __all__."""
    found = _ALL.search(_read("__init__"))
    return tuple(_NAME.findall(found[1])) if found else ()


def _read(name: str) -> str:
    # Of graphc.emit, not of the prelude itself, which would be imported for it, and Numba with it.
    return (files("graphc.emit") / "prelude" / f"{name}.py").read_text(encoding="utf-8")


def _without_relatives(text: str) -> str:
    """A module's text without the imports from its neighbours, which stand before it."""
    return _RELATIVE.sub("", text)


_RELATIVE = re.compile(r"^from \.\w* import (\([^)]*\)|[^(\n]*)\n", re.MULTILINE)
_ALL = re.compile(r"^__all__ = \[(.*?)\]", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r'"(\w+)"')
