"""Forward mode: tangents of inputs go in, symbolic tangents of outputs come out, stage by stage in
the order of the forward sweep.

An operation's tangent is its declared one (`Op.jvp`), else follows from its form and its local
gradient, so every operation that has a gradient has a tangent. Note: [Transposed twice].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.draft import Draft, lean
from graphc.errors import GraphError
from graphc.grad import (
    Sweep,
    applied,
    graph_over,
    stages_of,
    sum_to,
    vectors_for,
    wrt_of,
    zeros_will_do,
)
from graphc.graph import FUNCTIONS, Node
from graphc.ops.elementwise.arith import Masked, add, where, zeros_like
from graphc.ops.reductions.reduce import sum as total
from graphc.ops.several import taken_apart
from graphc.ops.spell import (
    Each,
    Fold,
    Gather,
    Overlap,
    Place,
    Product,
    Reshape,
    Result,
    Scatter,
    View,
)
from graphc.ops.tangents import Tangents, all_at_once, bilinear, first


def jvp(
    outputs: Sequence[Node | str] | Node,
    wrt: Sequence[Node | str] | Node | str,
    tangents: Any,
    *,
    disconnected: str = "error",
) -> Any:
    """The products of the Jacobians with tangents: for each of `outputs` the sum over `wrt` of
    d(output) / d(wrt) times its tangent, a symbolic node of the output's shape (alone for a single
    one).

    A tangent, one for each of `wrt`, is a stage or an array of its shape, or None for zeros.
    `disconnected`: "error" raises GraphError for an output that depends on none of `wrt`, "zero"
    gives zeros. Raises ShapeError for a tangent of another shape, DTypeError where a stage is not
    float. Source: Griewank & Walther 2008, "Evaluating Derivatives", section 3.1.
    """
    graph = graph_over(outputs, wrt, tangents)
    ends, lone = stages_of(graph, outputs)
    nodes, single = wrt_of(ends, wrt)
    given = vectors_for(nodes, [tangents] if single else tangents, "tangent")
    vectors_for(ends, None, "tangent")
    sweep = Forward(ends, dict(zip(nodes, given, strict=True)))
    sweep.run()
    found = [sweep.answer(n, disconnected) for n in ends]
    return found[0] if lone else found


class Forward:
    """One forward sweep of tangents, from those that are given to the outputs.

    What flows into a stage whose tangent is given is added to it, as reverse mode lets gradients
    flow on through a stage of `wrt`.
    """

    def __init__(self, outputs: Sequence[Node], given: dict[Node, Node | None]) -> None:
        self.graph = outputs[0].graph
        self.order = self.graph.order(*outputs)
        self.found: dict[Node, Any] = {n: t for n, t in given.items() if t is not None}
        self.names = [n.name or n.op.name for n in given]

    def run(self) -> None:
        """Walk the stages from the first to the last."""
        before, self.graph.sharing = self.graph.sharing, True
        try:
            for stage in self.order:
                if any(a in self.found for a in stage.args):
                    with self.graph.told(stage.where, stage.backward_of):
                        self._through(stage)
        finally:
            self.graph.sharing = before

    def _through(self, stage: Node) -> None:
        tangent = tangent_of(stage, [self.found.get(a) for a in stage.args])
        if tangent is None:
            return
        if stage in self.found:
            tangent = add(self.found[stage], tangent)
        elif stage.name is not None and not isinstance(tangent, tuple):
            tangent.hinted(f"t_{stage.name}")
        self.found[stage] = tangent

    def answer(self, output: Node, disconnected: str) -> Node:
        """The tangent of an output, zeros or GraphError where none flows to it."""
        zeros = zeros_will_do(disconnected)
        if output in self.found:
            return self.found[output]
        if zeros:
            return zeros_like(output)
        ends = " or ".join(map(repr, self.names))
        raise GraphError(
            f"no tangent of {ends} reaches it, so its own would be zero",
            subject=output.label, code="G506", hint="allow it with disconnected='zero'",
        )  # fmt: skip


def tangent_of(stage: Node, tangents: Tangents) -> Any:
    """The tangent of a stage for those of its arguments; None where it is zero, a tuple of such for
    several results.
    """
    op = stage.op
    if isinstance(op.spell, Result):
        several: Any = tangents[0]
        return several[stage.attrs["index"]]
    if (op.vjp is None and op.jvp is None) or not any(t.is_float for t in stage.types):
        return None
    y: Any = stage if len(stage.types) == 1 else taken_apart(stage)
    if op.jvp is not None:
        found = op.jvp(tangents, y, *stage.args, **stage.attrs)
    else:
        found = FORMS.get(type(op.spell), transposed_twice)(tangents, y, *stage.args, **stage.attrs)
    if isinstance(found, tuple):
        return tuple(None if t is None else fitted(t, r) for t, r in zip(found, y, strict=True))
    return None if found is None else fitted(found, y)


def fitted(tangent: Node, y: Node) -> Node:
    """The tangent in the element type and the shape of its stage."""
    tangent = FUNCTIONS["astype"](tangent, y.dtype)
    return tangent if tangent.shape == y.shape else FUNCTIONS["broadcast_to"](tangent, y.shape)


# By form


def elementwise(tangents: Tangents, y: Node, /, *args: Node, **attrs: Any) -> Node | None:
    """The Jacobian is diagonal, and so its own transpose: local gradients of the tangents."""
    op, moved = y.op, [i for i, t in enumerate(tangents) if t is not None]

    def terms(y: Node, *inside: Node) -> Node | None:
        args, given = inside[: len(tangents)], inside[len(tangents) :]
        found = None
        for i, t in zip(moved, given, strict=True):
            term = op.vjp(fitted(t, y), y, *args, **attrs)[i]  # type: ignore[misc]
            found = _added(found, None if term is None else fitted(applied(term), y))
        return found

    return lean(terms, y, *args, *(t for t in tangents if t is not None))


def folded(tangents: Tangents, y: Node, x: Node, **attrs: Any) -> Node:
    """Each element of the argument goes to one of the result: its local gradient for 1 from above
    times its tangent, summed.
    """
    vjp: Callable[..., Any] = y.op.vjp  # type: ignore[assignment]

    def summed(y: Node, x: Node, t: Node) -> Node:
        (term,) = vjp(FUNCTIONS["ones_like"](y), y, x, **attrs)
        masked = isinstance(term, Masked)
        moved = where(term.mask, term.term * t, 0) if masked else term * t
        return total(moved, attrs["axis"], keepdims=attrs["keepdims"])

    return lean(summed, y, x, tangents[0])  # type: ignore[arg-type]


def transposed_twice(tangents: Tangents, y: Any, /, *args: Node, **attrs: Any) -> Any:
    """From the local gradient alone: Note [Transposed twice]."""
    results = y if isinstance(y, tuple) else (y,)
    op = results[0].args[0].op if isinstance(y, tuple) else y.op
    moved = [i for i, t in enumerate(tangents) if t is not None]

    def built(*inside: Node) -> tuple[Node | None, ...]:
        ys, rest = inside[: len(results)], inside[len(results) :]
        args, given = rest[: len(tangents)], rest[len(tangents) :]
        draft: Draft = ys[0].graph  # type: ignore[assignment]
        above = tuple(draft.leaf(r.type) if r.type.is_float else None for r in ys)
        single = not isinstance(y, tuple)
        terms = op.vjp(*((above[0], ys[0]) if single else (above, ys)), *args, **attrs)
        pairs = [
            (sum_to(applied(terms[i]), args[i]), t)
            for i, t in zip(moved, given, strict=True)
            if terms[i] is not None
        ]
        return tuple(_transposed(draft, pairs, u, r) for u, r in zip(above, ys, strict=True))

    found = lean(built, *results, *args, *(t for t in tangents if t is not None))
    return found if isinstance(y, tuple) else found[0]


def _transposed(
    draft: Draft, pairs: Sequence[tuple[Node, Node]], above: Node | None, y: Node
) -> Node | None:
    """What the terms, which are linear in the gradient `above`, make of the tangents."""
    if above is None or not pairs:
        return None
    terms, given = zip(*pairs, strict=True)
    sweep = Sweep(terms, [above], given)
    sweep.run()
    if above not in sweep.found:
        return None
    found = sweep.found[above]
    if above in draft.order(found):
        draft.origin[above] = zeros_like(draft.origin[y])
    return found


def _added(found: Node | None, term: Node | None) -> Node | None:
    return term if found is None else found if term is None else add(found, term)


FORMS: dict[type, Callable[..., Any]] = {
    Each: elementwise,
    Fold: folded,
    View: first,
    Reshape: first,
    Gather: first,
    Scatter: first,
    Overlap: first,
    Place: all_at_once,
    Product: bilinear,
}
"""The tangents of operations that declare none; of all other forms, `transposed_twice`."""


# Note [Transposed twice]
#
# A local gradient is linear in what comes from above: it is the transposed Jacobian times that. So
# the gradient of the local gradient with respect to what comes from above, for the tangent as its
# upstream gradient, is the Jacobian times the tangent. It is built beside the graph, where what
# comes from above is a leaf of no value, and only what the tangent needs lands in the graph. Where
# an operation was given a local gradient that is not linear (clip_gradient), the tangent is the one
# at zero from above. Source: J. Townsend 2017, "A new trick for calculating Jacobian vector
# products".
