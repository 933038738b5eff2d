"""A graph beside another, in which something is built before it is known what of it is wanted.

Stages of the other graph are read in a draft like its own; what they are computed of comes along.
What lands in the other graph is what the results need, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from types import MappingProxyType
from typing import Any

from graphc.errors import GraphError
from graphc.graph import CONST, INPUT, Graph, Node
from graphc.types import Type


class Draft(Graph):
    """A graph whose stages may read those of `below`.

    `origin` tells for a stage of the draft which one of `below` it is.
    """

    below: Graph

    def __init__(self, below: Graph) -> None:
        super().__init__(below.title, dtype=below.dtype)
        self.below = below
        self.sharing = below.sharing
        self.origin: dict[Node, Node] = {}
        self._taken: dict[Node, Node] = {}

    def node(self, node: Node | str) -> Node:
        """A stage of the draft, given itself, by its name, or as a stage of the graph below."""
        if isinstance(node, str):
            return self[node] if node in self else self.own(self.below.node(node))
        return super().node(self.own(node) if isinstance(node, Node) else node)

    def own(self, node: Node) -> Node:
        """A stage as the draft has it: one of the graph below with all that it is computed of."""
        if node.graph is self:
            return node
        node = self.below.own(node)
        for stage in _missing(node, self._taken):
            self._take(stage)
        return self._taken[node]

    def _take(self, stage: Node) -> None:
        args = tuple(self._taken[a] for a in stage.args)
        taken = Node(
            self, stage.op, args, stage.attrs, stage.types, len(self._nodes), stage.where,
            stage.scope, None,
        )  # fmt: skip
        self._link(taken)
        self._taken[stage], self.origin[taken] = taken, stage
        for name in self.below.names_of(stage):
            self._named.setdefault(name, taken)
            self._names[taken] = (*self._names.get(taken, ()), name)

    def stand_in(self, node: Node) -> Node:
        """A leaf for a stage of the graph below: nothing of what that is computed of comes along; a
        constant comes as it is.
        """
        if node.op is CONST:
            return self.own(node)
        leaf = self.leaf(node.type)
        self.origin[leaf] = node
        return leaf

    def leaf(self, type: Type) -> Node:
        """A new leaf without a name, equal to no other."""
        before, self.sharing = self.sharing, False
        try:
            return self.add(INPUT, (), MappingProxyType({"type": type}))
        finally:
            self.sharing = before


def _missing(node: Node, known: Mapping[Node, Node]) -> list[Node]:
    """The stages that `node` needs and that are not known, in order."""
    found, stack = {node}, [node]
    while stack:
        fresh = [a for a in stack.pop().args if a not in found and a not in known]
        found.update(fresh)
        stack += fresh
    return sorted((n for n in found if n not in known), key=lambda n: n.index)


Visit = Callable[["Landing", Node, tuple[Node, ...]], Node | tuple[Node, ...] | None]
"""What becomes of one stage, its arguments built: a stage, the results of one of several results,
or None for the same operation again."""


class Landing:
    """Stages built again in a graph, with others in the place of some.

    `to` says at first what is given, in the end what became of each stage; `several` has the
    results of stages of several results. `own`: new stages keep the lines and the backward stage
    of those they are built for, else they take those that the graph is told.
    """

    def __init__(
        self, into: Graph, to: Mapping[Node, Node], visit: Visit | None = None, *, own: bool = True
    ) -> None:
        self.into, self.to, self.visit, self.own = into, dict(to), visit, own
        self.several: dict[Node, tuple[Node, ...]] = {}

    def __call__(self, outputs: Iterable[Node]) -> list[Node]:
        """What becomes of the outputs."""
        outputs = list(outputs)
        for node in self._order(outputs):
            self._land(node)
        return [self.to[n] for n in outputs]

    def _order(self, outputs: Sequence[Node]) -> list[Node]:
        """What the outputs need and is not given, in order."""
        found = {n for n in outputs if n not in self.to}
        stack = list(found)
        while stack:
            fresh = [a for a in stack.pop().args if a not in found and a not in self.to]
            found.update(fresh)
            stack += fresh
        return sorted(found, key=lambda n: n.index)

    def _land(self, node: Node) -> None:
        with self._told(node), self._scope(node):
            made = self._made(node)
        if isinstance(made, tuple):
            self.several[node] = made
            self.to[node] = made[0]
            return
        self.to[node] = made
        if self.own and made.graph is not node.graph:
            self._name(node, made)

    def _made(self, node: Node) -> Node | tuple[Node, ...]:
        if node.args and node.args[0] in self.several:
            return self.several[node.args[0]][node.attrs["index"]]
        args = tuple(self.to[a] for a in node.args)
        made = self.visit(self, node, args) if self.visit is not None else None
        return self.again(node, args) if made is None else made

    def again(self, node: Node, args: tuple[Node, ...]) -> Node:
        """The same operation on these arguments; the stage itself where nothing is new."""
        if node.graph is self.into and args == node.args:
            return node
        if node.op is CONST:
            return self.into.constant(node.value, node.dtype)
        return self.into.add(node.op, args, node.attrs)

    def _told(self, node: Node) -> Any:
        if not self.own:
            return nullcontext()
        stage = node.backward_of
        return self.into.told(node.where, self._heir(stage) if stage is not None else None)

    def _heir(self, stage: Node) -> Node | None:
        """What became of a forward stage, itself where it is of this graph."""
        return self.to.get(stage, stage if stage.graph is self.into else None)

    def _scope(self, node: Node) -> Any:
        fresh = self.own and node.scope and node.graph is not self.into
        return self.into.scope(node.scope) if fresh else nullcontext()

    def _name(self, node: Node, made: Node) -> None:
        """Names that were given in a draft, where they are free, and what it is the gradient of."""
        for name in node.graph.names_of(node):
            with suppress(GraphError):
                self.into.name(**{name: made})
        for stage in node.graph.gradients.get(node, ()):
            if stage in self.to:
                self.into.belongs(made, self.to[stage])


def lean(function: Callable[..., Any], *nodes: Node) -> Any:
    """`function(*nodes)`, a stage or a tuple of stages and Nones, of which only what is needed is
    built.

    The function sees leaves of the same types; constants it sees as they are.
    """
    graph = nodes[0].graph
    draft = Draft(graph)
    draft.sharing = True
    made = function(*map(draft.stand_in, nodes))
    found = made if isinstance(made, tuple) else (made,)
    wanted = [n for n in found if n is not None]
    landed = dict(zip(wanted, Landing(graph, draft.origin, _bare, own=False)(wanted), strict=True))
    results = tuple(None if n is None else landed[n] for n in found)
    return results if isinstance(made, tuple) else results[0]


def _bare(landing: Landing, node: Node, args: tuple[Node, ...]) -> Node | None:
    """What is only another name for a value is left out."""
    return args[0] if node.op.effect == "name" else None
