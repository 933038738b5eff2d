"""Scalars of the backward sweep and of updates stand where they are first needed, not where they
could first be computed.
"""

from __future__ import annotations

from collections.abc import Iterable

from graphc.expr import Expr, Name
from graphc.kernel import If, Let, Loop, Return, Run, Stmt, Store
from graphc.lower.parts import everything, exprs
from graphc.lower.touch import flat, touches


def sunk(lines: list[Stmt]) -> list[Stmt]:
    """The lines of a kernel with such scalars, and stores of them, as late as they may be."""
    names = [_names(s) for s in lines]
    found: list[int] = []  # indices of lines, last line first
    for at in reversed(range(len(lines))):
        found.insert(_depth(at, lines, names, found), at)
    return [lines[at] for at in reversed(found)]


def _depth(at: int, lines: list[Stmt], names: list[set[str]], later: list[int]) -> int:
    """How many of the later lines a line goes behind, counted from the last one."""
    stmt, end = lines[at], len(later)
    if not _may_sink(stmt):
        return end
    own = set(stmt.names) if isinstance(stmt, Let) else set()
    touched = {t.buffer for t in touches(stmt)}
    depth = end
    while depth and not _stops(lines[later[depth - 1]], names[later[depth - 1]], own, touched):
        depth -= 1
    passed = [lines[n] for n in later[depth:]]
    if not any(isinstance(s, (Loop, Run, If)) for s in passed):
        return end
    while depth < end and _may_sink(lines[later[depth]]):  # scalars keep their order
        depth += 1
    return depth


def _may_sink(stmt: Stmt) -> bool:
    direction = getattr(getattr(stmt, "tag", None), "direction", "forward")
    return isinstance(stmt, (Let, Store)) and direction != "forward"


def _stops(line: Stmt, names: set[str], own: set[str], touched: set[str]) -> bool:
    """Whether a scalar has to stand before a line: it is read there, or what it reads changes."""
    if isinstance(line, Return) or not own.isdisjoint(names):
        return True
    return any(t.buffer in touched for t in touches(line))


def _names(stmt: Stmt) -> set[str]:
    """The variables that a statement reads."""
    return {e.text for s in flat([stmt]) for e in _parts(exprs(s), s) if isinstance(e, Name)}


def _parts(found: Iterable[Expr], stmt: Stmt) -> list[Expr]:
    more = [
        *getattr(stmt, "exprs", ()),
        *(getattr(stmt, n, None) for n in ("lo", "hi", "condition")),
    ]
    return [p for e in (*found, *more) if isinstance(e, Expr) for p in everything(e)]
