"""Statements with holes: what a statement says but for the names and some of the numbers in it, and
what fills the holes.

Two statements with the same skeleton say the same of other variables. Indices of loops are part of
the skeleton; so are numbers, unless they only shift or scale a result or say where memory begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from graphc.expr import Binary, Call, Expr, Item, Name, Number, Unary
from graphc.kernel import (
    Add,
    Barrier,
    If,
    Invoke,
    Let,
    Loop,
    Remark,
    Return,
    Run,
    Stmt,
    Store,
    Unpack,
    While,
)

READ, WRITE, NUMBER = "read", "write", "number"
COUNTED = ("total", "greatest", "least")
"""Primitives whose third argument is a number that no two calls share."""


class Hole(NamedTuple):
    """What fills a hole: a name that is read or given a value, or a number."""

    filling: str | Number
    mode: str
    nested: bool = False


@dataclass
class Walk:
    """A statement rebuilt; `name` and `number` say what becomes of what is in its holes."""

    name: Callable[[str, str, bool], str]
    number: Callable[[Number], Expr]
    bare: bool = False
    indices: dict[str, str] = field(default_factory=dict)
    depth: int = 0

    def stmt(self, s: Stmt) -> Stmt:
        """The statement rebuilt; `bare` without what it says of stages."""
        new = STATEMENTS[type(s)](self, s)
        if not self.bare:
            return new
        told = {"tag": None, "note": ""}
        return replace(new, **{n: v for n, v in told.items() if hasattr(new, n)})  # type: ignore[arg-type]

    def expr(self, e: Expr) -> Expr:
        """An expression that is read."""
        return EXPRESSIONS[type(e)](self, e)

    def read(self, name: str) -> str:
        """A name that is read."""
        return self.indices.get(name) or self.name(name, READ, self.depth > 0)

    def write(self, name: str) -> str:
        """A name that gets a value."""
        return self.name(name, WRITE, self.depth > 0)

    def body(self, s: Loop | If | While) -> tuple[Stmt, ...]:
        """The statements inside of one."""
        self.depth += 1
        found = tuple(self.stmt(each) for each in s.body)
        self.depth -= 1
        return found


def skeleton(stmt: Stmt) -> tuple[Stmt, tuple[Hole, ...]]:
    """The statement with holes, and what fills them in the order of reading."""
    holes: list[Hole] = []

    def name(text: str, mode: str, nested: bool) -> str:
        holes.append(Hole(text, mode, nested))
        return "_"

    def number(n: Number) -> Expr:
        holes.append(Hole(n, NUMBER))
        return Number(0, n.dtype)

    return Walk(name, number, bare=True).stmt(stmt), tuple(holes)


def mentioned(body: Iterable[Stmt]) -> set[str]:
    """Every name that statements read or give a value."""
    found: set[str] = set()

    def name(text: str, mode: str, nested: bool) -> str:
        found.add(text)
        return text

    walk = Walk(name, lambda number: number)
    for stmt in body:
        walk.stmt(stmt)
    return found


def refilled(stmt: Stmt, numbers: Iterator[Expr]) -> Stmt:
    """The statement with other expressions where its numbers' holes are."""
    return Walk(lambda text, mode, nested: text, lambda n: next(numbers)).stmt(stmt)


# Statements: what they read first, then what they write


def _let(walk: Walk, s: Let) -> Stmt:
    expr = walk.expr(s.expr)
    return replace(s, expr=expr, names=tuple(map(walk.write, s.names)))


def _called(walk: Walk, s: Unpack | Invoke) -> Stmt:
    call = walk.expr(s.call)
    return replace(s, call=call, names=tuple(map(walk.write, s.names)))  # type: ignore[arg-type]


def _store(walk: Walk, s: Store) -> Stmt:
    expr = walk.expr(s.expr)
    return replace(s, expr=expr, target=walk.expr(s.target))  # type: ignore[arg-type]


def _add(walk: Walk, s: Add) -> Stmt:
    expr, target = walk.expr(s.expr), walk.expr(s.target)
    if isinstance(s.target, Name):
        target = Name(walk.write(s.target.text))
    return replace(s, expr=expr, target=target)  # type: ignore[arg-type]


def _loop(walk: Walk, s: Loop) -> Stmt:
    lo, hi, known = walk.expr(s.lo), walk.expr(s.hi), dict(walk.indices)
    walk.indices[s.index] = index = f"#{len(known)}" if walk.bare else s.index
    body = walk.body(s)
    walk.indices = known
    return replace(s, lo=lo, hi=hi, index=index, body=body)


def _nested(walk: Walk, s: If | While) -> Stmt:
    condition = walk.expr(s.condition)
    return replace(s, condition=condition, body=walk.body(s))


def _run(walk: Walk, s: Run) -> Stmt:
    return replace(s, call=walk.expr(s.call))  # type: ignore[arg-type]


def _return(walk: Walk, s: Return) -> Stmt:
    return replace(s, exprs=tuple(map(walk.expr, s.exprs)))


STATEMENTS: dict[type, Callable[..., Stmt]] = {
    Let: _let,
    Invoke: _called,
    Unpack: _called,
    Store: _store,
    Add: _add,
    Loop: _loop,
    If: _nested,
    While: _nested,
    Run: _run,
    Return: _return,
    Remark: lambda walk, s: s,
    Barrier: lambda walk, s: s,
}


# Expressions


def _binary(walk: Walk, e: Binary) -> Expr:
    left, right = (_operand(walk, e.op, x) for x in (e.left, e.right))
    return Binary(e.op, left, right)


def _operand(walk: Walk, op: str, e: Expr) -> Expr:
    """A number that is added or multiplied may be another; see Note [Numbers]."""
    loose = op in ("+", "-", "*") and isinstance(e, Number) and e.dtype in ("f32", "f64")
    return walk.number(e) if loose and isinstance(e, Number) else walk.expr(e)


def _call(walk: Walk, e: Call) -> Expr:
    at = 1 if e.function.startswith("at_") else 2 if e.function in COUNTED else -1
    args = (
        walk.number(a) if n == at and isinstance(a, Number) else walk.expr(a)
        for n, a in enumerate(e.args)
    )
    return Call(e.function, tuple(args))


def _item(walk: Walk, e: Item) -> Expr:
    return Item(walk.read(e.buffer), walk.expr(e.index))


EXPRESSIONS: dict[type, Callable[..., Expr]] = {
    Name: lambda walk, e: Name(walk.read(e.text)),
    Number: lambda walk, e: e,
    Unary: lambda walk, e: Unary(e.op, walk.expr(e.arg)),
    Binary: _binary,
    Call: _call,
    Item: _item,
}

# Note [Numbers]
#
# A number that divides stays literal: LLVM multiplies by the reciprocal of one that it knows, and
# the last bit may differ from that of a division. So do numbers of loops and indices, which the
# code is fast by, and those that functions take.
