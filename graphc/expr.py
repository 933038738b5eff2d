"""Scalar expressions: what the spelling of an operation is made of, printed as Python reads them.

A spelling is an ordinary function from expressions to an expression, `lambda a, b: a + b`, over
operators and the
named primitives of the emitted prelude, which exist for scalars and vector registers alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Binding strength of Python's operators, loosest first; a call or a name binds tightest.
LEVEL = {
    "or": 1,
    "and": 2,
    "not": 3,
    "<": 4,
    "<=": 4,
    ">": 4,
    ">=": 4,
    "==": 4,
    "!=": 4,
    "|": 5,
    "^": 6,
    "&": 7,
}
LEVEL |= {"+": 9, "-": 9, "*": 10, "/": 10, "//": 10, "%": 10, "neg": 11, "~": 11, "**": 12}
ATOM = 20


class Expr:
    """An expression; Python's operators build larger ones."""

    __slots__ = ()

    def __add__(self, other: Any) -> Expr:
        return Binary("+", self, as_expr(other))

    def __radd__(self, other: Any) -> Expr:
        return Binary("+", as_expr(other), self)

    def __sub__(self, other: Any) -> Expr:
        return Binary("-", self, as_expr(other))

    def __rsub__(self, other: Any) -> Expr:
        return Binary("-", as_expr(other), self)

    def __mul__(self, other: Any) -> Expr:
        return Binary("*", self, as_expr(other))

    def __rmul__(self, other: Any) -> Expr:
        return Binary("*", as_expr(other), self)

    def __truediv__(self, other: Any) -> Expr:
        return Binary("/", self, as_expr(other))

    def __rtruediv__(self, other: Any) -> Expr:
        return Binary("/", as_expr(other), self)

    def __and__(self, other: Any) -> Expr:
        return Binary("&", self, as_expr(other))

    def __or__(self, other: Any) -> Expr:
        return Binary("|", self, as_expr(other))

    def __xor__(self, other: Any) -> Expr:
        return Binary("^", self, as_expr(other))

    def __lt__(self, other: Any) -> Expr:
        return Binary("<", self, as_expr(other))

    def __le__(self, other: Any) -> Expr:
        return Binary("<=", self, as_expr(other))

    def __gt__(self, other: Any) -> Expr:
        return Binary(">", self, as_expr(other))

    def __ge__(self, other: Any) -> Expr:
        return Binary(">=", self, as_expr(other))

    def __neg__(self) -> Expr:
        return Unary("neg", self)


@dataclass(frozen=True, slots=True)
class Name(Expr):
    """A variable."""

    text: str


@dataclass(frozen=True, slots=True)
class Number(Expr):
    """A number; `dtype` None means the type of the stage that it stands in."""

    value: Any
    dtype: str | None = None


@dataclass(frozen=True, slots=True)
class Unary(Expr):
    """An operator before its operand."""

    op: str
    arg: Expr


@dataclass(frozen=True, slots=True)
class Binary(Expr):
    """An operator between two operands."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A primitive of the prelude, or a type used as a cast, applied to arguments."""

    function: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Item(Expr):
    """An element of a buffer: `h[i*100 + j]`."""

    buffer: str
    index: Expr


def as_expr(value: Any) -> Expr:
    """An expression as it is, a Python number as a Number of its stage's type."""
    return value if isinstance(value, Expr) else Number(value)


def equal(a: Any, b: Any) -> Expr:
    """`a == b` (the operator itself stays Python's identity)."""
    return Binary("==", as_expr(a), as_expr(b))


def not_equal(a: Any, b: Any) -> Expr:
    """`a != b`."""
    return Binary("!=", as_expr(a), as_expr(b))


def power(a: Any, b: Any) -> Expr:
    """`a ** b` as Python writes it."""
    return Binary("**", as_expr(a), as_expr(b))


def primitive(name: str) -> Callable[..., Expr]:
    """The prelude's function `name` as something spellings can call."""

    def apply(*args: Any) -> Expr:
        return Call(name, tuple(as_expr(a) for a in args))

    return apply


def text(e: Expr, number: Callable[[Number], str] = lambda n: repr(n.value)) -> str:
    """The expression as Python source, with no more parentheses than precedence needs."""
    return _text(e, number)[0]


def _text(e: Expr, number: Callable[[Number], str]) -> tuple[str, int]:
    return PRINTERS[type(e)](e, number)


def _wrapped(e: Expr, level: int, number: Callable[[Number], str]) -> str:
    inner, own = _text(e, number)
    return inner if own >= level else f"({inner})"


def _print_number(e: Number, number: Callable[[Number], str]) -> tuple[str, int]:
    written = number(e)
    return written, (LEVEL["neg"] if written.startswith("-") else ATOM)


def _print_unary(e: Unary, number: Callable[[Number], str]) -> tuple[str, int]:
    level = LEVEL[e.op]
    sign = {"neg": "-", "not": "not ", "~": "~"}[e.op]
    return sign + _wrapped(e.arg, level, number), level


def _print_binary(e: Binary, number: Callable[[Number], str]) -> tuple[str, int]:
    level = LEVEL[e.op]
    tight = e.op in ("*", "**") and isinstance(e.right, Number) and e.op == "**"
    left = _wrapped(e.left, level + (e.op == "**" or level == LEVEL["<"]), number)
    right = _wrapped(e.right, level if e.op == "**" else level + 1, number)
    return (f"{left}**{right}" if tight else f"{left} {e.op} {right}"), level


def _print_call(e: Call, number: Callable[[Number], str]) -> tuple[str, int]:
    args = [_text(a, number)[0] for a in e.args]
    if e.function.startswith(INDEXED):
        args[1] = args[1].replace(" * ", "*")
    return f"{e.function}({', '.join(args)})", ATOM


INDEXED = ("load", "part", "store", "shift", "at_")
"""Primitives whose second argument is an index, which is written as in brackets."""

OUTSIDE = "gates."
"""What the names of a user's functions begin with: they take numbers and pointers, no registers."""


def _print_item(e: Item, number: Callable[[Number], str]) -> tuple[str, int]:
    return f"{e.buffer}[{_text(e.index, number)[0].replace(' * ', '*')}]", ATOM


PRINTERS: dict[type, Callable[..., tuple[str, int]]] = {
    Name: lambda e, number: (e.text, ATOM),
    Number: _print_number,
    Unary: _print_unary,
    Binary: _print_binary,
    Call: _print_call,
    Item: _print_item,
}
