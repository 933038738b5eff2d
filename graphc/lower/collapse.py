"""Loops that visit memory in order, one inside the other, as one loop."""

from __future__ import annotations

from dataclasses import replace

from graphc.expr import Expr, Item, Name, Number
from graphc.kernel import Add, Let, Loop, Store
from graphc.lower.linear import linear
from graphc.lower.parts import exprs, mapped, rebuilt, walk


def collapsed(loop: Loop) -> Loop:
    """Two loops that visit memory in order as one."""
    inner = loop.body[0] if len(loop.body) == 1 else None
    if not isinstance(inner, Loop):
        return loop
    inner = collapsed(inner)
    loop = replace(loop, body=(inner,))
    if not isinstance(inner.hi, Number) or inner.step != 1 or not _in_order(loop, inner):
        return loop
    width = inner.hi.value
    zero, index = Name(inner.index), Name(loop.index)
    body = tuple(
        mapped(s, lambda e: _renamed(e, loop.index, zero, index, width)) for s in inner.body
    )
    return Loop(loop.index, loop.lo, _times(loop.hi, inner.hi), 1, body)


def _times(turns: Expr, width: Number) -> Expr:
    if isinstance(turns, Number):
        return Number(turns.value * width.value, "i64")
    return turns * width


def _in_order(loop: Loop, inner: Loop) -> bool:
    """Whether all elements are neighbours over both loops, and the indices are nothing else."""
    assert isinstance(inner.hi, Number)
    simple = loop.lo == inner.lo == Number(0, "i64") and loop.step == 1
    plain = all(isinstance(s, (Let, Store, Add)) for s in inner.body)
    return (
        simple
        and plain
        and all(
            _follows(e, loop.index, inner.index, inner.hi.value)
            for s in inner.body
            for e in exprs(s)
        )
    )


def _follows(e: Expr, outer: str, inner: str, width: int) -> bool:
    """Whether an expression uses the two indices in the items' indices only, and there in order."""
    if isinstance(e, Name):
        return e.text not in (outer, inner)
    if isinstance(e, Item):
        terms = linear(e.index)
        if terms is None:
            return False
        down, right = terms.of(outer), terms.of(inner)
        return down == right * width and not terms.inside(outer, inner)
    return all(_follows(part, outer, inner, width) for part in walk(e))


def _renamed(e: Expr, outer: str, inner: Name, index: Name, width: int) -> Expr:
    """The expression with i*width + j written as one index."""

    def change(item: Expr) -> Expr | None:
        if not isinstance(item, Item):
            return None
        terms = linear(item.index)
        assert terms is not None
        step = terms.of(inner.text)
        return Item(item.buffer, terms.without(outer, inner.text).plus(index, step).expr())

    return rebuilt(e, change)
