"""More of what random graphs are made of: order, borders, windows, factorisations, control flow,
and ways to differentiate inside of a graph.

Order is asked of leaves alone, which rounding cannot change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

import graphc as gr
from graphc.graph import Node
from graphc.types import Size

if TYPE_CHECKING:
    from drawing import Drawn

SMOOTH: tuple[Callable[[Node], Node], ...] = (
    gr.gelu, gr.silu, gr.erf, gr.mish, gr.elu, gr.softsign, gr.expm1, gr.atan, gr.log_sigmoid,
    lambda x: gr.hypot(x, 1.5), lambda x: gr.logaddexp(x, 0.25), lambda x: gr.asinh(x) ** 2,
    lambda x: gr.lgamma(gr.square(gr.tanh(x)) + 1), lambda x: gr.nan_to_num(x) * 0.5,
)  # fmt: skip


def _smooth(d: Drawn) -> Node:
    return d.pick(SMOOTH)(gr.tanh(d.real()))


def _axis(d: Drawn, x: Node) -> int:
    return d.pick(range(x.ndim))


def _leaf(d: Drawn) -> Node:
    """A leaf with axes and elements."""
    known = [n for n in d.pool if n.is_leaf and n.ndim and 0 not in d.shape(n)]
    return d.pick(known) if known else d.graph.constant([0.5, -1.0, 2.0])


def _running(d: Drawn) -> Node:
    x = gr.tanh(d.full())
    return d.pick([gr.cumulative_sum, gr.cumulative_prod, gr.logcumsumexp])(x, axis=_axis(d, x))


def _ordered(d: Drawn) -> Node:
    x = _leaf(d)
    axis = _axis(d, x)
    some = min(2, x.shape[axis]) if isinstance(x.shape[axis], int) else 1
    return d.pick([
        lambda: gr.sort(x, axis=axis), lambda: gr.argsort(x, axis=axis, stable=True),
        lambda: gr.topk(x, some, axis=axis)[0], lambda: gr.median(gr.astype(x, "f64"), axis),
        lambda: gr.take_along_axis(x, gr.argsort(x, axis=axis), axis=axis),
        lambda: gr.cummax(gr.astype(x, "f64"), axis=axis),
    ])()  # fmt: skip


def _spread_out(d: Drawn) -> Node:
    x = d.full()
    axis, n = _axis(d, x), d.pick([1, 2])
    return d.pick([
        lambda: gr.pad(x, n), lambda: gr.pad(x, ((n, 0),) * x.ndim, mode="edge"),
        lambda: gr.pad(x, 1, mode="wrap"), lambda: gr.roll(x, d.pick([-1, 1]), axis),
        lambda: gr.repeat(x, n + 1, axis), lambda: gr.tile(x, n + 1), lambda: gr.diff(x, axis=axis),
        lambda: x if isinstance(x.shape[axis], Size) else gr.split(x, [n], axis)[d.pick([0, 1])],
    ])()  # fmt: skip


def _diagonals(d: Drawn) -> Node:
    x = d.full()
    if x.ndim < 2:
        return gr.diag(x, d.pick([0, 1, -2]))
    k = d.pick([0, 1, -1])
    return d.pick([lambda: gr.tril(x, k), lambda: gr.triu(x, k), lambda: gr.trace(x)])()


def _moments(d: Drawn) -> Node:
    x = d.full()
    axis = _axis(d, x)
    return d.pick([
        lambda: gr.var(x, axis), lambda: gr.std(gr.concat([x, x * 0.5 + 1], axis), axis),
        lambda: gr.vector_norm(gr.square(x) + 0.1, axis=axis),
        lambda: gr.layer_norm(x) if x.ndim > 1 else gr.var(x),
    ])()  # fmt: skip


def _contracted(d: Drawn) -> Node:
    a, b = gr.tanh(d.full()), gr.tanh(d.full())
    letters = "ijkl"[: a.ndim]
    other = letters[-1] + "xyz"[: b.ndim - 1]
    return d.pick([
        lambda: gr.einsum(f"{letters},{letters}->{letters[::-1]}", a, a),
        lambda: gr.einsum(f"{letters},{letters}->{letters[:1]}", a, a),
        lambda: gr.einsum(f"{letters},{other}->{letters[:-1]}{other[1:]}", a, b),
        lambda: gr.tensordot(a, b, axes=1), lambda: gr.outer(a, b),
    ])()  # fmt: skip


def _windows(d: Drawn) -> Node:
    x = gr.reshape(d.full(), (1, 1, -1))
    w = d.graph.constant(d.array((2, 1, 3), x.dtype))
    return d.pick([
        lambda: gr.conv1d(x, w, padding=1), lambda: gr.conv1d(x, w, padding=2, dilation=2),
        lambda: gr.conv_transpose1d(x, gr.swapaxes(w, 0, 1) if d.pick([0]) else w[:1], stride=2),
        lambda: gr.avg_pool(x, 3, stride=1, padding=1),
    ])()  # fmt: skip


def _factored(d: Drawn) -> Node:
    n = d.pick([1, 2, 3])
    x = gr.tanh(gr.sum(d.full())) * 0.1 + d.graph.constant(d.array((n, n), d.graph.dtype))
    whole = x @ x.T + 2 * gr.eye(n, like=x)
    return d.pick([
        lambda: gr.inv(whole), lambda: gr.cholesky(whole), lambda: gr.solve(whole, x),
        lambda: gr.logdet(whole), lambda: gr.eigvalsh(whole),
    ])()  # fmt: skip


def _placed(d: Drawn) -> Node:
    x = d.full()
    return d.pick([
        lambda: gr.index_set(x, 0, 0.5), lambda: gr.index_set(x, slice(0, 1), x[-1:]),
        lambda: gr.scatter_add(x, -1, x[0]), lambda: gr.where(gr.isfinite(x), x, 0),
    ])()  # fmt: skip


# Control flow


def _scanned(d: Drawn) -> Node:
    xs, held = gr.tanh(d.full()), d.pick([0.5, gr.tanh(gr.sum(d.real()))])
    begin = d.pick([0.0, np.zeros(1), xs[0]]) if xs.ndim > 1 else 0.0
    begin = gr.astype(begin, xs.dtype) if isinstance(begin, Node) else begin

    def cell(h: Any, row: Node) -> tuple[Node, Node]:
        fresh = gr.tanh(gr.sum(row) * 0.1 + h * held)
        return gr.astype(fresh, h.dtype), row * gr.sum(fresh)

    last, every = gr.scan(cell, begin, xs, reverse=d.pick([False, True]))
    return d.pick([last, every])


def _rolled(d: Drawn) -> Node:
    x = d.real()
    turns = d.pick([0, 1, 4])
    return gr.fori(0, turns, lambda i, y: gr.astype(gr.sin(y) + 0.1 * i, y.dtype), x)


def _branched(d: Drawn) -> Node:
    x, leaf = d.real(), _leaf(d)
    test = gr.any(gr.greater(leaf, 1)) if leaf.dtype != "bool" else gr.any(leaf)
    return gr.cond(test, lambda: gr.tanh(x) * 2, d.pick([lambda: x, lambda: gr.zeros_like(x)]))


def _until(d: Drawn) -> Node:
    x = gr.stop_gradient(gr.tanh(d.real()))
    count = gr.while_loop(lambda n: n < 3, lambda n: n + 1, 0)
    return x * gr.astype(count, x.dtype)


# Ways to differentiate


def _mapped(d: Drawn) -> Node:
    x, other = gr.tanh(d.full()), gr.tanh(gr.sum(d.real()))
    row: Callable[[Node], Node] = d.pick([
        lambda r: gr.sin(r) * gr.sum(r) + other, lambda r: gr.softmax(gr.reshape(r, (-1,))),
        lambda r: gr.grad(gr.sum(gr.sin(r) * other), r), lambda r: gr.cumulative_sum(gr.ravel(r)),
    ])  # fmt: skip
    return gr.vmap(row)(x)


def _sloped(d: Drawn) -> Node:
    x = gr.tanh(d.real())
    y = d.pick([gr.sin(x) * x, gr.cumulative_sum(gr.ravel(x)), gr.logsumexp(x, keepdims=True)])
    return d.pick([
        lambda: gr.grad(gr.sum(gr.sin(y)), x), lambda: gr.jvp(y, x, gr.ones_like(x)),
        lambda: gr.vjp(y, x, gr.ones_like(y)), lambda: gr.hvp(gr.sum(y * y), x, gr.ones_like(x)),
    ])()  # fmt: skip


def _held(d: Drawn) -> Node:
    x = d.real()
    return d.pick([
        gr.clip_gradient(x, -0.5, 0.5), gr.scale_gradient(x, 0.5), gr.reverse_gradient(x),
        gr.straight_through(gr.round(gr.stop_gradient(gr.sin(x * 0) + 1)), x),
    ])  # fmt: skip


STEPS: tuple[Callable[[Drawn], Node | None], ...] = (
    _smooth, _running, _ordered, _spread_out, _diagonals, _moments, _contracted, _windows,
    _factored, _placed, _scanned, _scanned, _rolled, _branched, _until, _mapped, _sloped, _held,
)  # fmt: skip
