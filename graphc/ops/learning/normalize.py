"""Normalisation: values brought to mean 0 and variance 1 over some axes, then scaled and shifted by
weights and biases; each one stage with the gradient that it has on paper.

Axis 1 holds the channels where there are any. Variances are those of the population, and divide by
the sizes at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import Node, Op, declare, public
from graphc.ops.axes import axes_of, stage
from graphc.ops.elementwise.arith import astype, power, square
from graphc.ops.elementwise.maths import sqrt
from graphc.ops.reductions.reduce import mean, sum
from graphc.ops.shaping.layout import expand_dims, reshape, transpose
from graphc.ops.spell import Expand
from graphc.ops.windows.frames import per_axis
from graphc.ops.windows.sliding import padded, windows
from graphc.types import Size, Type, floating, promote, shape_text

__all__ = [
    "batch_norm",
    "batch_norm_train",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "rms_norm",
]

Axes = tuple[int, ...]

# Mean 0, variance 1


def _moments(x: Node, axis: Axes, eps: float, centred: bool) -> tuple[Node, Node]:
    """x less its mean, and 1 / sqrt(variance + eps)."""
    rest = x - mean(x, axis, keepdims=True) if centred else x
    return rest, (1 / sqrt(mean(square(rest), axis, keepdims=True) + eps)).hinted("rate")


def _standard_define(x: Node, **a: Any) -> Node:
    rest, rate = _moments(astype(x, floating(x.dtype)), **a)
    return rest * rate


def _standard_numpy(x: np.ndarray, axis: Axes, eps: float, centred: bool) -> np.ndarray:
    x = x - np.mean(x, axis=axis, keepdims=True) if centred else x
    return x / np.sqrt(np.mean(np.square(x), axis=axis, keepdims=True) + eps)


def _standard_vjp(g: Node, y: Node, x: Node, axis: Axes, eps: float, centred: bool) -> tuple[Node]:
    """(g - mean(g) - y mean(g y)) / sqrt(variance + eps), without mean(g) where no mean was taken.

    Source: Ioffe & Szegedy 2015, "Batch Normalization", section 3.
    """
    _, rate = _moments(astype(x, y.dtype), axis, eps, centred)
    across = y * mean(g * y, axis, keepdims=True)
    level = mean(g, axis, keepdims=True) if centred else 0
    return ((g - level - across) * rate,)


_standardize = declare(
    Op(
        "standardize",
        lambda x, **a: x.with_dtype(floating(x.dtype)),
        Expand(_standard_define),
        _standard_numpy,
        _standard_vjp,
    )
)
"""(x - mean) / sqrt(variance + eps) over `axis`; x / sqrt(mean of squares + eps) if not
`centred`.
"""


# Scaled and shifted


def _over(w: Any, own: Axes, rank: int) -> Any:
    """Weights along the axes `own` of `rank`."""
    rest = tuple(i for i in range(rank) if i not in own)
    return expand_dims(w, rest) if isinstance(w, Node) else np.expand_dims(w, rest)


def _layer_type(x: Type, *affine: Type, own: Axes, groups: int, **a: Any) -> Type:
    wanted = tuple(x.shape[i] for i in own)
    for w in affine:
        if w.shape != wanted:
            raise ShapeError(
                f"weights of shape {shape_text(w.shape)} do not fit {shape_text(wanted)}, "
                f"the sizes that shape {shape_text(x.shape)} has there",
                code="G102",
            )
    channels = x.shape[1] if groups else 0
    if groups and (isinstance(channels, Size) or channels % groups):
        raise ShapeError(f"{channels} channels do not make {groups} groups of one size")
    return Type(floating(promote(*(t.dtype for t in (x, *affine)))), x.shape)


def _grouped(shape: tuple[Any, ...], groups: int) -> tuple[Any, ...]:
    """A shape with its channels by groups, or as it is."""
    batch, channels, *rest = shape if groups else (*shape, 0, 0)
    return (batch, groups, channels // groups, *rest) if groups else shape


def _standard(x: Node, groups: int, axis: Axes, **a: Any) -> Node:
    if not groups:
        return _standardize(x, axis=axis, **a)
    split = reshape(x, _grouped(x.shape, groups))
    return reshape(_standardize(split, axis=axis, **a), x.shape)


def _layer_define(x: Node, *affine: Node, own: Axes, **a: Any) -> Node:
    y = _standard(x, **a)
    y = y * _over(affine[0], own, x.ndim) if affine else y
    return y + _over(affine[1], own, x.ndim) if affine[1:] else y


def _layer_numpy(
    x: np.ndarray, *affine: np.ndarray, own: Axes, groups: int, **a: Any
) -> np.ndarray:
    y = _standard_numpy(x.reshape(_grouped(x.shape, groups)), **a).reshape(x.shape)
    y = y * _over(affine[0], own, x.ndim) if affine else y
    return y + _over(affine[1], own, x.ndim) if affine[1:] else y


def _layer_vjp(
    g: Node, y: Node, x: Node, *affine: Node, own: Axes, groups: int, **a: Any
) -> tuple[Node, ...]:
    """That of the standard form for g w; dw sums g times the standard form, db sums g."""
    shape, rest = _grouped(x.shape, groups), tuple(i for i in range(x.ndim) if i not in own)
    split = reshape(x, shape) if groups else x
    z = _standardize(split, **a)
    up = g * _over(affine[0], own, x.ndim) if affine else g
    (d_x,) = _standard_vjp(reshape(up, shape) if groups else up, z, split, **a)
    if groups:
        d_x, z = reshape(d_x, x.shape), reshape(z, x.shape)
    return d_x, *(sum(t, rest) for t, _ in zip((g * z, g), affine, strict=False))


def _layer(name: str) -> Op:
    return declare(Op(name, _layer_type, Expand(_layer_define), _layer_numpy, _layer_vjp))


_layer_norm, _rms_norm, _group_norm = map(_layer, ("layer_norm", "rms_norm", "group_norm"))
_instance_norm, _batch_norm_train = map(_layer, ("instance_norm", "batch_norm_train"))


def _affine(x: Node, weight: Any, bias: Any, own: Axes) -> tuple[Any, ...]:
    """The weights and biases that are given; ones where there is only a bias."""
    if weight is None and bias is not None:
        weight = np.ones([int(x.shape[i]) for i in own], x.type.numpy)  # type: ignore[arg-type]
    return tuple(v for v in (weight, bias) if v is not None)


def _eps(eps: Any) -> float:
    if not isinstance(eps, (int, float)) or not eps >= 0:
        raise UsageError(f"eps is {eps!r}, not a number from 0 up")
    return float(eps)


def _channels(x: Any, what: str, least: int = 2) -> Node:
    if stage(x).ndim < least:
        raise ShapeError(
            f"{what} takes (batch, channels, *lengths), not shape {shape_text(x.shape)}",
            code="G103",
        )
    return x


@public
def layer_norm(
    x: Node, axis: Any = -1, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Node:
    """(x - mean) / sqrt(variance + eps) * weight + bias, mean and variance over `axis`, one or
    several.

    `weight` and `bias` have the sizes of these axes. Floats of the shape of `x`. Raises ShapeError,
    UsageError. Source: Ba, Kiros & Hinton 2016, "Layer Normalization".
    """
    axes = axes_of(axis, stage(x).shape)
    affine = _affine(x, weight, bias, axes)
    return _layer_norm(x, *affine, own=axes, groups=0, axis=axes, eps=_eps(eps), centred=True)


@public
def rms_norm(x: Node, axis: Any = -1, weight: Any = None, eps: float | None = None) -> Node:
    """x / sqrt(mean(x**2) + eps) * weight, the mean over `axis`, one or several.

    `weight` has the sizes of these axes; `eps` is the type's own rounding unless given. Raises
    ShapeError, UsageError. Source: Zhang & Sennrich 2019, "Root Mean Square Layer Normalization".
    """
    axes = axes_of(axis, stage(x).shape)
    small = np.finfo(Type(floating(x.dtype)).numpy).eps.item() if eps is None else _eps(eps)
    affine = _affine(x, weight, None, axes)
    return _rms_norm(x, *affine, own=axes, groups=0, axis=axes, eps=small, centred=False)


@public
def group_norm(
    x: Node, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Node:
    """The channels of `x` (batch, channels, *lengths) in so many groups, each normalised over its
    channels and lengths, then scaled and shifted channel by channel.

    `weight` and `bias` (channels,). Raises ShapeError, UsageError. Source: Wu & He 2018, "Group
    Normalization".
    """
    x, (count,) = _channels(x, "group_norm"), per_axis(groups, 1, "groups")
    affine, axes = _affine(x, weight, bias, (1,)), tuple(range(2, x.ndim + 1))
    return _group_norm(x, *affine, own=(1,), groups=count, axis=axes, eps=_eps(eps), centred=True)


@public
def instance_norm(x: Node, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Node:
    """Each channel of each `x` (batch, channels, *lengths) normalised over its lengths, then scaled
    and shifted.

    `weight` and `bias` (channels,). Raises ShapeError, UsageError. Source: Ulyanov et al. 2016,
    "Instance Normalization".
    """
    axes = tuple(range(2, _channels(x, "instance_norm", 3).ndim))
    affine = _affine(x, weight, bias, (1,))
    return _instance_norm(x, *affine, own=(1,), groups=0, axis=axes, eps=_eps(eps), centred=True)


@public
def batch_norm_train(
    x: Node, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> tuple[Node, Node, Node]:
    """Each channel of `x` (batch, channels, *lengths) normalised over batch and lengths, scaled and
    shifted; and the means and variances (channels,) that were taken.

    The variances are those of the population; running statistics often want n / (n - 1) times them.
    Raises ShapeError, UsageError. Source: Ioffe & Szegedy 2015, "Batch Normalization".
    """
    x = _channels(x, "batch_norm_train")
    axes, affine = (0, *range(2, x.ndim)), _affine(x, weight, bias, (1,))
    y = _batch_norm_train(x, *affine, own=(1,), groups=0, axis=axes, eps=_eps(eps), centred=True)
    level = mean(x, axes, keepdims=True)
    return y, reshape(level, (x.shape[1],)), mean(square(x - level), axes)


# With statistics that are given


def _given_type(x: Type, *stats: Type, eps: float) -> Type:
    for s in stats:
        if s.shape != x.shape[1:2]:
            raise ShapeError(
                f"statistics and weights of shape {shape_text(s.shape)} do not fit "
                f"{x.shape[1]} channels",
                code="G102",
            )
    return Type(floating(promote(*(t.dtype for t in (x, *stats)))), x.shape)


def _given(x: Any, *stats: Any, eps: float, root: Callable[..., Any]) -> Any:
    level, var, *affine = (_over(s, (1,), x.ndim) for s in stats)
    rate = 1 / root(var + eps)
    y = (x - level) * (rate * affine[0] if affine else rate)
    return y + affine[1] if affine[1:] else y


def _given_vjp(
    g: Node, y: Node, x: Node, level: Node, var: Node, *affine: Node, eps: float
) -> tuple[Node, ...]:
    """With r = 1 / sqrt(var + eps) and s the sum of g over all but the channels: dx = g w r, dmean
    = -s w r, dvar = -1/2 r**2 w dw, where dw sums g (x - mean) r; db = s.
    """
    rest = (0, *range(2, x.ndim))
    rate = 1 / sqrt(var + eps)
    scale = rate * affine[0] if affine else rate
    total = sum(g, rest)
    d_w = sum(g * (x - _over(level, (1,), x.ndim)), rest) * rate
    d_x = g * _over(scale, (1,), x.ndim)
    d_var = -0.5 * d_w * scale * rate
    return (d_x, -total * scale, d_var, d_w, total)[: 3 + len(affine)]


_batch_norm = declare(
    Op(
        "batch_norm",
        _given_type,
        Expand(lambda *args, eps: _given(*args, eps=eps, root=sqrt)),
        lambda *args, eps: _given(*args, eps=eps, root=np.sqrt),
        _given_vjp,
    )
)


@public
def batch_norm(
    x: Node, mean: Any, var: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Node:
    """(x - mean) / sqrt(var + eps) * weight + bias, channel by channel, with means and variances
    that are given: batch normalisation as it infers.

    `x` (batch, channels, *lengths), all others (channels,). Raises ShapeError, UsageError. Source:
    Ioffe & Szegedy 2015.
    """
    x = _channels(x, "batch_norm")
    return _batch_norm(x, mean, var, *_affine(x, weight, bias, (1,)), eps=_eps(eps))


# Over neighbouring channels


def _around(x: Node, before: int, after: int) -> Node:
    """The sum over so many channels before and behind each, and itself."""
    last = (0, *range(2, x.ndim), 1)
    whole = padded(transpose(x, last), ((before, after),))
    seen = windows(whole, sizes=(before + 1 + after,), strides=(1,), dilations=(1,))
    return transpose(sum(seen, -1), (0, x.ndim - 1, *range(1, x.ndim - 1)))


def _response_base(x: Node, size: int, alpha: float, k: float) -> Node:
    return k + (alpha / size) * _around(square(x), size // 2, (size - 1) // 2)


def _response_define(x: Node, size: int, alpha: float, beta: float, k: float) -> Node:
    x = astype(x, floating(x.dtype))
    return x * power(_response_base(x, size, alpha, k), -beta)


def _response_numpy(x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    around = np.zeros(x.shape, np.result_type(x, np.float32))
    for c in range(x.shape[1]):
        first = c - size // 2
        seen = x[:, np.maximum(first, 0) : first + size]
        around[:, c] = np.square(seen).sum(axis=1)
    return x * (k + alpha / size * around) ** -beta


def _response_vjp(
    g: Node, y: Node, x: Node, size: int, alpha: float, beta: float, k: float
) -> tuple[Node]:
    """With b = k + alpha / n * (sum of squares around): g b**-beta - 2 alpha beta / n x s, where s
    sums g x b**(-beta - 1) over the channels whose windows see this one.
    """
    base = _response_base(x, size, alpha, k)
    share = _around(g * x * power(base, -beta - 1), (size - 1) // 2, size // 2)
    return (g * power(base, -beta) - (2 * alpha * beta / size) * x * share,)


_response = declare(
    Op(
        "local_response_norm",
        lambda x, **a: x.with_dtype(floating(x.dtype)),
        Expand(_response_define),
        _response_numpy,
        _response_vjp,
    )
)


@public
def local_response_norm(
    x: Node, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Node:
    """x / (k + alpha / size * s)**beta, s the sum of x**2 over `size` channels: size // 2 before
    each, itself, and those behind; channels that there are not count as 0.

    `x` (batch, channels, *lengths). Raises ShapeError, UsageError. Source: Krizhevsky et al. 2012,
    section 3.3, with the names of PyTorch's local_response_norm.
    """
    (count,) = per_axis(size, 1, "size")
    a = {"alpha": float(alpha), "beta": float(beta), "k": float(k)}
    return _response(_channels(x, "local_response_norm", 3), size=count, **a)
