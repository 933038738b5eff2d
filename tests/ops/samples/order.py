"""Samples of sorting, of what is taken from sorted rows, and of searches in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from specs import Sample, batch, given, integer, one, real, truth

TIED = [[2.0, 1.0, 2.0, -1.0, 1.0], [0.5, 0.5, 0.5, 0.5, 0.5]]
HOLES = [[3.0, np.nan, 1.0, 2.0], [np.nan, 4.0, np.nan, np.nan], [1.0, 5.0, 2.0, 7.0]]
BINS = [-0.7, 0.0, 0.4, 1.1]


def _in_order(name: str) -> list[Sample]:
    """Every axis, both directions, equal elements, NaN, a row longer than what is sorted one by
    one.
    """
    return [
        one(lambda m, x: getattr(m, name)(x, axis=0), real(5, 2)),
        one(lambda m, x: getattr(m, name)(x, descending=True), batch(3, 4)),
        one(lambda m, x: getattr(m, name)(x, axis=None), real(3, 2)),
        one(lambda m, x: getattr(m, name)(x), batch(41)),
        one(lambda m, x: getattr(m, name)(x, descending=True), integer(20, below=5)),
        one(lambda m, x: getattr(m, name)(x), real(2, 0)),
    ]


def _odd(name: str) -> list[Sample]:
    return [
        one(lambda m, x: getattr(m, name)(x, descending=True), given(HOLES)),
        one(lambda m, x: getattr(m, name)(x), given(HOLES)),
        one(lambda m, x: getattr(m, name)(x), truth(6)),
    ]


def _middle(name: str) -> list[Sample]:
    return [
        one(lambda m, x: getattr(m, name)(x), real(5)),
        one(lambda m, x: getattr(m, name)(x, axis=0, keepdims=True), batch(4, 3)),
        one(lambda m, x: getattr(m, name)(x, axis=(0, 2)), real(3, 2, 2)),
        one(lambda m, x: getattr(m, name)(x), integer(4)),
        one(lambda m, x: getattr(m, name)(x), real()),
    ]


def _methods(name: str) -> list[Sample]:
    found = [
        one(lambda m, x, h=h, q=q: getattr(m, name)(x, q, axis=1, method=h), real(2, n))
        for h, q, n in (
            ("linear", 0.3, 5),
            ("lower", 0.3, 5),
            ("higher", 0.3, 5),
            ("midpoint", 0.3, 5),
            ("nearest", 0.5, 4),
            ("nearest", 0.5, 6),
        )
    ]
    return [*found, one(lambda m, x: getattr(m, name)(x, [0.0, 0.8, 1.0], axis=0), batch(4, 2))]


def _holes(name: str, *q: float) -> list[Sample]:
    return [one(lambda m, x: getattr(m, name)(x, *q, axis=1), given(HOLES))]


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "argsort":      _in_order("argsort") + _odd("argsort") + [one(lambda m, x: m.argsort(x, descending=True), given(TIED))],
    "sort":         _in_order("sort"),
    "sort of NaN":  [one(lambda m, x, d=d: m.nansum(m.sort(x, descending=d)[:, :3], 1), given(HOLES)) for d in (False, True)] + [one(lambda m, x: m.sort(x), truth(6))],
    "ordered":      [one(lambda m, x: m.ordered(x, descending=False), real(2, 18))],
    "topk":         [one(lambda m, x: m.topk(x, 2)[0], batch(3, 4)), one(lambda m, x: m.topk(x, 3, 0, largest=False)[0], real(4, 2)),
                     one(lambda m, x: m.topk(x, 2, 1)[1], given(TIED)), one(lambda m, x: m.topk(x, 0)[0], real(3))],
    "kthvalue":     [one(lambda m, x: m.kthvalue(x, 2)[0], batch(3, 4)), one(lambda m, x: m.kthvalue(x, 3, 0, keepdims=True)[0], real(4, 2)),
                     one(lambda m, x: m.kthvalue(x, 4)[1], given(TIED))],
    "median":       _middle("median"),
    "nanmedian":    _middle("nanmedian"),
    "quantile":     _methods("quantile"),
    "nanquantile":  [one(lambda m, x: m.nanquantile(x, 0.3), real(5)), one(lambda m, x: m.nanquantile(x, [0.25, 0.9], axis=0), batch(4, 2))],
    "quantiles of holes": _holes("nanquantile", 0.3) + _holes("nanmedian") + [
        one(lambda m, x: m.isnan(m.median(x, axis=1)), given(HOLES)),
        one(lambda m, x: m.isnan(m.quantile(x, 0.7, axis=0)), given(HOLES))],
    "searchsorted": [one(lambda m, r, v: m.searchsorted(r, v), given(BINS), real(2, 3)), one(lambda m, r, v: m.searchsorted(r, v, side="right"), given(BINS), given([0.4, -0.7, 9.0, np.nan])),
                     one(lambda m, r, v: m.searchsorted(r, v), given([1, 3, 5], "i32"), real()), one(lambda m, v: m.searchsorted([0, 1, 1, 2], v), integer(3)),
                     one(lambda m, r, v: m.searchsorted(r, v), given([BINS, [0.0, 1.0, 2.0, 3.0]]), real(2, 3)), one(lambda m, r, v: m.searchsorted(r, v), real(0), batch(3))],
    "found_in":     [one(lambda m, r, v: m.found_in(r, v, right=False), given(BINS), real(3))],
    "digitize":     [one(lambda m, x, b: m.digitize(x, b), given([0.4, 0.5, -1.0]), given(BINS)), one(lambda m, x, b: m.digitize(x, b, right=True), given([0.4, 0.5, -1.0]), given(BINS))],
    "bucketize":    [one(lambda m, x, b: m.bucketize(x, b), given([0.4, 0.5, -1.0]), given(BINS)), one(lambda m, x, b: m.bucketize(x, b, right=True), given([0.4, 0.5, -1.0]), given(BINS))],
}
# fmt: on

KINKED = {
    "median",
    "nanmedian",
    "quantile",
    "nanquantile",
    "topk",
    "kthvalue",
    "sort",
    "quantiles of holes",
    "sort of NaN",
}


def _argsort(x: Any, axis: Any = -1, descending: bool = False) -> Any:
    x, axis = (x.ravel(), 0) if axis is None else (x, axis)
    keys = -x.astype(float) if descending else x
    if descending:  # NumPy puts NaN last, so it is made the least
        keys = np.where(np.isnan(keys), -np.inf, keys)
    return np.argsort(keys, axis, kind="stable")


def _sort(x: Any, axis: Any = -1, descending: bool = False) -> Any:
    x, at = (x.ravel(), 0) if axis is None else (x, axis)
    return np.take_along_axis(x, _argsort(x, at, descending), at)


def _topk(x: Any, k: int, axis: int = -1, largest: bool = True) -> Any:
    at = np.take(_argsort(x, axis, largest), range(k), axis)
    return np.take_along_axis(x, at, axis), at


def _kthvalue(x: Any, k: int, axis: int = -1, keepdims: bool = False) -> Any:
    found = [np.take(a, [k - 1], axis) for a in (_sort(x, axis), _argsort(x, axis))]
    return found if keepdims else [np.squeeze(a, axis) for a in found]


def _searchsorted(row: Any, values: Any, side: str = "left") -> Any:
    if np.ndim(row) == 1:
        return np.searchsorted(row, values, side)
    return np.array([np.searchsorted(r, v, side) for r, v in zip(row, values, strict=True)])


NUMPY = {
    "argsort": _argsort,
    "sort": _sort,
    "ordered": _argsort,
    "topk": _topk,
    "kthvalue": _kthvalue,
    "searchsorted": _searchsorted,
    "found_in": lambda row, values, right: np.searchsorted(row, values),
    "bucketize": lambda v, b, right=False: np.searchsorted(b, v, "right" if right else "left"),
}


def _torch_median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    axis = -1 if axis is None and x.ndim == 1 else axis
    return x.quantile(0.5, dim=axis, keepdim=keepdims)


def _torch_sort(x: Any, axis: Any = -1, descending: bool = False) -> Any:
    return x.sort(dim=axis, descending=descending, stable=True).values


TORCH = {
    "sort": _torch_sort,
    "topk": lambda x, k, axis=-1, largest=True: x.topk(k, axis, largest),
    "kthvalue": lambda x, k, axis=-1, keepdims=False: x.kthvalue(k, axis, keepdims),
    "median": _torch_median,
    "quantile": lambda x, q, axis=None, method="linear": x.quantile(
        x.new_tensor(q), dim=axis, interpolation=method
    ),
}
