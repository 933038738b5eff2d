"""Activations: functions of one number that networks put between their products, PyTorch's by name.

Each is one stage with the gradient that its formula has on paper. At a kink the gradient is the one
from the left. Integers are taken as floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.expr import primitive
from graphc.graph import FUNCTIONS, Node, Op, declare, public
from graphc.ops.axes import axis_of, stage
from graphc.ops.elementwise import meanings
from graphc.ops.elementwise.arith import (
    abs,
    astype,
    each,
    masked,
    minimum,
    real,
    square,
    where,
)
from graphc.ops.elementwise.maths import exp, expm1, sigmoid, tanh
from graphc.ops.elementwise.maths import softplus as plain_softplus
from graphc.ops.elementwise.special import ndtr, normal_density
from graphc.ops.spell import Expand
from graphc.types import DTYPES, NAMES, Dim, Type, broadcast, floating, promote, shape_text

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "leaky_relu",
    "log_sigmoid",
    "mish",
    "prelu",
    "selu",
    "silu",
    "softplus",
    "softsign",
    "tanhshrink",
]

Array = np.ndarray[Any, Any]


def activation(
    name: str,
    define: Callable[..., Node],
    means: Callable[..., Any],
    vjp: Callable[..., Any],
) -> Op:
    """Declare a function of one number that others define; both forms are given floats."""

    def of_float(x: Node, **attrs: Any) -> Node:
        return define(astype(x, floating(x.dtype)), **attrs)

    def means_float(x: Array, **attrs: Any) -> Any:
        return means(x.astype(DTYPES[floating(NAMES[x.dtype])]), **attrs)

    return declare(Op(name, _float, Expand(of_float), means_float, vjp))


def _float(x: Type, **_: Any) -> Type:
    return x.with_dtype(floating(x.dtype))


def number(value: Any, name: str, hint: str = "") -> float:
    """A parameter as a float; raises UsageError for a stage or anything else that is no number."""
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return float(value)
    raise UsageError(f"{name} is a number, not {type(value).__name__}", hint=hint)


def _sigmoid(x: Array) -> Array:
    return np.exp(-np.logaddexp(0, -x))


# Gates by a distribution: x times how likely something is


def _gelu_slope(x: Node) -> Node:
    return ndtr(x) + x * normal_density(x)


def _gelu_means(x: Array) -> Array:
    return x * 0.5 * meanings.erfc(-math.sqrt(0.5) * x)


CUBIC = 0.044715
SCALE = math.sqrt(2 / math.pi)


def _inner(x: Any) -> Any:
    return SCALE * (x + CUBIC * (x * x * x))


def _gelu_tanh_vjp(g: Node, y: Node, x: Node) -> tuple[Node]:
    t = tanh(_inner(x))
    slope = SCALE * (1 + 3 * CUBIC * square(x))
    return (g * (0.5 * (1 + t) + 0.5 * x * (1 - square(t)) * slope),)


def _silu_vjp(g: Node, y: Node, x: Node) -> tuple[Node]:
    s = sigmoid(x)
    return (g * (s * (1 + x * (1 - s))),)


def _mish_vjp(g: Node, y: Node, x: Node) -> tuple[Node]:
    t = tanh(plain_softplus(x))
    return (g * (t + x * (1 - square(t)) * sigmoid(x)),)


_gelu = each(
    "gelu",
    "",
    primitive("gelu"),
    _gelu_means,
    lambda g, y, x: (g * _gelu_slope(x),),
    infer=real,
)
_gelu_tanh = activation(
    "gelu_tanh",
    lambda x: 0.5 * x * (1 + tanh(_inner(x))),
    lambda x: 0.5 * x * (1 + np.tanh(_inner(x))),
    _gelu_tanh_vjp,
)
silu = activation("silu", lambda x: x * sigmoid(x), lambda x: x * _sigmoid(x), _silu_vjp)
mish = activation(
    "mish",
    lambda x: x * tanh(plain_softplus(x)),
    lambda x: x * np.tanh(np.logaddexp(0, x)),
    _mish_vjp,
)


@public
def gelu(x: Node, approximate: str = "none") -> Node:
    """x ndtr(x), of the normal distribution; floats of x's shape.

    With approximate="tanh", x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2. Raises UsageError
    for another word. Source: Hendrycks and Gimpel 2016.
    """
    if approximate not in ("none", "tanh"):
        raise UsageError(f"approximate is 'none' or 'tanh', not {approximate!r}")
    return _gelu(x) if approximate == "none" else _gelu_tanh(x)


# Two branches: x, and something flatter left of 0


def _elu_vjp(g: Node, y: Node, x: Node, alpha: float) -> tuple[Node]:
    return (where(x > 0, g, g * (alpha * exp(minimum(x, 0)))),)


def _celu_vjp(g: Node, y: Node, x: Node, alpha: float) -> tuple[Node]:
    return (where(x > 0, g, g * exp(minimum(x * (1 / alpha), 0))),)


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def _selu_vjp(g: Node, y: Node, x: Node) -> tuple[Node]:
    left = SELU_SCALE * SELU_ALPHA * exp(minimum(x, 0))
    return (where(x > 0, g * SELU_SCALE, g * left),)


def _branches(x: Array, left: Array, scale: float = 1.0) -> Array:
    return scale * np.where(x > 0, x, left)


_elu = activation(
    "elu",
    lambda x, alpha: where(x > 0, x, alpha * expm1(x)),
    lambda x, alpha: _branches(x, alpha * np.expm1(x)),
    _elu_vjp,
)
_celu = activation(
    "celu",
    lambda x, alpha: where(x > 0, x, alpha * expm1(x * (1 / alpha))),
    lambda x, alpha: np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha)),
    _celu_vjp,
)
selu = activation(
    "selu",
    lambda x: SELU_SCALE * where(x > 0, x, SELU_ALPHA * expm1(x)),
    lambda x: _branches(x, SELU_ALPHA * np.expm1(x), SELU_SCALE),
    _selu_vjp,
)
_leaky_relu = activation(
    "leaky_relu",
    lambda x, negative_slope: where(x > 0, x, x * negative_slope),
    lambda x, negative_slope: _branches(x, x * negative_slope),
    lambda g, y, x, negative_slope: (where(x > 0, g, g * negative_slope),),
)


@public
def elu(x: Node, alpha: float = 1.0) -> Node:
    """x where it is positive, alpha (exp(x) - 1) elsewhere; floats of x's shape.

    Raises UsageError for an alpha that is no number. Source: Clevert et al. 2015.
    """
    return _elu(stage(x), alpha=number(alpha, "alpha"))


@public
def celu(x: Node, alpha: float = 1.0) -> Node:
    """x where it is positive, alpha (exp(x / alpha) - 1) elsewhere; floats of x's shape.

    Raises UsageError for an alpha that is no positive number. Source: Barron 2017.
    """
    if number(alpha, "alpha") <= 0:
        raise UsageError(f"the alpha of celu is positive, not {alpha!r}")
    return _celu(stage(x), alpha=float(alpha))


@public
def leaky_relu(x: Node, negative_slope: float = 0.01) -> Node:
    """x where it is positive, negative_slope x elsewhere; floats of x's shape.

    Raises UsageError for a slope that is no number. Source: Maas et al. 2013.
    """
    slope = number(negative_slope, "negative_slope", "gr.prelu(x, weight) takes a stage")
    return _leaky_relu(stage(x), negative_slope=slope)


def _prelu_type(x: Type, weight: Type) -> Type:
    return Type(floating(promote(x.dtype, weight.dtype)), broadcast(x.shape, weight.shape))


def _prelu_define(x: Node, weight: Node) -> Node:
    x = astype(x, floating(promote(x.dtype, weight.dtype)))
    return where(x > 0, x, x * weight)


def _prelu_vjp(g: Node, y: Node, x: Node, weight: Node) -> tuple[Any, Any]:
    return where(x > 0, g, g * weight), masked(g * x, x <= 0)


_prelu = declare(
    Op(
        "prelu",
        _prelu_type,
        Expand(_prelu_define),
        lambda x, weight: _branches(x, x * weight),
        _prelu_vjp,
    )
)


@public
def prelu(x: Node, weight: Any) -> Node:
    """x where it is positive, weight x elsewhere; floats.

    `weight` is a scalar, or as in PyTorch a vector with one number for each channel along axis 1 of
    x (axis 0 of a vector); any other shape is broadcast with x. Raises ShapeError.
    Source: He et al. 2015.
    """
    rank = stage(x).ndim
    if isinstance(weight, Node) and weight.ndim == 1 and rank > 2:
        weight = FUNCTIONS["reshape"](weight, (weight.shape[0],) + (1,) * (rank - 2))
    return _prelu(x, weight)


# Soft ones

softsign = activation(
    "softsign",
    lambda x: x / (1 + abs(x)),
    lambda x: x / (1 + np.abs(x)),
    lambda g, y, x: (g / square(1 + abs(x)),),
)
tanhshrink = activation(
    "tanhshrink",
    lambda x: x - tanh(x),
    lambda x: x - np.tanh(x),
    lambda g, y, x: (g * square(tanh(x)),),
)
log_sigmoid = activation(
    "log_sigmoid",
    lambda x: -plain_softplus(-x),
    lambda x: -np.logaddexp(0, -x),
    lambda g, y, x: (g * sigmoid(-x),),
)


@public
def softplus(x: Node, beta: float = 1.0, threshold: float | None = None) -> Node:
    """log(1 + exp(beta x)) / beta, without overflow; floats of x's shape.

    With a threshold it is x itself where beta x is greater, as in PyTorch, whose 20 leaves out
    2e-9; there is none by default. Raises UsageError for parameters that are no numbers.
    """
    beta = number(beta, "beta")
    soft = plain_softplus(x) if beta == 1 else plain_softplus(x * beta) * (1 / beta)
    return soft if threshold is None else where(x * beta > number(threshold, "threshold"), x, soft)


# A gate along an axis


def _half(x: Type, axis: int) -> Type:
    return Type(
        floating(x.dtype),
        tuple(_middle(x, axis) if i == axis else d for i, d in enumerate(x.shape)),
    )


def _middle(x: Type | Node, axis: int) -> Dim:
    size = x.shape[axis]
    if not isinstance(size, int) or size % 2:
        raise ShapeError(
            f"axis {axis} of shape {shape_text(x.shape)} has no two halves that are known",
            hint="glu halves an even size",
        )
    return size // 2


def _halves(x: Any, axis: int) -> tuple[Any, Any]:
    middle = x.shape[axis] // 2
    before = (slice(None),) * axis
    return x[(*before, slice(None, middle))], x[(*before, slice(middle, None))]


def _glu_define(x: Node, axis: int) -> Node:
    value, gate = _halves(astype(x, floating(x.dtype)), axis)
    return value * sigmoid(gate)


def _glu_means(x: Array, axis: int) -> Array:
    value, gate = _halves(x, axis)
    return value * _sigmoid(gate)


def _glu_vjp(g: Node, y: Node, x: Node, axis: int) -> tuple[Node]:
    _, gate = _halves(x, axis)
    s = sigmoid(gate)
    return (FUNCTIONS["concat"]((g * s, g * y * (1 - s)), axis),)


_glu = declare(Op("glu", _half, Expand(_glu_define), _glu_means, _glu_vjp))


@public
def glu(x: Node, axis: int = -1) -> Node:
    """The first half of x along `axis` times sigmoid of the second; floats, half as long there.

    Raises ShapeError for a size that is odd or has a name. Source: Dauphin et al. 2016.
    """
    return _glu(x, axis=axis_of(axis, stage(x).ndim, x.shape))
