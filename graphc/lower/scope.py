"""What the names of a kernel stand for: their element types, and the memory that buffers mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from graphc.expr import Binary, Call, Expr, Item, Name, Number, Unary
from graphc.kernel import Kernel, Let
from graphc.types import DTYPES


@dataclass
class Scope:
    """Element types by name; for buffers also which memory is meant, which several may share."""

    types: dict[str, str] = field(default_factory=dict)
    memory: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, kernel: Kernel) -> Scope:
        """What the arguments of a kernel are."""
        names = {p.name: p.name for p in kernel.params}
        return cls({p.name: p.dtype for p in kernel.params}, names)

    def note(self, stmt: Let) -> None:
        """Remember what names mean from here on."""
        call = stmt.expr
        if isinstance(call, Call) and call.function.startswith("at_"):
            place = f"{call.args[0]} {call.args[1]}"
            self.types.update(dict.fromkeys(stmt.names, call.function[3:]))
            self.memory.update(dict.fromkeys(stmt.names, place))
        else:
            self.types.update(dict.fromkeys(stmt.names, self.dtype(call)))

    def dtype(self, e: Expr) -> str:
        """The element type of an expression."""
        return TYPED[type(e)](self, e)


def _call_type(scope: Scope, e: Call) -> str:
    if e.function in DTYPES:
        return e.function
    if e.function in FIXED:
        return FIXED[e.function]
    return scope.dtype(e.args[1 if e.function == "select" else 0]) if e.args else "i64"


FIXED = {"boolean": "bool", "is_finite": "bool", "outside": "i64"}
FIXED |= {"uniform32": "f32", "uniform32_second": "f32", "uniform64": "f64"}
"""What primitives give that do not give the type of their first argument."""


def _binary_type(scope: Scope, e: Binary) -> str:
    if e.op in ("<", "<=", ">", ">=", "==", "!="):
        return "bool"
    left, right = scope.dtype(e.left), scope.dtype(e.right)
    return left if left in ("f64", "f32") or right in ("i64", "bool") else right


TYPED: dict[type, Callable[..., str]] = {
    Number: lambda scope, e: e.dtype or "f64",
    Name: lambda scope, e: scope.types.get(e.text, "i64"),
    Item: lambda scope, e: scope.types.get(e.buffer, "i64"),
    Unary: lambda scope, e: scope.dtype(e.arg),
    Binary: _binary_type,
    Call: _call_type,
}
