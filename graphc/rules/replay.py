"""A joint goes in, one over a new graph with some stages replaced comes out: every pass is one.

The old graph is never changed. The new one holds what the roots need, in the old order, with every
name, line, scope and forward stage. Notes: [Two walks], [Stages that nothing computes], [Parts].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphc.errors import GraphError
from graphc.graph import CONST, INPUT, Graph, Node
from graphc.joint import Joint
from graphc.place import Place

Visit = Callable[["Walk", Node, tuple[Node, ...]], Node | None]
"""What a pass makes of one stage, its arguments built: a stage of `walk.graph`; None copies."""

FOLLOWED = ("assert", "print")
"""Effects that happen even where nobody reads the value."""

SMALL = 256
"""Constants of at most so many elements are merged by their bits when they are copied."""


def replay(
    joint: Joint, visit: Visit | None = None, *, share: bool = False, effects: bool = True
) -> Joint:
    """The joint over a new graph, each stage copied or replaced by what `visit` answers.

    `share` merges equal stages; `effects` keeps asserting and printing stages that no root needs.
    Raises GraphError (G902) when a stage would be replaced by one of another type.
    """
    checks = [n for n in joint.graph.nodes if n.op.effect in FOLLOWED] if effects else []
    walk = Walk(joint, needed((*joint.roots, *checks)), visit, share)
    walk.run()
    if walk.is_exact:
        return Outcome(walk, walk.graph, walk.to, walk.to, walk.parts).joint()
    return tidied(walk, [walk.to[n] for n in checks]).joint()


def tidied(first: Walk, checks: Sequence[Node] = ()) -> Outcome:
    """The second walk copies what the first one left in use, with the lines it stands for."""
    rough = first.joint.moved(first.graph, first.to)
    alive = needed((*rough.roots, *checks))
    heirs = _heirs(first, set(alive))
    second = Walk(rough, alive, None, False, _lines(heirs))
    second.run()
    hints = first.graph.hints.items()
    second.graph.hints = {second.to[n]: text for n, text in hints if n in second.to}
    to = {
        old: second.to[new]
        for old, new in first.to.items()
        if new in second.to and old not in first.swallowed
    }
    final = {old: second.to[heir] for old, heir in heirs.items()}
    parts = {
        second.to[p]: second.to[w]
        for p, w in first.parts.items()
        if p in second.to and w in second.to
    }
    return Outcome(first, second.graph, to, final, parts)


class Replayed(Graph):
    """A graph that a pass made; `merged` tells which stage swallowed the one of a name."""

    def __init__(self, title: str = "graph", *, dtype: Any = "float64") -> None:
        super().__init__(title, dtype=dtype)
        self.merged: dict[str, Node] = {}


def needed(roots: Iterable[Node]) -> list[Node]:
    """All that the roots need, and the forward stages those belong to, in order of creation."""
    stack = list(roots)
    found = set(stack)
    while stack:
        node = stack.pop()
        for other in (*node.args, node.backward_of):
            if other is not None and other not in found:
                found.add(other)
                stack.append(other)
    return sorted(found, key=lambda n: n.index)


class Walk:
    """One walk over a joint's stages that builds another graph: what was built, from what."""

    def __init__(
        self,
        joint: Joint,
        order: Sequence[Node],
        visit: Visit | None,
        share: bool,
        lines: Mapping[Node, tuple[Place, ...]] | None = None,
    ) -> None:
        self.joint, self.order, self.visit, self.share = joint, order, visit, share
        self.lines = lines or {}
        self.graph = Replayed(joint.graph.title, dtype=joint.graph.dtype)
        self.to: dict[Node, Node] = {}
        self.origins: dict[Node, list[Node]] = {}
        self.parts: dict[Node, Node] = {}
        self.swallowed: set[Node] = set()
        self.replaced = False

    def run(self) -> None:
        """Build a stage for each one, in order."""
        for node in self.order:
            self.step(node)

    def step(self, node: Node) -> None:
        """Build a stage for this one."""
        backward_of = self.to.get(node.backward_of) if node.backward_of is not None else None
        with self._scope(node), self.graph.told(self.lines.get(node, node.where), backward_of):
            new = self._built(node, tuple(self.to[a] for a in node.args))
        self.to[node] = new
        self.origins.setdefault(new, []).append(node)

    def swallow(self, node: Node, into: Node) -> None:
        """Note that a stage is within another one, and that its value is there no more."""
        self.to[node] = into
        self.swallowed.add(node)

    def _scope(self, node: Node) -> Any:
        return self.graph.scope(node.scope) if node.scope else nullcontext()

    def _built(self, node: Node, args: tuple[Node, ...]) -> Node:
        new = self.visit(self, node, args) if self.visit is not None else None
        if new is None:
            return self.copy(node, args)
        if new.types != node.types:
            old, other = (", ".join(map(str, n.types)) for n in (node, new))
            raise GraphError(
                f"a pass would replace {old} by {other}", subject=node.label, code="G902"
            )
        self.replaced |= new.op is not node.op or new.args != args
        return new

    def copy(self, node: Node, args: tuple[Node, ...]) -> Node:
        """The same operation on these arguments; equal constants of moderate size become one."""
        if node.op is CONST and node.value.size <= SMALL:
            return self.graph.constant(node.value, node.dtype)
        attrs = {k: self.inside(v) for k, v in node.attrs.items()}
        free = node not in self.kept and (node.op is CONST or not node.is_leaf)
        self.graph.sharing = self.share and free
        try:
            return self.graph.add(node.op, args, attrs)
        finally:
            self.graph.sharing = False

    def inside(self, attr: Any) -> Any:
        """An attribute: a graph that the stage runs goes through the same pass."""
        return self._region(attr) if isinstance(attr, Graph) else attr

    def _region(self, region: Graph) -> Graph:
        inner = Joint(region, tuple(region.outputs.values()), wrt=tuple(region.leaves(INPUT)))
        return replay(inner, self.visit, share=self.share).graph

    @property
    def is_exact(self) -> bool:
        """Whether each stage became one of its own and none was built besides."""
        return not self.replaced and len(self.origins) == len(self.order) == len(self.graph)

    @cached_property
    def readers(self) -> dict[Node, list[Node]]:
        """For each old stage those that read it, among the ones walked over."""
        found: dict[Node, list[Node]] = {node: [] for node in self.order}
        for node in self.order:
            for arg in dict.fromkeys(node.args):
                found.setdefault(arg, []).append(node)
        return found

    @cached_property
    def kept(self) -> set[Node]:
        """The old stages that gradients and new values are told by; each stays one of its own."""
        return {*self.joint.wrt, *self.joint.gradients, *self.joint.updates}

    @cached_property
    def fences(self) -> set[Node]:
        """The old stages whose value somebody outside asks for."""
        return set(self.joint.roots)


def _heirs(walk: Walk, alive: set[Node]) -> dict[Node, Node]:
    """For each old stage the new one it became, or else the one that its first reader became."""
    heirs: dict[Node, Node] = {}
    for node in reversed(walk.order):
        new: Node | None = walk.to[node]
        if new not in alive:
            new = next((heirs[r] for r in walk.readers[node] if r in heirs), None)
        if new is not None:
            heirs[node] = new
    return heirs


def _lines(heirs: Mapping[Node, Node]) -> dict[Node, tuple[Place, ...]]:
    """The lines of all the stages that a new one inherits from, its own first."""
    found: dict[Node, dict[Place, None]] = {new: dict.fromkeys(new.where) for new in heirs.values()}
    for old, new in sorted(heirs.items(), key=lambda item: item[0].index):
        if new.op is not CONST:
            found[new].update(dict.fromkeys(old.where))
    return {new: tuple(lines) for new, lines in found.items()}


@dataclass(frozen=True)
class Outcome:
    """What a pass has built, before it is told all that the old graph knew beside its stages.

    `to` has the old stages whose value is still there, `heirs` also those that were swallowed.
    """

    walk: Walk
    graph: Replayed
    to: Mapping[Node, Node]
    heirs: Mapping[Node, Node]
    parts: Mapping[Node, Node]

    def joint(self) -> Joint:
        """The joint of the new graph."""
        old = self.walk.joint.graph
        self._name(old)
        self._belong(old)
        self.graph.outputs = {name: self.to[n] for name, n in old.outputs.items() if n in self.to}
        self.graph.part_of = self._part_of(old.part_of)
        for mine, theirs in ((self.graph.texts, old.texts), (self.graph.hints, old.hints)):
            for node, text in theirs.items():
                if node in self.to:
                    mine.setdefault(self.to[node], text)
        return self.walk.joint.moved(self.graph, self.to)

    def _name(self, old: Graph) -> None:
        before: Mapping[str, Node] = getattr(old, "merged", {})
        self.graph.merged = {name: self.heirs[n] for name, n in before.items() if n in self.heirs}
        for node in self.walk.order:
            for name in old.names_of(node):
                if node in self.to:
                    self.graph.name(**{name: self.to[node]})
                elif node in self.heirs:
                    self.graph.merged[name] = self.heirs[node]

    def _belong(self, old: Graph) -> None:
        for node in self.walk.order:
            for into in old.gradients.get(node, ()):
                if node in self.to and into in self.to:
                    self.graph.belongs(self.to[node], self.to[into])

    def _part_of(self, before: Mapping[Node, Node]) -> dict[Node, Node]:
        """The parts made by this walk and earlier ones, with the outermost stage of each."""
        to, heirs = self.to, self.heirs
        ordered = sorted(before.items(), key=lambda item: -item[0].index)  # the first part is last
        whole = {to[p]: heirs[w] for p, w in ordered if p in to and w in heirs}
        whole.update((p, w) for p, w in self.parts.items() if p not in whole)
        stages = {
            to[n] for n in self.walk.order if n in to and n not in before and n.backward_of is None
        }
        return {p: _outermost(w, whole) for p, w in whole.items() if p not in stages}


def _outermost(node: Node, whole: Mapping[Node, Node]) -> Node:
    while (outer := whole.get(node, node)) is not node:
        node = outer
    return node


# Note [Two walks]
#
# A pass that replaces a stage leaves behind what only that stage read, and lines of merged stages
# are known only when all are built, while a node can never change. So where the first walk left
# anything behind, a second one copies what is in use, and gives every stage the lines of all that
# it stands for. Where a pass changed nothing there is one walk.

# Note [Stages that nothing computes]
#
# A gradient may need less than the value whose gradient it is: that of a + b does not need a + b.
# Each term still belongs to that stage, so the stage stays in the graph, though not among what the
# roots need: `graph.order(*joint.roots)` is what will be computed, `graph.nodes` has such stages
# besides.

# Note [Parts]
#
# The definition of an operation is several stages; the last of them is the stage itself, the others
# are its parts: graph.part_of has for each the outermost stage that it is a part of. A part that
# sharing merged with a forward stage of its own is no part: it is that stage.
