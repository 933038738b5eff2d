"""Decompositions of matrices, and functions of them, by the names of numpy.linalg.

Stacks of matrices lie in the last two axes; integers are computed in f64. Where NumPy raises
LinAlgError, results are NaN, which debug="nan" finds. Symmetric matrices are read from one
triangle; their gradient is symmetric.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from graphc.errors import UsageError
from graphc.graph import Node, public
from graphc.ops import factor, spectral
from graphc.ops.factor import floats, is_tall, matrices
from graphc.ops.layout import matrix_transpose
from graphc.ops.linear import matmul
from graphc.ops.pieces import concat, part

__all__ = [
    "cholesky",
    "eigh",
    "eigvalsh",
    "expm",
    "qr",
    "svd",
    "svdvals",
]


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
    symmetric, F[i, j] = 1 / (w[j] - w[i]) and 0 where these are equal (Giles 2008). Raises
    ShapeError (G101, G103, or for named sizes), UsageError.
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

    What completes them takes no gradient. Source: Townsend 2016, "Differentiating the singular
    value decomposition"; terms of equal singular values are left out, which is right for what does
    not depend on the choice of the vectors. Raises ShapeError (G103, or for named sizes).
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
