"""Scalars that lie on a tape, so that a loop can reach them: what a chain of equal stages leaves
for the next stage and for the backward sweep.

Only numbers of type f64 that get their value once can lie there; reading one back changes no bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from graphc.expr import Binary, Call, Expr, Item, Name, Number, Unary
from graphc.kernel import Kernel, Let, Stmt, Store, Unpack
from graphc.lower.family import Line, View
from graphc.lower.holes import Walk
from graphc.types import DTYPES

LONGEST = 1 << 16
"""Scalars that a tape, which lies on the stack, has room for."""

NO_NUMBER = ("is_finite", "outside")
"""Primitives of numbers that do not give one."""


def single(kernel: Kernel, lines: Sequence[Line], views: Mapping[str, View]) -> dict[str, int]:
    """The lines that give f64 scalars their only value."""
    writes = Counter(n for line in lines for n in line.writes)
    known = {p.name for p in kernel.params if (p.kind, p.dtype) == ("scalar", "f64")}
    known |= {f"{name}[]" for name, view in views.items() if view.call == "at_f64"}
    found = {}
    for at, line in enumerate(lines):
        if isinstance(line.stmt, Let) and _is_f64(line.stmt.expr, known):
            known.update(line.stmt.names)
            found.update({n: at for n in line.stmt.names if writes[n] == 1})
    return found


def _is_f64(e: Expr, known: set[str]) -> bool:
    """Whether a scalar expression is f64, all the way down."""
    return F64[type(e)](e, known)


def _f64_call(e: Call, known: set[str]) -> bool:
    if e.function == "select":
        return all(_is_f64(a, known) for a in e.args[1:])
    casts = e.function in DTYPES or e.function in NO_NUMBER or e.function.startswith("at_")
    return not casts and bool(e.args) and all(_is_f64(a, known) for a in e.args)


F64: dict[type, Callable[..., bool]] = {
    Name: lambda e, known: e.text in known,
    Number: lambda e, known: e.dtype == "f64",
    Unary: lambda e, known: e.op == "neg" and _is_f64(e.arg, known),
    Binary: lambda e, known: (
        e.op in ("+", "-", "*", "/", "**") and _is_f64(e.left, known) and _is_f64(e.right, known)
    ),
    Call: _f64_call,
    Item: lambda e, known: f"{e.buffer}[]" in known,
}


def laid(stmts: Iterable[Stmt], tape: str, slots: Mapping[str, int]) -> Iterator[Stmt]:
    """The statements with some scalars on a tape."""

    def change(name: Name) -> Expr:
        return Item(tape, Number(slots[name.text], "i64")) if name.text in slots else name

    walk = Reading(lambda text, mode, nested: text, lambda n: n)
    walk.change = change
    for stmt in stmts:
        yield from _stored(walk.stmt(stmt), tape, slots)


class Reading(Walk):
    """A statement with other expressions for the names that it reads."""

    change: Callable[[Name], Expr]

    def expr(self, e: Expr) -> Expr:
        """An expression that is read."""
        return self.change(e) if isinstance(e, Name) else super().expr(e)


def _stored(stmt: Stmt, tape: str, slots: Mapping[str, int]) -> Iterator[Stmt]:
    """A line that gives values to scalars, with those that are on the tape stored there."""
    names = getattr(stmt, "names", ())
    taped = [n for n in names if n in slots]
    if not taped or not isinstance(stmt, (Let, Unpack)):
        yield stmt
        return
    places = [(n, Item(tape, Number(slots[n], "i64"))) for n in taped]
    if isinstance(stmt, Let) and len(names) == 1:
        yield Store(places[0][1], stmt.expr, stmt.tag)
        return
    yield stmt
    yield from (Store(place, Name(name), stmt.tag) for name, place in places)
