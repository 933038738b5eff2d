"""Copies of an array with other values in some places: index_set, slice_scatter, select_scatter,
scatter_nd.

x[key] = values changes an array; here the array stays, and the copy is a new stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import Node, Op, declare, graph_of, public
from graphc.ops.axes import axis_of, stage
from graphc.ops.elementwise.arith import (
    equal,
    greater_equal,
    less,
    logical_and,
    masked,
    remainder,
    where,
)
from graphc.ops.indexing.index import as_index, complete, index, span
from graphc.ops.indexing.picking import fitted, spreads
from graphc.ops.indexing.putting import put_along_axis
from graphc.ops.shaping.layout import broadcast_to, expand_dims, extent, flip, iota, ravel, reshape
from graphc.ops.shaping.pieces import part, place, run
from graphc.ops.spell import Expand
from graphc.types import Dim, Size, Type, product, promote, shape_text

__all__ = [
    "index_set",
    "scatter_nd",
    "select_scatter",
    "slice_scatter",
]

Starts = tuple[Dim, ...]
Steps = tuple[int, ...]

# A box of slices with steps from 1 up


def _set_type(x: Type, values: Type, starts: Starts, steps: Steps) -> Type:
    return Type(promote(x.dtype, values.dtype), x.shape)


def _inside(x: Node, box: Sequence[Dim], starts: Starts, steps: Steps) -> Node | None:
    """Where the box is; None where that is everywhere."""
    found = None
    for axis, (n, count, start, step) in enumerate(zip(x.shape, box, starts, steps, strict=True)):
        if (count, start, step) == (n, 0, 1):
            continue
        at = iota(x, x.shape, (axis,))
        first, end = (extent(x.graph, d) for d in (start, start + count * step))
        here = logical_and(greater_equal(at, first), less(at, end))
        if step != 1:
            here = logical_and(here, equal(remainder(at - first, step), 0))
        found = here if found is None else logical_and(found, here)
    return found


def _set_define(x: Node, values: Node, starts: Starts, steps: Steps) -> Node:
    laid = place(values, shape=x.shape, starts=(starts,), steps=(steps,))
    inside = _inside(x, values.shape, starts, steps)
    return laid if inside is None else where(inside, laid, x)


def _set_numpy(x: np.ndarray, values: np.ndarray, starts: Any, steps: Any) -> np.ndarray:
    found = np.array(x, np.result_type(x, values))
    found[tuple(map(run, starts, values.shape, steps))] = values
    return found


def _set_vjp(
    g: Node, y: Node, x: Node, values: Node, starts: Starts, steps: Steps
) -> tuple[Any, Node]:
    """What is inside of the box belongs to the values, the rest to x."""
    inside = _inside(x, values.shape, starts, steps)
    rest = None if inside is None else masked(g, ~inside)
    return rest, part(g, starts, values.shape, steps)


_set = declare(Op("slice_set", _set_type, Expand(_set_define), _set_numpy, _set_vjp))
"""x with values in a box of slices."""


# x[key] = values


@public
def index_set(x: Node, key: Any, values: Any, *, mode: str = "set") -> Node:
    """A copy of `x` in which x[key] is `values`, which broadcast to it; `key` is as in x[key].

    A mask that is a stage takes a scalar. `mode` "add", "multiply", "max" or "min" puts the values
    to what is there; of several values at one place the last stays. The element type is the
    promoted one. Raises ShapeError (G102), LabelError, UsageError, DTypeError.
    """
    x, values = graph_of(x, values).lift((x, values))
    if isinstance(key, Node) and key.dtype == "bool":
        return _where(x, key, values, mode)
    items = complete(key if isinstance(key, tuple) else (key,), x.shape)
    basic = all(item is None or isinstance(item, (slice, int)) for item in items)
    return _basic(x, items, values) if basic and mode == "set" else _picked(x, key, values, mode)


def _where(x: Node, mask: Node, values: Node, mode: str) -> Node:
    if values.ndim or mode != "set":
        raise UsageError(
            "a mask that is a stage takes one number, since nobody knows how many it picks",
            hint="gr.where(mask, values, x), with values of the shape of x",
        )
    if mask.shape != x.shape[: mask.ndim]:
        texts = f"{shape_text(mask.shape)} does not fit {shape_text(x.shape)}"
        raise ShapeError(f"a mask of shape {texts}", code="G102")
    rest = tuple(range(mask.ndim, x.ndim))
    return where(expand_dims(mask, rest) if rest else mask, values, x)


def _basic(x: Node, items: Sequence[Any], values: Node) -> Node:
    """Slices and integers: the values as a box, turned where a slice goes backwards."""
    own = [item for item in items if item is not None]
    spans = [
        span(item, n, axis, x.shape)
        for axis, (item, n) in enumerate(zip(own, x.shape, strict=True))
    ]
    box = [_count(*s) for s in spans]
    counts = iter(box)
    shape = [
        d for item in items for d in [1 if item is None else next(counts)]
        if not isinstance(item, int)
    ]  # fmt: skip
    values = reshape(_spread(values, shape), box)
    back = tuple(a for a, (_, _, step) in enumerate(spans) if step < 0)
    values = flip(values, back) if back else values
    starts = tuple(
        start if step > 0 else start + step * (n - 1)
        for (start, _, step), n in zip(spans, box, strict=True)
    )
    return _set(x, values, starts=starts, steps=tuple(abs(step) for _, _, step in spans))


def _count(start: Dim, stop: Dim, step: int) -> Dim:
    """How many of start, start + step, ... come before `stop`."""
    way = (stop - start) * (1 if step > 0 else -1)
    if isinstance(way, Size) and abs(step) != 1:
        raise ShapeError(f"one in {abs(step)} of {way} elements is not affine in the named sizes")
    return way if isinstance(way, Size) else -(-max(way, 0) // abs(step))


def _spread(values: Node, shape: Sequence[Dim]) -> Node:
    """The values broadcast to what a key picks; raises ShapeError (G102)."""
    if not spreads(values.shape, shape):
        texts = f"{shape_text(values.shape)} do not fit the picked {shape_text(tuple(shape))}"
        raise ShapeError(f"values of shape {texts}", code="G102")
    return fitted(values, shape)


def _picked(x: Node, key: Any, values: Node, mode: str) -> Node:
    """Positions in row-major order, picked as the elements would be, then put to."""
    counts = iota(x, x.shape, tuple(range(x.ndim)))
    at = index(counts, key)
    values = _spread(values, at.shape)
    found = put_along_axis(ravel(x), ravel(at), ravel(values), 0, mode=mode)
    return reshape(found, x.shape)


# Slices of one axis, and rows by tuples


@public
def slice_scatter(
    x: Node, values: Any, axis: int = 0, start: Any = None, stop: Any = None, step: int = 1
) -> Node:
    """A copy of `x` with `values` in its slice start:stop:step along one axis; raises ShapeError
    (G102, G103).
    """
    axis = axis_of(axis, stage(x).ndim, x.shape)
    return index_set(x, (*(slice(None),) * axis, slice(start, stop, step)), values)


@public
def select_scatter(x: Node, values: Any, axis: int, position: int) -> Node:
    """A copy of `x` with `values` at one position of an axis; raises ShapeError (G102, G103),
    LabelError.
    """
    axis = axis_of(axis, stage(x).ndim, x.shape)
    return index_set(x, (*(slice(None),) * axis, int(position)), values)


@public
def scatter_nd(x: Node, indices: Any, values: Any, *, mode: str = "set") -> Node:
    """A copy of `x` with values[p] at x[tuple(indices[p])] for each p: ONNX's ScatterND.

    `indices` (..., k) has tuples for the first k axes of `x`, `values` (..., *x.shape[k:]). `mode`
    as of put_along_axis. Raises ShapeError (G102, G103), DTypeError; an index that points outside
    raises LabelError in a call.
    """
    x, at, values = graph_of(x, indices, values).lift((x, as_index(indices), values))
    k = at.shape[-1] if at.ndim else 0
    if not isinstance(k, int) or k > x.ndim:
        raise ShapeError(f"tuples of {k} do not index shape {shape_text(x.shape)}", code="G103")
    rows, rest = product(x.shape[:k]), product(x.shape[k:])
    counts = index(iota(x, x.shape[:k], tuple(range(k))), tuple(at[..., a] for a in range(k)))
    count = product(counts.shape)
    spread = reshape(_spread(values, (*counts.shape, *x.shape[k:])), (count, rest))
    lines = broadcast_to(reshape(counts, (count, 1)), (count, rest))
    found = put_along_axis(reshape(x, (rows, rest)), lines, spread, 0, mode=mode)
    return reshape(found, x.shape)
