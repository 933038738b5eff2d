"""A stretch of the row that repeats itself in, a run of steps out: where a step begins, what it is
handed, and what the first ones begin with.

Note: [Where a step begins].
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate

from graphc.graph import Node
from graphc.rules.roll.reading import FIXED, PART, Operand, ahead_of, bytes_of, span
from graphc.rules.roll.runs import BACK, MOVES, ROWS, STAYS, Link, Run, Slot, pays
from graphc.rules.roll.stretches import Stretch


class Cut:
    """A stretch cut into steps where least is handed from step to step."""

    def __init__(self, stretch: Stretch) -> None:
        self.stretch, self.known, self.row = stretch, stretch.known, stretch.row
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
        firsts = (start + k * self.period for k in range(BACK + 1))
        start = next((s for s in firsts if self._is_first(s)), self.end)
        while self._is_first(start - self.period):
            start -= self.period
        count, begins = (self.end - start) // self.period, self._begins(start)
        if begins is None or not pays(self.period, count):
            return None
        slots = tuple(map(tuple, self.slots))
        return Run(len(self.known.runs), start, self.period, count, slots, begins)

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
        changes = [0] * (2 * period + 1)  # of the cost of a cut, before each place of two periods
        for key, far in reach.items():
            size = bytes_of(self.row.stages[begin + key])
            changes[key + 1] += size
            changes[key + 1 + far % period] -= size
        twice = list(accumulate(changes))
        costs = [a + b for a, b in zip(twice, twice[period : 2 * period], strict=False)]
        wanted = (self.end - begin) % period
        return min(range(period), key=lambda k: (costs[k], k != wanted, k))

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

    def _is_first(self, start: int) -> bool:
        """Whether a step that begins there can be the first."""
        return self.known.floor <= start < self.end and self._begins(start) is not None

    def _begins(self, start: int) -> dict[tuple[int, int], Node] | None:
        """What stands for the values of the steps before the first; None where the first steps
        are no steps.
        """
        begins: dict[tuple[int, int], Node] = {}
        for place in range(start, min(start + (BACK + 1) * self.period, self.end)):
            if not self._is_step(place, start, begins):
                return None
        return begins

    def _is_step(self, place: int, start: int, begins: dict[tuple[int, int], Node]) -> bool:
        """Whether one of the first stages is what a step has there."""
        step, stage = divmod(place - start, self.period)
        steady = self._steady(stage)
        read, wanted = self.row.operands[place], self.row.operands[steady]
        if self.row.kinds[place] != self.row.kinds[steady] or len(read) != len(wanted):
            return False
        slots = zip(read, wanted, self.slots[stage], strict=True)
        return all(self._agrees(o, w, s, step, start, begins) for o, w, s in slots)

    def _agrees(
        self, o: Operand, wanted: Operand, slot: Slot, step: int, start: int,
        begins: dict[tuple[int, int], Node],
    ) -> bool:  # fmt: skip
        """Whether an operand of one of the first steps is what the slot says."""
        if slot.link is None:
            fixed = wanted.kind == FIXED
            same = o.base is wanted.base if fixed else o.node.type == wanted.node.type
            return o.kind == wanted.kind and same
        if wanted.kind == PART and not self._agrees_part(o, wanted, slot.link, step, start):
            return False
        if slot.link.base == STAYS:
            return o.base is wanted.base and o.at < start
        if slot.link.base == ROWS:
            return self._agrees_row(o, wanted, slot.link, step, start)
        if step >= slot.back:
            return o.at == start + (step - slot.back) * self.period + slot.stage
        found = o.base if wanted.kind == PART else o.node
        same = begins.setdefault((slot.stage, step - slot.back), found) is found
        return same and o.at < start and found.types == self._value(slot).types

    def _value(self, slot: Slot) -> Node:
        return self.row.stages[self._steady(slot.stage)]

    def _agrees_part(self, o: Operand, wanted: Operand, link: Link, step: int, start: int) -> bool:
        if o.kind != PART or span(o.node) != span(wanted.node):
            return False
        ahead = link.ahead or (0,) * o.node.ndim
        return ahead_of(o.node, wanted.node) == tuple(self._left(start, step) * d for d in ahead)

    def _agrees_row(self, o: Operand, wanted: Operand, link: Link, step: int, start: int) -> bool:
        owner = self.known.owner.get(o.at)
        if owner is None or owner.number != link.of[0]:
            return False
        return o.at == wanted.at - self._left(start, step) * link.by * owner.period

    def _left(self, start: int, step: int) -> int:
        """How many steps come behind one."""
        return (self.end - start) // self.period - 1 - step


# Note [Where a step begins]
#
# A stretch that repeats itself can be cut anywhere. What is computed before a cut and read behind
# it is carried from step to step; the cut is made where that is least, and among those where the
# last step ends with the stretch, as the user's own loop does. What is read further back than a
# period is carried past every cut, so it makes no difference between them.
