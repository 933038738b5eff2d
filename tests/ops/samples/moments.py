"""Samples of variances, norms, counts and of the reductions that pass over NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
from specs import Sample, batch, given, integer, one, real, truth

HOLES = [[1.0, np.nan, 3.0], [np.nan, np.nan, 2.0], [0.5, -1.0, 4.0]]


def _moments(name: str) -> list[Sample]:
    """All axes, one, several; corrections that leave something to divide by."""
    return [
        one(lambda m, x: getattr(m, name)(x), real(5)),
        one(
            lambda m, x: getattr(m, name)(x, axis=(0, 2), correction=1, keepdims=True),
            real(2, 3, 4),
        ),
        one(lambda m, x: getattr(m, name)(x, axis=0, correction=1), batch(5, 2)),
        one(lambda m, x: getattr(m, name)(x, axis=1), real(0, 3)),
        one(lambda m, x: getattr(m, name)(x), integer(6)),
    ]


def _over_holes(name: str) -> list[Sample]:
    return [
        one(lambda m, x: getattr(m, name)(x), given(HOLES)),
        one(lambda m, x: getattr(m, name)(x, axis=0), given(HOLES)),
        one(lambda m, x: getattr(m, name)(x, axis=-1, keepdims=True), batch(3, 4)),
        one(lambda m, x: getattr(m, name)(x), integer(4)),
    ]


def _norms(ords: tuple[float, ...]) -> list[Sample]:
    call = lambda m, x, o: m.vector_norm(x, axis=-1, keepdims=True, ord=o)  # noqa: E731
    return [one(lambda m, x, o=o: call(m, x, o), real(3, 4)) for o in ords]


def _matrix_norms(ords: tuple[Any, ...]) -> list[Sample]:
    return [one(lambda m, x, o=o: m.matrix_norm(x, ord=o), real(2, 3, 4)) for o in ords]


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "var":           [*_moments("var"), one(lambda m, x: m.var(x), real())],
    "std":           [*_moments("std"), one(lambda m, x: m.std(x, ddof=1), real(4))],
    "var_mean":      [one(lambda m, x: m.var_mean(x, axis=0)[0], real(4, 2)), one(lambda m, x: m.std_mean(x)[0], real(4)), one(lambda m, x: m.std_mean(x, axis=1)[1], real(2, 3))],
    "aminmax":       [one(lambda m, x: m.aminmax(x, axis=0)[0], real(4, 2)), one(lambda m, x: m.aminmax(x)[1], real(4)), one(lambda m, x: m.amax(x, 1) - m.amin(x, 1), real(2, 3))],
    "count_nonzero": [one(lambda m, x: m.count_nonzero(x), integer(3, 4)), one(lambda m, x: m.count_nonzero(x, axis=0, keepdims=True), truth(3, 4)),
                      one(lambda m, x: m.count_nonzero(x, axis=0), given([[0.0, np.nan], [1.0, -0.0]])), one(lambda m, x: m.count_nonzero(x, axis=0), real(0, 3))],
    "nansum":        _over_holes("nansum"),
    "nanmean":       _over_holes("nanmean"),
    "any of numbers": [one(lambda m, x: m.any(x, axis=0), given([[0.0, np.nan], [0.0, -0.0]])), one(lambda m, x: m.all(x, axis=1), integer(5, 2))],
    "vector_norm":   [*_norms((1, 0, np.inf, -np.inf, 3, 0.5, -1)), one(lambda m, x: m.vector_norm(x), batch(4, 3)), one(lambda m, x: m.vector_norm(x), real()),
                      one(lambda m, x: m.vector_norm(x, ord=1), integer(5)),
                      one(lambda m, x: m.vector_norm(x, axis=1), real(2, 0))],
    "matrix_norm":   _matrix_norms(("fro", 1, -np.inf, 2, "nuc")),
    "norm":          [one(lambda m, x: m.norm(x), real(2, 3, 2)), one(lambda m, x: m.norm(x, 1), real(3, 4)), one(lambda m, x: m.norm(x, np.inf, (2, 0), True), real(2, 3, 4)),
                      one(lambda m, x: m.norm(x, 3, 1), real(3, 4))],
    "normalize":     [one(lambda m, x: m.normalize(x), batch(3, 4)), one(lambda m, x: m.normalize(x, ord=1, axis=0, eps=5.0), real(3, 4))],
}
# fmt: on

KINKED = {"aminmax", "matrix_norm", "norm"}


def _correction(name: str, correction: int) -> Any:
    """PyTorch's function with NumPy's default correction and names."""

    def call(x: Any, axis: Any = None, **told: Any) -> Any:
        if not x.numel():
            raise ValueError("PyTorch warns of the variance of nothing")
        correct = told.get("correction", told.get("ddof", correction))
        return getattr(x, name)(dim=axis, correction=correct, keepdim=told.get("keepdims", False))

    return call


def _normalize(x: Any, ord: float = 2, axis: int = -1, eps: float = 1e-12) -> Any:
    return x / np.maximum(np.linalg.vector_norm(x, axis=axis, keepdims=True, ord=ord), eps)


NUMPY = {
    "vector_norm": lambda x, **told: np.linalg.vector_norm(x, **told) if x.ndim else np.abs(x),
    "matrix_norm": np.linalg.matrix_norm,
    "norm": np.linalg.norm,
    "normalize": _normalize,
    "var_mean": lambda x, axis=None: (np.var(x, axis, ddof=1), np.mean(x, axis)),
    "std_mean": lambda x, axis=None: (np.std(x, axis, ddof=1), np.mean(x, axis)),
    "aminmax": lambda x, axis=None: (np.min(x, axis), np.max(x, axis)),
    "nanmean": lambda x, axis=None, keepdims=False: _means(x, axis, keepdims),
}
TORCH = {
    "var": _correction("var", 0),
    "std": _correction("std", 0),
    "nansum": lambda x, axis=None, keepdims=False: x.nansum(axis, keepdim=keepdims),
    "nanmean": lambda x, axis=None, keepdims=False: x.nanmean(axis, keepdim=keepdims),
    "vector_norm": lambda x, axis=None, keepdims=False, ord=2: x.norm(ord, axis, keepdims),
}


def _means(x: Any, axis: Any, keepdims: bool) -> Any:
    with np.errstate(all="ignore"):
        present = np.sum(~np.isnan(x), axis=axis, keepdims=keepdims)
        return np.nansum(x, axis=axis, keepdims=keepdims) / present
