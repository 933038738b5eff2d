"""Eigenvalues of symmetric matrices, singular values, and the exponential of a matrix: stacks of
matrices in, one call for each matrix.

Gradients are written with these operations, so they have gradients. NaN in a matrix gives NaN; what
does not converge does too, where NumPy raises LinAlgError.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import Any

import numpy as np

from graphc.graph import Node, Op
from graphc.ops.elementwise.arith import equal, where
from graphc.ops.linalg.factor import ITEM, Gradients, matrices, routine
from graphc.ops.products.linear import matmul
from graphc.ops.shaping.diagonals import diag_embed
from graphc.ops.shaping.layout import expand_dims, iota, matrix_transpose
from graphc.ops.shaping.pieces import part, place
from graphc.ops.spell import Routine
from graphc.types import Type

__all__: list[str] = []


def by_gaps(x: Node, w: Node, sign: int = -1) -> Node:
    """x[i, j] / (w[j] - w[i]), or w[j] + w[i], and 0 on the diagonal: Note [Equal values]."""
    row, column = (iota(x, x.shape, (x.ndim - axis,)) for axis in (2, 1))
    unit = equal(row, column)
    gaps = expand_dims(w, -2) + sign * expand_dims(w, -1)
    return where(unit, 0, x / where(unit, 1, gaps))


def turning(x: Node) -> Node:
    """x - x^T, twice the part of it along which orthogonal matrices turn."""
    return x - matrix_transpose(x)


# Eigenvalues of symmetric matrices


def _eigh_type(a: Type) -> tuple[Type, Type]:
    matrices(a, square=True, literal=True)
    return Type(a.dtype, a.shape[:-1]), a


def _eigh_vjp(gs: Gradients, ys: tuple[Node, Node], a: Node) -> tuple[Node]:
    """V (diag(dw) + F * V^T dV) V^T made symmetric, F[i, j] = 1 / (w[j] - w[i]). Source: Giles
    2008, section 3.1.
    """
    (d_w, d_v), (w, v) = gs, ys
    terms = [] if d_w is None else [diag_embed(d_w)]
    terms += [] if d_v is None else [by_gaps(0.5 * turning(matmul(matrix_transpose(v), d_v)), w)]
    inner = sum(terms[1:], start=terms[0])
    return (matmul(matmul(v, inner), matrix_transpose(v)),)


def _eigvalsh_vjp(g: Node, y: Node, a: Node) -> tuple[Node]:
    """V diag(dw) V^T."""
    _, v = eigh(a)
    return (matmul(v * expand_dims(g, -2), matrix_transpose(v)),)


eigh = routine(
    "eigh",
    "(n,n)->(n),(n,n)",
    _eigh_type,
    lambda a: tuple(np.linalg.eigh(a)),
    _eigh_vjp,
    Routine("eigh", (), lambda n: ITEM * (3 * n * n + 11 * n + 4)),
)
"""Eigenvalues, ascending, and eigenvectors, in columns, of what the lower triangle stands for."""

eigvalsh = routine(
    "eigvalsh",
    "(n,n)->(n)",
    lambda a: _eigh_type(a)[0],
    np.linalg.eigvalsh,
    _eigvalsh_vjp,
    Routine("eigvalsh", (), lambda n: ITEM * (3 * n * n + 11 * n + 4)),
)
"""The eigenvalues alone."""

# Singular values


def _svd_type(a: Type, full: bool) -> tuple[Type, Type, Type]:
    matrices(a, literal=True)
    *lead, m, n = a.shape
    k = min(m, n)  # type: ignore[type-var]
    p, q = (m, n) if full else (k, k)
    return (
        Type(a.dtype, (*lead, m, p)),
        Type(a.dtype, (*lead, k)),
        Type(a.dtype, (*lead, q, n)),
    )


def _svd_vjp(gs: Gradients, ys: tuple[Node, ...], a: Node, full: bool) -> tuple[Node]:
    """Source: Townsend 2016, eq. 31-36; of full matrices, the columns of U and the rows of V^T
    beyond the singular values take no gradient.
    """
    m, n = a.shape[-2:]
    k = ys[1].shape[-1]
    d_u, d_s, d_v = (_first(gs[0], m, k), gs[1], _first(gs[2], k, n))
    u, s, v = _first(ys[0], m, k), ys[1], _first(ys[2], k, n)
    assert u is not None
    assert v is not None
    terms = [] if d_s is None else [diag_embed(d_s)]
    left = None if d_u is None else turning(matmul(matrix_transpose(u), d_u))
    right = None if d_v is None else turning(matmul(v, matrix_transpose(d_v)))
    terms += _turned(left, right, s)
    whole = matmul(matmul(u, sum(terms[1:], start=terms[0])), v)
    if d_u is not None and m != k:
        beside = d_u - matmul(u, matmul(matrix_transpose(u), d_u))
        whole = whole + matmul(beside / expand_dims(s, -2), v)
    if d_v is not None and n != k:
        beside = d_v - matmul(matmul(d_v, matrix_transpose(v)), v)
        whole = whole + matmul(u, beside / expand_dims(s, -1))
    return (whole,)


def _turned(left: Node | None, right: Node | None, s: Node) -> list[Node]:
    """(left s[j] + s[i] right) / (s[j]^2 - s[i]^2), in two terms which lose no digits between
    values that are nearly equal.
    """
    if left is None or right is None:
        lone = left if right is None else right
        if lone is None:
            return []
        other = lone if right is None else -lone
        return [by_gaps(0.5 * lone, s), by_gaps(0.5 * other, s, 1)]
    return [by_gaps(0.5 * (left + right), s), by_gaps(0.5 * (left - right), s, 1)]


def _first(x: Node | None, rows: Any, columns: Any) -> Node | None:
    """The upper left part of a matrix."""
    return x if x is None else part(x, (0,) * x.ndim, (*x.shape[:-2], rows, columns))


def _svdvals_vjp(g: Node, y: Node, a: Node) -> tuple[Node]:
    """U diag(ds) V^T."""
    u, _, v = svd(a, full=False)
    return (matmul(u * expand_dims(g, -2), v),)


def _work(m: int, n: int) -> int:
    k = min(m, n)
    return m * n + 8 * k * k + 18 * k + 65 * (m + n)


def _svd(name: str, scratch: Callable[..., int]) -> Op:
    return routine(
        name,
        "(m,n)->(m,p),(k),(q,n)",
        _svd_type,
        lambda a, full: tuple(np.linalg.svd(a, full)),
        _svd_vjp,
        Routine("svd", ("full",), scratch),
    )


svd = _svd("svd", lambda m, n: ITEM * (_work(m, n) + min(m, n) * (m + n)))
"""u diag(s) v = a with descending s; `full` is False."""

svd_full = _svd("svd_full", lambda m, n: ITEM * (_work(m, n) + m * m + n * n))
"""The same with square u and v; `full` is True."""

svdvals = routine(
    "svdvals",
    "(m,n)->(k)",
    lambda a: _svd_type(a, False)[1],
    lambda a: np.linalg.svd(a, False, False),
    _svdvals_vjp,
    Routine("svdvals", (), lambda m, n: ITEM * (_work(m, n) + 3 * m * n)),
)
"""The singular values alone, descending."""

# The exponential of a matrix


def _expm_numpy(a: np.ndarray) -> np.ndarray:
    """The Taylor series of a / 2^s, squared s times."""
    norm = np.abs(a).sum(0).max(initial=0)
    count = max(0, int(np.ceil(np.log2(norm / 0.5)))) if 0.5 < norm < np.inf else 0
    x = a.astype(np.float64) / 2.0**count
    total = sum(np.linalg.matrix_power(x, k) / factorial(k) for k in range(18))
    return np.linalg.matrix_power(total, 2**count)


def _expm_vjp(g: Node, y: Node, a: Node) -> tuple[Node]:
    """The upper right block of exp([[A^T, dY], [0, A^T]]). Source: Najfeld & Havel 1995; Al-Mohy &
    Higham 2009, eq. 1.1.
    """
    n, lead = a.shape[-1], (0,) * (a.ndim - 2)
    corners = tuple((*lead, *at) for at in ((0, 0), (0, n), (n, n)))
    turned = matrix_transpose(a)
    shape = (*a.shape[:-2], 2 * n, 2 * n)
    block = place(turned, g, turned, shape=shape, starts=corners, steps=((1,) * a.ndim,) * 3)
    return (part(expm(block), (*lead, 0, n), a.shape),)


def _expm_type(a: Type) -> Type:
    matrices(a, square=True, literal=True)
    return a


expm = routine(
    "expm",
    "(n,n)->(n,n)",
    _expm_type,
    _expm_numpy,
    _expm_vjp,
    Routine("expm", (), lambda n: ITEM * 5 * n * n),
)
"""The exponential of square matrices."""


# Note [Equal values]. Vectors of equal eigenvalues or singular values may be turned among
# each other, so a function of them has no derivative that their own gradients would tell: it is NaN
# or infinite, as in other libraries. The values alone, gr.eigvalsh and gr.svdvals, have theirs.
