"""What special functions mean in NumPy, from their series, continued fractions and equations.

Slow, and independent of the approximations that kernels use: each is the other's test. Arrays of
floats in, arrays of the same type out, computed in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
"""B2, B4 ..."""

SHIFT = 20
"""How far sums are taken term by term before their expansions."""


def doubly(function: Callable[..., Array]) -> Callable[..., Array]:
    """Computed in double precision, given back in the type of the arguments."""

    @wraps(function)
    def computed(*operands: Any) -> Array:
        kind = np.result_type(*operands)
        with np.errstate(all="ignore"):
            found = function(*(np.asarray(x, np.float64) for x in operands))
        return np.asarray(found).astype(kind if kind.kind == "f" else np.float64)

    return computed


@doubly
def erf(x: Array) -> Array:
    """The C library's."""
    return np.vectorize(math.erf, otypes=[np.float64])(x)


@doubly
def erfc(x: Array) -> Array:
    """The C library's."""
    return np.vectorize(math.erfc, otypes=[np.float64])(x)


@doubly
def erfcx(x: Array) -> Array:
    """exp(x^2) erfc(x); from 5 on its continued fraction, Abramowitz and Stegun 7.1.14."""
    fraction = np.maximum(x, 5.0)
    for k in range(60, 0, -1):
        fraction = np.maximum(x, 5.0) + k / 2 / fraction
    return np.where(x > 5, 1 / (np.sqrt(np.pi) * fraction), np.exp(x * x) * erfc(x))


def _inverse_tail(t: Array) -> Array:
    """x >= 0 with erfc(x) = t, by Newton's method for its logarithm."""
    guess = np.log(t * (2 - t))
    half = 2 / (np.pi * 0.147) + guess / 2
    x = np.sqrt(np.sqrt(half * half - guess / 0.147) - half)
    for _ in range(6):
        scaled = erfcx(x)
        x = x + (np.log(scaled) - x * x - np.log(t)) * scaled * (np.sqrt(np.pi) / 2)
    return np.where(t == 0, np.inf, x)


def _inverse(y: Array, tail: Array) -> Array:
    """x with erf(x) = y, given 1 - |y|."""
    x = np.where(np.abs(y) < 0.5, y, 0.0)
    for _ in range(6):
        x = x - (erf(x) - y) * np.exp(x * x) * (np.sqrt(np.pi) / 2)
    return np.where(np.abs(y) < 0.5, x, np.copysign(_inverse_tail(tail), y))


@doubly
def erfinv(y: Array) -> Array:
    """x with erf(x) = y, by Newton's method."""
    return _inverse(y, 1 - np.abs(y))


@doubly
def ndtri(p: Array) -> Array:
    """x with ndtr(x) = p, by Newton's method."""
    return np.sqrt(2.0) * _inverse(2 * p - 1, 2 * np.where(p < 0.5, p, 1 - p))


def _lgamma(x: float) -> float:
    pole = x <= 0 and x % 1 == 0
    return math.inf if pole or x > 2.5e305 else math.lgamma(x)


@doubly
def lgamma(x: Array) -> Array:
    """log |gamma(x)|, Python's, infinite at the poles."""
    return np.vectorize(_lgamma, otypes=[np.float64])(x)


@doubly
def digamma(x: Array) -> Array:
    """By recurrence and its expansion, Abramowitz and Stegun 6.3.5 to 6.3.7 and 6.3.18."""
    left = x < 0
    z = np.where(left, 1 - x, x)
    total = -sum(1 / (z + k) for k in range(SHIFT))
    end = z + SHIFT
    total = total + np.log(end) - 0.5 / end
    for k, b in enumerate(BERNOULLI, start=1):
        total = total - b / (2 * k) / end ** (2 * k)
    rest = x - np.rint(x)
    slope = np.where(rest == 0, np.nan, np.pi / np.tan(np.pi * rest))
    return np.where(left, total - slope, total)


@doubly
def zeta(s: Array, q: Array) -> Array:
    """The sum of (q + k)^-s for s > 1 and q > 0, by Euler and Maclaurin's formula."""
    end = q + SHIFT
    total = sum((q + k) ** -s for k in range(SHIFT)) + end ** (1 - s) / (s - 1) + end**-s / 2
    factor = s * end ** (-s - 1)
    for j, b in enumerate(BERNOULLI, start=1):
        total = total + b / math.factorial(2 * j) * factor
        factor = factor * (s + 2 * j - 1) * (s + 2 * j) / end**2
    total = np.where((q <= 0) & (np.floor(q) == q) | (s == 1), np.inf, total)
    return np.where((s < 1) | (q < 0) & (np.floor(q) != q), np.nan, total)


def _bessel(x: Array, order: int) -> Array:
    """exp(-x) I(x) for x >= 0: its power series, from 30 on Abramowitz and Stegun 9.7.1."""
    low, high = np.minimum(x, 30.0), np.maximum(x, 30.0)
    term = (low / 2) ** order * np.exp(-low)
    series, large, tail = term, np.ones_like(high), np.ones_like(high)
    for k in range(1, 90):
        term = term * (low / 2) ** 2 / (k * (k + order))
        series = series + term
    for k in range(1, 30):
        tail = -tail * (4 * order**2 - (2 * k - 1) ** 2) / (k * 8 * high)
        large = large + tail
    return np.where(x < 30, series, large / np.sqrt(2 * np.pi * high))


@doubly
def i0e(x: Array) -> Array:
    """exp(-|x|) I0(x)."""
    return _bessel(np.abs(x), 0)


@doubly
def i1e(x: Array) -> Array:
    """exp(-|x|) I1(x)."""
    return np.copysign(_bessel(np.abs(x), 1), x)


def _grown(x: Array, scaled: Array) -> Array:
    half = np.exp(np.abs(x) / 2)
    return np.where(np.isinf(x), np.copysign(np.inf, scaled), scaled * half * half)


@doubly
def i0(x: Array) -> Array:
    """I0(x)."""
    return _grown(x, i0e(x))


@doubly
def i1(x: Array) -> Array:
    """I1(x)."""
    return _grown(x, i1e(x))
