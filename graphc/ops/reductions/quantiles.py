"""Medians and quantiles, also of what is not NaN: between two neighbours of the sorted elements.

Their gradient goes to these two, each by its share.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import Node, Op, declare, public
from graphc.ops.axes import axes_of, reduced, stage
from graphc.ops.elementwise.arith import astype, equal, isnan, where
from graphc.ops.reductions.order import along, first, ordered, put
from graphc.ops.reductions.reduce import Axes, any, averaged, count, sum
from graphc.ops.shaping.layout import broadcast_to, reshape, transpose
from graphc.ops.shaping.pieces import stack
from graphc.ops.spell import Expand
from graphc.types import Dim, Type, product, shape_text

__all__ = [
    "median",
    "nanmedian",
    "nanquantile",
    "quantile",
]

# Rows of what is reduced


def _type(x: Type, axis: Axes, keepdims: bool, **_: Any) -> Type:
    if 0 in [x.shape[a] for a in axis]:
        raise ShapeError(
            f"an array of shape {shape_text(x.shape)} has no quantile along axes {axis}",
            code="G106",
        )
    return averaged(x, axis, keepdims)


def _order(rank: int, axis: Axes) -> tuple[int, ...]:
    """The axes that stay, then those that are reduced."""
    return (*(a for a in range(rank) if a not in axis), *axis)


def _rows(x: Node, axis: Axes) -> Node:
    """`x` with all reduced axes as one, the last."""
    order = _order(x.ndim, axis)
    x = x if order == tuple(range(x.ndim)) else transpose(x, order)
    lead = x.shape[: x.ndim - len(axis)]
    shape = (*lead, product(x.shape[len(lead) :]))
    return x if x.shape == shape else reshape(x, shape)


def _unrowed(rows: Node, shape: tuple[Dim, ...], axis: Axes) -> Node:
    """Rows back in the shape that they were made of."""
    order = _order(len(shape), axis)
    turned = tuple(shape[a] for a in order)
    rows = rows if rows.shape == turned else reshape(rows, turned)
    back = tuple(order.index(a) for a in range(len(shape)))
    return rows if back == tuple(range(len(shape))) else transpose(rows, back)


# Which two neighbours, and where between them; by numbers where the size is literal


def _if(condition: Any, a: Any, b: Any) -> Any:
    if isinstance(condition, Node):
        return where(condition, a, b)
    return a if condition else b


METHODS: dict[str, Callable[[Any, Any], Any]] = {
    "linear": lambda t, low: t,
    "lower": lambda t, low: 0 * t,
    "higher": lambda t, low: _if(t > 0, 1.0, t),
    "midpoint": lambda t, low: _if(t > 0, 0.5, t),
    "nearest": lambda t, low: _if(t + low % 2 / 4 > 0.5, 1.0, 0 * t),
}
"""How far between two neighbours, from the fraction t of the way behind the one at `low`; of two
equally near ones the even one is the nearest.
"""


def _between(total: Any, q: float, method: str) -> tuple[Any, Any, Any]:
    """The places of two neighbours among `total` sorted elements, and how far behind the first to
    go.
    """
    at = q * (total - 1)
    at = _if(at > 0, at, 0.0)
    low = at // 1.0
    high = _if(low + 1 < total, low + 1, low)
    return low, high, METHODS[method](at - low, low)


def _total(rows: Node, skip: bool) -> Any:
    """How many elements count: a number, or a stage that broadcasts against one element a row."""
    if skip and rows.type.is_float:
        return sum(~isnan(rows), -1, dtype="f64", keepdims=True)
    return count(rows, (rows.ndim - 1,), "f64")


def _neighbours(rows: Node, skip: bool, q: float, method: str) -> tuple[Node, Node, Any]:
    """Where the two neighbours stand in rows, and the share of the second."""
    low, high, share = _between(_total(rows, skip), q, method)
    order = ordered(rows, descending=False)
    share = astype(share, rows.dtype) if isinstance(share, Node) else share
    return _place(order, low), _place(order, high), share


def _place(order: Node, at: Any) -> Node:
    """The element of sorted rows at a place, its axis kept."""
    last = order.ndim - 1
    if not isinstance(at, Node):
        return first(order, last, 1, int(at))
    at, shape = astype(at, "i64"), (*order.shape[:-1], 1)
    return along(order, at if at.shape == shape else broadcast_to(at, shape), last)


def _define(skip: bool) -> Callable[..., Node]:
    def define(x: Node, axis: Axes, keepdims: bool, q: float = 0.5, method: str = "linear") -> Node:
        rows = _rows(astype(x, averaged(x.type, axis, True).dtype), axis)
        low, high, share = _neighbours(rows, skip, q, method)
        a, b = (along(rows, at, rows.ndim - 1) for at in (low, high))
        found = _mixed(a, b, share)
        found = found if skip else where(any(isnan(rows), -1, keepdims=True), nan, found)
        return reshape(found, reduced(x.shape, axis, keepdims))

    return define


def _mixed(a: Node, b: Node, share: Any) -> Node:
    """a + (b - a) share, where no infinity makes it NaN."""
    if isinstance(share, Node):
        return where(equal(a, b) | equal(share, 0), a, a + (b - a) * share)
    return where(equal(a, b), a, a + (b - a) * share) if share else a


def _vjp(skip: bool) -> Callable[..., tuple[Node]]:
    """(1 - t) of the gradient to the lower neighbour, t to the higher one."""

    def vjp(
        g: Node,
        y: Node,
        x: Node,
        axis: Axes,
        keepdims: bool,
        q: float = 0.5,
        method: str = "linear",
    ) -> tuple[Node]:
        rows = _rows(x, axis)
        low, high, share = _neighbours(rows, skip, q, method)
        g, last, n = reshape(g, low.shape), rows.ndim - 1, rows.shape[-1]
        if not isinstance(share, Node) and not share:
            return (_unrowed(put(g, low, last, n), x.shape, axis),)
        total = put(g * (1 - share), low, last, n) + put(g * share, high, last, n)
        return (_unrowed(total, x.shape, axis),)

    return vjp


def _numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    def means(x: np.ndarray, axis: Axes, keepdims: bool, **told: Any) -> Any:
        if not axis:
            return np.asarray(x, np.result_type(x, np.float32))
        return function(x, axis=axis, keepdims=keepdims, **told)

    return means


def _declared(name: str, skip: bool, function: Callable[..., Any]) -> Op:
    return declare(Op(name, _type, Expand(_define(skip)), _numpy(function), _vjp(skip)))


_median = _declared("median", False, np.median)
_nanmedian = _declared("nanmedian", True, np.nanmedian)
_quantile = _declared("quantile", False, np.quantile)
_nanquantile = _declared("nanquantile", True, np.nanquantile)


@public
def median(x: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """The middle element along `axis` in order, the mean of the two middle ones of an even number
    (NumPy); NaN where one is NaN.

    f64 for integers. Raises ShapeError (G106) when there is no element.
    """
    return _median(x, axis=axes_of(axis, stage(x).shape), keepdims=bool(keepdims))


@public
def nanmedian(x: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """The median along `axis` of what is not NaN, NaN where nothing is left (NumPy)."""
    return _nanmedian(x, axis=axes_of(axis, stage(x).shape), keepdims=bool(keepdims))


@public
def quantile(
    x: Node, q: Any, axis: Any = None, *, keepdims: bool = False, method: str = "linear"
) -> Node:
    """The element at q (n - 1) of the n sorted ones along `axis`, q from 0 to 1, between two
    neighbours by `method`: "linear", "lower", "higher", "midpoint" or "nearest" (NumPy).

    A sequence of q gives a new first axis. NaN where one element is NaN; f64 for integers. Raises
    UsageError for a q outside of 0..1, ShapeError (G106) when there is no element.
    """
    return _each_q(_quantile, x, q, axis, keepdims, method)


@public
def nanquantile(
    x: Node, q: Any, axis: Any = None, *, keepdims: bool = False, method: str = "linear"
) -> Node:
    """The quantile along `axis` of what is not NaN, NaN where nothing is left (NumPy)."""
    return _each_q(_nanquantile, x, q, axis, keepdims, method)


def _each_q(op: Op, x: Any, q: Any, axis: Any, keepdims: bool, method: str) -> Node:
    if method not in METHODS:
        raise UsageError(f"the method is one of {', '.join(METHODS)}, not {method!r}")
    if isinstance(q, Node):
        raise UsageError("q is known before data comes, so it cannot be a stage")
    many = np.asarray(q, np.float64)
    if many.ndim > 1 or not np.all((many >= 0) & (many <= 1)):
        raise UsageError(f"q is a number from 0 to 1, or a sequence of such, not {q!r}")
    axes = axes_of(axis, stage(x).shape)
    told = {"axis": axes, "keepdims": bool(keepdims), "method": method}
    found = [op(x, q=float(one), **told) for one in np.atleast_1d(many)]
    return stack(found) if many.ndim else found[0]
