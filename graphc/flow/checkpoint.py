"""A long scan as a scan of scans: what a backward sweep finds are the carries between blocks, and
the steps of a block are run again when it goes back through them.

With blocks of the square root of the length, the tape holds as many steps as the root, twice.
Source: Chen, Xu, Zhang, Guestrin 2016, "Training deep nets with sublinear memory cost".
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

from graphc.flow.bodies import Body
from graphc.flow.tangents import unused_key
from graphc.graph import INPUT, Graph, Node, Op, graph_of
from graphc.ops.several import taken_apart
from graphc.ops.shaping.layout import reshape
from graphc.ops.shaping.pieces import concat, part
from graphc.types import Dim, Type

LEAST = 4
"""A scan of fewer steps is not worth blocks."""


class Blocks:
    """A scan over `length` steps as one over blocks of `block` steps, and one over the rest.

    The blocks are those that are run first; the rest are the rows that are run last.
    """

    def __init__(
        self, op: Op, args: Sequence[Node], *, body: Graph, carries: int, rows: int, length: int,
        reverse: bool, key: int, again: bool = False, block: int = 0,
    ) -> None:  # fmt: skip
        self.op, self.body, self.carries, self.reverse = op, body, carries, reverse
        self.graph = graph_of(*args)
        self.begin, self.rows = list(args[:carries]), list(args[carries : carries + rows])
        self.held, self.length = list(args[carries + rows :]), length
        self.block = block or max(isqrt(length), 1)
        self.count, self.rest = divmod(length, self.block)

    def results(self) -> tuple[Node, ...]:
        """The results of the scan: carries, then stacked rows."""
        first = self._scanned(self._outer(), self.begin, self._stacked(), self.count, True)
        carry, ys = first[: self.carries], [_joined(y) for y in first[self.carries :]]
        if not self.rest:
            return (*carry, *ys)
        last = self._scanned(self.body, carry, self._slice(False), self.rest, False)
        pairs = zip(ys, last[self.carries :], strict=True)
        joined = [concat((y, z) if not self.reverse else (z, y)) for y, z in pairs]
        return (*last[: self.carries], *joined)

    def _slice(self, blocks: bool) -> list[Node]:
        """The rows that belong to blocks, or the rest."""
        many = self.count * self.block
        begin = (self.rest if blocks else 0) if self.reverse else (0 if blocks else many)
        size = many if blocks else self.rest
        return [
            part(x, (begin, *(0 for _ in x.shape[1:])), (size, *x.shape[1:])) for x in self.rows
        ]

    def _stacked(self) -> list[Node]:
        shape = (self.count, self.block)
        return [reshape(x, (*shape, *x.shape[1:])) for x in self._slice(True)]

    def _outer(self) -> Graph:
        """The graph that runs one block."""
        place = Body(self.graph, self.body.title)
        place.graph.below = None
        inputs = self.body.leaves(INPUT)
        types = [n.type for n in inputs]
        end = self.carries + len(self.rows)
        types[self.carries : end] = [_longer(t, self.block) for t in types[self.carries : end]]
        leaves = place.inputs([n.name or "x" for n in inputs], types)
        begin, rows, held = leaves[: self.carries], leaves[self.carries : end], leaves[end:]
        found = self._run(place.graph, self.body, begin, rows, held, self.block, False)
        return place.finish({f"carry{k}": n for k, n in enumerate(found)})

    def _scanned(
        self, body: Graph, begin: Sequence[Node], rows: Sequence[Node], length: int, again: bool
    ) -> tuple[Node, ...]:
        return self._run(self.graph, body, begin, rows, self.held, length, again)

    def _run(
        self, graph: Graph, body: Graph, begin: Sequence[Node], rows: Sequence[Node],
        held: Sequence[Node], length: int, again: bool,
    ) -> tuple[Node, ...]:  # fmt: skip
        attrs = dict(
            body=body, carries=self.carries, rows=len(self.rows), length=length,
            reverse=self.reverse, key=unused_key(graph), again=again,
        )  # fmt: skip
        node = graph.add(self.op, (*begin, *rows, *held), attrs)
        return taken_apart(node) if len(node.types) > 1 else (node,)


def _longer(type: Type, block: Dim) -> Type:
    return Type(type.dtype, (block, *type.shape))


def _joined(stacked: Node) -> Node:
    """Blocks of rows as rows."""
    return reshape(stacked, (-1, *stacked.shape[2:]))
