"""Each element with all before it along an axis: cumulative sums, products, extremes and logarithms
of sums of exponentials; differences, which undo sums, and integrals.

Routines run along the last axis; an operation moves its axis there. Gradients of cumulative
functions run back along the axis, and are exact where elements are 0 or sums underflow.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError, UsageError
from graphc.graph import Node, Op, declare, public
from graphc.ops import tangents
from graphc.ops.axes import axis_of, stage
from graphc.ops.elementwise.arith import (
    astype,
    equal,
    logical_xor,
    where,
)
from graphc.ops.elementwise.maths import exp
from graphc.ops.reductions.order import along, first, put
from graphc.ops.reductions.reduce import sum, wide
from graphc.ops.reductions.running import (
    best_numpy,
    recurrence,
    running_best,
    running_logsumexp,
    running_product,
    running_sum,
    shifted,
)
from graphc.ops.shaping.layout import broadcast_to, iota, move_axis, ravel, reshape
from graphc.ops.shaping.pieces import concat, place
from graphc.ops.spell import Expand
from graphc.types import DTYPES, Type, dtype_name, floating

__all__ = [
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_prod",
    "cumulative_sum",
    "diff",
    "logcumsumexp",
    "trapezoid",
]

# Operations along an axis


def _moved(op: Op) -> Callable[..., Node]:
    """The definition of an operation along any axis, from the one along the last."""

    def define(x: Node, axis: int, **told: Any) -> Node:
        return move_axis(op(move_axis(x, axis, -1), **told), -1, axis)

    return define


def _sum_define(x: Node, axis: int, reverse: bool) -> Node:
    return _moved(running_sum)(astype(x, _wide(x.type, axis).dtype), axis, reverse=reverse)


def _sum_numpy(x: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis) if reverse else np.cumsum(x, axis)


def _wide(x: Type, axis: int, **_: Any) -> Type:
    return wide(x, (), True)


_cumsum: Op = declare(
    Op(
        "cumsum",
        _wide,
        Expand(_sum_define),
        _sum_numpy,
        lambda g, y, x, axis, reverse: (_cumsum(g, axis=axis, reverse=not reverse),),
        jvp=tangents.first,
    )
)


def _prod_vjp(g: Node, y: Node, x: Node, axis: int) -> tuple[Node]:
    """Backwards through y[k] = x[k] y[k - 1]: no division, so it is exact at zeros."""
    g, x, y = (move_axis(a, axis, -1) for a in (g, x, y))
    start = equal(iota(y, y.shape, (y.ndim - 1,)), 0)
    before = where(start, 1, shifted(y, reverse=False))
    back = recurrence(shifted(x, reverse=True), g, reverse=True)
    return (move_axis(back * before, -1, axis),)


_cumprod = declare(
    Op(
        "cumprod",
        _wide,
        Expand(lambda x, axis: _moved(running_product)(astype(x, _wide(x.type, axis).dtype), axis)),
        lambda x, axis: np.cumprod(x, axis),
        _prod_vjp,
    )
)


# The logarithm of a cumulative sum of exponentials


def _log_type(x: Type, axis: int) -> Type:
    return x.with_dtype(floating(x.dtype))


def _log_vjp(g: Node, y: Node, x: Node, axis: int) -> tuple[Any]:
    """sum of g[i] exp(x[k] - y[i]) over i >= k, as a recurrence whose factors are at most 1."""
    g, x, y = (move_axis(a, axis, -1) for a in (g, x, y))
    some = y > -inf
    y = where(some, y, 0)
    gathered = recurrence(_ratios(y), g, reverse=True)
    return (move_axis(where(some, gathered * exp(where(some, x, 0) - y), 0), -1, axis),)


def _ratios(y: Node) -> Node:
    """exp(y[k] - y[k + 1]), and 0 at the end."""
    n = y.shape[-1]
    if n == 0:
        return y
    here, behind = (first(y, y.ndim - 1, n - 1, start) for start in (0, 1))
    return place(exp(here - behind), shape=y.shape, starts=((0,) * y.ndim,), steps=((1,) * y.ndim,))


_logcumsumexp = declare(
    Op(
        "logcumsumexp",
        _log_type,
        Expand(lambda x, axis: _moved(running_logsumexp)(astype(x, floating(x.dtype)), axis)),
        lambda x, axis: np.logaddexp.accumulate(
            x.astype(DTYPES[floating(dtype_name(x.dtype))]), axis
        ),
        _log_vjp,
    )
)


# Extremes so far


def _extreme(name: str, least: bool) -> tuple[Op, Op]:
    """Where the extremes stand, and their values."""
    argument = declare(
        Op(
            "arg" + name,
            lambda x, axis: x.with_dtype("i64"),
            Expand(lambda x, axis: _moved(running_best)(x, axis, least=least)),
            lambda x, axis: best_numpy(x, least, axis),
        )
    )
    value = declare(
        Op(
            name,
            lambda x, axis: x,
            Expand(lambda x, axis: along(x, argument(x, axis=axis), axis)),
            lambda x, axis: (np.minimum if least else np.maximum).accumulate(x, axis),
            lambda g, y, x, axis: (put(g, argument(x, axis=axis), axis, x.shape[axis]),),
        )
    )
    return argument, value


_argcummax, _cummax = _extreme("cummax", least=False)
_argcummin, _cummin = _extreme("cummin", least=True)


# What a user calls


def _flattened(x: Any, axis: Any) -> tuple[Node, int]:
    """A stage and one of its axes; all elements in one row for None."""
    x, axis = (ravel(stage(x)), 0) if axis is None else (stage(x), axis)
    return x, axis_of(axis, x.ndim, x.shape)


def _lone_axis(x: Any, axis: Any) -> int:
    """An axis, which may be left out of a vector's; raises ShapeError (G103)."""
    if axis is None and stage(x).ndim != 1:
        raise ShapeError(f"which of the {x.ndim} axes is it along?", code="G103", hint="axis=0")
    return axis_of(0 if axis is None else axis, stage(x).ndim, x.shape)


def _begun(y: Node, axis: int, start: float) -> Node:
    """A row that begins with what nothing gives."""
    shape = (*y.shape[:axis], 1, *y.shape[axis + 1 :])
    return concat((broadcast_to(y.graph.constant(start, y.dtype), shape), y), axis)


@public
def cumsum(x: Node, axis: int | None = None, *, dtype: Any = None, reverse: bool = False) -> Node:
    """y[k] = x[0] + ... + x[k] along `axis`, of all elements in row-major order for None; from the
    end if `reverse` (NumPy).

    Integers are summed in 64 bits. Raises ShapeError (G103).
    """
    x, axis = _flattened(x if dtype is None else astype(x, dtype), axis)
    return _cumsum(x, axis=axis, reverse=bool(reverse))


@public
def cumprod(x: Node, axis: int | None = None, *, dtype: Any = None) -> Node:
    """y[k] = x[0] * ... * x[k] along `axis`, of all elements in row-major order for None (NumPy).

    Integers are multiplied in 64 bits. Its gradients are exact where elements are 0. Raises
    ShapeError (G103).
    """
    x, axis = _flattened(x if dtype is None else astype(x, dtype), axis)
    return _cumprod(x, axis=axis)


@public
def cumulative_sum(
    x: Node, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Node:
    """cumsum by the Array API's name: `axis` may be left out for a vector alone; with
    `include_initial` a 0 comes first.
    """
    axis = _lone_axis(x, axis)
    y = cumsum(x, axis, dtype=dtype)
    return _begun(y, axis, 0) if include_initial else y


@public
def cumulative_prod(
    x: Node, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Node:
    """cumprod by the Array API's name: `axis` may be left out for a vector alone; with
    `include_initial` a 1 comes first.
    """
    axis = _lone_axis(x, axis)
    y = cumprod(x, axis, dtype=dtype)
    return _begun(y, axis, 1) if include_initial else y


@public
def logcumsumexp(x: Node, axis: int | None = None) -> Node:
    """y[k] = log(exp(x[0]) + ... + exp(x[k])) along `axis` without overflow, of all elements in
    row-major order for None (torch.logcumsumexp).
    """
    x, axis = _flattened(x, axis)
    return _logcumsumexp(x, axis=axis)


def _best(value: Op, argument: Op, x: Any, axis: Any) -> tuple[Node, Node]:
    x, axis = _flattened(x, axis)
    if x.dtype == "bool":
        raise DTypeError(f"{x} has no order", hint="take gr.any or gr.all")
    return value(x, axis=axis), argument(x, axis=axis)


@public
def cummax(x: Node, axis: int | None = None) -> tuple[Node, Node]:
    """The greatest of x[0] .. x[k] along `axis`, and where it stands: (values, indices)
    (torch.cummax).

    Of equal elements the first one counts, and takes the gradient; NaN is beyond all numbers.
    """
    return _best(_cummax, _argcummax, x, axis)


@public
def cummin(x: Node, axis: int | None = None) -> tuple[Node, Node]:
    """The least of x[0] .. x[k] along `axis`, and where it stands: (values, indices)
    (torch.cummin).

    Of equal elements the first one counts, and takes the gradient; NaN is beyond all numbers.
    """
    return _best(_cummin, _argcummin, x, axis)


# Differences and integrals


@public
def diff(x: Node, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Node:
    """x[k + 1] - x[k] along `axis`, `n` times; of bools, whether they differ (NumPy). `prepend` and
    `append` are laid before and behind `x` first; no times give `x` itself.

    Raises UsageError for an `n` below 0, ShapeError (G103).
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0:
        raise UsageError(f"n says how often differences are taken, so it is not {n!r}")
    axis = axis_of(axis, stage(x).ndim, x.shape)
    if n == 0:
        return x
    ends = [_end(prepend, x, axis), x, _end(append, x, axis)]
    given = [e for e in ends if e is not None]
    x = concat(given, axis) if len(given) > 1 else x
    for _ in range(n if x.shape[axis] != 0 else 0):
        x = _difference(x, axis)
    return x


def _end(given: Any, x: Node, axis: int) -> Node | None:
    """What is laid beside `x`: a number counts as one element a row."""
    if given is None:
        return None
    (end,) = x.graph.lift([given if isinstance(given, Node) else np.asarray(given)])
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    return end if end.ndim else broadcast_to(end, shape)


def _neighbours(x: Node, axis: int) -> tuple[Node, Node]:
    """All elements but the first, and all but the last."""
    less = x.shape[axis] - 1
    return first(x, axis, less, 1), first(x, axis, less)


def _difference(x: Node, axis: int) -> Node:
    behind, before = _neighbours(x, axis)
    return logical_xor(behind, before) if x.dtype == "bool" else behind - before


@public
def trapezoid(y: Node, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Node:
    """The integral of `y` along `axis` by the trapezoidal rule: the sum of (x[k + 1] - x[k])
    (y[k + 1] + y[k]) / 2 (NumPy).

    `x` is a vector of places, or one of each element's own; else they are `dx` apart. Raises
    ShapeError (G102, G103).
    """
    axis = axis_of(axis, stage(y).ndim, y.shape)
    width = dx if x is None else _widths(y, x, axis)
    behind, before = _neighbours(y, axis)
    return sum(width * (behind + before) / 2.0, axis)


def _widths(y: Node, x: Any, axis: int) -> Node:
    (x,) = y.graph.lift([x if isinstance(x, Node) else np.asarray(x)])
    if x.ndim != 1:
        return diff(x, axis=axis - y.ndim)
    return reshape(diff(x), (-1, *(1 for _ in y.shape[axis + 1 :])))
