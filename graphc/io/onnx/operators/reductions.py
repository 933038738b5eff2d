"""Many values to one along axes, and running sums and products."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import graphc.ops as gr
from graphc.graph import Node
from graphc.io.onnx.operators.layout import part
from graphc.io.onnx.rows import Known, integers, row
from graphc.types import DTYPES


def _sum(x: Node, axis: tuple[int, ...], keepdims: bool) -> Node:
    return gr.astype(gr.sum(x, axis, keepdims=keepdims), x.dtype)


def _prod(x: Node, axis: tuple[int, ...], keepdims: bool) -> Node:
    return gr.astype(gr.prod(x, axis, keepdims=keepdims), x.dtype)


def _mean(x: Node, axis: tuple[int, ...], keepdims: bool) -> Node:
    return gr.astype(gr.mean(x, axis, keepdims=keepdims), x.dtype)


def _extreme(name: str, x: Node, axis: tuple[int, ...], keepdims: bool) -> Node:
    """The maximum or minimum; of nothing, the least or largest number of its type."""
    if 0 not in [x.shape[a] for a in axis]:
        return getattr(gr, name)(x, axis, keepdims=keepdims)
    low, high = _limits(DTYPES[x.dtype])
    like = _sum(x, axis, keepdims) if x.dtype != "bool" else gr.any(x, axis, keepdims=keepdims)
    return gr.full_like(like, low if name == "max" else high)


def _limits(dtype: np.dtype) -> tuple[float, float]:
    if dtype.kind == "f":
        return -np.inf, np.inf
    return (False, True) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)


def _logsumexp(x: Node, axis: tuple[int, ...], keepdims: bool) -> Node:
    if 0 in [x.shape[a] for a in axis]:
        return gr.log(_sum(x, axis, keepdims))
    return gr.astype(gr.logsumexp(x, axis, keepdims=keepdims), x.dtype)


def _root(x: Node) -> Node:
    return gr.astype(gr.sqrt(x), x.dtype)


# fmt: off
REDUCTIONS: dict[str, Callable[..., Node]] = {
    "ReduceSum": _sum,
    "ReduceProd": _prod,
    "ReduceMean": _mean,
    "ReduceMax": lambda x, axis, k: _extreme("max", x, axis, k),
    "ReduceMin": lambda x, axis, k: _extreme("min", x, axis, k),
    "ReduceL1": lambda x, axis, k: _sum(gr.abs(x), axis, k),
    "ReduceL2": lambda x, axis, k: _root(_sum(gr.square(x), axis, k)),
    "ReduceSumSquare": lambda x, axis, k: _sum(gr.square(x), axis, k),
    "ReduceLogSum": lambda x, axis, k: gr.astype(gr.log(_sum(x, axis, k)), x.dtype),
    "ReduceLogSumExp": _logsumexp,
}
# fmt: on


def _reduction(operator: str, meaning: Callable[..., Node]) -> None:
    """Enter a reduction; without axes it runs over all, or over none where it is told so."""

    @row(operator)
    def build(
        x: Node, axes: Known | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> Node:
        listed = () if axes is None else tuple(a % x.ndim for a in integers(axes))
        everything = () if noop_with_empty_axes else tuple(range(x.ndim))
        return meaning(x, listed or everything, bool(keepdims))


for _operator, _meaning in REDUCTIONS.items():
    _reduction(_operator, _meaning)


def _place(name: str, x: Node, axis: int, keepdims: int, last: int) -> Node:
    """The index of the extreme, the first or the last of equal ones."""
    y = gr.flip(x, axis) if last else x
    found = getattr(gr, name)(y, axis, keepdims=bool(keepdims))
    return gr.size(x, axis) - 1 - found if last else found


@row("ArgMax")
def arg_max(x: Node, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Node:
    return _place("argmax", x, axis, keepdims, select_last_index)


@row("ArgMin")
def arg_min(x: Node, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Node:
    return _place("argmin", x, axis, keepdims, select_last_index)


def _running(name: str, x: Node, axis: int, exclusive: int, reverse: int) -> Node:
    """Sums or products of all elements up to each, without itself where that is asked for."""
    y = gr.flip(x, axis) if reverse else x
    if exclusive:
        y = part(getattr(gr, name)(y, axis=axis, include_initial=True), axis, 0, x.shape[axis])
    else:
        y = getattr(gr, name)(y, axis=axis)
    y = gr.astype(y, x.dtype)
    return gr.flip(y, axis) if reverse else y


@row("CumSum")
def cum_sum(x: Node, axis: Known, *, exclusive: int = 0, reverse: int = 0) -> Node:
    return _running("cumulative_sum", x, integers(axis)[0], exclusive, reverse)


@row("CumProd")
def cum_prod(x: Node, axis: Known, *, exclusive: int = 0, reverse: int = 0) -> Node:
    return _running("cumulative_prod", x, integers(axis)[0], exclusive, reverse)
