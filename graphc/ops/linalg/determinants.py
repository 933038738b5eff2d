"""Determinants, by LU, and their gradients.

Stacks of matrices lie in the last two axes; integers are computed in f64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from graphc.graph import OPS, Node, Op, public
from graphc.ops.elementwise.arith import abs as absolute
from graphc.ops.elementwise.arith import (
    astype,
    equal,
    logical_or,
    not_equal,
    sign,
    where,
    zeros_like,
)
from graphc.ops.elementwise.maths import log
from graphc.ops.linalg import spectral
from graphc.ops.linalg.factor import Gradients, by_matrix, factors, floats, matrices, square_matrix
from graphc.ops.linalg.systems import inv
from graphc.ops.products.linear import matmul
from graphc.ops.reductions.reduce import prod
from graphc.ops.reductions.reduce import sum as total
from graphc.ops.shaping.diagonals import diag_embed, diagonal
from graphc.ops.shaping.layout import broadcast_to, expand_dims, iota, matrix_transpose, squeeze
from graphc.types import Type

__all__ = [
    "det",
    "logdet",
    "slogdet",
]


class Slogdet(NamedTuple):
    """What slogdet gives, by NumPy's names."""

    sign: Node
    logabsdet: Node


def _number(a: Type) -> Type:
    matrices(a, square=True)
    return Type(a.dtype, a.shape[:-2])


def _pivoted(a: Node) -> tuple[Node, Node]:
    """The diagonal of LU, and the sign of the exchanges."""
    y, pivots = factors(a)
    moved = not_equal(pivots, iota(pivots, pivots.shape, (pivots.ndim - 1,)))
    return diagonal(y, 0, -2, -1), astype(1 - 2 * (total(moved, -1) % 2), a.dtype)


def _det_define(a: Node) -> Node:
    pivots, parity = _pivoted(a)
    return prod(pivots, -1) * parity


_det = by_matrix(
    "det",
    "(n,n)->()",
    _number,
    _det_define,
    np.linalg.det,
    lambda g, y, a: (expand_dims(g, (-2, -1)) * _cofactors(a),),
)


def _cofactors_define(a: Node) -> Node:
    """det(U) det(V) U diag(products of all s but one) V^T."""
    u, s, v = spectral.svd(a, full=False)
    rest = OPS["others"](s, axis=(s.ndim - 1,))
    return matmul(u * expand_dims(rest, -2), v) * expand_dims(_det(u) * _det(v), (-2, -1))


def _cofactors_numpy(a: np.ndarray) -> np.ndarray:
    u, s, v = np.linalg.svd(a)
    rest = np.array([np.prod(np.delete(s, i)) for i in range(len(s))])
    return np.linalg.det(u) * np.linalg.det(v) * (u * rest) @ v


def _cofactors_vjp(g: Node, y: Node, a: Node) -> tuple[Node]:
    """In the axes of the singular vectors a is diagonal: Note [Cofactors]."""
    u, s, v = spectral.svd(a, full=False)
    inner = matmul(matmul(matrix_transpose(u), g), matrix_transpose(v))
    pairs = _products_without_two(s)
    own = matmul(pairs, expand_dims(diagonal(inner, 0, -2, -1), -1))
    whole = diag_embed(squeeze(own, -1)) - matrix_transpose(inner) * pairs
    parity = expand_dims(_det(u) * _det(v), (-2, -1))
    return (matmul(matmul(u, whole), v) * parity,)


def _products_without_two(s: Node) -> Node:
    """p[i, j] = the product of all s but s[i] and s[j], 0 for i = j."""
    n = s.shape[-1]
    spread = broadcast_to(expand_dims(s, (-3, -2)), (*s.shape[:-1], n, n, n))
    row, column, k = (iota(s, (n, n, n), (axis,)) for axis in range(3))
    out = logical_or(equal(row, k), equal(column, k))
    unit = equal(iota(s, (n, n), (0,)), iota(s, (n, n), (1,)))
    return where(unit, 0, prod(where(out, 1, spread), -1))


_cofactors: Op = by_matrix(
    "cofactors", "(n,n)->(n,n)", square_matrix, _cofactors_define, _cofactors_numpy,
    _cofactors_vjp,
)  # fmt: skip
"""The gradient of the determinant: det(a) a^-T, which singular matrices have too."""


@public
def det(a: Node) -> Node:
    """The determinant of `a` (..., n, n), by LU. Its gradient is the matrix of cofactors, from
    singular values, so that singular matrices have it too; that of gr.slogdet is faster.

    Source: Giles 2008, section 2.2.4; Magnus & Neudecker 1999, chapter 8. Raises ShapeError (G101,
    G103; in the gradient, for named sizes).
    """
    return _det(*floats(a))


def _slogdet_define(a: Node) -> tuple[Node, Node]:
    pivots, parity = _pivoted(a)
    return prod(sign(pivots), -1) * parity, total(log(absolute(pivots)), -1)


def _slogdet_vjp(gs: Gradients, ys: tuple[Node, Node], a: Node) -> tuple[Node]:
    """a^-T of the logarithm, nothing of the sign."""
    if gs[1] is None:
        return (zeros_like(a),)
    return (expand_dims(gs[1], (-2, -1)) * matrix_transpose(inv(a)),)


_slogdet = by_matrix(
    "slogdet",
    "(n,n)->(),()",
    lambda a: (_number(a), _number(a)),
    _slogdet_define,
    lambda a: tuple(np.linalg.slogdet(a)),
    _slogdet_vjp,
)


@public
def slogdet(a: Node) -> Slogdet:
    """(sign, log |det|) of `a` (..., n, n), by LU: no overflow where the determinant has one. 0 and
    -inf where a is singular, and a gradient of NaN; else it is a^-T (Giles 2008).

    Raises ShapeError (G101, G103).
    """
    return Slogdet(*_slogdet(*floats(a)))


@public
def logdet(a: Node) -> Node:
    """log(det(a)) of `a` (..., n, n): NaN where the determinant is negative, -inf where it is 0.

    Raises ShapeError (G101, G103).
    """
    found, size = slogdet(a)
    return where(found < 0, float("nan"), size)


# Note [Cofactors]. cof(U X V^T) = det(U) det(V) U cof(X) V^T for orthogonal U and V. Where X is
# diagonal with s, the derivative of its cofactors along E is p[i, k] E[k, k], summed over k, at
# (i, i) and -p[i, j] E[j, i] beside, with p[i, j] the product of all s but two. Nothing is divided.
