"""Whole derivatives from products with them: Jacobians, Hessians, their products with vectors, and
a gradient for each example.

A sweep is built once, beside the graph, for a direction that is a leaf, and then done for all
directions at once (graphc.transforms.batching).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from graphc.draft import Draft
from graphc.errors import UsageError
from graphc.grad import grad, graph_over, stages_of, vjp, wrt_of
from graphc.graph import Node
from graphc.ops.elementwise.arith import astype, equal
from graphc.ops.shaping.layout import iota, permute_dims, reshape
from graphc.transforms.batching import batched, vmap
from graphc.transforms.forward import jvp
from graphc.types import Size, product

Stages = Sequence[Node | str] | Node
"""One stage, or several, some of them by name."""


def jacobian(
    outputs: Stages, wrt: Stages | str, mode: str | None = None, *, disconnected: str = "error"
) -> Any:
    """d(output) / d(wrt) in full: a symbolic node of shape (*output.shape, *wrt.shape).

    For several outputs a list of them, for several `wrt` of each output a list. `mode` is
    "reverse", one backward sweep for each element of the outputs, or "forward", one tangent for
    each element of `wrt`; None takes the one with fewer. `disconnected` as for gr.grad. Raises
    DTypeError for stages that are not float, UsageError for another mode.
    """
    graph = graph_over(outputs, wrt)
    ends, lone = stages_of(graph, outputs)
    nodes, single = wrt_of(ends, wrt)
    mode = _mode(mode, ends, nodes)
    if mode == "reverse":
        rows = [_reverse(y, nodes, disconnected) for y in ends]
    else:
        columns = [_forward(ends, x, disconnected) for x in nodes]
        rows = [list(row) for row in zip(*columns, strict=True)]
    found = [row[0] for row in rows] if single else rows
    return found[0] if lone else found


def _mode(mode: str | None, ends: Sequence[Node], nodes: Sequence[Node]) -> str:
    if mode not in (None, "forward", "reverse"):
        raise UsageError(f"mode is {mode!r}", hint="there are 'forward' and 'reverse'")
    return mode or ("forward" if _elements(nodes) <= _elements(ends) else "reverse")


def _elements(nodes: Sequence[Node]) -> float:
    """How many elements there are, infinitely many along a named size."""
    return sum(inf if isinstance(n.type.size, Size) else n.type.size for n in nodes)


def _reverse(y: Node, nodes: Sequence[Node], disconnected: str) -> list[Node]:
    """The rows of one output, by one backward sweep for each of its elements."""
    draft = Draft(y.graph)
    above = draft.leaf(y.type)
    inside = [draft.node(x) for x in nodes]
    found = vjp([draft.node(y)], inside, [above], disconnected=disconnected)
    rows = batched(found, y.graph, {above: directions(y)}, draft.origin)
    return [reshape(r, (*y.shape, *x.shape)) for r, x in zip(rows, nodes, strict=True)]


def _forward(ends: Sequence[Node], x: Node, disconnected: str) -> list[Node]:
    """The columns of one `wrt`, by one tangent for each of its elements."""
    draft = Draft(x.graph)
    tangent = draft.leaf(x.type)
    inside = [draft.node(y) for y in ends]
    found = jvp(inside, [draft.node(x)], [tangent], disconnected=disconnected)
    columns = batched(found, x.graph, {tangent: directions(x)}, draft.origin)
    last = (permute_dims(c, (*range(1, c.ndim), 0)) for c in columns)
    return [reshape(c, (*y.shape, *x.shape)) for c, y in zip(last, ends, strict=True)]


def directions(x: Node) -> Node:
    """The unit vectors of the space of `x`, stacked: shape (size, *x.shape)."""
    shape = (product(x.shape), *x.shape)
    own = equal(iota(x, shape, (0,)), iota(x, shape, tuple(range(1, len(shape)))))
    return astype(own, x.dtype)


def hessian(of: Node, wrt: Stages | str) -> Any:
    """The second derivatives of a scalar stage: a symbolic node of shape (*wrt.shape, *wrt.shape).

    For several `wrt` a list of lists, whose entry [i][j] has shape (*wrt[i].shape, *wrt[j].shape).
    Forward mode over reverse mode. Raises ShapeError when `of` is no scalar.
    """
    nodes, single = wrt_of([graph_over(of, wrt).node(of)], wrt)
    found = grad(of, nodes, disconnected="zero")
    blocks = jacobian(found, nodes, "forward", disconnected="zero")
    return blocks[0][0] if single else blocks


def hvp(of: Node, wrt: Stages | str, vectors: Any) -> Any:
    """The product of the Hessian of a scalar stage with vectors, one stage or array for each of
    `wrt`, in the shapes of `wrt`; as cheap as a few gradients.

    Raises what gr.grad and gr.jvp raise. Source: Pearlmutter 1994, "Fast exact multiplication by
    the Hessian"; forward mode over reverse mode.
    """
    nodes, single = wrt_of([graph_over(of, wrt).node(of)], wrt)
    found = grad(of, nodes, disconnected="zero")
    products = jvp(found, nodes, [vectors] if single else vectors, disconnected="zero")
    return products[0] if single else products


def gauss_newton(loss: Node, outputs: Stages | str, wrt: Stages | str, vectors: Any) -> Any:
    """The product of the Gauss-Newton matrix with vectors: J^T H J v, in the shapes of `wrt`.

    J is the Jacobian of the outputs of a model with respect to `wrt`, H the Hessian of the scalar
    `loss` with respect to those outputs, none of which depends on another. Source: Schraudolph
    2002, "Fast curvature matrix-vector products for second-order gradient descent".
    """
    graph = graph_over(loss, outputs, wrt)
    ends, _ = stages_of(graph, outputs)
    nodes, single = wrt_of(ends, wrt)
    moved = jvp(ends, nodes, [vectors] if single else vectors)
    found = vjp(ends, nodes, hvp(loss, ends, moved), disconnected="zero")
    return found[0] if single else found


def per_example_grad(
    function: Callable[..., Node], wrt: Stages | str, in_axes: Any = 0
) -> Callable[..., Any]:
    """A gradient for each example: `gr.per_example_grad(loss, [W, b])(X, t)` has for each of `wrt`
    a stage of shape (examples, *wrt.shape).

    `function` makes the scalar loss of one example from stages without the axis of the examples;
    `in_axes` as for gr.vmap. Raises what gr.grad and gr.vmap raise.
    """
    return vmap(lambda *example: grad(function(*example), wrt), in_axes)
