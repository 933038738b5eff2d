"""Moments and counts over axes: variance and standard deviation, sums and means that pass over NaN,
how many elements are not zero, both extremes at once.

Variances are taken in two passes, as the mean of squared distances from the mean. Element types are
NumPy's: f64 for integers.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from graphc.graph import Node, Op, declare, public
from graphc.ops.axes import axes_of, stage
from graphc.ops.elementwise.arith import isnan, masked, maximum, not_equal, square, where
from graphc.ops.elementwise.maths import sqrt
from graphc.ops.reductions.reduce import Axes, averaged, count, kept, max, mean, min, sum, wide
from graphc.ops.shaping.layout import broadcast_to
from graphc.ops.spell import Expand
from graphc.types import Type

__all__ = [
    "amax",
    "amin",
    "aminmax",
    "count_nonzero",
    "nanmean",
    "nansum",
    "std",
    "std_mean",
    "var",
    "var_mean",
]

# Variance and standard deviation


def _spread(x: Type, axis: Axes, correction: float, keepdims: bool) -> Type:
    return averaged(x, axis, keepdims)


def _freedom(x: Node, axis: Axes, correction: float, dtype: str) -> Any:
    """n - correction, and 0 where that is negative: a number, or a stage where a size is named."""
    n = count(x, axis, dtype)
    return maximum(n - correction, 0) if isinstance(n, Node) else builtins.max(n - correction, 0)


def _var_define(x: Node, axis: Axes, correction: float, keepdims: bool) -> Node:
    total = sum(square(x - mean(x, axis, keepdims=True)), axis, keepdims=keepdims)
    return total / _freedom(x, axis, correction, total.dtype)


def _deviation(x: Node, axis: Axes, correction: float, g: Node) -> Node:
    """(x - mean) / (n - correction), in the type of g."""
    return (x - mean(x, axis, keepdims=True)) / _freedom(x, axis, correction, g.dtype)


def _var_vjp(
    g: Node, y: Node, x: Node, axis: Axes, correction: float, keepdims: bool
) -> tuple[Node]:
    """2 (x - mean) / (n - correction)."""
    return (2 * kept(g, axis, keepdims) * _deviation(x, axis, correction, g),)


def _std_vjp(
    g: Node, y: Node, x: Node, axis: Axes, correction: float, keepdims: bool
) -> tuple[Any]:
    """(x - mean) / ((n - correction) y), and 0 where all elements are equal."""
    y = kept(y, axis, keepdims)
    equal = y <= 0
    share = kept(g, axis, keepdims) / where(equal, 1, y)
    return (masked(share * _deviation(x, axis, correction, g), ~equal),)


def _var_numpy(x: np.ndarray, axis: Axes, correction: float, keepdims: bool) -> Any:
    return np.var(x, axis, correction=correction, keepdims=keepdims)


def _std_numpy(x: np.ndarray, axis: Axes, correction: float, keepdims: bool) -> Any:
    return np.std(x, axis, correction=correction, keepdims=keepdims)


_var = declare(Op("var", _spread, Expand(_var_define), _var_numpy, _var_vjp))
_std = declare(
    Op("std", _spread, Expand(lambda x, **attrs: sqrt(_var(x, **attrs))), _std_numpy, _std_vjp)
)


def _moment(op: Op, x: Any, axis: Any, correction: float, keepdims: bool) -> Node:
    axes = axes_of(axis, stage(x).shape)
    return op(x, axis=axes, correction=float(correction), keepdims=bool(keepdims))


@public
def var(
    x: Node,
    axis: Any = None,
    *,
    correction: float = 0.0,
    ddof: float | None = None,
    keepdims: bool = False,
) -> Node:
    """sum((x - mean(x))**2) / (n - correction) along `axis`, of n elements each (Array API); `ddof`
    is NumPy's older name for `correction`.

    NaN where nothing is left to divide by; f64 for integers. Raises ShapeError (G103).
    """
    return _moment(_var, x, axis, correction if ddof is None else ddof, keepdims)


@public
def std(
    x: Node,
    axis: Any = None,
    *,
    correction: float = 0.0,
    ddof: float | None = None,
    keepdims: bool = False,
) -> Node:
    """sqrt(var(x)) along `axis` (Array API), with the arguments of `var`; its gradient is 0 where
    all elements are equal.
    """
    return _moment(_std, x, axis, correction if ddof is None else ddof, keepdims)


@public
def var_mean(
    x: Node, axis: Any = None, *, correction: float = 1.0, keepdims: bool = False
) -> tuple[Node, Node]:
    """(var, mean) along `axis`; divides by n - 1 unless told otherwise, as PyTorch's does."""
    spread = var(x, axis, correction=correction, keepdims=keepdims)
    return spread, mean(x, axis, keepdims=keepdims)


@public
def std_mean(
    x: Node, axis: Any = None, *, correction: float = 1.0, keepdims: bool = False
) -> tuple[Node, Node]:
    """(std, mean) along `axis`; divides by n - 1 unless told otherwise, as PyTorch's does."""
    spread = std(x, axis, correction=correction, keepdims=keepdims)
    return spread, mean(x, axis, keepdims=keepdims)


# Counts, and sums and means that pass over NaN


def _count_define(x: Node, axis: Axes, keepdims: bool) -> Node:
    return sum(x if x.dtype == "bool" else not_equal(x, 0), axis, keepdims=keepdims)


_count_nonzero = declare(
    Op(
        "count_nonzero",
        lambda x, axis, keepdims: wide(Type("bool", x.shape), axis, keepdims),
        Expand(_count_define),
        lambda x, axis, keepdims: np.count_nonzero(x, axis, keepdims=keepdims),
    )
)


def _numbers(x: Node) -> Node:
    """`x` with 0 in place of NaN."""
    return where(isnan(x), 0, x) if x.type.is_float else x


def _nansum_vjp(g: Node, y: Node, x: Node, axis: Axes, keepdims: bool) -> tuple[Any]:
    return (masked(broadcast_to(kept(g, axis, keepdims), x.shape), ~isnan(x)),)


_nansum = declare(
    Op(
        "nansum",
        wide,
        Expand(lambda x, axis, keepdims: sum(_numbers(x), axis, keepdims=keepdims)),
        lambda x, axis, keepdims: np.nansum(x, axis, keepdims=keepdims),
        _nansum_vjp,
    )
)


def _nanmean_define(x: Node, axis: Axes, keepdims: bool) -> Node:
    if not x.type.is_float:
        return mean(x, axis, keepdims=keepdims)
    present = sum(~isnan(x), axis, dtype=x.dtype, keepdims=keepdims)
    return _nansum(x, axis=axis, keepdims=keepdims) / present


def _nanmean_vjp(g: Node, y: Node, x: Node, axis: Axes, keepdims: bool) -> tuple[Any]:
    present = ~isnan(x)
    share = kept(g, axis, keepdims) / sum(present, axis, dtype=g.dtype, keepdims=True)
    return (masked(broadcast_to(share, x.shape), present),)


def _nanmean_numpy(x: np.ndarray, axis: Axes, keepdims: bool) -> Any:
    present = np.sum(~np.isnan(x), axis=axis, keepdims=keepdims)
    return np.nansum(x, axis=axis, keepdims=keepdims) / present


_nanmean = declare(Op("nanmean", averaged, Expand(_nanmean_define), _nanmean_numpy, _nanmean_vjp))


@public
def count_nonzero(x: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """How many elements along `axis` are not 0, NaN among them: i64 (Array API)."""
    return _count_nonzero(x, axis=axes_of(axis, stage(x).shape), keepdims=bool(keepdims))


@public
def nansum(x: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """The sum along `axis` of what is not NaN; integers are summed in 64 bits (NumPy)."""
    return _nansum(x, axis=axes_of(axis, stage(x).shape), keepdims=bool(keepdims))


@public
def nanmean(x: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """The mean along `axis` of what is not NaN, NaN where nothing is left (NumPy)."""
    return _nanmean(x, axis=axes_of(axis, stage(x).shape), keepdims=bool(keepdims))


# Extremes by their other names


@public
def amax(x: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """NumPy's older name for `max`."""
    return max(x, axis, keepdims=keepdims)


@public
def amin(x: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """NumPy's older name for `min`."""
    return min(x, axis, keepdims=keepdims)


@public
def aminmax(x: Node, axis: Any = None, *, keepdims: bool = False) -> tuple[Node, Node]:
    """(min, max) along `axis`; raises ShapeError (G106) when there is no element."""
    return min(x, axis, keepdims=keepdims), max(x, axis, keepdims=keepdims)
