"""Nodes to identifiers: the user's names where there are any, `d_` before what a gradient belongs to, else the operation.

A sum of gradient terms keeps one name while it grows, so that its lines read `d_x = ...` and `d_x += ...`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graphc.emit.names import Names
from graphc.graph import Graph, Node
from graphc.ops.spell import Check
from graphc.plan.access import resolve
from graphc.plan.plan import Part

LONGEST = 18


class Idents:
    """The identifiers of one module: the same for all its kernels, deterministic in the order of the graph."""

    def __init__(self, graph: Graph, names: Names, nodes: Iterable[Node]) -> None:
        self.graph, self.names = graph, names
        self.known: dict[Node, str] = {}
        ordered = sorted(nodes, key=lambda n: n.index)
        for node in ordered:
            if node.is_leaf or node.name is not None:
                self.known[node] = names.fresh(node.name or "constant")
        for node in ordered:
            self(node)

    def __call__(self, node: Node) -> str:
        """The identifier of a node."""
        while isinstance(node.op.spell, Check):
            node = resolve(node.args[0]).base
        if node not in self.known:
            self.known[node] = self._growing(node) or self.names.fresh(self._wanted(node))
        return self.known[node]

    def _growing(self, node: Node) -> str | None:
        """The name of the partial sum that this sum goes on with, where nothing else reads that."""
        if node.op.name != "add" or node not in self.graph.gradients:
            return None
        older = node.args[0]
        same = self.graph.gradients.get(older) == self.graph.gradients[node]
        return self(older) if same and len(self.graph.readers(older)) == 1 and not node.shape else None

    def _wanted(self, node: Node) -> str:
        if node in self.graph.gradients:
            return "d_" + self._of(self.graph.gradients[node][0])
        first = next((self._of(a) for a in node.args if not a.op.name == "const"), "")
        return f"{node.op.name}_{first}"[:LONGEST].rstrip("_")

    def _of(self, node: Node) -> str:
        base = resolve(node).base
        return self.known.get(base) or node.name or (node.op.name if node.is_leaf else self._wanted(base))


def shared_names(part: Part, ident: Idents) -> Mapping[Node, str]:
    """For debugging: every place of a part and its name."""
    return {node: ident(node) for node in part.slots}
