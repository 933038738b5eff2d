"""What a joint needs of a graph with runs in it: stages of no run; of runs, the values of single
steps, and of all steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from graphc.graph import Node
from graphc.joint import Joint
from graphc.rules.roll.reading import FIXED, Operand, Row, bytes_of
from graphc.rules.roll.runs import ROWS, STAYS, Run, Slot

MEMORY = 1 << 26
"""So many bytes may be kept of steps of which few are read: else the run is left as it is."""

JOINED = 8
"""So many neighbouring steps whose values are laid side by side are taken as they lie."""


class Neighbours(NamedTuple):
    """The values of one stage of a run in `many` steps from `first` on, each `by` further."""

    run: int
    stage: int
    first: int
    by: int
    many: int


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
        self.runs = {number: r for number, r in self.runs.items() if number in self._seen}
        self._owner = {k: r for k, r in self._owner.items() if r.number in self._seen}

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
        members = list(map(self.member, node.args))
        found: list[Piece] = []
        at = 0
        while at < len(members):
            piece = _neighbours(members, at)
            found.append(node.args[at] if piece is None else piece)
            at += 1 if piece is None else piece.many
        return found

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
        elif link.base == ROWS:
            yield from self._all_of(*link.of)

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
                total += run.count * bytes_of(node) if few else 0
        return total > MEMORY

    def is_kept(self, run: Run, stage: int) -> bool:
        """Whether the values of a stage are kept of all steps: they are all read, or others than
        those that the last step leaves.
        """
        return (run.number, stage) in self.whole or not self.steps[run.number, stage].issubset(
            run.count - k for s, k in run.carries if s == stage
        )


Member = tuple[Run, int, int] | None


def _neighbours(members: Sequence[Member], at: int) -> Neighbours | None:
    """The values of steps in even distances that begin at a place, where they are many."""
    by = _stride(members, at)
    end = at + 1
    while by and _stride(members, end - 1) == by:
        end += 1
    first = members[at]
    if first is None or end - at < JOINED:
        return None
    return Neighbours(first[0].number, first[2], first[1], by, end - at)


def _stride(members: Sequence[Member], at: int) -> int:
    """How many steps further the next value of the same stage is; 0 where there is none."""
    a, b = members[at], members[at + 1] if at + 1 < len(members) else None
    same = a is not None and b is not None and a[0] is b[0] and a[2] == b[2]
    return b[1] - a[1] if same else 0  # type: ignore[index]
