"""Nodes to identifiers: the user's names where there are any, `d_` before what a gradient belongs
to, else the operation.

A sum of gradient terms keeps one name while it grows, so that its lines read `d_x = ...` and
`d_x += ...`.
"""

from __future__ import annotations

from collections.abc import Iterable

from graphc.emit.names import Names
from graphc.graph import Graph, Node
from graphc.plan.access import in_order, is_view, unchecked
from graphc.written import is_at

LONGEST = 24
FAR = 40
"""How many stages back a name is looked for."""

OPERATIONS = {"product": "matmul"}


class Idents:
    """The identifiers of one module: the same for all its kernels, deterministic in the order of
    the graph.
    """

    def __init__(
        self, graph: Graph, names: Names, nodes: Iterable[Node], registers: set[Node]
    ) -> None:
        self.graph, self.names, self.registers = graph, names, registers
        self.known: dict[Node, str] = {}
        self.taken: set[str] = set()
        ordered = sorted(nodes, key=lambda n: n.index)
        for node in ordered:
            if node.is_leaf or node.name is not None:
                self._call(node, names.fresh(node.name or "constant"))
        for node in [n for n in ordered if n not in registers] + ordered:
            self(node)

    def __call__(self, node: Node) -> str:
        """The identifier of a node."""
        node = unchecked(node)
        if node not in self.known:
            self._call(node, self._growing(node) or self._fresh(node))
        return self.known[node]

    def _call(self, node: Node, name: str) -> None:
        self.known[node] = name
        self.taken.add(name)

    def _growing(self, node: Node) -> str | None:
        """The name of the partial sum that this sum goes on with, where nothing else reads that."""
        if node.op.name != "add" or node not in node.graph.gradients:
            return None
        older = node.args[0]
        if older is node.args[1]:
            return None
        same = node.graph.gradients.get(older) == node.graph.gradients[node]
        alike = same and len(node.graph.readers(older)) == 1 and {node, older} <= self.registers
        return self(older) if alike else None

    def _fresh(self, node: Node) -> str:
        """The wanted name; an element of what has a buffer of that name gets the loops' letters
        behind it.
        """
        wanted = self._wanted(node)
        element = node in self.registers and node.shape and wanted in self.taken
        return self.names.fresh(f"{wanted}_{'ijkl'[: node.ndim]}" if element else wanted)

    def _wanted(self, node: Node) -> str:
        if node.name is None and node not in node.graph.gradients:
            node = self._seen_as(node)
        if node in node.graph.gradients:
            return shortened(f"d_{self._called(node.graph.gradients[node][0])}")
        return shortened(self._called(node))

    def _seen_as(self, node: Node) -> Node:
        """A view of all of it that has a name or is a gradient, for a value that has none."""
        for view in node.graph.readers(node):
            told = view.name is not None or view in view.graph.gradients
            if told and is_view(view) and in_order(view):
                return view
        return node

    def _called(self, node: Node) -> str:
        """A node's name; else its hint, else its operation, on the first named value that it is
        made of.
        """
        if node.name is not None or node in self.known:
            return self._known(node)
        if is_at(node) and node.args[0].args[0].name is not None:
            return self._at(node.args[0], node.attrs["axis"])
        origin = self._origin(node)
        what = node.graph.hints.get(node) or OPERATIONS.get(node.op.name, node.op.name)
        return f"{what}_{self._known(origin)}" if origin is not None else what

    def _known(self, node: Node) -> str:
        """What a node is called already; in a graph that a stage runs without a number, for its
        kernel has names of its own (graphc.emit.local).
        """
        found = self.known.get(node) or str(node.name)
        return found if node.graph is self.graph else self.names.root(found)

    def _at(self, part: Node, axes: Iterable[int]) -> str:
        """`rates_at_2` for rates[2]."""
        places = (str(part.attrs["starts"][axis]) for axis in axes)
        return "_".join((self._called(part.args[0]), "at", *places))

    def _origin(self, node: Node) -> Node | None:
        """The first named value among what a node is made of, its first arguments first."""
        stack, seen = list(reversed(node.args)), 0
        while stack and seen < FAR:
            arg = stack.pop()
            seen += 1
            if arg.name is not None:
                return arg
            stack += reversed(arg.args)
        return None


def shortened(name: str) -> str:
    """A name of whole words, as many as there is room for; a single long one is cut."""
    if len(name) <= LONGEST:
        return name
    words = name[: LONGEST + 1].rpartition("_")[0]
    return words if len(words) > LONGEST // 2 else name[:LONGEST].rstrip("_")
