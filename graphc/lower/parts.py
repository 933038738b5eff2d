"""What expressions and statements are made of: walked over, and rebuilt with parts changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from graphc.expr import Binary, Call, Expr, Item, Name, Unary
from graphc.kernel import Stmt

PARTS: dict[type, Callable[..., tuple[Expr, ...]]] = {
    Unary: lambda e: (e.arg,),
    Binary: lambda e: (e.left, e.right),
    Call: lambda e: e.args,
    Item: lambda e: (e.index,),
}


def walk(e: Expr) -> tuple[Expr, ...]:
    """The expressions that one is made of."""
    parts = PARTS.get(type(e))
    return parts(e) if parts else ()


def everything(e: Expr) -> list[Expr]:
    """An expression and all that is in it."""
    found, stack = [], [e]
    while stack:
        found.append(stack.pop())
        stack += walk(found[-1])
    return found


REBUILD: dict[type, Callable[..., Expr]] = {
    Unary: lambda e, change: Unary(e.op, rebuilt(e.arg, change)),
    Binary: lambda e, change: Binary(e.op, rebuilt(e.left, change), rebuilt(e.right, change)),
    Call: lambda e, change: Call(e.function, tuple(rebuilt(a, change) for a in e.args)),
    Item: lambda e, change: Item(e.buffer, rebuilt(e.index, change)),
}


def rebuilt(e: Expr, change: Callable[[Expr], Expr | None]) -> Expr:
    """The expression with parts changed, outermost first; None leaves a part as it is."""
    new = change(e)
    if new is not None:
        return new
    rebuild = REBUILD.get(type(e))
    return rebuild(e, change) if rebuild else e


def exprs(stmt: Stmt) -> Iterator[Expr]:
    """The expressions of a statement, what it stores to included."""
    for name in ("target", "expr", "call"):
        value = getattr(stmt, name, None)
        if isinstance(value, Expr):
            yield value


def mapped(stmt: Stmt, change: Callable[[Expr], Expr]) -> Stmt:
    """The statement with its expressions changed."""
    changes = {
        name: change(value)
        for name in ("target", "expr", "call")
        if isinstance(value := getattr(stmt, name, None), Expr)
    }
    return replace(stmt, **changes)  # type: ignore[arg-type]


def items_of(e: Expr) -> Iterator[Item]:
    """The elements that an expression reads."""
    return (part for part in everything(e) if isinstance(part, Item))


def mentions(stmt: Stmt, name: str) -> bool:
    """Whether a statement reads a variable."""
    return any(isinstance(e, Name) and e.text == name for x in exprs(stmt) for e in everything(x))
