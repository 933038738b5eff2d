"""Equations: factorisations by elimination, and what is solved with them.

Matrices lie row by row, each after what came before it; arguments are left as they are. What cannot
be factorised gives NaN. By LAPACK, by loops without it, by NumPy with the JIT off.
"""
# mypy: allow-untyped-calls, allow-untyped-decorators

from typing import Any

import numpy as np
from numba import njit

from .factors import NAN, cholesky_by_loops, lu_by_loops, substitute_by_loops
from .jit import FLAGS
from .lapack import L, N, R, T, U, getrf, offered, potrf, store_found, trsm, view
from .memory import copy, fill, shift
from .numbers import select
from .products import BLAS

# Cholesky


def _plain_cholesky(n: int, a: Any, y: Any) -> None:
    store_found((view(y, n, n),), lambda x: (np.linalg.cholesky(x),), view(a, n, n))


@njit(**FLAGS)
def _cholesky(n: int, a: Any, y: Any) -> None:
    fill(y, n * n, 0.0)
    for i in range(n):
        copy(shift(y, i * n), shift(a, i * n), i + 1)
    if n > 0 and potrf(U, n, y, n) != 0:
        fill(y, n * n, NAN)


# LU, and equations


def _plain_lu(n: int, a: Any, y: Any, pivots: Any) -> None:
    x = view(y, n, n)
    x[...] = view(a, n, n)
    for k in range(n):
        pivots[k] = best = k + int(np.argmax(np.abs(x[k, k:])))
        x[:, [k, best]] = x[:, [best, k]]
        x[k, k + 1 :] /= x[k, k] or 1
        x[k + 1 :, k + 1 :] -= x[k + 1 :, k, None] * x[k, k + 1 :]


@njit(**FLAGS)
def _lu(n: int, a: Any, y: Any, pivots: Any) -> None:
    copy(y, a, n * n)
    if n > 0:
        getrf(n, n, y, n, pivots)
    for i in range(n):
        pivots[i] -= 1


def _plain_triangular_solve(
    n: int, k: int, lower: int, transposed: int, unit: int, a: Any, b: Any, x: Any
) -> None:
    t = view(a, n, n)
    t = np.tril(t, -unit) if lower else np.triu(t, unit)
    t = t + np.eye(n, dtype=t.dtype) if unit else t
    t = (t.T if transposed else t) if np.diagonal(t).all() else t * NAN
    store_found((view(x, n, k),), lambda b: (np.linalg.solve(t, b),), view(b, n, k))


@njit(**FLAGS)
def _substitute(n: int, k: int, lower: int, transposed: int, unit: int, a: Any, x: Any) -> None:
    if n > 0 and k > 0:
        triangle, turned = select(lower != 0, U, L), select(transposed != 0, T, N)
        trsm(R, triangle, turned, select(unit != 0, U, N), k, n, a, n, x, k)


@njit(**FLAGS)
def _singular(n: int, a: Any) -> bool:
    """Whether there is a zero on the diagonal."""
    found = False
    for i in range(n):
        found = found | (a[i * n + i] == 0)
    return found


_substituted = substitute_by_loops if BLAS == "loops" else _substitute


@njit(**FLAGS)
def _triangular_solve(
    n: int, k: int, lower: int, transposed: int, unit: int, a: Any, b: Any, x: Any
) -> None:
    copy(x, b, n * k)
    if unit == 0 and _singular(n, a):
        fill(x, n * k, NAN)
    else:
        _substituted(n, k, lower, transposed, unit, a, x)


def _plain_lu_solve(n: int, k: int, transposed: int, y: Any, pivots: Any, b: Any, x: Any) -> None:
    lu, found = view(y, n, n), view(b, n, k).copy()
    lower, upper = np.tril(lu), np.triu(lu, 1) + np.eye(n, dtype=lu.dtype)
    swaps = [*enumerate(pivots[:n])]
    steps = (upper.T, lower.T) if transposed else (lower, upper)

    def solve() -> Any:
        z = found
        for i, p in swaps if transposed else ():
            z[[i, p]] = z[[p, i]]
        for step in steps:
            z = np.linalg.solve(step, z)
        for i, p in () if transposed else reversed(swaps):
            z[[i, p]] = z[[p, i]]
        return (z,)

    store_found((view(x, n, k),), solve)


@njit(**FLAGS)
def _swap(k: int, x: Any, i: int, j: int) -> None:
    """Exchange rows i and j of x."""
    one, two = shift(x, i * k), shift(x, j * k)
    for c in range(k):
        left, right = one[c], two[c]
        one[c], two[c] = right, left


@njit(**FLAGS)
def _lu_solve(n: int, k: int, transposed: int, y: Any, pivots: Any, b: Any, x: Any) -> None:
    copy(x, b, n * k)
    if _singular(n, y):
        fill(x, n * k, NAN)
    elif transposed != 0:
        for i in range(n):
            _swap(k, x, i, pivots[i])
        _substituted(n, k, 0, 1, 1, y, x)
        _substituted(n, k, 1, 1, 0, y, x)
    else:
        _substituted(n, k, 1, 0, 0, y, x)
        _substituted(n, k, 0, 0, 1, y, x)
        for i in range(n - 1, -1, -1):
            _swap(k, x, i, pivots[i])


# cholesky(n, A, y): lower y with y y^T = A, of which the lower triangle is read
cholesky = offered("cholesky", _plain_cholesky, _cholesky, cholesky_by_loops)

# lu(n, A, y, pivots): A = L U P. L is the lower triangle of y, U the upper one with ones on its
# diagonal. P: exchange columns i and pivots[i], for i from 0 on.
lu = offered("lu", _plain_lu, _lu, lu_by_loops)

# lu_solve(n, k, transposed, y, pivots, b, x): A x = b or A^T x = b, from what lu gives
lu_solve = offered("lu_solve", _plain_lu_solve, _lu_solve, _lu_solve)

# triangular_solve(n, k, lower, transposed, unit, a, b, x): T x = b or T^T x = b, where T is the
# lower or upper triangle of a, with ones on its diagonal if unit is 1
triangular_solve = offered(
    "triangular_solve", _plain_triangular_solve, _triangular_solve, _triangular_solve
)
