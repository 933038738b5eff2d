"""Elements picked and put by indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rows import Functions, Rows
from .forms import same


def gather(m: Functions, x: Any, dim: int, index: Any) -> Any:
    """Elements along an axis; PyTorch's index may be shorter than the other axes."""
    if not x.ndim:
        return m.take(m.reshape(x, (1,)), index, axis=0)
    if x.ndim != index.ndim and 0 in index.shape:  # an empty index of any rank is one for PyTorch
        return m.take(x, index, axis=dim)
    return m.take_along_axis(shortened(x, dim, index), index, axis=dim)


def shortened(x: Any, dim: int, index: Any) -> Any:
    """x with as many places beside `dim` as the index has."""
    whole = [slice(0, n) for n in index.shape]
    whole[dim % x.ndim : dim % x.ndim + 1] = [slice(None)]
    return x[tuple(whole)]


def scattered(mode: str) -> Any:
    """Values put along an axis: they replace what is there, or join it."""

    def call(m: Functions, x: Any, dim: int, index: Any, values: Any, **kwargs: Any) -> Any:
        how = {"add": "add", "multiply": "multiply", None: mode}[kwargs.get("reduce")]
        return placed(m, x, dim, index, values, how)

    return call


def placed(m: Functions, x: Any, dim: int, index: Any, values: Any, mode: str) -> Any:
    """put_along_axis for an index that may be shorter than x beside `dim`."""
    if not x.ndim:
        row = [m.reshape(v, (1,)) if hasattr(v, "op") else v for v in (x, index, values)]
        return m.reshape(m.put_along_axis(*row, axis=0, mode=mode), ())
    if hasattr(values, "op") and values.ndim:
        values = values[tuple(slice(0, n) for n in index.shape)]
    dim %= x.ndim
    part = shortened(x, dim, index)
    found = m.put_along_axis(part, index, values, axis=dim, mode=mode)
    for axis in range(x.ndim):
        if axis != dim and found.shape[axis] < x.shape[axis]:
            rest = [slice(0, n) for n in found.shape]
            rest[axis] = slice(found.shape[axis], None)
            for later in range(axis + 1, x.ndim):
                rest[later] = slice(None)
            found = m.concat((found, x[tuple(rest)]), axis=axis)
    return found


START = {"sum": 0.0, "prod": 1.0, "mean": 0.0, "amin": float("inf"), "amax": -float("inf")}
MODE = {"sum": "add", "prod": "multiply", "mean": "add", "amin": "min", "amax": "max"}


def reduced(
    m: Functions, x: Any, dim: int, index: Any, values: Any, how: str, *, include_self: bool = True
) -> Any:  # fmt: skip
    """scatter_reduce by its word."""
    if not include_self:
        x = placed(m, x, dim, index, START[how], "set")
    found = placed(m, x, dim, index, values, MODE[how])
    if how != "mean":
        return found
    count = placed(m, m.zeros_like(x), dim, index, 1.0, "add") + float(include_self)
    return found / m.maximum(count, 1.0)


def index_reduced(
    m: Functions, x: Any, dim: int, index: Any, values: Any, how: str, *, include_self: bool = True
) -> Any:  # fmt: skip
    """The same for whole slices."""
    spread = {"mean": "mean", "prod": "prod", "amin": "amin", "amax": "amax"}[how]
    if x.ndim:
        at = [1] * x.ndim
        at[dim % x.ndim] = -1
        index = m.broadcast_to(m.reshape(index, tuple(at)), values.shape)
    return reduced(m, x, dim, index, values, spread, include_self=include_self)


def by_slices(mode: str) -> Any:
    """Slices along an axis replaced or added to where the index says."""

    def call(m: Functions, x: Any, dim: int, index: Any, values: Any, *, alpha: Any = 1) -> Any:
        values = values * alpha if mode == "add" else values
        if not x.ndim:
            return placed(m, x, 0, index, values, mode)
        at = [1] * x.ndim
        at[dim % x.ndim] = -1
        return m.put_along_axis(x, m.reshape(index, tuple(at)), values, axis=dim, mode=mode)

    return call


def index_select(m: Functions, x: Any, dim: int, index: Any) -> Any:
    """Slices picked where the index says."""
    return m.index_select(x, dim, index) if x.ndim else x


def take_along(m: Functions, x: Any, index: Any, dim: int | None = None) -> Any:
    """Elements along an axis, or of all in a row."""
    if dim is None:
        return m.take(m.ravel(x), m.ravel(index))
    return m.take_along_axis(x, index, axis=dim)


def put(m: Functions, x: Any, index: Any, values: Any, accumulate: bool = False) -> Any:
    """Elements replaced or added to in row-major order."""
    mode = "add" if accumulate else "set"
    row = m.put_along_axis(m.ravel(x), m.ravel(index), m.ravel(values), axis=0, mode=mode)
    return m.reshape(row, x.shape)


def picked(m: Functions, x: Any, key: Any) -> Any:
    """x[key]; PyTorch takes lists as arrays."""
    items = key if isinstance(key, tuple) else (key,)
    return x[tuple(concrete(m, i) for i in items)]


def concrete(m: Functions, item: Any) -> Any:
    """An index as NumPy has it: lists are arrays."""
    return np.array(item) if isinstance(item, (list, tuple)) else item


def put_at(m: Functions, x: Any, key: Any, values: Any, accumulate: bool = False) -> Any:
    """x[key] replaced or added to; a mask stands for the places where it is true."""
    places = [np.flatnonzero(m.literal(k)) if k.dtype == "bool" else k for k in key]
    return m.index_set(x, tuple(places), values, mode="add" if accumulate else "set")


def diagonal_scatter(
    m: Functions, x: Any, values: Any, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Any:  # fmt: skip
    """A diagonal replaced."""
    return m.diagonal_scatter(x, values, offset=offset, axis1=dim1, axis2=dim2)


def masked_scatter(m: Functions, x: Any, mask: Any, values: Any) -> Any:
    """Elements replaced in turn where the mask says, which has to be known."""
    shape = np.broadcast_shapes(x.shape, mask.shape)
    places = np.flatnonzero(np.broadcast_to(m.literal(mask), shape))
    row = m.ravel(m.broadcast_to(x, shape))
    row = m.put_along_axis(row, places, m.ravel(values)[: len(places)], axis=0)
    return m.reshape(row, shape)


def one_hot(m: Functions, x: Any, num_classes: int = -1) -> Any:
    """Rows with a single one; the number of classes has to be known."""
    known = num_classes if num_classes > 0 else int(np.max(m.literal(x))) + 1
    return m.astype(m.one_hot(x, known), "int64")


def unravel(m: Functions, index: Any, shape: Any) -> Any:
    """A position in row-major order as one for every axis."""
    found = []
    for n in reversed(shape):
        found.append(m.remainder(index, n))
        index = m.floor_divide(index, n)
    return found[::-1]


# fmt: off
ROWS: Rows = {
    "gather": gather,
    "take_along_dim": take_along,
    "take": lambda m, x, index: m.take(m.ravel(x), index),
    "put": put,
    "index_select": index_select,
    "index_add": by_slices("add"),
    "index_copy": by_slices("set"),
    "index_fill": by_slices("set"),
    "index_put": put_at,
    "scatter": scattered("set"),
    "scatter_add": scattered("add"),
    **{f"scatter_reduce.{how}": reduced for how in ("sum", "prod", "mean", "amin", "amax")},
    **{f"index_reduce.{how}": index_reduced for how in ("mean", "prod", "amin", "amax")},
    "select_scatter": same("select_scatter"),
    "slice_scatter": same("slice_scatter"),
    "diagonal_scatter": diagonal_scatter,
    "masked_scatter": masked_scatter,
    "__getitem__": picked,
    "nn.functional.one_hot": one_hot,
    "unravel_index": unravel,
}
# fmt: on
