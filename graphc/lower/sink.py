"""Scalars of the backward sweep and of updates stand where they are first needed, not where they
could first be computed.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from graphc.expr import Expr, Item, Name
from graphc.kernel import Add, If, Invoke, Let, Loop, Return, Run, Stmt, Store
from graphc.lower.parts import everything, exprs
from graphc.lower.touch import flat, touches


@dataclass(frozen=True)
class Uses:
    """The variables that a line reads and assigns, and the buffers it touches."""

    reads: frozenset[str]
    assigns: frozenset[str]
    touches: frozenset[str]


def sunk(lines: list[Stmt], state: Container[str]) -> list[Stmt]:
    """The lines of a kernel with such scalars, and stores of them, as late as they may be.

    `state`: the buffers whose memory is nobody else's; scalars in others stay where they are.
    """
    uses = [_uses(s) for s in lines]
    found: list[int] = []  # indices of lines, last line first
    for at in reversed(range(len(lines))):
        stays = not all(name in state for name in uses[at].touches)
        found.insert(len(found) if stays else _depth(at, lines, uses, found), at)
    return [lines[at] for at in reversed(found)]


def _depth(at: int, lines: list[Stmt], uses: list[Uses], later: list[int]) -> int:
    """How many of the later lines a line stays before; they are counted from the last one."""
    end = len(later)
    if not _may_sink(lines[at]):
        return end
    depth = end
    while depth and not _stops(lines[later[depth - 1]], uses[later[depth - 1]], uses[at]):
        depth -= 1
    passed = [lines[n] for n in later[depth:]]
    if not any(isinstance(s, (Loop, Run, If)) for s in passed):
        return end
    while depth < end and _may_sink(lines[later[depth]]):  # scalars keep their order
        depth += 1
    return depth


def _may_sink(stmt: Stmt) -> bool:
    direction = getattr(getattr(stmt, "tag", None), "direction", "forward")
    target = getattr(stmt, "target", None)
    scalar = isinstance(stmt, (Let, Store)) or (isinstance(stmt, Add) and isinstance(target, Item))
    return scalar and direction != "forward"


def _stops(line: Stmt, theirs: Uses, mine: Uses) -> bool:
    """Whether a scalar has to stand before a line: it is read there, or what it reads changes."""
    read = not mine.assigns.isdisjoint(theirs.reads | theirs.assigns)
    changed = not mine.reads.isdisjoint(theirs.assigns)
    runs = any(isinstance(s, Invoke) for s in flat([line]))
    return (
        isinstance(line, Return)
        or runs
        or read
        or changed
        or not mine.touches.isdisjoint(theirs.touches)
    )


def _uses(stmt: Stmt) -> Uses:
    inner = list(flat([stmt]))
    reads = {e.text for s in inner for e in _parts(s) if isinstance(e, Name)}
    assigns = {n for s in inner if isinstance(s, Let) for n in s.names}
    assigns |= {s.target.text for s in inner if isinstance(s, Add) and isinstance(s.target, Name)}
    touched = {t.buffer for t in touches(stmt)}
    return Uses(frozenset(reads), frozenset(assigns), frozenset(touched))


def _parts(stmt: Stmt) -> list[Expr]:
    found = [*exprs(stmt), *getattr(stmt, "exprs", ())]
    found += [getattr(stmt, name, None) for name in ("lo", "hi", "condition")]
    return [p for e in found if isinstance(e, Expr) for p in everything(e)]
