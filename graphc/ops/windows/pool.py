"""Pooling: one number for what a window sees, its maximum, mean or norm, over the lengths of
(batch, channels, *lengths).

A maximum sends its gradient to the first of equal elements in row-major order. Windows that reach
beyond the edges see -inf there, or zeros.
"""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError, UsageError
from graphc.graph import OPS, Node, Op, declare, public
from graphc.ops.axes import stage
from graphc.ops.elementwise.arith import abs, astype, equal, power, sign, where
from graphc.ops.reductions.reduce import max, mean, sum
from graphc.ops.shaping.layout import broadcast_to, expand_dims, iota, squeeze
from graphc.ops.shaping.pieces import part
from graphc.ops.spell import Expand
from graphc.ops.windows.frames import batched, pairs_of, per_axis
from graphc.ops.windows.sliding import (
    Ints,
    Pairs,
    count,
    literal,
    overlap_add,
    padded,
    reach,
    windows,
)
from graphc.types import Dim, Type, floating, shape_text

__all__ = [
    "avg_pool",
    "global_avg_pool",
    "global_max_pool",
    "lp_pool",
    "max_pool",
]

Counts = tuple[Ints, ...]

# Windows and back


def _seen(x: Node, sizes: Ints, stride: Ints, padding: Pairs, dilation: Ints, edge: Any) -> Node:
    """What each window sees, (batch, channels, *outputs, *sizes), with `edge` around."""
    whole = padded(x, padding, edge)
    return windows(whole, sizes=sizes, strides=stride, dilations=dilation)


def _laid_back(g: Node, x: Node, stride: Ints, padding: Pairs, dilation: Ints) -> Node:
    """What windows have of a gradient, added up at the elements of `x` that they saw."""
    lead = x.ndim - len(padding)
    whole = (d + (a + b) for d, (a, b) in zip(x.shape[lead:], padding, strict=True))
    total = overlap_add(g, shape=(*x.shape[:lead], *whole), strides=stride, dilations=dilation)
    return part(total, (0,) * lead + tuple(a for a, _ in padding), x.shape)


def _behind(y: Node, sizes: Ints) -> Node:
    """A value of each window at every place in it."""
    n = len(sizes)
    wide = expand_dims(y, tuple(range(y.ndim, y.ndim + n)))
    return broadcast_to(wide, (*y.shape, *sizes))


def _places(rank: int, sizes: Ints) -> tuple[int, ...]:
    """The axes of the places in a window."""
    return tuple(range(rank, rank + len(sizes)))


def _pooled(x: Type, sizes: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> tuple[Dim, ...]:
    lead = x.rank - len(sizes)
    whole = (d + (a + b) for d, (a, b) in zip(x.shape[lead:], padding, strict=True))
    return (*x.shape[:lead], *map(count, whole, sizes, stride, dilation))


def _seen_numpy(
    x: np.ndarray, sizes: Ints, stride: Ints, padding: Pairs, dilation: Ints, edge: Any
) -> np.ndarray:
    lead = ((0, 0),) * (x.ndim - len(sizes))
    whole = np.pad(x, (*lead, *padding), constant_values=edge)
    seen = windows.numpy(whole, sizes, stride, dilation)
    return seen.reshape(*seen.shape[: x.ndim], -1) if seen.size else seen[..., 0]


# The maximum


def _lowest(dtype: str) -> Any:
    return OPS["max"].spell.start(dtype)


def _max_type(x: Type, **a: Any) -> Type:
    if x.dtype == "bool":
        raise DTypeError(f"{x} has no order", hint="gr.astype(x, 'float32')")
    return Type(x.dtype, _pooled(x, **a))


def _max_define(x: Node, **a: Any) -> Node:
    return max(_seen(x, **a, edge=_lowest(x.dtype)), _places(x.ndim, a["sizes"]))


def _max_numpy(x: np.ndarray, **a: Any) -> np.ndarray:
    seen = _seen_numpy(x, **a, edge=-np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min)
    return seen.max(axis=-1)


def _first(x: Node, **a: Any) -> Node:
    """Whether each place in a window is the first that has its maximum."""
    seen, axes = _seen(x, **a, edge=_lowest(x.dtype)), _places(x.ndim, a["sizes"])
    return equal(iota(x, seen.shape, axes), OPS["argmax"](seen, axis=axes, keepdims=True))


def _max_vjp(g: Node, y: Node, x: Node, sizes: Ints, **a: Any) -> tuple[Node]:
    """Each window sends g to the first of its largest elements."""
    return (_laid_back(where(_first(x, sizes=sizes, **a), _behind(g, sizes), 0), x, **a),)


_max_pool = declare(Op("max_pool", _max_type, Expand(_max_define), _max_numpy, _max_vjp))


def _where_define(x: Node, **a: Any) -> Node:
    lengths = tuple(range(x.ndim - len(a["sizes"]), x.ndim))
    at = _seen(iota(x, x.shape, lengths), **a, edge=0)
    return sum(where(_first(x, **a), at, 0), _places(x.ndim, a["sizes"]))


def _where_numpy(x: np.ndarray, **a: Any) -> np.ndarray:
    n = len(a["sizes"])
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    first = _seen_numpy(x, **a, edge=lowest).argmax(axis=-1)
    lengths = x.shape[x.ndim - n :]
    at = np.broadcast_to(np.arange(prod(lengths)).reshape(lengths), x.shape)
    return np.take_along_axis(_seen_numpy(at, **a, edge=0), first[..., None], -1)[..., 0]


_max_pool_indices = declare(
    Op(
        "max_pool_indices",
        lambda x, **a: Type("i64", _max_type(x, **a).shape),
        Expand(_where_define),
        _where_numpy,
    )
)
"""Where each window's maximum is, counted in row-major order over the lengths of `x`."""


# The mean


def _float_pooled(x: Type, **a: Any) -> Type:
    return Type(floating(x.dtype), _pooled(x, **a))


def _number(counts: Counts) -> np.ndarray:
    """How many elements each window counts: the product over axes."""
    return reduce(np.multiply.outer, (np.array(c) for c in counts))


def _by_count(total: Node, counts: Counts) -> Node:
    if all(len(c) == 1 for c in counts):
        return total / prod(c[0] for c in counts)
    return total / total.graph.constant(_number(counts), total.dtype)


def _avg_define(x: Node, counts: Counts, **a: Any) -> Node:
    x = astype(x, floating(x.dtype))
    total = sum(_seen(x, **a, edge=0), _places(x.ndim, a["sizes"]))
    return _by_count(total, counts)


def _avg_vjp(g: Node, y: Node, x: Node, counts: Counts, sizes: Ints, **a: Any) -> tuple[Node]:
    """Each element of a window has an equal share of g."""
    return (_laid_back(_behind(_by_count(g, counts), sizes), x, **a),)


_avg_pool = declare(
    Op(
        "avg_pool",
        lambda x, counts, **a: _float_pooled(x, **a),
        Expand(_avg_define),
        lambda x, counts, **a: _seen_numpy(x, **a, edge=0).sum(axis=-1) / _number(counts),
        _avg_vjp,
    )
)


def _counts(
    length: Dim,
    pair: tuple[int, int],
    size: int,
    stride: int,
    dilation: int,
    extra: int,
    all_: bool,
) -> Ints:
    """The elements of each window along one axis: those of the padding too, or of the array alone;
    a single number where it is the same for all.
    """
    (length,) = literal([length])
    before, after = pair
    low, high = (-before, length + after) if all_ else (0, length)
    outputs = count(length + before + after + extra, size, stride, dilation)
    starts = np.arange(outputs)[:, None] * stride - before
    seen = starts + np.arange(size) * dilation
    found = ((low <= seen) & (seen < high)).sum(axis=1).tolist()
    return tuple(found[:1] if len(set(found)) == 1 else found)


# The norm


def _lp_define(x: Node, p: float, **a: Any) -> Node:
    x = astype(x, floating(x.dtype))
    total = sum(power(abs(_seen(x, **a, edge=0)), p), _places(x.ndim, a["sizes"]))
    return power(total, 1 / p)


def _lp_vjp(g: Node, y: Node, x: Node, p: float, sizes: Ints, **a: Any) -> tuple[Node]:
    """sign(x) |x|**(p - 1), times the sum of g y**(1 - p) over the windows that see x; 0 where y is
    0.
    """
    share = where(y > 0, g * power(where(y > 0, y, 1), 1 - p), 0)
    return (sign(x) * power(abs(x), p - 1) * _laid_back(_behind(share, sizes), x, **a),)


_lp_pool = declare(
    Op(
        "lp_pool",
        lambda x, p, **a: _float_pooled(x, **a),
        Expand(_lp_define),
        lambda x, p, **a: (np.abs(_seen_numpy(x, **a, edge=0)) ** p).sum(axis=-1) ** (1 / p),
        _lp_vjp,
    )
)


# What a user calls


def _frame(
    x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, what: str
) -> tuple[Node, bool, dict[str, Any], Ints]:
    """The stage, whether it had no batch, its windows, and what ceil_mode pads besides."""
    n = len(kernel_size) if isinstance(kernel_size, (tuple, list)) else stage(x).ndim - 2
    x, alone = batched(x, n, what)
    sizes, far = per_axis(kernel_size, n, "kernel_size"), per_axis(dilation, n, "dilation")
    steps = sizes if stride is None or stride == () else per_axis(stride, n, "stride")
    pairs = pairs_of(padding, n)
    extra = tuple(map(_extra, x.shape[2:], pairs, sizes, steps, far)) if ceil_mode else (0,) * n
    wide = tuple((a, b + more) for (a, b), more in zip(pairs, extra, strict=True))
    return x, alone, {"sizes": sizes, "stride": steps, "padding": wide, "dilation": far}, extra


def _extra(length: Dim, pair: tuple[int, int], size: int, stride: int, dilation: int) -> int:
    """What is missing for a last window that begins inside of the array but ends beyond it."""
    (length,) = literal([length])
    whole, covered = length + pair[0] + pair[1], reach(size, dilation)
    outputs = -(-(whole - covered) // stride) + 1
    outputs -= (outputs - 1) * stride >= length + pair[0]
    return np.maximum((outputs - 1) * stride + covered - whole, 0).item()


@public
def max_pool(
    x: Node, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window: (batch, channels, *outputs).

    `x` (batch, channels, *lengths); without batch if `kernel_size` has one number an axis. Settings
    are those of `conv`; `stride` is the kernel's size unless given; `ceil_mode` lets a last window
    reach beyond the edge. With `return_indices` a pair: also where each is, an i64 that counts the
    elements of a channel. Raises ShapeError, UsageError. Source: PyTorch's max_pool1d to 3d.
    """
    x, alone, a, _ = _frame(x, kernel_size, stride, padding, dilation, ceil_mode, "max_pool")
    wanted = (_max_pool, _max_pool_indices) if return_indices else (_max_pool,)
    found = tuple(op(x, **a) for op in wanted)
    found = tuple(squeeze(v, 0) for v in found) if alone else found
    return found if return_indices else found[0]


@public
def avg_pool(
    x: Node, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None, dilation: Any = 1,
) -> Node:  # fmt: skip
    """The mean of each window: (batch, channels, *outputs).

    Arguments as for `max_pool`; padding is zeros, which count unless `count_include_pad` is False;
    `divisor_override` divides the sums in place of the count. Raises ShapeError, UsageError.
    Source: PyTorch's avg_pool1d to 3d.
    """
    x, alone, a, extra = _frame(x, kernel_size, stride, padding, dilation, ceil_mode, "avg_pool")
    n = len(extra)
    if divisor_override == 0:
        raise UsageError("divisor_override is 0, by which nothing can be divided")
    counts: Counts = ((divisor_override or 1,), *((1,) for _ in range(n - 1)))
    if divisor_override is None:
        pairs = ((b, e - more) for (b, e), more in zip(a["padding"], extra, strict=True))
        alike = x.shape[2:], pairs, a["sizes"], a["stride"], a["dilation"], extra
        counts = tuple(map(_counts, *alike, (bool(count_include_pad),) * n))
    y = _avg_pool(x, counts=counts, **a)
    return squeeze(y, 0) if alone else y


@public
def lp_pool(
    x: Node, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False,
    padding: Any = 0, dilation: Any = 1,
) -> Node:  # fmt: skip
    """The norm of each window, (sum of |x|**p)**(1/p) with p = norm_type: (batch, channels,
    *outputs).

    Arguments as for `max_pool`; padding is zeros. Raises ShapeError, UsageError. Source: ONNX's
    LpPool; PyTorch's lp_pool1d to 3d leaves out the absolute value.
    """
    if not isinstance(norm_type, (int, float)) or not norm_type > 0:
        raise UsageError(f"norm_type is {norm_type!r}, not a number above 0")
    x, alone, a, _ = _frame(x, kernel_size, stride, padding, dilation, ceil_mode, "lp_pool")
    y = _lp_pool(x, p=float(norm_type), **a)
    return squeeze(y, 0) if alone else y


def _lengths(x: Any, what: str) -> tuple[int, ...]:
    if stage(x).ndim < 3:
        raise ShapeError(
            f"{what} takes (batch, channels, *lengths), not shape {shape_text(x.shape)}",
            code="G103",
        )
    return tuple(range(2, x.ndim))


@public
def global_avg_pool(x: Node) -> Node:
    """The mean of each channel: (batch, channels, 1, ...); raises ShapeError."""
    return mean(x, _lengths(x, "global_avg_pool"), keepdims=True)


@public
def global_max_pool(x: Node) -> Node:
    """The maximum of each channel: (batch, channels, 1, ...); raises ShapeError."""
    return max(x, _lengths(x, "global_max_pool"), keepdims=True)
