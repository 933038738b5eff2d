"""Decompositions of matrices, and functions of them, by the names of numpy.linalg.

Stacks of matrices lie in the last two axes; integers are computed in f64. Where NumPy raises
LinAlgError, results are NaN, which debug="nan" finds. Symmetric matrices are read from one
triangle; their gradient is symmetric.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from graphc.errors import ShapeError, UsageError
from graphc.graph import Node, graph_of, public
from graphc.ops.axes import axis_of, stage
from graphc.ops.linalg import factor, spectral
from graphc.ops.linalg.factor import floats, is_tall, matrices
from graphc.ops.linalg.norms import matrix_norm
from graphc.ops.linalg.systems import inv, solve
from graphc.ops.products.linear import matmul
from graphc.ops.shaping.layout import broadcast_to, matrix_transpose, ravel, reshape, transpose
from graphc.ops.shaping.pieces import concat, part
from graphc.ops.sources.filling import eye
from graphc.types import product, shape_text

__all__ = [
    "cholesky",
    "condition_number",
    "eigh",
    "eigvalsh",
    "expm",
    "matrix_power",
    "qr",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
]

# Decompositions


@public
def cholesky(a: Node, *, upper: bool = False) -> Node:
    """The lower triangular L with L L^T = a, (..., n, n), or the upper U = L^T with U^T U = a; the
    other triangle of a is not read. NaN where a is not positive definite.

    The gradient is symmetric: L^-T P L^-1 / 2, P = L^T dL with its lower triangle mirrored. Source:
    Murray 2016, "Differentiation of the Cholesky decomposition". Raises ShapeError, G103 or G101.
    """
    (a,) = floats(a)
    if upper:
        return matrix_transpose(factor.cholesky(matrix_transpose(a)))
    return factor.cholesky(a)


class Eigh(NamedTuple):
    """What eigh gives, by NumPy's names."""

    eigenvalues: Node
    eigenvectors: Node


class QR(NamedTuple):
    """What qr gives, by NumPy's names."""

    Q: Node
    R: Node


class SVD(NamedTuple):
    """What svd gives, by NumPy's names."""

    U: Node
    S: Node
    Vh: Node


def _lower(a: Node, half: str) -> Node:
    """The symmetric matrix that a triangle stands for, in the lower one."""
    if half not in ("L", "U"):
        raise UsageError(f"UPLO is 'L' or 'U', not {half!r}")
    (a,) = floats(a)
    return matrix_transpose(a) if half == "U" else a


@public
def eigh(a: Node, UPLO: str = "L") -> Eigh:
    """Eigenvalues (..., n), ascending, and eigenvectors (..., n, n), in columns, of the symmetric
    matrices that the lower (upper: UPLO="U") triangle of `a` stands for.

    The signs of eigenvectors are LAPACK's. The gradient is V (diag(dw) + F * V^T dV) V^T made
    symmetric, F[i, j] = 1 / (w[j] - w[i]) (Giles 2008): vectors of equal eigenvalues have none.
    Raises ShapeError (G101, G103, or for named sizes), UsageError.
    """
    return Eigh(*spectral.eigh(_lower(a, UPLO)))


@public
def eigvalsh(a: Node, UPLO: str = "L") -> Node:
    """The eigenvalues of gr.eigh alone, with a gradient that needs no gaps: V diag(dw) V^T."""
    return spectral.eigvalsh(_lower(a, UPLO))


@public
def qr(a: Node, mode: str = "reduced") -> Any:
    """q r = a for `a` (..., m, n), by Householder's reflections; with k = min(m, n), q (..., m, k)
    has orthonormal columns and r (..., k, n) is upper triangular. `mode`: "complete" for a square
    q, which has no gradient where m > n; "r" for r alone.

    Gradient: (dq + q copyltu(r dr^T - dq^T q)) r^-T (Walter & Lehmann 2012; Seeger et al. 2017);
    NaN where the first k columns are dependent. Raises ShapeError (G103, or for named sizes),
    UsageError.
    """
    if mode not in ("reduced", "complete", "r"):
        raise UsageError(f"the mode of qr is 'reduced', 'complete' or 'r', not {mode!r}")
    (a,) = floats(a)
    matrices(a.type, literal=True)
    q, r = _tall_qr(a, mode == "complete") if is_tall(a.type) else _flat_qr(a)
    return r if mode == "r" else QR(q, r)


def _tall_qr(a: Node, full: bool) -> tuple[Node, Node]:
    return factor.qr(a, full=full and a.shape[-1] != a.shape[-2])


def _flat_qr(a: Node) -> tuple[Node, Node]:
    """q r of the square on the left; what is right of it becomes q^T times itself."""
    *lead, m, n = a.shape
    zero = (0,) * len(lead)
    q, r = _tall_qr(part(a, (*zero, 0, 0), (*lead, m, m)), False)
    rest = part(a, (*zero, 0, m), (*lead, m, n - m))
    return q, concat([r, matmul(matrix_transpose(q), rest)], -1)


@public
def svd(a: Node, full_matrices: bool = True) -> SVD:
    """u diag(s) vh = a for `a` (..., m, n): singular values s (..., k), descending, k = min(m, n);
    orthonormal columns of u (..., m, k) and rows of vh (..., k, n), completed to square matrices if
    `full_matrices`, as NumPy does unless told otherwise.

    What completes them takes no gradient; vectors of equal singular values have none (NaN). Source:
    Townsend 2016, "Differentiating the singular value decomposition". Raises ShapeError (G103, or
    for named sizes).
    """
    (a,) = floats(a)
    if full_matrices and len(set(a.shape[-2:])) == 2:
        return SVD(*spectral.svd_full(a, full=True))
    return SVD(*spectral.svd(a, full=False))


@public
def svdvals(a: Node) -> Node:
    """The singular values (..., min(m, n)) of `a` (..., m, n), descending, with a gradient that
    needs no gaps: u diag(ds) vh. Raises ShapeError (G103, or for named sizes).
    """
    return spectral.svdvals(*floats(a))


@public
def expm(a: Node) -> Node:
    """The exponential of square matrices, 1 + a + a^2 / 2 + ..., by scaling and squaring.

    Its gradient is a block of the exponential of [[a^T, dy], [0, a^T]] (Najfeld & Havel 1995).
    Raises ShapeError (G101, G103, or for named sizes).
    """
    return spectral.expm(*floats(a))


# Powers, and how near a matrix is to a singular one


@public
def matrix_power(a: Node, n: int) -> Node:
    """a @ a @ ... @ a, n times, for `a` (..., k, k), by squaring; of the inverse where n is
    negative, and the unit matrix for 0. Raises ShapeError (G101, G103), UsageError.
    """
    if isinstance(n, bool) or not isinstance(n, int):
        raise UsageError(f"the power of a matrix is a whole number, not {n!r}")
    matrices(floats(a)[0].type, square=True)
    if n == 0:
        return broadcast_to(eye(a.shape[-1], dtype=a.dtype, like=a), a.shape)
    base, left = (inv(a) if n < 0 else a), abs(n)
    found: Any = None
    while left:
        if left % 2:
            found = base if found is None else matmul(found, base)
        left //= 2
        base = matmul(base, base) if left else base
    return found


@public
def condition_number(a: Node, p: Any = None) -> Node:
    """|a| |a^-1| of `a` (..., m, n) in the norm `p` of gr.matrix_norm; for None, 2 and -2 the
    greatest singular value over the least, and the inverse of that for -2. It is numpy.linalg.cond.

    Raises ShapeError (G101, G103), UsageError.
    """
    (a,) = floats(a)
    if p in (None, 2, -2):
        return matrix_norm(a, ord=2 if p is None else p) / matrix_norm(a, ord=-2 if p != -2 else 2)
    return matrix_norm(a, ord=p) * matrix_norm(inv(a), ord=p)


# Tensors as matrices


@public
def tensorinv(a: Node, ind: int = 2) -> Node:
    """The inverse of the matrix that the first `ind` axes and the others make, as numpy.linalg has
    it: tensordot(tensorinv(a), a, ind) is a unit matrix. Raises ShapeError (G101), UsageError.
    """
    if isinstance(ind, bool) or not isinstance(ind, int) or ind < 1:
        raise UsageError(f"how many axes come first is an integer from 1 up, not {ind!r}")
    rows, columns = stage(a).shape[:ind], a.shape[ind:]
    matrix = reshape(a, (product(rows), product(columns)))
    return reshape(inv(matrix), (*columns, *rows))


@public
def tensorsolve(a: Node, b: Any, axes: Any = None) -> Node:
    """The x of tensordot(a, x, x.ndim) = b, after `axes` of `a` are moved to its end, as
    numpy.linalg has it. Raises ShapeError (G101, G103).
    """
    a, b = graph_of(a, b).lift((a, b))
    last = [axis_of(k, a.ndim, a.shape) for k in (() if axes is None else axes)]
    a = transpose(a, (*(k for k in range(a.ndim) if k not in last), *last))
    shape = a.shape[b.ndim :]
    if product(shape) != product(b.shape):
        raise ShapeError(f"{shape_text(a.shape)} is no square of {shape_text(b.shape)}")
    return reshape(solve(reshape(a, (product(b.shape), product(shape))), ravel(b)), shape)
