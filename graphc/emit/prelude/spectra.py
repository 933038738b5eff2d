"""Factorisations by orthogonal matrices: QR, eigenvalues of symmetric matrices, singular values.

Matrices lie row by row, each after what came before it; arguments are left as they are. What does
not converge gives NaN. By LAPACK, by loops without it, by NumPy with the JIT off.
"""
# mypy: allow-untyped-calls, allow-untyped-decorators

from typing import Any

import numpy as np
from numba import njit

from .factors import NAN, eigh_by_loops, qr_by_loops, svd_by_loops
from .jit import FLAGS
from .lapack import (
    A,
    L,
    N,
    S,
    V,
    gelqf,
    gesdd,
    offered,
    orglq,
    room_of,
    store_found,
    syevd,
    transpose,
    view,
)
from .memory import at_i64, copy, fill, shift
from .numbers import maximum, minimum, select

# QR


def _plain_qr(m: int, n: int, full: int, a: Any, q: Any, r: Any, scratch: Any) -> None:
    k = m if full else n
    found = np.linalg.qr(view(a, m, n), "complete" if full else "reduced")
    view(q, m, k)[...], view(r, k, n)[...] = found


@njit(**FLAGS)
def _qr(m: int, n: int, full: int, a: Any, q: Any, r: Any, scratch: Any) -> None:
    k = select(full != 0, m, n)
    tau, work = room_of(scratch, 0, a), room_of(scratch, 8 * n, a)
    fill(q, m * k, 0.0)
    fill(r, k * n, 0.0)
    for i in range(m):
        copy(shift(q, i * k), shift(a, i * n), n)
    if n > 0:
        gelqf(n, m, q, k, tau, work, 64 * k)
    for i in range(n):
        copy(shift(r, i * n + i), shift(q, i * k + i), n - i)
    if k > 0:
        orglq(k, m, n, q, k, tau, work, 64 * k)


@njit(**FLAGS)
def _loops_qr(m: int, n: int, full: int, a: Any, q: Any, r: Any, scratch: Any) -> None:
    qr_by_loops(m, n, select(full != 0, m, n), a, q, r, room_of(scratch, 0, a))


# Eigenvalues of symmetric matrices


def _plain_eigh(n: int, a: Any, w: Any, v: Any, scratch: Any) -> None:
    store_found((view(w, n), view(v, n, n)), np.linalg.eigh, view(a, n, n))


def _plain_eigvalsh(n: int, a: Any, w: Any, scratch: Any) -> None:
    store_found((view(w, n),), lambda x: (np.linalg.eigvalsh(x),), view(a, n, n))


@njit(**FLAGS)
def _diagonalised(job: int, n: int, a: Any, w: Any, scratch: Any) -> Any:
    """What lies in scratch then: the eigenvectors one by one, if the job asks for them."""
    iwork, s = at_i64(scratch, 0), room_of(scratch, 8 * (3 + 5 * n), a)
    work, room = shift(s, n * n), 1 + 6 * n + 2 * n * n
    transpose(n, n, a, s)
    if n > 0 and syevd(job, L, n, s, n, w, work, room, iwork, 3 + 5 * n) != 0:
        fill(w, n, NAN)
        fill(s, n * n, NAN)
    return s


@njit(**FLAGS)
def _eigh(n: int, a: Any, w: Any, v: Any, scratch: Any) -> None:
    transpose(n, n, _diagonalised(V, n, a, w, scratch), v)


@njit(**FLAGS)
def _eigvalsh(n: int, a: Any, w: Any, scratch: Any) -> None:
    _diagonalised(N, n, a, w, scratch)


@njit(**FLAGS)
def _loops_eigvalsh(n: int, a: Any, w: Any, scratch: Any) -> None:
    eigh_by_loops(n, a, w, room_of(scratch, 16 * n * n, a), scratch)


# Singular values


def _plain_svd(m: int, n: int, full: int, a: Any, u: Any, s: Any, v: Any, scratch: Any) -> None:
    k = min(m, n)
    p, q = (m, n) if full else (k, k)
    results = view(u, m, p), view(s, k), view(v, q, n)
    store_found(results, lambda x: np.linalg.svd(x, bool(full)), view(a, m, n))


def _plain_svdvals(m: int, n: int, a: Any, s: Any, scratch: Any) -> None:
    store_found((view(s, min(m, n)),), lambda x: (np.linalg.svd(x, False, False),), view(a, m, n))


@njit(**FLAGS)
def _svd(m: int, n: int, full: int, a: Any, u: Any, s: Any, v: Any, scratch: Any) -> None:
    k = minimum(m, n)
    p, q = select(full != 0, m, k), select(full != 0, n, k)
    iwork, x = at_i64(scratch, 0), room_of(scratch, 64 * k, a)
    left, right = shift(x, m * n), shift(x, m * n + m * p)
    work, room = shift(x, m * n + m * p + q * n), 7 * k * k + 10 * k + 65 * (m + n)
    job = select(full != 0, A, S)
    transpose(m, n, a, x)
    if k == 0:
        _unit(m, p, u)
        _unit(q, n, v)
    elif gesdd(job, m, n, x, m, s, left, m, right, q, work, room, iwork) != 0:
        fill(u, m * p, NAN)
        fill(s, k, NAN)
        fill(v, q * n, NAN)
    else:
        transpose(p, m, left, u)
        transpose(n, q, right, v)


@njit(**FLAGS)
def _unit(rows: int, columns: int, x: Any) -> None:
    """Ones on the diagonal, zeros beside it."""
    fill(x, rows * columns, 0.0)
    for i in range(minimum(rows, columns)):
        x[i * columns + i] = 1.0


@njit(**FLAGS)
def _svdvals(m: int, n: int, a: Any, s: Any, scratch: Any) -> None:
    k = minimum(m, n)
    iwork, x = at_i64(scratch, 0), room_of(scratch, 64 * k, a)
    work, room = shift(x, m * n), 7 * k * k + 10 * k + 65 * (m + n)
    copy(x, a, m * n)
    if k > 0 and gesdd(N, n, m, x, n, s, x, n, x, m, work, room, iwork) != 0:
        fill(s, k, NAN)


@njit(**FLAGS)
def _loops_svd(m: int, n: int, full: int, a: Any, u: Any, s: Any, v: Any, scratch: Any) -> None:
    k = minimum(m, n)
    svd_by_loops(m, n, select(full != 0, m, k), select(full != 0, n, k), a, u, s, v, scratch)


@njit(**FLAGS)
def _loops_svdvals(m: int, n: int, a: Any, s: Any, scratch: Any) -> None:
    k, used = minimum(m, n), 8 * minimum(m, n) * (2 * maximum(m, n) + minimum(m, n))
    u, v = room_of(scratch, used, a), room_of(scratch, used + 8 * m * k, a)
    svd_by_loops(m, n, k, k, a, u, s, v, scratch)


# qr(m, n, full, A, q, r, scratch): q r = A, with m >= n; q has n columns, or m if full is 1
qr = offered("qr", _plain_qr, _qr, _loops_qr)

# eigh(n, A, w, v, scratch): A v = v diag(w), w ascends; the lower triangle of A is read
eigh = offered("eigh", _plain_eigh, _eigh, eigh_by_loops)
eigvalsh = offered("eigvalsh", _plain_eigvalsh, _eigvalsh, _loops_eigvalsh)

# svd(m, n, full, A, u, s, v, scratch): A = u diag(s) v; u has k = min(m, n) columns and v as many
# rows, or m and n if full is 1
svd = offered("svd", _plain_svd, _svd, _loops_svd)
svdvals = offered("svdvals", _plain_svdvals, _svdvals, _loops_svdvals)
