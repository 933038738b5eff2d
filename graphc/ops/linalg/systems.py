"""Equations, inverses and least squares: what factorisations of matrices are for.

Stacks of matrices lie in the last two axes; integers are computed in f64. Where NumPy raises
LinAlgError, since a matrix is singular, results are NaN, which debug="nan" finds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from graphc.graph import Node, Op, public
from graphc.ops.axes import stage
from graphc.ops.elementwise.arith import not_equal, square, where
from graphc.ops.linalg import factor, spectral
from graphc.ops.linalg.factor import (
    by_matrix,
    factors,
    floats,
    is_tall,
    lu_solve,
    matrices,
    square_matrix,
)
from graphc.ops.products.linear import matmul
from graphc.ops.reductions.reduce import any as any_of
from graphc.ops.reductions.reduce import sum as total
from graphc.ops.shaping.layout import expand_dims, matrix_transpose, squeeze
from graphc.ops.shaping.pieces import part
from graphc.ops.sources.filling import eye, zeros
from graphc.ops.stack import signature
from graphc.types import DTYPES, Type

__all__ = [
    "cholesky_inverse",
    "cholesky_solve",
    "inv",
    "lstsq",
    "matrix_rank",
    "pinv",
    "solve",
    "solve_triangular",
]


def _columns(solver: Callable[[Node, Node], Node], a: Node, b: Node) -> Node:
    """What a solver of equations gives for a vector b as well as for columns."""
    return squeeze(solver(a, expand_dims(b, 1)), -1) if b.ndim == 1 else solver(a, b)


# Equations


def _solve_type(a: Type, b: Type, transposed: bool) -> Type:
    matrices(a, square=True)
    matrices(a, b)
    return signature("(n,n),(n,k)->(n,k)").types((a, b), b.dtype)[0]


def _solve_vjp(g: Node, y: Node, a: Node, b: Node, transposed: bool) -> tuple[Node, Node]:
    """db = a^-T dx, da = -db x^T. Source: Giles 2008, section 2.3.1."""
    d_b = _solve(a, g, transposed=not transposed)
    left, right = (y, d_b) if transposed else (d_b, y)
    return -matmul(left, matrix_transpose(right)), d_b


_solve: Op = by_matrix(
    "solve",
    "(n,n),(n,k)->(n,k)",
    _solve_type,
    lambda a, b, transposed: lu_solve(*factors(a), b, transposed=transposed),
    lambda a, b, transposed: np.linalg.solve(a.T if transposed else a, b),
    _solve_vjp,
)


@public
def solve(a: Node, b: Any) -> Node:
    """The x of a x = b by LU with pivots: `a` (..., n, n), `b` (..., n, k), or (n,) for one column.

    NaN where a is singular. Its gradient solves with the same factors: db = a^-T dx, da = -db x^T
    (Giles 2008, "Collected matrix derivative results"). Raises ShapeError (G101, G103).
    """
    return _columns(lambda a, b: _solve(a, b, transposed=False), *floats(a, b))


@public
def solve_triangular(
    a: Node,
    b: Any,
    *,
    lower: bool = True,
    transposed: bool = False,
    unit_diagonal: bool = False,
) -> Node:
    """The x of T x = b, or T^T x = b if `transposed`, where T is the lower triangle of `a`, the
    upper one unless `lower`, with ones on its diagonal if `unit_diagonal`; the rest is not read.

    `a` (..., n, n), `b` (..., n, k) or (n,). NaN where T has a zero on its diagonal. The gradient
    of `a` is zero outside of T (Giles 2008). Raises ShapeError (G101, G103).
    """
    told = {"lower": bool(lower), "transposed": bool(transposed), "unit": bool(unit_diagonal)}
    return _columns(lambda a, b: factor.solve_triangular(a, b, **told), *floats(a, b))


@public
def cholesky_solve(b: Node, factor: Node, *, upper: bool = False) -> Node:
    """The x of a x = b, where `factor` is cholesky(a); the arguments are torch.cholesky_solve's.

    `b` (..., n, k) or (n,). Raises ShapeError (G101).
    """
    turned = bool(upper)

    def solver(c: Node, b: Node) -> Node:
        half = solve_triangular(c, b, lower=not turned, transposed=turned)
        return solve_triangular(c, half, lower=not turned, transposed=not turned)

    return _columns(solver, stage(factor), stage(b))


@public
def cholesky_inverse(factor: Node, *, upper: bool = False) -> Node:
    """The inverse of a, where `factor` is cholesky(a) (torch.cholesky_inverse)."""
    (factor,) = floats(factor)
    matrices(factor.type, square=True)
    return cholesky_solve(
        eye(factor.shape[-1], like=factor, dtype=factor.dtype), factor, upper=upper
    )


# Inverses


def _inv_define(a: Node) -> Node:
    unit = eye(a.shape[-1], dtype=a.dtype, like=a).hinted("unit")
    return lu_solve(*factors(a), unit, transposed=False)


def _inv_vjp(g: Node, y: Node, a: Node) -> tuple[Node]:
    """-y^T g y^T. Source: Giles 2008, section 2.2.3."""
    turned = matrix_transpose(y)
    return (-matmul(matmul(turned, g), turned),)


_inv = by_matrix("inv", "(n,n)->(n,n)", square_matrix, _inv_define, np.linalg.inv, _inv_vjp)


@public
def inv(a: Node) -> Node:
    """The inverse of `a` (..., n, n), NaN where a is singular; da = -y^T dy y^T (Giles 2008).

    gr.solve is faster and loses fewer digits where the inverse is multiplied by something. Raises
    ShapeError (G101, G103).
    """
    return _inv(*floats(a))


def _pinv_type(a: Type, rtol: float) -> Type:
    matrices(a, literal=True)
    return Type(a.dtype, (*a.shape[:-2], a.shape[-1], a.shape[-2]))


def _pinv_define(a: Node, rtol: float) -> Node:
    if 0 in a.shape[-2:]:
        return matrix_transpose(a)
    u, s, v = spectral.svd(a, full=False)
    large = s > rtol * _greatest(s)
    turned = where(large, 1 / where(large, s, 1), 0)
    return matmul(matrix_transpose(v) * expand_dims(turned, -2), matrix_transpose(u))


def _pinv_vjp(g: Node, y: Node, a: Node, rtol: float) -> tuple[Node]:
    """-y^T g y^T + (1 - a y) g^T y y^T + y^T y g^T (1 - y a). Source: Golub & Pereyra 1973, eq.
    4.12.
    """
    turned, up = matrix_transpose(y), matrix_transpose(g)
    right, left = matmul(matmul(up, y), turned), matmul(matmul(turned, y), up)
    whole = right - matmul(matmul(turned, g), turned) - matmul(a, matmul(y, right))
    return (whole + left - matmul(matmul(left, y), a),)


_pinv = by_matrix(
    "pinv",
    "(m,n)->(n,m)",
    _pinv_type,
    _pinv_define,
    lambda a, rtol: np.linalg.pinv(a, rtol),
    _pinv_vjp,
)


@public
def pinv(a: Node, rcond: float | None = None, *, rtol: float | None = None) -> Node:
    """The Moore-Penrose inverse of `a` (..., m, n), by singular values; those up to `rtol` times
    the greatest count as zero, max(m, n) * eps unless told otherwise (Array API). `rcond` is
    NumPy's older name for it.

    The gradient is that for a rank that stays (Golub & Pereyra 1973). Raises ShapeError (G103, or
    for named sizes).
    """
    (a,) = floats(a)
    matrices(a.type, literal=True)
    return _pinv(a, rtol=_tolerance(a, rtol if rcond is None else rcond))


def _greatest(s: Node) -> Node:
    """The first of the singular values, its axis kept."""
    return part(s, (0,) * s.ndim, (*s.shape[:-1], int(s.shape[-1] != 0)))


def _tolerance(a: Node, rtol: float | None) -> float:
    """The share of the greatest singular value that counts as zero."""
    return float(
        max(factor.sizes(a.type)) * np.finfo(DTYPES[a.dtype]).eps if rtol is None else rtol
    )


# Rank


@public
def matrix_rank(a: Node, tol: Any = None, *, rtol: float | None = None) -> Node:
    """How many singular values of `a` (..., m, n) are greater than `tol`, or than `rtol` times the
    greatest: max(m, n) * eps unless told otherwise. An i64; 0 or 1 for a vector.

    Raises ShapeError for named sizes of the matrices.
    """
    (a,) = floats(a)
    if a.ndim < 2:
        return total(any_of(not_equal(a, 0)))
    s = spectral.svdvals(a)
    return total(s > (_greatest(s) * _tolerance(a, rtol) if tol is None else tol), -1)


# Least squares


def _lstsq_type(a: Type, b: Type, transposed: bool) -> Type:
    matrices(a, literal=True)
    matrices(a, b)
    core = "(m,n),(n,k)->(m,k)" if transposed else "(m,n),(m,k)->(n,k)"
    return signature(core).types((a, b), b.dtype)[0]


def _lstsq_define(a: Node, b: Node, transposed: bool) -> Node:
    """From q r = a or a^T: r^-1 q^T b where there are more equations, q r^-T b where fewer."""
    tall = is_tall(a.type)
    q, r = factor.qr(a if tall else matrix_transpose(a), full=False)
    if tall != transposed:
        return solve_triangular(r, matmul(matrix_transpose(q), b), lower=False)
    return matmul(q, solve_triangular(r, b, lower=False, transposed=True))


def _lstsq_vjp(g: Node, y: Node, a: Node, b: Node, transposed: bool) -> tuple[Node, Node]:
    """With a+ the pseudoinverse: db = a+^T dx, da = -db x^T + (b - a x) (a+ db)^T + (a+^T x) (dx -
    a^T db)^T. Source: Golub & Pereyra 1973, eq. 4.12, for full rank.
    """
    op_a, tall = (matrix_transpose(a) if transposed else a), is_tall(a.type) != transposed
    d_b = _lstsq(a, g, transposed=not transposed)
    d_a = -matmul(d_b, matrix_transpose(y))
    if a.shape[-1] != a.shape[-2] and tall:
        along = _lstsq(a, d_b, transposed=transposed)
        d_a = d_a + matmul(b - matmul(op_a, y), matrix_transpose(along))
    elif a.shape[-1] != a.shape[-2]:
        rest = g - matmul(matrix_transpose(op_a), d_b)
        back = _lstsq(a, y, transposed=not transposed)
        d_a = d_a + matmul(back, matrix_transpose(rest))
    return (matrix_transpose(d_a) if transposed else d_a), d_b


def _lstsq_numpy(a: np.ndarray, b: np.ndarray, transposed: bool) -> np.ndarray:
    return np.linalg.lstsq(a.T if transposed else a, b)[0]


_lstsq: Op = by_matrix(
    "lstsq", "(m,n),(p,k)->(q,k)", _lstsq_type, _lstsq_define, _lstsq_numpy, _lstsq_vjp
)


class Lstsq(NamedTuple):
    """What lstsq gives, in NumPy's order, by PyTorch's names."""

    solution: Node
    residuals: Node
    rank: Node
    singular_values: Node


@public
def lstsq(a: Node, b: Any, rcond: float | None = None) -> Lstsq:
    """The x of least |a x - b|, and the least such x where there are fewer equations than unknowns,
    for `a` (..., m, n) of full rank and `b` (..., m, k) or (m,), by QR. With it, as in NumPy, come
    the sums of squares that are left over, empty unless m > n, the rank and the singular values.

    NaN where the rank is less than full: gr.pinv(a) @ b then; `rcond` says what counts in the rank.
    Gradient: Golub & Pereyra 1973. Raises ShapeError (G101, G103, or for named sizes).
    """
    a, b = floats(a, b)
    solution = _columns(lambda a, b: _lstsq(a, b, transposed=False), a, b)
    rest = zeros((0,), a.dtype, like=a)
    if is_tall(a.type) and a.shape[-2] != a.shape[-1]:
        left = square(b - matmul(a, solution))
        rest = total(left, -1, keepdims=True) if b.ndim == 1 else total(left, -2)
    return Lstsq(solution, rest, matrix_rank(a, rtol=rcond), spectral.svdvals(a))
