"""The prelude as text, and the names that it exports, read without importing it (which would
import Numba).
"""

from __future__ import annotations

import ast
from functools import cache
from importlib.resources import files


@cache
def prelude() -> str:
    """The text of the prelude."""
    return (files("graphc.emit") / "prelude.py").read_text(encoding="utf-8")


@cache
def exports() -> tuple[str, ...]:
    """The names in the prelude's __all__."""
    for node in ast.parse(prelude()).body:
        if isinstance(node, ast.Assign) and [getattr(t, "id", "") for t in node.targets] == [
            "__all__"
        ]:
            return tuple(ast.literal_eval(node.value))
    return ()
