"""Reductions over axes: sums, products, extremes and where they are, means and the logarithm of a
sum of exponentials.

The gradient of an extreme goes to exactly one element, the first in row-major order. Element types
are NumPy's: sums of small integers are 64 bits wide, means of integers are f64.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from math import prod as multiplied
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.expr import primitive
from graphc.graph import FUNCTIONS, OPS, Node, Op, declare, public
from graphc.ops.axes import axes_of, reduced, stage
from graphc.ops.elementwise.arith import abs as absolute
from graphc.ops.elementwise.arith import (
    astype,
    equal,
    isnan,
    logical_or,
    masked,
    not_equal,
    where,
)
from graphc.ops.elementwise.arith import full_like as _full_like
from graphc.ops.elementwise.maths import exp, log
from graphc.ops.shaping.layout import broadcast_to, expand_dims, extent, iota, squeeze
from graphc.ops.spell import Expand, Fold
from graphc.ops.stacked import shifting
from graphc.ops.tangents import first
from graphc.types import DTYPES, Size, Type, dtype_name, floating, shape_text

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "logsumexp",
    "max",
    "mean",
    "min",
    "prod",
    "sum",
]

# Type rules

Axes = tuple[int, ...]


def wide(x: Type, axis: Axes, keepdims: bool) -> Type:
    """Sums and products: integers and bool become 64 bits wide."""
    dtype = x.dtype if x.is_float else "u64" if x.dtype.startswith("u") else "i64"
    return Type(dtype, reduced(x.shape, axis, keepdims))


def _some(x: Type, axis: Axes, keepdims: bool) -> Type:
    """Extremes: at least one element, and no bool."""
    if 0 in [x.shape[a] for a in axis]:
        raise ShapeError(
            f"an array of shape {shape_text(x.shape)} has no extreme along axes {axis}", code="G106"
        )
    if x.dtype == "bool":
        raise DTypeError(f"{x} has no order", hint="take gr.any or gr.all")
    return Type(x.dtype, reduced(x.shape, axis, keepdims))


def _position(x: Type, axis: Axes, keepdims: bool) -> Type:
    return Type("i64", _some(x.with_dtype("f64"), axis, keepdims).shape)


def averaged(x: Type, axis: Axes, keepdims: bool) -> Type:
    """Means: f64 for integers."""
    return Type(x.dtype if x.is_float else "f64", reduced(x.shape, axis, keepdims))


def _smooth(x: Type, axis: Axes, keepdims: bool) -> Type:
    return Type(floating(x.dtype), reduced(x.shape, axis, keepdims))


def _truth(x: Type, axis: Axes, keepdims: bool) -> Type:
    if x.dtype != "bool":
        raise DTypeError(
            f"a logical reduction takes bool, not {x}", hint="compare first: gr.not_equal(x, 0)"
        )
    return Type("bool", reduced(x.shape, axis, keepdims))


# Local gradients


def kept(g: Node, axis: Axes, keepdims: bool) -> Node:
    """A reduced value with its axes back, of size 1."""
    return g if keepdims or not axis else expand_dims(g, axis)


def _sum_vjp(g: Node, y: Node, x: Node, axis: Axes, keepdims: bool) -> tuple[Node]:
    return (broadcast_to(kept(g, axis, keepdims), x.shape),)


def _extreme_vjp(position: str) -> Callable[..., tuple[Any]]:
    """All of g to the first element that is the extreme."""

    def vjp(g: Node, y: Node, x: Node, axis: Axes, keepdims: bool) -> tuple[Any]:
        first = OPS[position](x, axis=axis, keepdims=True)
        spread = broadcast_to(kept(g, axis, keepdims), x.shape)
        return (masked(spread, equal(iota(x, x.shape, axis), first)),)

    return vjp


def _prod_vjp(g: Node, y: Node, x: Node, axis: Axes, keepdims: bool) -> tuple[Node]:
    return (kept(g, axis, keepdims) * OPS["others"](x, axis=axis),)


def _lowest(dtype: str) -> Any:
    return -inf if dtype in ("f32", "f64") else int(np.iinfo(DTYPES[dtype]).min)


def _highest(dtype: str) -> Any:
    return inf if dtype in ("f32", "f64") else int(np.iinfo(DTYPES[dtype]).max)


def _along(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axis, keepdims: function(x, axis=axis, keepdims=keepdims)


def _fold(
    name: str, infer: Any, combine: Any, start: Any, means: Any, vjp: Any = None, jvp: Any = None
) -> Op:
    return declare(Op(name, infer, Fold(combine, start), _along(means), vjp, jvp=jvp))


# fmt: off
#     name    type    acc, x                   starts at         means    local gradient
_fold("sum",  wide,   lambda acc, x: acc + x,  lambda dtype: 0,  np.sum,  _sum_vjp, first)
_fold("prod", wide,   lambda acc, x: acc * x,  lambda dtype: 1,  np.prod, _prod_vjp)
_fold("max",  _some,  primitive("maximum"),    _lowest,          np.max,  _extreme_vjp("argmax"))
_fold("min",  _some,  primitive("minimum"),    _highest,         np.min,  _extreme_vjp("argmin"))
_fold("any",  _truth, lambda acc, x: acc | x,  lambda dtype: False, np.any)
_fold("all",  _truth, lambda acc, x: acc & x,  lambda dtype: True, np.all)
# fmt: on


# Where the extremes are


def _position_define(extreme: str) -> Callable[..., Node]:
    def define(x: Node, axis: Axes, keepdims: bool) -> Node:
        found = OPS[extreme](x, axis=axis, keepdims=True)
        hit = equal(x, found)
        hit = logical_or(hit, isnan(x)) if x.type.is_float else hit
        at = where(hit, iota(x, x.shape, axis), np.iinfo(np.int64).max)
        return OPS["min"](at, axis=axis, keepdims=keepdims)

    return define


def _position_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's argmax over several axes at once, counted in row-major order."""

    def means(x: np.ndarray, axis: Axes, keepdims: bool) -> np.ndarray:
        rest = tuple(i for i in range(x.ndim) if i not in axis)
        shape = [x.shape[i] for i in rest]
        rows = np.transpose(x, rest + axis).reshape([*shape, multiplied(x.shape[i] for i in axis)])
        return function(rows, axis=-1).reshape(reduced(x.shape, axis, keepdims))

    return means


def _locate(name: str, extreme: str, means: Any) -> Op:
    define, means = _position_define(extreme), _position_numpy(means)
    return declare(Op(name, _position, Expand(define), means, batch=shifting))


_locate("argmax", "max", np.argmax)
_locate("argmin", "min", np.argmin)


# Means and the logarithm of a sum of exponentials


def count(x: Node, axis: Axes, dtype: str) -> Any:
    """How many elements lie along `axis`: a number where it is literal, else a stage of `dtype` as
    it is at run time.
    """
    dims = [x.shape[a] for a in axis]
    literal = multiplied(d for d in dims if isinstance(d, int))
    named = [d for d in dims if isinstance(d, Size)]
    if not named or not literal:
        return literal
    total = astype(extent(x.graph, named[0] * literal), dtype).hinted("count")
    for dim in named[1:]:
        total = total * astype(extent(x.graph, dim), dtype)
    return total


def _mean_define(x: Node, axis: Axes, keepdims: bool) -> Node:
    x = x if x.type.is_float else astype(x, "f64")
    return OPS["sum"](x, axis=axis, keepdims=keepdims) / count(x, axis, x.dtype)


def _mean_vjp(g: Node, y: Node, x: Node, axis: Axes, keepdims: bool) -> tuple[Node]:
    share = (kept(g, axis, keepdims) / count(x, axis, g.dtype)).hinted("share")
    return (broadcast_to(share, x.shape),)


_mean = declare(
    Op(
        "mean", averaged, Expand(_mean_define), _along(np.mean), _mean_vjp, jvp=first,
        batch=shifting,
    )
)  # fmt: skip


def shifted(x: Node, axis: Axes) -> tuple[Node, Node, Node]:
    """x - m, exp(x - m) and m, where m is the maximum along `axis`, or 0 where that is infinite.

    Every stable function of exponentials starts with these, so that they are shared.
    """
    if 0 in [x.shape[a] for a in axis]:
        return x, exp(x), _full_like(sum(x, axis, keepdims=True), 0)
    top = max(x, axis, keepdims=True)
    m = where(absolute(top) < inf, top, 0).hinted("top")
    return x - m, exp(x - m), m


def shifted_numpy(x: np.ndarray, axis: Axes) -> tuple[np.ndarray, np.ndarray]:
    """What x - m and m are in NumPy."""
    x = x.astype(DTYPES[floating(dtype_name(x.dtype))])
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    m = np.where(np.isinf(top), x.dtype.type(0), top)
    return x - m, m


def _logsumexp_define(x: Node, axis: Axes, keepdims: bool) -> Node:
    _, e, m = shifted(astype(x, floating(x.dtype)), axis)
    total = log(sum(e, axis, keepdims=True).hinted("total")) + m
    return total if keepdims else squeeze(total, axis)


def _logsumexp_numpy(x: np.ndarray, axis: Axes, keepdims: bool) -> np.ndarray:
    z, m = shifted_numpy(x, axis)
    total = np.log(np.sum(np.exp(z), axis=axis, keepdims=True)) + m
    return total if keepdims else np.squeeze(total, axis)


def _logsumexp_vjp(g: Node, y: Node, x: Node, axis: Axes, keepdims: bool) -> tuple[Node]:
    return (kept(g, axis, keepdims) * FUNCTIONS["softmax"](x, axis),)


_logsumexp = declare(
    Op(
        "logsumexp",
        _smooth,
        Expand(_logsumexp_define),
        _logsumexp_numpy,
        _logsumexp_vjp,
        batch=shifting,
    )
)


# What a user calls


def _holds(x: Any) -> Node:
    """Numbers as bools."""
    return x if stage(x).dtype == "bool" else not_equal(x, 0)


def _reduction(name: str, x: Any, axis: Any, keepdims: bool) -> Node:
    return OPS[name](x, axis=axes_of(axis, stage(x).shape), keepdims=bool(keepdims))


@public
def sum(x: Node, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Node:
    """The sum along `axis` (an int, several, or None for all); integers are summed in 64 bits,
    nothing sums to 0.
    """
    return _reduction("sum", x if dtype is None else astype(x, dtype), axis, keepdims)


@public
def prod(x: Node, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Node:
    """The product along `axis`; integers are multiplied in 64 bits, the product of nothing is 1."""
    return _reduction("prod", x if dtype is None else astype(x, dtype), axis, keepdims)


@public
def mean(x: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """The mean along `axis`, by the size that the axes have at run time; f64 for integers."""
    return _reduction("mean", x, axis, keepdims)


@public
def max(x: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """The maximum along `axis`, NaN if there is one; its gradient goes to the first of equal
    elements.

    Raises ShapeError (G106) when there is no element.
    """
    return _reduction("any" if stage(x).dtype == "bool" else "max", x, axis, keepdims)


@public
def min(x: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """The minimum along `axis`, NaN if there is one; its gradient goes to the first of equal
    elements.

    Raises ShapeError (G106) when there is no element.
    """
    return _reduction("all" if stage(x).dtype == "bool" else "min", x, axis, keepdims)


@public
def any(x: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """Whether one element along `axis` is true; a number is where it is not 0, as NaN is."""
    return _reduction("any", _holds(x), axis, keepdims)


@public
def all(x: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """Whether all elements along `axis` are true; a number is where it is not 0, as NaN is."""
    return _reduction("all", _holds(x), axis, keepdims)


@public
def argmax(x: Node, axis: int | None = None, *, keepdims: bool = False) -> Node:
    """The index of the first maximum along one axis, of all elements in row-major order for None:
    i64.
    """
    return _reduction("argmax", x, axis, keepdims)


@public
def argmin(x: Node, axis: int | None = None, *, keepdims: bool = False) -> Node:
    """The index of the first minimum along one axis, of all elements in row-major order for None:
    i64.
    """
    return _reduction("argmin", x, axis, keepdims)


@public
def logsumexp(x: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """log(sum(exp(x))) along `axis` without overflow; -inf where all elements are -inf, inf where
    one is inf.
    """
    return _reduction("logsumexp", x, axis, keepdims)
