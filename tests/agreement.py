"""What a compiled graph gives, held against what the interpreter gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

import graphc as gr
from graphc.compile import assemble, transform
from graphc.graph import INPUT, PARAM, STATE, Graph, Node
from graphc.interpret import evaluate
from graphc.joint import Joint
from graphc.order import Order
from graphc.runtime.arena import State, leaves_of
from graphc.runtime.program import Program, Shape

TOLERANCE = {"f32": 2e-3, "f64": 1e-8}
Feeds = Mapping[str, Any]


class Case:
    """Outputs, with gradients of the first one, and the program that gives them."""

    def __init__(self, outputs: Sequence[Node], wrt: Iterable[Node] = (), **options: Any) -> None:
        self.graph, self.outputs = outputs[0].graph, list(outputs)
        self.wrt = list(dict.fromkeys(wrt))
        slopes = gr.grad(outputs[0], self.wrt, disconnected="zero") if self.wrt else []
        self.roots = [*self.outputs, *slopes]
        options = {"jit": False, "disconnected": "zero", **options}
        self.program = gr.compile(self.outputs, wrt=self.wrt, **options)

    def wanted(self, feeds: Feeds) -> list[np.ndarray]:
        """The outputs, then the gradients, by the interpreter, which runs all that wrt needs."""
        found = evaluate([*self.roots, *self.wrt], values(self.graph, feeds, self.program.params))
        return [found[n] for n in self.roots]

    def check(self, feeds: Feeds) -> None:
        """Outputs and gradients of one call."""
        found = self.program(feeds)
        outputs, slopes = found if self.wrt else (found, {})
        self.compare([*outputs, *slopes.values()], self.wanted(feeds))

    def check_apart(self, feeds: Feeds) -> None:
        """The same from the two sweeps apart, a call of both between them."""
        wanted, count = self.wanted(feeds), len(self.outputs)
        self.compare(self.program.forward(feeds), wanted[:count])
        self.program(feeds)
        for upstream in (1.0, 3.0):
            slopes = [v / upstream for v in self.program.backward(upstream).values()]
            self.compare(slopes, wanted[count:], self.roots[count:])

    def compare(
        self, found: Iterable[Any], wanted: Sequence[np.ndarray], nodes: Sequence[Node] = ()
    ) -> None:
        """Each found value is the wanted one, in shape and type too."""
        pairs = zip(found, wanted, strict=True)
        for n, (ours, theirs) in enumerate(pairs):
            compare(ours, theirs, (nodes or self.roots)[n].label, tolerance(self.graph))


class Stepped:
    """Outputs and new values of states, and the step that computes and stores them."""

    def __init__(
        self, updates: Mapping[Node, Node], outputs: Sequence[Node] = (), **options: Any
    ) -> None:
        self.updates, self.outputs = dict(updates), list(outputs)
        self.graph = next(iter(updates)).graph
        self.state = State(leaves_of(self.graph), 0)
        order = Order(without=frozenset(options.pop("without", ())), **{"jit": False, **options})
        done = transform(Joint(self.graph, tuple(outputs), updates=self.updates), order)
        names = tuple(f"output{i}" for i in range(len(self.outputs)))
        shape = Shape(names, (), False)
        self.program: Program = assemble(self.graph, done, order, shape, self.state)

    def wanted(self, feeds: Feeds) -> dict[Node, Any]:
        """The outputs, the new values and the old ones, by the interpreter."""
        known = values(self.graph, feeds, self.state)
        return {**known, **evaluate([*self.outputs, *self.updates.values()], known)}

    def check(self, feeds: Feeds | None = None) -> None:
        """One step: the outputs, and every state after it, are the interpreter's."""
        wanted, most = self.wanted(feeds or {}), tolerance(self.graph)
        for node, ours in zip(self.outputs, self.program(feeds or {}), strict=True):
            compare(ours, wanted[node], node.label, most)
        for name in self.state:
            node = self.graph[name]
            compare(self.state[name], wanted[self.updates.get(node, node)], node.label, most)


def values(graph: Graph, feeds: Feeds, state: Mapping[str, Any]) -> dict[Node, Any]:
    """Every leaf's value but the constants'."""
    held = [*graph.leaves(PARAM), *graph.leaves(STATE)]
    fed = {n: feeds[n.name] for n in graph.leaves(INPUT) if n.name in feeds}
    return {**fed, **{n: np.array(state[n.name or ""]) for n in held}}


def tolerance(graph: Graph) -> float:
    """What rounding may do in the least precise type of a graph."""
    types = {t.dtype for n in graph.nodes for t in n.types}
    return TOLERANCE["f32" if "f32" in types else "f64"]


def compare(ours: Any, theirs: np.ndarray, label: str, most: float) -> None:
    """The values are close, of one shape and, where they have axes, of one type."""
    np.testing.assert_allclose(ours, theirs, rtol=most, atol=most, err_msg=label)
    assert np.shape(ours) == theirs.shape, label
    assert np.ndim(ours) == 0 or ours.dtype == theirs.dtype, label
