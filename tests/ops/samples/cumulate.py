"""Samples of cumulative functions, differences and integrals."""

from __future__ import annotations

from typing import Any

import numpy as np
from specs import Sample, batch, given, integer, one, real, truth

ZEROS = [[2.0, 0.0, 3.0, -1.0], [0.0, 1.5, 0.0, 2.0], [1.0, 2.0, 0.5, 0.0]]
FAR = [[-800.0, 3.0, 700.0, 701.0], [-np.inf, -np.inf, 1.0, 2.0]]
UNEVEN = [[1.0, 1.0, np.nan, 5.0], [2.0, -1.0, 3.0, 3.0]]


def _along(name: str, spec: Any = real) -> list[Sample]:
    """A vector, an inner axis, all elements, nothing, a named size."""
    return [
        one(lambda m, x: getattr(m, name)(x), spec(5)),
        one(lambda m, x: getattr(m, name)(x, axis=1), spec(2, 3, 4)),
        one(lambda m, x: getattr(m, name)(x), spec(2, 2)),
        one(lambda m, x: getattr(m, name)(x, axis=0), real(0, 3)),
        one(lambda m, x: getattr(m, name)(x, axis=0), batch(4, 2)),
    ]


def _values(name: str) -> list[Sample]:
    return [
        one(lambda m, x: getattr(m, name)(x)[0], real(7)),
        one(lambda m, x: getattr(m, name)(x, axis=0)[0], batch(5, 2)),
        one(lambda m, x: getattr(m, name)(x, axis=1)[0], integer(2, 5)),
    ]


def _indices(name: str) -> list[Sample]:
    return [one(lambda m, x: getattr(m, name)(x, axis=1)[1], given(UNEVEN))]


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "cumsum":           [*_along("cumsum"), one(lambda m, x: m.cumsum(x), integer(5)), one(lambda m, x: m.cumsum(x), truth(5)), one(lambda m, x: m.cumsum(x, 1, reverse=True), real(2, 4))],
    "cumprod":          [*_along("cumprod"), one(lambda m, x: m.cumprod(x), integer(5)), one(lambda m, x: m.cumprod(x, 1), given(ZEROS))],
    "logcumsumexp":     [*_along("logcumsumexp"), one(lambda m, x: m.logcumsumexp(x), integer(5))],
    "logcumsumexp of far apart": [one(lambda m, x: m.where(m.isnan(x), 0.0, m.logcumsumexp(x, 1))[:, 2:], given(FAR))],
    "cumulative_sum":   [one(lambda m, x: m.cumulative_sum(x), real(4)), one(lambda m, x: m.cumulative_sum(x, axis=1, include_initial=True), batch(3, 2))],
    "cumulative_prod":  [one(lambda m, x: m.cumulative_prod(x), real(4)), one(lambda m, x: m.cumulative_prod(x, axis=0, include_initial=True), real(3, 2))],
    "cummax":           _values("cummax"),
    "cummin":           _values("cummin"),
    "argcummax":        _indices("cummax"),
    "argcummin":        _indices("cummin"),
    "running_sum":      [one(lambda m, x: m.running_sum(x, reverse=False), real(2, 3))],
    "running_product":  [one(lambda m, x: m.running_product(x), real(2, 3))],
    "running_logsumexp": [one(lambda m, x: m.running_logsumexp(x), real(2, 3))],
    "running_best":     [one(lambda m, x: m.running_best(x, least=False), real(9))],
    "recurrence":       [one(lambda m, a, x: m.recurrence(a, x, reverse=False), real(2, 4), real(2, 4)), one(lambda m, a, x: m.recurrence(a, x, reverse=True), real(3), real(3)),
                         one(lambda m, a, x: m.recurrence(a, x, reverse=True), real(0), real(0))],
    "diff":             [one(lambda m, x: m.diff(x), real(5)), one(lambda m, x: m.diff(x, 2, axis=0), batch(5, 2)), one(lambda m, x: m.diff(x), truth(5)), one(lambda m, x: m.diff(x, 0, prepend=1.0), real(3)),
                         one(lambda m, x, a: m.diff(x, prepend=a, append=1.0), real(2, 3), real(2, 2)), one(lambda m, x: m.diff(x, 3), real(2))],
    "trapezoid":        [one(lambda m, y: m.trapezoid(y), real(5)), one(lambda m, y: m.trapezoid(y, dx=0.5, axis=0), batch(4, 2)),
                         one(lambda m, y, x: m.trapezoid(y, x, axis=1), real(2, 4, 3), real(4)), one(lambda m, y, x: m.trapezoid(y, x), real(2, 4), real(2, 4))],
}
# fmt: on

KINKED = {"cummax", "cummin"}


def _cumsum(x: Any, axis: Any = None, reverse: bool = False) -> Any:
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis) if reverse else np.cumsum(x, axis)


def _logcumsumexp(x: Any, axis: Any = None) -> Any:
    x, axis = (x.ravel(), 0) if axis is None else (x, axis)
    return np.logaddexp.accumulate(x.astype(np.result_type(x, np.float32)), axis)


def _cummax(x: Any, axis: Any = None, sign: int = 1) -> Any:
    x, axis = (x.ravel(), 0) if axis is None else (x, axis)
    rows = np.moveaxis(x, axis, -1)
    at = np.zeros(rows.shape, np.int64)
    for k in np.ndindex(rows.shape):
        row = sign * rows[k[:-1]][: k[-1] + 1].astype(float)
        at[k] = np.argmax(row)
    return np.moveaxis(np.take_along_axis(rows, at, -1), -1, axis), np.moveaxis(at, -1, axis)


def _recurrence(a: Any, x: Any, reverse: bool) -> Any:
    turn = (lambda v: np.flip(v, -1)) if reverse else (lambda v: v)
    a, y = turn(a), np.array(turn(x))
    for k in range(1, x.shape[-1]):
        y[..., k] = a[..., k] * y[..., k - 1] + y[..., k]
    return turn(y)


NUMPY = {
    "cumsum": _cumsum,
    "logcumsumexp": _logcumsumexp,
    "cummax": _cummax,
    "cummin": lambda x, axis=None: _cummax(x, axis, -1),
    "running_sum": lambda x, reverse: np.cumsum(x, -1),
    "running_product": lambda x: np.cumprod(x, -1),
    "running_logsumexp": lambda x: _logcumsumexp(x, -1),
    "running_best": lambda x, least: _cummax(x, -1)[1],
    "recurrence": _recurrence,
}


def _torchs(name: str) -> Any:
    """PyTorch's function, of all elements for no axis."""

    def call(x: Any, axis: Any = None, **told: Any) -> Any:
        if told:
            raise TypeError(f"PyTorch's {name} does not take {', '.join(told)}")
        return getattr(x.ravel() if axis is None else x, name)(0 if axis is None else axis)

    return call


TORCH = {name: _torchs(name) for name in ("cumsum", "cumprod", "logcumsumexp", "cummax", "cummin")}
