"""What the functions should give: in double precision for float, in long double for double."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

Reference = Callable[[Any], Any]


def _sigmoid(x: float) -> float:
    z = math.exp(-abs(x))
    return (1 if x >= 0 else z) / (1 + z)


def _rsqrt(x: float) -> float:
    return np.inf if x == 0 else 1 / math.sqrt(x)


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -np.inf if x == 0 else np.nan


def _log1p(x: float) -> float:
    return math.log1p(x) if x > -1 else -np.inf if x == -1 else np.nan


SINGLE: dict[str, Reference] = {
    "exp": lambda x: math.exp(x),
    "exp2": lambda x: 2.0**x,
    "expm1": lambda x: math.expm1(x),
    "log": _log,
    "log1p": _log1p,
    "sin": lambda x: math.sin(x),
    "cos": lambda x: math.cos(x),
    "tan": lambda x: math.tan(x),
    "tanh": lambda x: math.tanh(x),
    "sigmoid": _sigmoid,
    "softplus": lambda x: (0.0 if x <= 0 else x) + math.log1p(math.exp(-abs(x))),
    "erf": lambda x: math.erf(x),
    "gelu": lambda x: x * math.erfc(-x * math.sqrt(0.5)) / 2,
    "sqrt": lambda x: math.sqrt(x),
    "rsqrt": _rsqrt,
    "reciprocal": lambda x: 1 / x,
}


def over_arrays(reference: Reference) -> Reference:
    """A function of one number, compiled, over an array of floats."""
    one = njit(error_model="numpy", inline="always")(reference)

    def each(xs: Any) -> Any:
        out = np.empty(xs.size)
        for i in range(xs.size):
            out[i] = one(np.float64(xs[i]))
        return out

    compiled: Reference = njit(error_model="numpy")(each)
    return compiled


def _long_erf(x: Any) -> Any:
    """exp(-x^2) times a series of positive terms, until they no longer count."""
    size = np.minimum(np.abs(x), 7)
    term = total = size * np.exp(-size * size)
    for n in range(1, 250):
        term = term * (2 * size * size) / (2 * n + 1)
        total = total + term
    return np.copysign(np.minimum(total * 2 / np.sqrt(PI), 1), x)


PI = np.longdouble("3.14159265358979323846264338327950288")


def _long_sigmoid(x: Any) -> Any:
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, z) / (1 + z)


DOUBLE: dict[str, Reference] = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "tanh": np.tanh,
    "sigmoid": _long_sigmoid,
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "erf": _long_erf,
    "gelu": lambda x: x / 2 * (1 + _long_erf(x / np.sqrt(np.longdouble(2)))),
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x,
}
