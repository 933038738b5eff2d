"""Products of vectors and matrices: matmul, outer, dot.

`matmul` takes all that NumPy's does and is what users and gradients write; `product`, of matrices
alone, is what the planner lays out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.graph import FUNCTIONS, Node, Op, declare, graph_of, public
from graphc.ops.elementwise.arith import multiply
from graphc.ops.shaping.layout import expand_dims, matrix_transpose, ravel, reshape, squeeze
from graphc.ops.spell import Expand, Product
from graphc.ops.stacked import aligned, ranks
from graphc.ops.tangents import bilinear
from graphc.types import Dim, Type, broadcast, promote, shape_text
from graphc.types import product as multiplied

__all__ = [
    "dot",
    "matmul",
    "outer",
]


def _matmul_type(
    a: Type, b: Type, names: tuple[str, str] = ("the first argument", "the second")
) -> Type:
    if not a.rank or not b.rank:
        raise ShapeError(
            "matmul takes vectors and matrices, not scalars", code="G101", hint="multiply with *"
        )
    if "bool" in (a.dtype, b.dtype):
        raise DTypeError(f"matmul takes numbers, not {a} and {b}", hint="gr.astype(x, 'float32')")
    inner = a.shape[-1], b.shape[-2 if b.rank > 1 else 0]
    if inner[0] != inner[1]:
        raise ShapeError(
            f"{names[0]} has shape {shape_text(a.shape)} but "
            f"{names[1]} has shape {shape_text(b.shape)}; "
            f"inner sizes {inner[0]} != {inner[1]}",
            code="G101",
        )
    lead = broadcast(a.shape[:-2], b.shape[:-2])
    return Type(
        promote(a.dtype, b.dtype), lead + a.shape[-2:-1] + (b.shape[-1:] if b.rank > 1 else ())
    )


def _product_type(a: Type, b: Type) -> Type:
    if a.rank < 2 or b.rank < 2:
        raise ShapeError(
            f"product takes matrices, not {a} and {b}",
            code="G101",
            hint="gr.matmul takes vectors too",
        )
    return _matmul_type(a, b)


def _matrices(a: Node, b: Node) -> tuple[Node, Node]:
    """A vector on the left as a row, on the right as a column."""
    return (a if a.ndim > 1 else expand_dims(a, 0)), (b if b.ndim > 1 else expand_dims(b, 1))


def _matmul_define(a: Node, b: Node) -> Node:
    """Rows of a batch times one matrix are one product of matrices."""
    (left, right), shape = _matrices(a, b), _matmul_type(a.type, b.type).shape
    if right.ndim == 2 and left.ndim > 2 and (rows := _rows(left.shape)) is not None:
        left = reshape(left, (rows, left.shape[-1]))
    found = product(left, right)
    return found if found.shape == shape else reshape(found, shape)


def _rows(shape: tuple[Dim, ...]) -> Dim | None:
    """How many rows a batch of matrices has, None where that is not affine."""
    try:
        return multiplied(shape[:-1])
    except ShapeError:
        return None


def _matmul_vjp(g: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
    """dA = G B^T, dB = A^T G; leading axes that were broadcast are summed by the chain rule."""
    left, right = _matrices(a, b)
    up = g if b.ndim > 1 else expand_dims(g, -1)
    up = up if a.ndim > 1 else expand_dims(up, -2)
    d_left, d_right = matmul(up, matrix_transpose(right)), _d_right(left, right, up)
    return (d_left if a.ndim > 1 else squeeze(d_left, -2)), (
        d_right if b.ndim > 1 else squeeze(d_right, -1)
    )


def _d_right(left: Node, right: Node, up: Node) -> Node:
    """One product over all rows where one matrix served a whole batch."""
    rows = _rows(left.shape) if right.ndim == 2 and left.ndim > 2 else None
    if rows is not None:
        left, up = (reshape(v, (rows, v.shape[-1])) for v in (left, up))
    return matmul(matrix_transpose(left), up)


product = declare(
    Op(
        "product",
        _product_type,
        Product(),
        np.matmul,
        _matmul_vjp,
        "{} @ {}",
        core="(m,k),(k,n)->(m,n)",
    )
)
"""Matrices multiplied; leading axes broadcast."""


def _matmul_batch(op: Op, args: Sequence[Node], mapped: tuple[bool, bool], size: Dim) -> Node:
    """Vectors become rows or columns; one vector for each place against one matrix is a product of
    matrices.
    """
    (a, b), (left, right) = args, ranks(args, mapped)
    if mapped == (True, False) and left == 1 and right <= 2:
        return op(a, b)
    if mapped == (False, True) and right == 1 and left <= 2:
        return op(b, a.T)
    a = a if left > 1 else expand_dims(a, -2)
    b = b if right > 1 else expand_dims(b, -1)
    pair = aligned((a, b), mapped)
    found = multiply(*pair) if a.shape[-1] == 1 else op(*pair)  # a column times a row
    found = found if left > 1 else squeeze(found, -2)
    return found if right > 1 else squeeze(found, -1)


_matmul = declare(
    Op(
        "matmul",
        _matmul_type,
        Expand(_matmul_define),
        np.matmul,
        _matmul_vjp,
        "{} @ {}",
        jvp=bilinear,
        batch=_matmul_batch,
    )
)


@public
def matmul(a: Any, b: Any) -> Node:
    """The matrix product of vectors, matrices, or batches of matrices whose leading axes broadcast.

    Raises ShapeError (G101) when inner sizes differ or an argument is a scalar, DTypeError for
    bool.
    """
    left, right = graph_of(a, b).lift((a, b))
    names = (left.name or "the first argument", right.name or "the second")
    _matmul_type(left.type, right.type, names)
    return _matmul(left, right)


@public
def dot(a: Any, b: Any) -> Node:
    """The inner product of vectors, the product of matrices; a scalar multiplies.

    Of more axes the last of `a` is summed with the last but one of `b`, as NumPy does (a batch of
    matrices is gr.matmul's). Raises ShapeError (G101).
    """
    left, right = graph_of(a, b).lift((a, b))
    if not left.ndim or not right.ndim:
        return multiply(left, right)
    if right.ndim < 3:
        return matmul(left, right)
    return FUNCTIONS["tensordot"](left, right, ([-1], [-2]))


@public
def outer(a: Any, b: Any) -> Node:
    """All products of an element of `a` with an element of `b`, shape (a.size, b.size)."""
    left, right = graph_of(a, b).lift((a, b))
    return multiply(expand_dims(ravel(left), 1), expand_dims(ravel(right), 0))
