"""Functions of real numbers: what a program calls them, their twins, and how they are built.

Their errors in units of the last place are what `python -m tools.ulp` finds.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .angles import cos_build, sin_build, tan_build
from .exponentials import (
    erf_build,
    exp2_build,
    exp_build,
    expm1_build,
    gelu_build,
    log1p_build,
    log_build,
    reciprocal_build,
    rsqrt_build,
    sigmoid_build,
    softplus_build,
    sqrt_build,
    tanh_build,
)
from .formula import Real, called
from .jit import Build, llvm
from .numbers import kept, of_one, of_two
from .special import SPECIALS


def plain_sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), by exp of what is not positive."""
    z = np.exp(-np.absolute(x))
    return np.where(x >= 0, np.ones_like(z), z) / (1 + z)


def plain_softplus(x: Any) -> Any:
    """log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|))."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.absolute(x)))


def plain_erf(x: Any) -> Any:
    """The C library's error function in double precision, rounded to the type of x."""
    kind = np.asarray(x).dtype
    return each_erf(x).astype(kind if kind.kind == "f" else np.float64)[()]


each_erf: Callable[..., Any] = np.vectorize(math.erf, otypes=[np.float64])


def plain_gelu(x: Any) -> Any:
    """x (1 + erf(x / sqrt(2))) / 2."""
    return x * 0.5 * (1 + plain_erf(x * math.sqrt(0.5)))


def plain_rsqrt(x: Any) -> Any:
    """1 / sqrt(x)."""
    return 1 / np.sqrt(x)


def plain_reciprocal(x: Any) -> Any:
    """1 / x."""
    return np.divide(1, x)


def plain_rint(x: Any) -> Any:
    """The nearest whole number, the even one of two; an integer is one."""
    return np.rint(x) if np.asarray(x).dtype.kind == "f" else x


def by_library(name: str) -> Build:
    """A function of the C library, in the precision of its argument."""
    return lambda b, v: called(name, Real(b, v)).v


# fmt: off
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "exp":        (np.exp,           exp_build),
    "exp2":       (np.exp2,          exp2_build),
    "expm1":      (np.expm1,         expm1_build),
    "log":        (np.log,           log_build),
    "log1p":      (np.log1p,         log1p_build),
    "sin":        (np.sin,           sin_build),
    "cos":        (np.cos,           cos_build),
    "tan":        (np.tan,           tan_build),
    "tanh":       (np.tanh,          tanh_build),
    "sigmoid":    (plain_sigmoid,    sigmoid_build),
    "softplus":   (plain_softplus,   softplus_build),
    "erf":        (plain_erf,        erf_build),
    "gelu":       (plain_gelu,       gelu_build),
    "sqrt":       (np.sqrt,          sqrt_build),
    "rsqrt":      (plain_rsqrt,      rsqrt_build),
    "reciprocal": (plain_reciprocal, reciprocal_build),
    "log2":       (np.log2,          by_library("log2")),
    "log10":      (np.log10,         by_library("log10")),
    "sinh":       (np.sinh,          by_library("sinh")),
    "cosh":       (np.cosh,          by_library("cosh")),
    "asin":       (np.arcsin,        by_library("asin")),
    "acos":       (np.arccos,        by_library("acos")),
    "atan":       (np.arctan,        by_library("atan")),
    "asinh":      (np.arcsinh,       by_library("asinh")),
    "acosh":      (np.arccosh,       by_library("acosh")),
    "atanh":      (np.arctanh,       by_library("atanh")),
    "cbrt":       (np.cbrt,          by_library("cbrt")),
    "floor":      (np.floor,         llvm("floor"),     kept, kept),
    "ceil":       (np.ceil,          llvm("ceil"),      kept, kept),
    "trunc":      (np.trunc,         llvm("trunc"),     kept, kept),
    "rint":       (plain_rint,       llvm("roundeven"), kept, kept),
}
(
    exp, exp2, expm1, log, log1p, sin, cos, tan, tanh, sigmoid, softplus, erf, gelu,
    sqrt, rsqrt, reciprocal,
    log2, log10, sinh, cosh, asin, acos, atan, asinh, acosh, atanh, cbrt, floor, ceil, trunc, rint,
) = (of_one(name, *row) for name, row in FUNCTIONS.items())
(
    erfc, erfcx, erfinv, ndtri, lgamma, digamma,
    bessel_i0, bessel_i0e, bessel_i1, bessel_i1e,
) = (of_one(name, *both) for name, both in SPECIALS.items() if name != "zeta")
zeta = of_two("zeta", *SPECIALS["zeta"])
# fmt: on
