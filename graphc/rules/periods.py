"""A row of stages in, its runs of equal steps out: who a step reads, and how that moves from step
to step.

A run is proven stage by stage: what two neighbouring steps read is of the same step, of an earlier
one at the same distance, the same for both, or the next piece of the same array.
Notes: [Search], [Where a step begins].
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from graphc.graph import Node
from graphc.rules.reading import FIXED, NUMBER, PART, STAGE, Operand, Row, span
from graphc.types import Size

STEPS, STAGES, FEW = 64, 512, 8
"""A run pays that has STEPS steps, or STAGES stages in at least FEW steps."""

BACK = 4
"""A step may read what so many steps before it have left."""

TRIED = 8
"""For each stage so many earlier ones like it are tried as its match a step before."""

OVERLAP = 16
"""Pieces of so many elements may overlap from step to step."""

MOVES, STAYS = "moves", "stays"


class Link(NamedTuple):
    """How what a slot reads goes on from one step to the next.

    base  MOVES, with the steps; STAYS, the same for all; or the number of an earlier run and the
          stage of its steps, of which another step is read
    by    by how many steps of that run
    ahead by how many elements a slice moves along each axis
    """

    base: str | tuple[int, int]
    by: int = 0
    ahead: tuple[int, ...] = ()

    @property
    def slides(self) -> bool:
        """Whether another piece of the same value is read in each step."""
        return any(self.ahead)


class Slot(NamedTuple):
    """What a slot of a step reads: stage `stage` of the step `back` steps before, where it is of
    this run.
    """

    link: Link | None
    stage: int = -1
    back: int = -1


@dataclass(frozen=True)
class Run:
    """`count` equal steps of `period` stages, the first of them at `start` of the row.

    `slots` says for each stage of a step what its arguments are; `begins`, which value stands for
    that of a stage in the steps before the first.
    """

    number: int
    start: int
    period: int
    count: int
    slots: tuple[tuple[Slot, ...], ...]
    begins: dict[tuple[int, int], Node] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """Where the next stage behind the run stands."""
        return self.start + self.period * self.count

    @property
    def carries(self) -> list[tuple[int, int]]:
        """What is carried: a stage of a step, and how many steps ago it was computed."""
        read = [s for slots in self.slots for s in slots]
        return sorted({(s.stage, k) for s in read for k in range(1, s.back + 1)})

    @property
    def earlier(self) -> set[int]:
        """The runs of which its steps read a step each."""
        links = (s.link.base for slots in self.slots for s in slots if s.link is not None)
        return {base[0] for base in links if isinstance(base, tuple)}

    def find(self, place: int) -> tuple[int, int]:
        """The step and the stage within it that stand at a place of the row."""
        return divmod(place - self.start, self.period)


def runs(row: Row) -> list[Run]:
    """The runs of a row that pay, in order."""
    return list(_Search(row).found())


class _Search:
    def __init__(self, row: Row) -> None:
        self.row, self.runs, self.floor = row, list[Run](), 0
        self.owner: dict[int, Run] = {}

    def found(self) -> Iterator[Run]:
        """One run after the other, none of which overlap."""
        last: dict[int, deque[int]] = defaultdict(lambda: deque(maxlen=TRIED))
        broken: dict[int, int] = {}
        at = 0
        while at < len(self.row.stages):
            known = last[self.row.contexts[at]]
            run = self._tried(at, reversed(known), broken)
            if run is not None:
                self._claim(run)
                yield run
                at = run.end
                continue
            known.append(at)
            at += 1

    def _claim(self, run: Run) -> None:
        self.runs.append(run)
        self.floor = run.end
        self.owner.update(dict.fromkeys(range(run.start, run.end), run))

    def _tried(self, at: int, before: Iterator[int], broken: dict[int, int]) -> Run | None:
        """The run in which a stage matches one of those before it."""
        for begin in before:
            period = at - begin
            if begin < self.floor or broken.get(period, -1) >= at:
                continue
            stretch = _Stretch(self, begin, period)
            broken[period] = stretch.end
            if pays(period, (stretch.end - begin) // period):
                run = _Cut(stretch).run()
                if run is not None:
                    return run
        return None

    def link(self, a: Operand, b: Operand, period: int, limit: int) -> Link | None:
        """How an operand of a stage becomes that of the stage a period later; None where it does
        not. What stays is of a place before `limit`.
        """
        ahead = _ahead(a.node, b.node) if a.kind == PART else ()
        base = self._base(a, b, period, limit)
        if base is None or ahead is None:
            return None
        link = Link(*base, ahead)
        return link if not link.slides or (base[0] == STAYS and _fits(a.node, ahead)) else None

    def _base(
        self, a: Operand, b: Operand, period: int, limit: int
    ) -> tuple[str | tuple[int, int], int] | None:
        if a.at < 0:
            return (STAYS, 0) if a.base is b.base else None
        if a.at == b.at:
            return (STAYS, 0) if a.at < limit else None
        owner = self.owner.get(a.at)
        if owner is None or owner is not self.owner.get(b.at):
            return (MOVES, 0) if b.at - a.at == period else None
        (step, stage), (other, same) = owner.find(a.at), owner.find(b.at)
        return ((owner.number, stage), other - step) if stage == same else None


def pays(period: int, count: int) -> bool:
    """Whether so many steps of so many stages are better run as a loop."""
    return count >= STEPS or (count >= FEW and count * period >= STAGES)


def _ahead(a: Node, b: Node) -> tuple[int, ...] | None:
    """How far one slice begins behind another; None where numbers cannot say it."""
    pairs = zip(a.attrs["starts"], b.attrs["starts"], strict=True)
    found = tuple(0 if x == y else y - x for x, y in pairs)
    return None if any(isinstance(d, Size) for d in found) else found


def _fits(part: Node, ahead: tuple[int, ...]) -> bool:
    """Whether the pieces that slices take can be rows of one array: they move along one axis, next
    to each other or by single elements.
    """
    moving = [(n, d, s) for n, d, s in zip(part.shape, ahead, part.attrs["steps"], strict=True) if d]
    if len(moving) != 1:
        return False
    (count, distance, step) = moving[0]
    return count == 1 or (step == 1 and (distance == count or _is_few(count)))


def _is_few(count: object) -> bool:
    return isinstance(count, int) and count <= OVERLAP


class _Stretch:
    """The longest stretch of the row around `begin` in which every stage matches the one a period
    later; `links` has, for each place in a period and slot, how its operand goes on.
    """

    def __init__(self, search: _Search, begin: int, period: int) -> None:
        self.search, self.row, self.period = search, search.row, period
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
        low = max(self.search.floor, self._newest() + 1)
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
            link = self.search.link(a, b, self.period, self.limit)
            key = place % self.period, slot
            if link is None or self.links.setdefault(key, link) != link:
                return False
        return True


class _Cut:
    """A stretch cut into steps where least is handed from step to step."""

    def __init__(self, stretch: _Stretch) -> None:
        self.stretch, self.search, self.row = stretch, stretch.search, stretch.row
        self.period, self.end = stretch.period, stretch.end
        self.links = stretch.links

    def run(self) -> Run | None:
        """The run, as far as its first steps begin well; None where it does not pay."""
        if self._reaches_too_far():
            return None
        start = self.stretch.begin + self._phase()
        count = (self.end - start) // self.period
        if count <= BACK + 1:
            return None
        self.end = start + count * self.period
        self.slots = [self._slots(q) for q in range(self.period)]
        carried = (s.stage for slots in self.slots for s in slots if s.back > 0)
        if any(len(self.row.stages[self._steady(k)].types) > 1 for k in carried):
            return None
        return self._begun(start)

    def _begun(self, start: int) -> Run | None:
        """The run with its first steps, which may read other values than those of a step."""
        for _ in range(BACK + 1):
            if self._begins(start) is not None:
                break
            start += self.period
        else:
            return None
        while start - self.period >= self.search.floor and self._begins(start - self.period):
            start -= self.period
        begins = self._begins(start)
        count = (self.end - start) // self.period
        if begins is None or not pays(self.period, count):
            return None
        slots = tuple(map(tuple, self.slots))
        return Run(len(self.search.runs), start, self.period, count, slots, begins)

    def _steady(self, stage: int) -> int:
        """The place of a stage in the last step."""
        return self.end - self.period + stage

    def _distance(self, place: int, slot: int) -> int:
        return place - self.row.operands[place][slot].at

    def _moving(self) -> Iterator[tuple[int, int]]:
        """The places of the last period and the slots which read what moves."""
        for place in range(self.end - self.period, self.end):
            for slot in range(len(self.row.operands[place])):
                link = self.links.get((place % self.period, slot))
                if link is not None and link.base == MOVES:
                    yield place, slot

    def _reaches_too_far(self) -> bool:
        return any(self._distance(p, s) > BACK * self.period for p, s in self._moving())

    def _phase(self) -> int:
        """How many stages behind the begin of the stretch a step begins: Note [Where a step
        begins].
        """
        period, begin = self.period, self.stretch.begin
        reach: dict[int, int] = defaultdict(int)
        for place, slot in self._moving():
            source = self.row.operands[place][slot].at
            key = (source - begin) % period
            reach[key] = max(reach[key], place - source)
        cost = [0] * (period + 1)
        for key, far in reach.items():
            size = _bytes(self.row.stages[begin + key])
            self._add(cost, key + 1, far % period, size)
        total, costs = 0, []
        for change in cost[:period]:
            total += change
            costs.append(total)
        wanted = (self.end - begin) % period
        return min(range(period), key=lambda k: (costs[k], k != wanted, k))

    def _add(self, cost: list[int], first: int, many: int, size: int) -> None:
        """Add `size` to `many` cuts from `first` on, round the period; `cost` has differences."""
        first %= self.period
        for low, high in ((first, first + many), (first - self.period, first + many - self.period)):
            low, high = max(low, 0), min(high, self.period)
            if low < high:
                cost[low] += size
                cost[high] -= size

    def _slots(self, stage: int) -> list[Slot]:
        place = self._steady(stage)
        return [self._slot(place, s, o) for s, o in enumerate(self.row.operands[place])]

    def _slot(self, place: int, slot: int, operand: Operand) -> Slot:
        link = self.links.get((place % self.period, slot))
        if link is None or link.base != MOVES:
            return Slot(link)
        back, stage = divmod(operand.at - (self.end - self.period), self.period)
        return Slot(link, stage, -back)

    # The first steps

    def _begins(self, start: int) -> dict[tuple[int, int], Node] | None:
        """What stands for the values of the steps before the first; None where the first steps
        are no steps.
        """
        begins: dict[tuple[int, int], Node] = {}
        for place in range(start, min(start + (BACK + 1) * self.period, self.end)):
            step, stage = divmod(place - start, self.period)
            steady = self._steady(stage)
            if self.row.kinds[place] != self.row.kinds[steady]:
                return None
            read, wanted = self.row.operands[place], self.row.operands[steady]
            if len(read) != len(wanted):
                return None
            pairs = zip(read, wanted, self.slots[stage], strict=True)
            if not all(self._agrees(o, w, slot, step, start, begins) for o, w, slot in pairs):
                return None
        return begins

    def _agrees(
        self, o: Operand, wanted: Operand, slot: Slot, step: int, start: int,
        begins: dict[tuple[int, int], Node],
    ) -> bool:  # fmt: skip
        """Whether an operand of one of the first steps is what the slot says."""
        if slot.link is None:
            same = o.base is wanted.base if wanted.kind == FIXED else o.node.type == wanted.node.type
            return o.kind == wanted.kind and same
        if wanted.kind == PART and not self._agrees_part(o, wanted, slot.link, step, start):
            return False
        if slot.link.base == STAYS:
            return o.base is wanted.base and o.at < start
        if slot.link.base != MOVES:
            return self._agrees_row(o, wanted, slot.link, step, start)
        if step >= slot.back:
            return o.at == start + (step - slot.back) * self.period + slot.stage
        found = o.base if wanted.kind == PART else o.node
        same = begins.setdefault((slot.stage, step - slot.back), found) is found
        return same and o.at < start and found.types == self._value(slot).types

    def _value(self, slot: Slot) -> Node:
        return self.row.stages[self._steady(slot.stage)]

    def _agrees_part(
        self, o: Operand, wanted: Operand, link: Link, step: int, start: int
    ) -> bool:
        if o.kind != PART or span(o.node) != span(wanted.node):
            return False
        left = (self.end - start) // self.period - 1 - step
        return _ahead(o.node, wanted.node) == tuple(left * d for d in link.ahead)

    def _agrees_row(
        self, o: Operand, wanted: Operand, link: Link, step: int, start: int
    ) -> bool:
        owner = self.search.owner.get(o.at)
        left = (self.end - start) // self.period - 1 - step
        return owner is not None and o.at == wanted.at - left * link.by * owner.period


def _bytes(node: Node) -> int:
    total = 0
    for type in node.types:
        size = type.numpy.itemsize
        for dim in type.shape:
            size *= dim if isinstance(dim, int) else 64
        total += size
    return total


# Note [Search]
#
# The stages are read once from the first to the last. Each is held against the last few that looked
# like it, what they read included; a distance at which that many stages match as a run needs is its
# period. A distance that failed is not tried again before the place where it failed, so that a
# stretch is compared once for each distance that occurs in it.

# Note [Where a step begins]
#
# A stretch that repeats itself can be cut anywhere. What is computed before a cut and read behind it
# is carried from step to step; the cut is made where that is least, and among those where the last
# step ends with the stretch, as the user's own loop does.
