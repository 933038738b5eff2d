"""Elements picked along an axis, and added up at indices: take, take_along_axis, scatter_add; what
picks by literal masks and by tuples of indices.

The gradient of picking adds up, where an element was picked more than once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.graph import Node, Op, declare, graph_of, public
from graphc.ops.axes import axis_of, stage
from graphc.ops.elementwise.arith import add, where
from graphc.ops.indexing.index import (
    as_index,
    checked,
    gather,
    in_range,
    index,
    index_add,
    integers,
    move_block,
    pick,
    scatter,
    scatter_add_numpy,
    scatter_type,
)
from graphc.ops.shaping.layout import broadcast_to, iota, move_axis, ravel
from graphc.ops.spell import Expand
from graphc.types import Dim, Type, shape_text

__all__ = [
    "compress",
    "extract",
    "gather_nd",
    "index_select",
    "masked_fill",
    "scatter_add",
    "take",
    "take_along_axis",
]

# scatter_add


_scatter_add = declare(
    Op(
        "scatter_add",
        lambda x, values, *i: Type(
            add.infer(x, scatter_type(values, *i, shape=x.shape)).dtype, x.shape
        ),
        Expand(lambda x, values, *i: x + index_add(values, *i, shape=x.shape)),
        lambda x, values, *i: scatter_add_numpy(x, values, *in_range(i, x.shape)),
        lambda g, y, x, values, *i: (g, pick(g, *i), *(None for _ in i)),
    )
)


@public
def scatter_add(x: Node, indices: Any, values: Any) -> Node:
    """`x` with `values` added at x[indices], as np.add.at does; a tuple of indices goes to the
    leading axes.

    Raises DTypeError for indices that are no integers; a computed index that points outside raises
    LabelError in a call.
    """
    given = indices if isinstance(indices, tuple) else (indices,)
    return _scatter_add(x, values, *map(as_index, given))


# take


def _take_type(x: Type, indices: Type, axis: int) -> Type:
    return Type(x.dtype, x.shape[:axis] + integers(indices).shape + x.shape[axis + 1 :])


def _take_define(x: Node, indices: Node, axis: int) -> Node:
    picked = pick(move_axis(x, axis, 0), indices)
    return move_block(picked, 0, indices.ndim, axis)


def _take_vjp(g: Node, y: Node, x: Node, indices: Node, axis: int) -> tuple[Node, None]:
    shape = (x.shape[axis], *x.shape[:axis], *x.shape[axis + 1 :])
    total = index_add(move_block(g, axis, indices.ndim, 0), indices, shape=shape)
    return move_axis(total, 0, axis), None


def _take_numpy(x: np.ndarray, indices: np.ndarray, axis: int) -> np.ndarray:
    return np.take(x, in_range([indices], x.shape[axis:])[0], axis)


_take = declare(Op("take", _take_type, Expand(_take_define), _take_numpy, _take_vjp))


@public
def take(x: Node, indices: Any, axis: int | None = None) -> Node:
    """The elements of `x` at integer `indices` along `axis`, of all elements in row-major order for
    None.

    Raises DTypeError for indices that are no integers; one that points outside raises LabelError in
    a call.
    """
    x, axis = (ravel(stage(x)), 0) if axis is None else (stage(x), axis)
    return _take(x, as_index(indices), axis=axis_of(axis, x.ndim, x.shape))


# take_along_axis


def spread(x: Sequence[Any], indices: Sequence[Any], axis: int) -> tuple[Any, ...]:
    """The shape of indices broadcast against `x` beside `axis`; raises ShapeError (G102)."""
    if len(x) != len(indices):
        texts = f"{shape_text(indices)} for {shape_text(x)}"
        raise ShapeError(f"indices along an axis have as many axes as the array, not {texts}")
    pairs = [(1, 1) if a == axis else p for a, p in enumerate(zip(x, indices, strict=True))]
    if any(n != k and 1 not in (n, k) for n, k in pairs):
        texts = f"{shape_text(indices)} do not broadcast against {shape_text(x)}"
        raise ShapeError(f"indices of shape {texts} beside axis {axis}", code="G102")
    beside = [n if k == 1 else k for n, k in pairs]
    return (*beside[:axis], indices[axis], *beside[axis + 1 :])


def _full(x: Node, indices: Node, axis: int, shape: Sequence[Dim]) -> list[Node]:
    """An index for each axis of `x`, of one shape: those given, and counts along all others."""
    own = fitted(checked(indices, x.shape[axis]), shape)
    return [
        own if a == axis else iota(x, shape, (a,) if x.shape[a] != 1 else ()) for a in range(x.ndim)
    ]


def _along_type(x: Type, indices: Type, axis: int) -> Type:
    return Type(x.dtype, spread(x.shape, integers(indices).shape, axis))


def _along_define(x: Node, indices: Node, axis: int) -> Node:
    return gather(x, *_full(x, indices, axis, spread(x.shape, indices.shape, axis)))


def _along_numpy(x: np.ndarray, indices: np.ndarray, axis: int) -> np.ndarray:
    shape = spread(x.shape, indices.shape, axis)
    whole = np.broadcast_to(x, (*shape[:axis], x.shape[axis], *shape[axis + 1 :]))
    return whole[along_numpy(whole, indices, axis)]


take_along: Op = declare(
    Op(
        "take_along_axis", _along_type, Expand(_along_define), _along_numpy,
        lambda g, y, x, i, axis: (add_along(g, i, axis=axis, count=x.shape[axis]), None),
    )
)  # fmt: skip


def _added_type(g: Type, indices: Type, axis: int, count: Dim) -> Type:
    shape = spread(g.shape, integers(indices).shape, axis)
    return Type(g.dtype, (*shape[:axis], count, *shape[axis + 1 :]))


def _added_define(g: Node, indices: Node, axis: int, count: Dim) -> Node:
    target = _added_type(g.type, indices.type, axis, count).shape
    shape = spread(g.shape, indices.shape, axis)
    own, values = fitted(checked(indices, count), shape), fitted(g, shape)
    counts = (own if a == axis else iota(g, shape, (a,)) for a in range(g.ndim))
    return scatter(values, *counts, shape=target)


def spreads(shape: Sequence[Dim], target: Sequence[Dim]) -> bool:
    """Whether broadcasting makes one shape the other."""
    pairs = zip(reversed(shape), reversed(target), strict=False)
    return len(shape) <= len(target) and all(d in (1, t) for d, t in pairs)


def fitted(x: Node, shape: Sequence[Dim]) -> Node:
    """`x` itself where it has the shape, else broadcast to it."""
    return x if x.shape == tuple(shape) else broadcast_to(x, shape)


def _added_numpy(g: np.ndarray, indices: np.ndarray, axis: int, count: int) -> np.ndarray:
    shape = spread(g.shape, indices.shape, axis)
    found = np.zeros((*shape[:axis], count, *shape[axis + 1 :]), g.dtype)
    np.add.at(found, along_numpy(found, indices, axis), g)
    return found


def along_numpy(x: np.ndarray, indices: np.ndarray, axis: int) -> tuple[np.ndarray, ...]:
    """NumPy's index of what `indices` pick along an axis: one array for each axis."""
    at = in_range([indices], x.shape[axis:])[0].astype(np.int64)
    at = np.broadcast_to(at, spread(x.shape, indices.shape, axis))
    counts = np.ogrid[tuple(map(slice, at.shape))]
    return (*counts[:axis], at, *counts[axis + 1 :])


add_along: Op = declare(
    Op(
        "add_along_axis", _added_type, Expand(_added_define), _added_numpy,
        lambda g, y, values, i, axis, count: (take_along(g, i, axis=axis), None),
    )
)  # fmt: skip
"""Zeros, `count` along the axis, with values added up at indices: the gradient of picking."""


@public
def take_along_axis(x: Node, indices: Any, axis: int | None = -1) -> Node:
    """The element indices[..., j, ...] along `axis` for each j: what sorts and searches give back.

    `indices` have as many axes as `x` and broadcast against it beside `axis`; None takes of all
    elements in row-major order. Raises ShapeError (G102), DTypeError; an index that points outside
    raises LabelError in a call.
    """
    x, axis = (ravel(stage(x)), 0) if axis is None else (stage(x), axis)
    return take_along(x, as_index(indices), axis=axis_of(axis, x.ndim, x.shape))


# What is picked otherwise


@public
def index_select(x: Node, axis: int, indices: Any) -> Node:
    """take(x, indices, axis), in torch's order of arguments."""
    return take(x, indices, axis)


@public
def compress(condition: Any, x: Node, axis: int | None = None) -> Node:
    """The elements of `x` along `axis` where a literal condition holds, of all in row-major order
    for None. Raises UsageError for a condition that is a stage.
    """
    x, axis = (ravel(stage(x)), 0) if axis is None else (stage(x), axis)
    if isinstance(condition, Node):
        as_index(condition)
    return take(x, np.flatnonzero(np.asarray(condition, bool)), axis)


@public
def extract(condition: Any, x: Node) -> Node:
    """The elements of `x` where a literal condition of its shape holds, in row-major order; raises
    ShapeError (G102), UsageError for a condition that is a stage.
    """
    mask = condition if isinstance(condition, Node) else np.asarray(condition, bool)
    return index(x, mask)


@public
def masked_fill(x: Node, mask: Any, value: Any) -> Node:
    """where(mask, value, x): `value` where the mask holds, broadcast."""
    return where(mask, value, x)


@public
def gather_nd(x: Node, indices: Any, batch_dims: int = 0) -> Node:
    """x[tuple(indices[p])] for each p: ONNX's GatherND.

    `indices` (..., k) has tuples for the k axes of `x` behind its first `batch_dims`, which both
    share. Shape (..., *x.shape[batch_dims + k:]). Raises ShapeError (G103), DTypeError; an index
    that points outside raises LabelError in a call.
    """
    x, at = graph_of(x, indices).lift((x, as_index(indices)))
    k = at.shape[-1] if at.ndim else 0
    if not isinstance(k, int) or batch_dims + k > x.ndim or batch_dims >= at.ndim:
        raise ShapeError(f"tuples of {k} do not index shape {shape_text(x.shape)}", code="G103")
    shared = (iota(x, at.shape[:-1], (axis,)) for axis in range(batch_dims))
    return pick(x, *shared, *(index(at, (..., axis)) for axis in range(k)))
