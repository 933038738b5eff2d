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
from .jit import Build, Plain, llvm
from .numbers import of_one


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


# fmt: off
FUNCTIONS: dict[str, tuple[Plain, Build]] = {
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
    "floor":      (np.floor,         llvm("floor")),
    "trunc":      (np.trunc,         llvm("trunc")),
}
(
    exp, exp2, expm1, log, log1p, sin, cos, tan, tanh, sigmoid, softplus, erf, gelu,
    sqrt, rsqrt, reciprocal, floor, trunc,
) = (of_one(name, *both) for name, both in FUNCTIONS.items())
# fmt: on
