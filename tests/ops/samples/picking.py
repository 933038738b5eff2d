"""Samples of what picks and puts by indices along an axis, by keys and by tuples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from specs import Sample, batch, given, integer, one, real, truth

MODES = ("set", "add", "multiply", "max", "min")
MASK = np.array([[True, False, True], [False, False, True]])


def _put(mode: str) -> Callable[..., Any]:
    return lambda m, x, i, v: m.put_along_axis(x, i, v, 1, mode=mode)


def _set(key: Any) -> Callable[..., Any]:
    return lambda m, x, v: m.index_set(x, key, v)


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "take_along_axis": [
        one(lambda m, x, i: m.take_along_axis(x, i, -1), real(3, 5), integer(3, 4, low=-5, below=5, dtype="i64")),
        one(lambda m, x, i: m.take_along_axis(x, i, 0), batch(4, 2, 3), integer(2, 1, 3, below=4)),
        one(lambda m, x, i: m.take_along_axis(x, i, 1), real(1, 4), integer(3, 2, below=4)),
        one(lambda m, x, i: m.take_along_axis(x, i, None), real(2, 3), integer(4, below=6, dtype="u8")),
        one(lambda m, x, i: m.take_along_axis(x, i, 0), real(3, 2), integer(0, 2)),
    ],
    "add_along_axis":  [one(lambda m, g, i: m.add_along_axis(g, i, axis=1, count=4), real(3, 5), integer(3, 5, low=-4, below=4))],
    "put_along_axis":  [
        *(one(_put(mode), real(3, 5), integer(3, 7, low=-5, below=5, dtype="i64"), real(3, 7)) for mode in MODES),
        one(_put("set"), batch(4, 3), integer(1, 2), real(2)),
        one(lambda m, x, i, v: m.put_along_axis(x, i, v, 0), integer(5, dtype="i32"), integer(2), integer(2, dtype="i32")),
        one(lambda m, x, i: m.put_along_axis(x, i, 2.5, None), real(2, 3), integer(4, below=6)),
    ],
    "put_zeros":       [one(_put("multiply"), given([[1.0, 2.0, 0.0]]), given([[0, 0, 1, 2, 1]], "i64"), given([[0.0, 3.0, 0.0, 2.0, 4.0]]))],
    "put_set":         [one(lambda m, x, i, v: m.put_set(x, i, v)[0], real(2, 4), integer(2, 3, dtype="i64"), real(2, 3)),
                        one(lambda m, x, i, v: m.put_set(x, i, v)[1], real(4), integer(3, dtype="i64"), real(3))],
    "put_extreme":     [one(lambda m, x, i, v, n=n: m.put_extreme(x, i, v, largest=n)[n], real(2, 4), integer(6, dtype="i64"), real(2, 6)) for n in (0, 1)],
    "put_product":     [one(lambda m, x, i, v: m.put_product(x, i, v), real(2, 4), integer(2, 6, dtype="i64"), real(6))],
    "slice_set":       [
        one(_set(1), real(3, 4), real(4)),
        one(_set((slice(None, None, -2), slice(1, 3))), real(5, 4), real(3, 1)),
        one(_set((slice(1, None), None, 0)), batch(4, 3), real()),
        one(_set(...), real(3), real()),
        one(lambda m, x, v: m.slice_scatter(x, v, 1, 0, 5, 2), real(2, 5), real(2, 3)),
        one(lambda m, x, v: m.select_scatter(x, v, 1, -1), real(2, 3), real(2)),
    ],
    "index_set":       [
        one(lambda m, x, i, v: m.index_set(x, i, v), real(4, 2), integer(3, low=-4, below=4), real(3, 2)),
        one(lambda m, x, i, v: m.index_set(x, (slice(1, 3), i), v, mode="add"), real(4, 3), integer(2), real(2, 1)),
        one(lambda m, x: m.index_set(x, MASK, 1.5), real(2, 3)),
        one(lambda m, x, c, v: m.index_set(x, c, v), real(2, 3), truth(2), real()),
    ],
    "scatter_nd":      [
        one(lambda m, x, i, v: m.scatter_nd(x, i, v), real(4, 3), integer(5, 2, low=-3), real(5)),
        one(lambda m, x, i, v: m.scatter_nd(x, i, v, mode="add"), real(4, 3), integer(5, 1, below=4), real(5, 3)),
    ],
    "gather_nd":       [
        one(lambda m, x, i: m.gather_nd(x, i), real(4, 3), integer(2, 5, 2, low=-3)),
        one(lambda m, x, i: m.gather_nd(x, i, 1), real(2, 3, 4), integer(2, 1)),
    ],
    "compress":        [one(lambda m, x: m.compress([True, False, True], x, 1), real(2, 3)), one(lambda m, x: m.compress([False, True], x), real(2, 3))],
    "extract":         [one(lambda m, x: m.extract(MASK, x), real(2, 3))],
    "masks":           [one(lambda m, x: x[MASK], real(2, 3, 2)), one(lambda m, x: x[1, MASK], real(2, 2, 3)),
                        one(lambda m, x: x[..., [False, True, True]], real(2, 3))],
    "index_select":    [one(lambda m, x, i: m.index_select(x, 1, i), real(2, 3), integer(2))],
    "masked_fill":     [one(lambda m, x, c: m.masked_fill(x, c, 2.0), real(2, 3), truth(3))],
}
# fmt: on


def _along(x: Any, i: Any, axis: int) -> tuple[Any, ...]:
    shape = [max(a, b) for a, b in zip(x.shape, i.shape, strict=True)]
    shape[axis] = i.shape[axis]
    at = list(np.indices(shape))
    at[axis] = np.broadcast_to(i, shape).astype(int)
    return tuple(at)


def _take_along_axis(x: Any, i: Any, axis: int | None) -> Any:
    if axis is None:
        return x.ravel()[i]
    at = _along(x, i, axis)
    return x[tuple(a * (n > 1) for a, n in zip(at, x.shape, strict=True))]


def _put_along_axis(x: Any, i: Any, v: Any, axis: int | None = -1, mode: str = "set") -> Any:
    if axis is None:
        return _put_along_axis(x.ravel(), i.ravel(), v, 0, mode).reshape(x.shape)
    found, at = np.array(x, np.result_type(x, v)), _along(x, i, axis)
    values = np.broadcast_to(v, at[0].shape)
    for position in np.ndindex(values.shape):
        where = tuple(int(a[position]) for a in at)
        found[where] = MEETING[mode](found[where], values[position])
    return found


MEETING: dict[str, Callable[..., Any]] = {
    "set": lambda old, new: new, "add": np.add, "multiply": np.multiply,
    "max": np.maximum, "min": np.minimum,
}  # fmt: skip


def _lines(mode: str) -> Callable[..., Any]:
    def put(x: Any, i: Any, v: Any, largest: int = 1) -> Any:
        i, v = (np.broadcast_to(a, (*x.shape[:-1], i.shape[-1])) for a in (i, v))
        how = ("min", "max")[largest] if mode == "extreme" else mode
        found = _put_along_axis(x, i, v, -1, how)
        winners = np.full(x.shape, -1)
        for at in np.ndindex(i.shape):
            spot = (*at[:-1], i[at])
            if how == "set" or (found[spot] == v[at] and winners[spot] == -1):
                winners[spot] = at[-1]
        return found, winners

    return put


def _index_set(x: Any, key: Any, v: Any, mode: str = "set") -> Any:
    found = np.array(x)
    if mode == "add":
        np.add.at(found, key, v)
    else:
        found[key] = v
    return found


def _scatter_nd(x: Any, i: Any, v: Any, mode: str = "set") -> Any:
    return _index_set(x, tuple(np.moveaxis(i, -1, 0)), v, mode)


def _gather_nd(x: Any, i: Any, batch_dims: int = 0) -> Any:
    if batch_dims:
        return np.stack([_gather_nd(a, b, batch_dims - 1) for a, b in zip(x, i, strict=True)])
    return x[tuple(np.moveaxis(i, -1, 0))]


def _slice_scatter(x: Any, v: Any, axis: int, start: int, stop: int, step: int) -> Any:
    return _index_set(x, (slice(None),) * axis + (slice(start, stop, step),), v)


KINKED = {"put_zeros"}  # products of factors that are 0 have slopes, but no formula for theirs

NUMPY: dict[str, Callable[..., Any]] = {
    "take_along_axis": _take_along_axis,
    "add_along_axis": lambda g, i, axis, count: _put_along_axis(
        np.zeros((*g.shape[:axis], count, *g.shape[axis + 1 :])), i, g, axis, "add"
    ),
    "put_along_axis": _put_along_axis,
    "put_set": _lines("set"),
    "put_extreme": _lines("extreme"),
    "put_product": lambda x, i, v: _lines("multiply")(x, i, v)[0],
    "index_set": _index_set,
    "slice_scatter": _slice_scatter,
    "select_scatter": lambda x, v, axis, at: _index_set(x, (slice(None),) * axis + (at,), v),
    "scatter_nd": _scatter_nd,
    "gather_nd": _gather_nd,
    "index_select": lambda x, axis, i: np.take(x, i, axis),
    "masked_fill": lambda x, mask, value: np.where(mask, value, x),
}


def _torch_put(x: Any, i: Any, v: Any, axis: int, mode: str = "set") -> Any:
    i = i.long() % x.shape[axis]
    if mode == "set":
        raise TypeError("the order of several at one place is not torch's promise")
    named = {"add": "sum", "multiply": "prod", "max": "amax", "min": "amin"}
    return x.scatter_reduce(axis, i, v, named[mode])


TORCH: dict[str, Callable[..., Any]] = {
    "put_along_axis": _torch_put,
    "slice_scatter": lambda x, v, axis, start, stop, step: x.slice_scatter(
        v, axis, start, stop, step
    ),
}
