"""Norms of vectors and matrices, as in numpy.linalg, and vectors scaled to length 1.

Gradients are 0 where a norm has none: at a vector of zeros. That of an extreme goes to the first
element that has it.
"""

from __future__ import annotations

from math import inf, isnan
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import FUNCTIONS, Node, Op, declare, public
from graphc.ops.axes import axes_of, axis_of, stage
from graphc.ops.elementwise.arith import abs as absolute
from graphc.ops.elementwise.arith import (
    astype,
    equal,
    logical_and,
    masked,
    maximum,
    not_equal,
    power,
    sign,
    square,
    where,
    zeros_like,
)
from graphc.ops.elementwise.maths import sqrt
from graphc.ops.reductions.moments import count_nonzero
from graphc.ops.reductions.reduce import Axes, argmax, argmin, averaged, kept, max, min, sum
from graphc.ops.shaping.layout import expand_dims, iota, squeeze, transpose
from graphc.ops.spell import Expand
from graphc.types import Type, shape_text

__all__ = [
    "matrix_norm",
    "norm",
    "normalize",
    "vector_norm",
]

# Norms of vectors


def _norm_type(x: Type, axis: Axes, keepdims: bool, ord: float) -> Type:
    if abs(ord) == inf and 0 in [x.shape[a] for a in axis]:
        raise ShapeError(
            f"an array of shape {shape_text(x.shape)} has no extreme along axes {axis}", code="G106"
        )
    return averaged(x, axis, keepdims)


DEFINITIONS: dict[float, Any] = {
    0: lambda x, axis, keepdims: count_nonzero(x, axis, keepdims=keepdims),
    1: lambda x, axis, keepdims: sum(absolute(x), axis, keepdims=keepdims),
    2: lambda x, axis, keepdims: sqrt(sum(square(x), axis, keepdims=keepdims)),
    inf: lambda x, axis, keepdims: max(absolute(x), axis, keepdims=keepdims),
    -inf: lambda x, axis, keepdims: min(absolute(x), axis, keepdims=keepdims),
}
"""The norms that need no power."""


def _norm_define(x: Node, axis: Axes, keepdims: bool, ord: float) -> Node:
    x = astype(x, averaged(x.type, axis, True).dtype)
    if ord in DEFINITIONS:
        return astype(DEFINITIONS[ord](x, axis, keepdims), x.dtype)
    total = sum(power(absolute(x), ord), axis, keepdims=keepdims)
    return power(total, 1 / ord)


def _first(x: Node, axis: Axes, position: Any) -> Node:
    """Whether an element is the first whose absolute value is the extreme."""
    return equal(iota(x, x.shape, axis), position(absolute(x), axis, keepdims=True))


SLOPES: dict[float, Any] = {
    0: lambda x, y, axis: (zeros_like(x), True),
    1: lambda x, y, axis: (sign(x), True),
    2: lambda x, y, axis: (x / where(y > 0, y, 1), y > 0),
    inf: lambda x, y, axis: (sign(x), _first(x, axis, argmax)),
    -inf: lambda x, y, axis: (sign(x), _first(x, axis, argmin)),
}
"""Their gradients, and where these hold, from the norm with its axes kept."""


def _slope(x: Node, y: Node, ord: float) -> tuple[Node, Any]:
    """sign(x) (|x| / y)**(ord - 1), where neither is 0."""
    inside = logical_and(not_equal(x, 0), not_equal(y, 0))
    ratio = where(inside, absolute(x), 1) / where(inside, y, 1)
    return sign(x) * power(ratio, ord - 1), inside


def _norm_vjp(g: Node, y: Node, x: Node, axis: Axes, keepdims: bool, ord: float) -> tuple[Any]:
    g, y = kept(g, axis, keepdims), kept(y, axis, keepdims)
    slope, mask = SLOPES[ord](x, y, axis) if ord in SLOPES else _slope(x, y, ord)
    return (g * slope if mask is True else masked(g * slope, mask),)


def _norm_numpy(x: np.ndarray, axis: Axes, keepdims: bool, ord: float) -> Any:
    if not axis:
        x, axis, keepdims = x[..., None], (x.ndim,), False
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)


_vector_norm = declare(Op("vector_norm", _norm_type, Expand(_norm_define), _norm_numpy, _norm_vjp))


@public
def vector_norm(x: Node, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Node:
    """sum(|x|**ord)**(1/ord) along `axis`; the greatest and the least |x| for ord inf and -inf, how
    many are not 0 for 0 (numpy.linalg.vector_norm).

    f64 for integers. Raises UsageError for an `ord` that is no number, ShapeError (G106) for an
    extreme of nothing.
    """
    if isinstance(ord, bool) or not isinstance(ord, (int, float)) or isnan(ord):
        raise UsageError(f"ord is a number, inf or -inf, not {ord!r}")
    axes = axes_of(axis, stage(x).shape)
    return _vector_norm(x, axis=axes, keepdims=bool(keepdims), ord=float(ord))


# Norms of matrices

FOLDS: dict[Any, Any] = {1: max, -1: min, inf: max, -inf: min}
"""Norms that are an extreme of sums: of columns for 1 and -1, of rows for inf and -inf."""

SPECTRAL: dict[Any, Any] = {2: max, -2: min, "nuc": sum}
"""Norms that are made of singular values."""


def _matrix_norm(x: Node, rows: int, columns: int, ord: Any, keepdims: bool) -> Node:
    if ord in ("fro", None):
        return vector_norm(x, axis=(rows, columns), keepdims=keepdims)
    if ord in SPECTRAL:
        found = _spectral_norm(x, rows, columns, SPECTRAL[ord])
    elif ord in FOLDS:
        along, across = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = vector_norm(x, axis=along, keepdims=True, ord=1)
        found = squeeze(FOLDS[ord](sums, across, keepdims=True), (rows, columns))
    else:
        raise UsageError(
            f"the norm of a matrix is 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, not {ord!r}"
        )
    return expand_dims(found, (rows, columns)) if keepdims else found


def _spectral_norm(x: Node, rows: int, columns: int, fold: Any) -> Node:
    rest = tuple(a for a in range(x.ndim) if a not in (rows, columns))
    return fold(FUNCTIONS["svdvals"](transpose(x, (*rest, rows, columns))), -1)


@public
def matrix_norm(x: Node, *, keepdims: bool = False, ord: Any = "fro") -> Node:
    """The norm of the matrices in the last two axes: the root of the sum of squares ("fro"), the
    greatest or least sum of |x| over a column (1, -1) or over a row (inf, -inf), the greatest or
    least singular value (2, -2) or the sum of these ("nuc").

    As numpy.linalg.matrix_norm; raises UsageError for another `ord`, ShapeError for fewer than two
    axes.
    """
    rows, columns = (axis_of(a, stage(x).ndim, x.shape) for a in (-2, -1))
    return _matrix_norm(x, rows, columns, ord, keepdims)


@public
def norm(x: Node, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Node:
    """numpy.linalg.norm: of all elements when nothing is said; else of vectors along one axis, of
    matrices in two.

    Raises UsageError for an `ord` that has no meaning, ShapeError for other than one axis or two.
    """
    if axis is None and ord is None:
        return vector_norm(x, keepdims=keepdims)
    given = range(x.ndim) if axis is None else axis
    given = given if isinstance(given, (tuple, list, range)) else (given,)
    axes = [axis_of(a, stage(x).ndim, x.shape) for a in given]
    if len(axes) == 1:
        return vector_norm(x, axis=axes[0], keepdims=keepdims, ord=2 if ord is None else ord)
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ShapeError(
            f"a norm is taken along one axis or two, not {len(set(axes))}", code="G103",
            hint="gr.vector_norm takes any number of axes",
        )  # fmt: skip
    return _matrix_norm(x, axes[0], axes[1], ord, keepdims)


@public
def normalize(x: Node, *, ord: float = 2, axis: Any = -1, eps: float = 1e-12) -> Node:
    """x / max(norm, eps) along `axis` (torch.nn.functional.normalize); `ord` as in vector_norm."""
    return x / maximum(vector_norm(x, axis=axis, keepdims=True, ord=ord), eps)
