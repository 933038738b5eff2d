"""Gradients of parts of an array, each laid among zeros and added up, are laid side by side once.

A model that reads a vector of rates number by number gets the gradient of each rate in a register,
and the gradient of the vector from those. Note: [Zeros].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby

from graphc.grad import alias, bare
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

    @property
    def is_point(self) -> bool:
        """Whether it is a single element at a known place."""
        return all(d == 1 for d in self.shape) and all(isinstance(a, int) for a in self.starts)

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
    (first, last), (begin, end) = sorted((a[0], a[-1])), sorted((b[0], b[-1]))
    return last < begin or end < first or (a.step == b.step and (a[0] - b[0]) % a.step != 0)


def lay(joint: Joint) -> Joint:
    """The joint in which sums of pieces are pieces of one array."""
    return replay(joint, _Laying().visit)


class _Laying:
    """`backward`: whether all of the graph that is walked over is of a backward sweep."""

    def __init__(self) -> None:
        self.backward = False

    def visit(self, walk: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
        """A sum of terms, those in a row that are pieces as one array of pieces."""
        if isinstance(node.op.spell, Region) and _gives_gradients(walk, node):
            return self._backward(walk, node, args)
        if not self._sums(node) or any(self._goes_on(walk, node, r) for r in walk.readers[node]):
            return None
        sums = [node]
        while self._goes_on(walk, sums[0].args[0], sums[0]):
            sums.insert(0, sums[0].args[0])
        return _laid(walk, sums)

    def _sums(self, node: Node) -> bool:
        """Whether a stage adds up gradients."""
        return node.op is add and (self.backward or _is_gradient(node))

    def _goes_on(self, walk: Walk, node: Node, reader: Node) -> bool:
        """Whether a sum is only what another one begins with."""
        if not (self._sums(node) and self._sums(reader) and reader.args[0] is node):
            return False
        return _alone(walk, node) and node.type == reader.type and reader.args[1] is not node

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


def _laid(walk: Walk, sums: Sequence[Node]) -> Node | None:
    """A chain of sums, each the next one's beginning, with one array for terms in a row that are
    pieces; None where that saves none.
    """
    terms = [sums[0].args[0], *(each.args[1] for each in sums)]
    total: list[Node] = []
    for laid, row in groupby(terms, lambda term: _is_laid(walk, term, sums[-1])):
        built = [bare(walk.to[term]) if laid else walk.to[term] for term in row]
        total += _together(walk, built, add_up=not total) if laid else built
    if len(total) == len(terms):
        return None
    return reduce(lambda so_far, term: walk.graph.add(add, (so_far, term)), total)


def _is_laid(walk: Walk, old: Node, like: Node) -> bool:
    """Whether a term is nothing but pieces among zeros."""
    return bare(old).op is place and _alone(walk, old) and old.type == like.type


def _together(walk: Walk, wholes: list[Node], add_up: bool) -> list[Node]:
    """The pieces of several arrays in one, those of one slice added up where that may be; then the
    arrays whose pieces overlap others.
    """
    found = dict(_pieces(wholes[0]))
    left: list[Node] = []
    for whole in wholes[1:]:
        pieces = dict(_pieces(whole))
        fresh = [where for where in pieces if where not in found]
        if not _fits(found, fresh) or (len(fresh) < len(pieces) and not add_up):
            left.append(whole)
            continue
        for where, piece in pieces.items():
            known = found.get(where)
            found[where] = piece if known is None else _added(walk, known, piece)
    return wholes[:] if len(left) == len(wholes) - 1 else [_array(walk, wholes[0], found), *left]


def _fits(found: Mapping[Where, Node], fresh: Sequence[Where]) -> bool:
    """Whether slices share no element with those that are known; points that differ do not."""
    if len(found) + len(fresh) > MOST:
        return False
    if all(where.is_point for where in (*found, *fresh)):
        return True
    return all(where.is_apart(other) for where in fresh for other in found)


def _array(walk: Walk, like: Node, found: Mapping[Where, Node]) -> Node:
    known = all(isinstance(start, int) for where in found for start in where.starts)
    order = sorted(found, key=lambda where: where.starts) if known else list(found)
    starts, steps = tuple(w.starts for w in order), tuple(w.steps for w in order)
    attrs = {"shape": like.shape, "starts": starts, "steps": steps}
    return walk.graph.add(place, tuple(found[where] for where in order), attrs)


def _added(walk: Walk, a: Node, b: Node) -> Node:
    """The sum of two pieces; numbers are added before they are looked at as pieces."""
    alike = a.op is b.op and a.attrs == b.attrs and isinstance(a.op.spell, (View, Reshape))
    if not alike or a.args[0].type != b.args[0].type:
        return walk.graph.add(add, (a, b))
    return walk.graph.add(a.op, (_added(walk, a.args[0], b.args[0]),), a.attrs)


def _pieces(whole: Node) -> Iterator[tuple[Where, Node]]:
    starts, steps = whole.attrs["starts"], whole.attrs["steps"]
    for piece, start, step in zip(whole.args, starts, steps, strict=True):
        yield Where(start, step, piece.shape), piece


# Note [Zeros]
#
# What is laid beside another piece is not added to anything, and bits stay as they are: x + 0 is x
# but for the sign of zero: -0 + 0 is 0, and a piece keeps its -0. So this is done among gradients
# alone, where nobody asks for that sign.
