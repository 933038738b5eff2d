"""Values to places: registers, or literal offsets in the arenas, reused by lifetime and in place
where that is safe.

feed    inputs, when there are too many for arguments of their own
data    constants with axes
state   parameters, optimiser, counters: laid out by the list of leaves alone
work    everything in between; one for each calling thread
out     results, fresh at each call
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from graphc.graph import CONST, INPUT, Node
from graphc.ops.spell import Check
from graphc.plan.access import resolve, unchecked
from graphc.plan.align import HEADER, aligned
from graphc.plan.fuse import Nest, Path, shared
from graphc.plan.sizes import Sizes
from graphc.plan.task import Task
from graphc.types import Dim

FOREVER = 1 << 60
"""The end of a life that outlasts the kernel."""


@dataclass(frozen=True)
class Slot:
    """Where a value lives: `arena` "" is a register, "arg" an argument of its own.

    `strides`: elements from one index to the next, one for each axis longer than 1; 0 for the axes
    that it lacks because
    one row (or one element) at a time is enough. `depth`: how many axes those are. `rows`: of a
    product that is made by blocks, the rows of one; else 0. `at`: the element at which it begins,
    where it is a row of something larger.
    """

    node: Node
    arena: str
    offset: int = 0
    strides: tuple[int, ...] = ()
    depth: int = 0
    nbytes: int = 0
    rows: int = 0
    at: Dim = 0

    @property
    def own(self) -> bool:
        """Whether it is a part of a value, so that each thread needs one of its own."""
        return self.depth > 0 or self.rows > 0


@dataclass
class Life:
    """A buffer before it has a place: how long it is needed, and whose memory it may take over."""

    node: Node
    depth: int
    first: int
    last: int
    nbytes: int
    over: Node | None = None
    offset: int = 0
    rows: int = 0
    members: list[Node] = field(default_factory=list)


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides, in elements, of an array stored in order."""
    strides, step = [], 1
    for dim in reversed(shape):
        strides.append(step)
        step *= max(dim, 1)
    return tuple(reversed(strides))


def long_strides(shape: Sequence[int], extents: Sequence[object]) -> tuple[int, ...]:
    """Row-major strides of the axes that are not literally 1."""
    return tuple(s for s, d in zip(row_major(shape), extents, strict=True) if d != 1)


def nbytes(node: Node, sizes: Sizes, depth: int = 0) -> int:
    """The bytes of a value at capacity, without its first `depth` axes longer than 1."""
    total, skipped = node.type.numpy.itemsize, 0
    for dim in node.shape:
        skipped += dim != 1
        total *= 1 if dim == 1 or skipped <= depth else sizes.capacity(dim)
    return total


def laid_out(
    nodes: Iterable[Node], arena: str, sizes: Sizes, start: int = 0
) -> tuple[dict[Node, Slot], int]:
    """Whole values one behind the other; the slots and the bytes used."""
    slots, at = {}, start
    for node in nodes:
        size = nbytes(node, sizes)
        at = aligned(at) if node.shape else at
        slots[node] = Slot(node, arena, at, _whole_strides(node, sizes), 0, size)
        at = aligned(at + size) if node.shape else at + 8
    return slots, aligned(at)


def _whole_strides(node: Node, sizes: Sizes) -> tuple[int, ...]:
    return long_strides([sizes.capacity(d) for d in node.shape], node.shape)


def argument(node: Node, sizes: Sizes) -> Slot:
    """An input that is an argument of its own."""
    return Slot(node, "arg", 0, _whole_strides(node, sizes), 0, nbytes(node, sizes))


def place(
    nest: Nest,
    fixed: Mapping[Node, Slot],
    sizes: Sizes,
    *,
    returned: Iterable[Node] = (),
    reuse: bool = True,
    start: int = HEADER,
) -> tuple[dict[Node, Slot], int, int]:
    """Slots of all that the nest computes; the bytes of `work`, with reuse and without.

    `fixed`: values that have their places already: leaves, results, what another kernel left in
    `work`. `returned`: values that are read once more when all is done.
    """
    under = _under(nest, fixed)
    fixed = {**fixed, **under}
    lives = _lives(nest, fixed, sizes)
    for node in lives.keys() & set(returned):
        lives[node].last = FOREVER
    registers = {
        n: Slot(n, "") for n, life in lives.items() if life.depth == _axes(n) and not life.nbytes
    }
    buffers = {n: life for n, life in lives.items() if n not in registers}
    heads = _one_block(_in_place(nest, buffers, reuse), reuse)
    taken = _taken(fixed, nest)
    end = _pack(heads, taken if reuse else [], start, reuse)
    slots = {m: _slot(buffers[m], head.offset, sizes) for head in heads for m in head.members}
    checks = [t.node for t in nest.tasks.order if isinstance(t.node.op.spell, Check)]
    slots |= under | lying(checks, {**fixed, **registers, **slots}, sizes)
    apart = start + sum(aligned(life.nbytes) for life in buffers.values())
    return {**registers, **slots}, max([end, *(t.offset + aligned(t.nbytes) for t in taken)]), apart


def _under(nest: Nest, fixed: Mapping[Node, Slot]) -> dict[Node, Slot]:
    """What a product adds itself to lies where the sum has its place."""
    found: dict[Node, Slot] = {}
    for task in reversed(nest.tasks.order):
        slot = found.get(task.node, fixed.get(task.node))
        if task.absorbs is not None and task.absorbs.onto is not None and slot is not None:
            found[task.absorbs.onto] = replace(slot, node=task.absorbs.onto)
    return found


def lying(checks: Iterable[Node], slots: Mapping[Node, Slot], sizes: Sizes) -> dict[Node, Slot]:
    """The slots of indices that passed a check: they lie where they lay before."""
    origins = {n: slots[unchecked(n)] for n in checks if unchecked(n) in slots}
    return {
        n: Slot(n, slot.arena, slot.offset, _whole_strides(n, sizes), 0, slot.nbytes, at=slot.at)
        for n, slot in origins.items()
    }


def _axes(node: Node) -> int:
    return sum(d != 1 for d in node.shape)


def _slot(life: Life, offset: int, sizes: Sizes) -> Slot:
    node = life.node
    caps = [sizes.capacity(d) for d in node.shape if d != 1]
    strides = (0,) * life.depth + row_major(caps[life.depth :])
    return Slot(node, "work", offset, strides, life.depth, life.nbytes, life.rows)


def _lives(nest: Nest, fixed: Mapping[Node, Slot], sizes: Sizes) -> dict[Node, Life]:
    """For each computed value without a place: the depth its readers share, and its first and last
    time.
    """
    readers = readers_of(nest)
    lives = {}
    for task in nest.tasks.order:
        if (
            task.state is None
            and task.node not in fixed
            and not isinstance(task.node.op.spell, Check)
        ):
            lives[task.node] = _life(task, readers.get(task.node, []), nest, sizes)
        for node in (n for n in task.more if n not in fixed):
            lives[node] = _whole(node, task, readers.get(node, []), nest, sizes)
    return lives


def readers_of(nest: Nest) -> dict[Node, list[Task]]:
    """The tasks that read each value."""
    found: dict[Node, list[Task]] = {}
    for task in nest.tasks.order:
        for access in task.reads:
            for base in _origins(access.base):
                known = found.setdefault(base, [])
                if not known or known[-1] is not task:
                    known.append(task)
    return found


def _origins(base: Node) -> Iterator[Node]:
    """A value, and what it was before it was checked."""
    yield base
    if isinstance(base.op.spell, Check):
        yield unchecked(base)


def _life(task: Task, readers: list[Task], nest: Nest, sizes: Sizes) -> Life:
    path = nest.path[task]
    depth = _axes(task.node) if not task.opaque else 0
    for reader in readers:
        for access in reader.reads:
            if access.base is task.node:
                depth = min(
                    depth, shared(path, task.complete, nest.path[reader], access, reader.loops)
                )
    read_whole = bool(task.node.shape) and any(r.opaque for r in readers)
    if task.opaque or read_whole:
        depth = 0
    local = not task.opaque and not read_whole and (not task.folded or task.in_register)
    register = local and depth == _axes(task.node)
    size, rows = 0 if register else nbytes(task.node, sizes, depth), nest.height(task)
    if rows:
        size = nbytes(task.node, sizes, 1) * rows
    times = [_span(nest, task, depth, path)] + [
        _span(nest, r, depth, nest.path[r]) for r in readers
    ]
    return Life(
        task.node,
        depth,
        min(t[0] for t in times),
        max(t[1] for t in times),
        max(size, 0 if register else 1),
        rows=rows,
    )


def _whole(node: Node, task: Task, readers: list[Task], nest: Nest, sizes: Sizes) -> Life:
    """The life of what an opaque task computes beside its first value."""
    times = [nest.leaf[t].time for t in (task, *readers)]
    ends = [_span(nest, r, 0, nest.path[r])[1] for r in readers]
    return Life(node, 0, min(times), max([*times, *ends]), max(nbytes(node, sizes), 1))


def _span(nest: Nest, task: Task, depth: int, path: Path) -> tuple[int, int]:
    """The times during which a task touches a buffer that is whole below `depth`: the loop there,
    all its turns.
    """
    time = nest.leaf[task].time
    first, last = (path[depth].first, path[depth].last) if len(path) > depth else (time, time)
    if task in nest.zero:
        first = min(first, nest.zero[task].time)
    return first, last


def _in_place(nest: Nest, buffers: dict[Node, Life], reuse: bool) -> list[Life]:
    """Chains of buffers where each may be written over the one before, as one life each; without
    reuse, only where it must.
    """
    readers = readers_of(nest)
    head: dict[Node, Life] = {}
    heads: list[Life] = []
    for node, life in buffers.items():
        older = _overwritten(nest, node, buffers, readers, reuse)
        if older is None:
            head[node] = life
            life.members = [node]
            heads.append(life)
            continue
        chief = head[node] = head[older]
        chief.members.append(node)
        chief.first, chief.last = min(chief.first, life.first), max(chief.last, life.last)
        readers[older] = []
    return heads


def _one_block(heads: list[Life], reuse: bool) -> list[Life]:
    """Blocks of rows, of which there is one at a time, as one life: all lie at one place."""
    blocks = [life for life in heads if life.rows and reuse]
    if len(blocks) < 2:
        return heads
    first, last = min(b.first for b in blocks), max(b.last for b in blocks)
    whole = max(blocks, key=lambda b: b.nbytes)
    whole.first, whole.last, whole.members = first, last, [b.node for b in blocks]
    return [life for life in heads if life is whole or not life.rows]


def _overwritten(
    nest: Nest,
    node: Node,
    buffers: dict[Node, Life],
    readers: Mapping[Node, list[Task]],
    reuse: bool,
) -> Node | None:
    """A buffer that the task may write over, element by element: it reads it last, at its own
    place. A product that adds itself to something must.
    """
    task, mine = nest.tasks.of[node], buffers[node]
    if task.absorbs is not None:
        return task.absorbs.onto
    if task.opaque or task.folded or not reuse:
        return None
    for access in task.reads:
        base, other = access.base, buffers.get(access.base)
        if other is None or base in _choices(node):
            continue
        if _may_overwrite(nest, task, mine, other, readers.get(base, [])):
            return base
    return None


def _choices(node: Node) -> set[Node]:
    """What a choice is made from. Written over one of these, LLVM would store the others alone, by
    masks, which takes six times as long.
    """
    return {resolve(arg).base for arg in node.args[1:]} if node.op.name == "where" else set()


def _may_overwrite(
    nest: Nest, task: Task, mine: Life, other: Life, readers: Sequence[Task]
) -> bool:
    alike = (
        other.nbytes == mine.nbytes
        and (other.depth, other.rows) == (mine.depth, mine.rows)
        and other.node.dtype == mine.node.dtype
    )
    if not alike or not readers or other.node.shape != mine.node.shape or other.last == FOREVER:
        return False
    time = nest.leaf[task].time
    loop = nest.path[task][mine.depth] if len(nest.path[task]) > mine.depth else None
    for reader in readers:
        inside = loop is not None and loop in nest.path[reader]
        late = nest.leaf[reader].time > time
        exact = all(a.exact(reader.loops) for a in reader.reads if a.base is other.node)
        if late or (inside and not (exact and not reader.opaque)):
            return False
    return True


def _taken(fixed: Mapping[Node, Slot], nest: Nest) -> list[Life]:
    """Places in `work` that are not free during this kernel: what another kernel left or will want
    there.
    """
    return [
        Life(n, 0, -1, FOREVER, slot.nbytes, offset=slot.offset)
        for n, slot in fixed.items()
        if slot.arena == "work"
    ]


def _pack(lives: list[Life], taken: list[Life], start: int, reuse: bool) -> int:
    """Offsets: the largest first, each at the lowest place that is free during its life; the end
    of all.
    """
    order = sorted(lives, key=lambda b: (-b.nbytes, b.first))
    spans = np.zeros((4, len(taken) + len(order)), np.int64)
    end = start
    for n, life in enumerate([*taken, *order]):
        if n >= len(taken):
            life.offset = _lowest(life, spans[:, :n], start, reuse)
            life.members = life.members or [life.node]
            end = max(end, aligned(life.offset + life.nbytes))
        spans[:, n] = life.first, life.last, life.offset, aligned(life.offset + life.nbytes)
    return end


def _lowest(life: Life, spans: np.ndarray, start: int, reuse: bool) -> int:
    """The lowest offset from `start` on that nothing uses during a life; `spans` has the first and
    last time of all that is placed, and where it begins and ends.
    """
    first, last, begin, end = spans
    near = (last >= life.first) & (first <= life.last) | (not reuse)
    by = np.argsort(begin[near], kind="stable")
    free = np.maximum.accumulate(np.concatenate(([start], end[near][by])))
    fits = np.flatnonzero(begin[near][by] - free[:-1] >= life.nbytes)
    return int(free[fits[0]] if fits.size else free[-1])


__all__ = ["CONST", "INPUT", "Slot", "argument", "laid_out", "place"]
