"""A kernel in, the same kernel with the clock read between its statements out.

Neighbouring statements of one set of stages share a section, and a section one slot of `ticks`. No
statement changes, and none moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import takewhile
from operator import add

from graphc.expr import Binary, Call, Name, Number
from graphc.kernel import (
    Add,
    If,
    Kernel,
    Let,
    Loop,
    Param,
    Remark,
    Return,
    Run,
    Stmt,
    Tag,
    While,
    is_team,
)
from graphc.lower.parts import everything, exprs

TICKS = Param("ticks", "array", "i64", 1)

BETWEEN, READING, FIRST = 0, 1, 2
"""Slots: the time between calls, one reading of the clock, and the first section."""

MOST = 250
"""Sections of a kernel: where there are more, neighbours share one."""

WAITING = {"barrier", "total", "greatest", "least"}
"""What waits for the other threads of a team."""


@dataclass(frozen=True)
class Section:
    """Statements that are timed together: `heavy` with loops of their own, `waits` for the other
    threads of a team.
    """

    body: tuple[Stmt, ...]
    heavy: bool = False
    waits: bool = False

    @cached_property
    def tags(self) -> tuple[Tag, ...]:
        """The tags of its lines in order, each once: lines of one stage have the same. None for a
        wait.
        """
        if self.waits:
            return ()
        return tuple(dict.fromkeys(tag for tag, _ in self.lines()))

    @property
    def value(self) -> Name | None:
        """The last number that it computes, of short statements."""
        last = next((s for s in reversed(self.body) if not isinstance(s, Remark)), None)
        if self.heavy or not isinstance(last, (Let, Add)) or last.tag is None:
            return None
        target = last.target if isinstance(last, Add) else Name(last.names[0])
        return target if isinstance(target, Name) else None

    def lines(self) -> Iterator[tuple[Tag, int]]:
        """Every tag of a line, with how many loops stand around that."""
        return tagged(self.body)

    def within(self, other: Section) -> bool:
        """Whether it may be timed with its neighbour: it is short, and of no other stage."""
        return not (self.heavy or self.waits or other.waits) and {*self.tags} <= {*other.tags}

    def alike(self, other: Section) -> bool:
        """Whether both compute, and of the same stages."""
        return not (self.waits or other.waits) and {*self.tags} == {*other.tags}

    def __add__(self, other: Section) -> Section:
        return Section(self.body + other.body, self.heavy or other.heavy)


def instrument(kernel: Kernel) -> tuple[Kernel, tuple[Section, ...]]:
    """The kernel with a last argument `ticks` (i64: the last reading, then the slots), and its
    sections: that of slot FIRST first.
    """
    head = _head(kernel.body)
    last = [s for s in kernel.body[-1:] if isinstance(s, Return)]
    found = sections(kernel.body[len(head) : len(kernel.body) - len(last)])
    team, scalar = is_team(kernel), not any(each.heavy for each in found)
    lines = [*head, *_first(team, [_tick(BETWEEN), _tick(READING)])]
    known = _Known(p.name for p in kernel.params if p.kind == "scalar")
    for slot, each in enumerate(found, FIRST):
        lines += known.anew(each) if scalar else []
        lines += each.body
        _end(lines, _first(team, [_tick(slot, each.value)]))
    body = (*lines, *last)
    return replace(kernel, params=(*kernel.params, TICKS), body=body), tuple(found)


class _Known(set[str]):
    """The names of numbers that are known, from line to line."""

    def anew(self, section: Section) -> list[Stmt]:
        """Lines that take the numbers that a section reads as if they came only now: arithmetic
        would begin before the clock is read. See Note [Counters] in prelude/clock.py.
        """
        found: dict[str, None] = {}
        for stmt in section.body:
            names = (e.text for x in exprs(stmt) for e in everything(x) if isinstance(e, Name))
            found.update(dict.fromkeys(name for name in names if name in self))
        self.update(n for s in section.body if isinstance(s, Let) and s.tag for n in s.names)
        return [Let((name,), Call("held", (Name(name),))) for name in found]


def _head(body: Iterable[Stmt]) -> list[Stmt]:
    """The views of memory and a thread's share, before anything is computed."""
    found = list(takewhile(lambda s: isinstance(s, Remark) or _is_view(s), body))
    while found and isinstance(found[-1], Remark):
        found.pop()
    return found


def _is_view(stmt: Stmt) -> bool:
    return isinstance(stmt, Let) and stmt.tag is None


def _tick(slot: int, value: Name | None = None) -> Stmt:
    """A reading of the clock, once a value is known."""
    given = (Name(TICKS.name), Number(slot, "i64"))
    call = Call("tick_with", (*given, value)) if value else Call("tick", given)
    return Run(call)


def _first(team: bool, lines: list[Stmt]) -> list[Stmt]:
    """Of a team the first thread reads the clock."""
    return [If(Binary("==", Name("me"), Number(0, "i64")), tuple(lines))] if team else lines


def _end(lines: list[Stmt], ticks: list[Stmt]) -> None:
    """Ticks at the end of lines, within what only the first thread does already."""
    last, tick = lines[-1], ticks[0]
    if isinstance(last, If) and isinstance(tick, If) and last.condition == tick.condition:
        lines[-1] = replace(last, body=last.body + tick.body)
    else:
        lines += ticks


def sections(body: Iterable[Stmt]) -> list[Section]:
    """The statements cut where their stages change; a short one goes with a neighbour that has its
    stages too, the next one if it may.
    """
    pieces = [Section((s,), _is_heavy(s), _waits(s)) for s in body]
    ahead = _joined(reversed(pieces), lambda short, other: short + other)
    behind = _joined(reversed(ahead), lambda short, other: other + short)
    return _few(behind)


def _joined(
    pieces: Iterable[Section], join: Callable[[Section, Section], Section]
) -> list[Section]:
    """Short pieces joined to the one before, and pieces of the same stages."""
    found: list[Section] = []
    for piece in pieces:
        last = found[-1] if found else None
        if last is not None and (piece.alike(last) or piece.within(last)):
            found[-1] = join(piece, last)
        else:
            found.append(piece)
    return found


def _few(found: list[Section]) -> list[Section]:
    share = -(-len(found) // MOST)
    return [reduce(add, found[at : at + share]) for at in range(0, len(found), share or 1)]


def _is_heavy(stmt: Stmt) -> bool:
    """Whether a statement has loops of its own; what only leaves the kernel has none."""
    if isinstance(stmt, If):
        return any(map(_is_heavy, stmt.body)) and not isinstance(stmt.body[-1], Return)
    return isinstance(stmt, (Loop, While, Run))


def _waits(stmt: Stmt) -> bool:
    calls = (part for e in exprs(stmt) for part in everything(e) if isinstance(part, Call))
    return any(call.function in WAITING for call in calls)


def tagged(body: Iterable[Stmt], depth: int = 0) -> Iterator[tuple[Tag, int]]:
    """The tags of statements and of those inside, with the depth of loops."""
    for stmt in body:
        tag = getattr(stmt, "tag", None)
        if tag is not None:
            yield tag, depth
        yield from tagged(getattr(stmt, "body", ()), depth + isinstance(stmt, (Loop, While)))


__all__ = ["BETWEEN", "FIRST", "READING", "TICKS", "Section", "instrument", "sections", "tagged"]
