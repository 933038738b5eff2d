"""The exponential of a matrix, by products."""
# mypy: allow-untyped-calls, allow-untyped-decorators

from typing import Any

import numpy as np
from numba import njit

from .jit import FLAGS, JIT_OFF, PLAIN
from .lapack import room_of
from .memory import copy, fill, shift
from .numbers import absolute, maximum
from .products import gemm

NEAR = 0.75
"""Up to this norm sixteen terms of the series are enough."""

INFINITE = float("inf")


def _plain_expm(n: int, a: Any, y: Any, scratch: Any) -> None:
    x = a[: n * n].reshape(n, n)
    count = _halvings(float(np.abs(x).sum(0).max(initial=0)))
    x = x * x.dtype.type(0.5**count)
    power = [np.linalg.matrix_power(x, k) for k in range(5)]
    total = x.dtype.type(_term(16)) * power[4]
    for k in range(12, -4, -4):
        total = total @ power[4] if k < 12 else total
        total = total + sum(x.dtype.type(_term(k + j)) * power[j] for j in range(4))
    for _ in range(count):
        total = total @ total
    y[: n * n] = total.ravel()


@njit(**FLAGS)
def _halvings(norm: Any) -> int:
    """How often a norm is to be halved."""
    count = 0
    while (norm > NEAR) & (norm < INFINITE):
        norm *= 0.5
        count += 1
    return count


@njit(**FLAGS)
def _term(k: int) -> Any:
    """1 / k!"""
    found = 1.0
    for i in range(2, k + 1):
        found /= i
    return found


@njit(**FLAGS)
def _norm(n: int, a: Any) -> Any:
    """The largest sum of a column's absolute values; NaN if one is."""
    norm = 0.0
    for j in range(n):
        total = 0.0
        for i in range(n):
            total += absolute(a[i * n + j])
        norm = maximum(norm, total)
    return norm


@njit(**FLAGS)
def _product(n: int, a: Any, b: Any, c: Any) -> None:
    gemm(0, 0, n, n, n, 1.0, a, n, b, n, 0.0, c, n)


@njit(**FLAGS)
def _expm(n: int, a: Any, y: Any, scratch: Any) -> None:
    size = n * n
    x = room_of(scratch, 0, a)
    x2, x3, x4, total = shift(x, size), shift(x, 2 * size), shift(x, 3 * size), shift(x, 4 * size)
    count = _halvings(_norm(n, a))
    factor = 1.0
    for _ in range(count):
        factor *= 0.5
    for i in range(size):
        x[i] = factor * a[i]
    _product(n, x, x, x2)
    _product(n, x2, x, x3)
    _product(n, x2, x2, x4)
    fill(total, size, 0.0)
    for i in range(n):
        total[i * n + i] = _term(16)
    for k in range(12, -4, -4):
        _product(n, total, x4, y)
        one, two, three = _term(k + 1), _term(k + 2), _term(k + 3)
        for i in range(size):
            total[i] = y[i] + one * x[i] + two * x2[i] + three * x3[i]
        for i in range(n):
            total[i * n + i] += _term(k)
    for _ in range(count):
        _product(n, total, total, y)
        copy(total, y, size)
    copy(y, total, size)


# expm(n, A, y, scratch): y = exp(A); see Note [Exponential]. Scratch holds five matrices.
PLAIN["expm"] = _plain_expm
expm = _plain_expm if JIT_OFF else _expm


# Note [Exponential]
#
# exp(A) = exp(A / 2^s)^(2^s). A / 2^s has a norm of at most 0.75 (the greatest sum down a column),
# where 17 terms of the Taylor series leave less than 1e-16: 0.75^17 / 17! = 2e-17. They take six
# products, as a polynomial of degree 4 in A^4 whose coefficients are of degree 3 in A (Paterson and
# Stockmeyer 1973; scaling and squaring: Higham 2005).
