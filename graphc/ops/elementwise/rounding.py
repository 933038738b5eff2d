"""Whole numbers near a number, its sign, and tests of numbers: NumPy's, elementwise.

Integers are whole already and keep their type. What rounds is flat: its gradient is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import DTypeError, UsageError
from graphc.expr import Expr, primitive
from graphc.expr import equal as same
from graphc.graph import Node, Op, public
from graphc.ops.axes import stage
from graphc.ops.elementwise.arith import (
    astype,
    each,
    equal,
    isnan,
    masked,
    ones_like,
    real,
    sign,
    subtract,
    truth,
    where,
    zeros_like,
)
from graphc.ops.spell import as_they_are
from graphc.types import Type, floating

__all__ = [
    "ceil",
    "copysign",
    "floor",
    "frac",
    "heaviside",
    "isfinite",
    "isinf",
    "isneginf",
    "isposinf",
    "isreal",
    "nan_to_num",
    "nextafter",
    "round",
    "signbit",
    "trunc",
]


def in_floats(args: tuple[Type, ...], result: Type) -> tuple[str, ...]:
    """Every operand in the float type in which a function of it answers."""
    return tuple(floating(a.dtype) for a in args)


def _whole(name: str, spelled: str, means: Callable[..., Any]) -> Op:
    """Declare a function that rounds."""
    return each(
        name,
        "",
        primitive(spelled),
        means,
        lambda g, y, x: (zeros_like(g),),
        infer=lambda x: x,
        operands=as_they_are,
    )


def _test(name: str, spell: Callable[..., Expr], means: Callable[..., Any]) -> Op:
    """Declare a test of one number."""
    return each(name, "", spell, means, infer=truth, operands=in_floats)


def _heaviside_spell(x: Any, h: Any) -> Expr:
    select = primitive("select")
    return select(x < 0, 0, select(x > 0, 1, select(same(x, 0), h, x)))


def _heaviside_vjp(g: Node, y: Node, x: Node, h: Node) -> tuple[Node, Any]:
    return zeros_like(g), masked(g, equal(x, 0))


def _copysign_vjp(g: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
    """The slope of |a|, zero at 0, with the sign of b."""
    return g * (sign(a) * copysign(ones_like(b), b)), zeros_like(g)


def _nextafter_vjp(g: Node, y: Node, a: Node, b: Node) -> tuple[Node, None]:
    return g, None


def _round_means(x: np.ndarray) -> np.ndarray:
    return np.rint(x) if x.dtype.kind == "f" else x


_abs, _copysign = primitive("absolute"), primitive("copysign")
copysign: Op

# fmt: off
#                name     spelled as, means
floor  = _whole("floor", "floor", np.floor)
ceil   = _whole("ceil",  "ceil",  np.ceil)
trunc  = _whole("trunc", "trunc", np.trunc)
_round = _whole("round", "rint",  _round_means)

isfinite = _test("isfinite", primitive("is_finite"),                   np.isfinite)
isinf    = _test("isinf",    lambda x: _abs(x) >= math.inf,            np.isinf)
isposinf = _test("isposinf", lambda x: x >= math.inf,                  lambda x: np.isposinf(x))
isneginf = _test("isneginf", lambda x: x <= -math.inf,                 lambda x: np.isneginf(x))
signbit  = _test("signbit",  lambda x: _copysign(1, x) < 0,            np.signbit)

heaviside = each("heaviside", "", _heaviside_spell,        np.heaviside, _heaviside_vjp, infer=real)
copysign  = each("copysign",  "", _copysign,               np.copysign,  _copysign_vjp,  infer=real)
nextafter = each("nextafter", "", primitive("nextafter"),  np.nextafter, _nextafter_vjp, infer=real)
# fmt: on


@public
def round(x: Node, decimals: int = 0) -> Node:
    """The nearest number with so many decimals, the even one of two; elementwise, of x's type.

    Raises UsageError for `decimals` that are no integer, DTypeError for tens of integers. Source:
    NumPy's, x 10**decimals rounded, over 10**decimals.
    """
    if not isinstance(decimals, int) or isinstance(decimals, bool):
        raise UsageError(f"decimals are an integer, not {type(decimals).__name__}")
    if decimals == 0 or (decimals > 0 and not stage(x).type.is_float):
        return _round(x)
    if not stage(x).type.is_float:
        raise DTypeError(
            f"only floats are rounded to tens, not {x.type}", hint="gr.astype(x, 'float64')"
        )
    factor = 10.0 ** math.fabs(decimals)
    return _round(x * factor) / factor if decimals > 0 else _round(x / factor) * factor


@public
def isreal(x: Node) -> Node:
    """True at each element: graphc has no complex numbers."""
    return astype(ones_like(stage(x)), "bool")


@public
def frac(x: Node) -> Node:
    """x - trunc(x), with the sign of x; elementwise, of x's type."""
    return subtract(x, trunc(x))


@public
def nan_to_num(
    x: Node, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Node:
    """`x` with numbers for NaN and the infinities, by default 0 and the largest of its type.

    Elementwise, of x's type; what is replaced takes no gradient.
    """
    if not stage(x).type.is_float:
        return x
    largest = float(np.finfo(x.type.numpy).max)
    high = where(isposinf(x), largest if posinf is None else posinf, x)
    low = where(isneginf(x), -largest if neginf is None else neginf, high)
    return astype(where(isnan(x), nan, low), x.dtype)
