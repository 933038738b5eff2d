"""Where a stage reads an argument: through views, down to the value whose memory holds it.

An access is one index for each axis of that value: an axis of the reader's domain, scaled and
shifted. So a transpose,
a slice or a broadcast costs nothing, and whether two stages may share a loop is a question about
indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphc.graph import Node
from graphc.ops.spell import Along, Check, Reshape, View, along
from graphc.types import Dim


@dataclass(frozen=True)
class Access:
    """`base` read at `index`, one Along for each axis of `shape`; another shape than its own means
    a reshape.
    """

    base: Node
    shape: tuple[Dim, ...]
    index: tuple[Along, ...]

    @property
    def whole(self) -> bool:
        """Whether the base is seen under its own shape."""
        return self.shape == self.base.shape

    def aligned(self, loops: Sequence[int]) -> int:
        """How many leading axes (those of size 1 left out) follow the reader's `loops`, one by
        one.
        """
        if not self.whole:
            return 0
        count = 0
        for step, loop in zip(self.long(), loops, strict=False):
            if step != Along(loop):
                break
            count += 1
        return count

    def long(self) -> list[Along]:
        """The indices of the axes whose size is not 1."""
        return [a for a, d in zip(self.index, self.shape, strict=True) if d != 1]

    def exact(self, loops: Sequence[int]) -> bool:
        """Whether the base is read at the reader's own place, all of it: index = loops."""
        return (
            self.whole
            and [a.axis for a in self.long()] == list(loops)
            and self.aligned(loops) == len(loops)
        )


def is_view(node: Node) -> bool:
    """Whether a node is another look at its argument's memory."""
    return isinstance(node.op.spell, (View, Reshape)) and not (
        node.op.effect == "name" and not node.shape
    )


def unchecked(base: Node) -> Node:
    """The value whose memory a checked index lies in; any other value itself."""
    while isinstance(base.op.spell, Check):
        base = resolve(base.args[0]).base
    return base


def identity(rank: int) -> tuple[Along, ...]:
    """Every axis at its own index."""
    return tuple(map(Along, range(rank)))


def resolve(node: Node, index: tuple[Along, ...] | None = None) -> Access:
    """The access by which a reader at `index` of `node` (its own place unless given) finds the
    value.
    """
    index = identity(node.ndim) if index is None else index
    shape = node.shape
    while is_view(node):
        arg = node.args[0]
        steps = (
            _ones_moved(node)
            if isinstance(node.op.spell, Reshape)
            else node.op.spell.index(arg.type, node.type, **node.attrs)
        )
        if steps is None:
            return _reshaped(node, index)
        index = tuple(_composed(step, index) for step in steps)
        node, shape = arg, arg.shape
    return Access(node, shape, index)


def _composed(step: Along, index: Sequence[Along]) -> Along:
    """`step` after `index`: offset + scale * (offset' + scale' * axis), and so for each term."""
    scales: dict[int, int] = {}
    offset = step.offset
    for under, scale in step.terms:
        inner = index[under]
        offset = inner.offset * scale + offset
        for axis, factor in inner.terms:
            scales[axis] = scales.get(axis, 0) + factor * scale
    return along(scales, offset)


def _reshaped(node: Node, index: tuple[Along, ...]) -> Access:
    """A true reshape: the memory of the base, which lies in order, under the shape of `node`."""
    shape, base = node.shape, node
    while is_view(base):
        base = base.args[0]
    return Access(base, shape, index)


def _ones_moved(node: Node) -> tuple[Along, ...] | None:
    """The index of a reshape that only adds or drops axes of size 1, or None for a true one."""
    arg, mine = node.args[0].shape, [i for i, d in enumerate(node.shape) if d != 1]
    long = [d for d in arg if d != 1]
    if long != [node.shape[i] for i in mine]:
        return None
    rest = iter(mine)
    return tuple(Along(None) if d == 1 else Along(next(rest)) for d in arg)


def in_order(node: Node) -> bool:
    """Whether a node's elements lie in its base's memory in row-major order, all of them."""
    access = resolve(node)
    long = [Along(i) for i, d in enumerate(node.shape) if d != 1]
    return access.long() == long and [d for d in access.shape if d != 1] == [
        d for d in node.shape if d != 1
    ]


def unit_stride(arg: Node) -> bool:
    """Whether one of the last two axes of a product's operand runs one by one in memory, the other
    not backwards; windows overlap, as rows of a matrix may not.
    """
    access, steps = resolve(arg), dict.fromkeys(range(arg.ndim), 0)
    if any(step.also for step in access.index):
        return False
    stride = 1
    for step, dim in reversed(list(zip(access.index, access.shape, strict=True))):
        for axis, scale in step.terms:
            steps[axis] += stride * scale
        stride *= max(dim, 1) if isinstance(dim, int) else NOMINAL
    down, right = steps[arg.ndim - 2], steps[arg.ndim - 1]
    rows, columns = (d == 1 for d in arg.shape[-2:])
    return (
        ((right == 1 or columns) and (down > 0 or rows))
        or (down == 1 and right > 0)
        or (rows and right > 0)
    )


NOMINAL = 1009
"""What a named size counts as where only the order of strides matters."""
