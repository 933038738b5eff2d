"""Loops that visit memory in order, one inside the other, as one loop."""

from __future__ import annotations

from dataclasses import replace

from graphc.expr import Binary, Expr, Item, Name, Number
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
    """Whether an expression uses the two indices in the items' indices and in such sums only, and
    there in order.
    """
    if isinstance(e, Name):
        return e.text not in (outer, inner)
    if isinstance(e, Item) or _counts(e, outer, inner):
        terms = linear(_index(e))
        if terms is None:
            return False
        down, right = terms.of(outer), terms.of(inner)
        return down == right * width and not terms.inside(outer, inner)
    return all(_follows(part, outer, inner, width) for part in walk(e))


def _index(e: Expr) -> Expr:
    """The index of an element, or a sum that is one itself."""
    return e.index if isinstance(e, Item) else e


def _counts(e: Expr, outer: str, inner: str) -> bool:
    """Whether an expression is a sum of the two indices and other whole numbers."""
    if not isinstance(e, Binary) or not _is_whole(e):
        return False
    terms = linear(e)
    return terms is not None and bool(terms.of(outer) or terms.of(inner))


def _is_whole(e: Expr) -> bool:
    """Whether it is made of names and integers alone."""
    if isinstance(e, Binary):
        return e.op in ("+", "-", "*") and _is_whole(e.left) and _is_whole(e.right)
    return isinstance(e, Name) or (isinstance(e, Number) and isinstance(e.value, int))


def _renamed(e: Expr, outer: str, inner: Name, index: Name, width: int) -> Expr:
    """The expression with i*width + j written as one index."""

    def change(part: Expr) -> Expr | None:
        if not isinstance(part, Item) and not _counts(part, outer, inner.text):
            return None
        terms = linear(_index(part))
        assert terms is not None
        step = terms.of(inner.text)
        flat = terms.without(outer, inner.text).plus(index, step).expr()
        return Item(part.buffer, flat) if isinstance(part, Item) else flat

    return rebuilt(e, change)
