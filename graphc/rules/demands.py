"""What a joint needs of a graph with runs in it: stages of no run; of runs, the values of single
steps, and of all steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from graphc.graph import Node
from graphc.joint import Joint
from graphc.rules.periods import MOVES, STAYS, Run, Slot
from graphc.rules.reading import FIXED, Operand, Row

MEMORY = 1 << 26
"""So many bytes may be kept of steps of which few are read: else the run is left as it is."""

JOINED = 8
"""So many neighbouring steps whose values are laid side by side are taken as they lie."""


class Neighbours(NamedTuple):
    """The values of one stage of a run in `count` steps from `first` on, each `by` further."""

    run: int
    stage: int
    first: int
    by: int
    count: int


Piece = Node | Neighbours


class Demands:
    """`wanted`: stages of no run; `steps`: for a run and a stage, those steps whose value is read
    by itself; `whole`: runs and stages whose values are read in all steps.
    """

    def __init__(self, joint: Joint, row: Row, runs: Sequence[Run]) -> None:
        self.row, self.runs = row, {r.number: r for r in runs}
        self._owner = {k: r for r in runs for k in range(r.start, r.end)}
        self.wanted: set[Node] = set()
        self.steps: dict[tuple[int, int], set[int]] = defaultdict(set)
        self.whole: set[tuple[int, int]] = set()
        self._seen: set[int] = set()
        self._follow(list(joint.roots))

    def members(self) -> Iterator[Node]:
        """The stages of all runs."""
        return (self.row.stages[k] for k in self._owner)

    def member(self, node: Node) -> tuple[Run, int, int] | None:
        """The run of which a stage is one, the step, and the stage within it."""
        place = self.row.place.get(node, -1)
        run = self._owner.get(place)
        if run is None or self.row.stages[place] is not node:
            return None
        return (run, *run.find(place))

    def _follow(self, stack: list[Node]) -> None:
        while stack:
            node = stack.pop()
            member = self.member(node)
            if member is not None:
                run, step, stage = member
                self.steps[run.number, stage].add(step)
                stack += self._outside(run)
            elif node not in self.wanted:
                self.wanted.add(node)
                stack += self._needs(node)

    def _needs(self, node: Node) -> Iterator[Node]:
        """What a stage of no run reads, and the forward stage that it belongs to."""
        for piece in self.pieces(node):
            if isinstance(piece, Node):
                yield piece
            else:
                yield from self._all_of(piece.run, piece.stage)
        stage = node.backward_of
        if stage is not None and self.member(stage) is None:
            yield stage

    def pieces(self, node: Node) -> list[Piece]:
        """The arguments of a stage; of one that lays them side by side, neighbouring steps as one
        piece.
        """
        if node.op.name not in ("stack", "concat"):
            return list(node.args)
        found: list[Piece] = []
        members = list(map(self.member, node.args))
        for _, group in groupby(_strides(members), lambda x: x[0]):
            found += self._joined(node, [k for _, k in group], members)
        return found

    def _joined(
        self, node: Node, places: list[int], members: list[tuple[Run, int, int] | None]
    ) -> list[Piece]:
        first = members[places[0]]
        if first is None or len(places) < JOINED:
            return [node.args[k] for k in places]
        run, step, stage = first
        second = members[places[1]]
        by = second[1] - step if second is not None else 1
        return [Neighbours(run.number, stage, step, by, len(places))]

    def _all_of(self, number: int, stage: int) -> Iterator[Node]:
        self.whole.add((number, stage))
        return self._outside(self.runs[number])

    def _outside(self, run: Run) -> Iterator[Node]:
        """What the steps of a run read that is no stage of it."""
        if run.number in self._seen:
            return
        self._seen.add(run.number)
        yield from run.begins.values()
        for stage, slots in enumerate(run.slots):
            for slot, operand in zip(slots, self.row.operands[run.start + stage], strict=True):
                yield from self._behind(slot, operand)

    def _behind(self, slot: Slot, operand: Operand) -> Iterator[Node]:
        """What the slot of a step reads that is no stage of its run."""
        link = slot.link
        if link is None:
            yield from (operand.node,) if operand.kind == FIXED else ()
        elif link.base == STAYS:
            yield operand.base if link.slides else operand.node
        elif link.base != MOVES:
            yield from self._all_of(*link.base)

    def is_left(self, run: Run) -> bool:
        """Whether a run is better left as it is: much would be kept of it for the sake of little,
        or what is read of it has several results.
        """
        total = 0
        read = {k for n, k in {*self.steps, *self.whole} if n == run.number}
        for stage in read:
            node = self.row.stages[run.start + stage]
            if len(node.types) > 1:
                return True
            if self.is_kept(run, stage) and (run.number, stage) not in self.whole:
                few = len(self.steps[run.number, stage]) < run.count // JOINED
                total += run.count * _bytes(node) if few else 0
        return total > MEMORY

    def is_kept(self, run: Run, stage: int) -> bool:
        """Whether the values of a stage are kept of all steps: they are all read, or others than
        those that the last step leaves.
        """
        return (run.number, stage) in self.whole or not self.steps[run.number, stage].issubset(
            run.count - k for s, k in run.carries if s == stage
        )


def _strides(
    members: list[tuple[Run, int, int] | None],
) -> Iterator[tuple[tuple[int, int, int] | None, int]]:
    """For each place the run, the stage and how many steps further the next one is, for the last of
    several with the same stride that stride.
    """
    before: tuple[int, int, int] | None = None
    for k, member in enumerate(members):
        ahead = _stride(member, members[k + 1]) if k + 1 < len(members) else None
        behind = _stride(members[k - 1], member) if k else None
        before = before if before is not None and behind == before else ahead
        yield before, k


def _stride(
    a: tuple[Run, int, int] | None, b: tuple[Run, int, int] | None
) -> tuple[int, int, int] | None:
    if a is None or b is None or a[0] is not b[0] or a[2] != b[2] or a[1] == b[1]:
        return None
    return a[0].number, a[2], b[1] - a[1]


def _bytes(node: Node) -> int:
    size = node.type.numpy.itemsize
    for dim in node.shape:
        size *= dim if isinstance(dim, int) else 64
    return size
