"""What a run of equal steps is: how what a step reads goes on from one step to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from graphc.graph import Node

STEPS, STAGES, FEW = 64, 512, 8
"""A run pays that has STEPS steps, or STAGES stages in at least FEW steps."""

BACK = 4
"""A step may read what so many steps before it have left."""

MOVES, STAYS, ROWS = "moves", "stays", "rows"


class Link(NamedTuple):
    """How what a slot reads goes on from one step to the next.

    base   MOVES, with the steps; STAYS, the same for all; ROWS, another step of an earlier run
    of     the number of that run, and the stage of its steps
    by     by how many steps of that run
    ahead  by how many elements a slice moves along each axis
    """

    base: str
    of: tuple[int, int] = (-1, -1)
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
    begins: Mapping[tuple[int, int], Node] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """Where the next stage behind the run stands."""
        return self.start + self.period * self.count

    @cached_property
    def carries(self) -> list[tuple[int, int]]:
        """What is carried: a stage of a step, and how many steps ago it was computed."""
        read = [s for slots in self.slots for s in slots]
        return sorted({(s.stage, k) for s in read for k in range(1, s.back + 1)})

    @property
    def earlier(self) -> set[int]:
        """The runs of which its steps read a step each."""
        links = (s.link for slots in self.slots for s in slots if s.link is not None)
        return {link.of[0] for link in links if link.base == ROWS}

    def find(self, place: int) -> tuple[int, int]:
        """The step and the stage within it that stand at a place of the row."""
        return divmod(place - self.start, self.period)


def pays(period: int, count: int) -> bool:
    """Whether so many steps of so many stages are better run as a loop."""
    return count >= STEPS or (count >= FEW and count * period >= STAGES)
