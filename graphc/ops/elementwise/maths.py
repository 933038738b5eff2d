"""Functions of one number: exponentials, logarithms, trigonometry and the activations built from
them.

Where a gradient can be written with the result y, it is: that decides what the backward sweep has
to keep.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.expr import Expr, primitive
from graphc.expr import equal as same
from graphc.graph import Node, Op
from graphc.ops.elementwise.arith import (
    abs,
    each,
    equal,
    logical_and,
    masked,
    numeric,
    real,
    square,
    where,
)

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "cos",
    "cosh",
    "deg2rad",
    "exp",
    "exp2",
    "expm1",
    "hypot",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "rad2deg",
    "relu",
    "rsqrt",
    "sigmoid",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + z), z / (1 + z))


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _rsqrt(x: np.ndarray) -> np.ndarray:
    return 1 / np.sqrt(x)


def _call(name: str, means, vjp):  # type: ignore[no-untyped-def]
    return each(name, "", primitive(name), means, vjp, infer=real)


# Of two numbers


def _hypot_vjp(g: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
    """The unit vector to (a, b), zero at the origin."""
    length = where(equal(y, 0), 1.0, y)
    return g * (a / length), g * (b / length)


def _atan2_vjp(g: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
    """(b, -a) / (a^2 + b^2), zero at the origin; the squares alone might overflow."""
    length = hypot(a, b)
    length = where(equal(length, 0), 1.0, length)
    return g * (b / length / length), -g * (a / length / length)


def _spell_logaddexp(unit: float) -> Callable[..., Expr]:
    """The greater one and what the other adds, in logarithms of which `unit` is that of e."""

    def spell(a: Any, b: Any) -> Expr:
        rest = primitive("absolute")(a - b)
        added = _softplus_of(-rest if unit == 1 else rest * (-1 / unit))
        larger = _max(a, b) + (added if unit == 1 else added * unit)
        return _select(same(a, b), a + math.log(2) * unit, larger)

    return spell


def _apart(a: Node, b: Node) -> Node:
    """a - b, and 0 for two equal infinities."""
    return where(logical_and(equal(a, b), equal(abs(a), math.inf)), 0.0, a - b)


def _logaddexp_vjp(g: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
    apart = _apart(a, b)
    return g * sigmoid(apart), g * sigmoid(-apart)


def _logaddexp2_vjp(g: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
    apart = _apart(a, b) * math.log(2)
    return g * sigmoid(apart), g * sigmoid(-apart)


# Sines over their angles


def _spell_sinc(x: Any) -> Expr:
    return _select(same(x, 0), 1, primitive("sin")(x * math.pi) / (x * math.pi))


SINC = (-1 / 3, 1 / 30, -1 / 840, 1 / 45360, -1 / 3991680, 1 / 518918400)
"""The derivative of sin(z) / z as z times a series in z^2."""


def _sinc_vjp(g: Node, y: Node, x: Node) -> tuple[Node]:
    """(cos(pi x) - y) / x, of which a series is left near 0."""
    near = abs(x) < 0.1
    square_ = square(where(near, x, 0.0) * math.pi)
    series = square_ * SINC[-1]
    for coefficient in reversed(SINC[1:-1]):
        series = (series + coefficient) * square_
    series = (series + SINC[0]) * (math.pi**2 * where(near, x, 0.0))
    far = where(near, 1.0, x)
    return (g * where(near, series, (cos(far * math.pi) - y) / far),)


tan: Op
cos: Op
cosh: Op
sinh: Op
hypot: Op
sigmoid: Op
_max, _select, _softplus_of = map(primitive, ("maximum", "select", "softplus"))

# fmt: off
#                 name        means         local gradient: g from above, y this stage
sqrt     = _call("sqrt",     np.sqrt,      lambda g, y, x: (g / (2 * y),))
exp      = _call("exp",      np.exp,       lambda g, y, x: (g * y,))
log      = _call("log",      np.log,       lambda g, y, x: (g / x,))
log1p    = _call("log1p",    np.log1p,     lambda g, y, x: (g / (1 + x),))
expm1    = _call("expm1",    np.expm1,     lambda g, y, x: (g * (y + 1),))
sin      = _call("sin",      np.sin,       lambda g, y, x: (g * cos(x),))
cos      = _call("cos",      np.cos,       lambda g, y, x: (-g * sin(x),))
tanh     = _call("tanh",     np.tanh,      lambda g, y, x: (g * (1 - square(y)),))
sigmoid  = _call("sigmoid",  _sigmoid,     lambda g, y, x: (g * (y * (1 - y)),))
softplus = _call("softplus", _softplus,    lambda g, y, x: (g * sigmoid(x),))
relu     = each("relu", "", lambda x: _max(x, 0), lambda x: np.maximum(x, 0), lambda g, y, x: (masked(g, y > 0),), infer=numeric)

exp2     = _call("exp2",     np.exp2,      lambda g, y, x: (g * (y * math.log(2)),))
log2     = _call("log2",     np.log2,      lambda g, y, x: (g / (x * math.log(2)),))
log10    = _call("log10",    np.log10,     lambda g, y, x: (g / (x * math.log(10)),))
tan      = _call("tan",      np.tan,       lambda g, y, x: (g * (1 + square(y)),))
sinh     = _call("sinh",     np.sinh,      lambda g, y, x: (g * cosh(x),))
cosh     = _call("cosh",     np.cosh,      lambda g, y, x: (g * sinh(x),))
asin     = _call("asin",     np.arcsin,    lambda g, y, x: (g / sqrt((1 - x) * (1 + x)),))
acos     = _call("acos",     np.arccos,    lambda g, y, x: (-g / sqrt((1 - x) * (1 + x)),))
atan     = _call("atan",     np.arctan,    lambda g, y, x: (g / (1 + square(x)),))
asinh    = _call("asinh",    np.arcsinh,   lambda g, y, x: (g / sqrt(1 + square(x)),))
acosh    = _call("acosh",    np.arccosh,   lambda g, y, x: (g / sqrt((x - 1) * (x + 1)),))
atanh    = _call("atanh",    np.arctanh,   lambda g, y, x: (g / ((1 - x) * (1 + x)),))
cbrt     = _call("cbrt",     np.cbrt,      lambda g, y, x: (g / (3 * square(y)),))
rsqrt    = _call("rsqrt",    _rsqrt,       lambda g, y, x: (g * (-0.5 * y / x),))
deg2rad  = each("deg2rad", "", lambda x: x * (math.pi / 180), np.deg2rad, lambda g, y, x: (g * (math.pi / 180),), infer=real, linear=True)
rad2deg  = each("rad2deg", "", lambda x: x * (180 / math.pi), np.rad2deg, lambda g, y, x: (g * (180 / math.pi),), infer=real, linear=True)
sinc     = each("sinc",    "", _spell_sinc, lambda x: np.sinc(x), _sinc_vjp, infer=real)

hypot      = each("hypot",      "", primitive("hypot"), np.hypot,   _hypot_vjp, infer=real)
atan2      = each("atan2",      "", primitive("atan2"), np.arctan2, _atan2_vjp, infer=real)
logaddexp  = each("logaddexp",  "", _spell_logaddexp(1), np.logaddexp, _logaddexp_vjp, infer=real)
logaddexp2 = each("logaddexp2", "", _spell_logaddexp(1 / math.log(2)), np.logaddexp2, _logaddexp2_vjp, infer=real)
# fmt: on
