"""Sweeps and a limit in bytes go in, the values to compute again come out: segments of the graph.

What is held for the backward sweep is, at any time, the stored values that are still to be read,
and the values computed again so far that are. Notes: [Segments], [Prices of products].
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from graphc.errors import GraphError
from graphc.plan.cut import Prices, cut
from graphc.plan.sweeps import Sweeps, is_wall

FINER = 1.15
"""From one number of segments that is tried to the next."""

RUNGS = 4
"""So many prices of products are tried, from the least to the highest."""

ORDER = 1 << 16
"""A byte counts more than any number of operations that is likely for it."""


class Span(NamedTuple):
    """The late stages between which a value is held, -1 for the forward sweep; and its bytes."""

    first: int
    last: int
    nbytes: int


@dataclass(frozen=True)
class Choice:
    """Values that may be computed again; those that are, what it costs, what is held at most."""

    redone: frozenset[int]
    flops: int
    held: int


def within(sweeps: Sweeps, limit: int, first: set[int]) -> set[int]:
    """The values to compute again so that at most `limit` bytes are held: `first` if that will do.

    Else the least stored without a product or reduction, else the fewest operations in segments.
    Raises GraphError (G524), which tells the least that can be had.
    """
    search, least = _Search(sweeps), []
    for group in search.groups(first):
        choices = [search.choice(redone) for redone in group]
        fitting = [c for c in choices if c.held <= limit]
        if fitting:
            return set(min(fitting, key=lambda c: (c.flops, c.held)).redone)
        least += [c.held for c in choices]
    raise GraphError(
        f"the backward sweep cannot do with {limit} bytes; the least it needs is {min(least)}",
        code="G524", hint=f"keep={min(least)}",
    )  # fmt: skip


class _Search:
    def __init__(self, sweeps: Sweeps) -> None:
        self.sweeps, self.values = sweeps, sweeps.values
        self.stops = [at for at, n in enumerate(sweeps.late) if is_wall(n)]
        self.wanted = [at for at, v in enumerate(self.values) if v.uses]

    def groups(self, first: set[int]) -> Iterator[Iterator[set[int]]]:
        """Choices to try, those of one group against each other."""
        yield iter([first])
        yield iter([self.small()])
        for price in self._ladder():
            yield self._segmented(price)

    def small(self) -> set[int]:
        """What is computed again to store the fewest bytes, without a product or a reduction."""
        cheap = Prices(
            lambda v: v.nbytes * ORDER,
            lambda v: v.flops if v.cheap and v.movable else None,
        )
        return cut(self.values, self.wanted, cheap)

    def _ladder(self) -> list[float]:
        """Prices in operations a byte, up to which values are computed again: cheap ones alone,
        then others too. Note [Prices of products].
        """
        found = sorted({self._price(at) for at in self._reached()})
        step = max(1, -(-len(found) // RUNGS))
        return list(dict.fromkeys([0.0, *found[step - 1 :: step], *found[-1:]]))

    def _reached(self) -> set[int]:
        """The values that are not cheap among all that a wanted one is computed of."""
        found, stack = set(self.wanted), list(self.wanted)
        while stack:
            value = self.values[stack.pop()]
            fresh = set(value.reads) - found if value.movable else set()
            found |= fresh
            stack += fresh
        return {at for at in found if self.values[at].movable and not self.values[at].cheap}

    def _price(self, at: int) -> float:
        return self.values[at].flops / max(self.values[at].nbytes, 1)

    def _segmented(self, price: float) -> Iterator[set[int]]:
        """Choices with fewer and fewer segments."""
        may = [v.movable and (v.cheap or self._price(at) <= price)
               for at, v in enumerate(self.values)]  # fmt: skip
        weight = [v.nbytes if may[at] and v.uses else 0 for at, v in enumerate(self.values)]
        count = sum(w > 0 for w in weight)
        while count:
            yield self._redone(may, self._bounds(weight, count))
            count = min(count - 1, int(count / FINER))

    def _bounds(self, weight: list[int], count: int) -> list[int]:
        """The first positions of the segments: of about the same weight, begun where little
        crosses.
        """
        target, sums = sum(weight) / count, list(accumulate(weight, initial=0))
        bounds, best = [0], 0
        for at in range(1, len(weight)):
            done = sums[at] / target - len(bounds)
            if done >= -1 / 2 and (not best or self.crossing[at] <= self.crossing[best]):
                best = at
            if done >= 0 and best:
                bounds.append(best)
                best = 0
        return bounds

    @cached_property
    def crossing(self) -> list[int]:
        """The bytes of what is computed before each position and read from it on."""
        change = [0] * (len(self.values) + 2)
        for at, last in enumerate(self.last_read):
            if last > at:
                change[at + 1] += self.values[at].nbytes
                change[last + 1] -= self.values[at].nbytes
        return list(accumulate(change))

    @cached_property
    def last_read(self) -> list[int]:
        """The last forward value that reads each."""
        found = [0] * len(self.values)
        for at, value in enumerate(self.values):
            for arg in value.reads:
                found[arg] = at
        return found

    def _redone(self, may: list[bool], bounds: list[int]) -> set[int]:
        """All that may be computed again, but for what a later segment reads."""
        segment = [0] * len(self.values)
        for bound in bounds[1:]:
            segment[bound] += 1
        segment = list(accumulate(segment))
        found = set()
        for at, value in enumerate(self.values):
            crosses = self.last_read[at] > at and segment[self.last_read[at]] > segment[at]
            if may[at] and (not crosses or (value.cheap and not value.reads)):
                found.add(at)
        return found

    def choice(self, redone: set[int]) -> Choice:
        """What of these values is needed at all, what it costs and what is held."""
        spans = self.spans(redone)
        again = [at for at, span in spans.items() if span.first >= 0]
        flops = sum(self.values[at].flops for at in again)
        end = len(self.sweeps.late) + len(again)
        return Choice(frozenset(again), flops, most(spans.values(), end))

    def spans(self, redone: set[int]) -> dict[int, Span]:
        """The spans of all that the backward sweep needs, where these values are computed again.

        Time counts the late stages and what is computed again before each.
        """
        again = self._when(redone)
        starts = [at for _, at in again]
        begun = [first for first, _ in again]
        ticks = {at: first + number for number, (first, at) in enumerate(again)}
        last, whole = self._last(begun, ticks)
        walls = self._walls(begun, ticks)
        spans = {at: Span(-1, t, self.values[at].nbytes) for at, t in enumerate(last) if t >= 0}
        for at in starts:
            value, first = self.values[at], ticks[at]
            lies = whole[at] or not value.cheap or walls[last[at]] > walls[first]
            spans[at] = Span(first, last[at], value.nbytes if lies else 0)
        return spans

    def _when(self, redone: set[int]) -> list[tuple[int, int]]:
        """The late stage before which each value is computed again, and its position, in order."""
        never = len(self.sweeps.late)
        first = [min(v.uses, default=never) for v in self.values]
        for at in sorted(redone, reverse=True):
            for arg in self.values[at].reads:
                first[arg] = min(first[arg], first[at])
        return sorted((first[at], at) for at in redone if first[at] < never)

    def _last(self, begun: list[int], ticks: dict[int, int]) -> tuple[list[int], list[bool]]:
        """The time when each value is read last, -1 for never; and whether from memory."""
        last = [t + bisect_right(begun, t) if (t := max(v.uses, default=-1)) >= 0 else t
                for v in self.values]  # fmt: skip
        whole = [v.whole for v in self.values]
        for at, tick in ticks.items():
            value = self.values[at]
            for arg in value.reads:
                last[arg] = max(last[arg], tick - value.overwrites(self.values[arg]))
                whole[arg] |= not value.cheap
        return last, whole

    def _walls(self, begun: list[int], ticks: dict[int, int]) -> list[int]:
        """For each time how many walls there are before it."""
        stops = [0] * (len(self.sweeps.late) + len(ticks))
        for t in self.stops:
            stops[t + bisect_right(begun, t)] = 1
        for at, tick in ticks.items():
            stops[tick] = int(is_wall(self.values[at].node))
        return [0, *accumulate(stops)]


def most(spans: Iterable[Span], end: int) -> int:
    """The most bytes that are held at one of `end` times."""
    change = [0] * (end + 2)
    for span in spans:
        change[span.first + 1] += span.nbytes
        change[span.last + 2] -= span.nbytes
    return max(accumulate(change), default=0)


# Note [Segments]
#
# A chain of layers is cut into segments; what crosses from one to the next is stored, the rest of
# a segment is computed again when the backward sweep reaches it. With s segments of n layers about
# s + n/s values are held, so the least is 2 sqrt(n), and no value is computed more than twice (Chen
# et al., "Training deep nets with sublinear memory cost", 2016). Of the numbers of segments that
# fit, the one of the fewest operations is taken. A segment begins where few bytes cross, so that a
# residual block is not cut inside.

# Note [Prices of products]
#
# Values whose operations a byte are fewest go first: a narrow product of a wide result is computed
# again before a wide product of a narrow one, which stays stored and so bounds segments by itself.
