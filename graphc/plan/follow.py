"""A nest of loops in, the same nest out, where the update of a parameter stands behind the product
that is its gradient.

The gradient is made a block of rows at a time, which its update reads while they are in the first
cache; the whole of it is never stored. Notes: [Blocks of rows], [Where updates stand].
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from graphc.graph import Node
from graphc.ops.spell import Product
from graphc.plan.access import resolve
from graphc.plan.fuse import Leaf, Loop, Nest, number, walk
from graphc.plan.memory import FOREVER, nbytes, readers_of
from graphc.plan.products import Choice, packing, room
from graphc.plan.sizes import Sizes
from graphc.plan.task import Task

GRAIN = 12
"""A block has a multiple of so many rows: whole tiles, and what threads share rows by."""

BLOCK = 48 << 10
"""Bytes of a block, which stay near; with half of them products take 2 % longer."""

PACKED = 264
"""Rows that are worth a copy of what they are multiplied by: half of what is packed of A."""

LEAST = 48 << 10
"""A product of fewer bytes stays in a cache as it is."""

Item = Leaf | Loop
When = tuple[int, int]
"""Where an item of the top block stands: the time of an item, and how many behind it."""


def follow(nest: Nest, fixed: Container[Node], sizes: Sizes) -> None:
    """Move products into the updates that read them, where that pays, and those to where they may
    stand first; `fixed` are values that have their places already, or are wanted themselves.
    """
    follower = _Follower(nest, fixed, sizes, readers_of(nest))
    products = [i for i in nest.block if isinstance(i, Leaf) and follower.may_move(i.task)]
    gone = {leaf for leaf in products if follower.moved(leaf)}
    if gone:
        nest.block[:] = sorted((i for i in nest.block if i not in gone), key=follower.when)
        number(nest.block)


@dataclass(frozen=True)
class _Follower:
    nest: Nest
    fixed: Container[Node]
    sizes: Sizes
    readers: Mapping[Node, list[Task]]
    later: dict[Loop, When] = field(default_factory=dict)

    def when(self, item: Item) -> When:
        """Where an item of the top block stands."""
        if isinstance(item, Leaf):
            return item.time, 0
        return self.later.get(item, (item.last, 0))

    def may_move(self, task: Task) -> bool:
        """Whether a task does nothing but make one matrix of two, and of no state that changes."""
        product = isinstance(task.node.op.spell, Product) and task.node.ndim == 2
        plain = (
            product
            and task.opaque
            and not (task.state or task.absorbs)
            and task.node not in self.fixed
        )
        return plain and self.changing.isdisjoint(a.base for a in task.reads)

    @cached_property
    def changing(self) -> set[Node]:
        """The states that the kernel gives new values."""
        return {t.state for t in self.nest.tasks.order if t.state is not None}

    def moved(self, leaf: Leaf) -> bool:
        """Move a product into its update, if it is worth it."""
        task = leaf.task
        loop, height = self._loop_of(task), self._height(task)
        if loop is None or not self._pays(task, loop, height):
            return False
        self.later[loop] = self._begin(loop, leaf)
        loop.height = height
        loop.block.insert(0, leaf)
        self.nest.path[task] = (loop,)
        return True

    def _loop_of(self, task: Task) -> Loop | None:
        """The loop over a product's rows in which all its readers are, each at its own row, and
        which stores a state; sums over all rows are not made there.
        """
        readers = self.readers.get(task.node, [])
        loops = {path[0] if path else None for path in (self.nest.path[t] for t in readers)}
        loop = loops.pop() if len(loops) == 1 else None
        if loop is None or loop.height or loop.extent != task.node.shape[0]:
            return None
        inside = list(_tasks(loop))
        rows = all(a.aligned(t.loops) for t in inside for a in t.reads if a.base is task.node)
        sums = any(0 in t.folded for t in inside)
        return loop if rows and not sums and any(t.state is not None for t in inside) else None

    def _height(self, task: Task) -> int:
        """The rows of a block: few, unless what they are multiplied by is copied for them."""
        (m, n), k = map(self.sizes.capacity, task.node.shape), self._depth(task)
        item = task.node.type.numpy.itemsize
        ta, tb = (_is_turned(arg) for arg in task.node.args)
        near = max(BLOCK // max(n * item, 1) // GRAIN, 1) * GRAIN
        return max(near, PACKED) if packing(ta, tb, m, n, k, item)[0] else near

    def _depth(self, task: Task) -> int:
        return self.sizes.capacity(task.node.args[0].shape[1])

    def _pays(self, task: Task, loop: Loop, height: int) -> bool:
        """Whether a product is worth moving: it is large, and what it reads for longer is not."""
        size, rows = nbytes(task.node, self.sizes), self.sizes.capacity(task.node.shape[0])
        block = size // max(rows, 1) * height
        begin = self._begin(loop, self.nest.leaf[task])
        held = sum(nbytes(b, self.sizes) for b in self._longer(task, begin))
        return size >= LEAST and rows > height and held <= size - block

    def _begin(self, loop: Loop, product: Leaf) -> When:
        """Right behind the last of what a loop needs, one product among it."""
        of, inside = self.nest.tasks.of, set(_tasks(loop))
        needed = {of[a.base] for t in inside for a in t.reads if a.base in of}
        needed = (needed | {t for task in inside for t in task.after}) - inside
        last = max(self.when(self._item(t)) for t in needed | {product.task})
        return last[0], last[1] + 1

    def _item(self, task: Task) -> Item:
        path = self.nest.path[task]
        return path[0] if path else self.nest.leaf[task]

    def _longer(self, product: Task, begin: When) -> set[Node]:
        """What is needed longer when a product is made there: it is read last by that product."""
        own = self.nest.leaf[product].time
        bases = {a.base for a in product.reads} if begin > (own, 1) else set()
        return {b for b in bases if self._end(b, product) < begin}

    def _end(self, base: Node, product: Task) -> When:
        """Where a value is needed last, but for one product; a value with a place of its own has
        that anyway.
        """
        maker = self.nest.tasks.of.get(base)
        if maker is None or base in self.fixed:
            return FOREVER, 0
        others = (t for t in self.readers[base] if t is not product)
        return max(self.when(self._item(t)) for t in (maker, *others))


def _tasks(loop: Loop) -> Iterator[Task]:
    return (leaf.task for leaf, _ in walk(loop.block))


def of_block(choice: Choice, rows: int, item: int) -> Choice:
    """How a product is made by blocks of rows: as the whole of it, but no more of A is packed."""
    packed = min(choice.rows, rows)
    return replace(choice, rows=packed, panel=room(choice.depth, packed, item))


def _is_turned(arg: Node) -> bool:
    """Whether a matrix lies transposed in memory."""
    axes = [along.axis for along in resolve(arg).index if along.axis is not None]
    return axes != sorted(axes)


# Note [Blocks of rows]
#
# A gradient of a weight is read by its update alone. So some rows of it are made, then Adam runs
# over these rows, and so on: memory has no more of it than a block, which the update reads from a
# near cache. What a product is multiplied by (B) is read again for each block: from a cache while
# it is small; else a block is so high that copies of B in panels pay. Measured on a core with 1 MB
# of second cache: a net whose state stays in the third cache takes as long as with gradients stored
# whole, 1024-2048-2048-1000 with Adam takes 2 to 10 % less; memory is a third to a quarter.

# Note [Where updates stand]
#
# An update may stand behind its gradient, behind the last that reads the old parameter, and behind
# all checks of data. Mostly it moves up to its gradient. Where it does not, what the gradient is
# made of is needed for longer, which must not take more memory than the gradient itself.
