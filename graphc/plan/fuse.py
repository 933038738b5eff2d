"""Tasks to loops: a task joins a loop that is there when every value it reads from it is ready at
the same index.

One rule decides storage: a value's memory has the axes below the depth at which its definition and
all its readers
share loops. All shared: a scalar in a register. None shared: the whole array. Between the two: one
row.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, takewhile

from graphc.graph import Node
from graphc.plan.access import Access
from graphc.plan.task import Task
from graphc.plan.tasks import Tasks
from graphc.types import Dim, Size


@dataclass(eq=False)
class Leaf:
    """A task's work at this place: its "body", or the "zero" of an accumulator in memory, or
    "start" of one in a register.
    """

    task: Task
    phase: str = "body"
    time: int = 0


@dataclass(eq=False)
class Loop:
    """A loop of `extent` turns around a block; `first` and `last` are the times it spans.

    `height`, if it is not 0: before every so many turns a product makes their rows; it is the first
    leaf of the block.
    """

    extent: Dim
    block: list[Leaf | Loop] = field(default_factory=list)
    touched: set[Node] = field(default_factory=set)
    first: int = 0
    last: int = 0
    height: int = 0


Block = list[Leaf | Loop]
Path = tuple[Loop, ...]


@dataclass
class Nest:
    """The loops of one kernel: the top block, and where each task's body stands."""

    block: Block
    path: dict[Task, Path]
    leaf: dict[Task, Leaf]
    zero: dict[Task, Leaf]
    tasks: Tasks

    def leaves(self) -> Iterator[tuple[Leaf, Path]]:
        """Every leaf in order of execution, with the loops around it."""
        return walk(self.block)

    def height(self, task: Task) -> int:
        """How many rows of a product are made at a time; 0: all."""
        path = self.path[task]
        return path[0].height if task.opaque and path else 0


def walk(block: Block, path: Path = ()) -> Iterator[tuple[Leaf, Path]]:
    """Every leaf of a block in order of execution, with the loops around it."""
    for item in block:
        if isinstance(item, Loop):
            yield from walk(item.block, (*path, item))
        else:
            yield item, path


def fuse(tasks: Tasks, enabled: bool = True) -> Nest:
    """One pass over the tasks, each placed in the latest loop that may take it."""
    builder = _Builder(tasks, enabled)
    for task in tasks.order:
        builder.place(task)
    nest = Nest(builder.block, builder.path, builder.leaf, builder.zero, tasks)
    number(nest.block)
    return nest


def number(block: Block, time: int = 0) -> int:
    """Give leaves their times, in order of execution from `time` on; the time behind them."""
    for item in block:
        if isinstance(item, Loop):
            item.first = time
            time = number(item.block, time)
            item.last = time - 1
        else:
            item.time = time
            time += 1
    return time


class _Builder:
    def __init__(self, tasks: Tasks, enabled: bool) -> None:
        self.block: Block = []
        self.path: dict[Task, Path] = {}
        self.leaf: dict[Task, Leaf] = {}
        self.of = tasks.of
        self.enabled = enabled
        self.zero: dict[Task, Leaf] = {}
        self.plain = True

    def place(self, task: Task) -> None:
        """Give the task its place: inside loops that are there as deep as may be, the rest in new
        loops.
        """
        before = self._before(task)
        path: list[Loop] = []
        block = self.block
        while len(path) < len(task.loops) and not task.opaque and self.enabled:
            loop = self._host(block, task, tuple(path), before)
            if loop is None:
                break
            path.append(loop)
            block = loop.block
        self._open(task, path, block, before)

    def _before(self, task: Task) -> list[Task]:
        """The tasks that must have run: those that define what it reads, and readers of a state it
        overwrites.
        """
        defined = [self.of[a.base] for a in task.reads if a.base in self.of]
        return list(dict.fromkeys(defined + task.after))

    def _host(self, block: Block, task: Task, path: Path, before: list[Task]) -> Loop | None:
        depth = len(path)
        extent = task.extents[depth]
        bases = _bases(task)
        walls = {self._item(t, depth) for t in before if self.path[t][:depth] == path}
        for item in reversed(block):
            if self._suits(item, extent, bases) and self._may_join(item, task, depth, before):  # type: ignore[arg-type]
                return item  # type: ignore[return-value]
            if item in walls:
                return None
        return None

    def _suits(self, item: Leaf | Loop, extent: Dim, bases: set[Node]) -> bool:
        """Whether a loop runs as often and has a value in common; rows of one named size always
        belong together, and what reads nothing with axes belongs anywhere.
        """
        if not isinstance(item, Loop) or item.extent != extent:
            return False
        alone = len(bases) == 1  # the task's own value
        return alone or isinstance(extent, Size) or not item.touched.isdisjoint(bases)

    def _item(self, task: Task, depth: int) -> Leaf | Loop:
        path = self.path[task]
        return path[depth] if len(path) > depth else self.leaf[task]

    def _may_join(self, loop: Loop, task: Task, depth: int, before: list[Task]) -> bool:
        inside = [t for t in before if len(self.path[t]) > depth and self.path[t][depth] is loop]
        return all(self._ready(t, task, depth) for t in inside)

    def _ready(self, earlier: Task, task: Task, depth: int) -> bool:
        """Whether within one turn of the loop at `depth` all that `task` needs of `earlier` is
        done.
        """
        overwritten = [a for a in earlier.reads if a.base is task.state]
        if not all(a.aligned(earlier.loops) > depth for a in overwritten):
            return False
        needed = [a for a in task.reads if a.base in earlier.values]
        done = not earlier.opaque and earlier.complete > depth
        return not needed or (done and all(a.aligned(task.loops) > depth for a in needed))

    def _open(self, task: Task, path: list[Loop], block: Block, before: list[Task]) -> None:
        """New loops for what no loop hosts, zeros and starts of accumulators before the loops they
        need.
        """
        hosted = len(path)
        position = self._position(task, block, hosted, before)
        chain = [] if task.opaque else [Loop(extent) for extent in task.extents[hosted:]]
        full = (*path, *chain)
        leaf = Leaf(task)
        for outer, inner in pairwise(chain):
            outer.block.append(inner)
        (full[-1].block if chain else block).insert(
            len(full[-1].block) if chain else position, leaf
        )
        if chain:
            block.insert(position, chain[0])
        self.plain = self.plain and not chain and not task.opaque
        self._note(task, full, leaf)
        if task.folded:
            self._accumulator(task, full)

    def _note(self, task: Task, full: Path, leaf: Leaf) -> None:
        self.path[task], self.leaf[task] = full, leaf
        for loop in full:
            loop.touched |= _bases(task)

    def _accumulator(self, task: Task, full: Path) -> None:
        at = task.folded[0]
        block = full[at - 1].block if at else self.block
        place = _behind(block, {full[at]}) - 1
        if task.in_register:
            block.insert(place, Leaf(task, "start"))
            return
        self.zero[task] = Leaf(task, "zero")
        block.insert(place, self.zero[task])

    def _position(self, task: Task, block: Block, depth: int, before: list[Task]) -> int:
        """The end of the block; for scalars and stores right behind the last thing they need."""
        scalar = not task.loops and depth == 0 and not task.opaque
        early = scalar or task.state is not None or task.node.op.effect == "assert"
        if not early or self.plain:
            return len(block)
        walls = {self._item(t, depth) for t in before}
        place = _behind(block, walls)
        rest = takewhile(_lets_by, block[place:])
        return place + sum(1 for _ in rest)


def _lets_by(item: Leaf | Loop) -> bool:
    """Whether a store need not stand before this: a scalar, or a product added to one before."""
    if isinstance(item, Loop):
        return False
    task = item.task
    return not task.opaque or (task.state is None and task.absorbs is not None)


def _behind(block: Block, walls: Container[Leaf | Loop]) -> int:
    """The place behind the last of these items, looked for from the end, where it mostly is."""
    return next((i + 1 for i in reversed(range(len(block))) if block[i] in walls), 0)


def _bases(task: Task) -> set[Node]:
    """The values with axes that a task touches; a number in common is no reason to share a loop."""
    state = [] if task.state is None else [task.state]
    return {n for n in (*task.values, *(a.base for a in task.reads), *state) if n.shape}


def shared(
    definition: Path, complete: int, reader: Path, access: Access, loops: Iterable[int]
) -> int:
    """How many loops a finished value and one of its readers share, index for index."""
    depth = 0
    for mine, theirs in zip(definition[:complete], reader, strict=False):
        if mine is not theirs:
            break
        depth += 1
    return min(depth, access.aligned(tuple(loops)))
