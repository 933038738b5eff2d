"""Stretches of a row in which each stage is like the one a period later: how what it reads moves
from step to step, by the runs that are known before it.
"""

from __future__ import annotations

from graphc.graph import Node
from graphc.rules.roll.reading import PART, Operand, Row, ahead_of
from graphc.rules.roll.runs import MOVES, ROWS, STAYS, Link, Run, pays

OVERLAP = 16
"""Pieces of so many elements may overlap from step to step."""


class Known:
    """A row and its runs so far: where the last of them ends, whose every place is."""

    def __init__(self, row: Row) -> None:
        self.row, self.runs, self.floor = row, list[Run](), 0
        self.owner: dict[int, Run] = {}

    def claim(self, run: Run) -> None:
        """One run more, behind all others."""
        self.runs.append(run)
        self.floor = run.end
        self.owner.update(dict.fromkeys(range(run.start, run.end), run))

    def link(self, a: Operand, b: Operand, period: int, limit: int) -> Link | None:
        """How an operand of a stage becomes that of the stage a period later; None where it does
        not. What stays is of a place before `limit`.
        """
        ahead = ahead_of(a.node, b.node) if a.kind == PART else ()
        base = self._base(a, b, period, limit)
        if base is None or ahead is None:
            return None
        if not any(ahead):
            return base
        return Link(STAYS, ahead=ahead) if base.base == STAYS and _fits(a.node, ahead) else None

    def _base(self, a: Operand, b: Operand, period: int, limit: int) -> Link | None:
        if a.at < 0:
            return Link(STAYS) if a.base is b.base else None
        if a.at == b.at:
            return Link(STAYS) if a.at < limit else None
        owner = self.owner.get(a.at)
        if owner is None or owner is not self.owner.get(b.at):
            return Link(MOVES) if b.at - a.at == period else None
        (step, stage), (other, same) = owner.find(a.at), owner.find(b.at)
        return Link(ROWS, (owner.number, stage), other - step) if stage == same else None


def _fits(part: Node, ahead: tuple[int, ...]) -> bool:
    """Whether the pieces that slices take can be rows of one array: they move along one axis, next
    to each other or by single elements.
    """
    axes = zip(part.shape, ahead, part.attrs["steps"], strict=True)
    moving = [(n, d, s) for n, d, s in axes if d]
    if len(moving) != 1:
        return False
    count, distance, step = moving[0]
    return count == 1 or (step == 1 and (distance == count or _is_few(count)))


def _is_few(count: object) -> bool:
    return isinstance(count, int) and count <= OVERLAP


class Stretch:
    """The longest stretch of the row around `begin` in which every stage matches the one a period
    later; `links` has, for each place in a period and slot, how its operand goes on.
    """

    def __init__(self, known: Known, begin: int, period: int) -> None:
        self.known, self.row, self.period = known, known.row, period
        self.links: dict[tuple[int, int], Link] = {}
        self.begin = self.limit = begin
        end = begin + period
        while end < len(self.row.stages) and self._matches(end - period):
            end += 1
        self.end = end
        if pays(period, (end - begin) // period):
            self._grow()

    def _grow(self) -> None:
        """As far back as stages match, what stays being older than all of them."""
        low = max(self.known.floor, self._newest() + 1)
        while self.begin > low and self._matches(self.begin - 1):
            self.begin -= 1
            low = max(low, *(o.at + 1 for o in self._staying(self.begin)), 0)

    def _newest(self) -> int:
        """The newest place of what stays."""
        places = range(self.begin, self.begin + self.period)
        return max((o.at for k in places for o in self._staying(k)), default=-1)

    def _staying(self, place: int) -> list[Operand]:
        key = place % self.period
        known = ((self.links.get((key, s)), o) for s, o in enumerate(self.row.operands[place]))
        return [o for link, o in known if link is not None and link.base == STAYS]

    def _matches(self, place: int) -> bool:
        """Whether the stage at a place matches the one a period later."""
        row, other = self.row, place + self.period
        if row.labels[place] != row.labels[other]:
            return False
        pairs = zip(row.operands[place], row.operands[other], strict=True)
        for slot, (a, b) in enumerate(pairs):
            if a.at < 0 and a.kind != PART:
                continue  # a leaf, which the label tells, or a constant, which may be any
            link = self.known.link(a, b, self.period, self.limit)
            key = place % self.period, slot
            if link is None or self.links.setdefault(key, link) != link:
                return False
        return True
