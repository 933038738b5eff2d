"""Elements picked and put by computed indices, and the largest ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import graphc.ops as gr
from graphc.graph import Node
from graphc.io.onnx.refusals import UnknownValue, Unsupported
from graphc.io.onnx.rows import Known, integers, literal, row
from graphc.ops.indexing.index import checked


@row("Gather")
def gather(x: Node, indices: Node, *, axis: int = 0) -> Node:
    return gr.take(x, indices, axis)


@row("GatherElements")
def gather_elements(x: Node, indices: Node, *, axis: int = 0) -> Node:
    return gr.index(x, _grid(indices, axis))


def _grid(indices: Node, axis: int) -> tuple[Any, ...]:
    """The indices of every axis: the place itself, but along `axis`."""
    shape = literal(indices.shape, "an index of single elements")
    places: list[Any] = list(np.ogrid[tuple(slice(0, n) for n in shape)])
    places[axis] = indices
    return tuple(places)


def _tuples(indices: Node, batch: int) -> tuple[Any, ...]:
    """The last axis of indices as an index for each axis, behind the places of the batch axes."""
    *spread, count = literal(indices.shape, "an index of several axes")
    places = np.ogrid[tuple(slice(0, n) for n in spread[:batch])] if batch else []
    behind = (1,) * (len(spread) - batch)
    front = [np.reshape(p, (*p.shape, *behind)) for p in places]
    return (*front, *[gr.index(indices, (..., i)) for i in range(count)])


@row("GatherND")
def gather_nd(x: Node, indices: Node, *, batch_dims: int = 0) -> Node:
    return gr.index(x, _tuples(indices, batch_dims))


MODES = {"none": "set", "add": "add", "mul": "multiply", "max": "max", "min": "min"}
"""ONNX's reductions, as graphc calls them."""


@row("ScatterND")
def scatter_nd(x: Node, indices: Node, updates: Node, *, reduction: str = "none") -> Node:
    *spread, count = literal(indices.shape, "ScatterND")
    rest = np.ogrid[tuple(slice(0, n) for n in literal(x.shape[count:], "ScatterND"))]
    places = [gr.index(indices, (..., i)) for i in range(count)]
    behind = [1] * (x.ndim - count)
    wide = [gr.reshape(p, (*spread, *behind)) for p in places]
    return put(x, [*wide, *rest], updates, reduction)


@row("ScatterElements", "Scatter")
def scatter_elements(
    x: Node, indices: Node, updates: Node, *, axis: int = 0, reduction: str = "none"
) -> Node:
    beside = [i for i in range(x.ndim) if i != axis % x.ndim]
    if all(x.shape[i] == indices.shape[i] for i in beside):
        return gr.put_along_axis(x, indices, updates, axis, mode=MODES[reduction])
    return put(x, _grid(indices, axis), updates, reduction)


def put(x: Node, places: Sequence[Any], values: Node, reduction: str = "none") -> Node:
    """A copy of `x` with values at the places given by an index for each axis."""
    at: Any = 0
    for place, n in zip(places, literal(x.shape, "scattering"), strict=True):
        inside = checked(place, n) if isinstance(place, Node) else place
        wrapped = gr.where(gr.less(inside, 0), inside + n, inside) if inside is not place else place
        at = at * n + wrapped
    at = x.graph.constant(at) if isinstance(at, np.ndarray) else at
    return gr.put_along_axis(
        x, gr.broadcast_to(at, values.shape), values, None, mode=MODES[reduction]
    )


@row("OneHot")
def one_hot(indices: Node, depth: Known, values: Node, *, axis: int = -1) -> Node:
    (count,) = integers(depth)
    wrapped = gr.remainder(gr.astype(indices, "i64"), count)
    rank = indices.ndim + 1
    inside = gr.logical_and(gr.greater_equal(indices, -count), gr.less(indices, count))
    hot = gr.logical_and(
        gr.equal(gr.expand_dims(wrapped, axis), _steps(count, axis % rank, rank)),
        gr.expand_dims(inside, axis),
    )
    return gr.where(hot, gr.index(values, 1), gr.index(values, 0))


def _steps(count: int, axis: int, rank: int) -> np.ndarray:
    shape = [1] * rank
    shape[axis] = count
    return np.arange(count).reshape(shape)


@row("TopK")
def top_k(
    x: Node, K: Known, *, axis: int = -1, largest: int = 1, sorted: int = 1
) -> tuple[Node, ...]:
    values, places = gr.topk(x, integers(K)[0], axis, largest=bool(largest))
    return values, places


@row("Compress")
def compress(x: Node, condition: Known, *, axis: int | None = None) -> Node:
    return gr.take(x, np.flatnonzero(condition), axis)


@row("NonZero")
def nonzero(x: Any, *, scope: Any) -> np.ndarray:
    try:
        known = scope.known(x, "the size of NonZero's result")
    except UnknownValue as unknown:
        raise Unsupported("the size of its result depends on data", hint=unknown.hint) from None
    return np.array(np.nonzero(known), np.int64)


@row("ReverseSequence")
def reverse_sequence(
    x: Node, sequence_lens: Node, *, batch_axis: int = 1, time_axis: int = 0
) -> Node:
    n, shape = x.shape[time_axis], [1] * x.ndim
    (steps,) = literal([n], "ReverseSequence")
    shape[time_axis] = steps
    at = np.arange(steps).reshape(shape)
    shape[time_axis], shape[batch_axis] = 1, -1
    length = gr.reshape(gr.astype(sequence_lens, "i64"), tuple(shape))
    mirrored = gr.where(gr.less(at, length), length - 1 - at, at)
    return gr.take_along_axis(x, gr.broadcast_to(mirrored, x.shape), time_axis)


@row("TensorScatter")
def tensor_scatter(
    past: Node,
    update: Node,
    write_indices: Node | None = None,
    *,
    axis: int = -2,
    mode: str = "linear",
) -> Node:
    axis, shape = axis % past.ndim, literal(update.shape, "TensorScatter")
    places: list[Any] = list(np.ogrid[tuple(slice(0, n) for n in shape)])
    if write_indices is not None:
        start = gr.reshape(write_indices, (shape[0], *[1] * (past.ndim - 1)))
        moved = start + places[axis]
        places[axis] = moved if mode == "linear" else gr.remainder(moved, past.shape[axis])
    return put(past, places, update)
