"""Gradients of parts of an array, each laid among zeros and added up, are laid side by side once.

A model that reads a vector of rates number by number gets the gradient of each rate in a register,
and the gradient of the vector from those. Note: [Zeros].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graphc.grad import alias
from graphc.graph import Node
from graphc.joint import Joint
from graphc.ops.elementwise.arith import add
from graphc.ops.shaping.pieces import place
from graphc.ops.spell import Region, Reshape, View
from graphc.rules.replay import Walk, replay
from graphc.types import Dim

MOST = 1024
"""So many pieces are laid at once."""


@dataclass(frozen=True)
class Where:
    """The slice that a piece is laid into."""

    starts: tuple[Dim, ...]
    steps: tuple[int, ...]
    shape: tuple[Dim, ...]

    def is_apart(self, other: Where) -> bool:
        """Whether the two surely share no element: along one axis they share no place."""
        return any(map(_apart, self._runs(), other._runs()))

    def _runs(self) -> Iterator[range | None]:
        """The places along each axis, None where a size comes at run time."""
        for start, step, count in zip(self.starts, self.steps, self.shape, strict=True):
            if isinstance(start, int) and isinstance(count, int):
                yield range(start, start + step * count, step)
            else:
                yield None


def _apart(a: range | None, b: range | None) -> bool:
    if a is None or b is None or not a or not b:
        return False
    return max(a) < min(b) or max(b) < min(a) or (a.step == b.step and (a[0] - b[0]) % a.step != 0)


def lay(joint: Joint) -> Joint:
    """The joint in which sums of pieces are pieces of one array."""
    return replay(joint, _Laying().visit)


class _Laying:
    """`backward`: whether all of the graph that is walked over is of a backward sweep."""

    def __init__(self) -> None:
        self.backward = False

    def visit(self, walk: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
        """A sum of pieces as pieces of one array."""
        if isinstance(node.op.spell, Region) and _gives_gradients(walk, node):
            return self._backward(walk, node, args)
        if node.op is not add or not (self.backward or _is_gradient(node)):
            return None
        if any(not _alone(walk, old) or old.type != node.type for old in node.args):
            return None
        left, right = (a.args[0] if a.op is alias else a for a in args)
        if right.op is not place or left is right:
            return None
        if left.op is place:
            return _laid(walk, (left, right), together=True)
        if left.op is add and left.args[1].op is place and _alone(walk, node.args[0].args[1]):
            pieces = _laid(walk, (left.args[1], right), together=False)
            return None if pieces is None else walk.graph.add(add, (left.args[0], pieces))
        return None

    def _backward(self, walk: Walk, node: Node, args: tuple[Node, ...]) -> Node:
        """The backward sweep of a loop's step, or of a branch."""
        before, self.backward = self.backward, True
        try:
            return walk.copy(node, args)
        finally:
            self.backward = before


def _gives_gradients(walk: Walk, node: Node) -> bool:
    """Whether a stage that runs graphs is the backward sweep of another one."""
    return any(stage in node.graph.gradients for stage in (node, *walk.readers[node]))


def _is_gradient(node: Node) -> bool:
    return node.backward_of is not None or node in node.graph.gradients


def _alone(walk: Walk, old: Node) -> bool:
    """Whether nobody else reads a stage, nor what it is another name of."""
    if old in walk.fences or old in walk.kept or len(walk.readers[old]) > 1:
        return False
    return old.op is not alias or _alone(walk, old.args[0])


def _laid(walk: Walk, sums: Sequence[Node], together: bool) -> Node | None:
    """The pieces of both sums in one array: side by side, those of one slice added if `together`;
    None where they overlap otherwise.
    """
    found: dict[Where, Node] = {}
    for piece, where in (pair for each in sums for pair in _pieces(each)):
        if where in found and together:
            found[where] = _added(walk, found[where], piece)
        elif len(found) < MOST and all(where.is_apart(other) for other in found):
            found[where] = piece
        else:
            return None
    known = all(isinstance(start, int) for where in found for start in where.starts)
    order = sorted(found, key=lambda where: where.starts) if known else list(found)
    starts, steps = tuple(w.starts for w in order), tuple(w.steps for w in order)
    attrs = {"shape": sums[0].shape, "starts": starts, "steps": steps}
    return walk.graph.add(place, tuple(found[where] for where in order), attrs)


def _added(walk: Walk, a: Node, b: Node) -> Node:
    """The sum of two pieces; numbers are added before they are looked at as pieces."""
    alike = a.op is b.op and a.attrs == b.attrs and isinstance(a.op.spell, (View, Reshape))
    if not alike or a.args[0].type != b.args[0].type:
        return walk.graph.add(add, (a, b))
    return walk.graph.add(a.op, (_added(walk, a.args[0], b.args[0]),), a.attrs)


def _pieces(whole: Node) -> Iterator[tuple[Node, Where]]:
    starts, steps = whole.attrs["starts"], whole.attrs["steps"]
    for piece, start, step in zip(whole.args, starts, steps, strict=True):
        yield piece, Where(start, step, piece.shape)


# Note [Zeros]
#
# What is laid beside another piece is not added to anything, and bits stay as they are: x + 0 is x
# but for the sign of zero: -0 + 0 is 0, and a piece keeps its -0. So this is done among gradients
# alone, where nobody asks for that sign.
