"""The prelude as text, and the names that it exports, read without importing it (which would
import Numba).
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from importlib.resources import files

GATES = "graphc_gates"
"""The module that a user's functions are in, which emitted code calls as `gates.name`."""

GATE = "graphc_gate."
"""What the symbol of a user's function begins with; its name and element types follow."""

PART = "# module: "
"""What stands before each module of a prelude that is a package, with the module's name."""


@cache
def prelude() -> str:
    """The text of the prelude: its modules, each behind a line with its name."""
    return "".join(f"{PART}{name}\n{text}" for name, text in _modules().items())


def prelude_name(prelude: str) -> str:
    """The module name of a prelude: its content's hash."""
    return f"graphc_prelude_{sha256(prelude.encode()).hexdigest()[:12]}"


@cache
def exports() -> tuple[str, ...]:
    """The names in the prelude's __all__."""
    found = _ALL.search(_modules()["__init__"])
    return tuple(_NAME.findall(found[1])) if found else ()


@cache
def _modules() -> dict[str, str]:
    # Of graphc.emit, not of the prelude itself, which would be imported for it, and Numba with it.
    folder = files("graphc.emit") / "prelude"
    found = sorted(f.name for f in folder.iterdir() if f.name.endswith(".py"))
    return {name[:-3]: (folder / name).read_text(encoding="utf-8") for name in found}


def parts(prelude: str) -> dict[str, str]:
    """The modules of a prelude by name; of one that is a single module its text, under "" ."""
    first, *rest = re.split(rf"^{PART}(\w+)\n", prelude, flags=re.MULTILINE)
    return dict(zip(rest[::2], rest[1::2], strict=True)) if rest else {"": first}


def gates_called(text: str) -> list[str]:
    """The names of a user's functions that emitted code calls."""
    return sorted(set(_GATE.findall(text)))


_GATE = re.compile(r"\bgates\.(\w+)\(", re.ASCII)
_ALL = re.compile(r"^__all__ = \[(.*?)\]", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r'"(\w+)"')
