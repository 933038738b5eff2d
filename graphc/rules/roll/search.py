"""A row of stages in, its runs of equal steps out: who a step reads, and how that moves from step
to step.

A run is proven stage by stage: what two neighbouring steps read is of the same step, of an earlier
one at the same distance, the same for both, or the next piece of the same array.
Note: [Search].
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator

from graphc.rules.roll.cuts import Cut
from graphc.rules.roll.reading import Row
from graphc.rules.roll.runs import Run, pays
from graphc.rules.roll.stretches import Known, Stretch

TRIED = 8
"""For each stage so many earlier ones like it are tried as its match a step before."""


def runs(row: Row) -> list[Run]:
    """The runs of a row that pay, in order."""
    return list(_Search(row).found())


class _Search:
    def __init__(self, row: Row) -> None:
        self.row, self.known = row, Known(row)

    def found(self) -> Iterator[Run]:
        """One run after the other, none of which overlap."""
        last: dict[int, deque[int]] = defaultdict(lambda: deque(maxlen=TRIED))
        broken: dict[int, int] = {}
        at = 0
        while at < len(self.row.stages):
            known = last[self.row.contexts[at]]
            run = self._tried(at, reversed(known), broken)
            if run is not None:
                self.known.claim(run)
                yield run
                at = run.end
                continue
            known.append(at)
            at += 1

    def _tried(self, at: int, before: Iterator[int], broken: dict[int, int]) -> Run | None:
        """The run in which a stage matches one of those before it."""
        for begin in before:
            period = at - begin
            if begin < self.known.floor or broken.get(period, -1) >= at:
                continue
            stretch = Stretch(self.known, begin, period)
            broken[period] = stretch.end
            if pays(period, (stretch.end - begin) // period):
                run = Cut(stretch).run()
                if run is not None:
                    return run
        return None


# Note [Search]
#
# The stages are read once from the first to the last. Each is held against the last few that looked
# like it, what they read included; a distance at which that many stages match as a run needs is its
# period. A distance that failed is not tried again before the place where it failed, so that a
# stretch is compared once for each distance that occurs in it.
