"""The staged chain rule: from a scalar stage, one backward stage for every forward stage, last
stage first.

Every term of a gradient is tied to the forward stage that it came through (`node.backward_of`), and
gradients add up
where a value forks. Broadcasting is undone here, once. The result is ordinary nodes, so gradients
have gradients.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from graphc.errors import DTypeError, GraphError, ShapeError, UsageError
from graphc.graph import FUNCTIONS, Graph, Node, Op, declare, graph_of
from graphc.node import is_below
from graphc.ops.elementwise.arith import Masked, add, where, zeros_like
from graphc.ops.several import taken_apart
from graphc.ops.spell import Along, Each, Result, View
from graphc.ops.stacked import repeating
from graphc.types import shape_text

alias = declare(
    Op(
        "alias",
        lambda x: x,
        View(lambda x, y: tuple(map(Along, range(x.rank)))),
        lambda x: np.asarray(x),
        lambda g, y, x: (g,),
        "{}",
        effect="name",
        batch=repeating,
    )
)
"""The same value under another name: what an addition does to a gradient."""


def bare(node: Node) -> Node:
    """A value without the names that gradients give it."""
    while node.op is alias:
        (node,) = node.args
    return node


def grad(of: Node, wrt: Sequence[Node | str] | Node | str, *, disconnected: str = "error") -> Any:
    """The gradients of a scalar stage, one symbolic node for each of `wrt` (alone for a single
    one).

    `disconnected`: "error" raises GraphError for a `wrt` that `of` does not depend on, "zero" gives
    zeros.
    Raises ShapeError when `of` is not a scalar, DTypeError when a `wrt` or `of` is not float.
    Source: staged backpropagation as in the CS231n notes, "Backpropagation, Intuitions".
    """
    end = graph_over(of, wrt).node(of)
    nodes, single = wrt_of([end], wrt)
    found = backward(end, nodes, disconnected=disconnected)
    return found[0] if single else found


def vjp(
    outputs: Sequence[Node | str] | Node,
    wrt: Sequence[Node | str] | Node | str,
    cotangents: Any = None,
    *,
    disconnected: str = "error",
) -> Any:
    """The products of cotangents with the Jacobians: for each of `wrt` the sum over outputs of
    cotangent times d(output) / d(wrt), a symbolic node of the shape of that `wrt` (alone for a
    single one).

    A cotangent, one for each output, is a stage or an array of the output's shape, or None: 1 for
    a scalar. Raises ShapeError, DTypeError and GraphError as `grad` does.
    """
    graph = graph_over(outputs, wrt, cotangents)
    ends, lone = stages_of(graph, outputs)
    nodes, single = wrt_of(ends, wrt)
    given = vectors_for(ends, [cotangents] if lone else cotangents, "cotangent")
    sweep = Sweep(ends, nodes, given)
    sweep.run()
    found = [sweep.answer(w, disconnected) for w in nodes]
    return found[0] if single else found


def graph_over(*given: Any) -> Graph:
    """The graph that the first stage belongs to, given alone or in sequences among anything else,
    or the innermost draft of it that one of the others belongs to.
    """
    flat = [v for g in given for v in (g if isinstance(g, Sequence) else (g,))]
    graph = graph_of(next((v for v in flat if isinstance(v, Node)), None))
    for v in flat:
        graph = v.graph if isinstance(v, Node) and is_below(graph, v.graph) else graph
    return graph


def stages_of(graph: Graph, given: Sequence[Node | str] | Node | str) -> tuple[list[Node], bool]:
    """Stages of a graph, given themselves or by their names, and whether one was given alone."""
    if isinstance(given, (Node, str)):
        return [graph.node(given)], True
    return [graph.node(n) for n in given], False


def wrt_of(
    ends: Sequence[Node], given: Sequence[Node | str] | Node | str
) -> tuple[list[Node], bool]:
    """What derivatives of the ends are taken with respect to, and whether one was given alone: in
    the function of a loop or a branch, what stands there for a stage around it.

    Raises GraphError (G522) where the ends read such a stage through others around it too.
    """
    if isinstance(given, (Node, str)):
        return [_stood_for(ends, given)], True
    return [_stood_for(ends, w) for w in given], False


def _stood_for(ends: Sequence[Node], wrt: Node | str) -> Node:
    graph = ends[0].graph
    if not isinstance(wrt, Node) or not is_below(wrt.graph, graph):
        return graph.node(wrt)
    if _reads_through_others(ends, wrt):
        raise GraphError(
            "other stages around this function depend on it, so this would be a part of the "
            "derivative", subject=wrt.label, code="G522",
            hint="compute them in the function, or hand them to it and add up the derivatives",
        )  # fmt: skip
    return graph.own(wrt)


def _reads_through_others(ends: Sequence[Node], wrt: Node) -> bool:
    """Whether the ends depend on a stage of a graph around theirs by more than reading it."""
    graph, below = ends[0].graph, ends[0].graph.below
    if below is None or graph is wrt.graph:
        return False
    held, own = set(graph.order(*ends)), graph.own(wrt)
    read = [outer for outer, leaf in graph.captures.items() if leaf in held and leaf is not own]
    if not read:
        return False
    return below.own(wrt) in below.order(*read) or _reads_through_others(read, wrt)


def vectors_for(nodes: Sequence[Node], given: Any, what: str) -> list[Node | None]:
    """One vector of the shape of each node, from stages, arrays or numbers; None stays None.

    Raises UsageError for another number of them, ShapeError for another shape, DTypeError where a
    node is not float.
    """
    values = [None] * len(nodes) if given is None else list(given)
    if len(values) != len(nodes):
        raise UsageError(f"{len(nodes)} {what}s are wanted, one for each stage, not {len(values)}")
    return [_vector(n, v, what) for n, v in zip(nodes, values, strict=True)]


def _vector(node: Node, value: Any, what: str) -> Node | None:
    _check_float(node)
    if value is None:
        return None
    graph = node.graph
    vector = graph.own(value) if isinstance(value, Node) else graph.constant(value, node.dtype)
    if vector.shape != node.shape:
        raise ShapeError(
            f"its {what} has shape {shape_text(vector.shape)}, not {shape_text(node.shape)}",
            subject=node.label,
        )
    return FUNCTIONS["astype"](vector, node.dtype)


def backward(of: Node, wrt: Sequence[Node], *, disconnected: str = "error") -> list[Node]:
    """The gradients of `of` with respect to each of `wrt`, in order."""
    sweep = Sweep([of], wrt, [None])
    sweep.run()
    return [sweep.answer(w, disconnected) for w in wrt]


def _check_scalar(of: Node) -> None:
    if of.shape:
        raise ShapeError(
            f"a gradient is defined for a scalar; this stage has shape {shape_text(of.shape)}",
            subject=of.label, code="G105", hint="take gr.mean(...) or gr.sum(...) of it",
        )  # fmt: skip


def _check_float(node: Node) -> None:
    if not node.type.is_float:
        raise DTypeError(
            f"a gradient needs float values; this stage is {node.type}", subject=node.label,
            code="G202",
            hint="declare it float32 or float64, or take gr.astype(x, 'float64')",
        )  # fmt: skip


class Sweep:
    """One backward sweep: the gradient of every stage between `wrt` and the outputs, as value and
    masks still to apply. An output's `seed` is the gradient that comes from above; None: 1.
    """

    def __init__(
        self, outputs: Sequence[Node], wrt: Sequence[Node], seeds: Sequence[Node | None]
    ) -> None:
        for of, seed in zip(outputs, seeds, strict=True):
            if seed is None:
                _check_scalar(of)
        for node in (*outputs, *wrt):
            _check_float(node)
        self.outputs, self.wrt, self.seeds = tuple(outputs), tuple(wrt), tuple(seeds)
        self.graph: Graph = self.outputs[0].graph
        self.order = self.graph.order(*self.outputs)
        self.between = _between(self.order, self.wrt)
        self.steep = _steep(self.order, self.between)
        self.found: dict[Node, Node] = {}
        self.several: dict[Node, dict[int, Node]] = {}
        self.pending: dict[Node, tuple[Node, tuple[Node, ...]]] = {}
        self.sharing = self.graph.sharing

    def run(self) -> None:
        """Walk the stages from the last to the first."""
        self.graph.sharing = True
        try:
            for of, seed in zip(self.outputs, self.seeds, strict=True):
                with self.graph.told(of.where, of):
                    self._start(of, seed)
            for stage in reversed(self.order):
                reached = stage in self.found or stage in self.several
                if reached and any(a in self.between for a in stage.args):
                    with self.graph.told(stage.where, stage):
                        self._through(stage)
        finally:
            self.graph.sharing = self.sharing

    def _start(self, of: Node, seed: Node | None) -> None:
        part = FUNCTIONS["full_like"](of, 1) if seed is None else seed
        self.found[of] = self._own(add(self.found[of], part) if of in self.found else part, of)

    def _through(self, stage: Node) -> None:
        if stage.op.vjp is None:
            return
        if isinstance(stage.op.spell, Result):
            parts = self.several.setdefault(stage.args[0], {})
            parts[stage.attrs["index"]] = self.found[stage]
            return
        upstream, value, masks = self._upstream(stage)
        terms = stage.op.vjp(upstream, value, *stage.args, **stage.attrs)
        for arg, term in zip(stage.args, terms, strict=True):
            if term is not None and arg in self.between:
                self._flow(arg, term, masks)

    def _upstream(self, stage: Node) -> tuple[Any, Any, tuple[Node, ...]]:
        """The stage's gradient without its last masks, where they are to be carried through it, its
        value, and those masks; gradients and values of several results are tuples.
        """
        if stage in self.several:
            parts = self.several[stage]
            every = range(len(stage.types))
            return tuple(parts.get(k) for k in every), taken_apart(stage), ()
        bare, masks = self.pending.get(stage, (self.found.get(stage), ()))
        return bare, stage, masks

    def _flow(self, into: Node, term: Any, masks: tuple[Node, ...]) -> None:
        """One term of the chain rule arrives at `into`; a second one is added to what is there."""
        if isinstance(term, Masked):
            term, masks = term.term, (*masks, term.mask)
        bare = term
        for mask in masks:
            term = where(mask, term, 0)
        part = sum_to(term, into)
        self._carry(into, bare, masks)
        self.found[into] = self._own(
            add(self.found[into], part) if into in self.found else part, into
        )

    def _carry(self, into: Node, bare: Node, masks: tuple[Node, ...]) -> None:
        """Keep the bare term with its masks for a steep stage, as long as all terms have the same
        masks.
        """
        before = self.pending.pop(into, None)
        if not masks or bare.shape != into.shape or into not in self.steep:
            return
        if before is not None and before[1] == masks:
            self.pending[into] = (add(before[0], bare), masks)
        elif into not in self.found:
            self.pending[into] = (bare, masks)

    def _own(self, part: Node, into: Node) -> Node:
        """The term as a node of its own that is called the gradient of `into`."""
        fresh = part.backward_of is self.graph._backward_of and part not in self.graph.gradients
        part = (
            part if fresh and not part.is_leaf and part.op.name != "broadcast_to" else alias(part)
        )
        self.graph.belongs(part, into)
        return part

    def answer(self, w: Node, disconnected: str) -> Node:
        """The gradient of one of `wrt`, zeros or GraphError where nothing flows back."""
        zeros = zeros_will_do(disconnected)
        if w in self.found:
            return self.found[w]
        if zeros:
            return zeros_like(w)
        raise self._blocked(w)

    def _blocked(self, w: Node) -> GraphError:
        behind = _between(self.order, [w])
        walls = [n for n in self.order if n not in behind and any(a in behind for a in n.args)]
        reached = w in self.order
        why = f"; {walls[0].label} lets no gradient through" if reached and walls else ""
        ends = " or ".join(repr(of.name or of.op.name) for of in self.outputs)
        return GraphError(
            f"it does not influence {ends}, so its gradient would be zero{why}",
            subject=w.label, code="G506",
            hint="leave it out of wrt, or allow it with disconnected='zero'",
        )  # fmt: skip


def zeros_will_do(disconnected: str) -> bool:
    """Whether what nothing flows to gets zeros; raises UsageError for another word."""
    if disconnected not in ("error", "zero"):
        raise UsageError(f"disconnected is {disconnected!r}", hint="there are 'error' and 'zero'")
    return disconnected == "zero"


def _between(order: Iterable[Node], wrt: Sequence[Node]) -> set[Node]:
    """The stages that depend on one of `wrt` through float values, and those themselves."""
    found: set[Node] = set(wrt)
    for node in order:
        smooth = node.op.vjp is not None and any(t.is_float for t in node.types)
        if smooth and any(a in found for a in node.args):
            found.add(node)
    return found


def _steep(order: Iterable[Node], between: set[Node]) -> set[Node]:
    """Elementwise stages whose local gradient may be infinite, or that pass their gradient on to
    such a one.
    """
    found: set[Node] = set()
    for node in order:
        spell = node.op.spell
        if (
            node in between
            and isinstance(spell, Each)
            and (not spell.linear or any(a in found for a in node.args))
        ):
            found.add(node)
    return found


def applied(term: Any) -> Node:
    """A term of a local gradient with its mask applied."""
    return where(term.mask, term.term, 0) if isinstance(term, Masked) else term


def sum_to(term: Node, like: Node) -> Node:
    """A term of the shape of `like`: summed over the axes along which `like` was broadcast, in its
    element type.
    """
    term = FUNCTIONS["astype"](term, like.dtype)
    if term.shape == like.shape:
        return term
    extra = term.ndim - like.ndim
    if extra < 0 or any(
        d not in (1, t) for d, t in zip(like.shape, term.shape[extra:], strict=True)
    ):
        return FUNCTIONS["broadcast_to"](term, like.shape)
    axes = tuple(range(extra)) + tuple(
        extra + i for i, d in enumerate(like.shape) if d == 1 and term.shape[extra + i] != 1
    )
    total = FUNCTIONS["sum"](term, axis=axes, keepdims=False) if axes else term
    return total if total.shape == like.shape else FUNCTIONS["reshape"](total, like.shape)
