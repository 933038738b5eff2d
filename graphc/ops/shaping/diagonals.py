"""Diagonals and triangles of matrices: read, laid out, summed, cut off.

A diagonal is another look at the matrix; its gradient lays it onto a matrix of zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.graph import OPS, Node, Op, declare, graph_of, public
from graphc.ops.axes import axis_of, stage
from graphc.ops.elementwise.arith import astype, equal, greater_equal, less_equal, where
from graphc.ops.shaping.layout import broadcast_to, expand_dims, iota, permute_dims, ravel, reshape
from graphc.ops.shaping.pieces import place
from graphc.ops.spell import Along, Expand, View
from graphc.types import Dim, Type, shape_text

__all__ = [
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "diagonal_scatter",
    "trace",
    "tril",
    "triu",
]

# The diagonal, a look at the matrix


def _length(rows: Dim, columns: Dim, offset: int) -> Dim:
    """How many elements the diagonal has; raises ShapeError where that hangs on sizes to come."""
    down, right = rows - max(-offset, 0), columns - max(offset, 0)
    more = right - down
    if isinstance(more, int):
        least = down if more >= 0 else right
        return max(least, 0) if isinstance(least, int) else least
    raise ShapeError(f"the length of a diagonal of ({rows}, {columns}) is not affine in its sizes")


def _diagonal_type(x: Type, offset: int) -> Type:
    if x.rank < 2:
        raise ShapeError(f"a diagonal has a matrix, not shape {shape_text(x.shape)}", code="G103")
    return Type(x.dtype, (*x.shape[:-2], _length(x.shape[-2], x.shape[-1], offset)))


def _diagonal_index(x: Type, y: Type, offset: int) -> tuple[Along, ...]:
    last = y.rank - 1
    lead = map(Along, range(last))
    return (*lead, Along(last, 1, max(-offset, 0)), Along(last, 1, max(offset, 0)))


_diagonal: Op = declare(
    Op(
        "diagonal",
        _diagonal_type,
        View(_diagonal_index),
        lambda x, offset: np.diagonal(x, offset, -2, -1),
        lambda g, y, x, offset: (_onto(g, shape=x.shape[-2:], offset=offset),),
    )
)


def _onto_define(v: Node, shape: tuple[Dim, Dim], offset: int) -> Node:
    """In steps of a row and an element through the flat matrix; compared where sizes have names."""
    (rows, columns), lead = shape, v.shape[:-1]
    if isinstance(rows, int) and isinstance(columns, int):
        start = offset if offset >= 0 else -offset * columns
        flat = place(
            v,
            shape=(*lead, rows * columns),
            starts=((0,) * len(lead) + (start,),),
            steps=((1,) * len(lead) + (columns + 1,),),
        )
        return reshape(flat, (*lead, rows, columns))
    starts = ((0,) * len(lead) + (max(offset, 0),),)
    row = place(v, shape=(*lead, columns), starts=starts, steps=((1,) * v.ndim,))
    return where(_on_diagonal(v, (*lead, *shape), offset), expand_dims(row, -2), 0)


def _on_diagonal(like: Node, shape: tuple[Dim, ...], offset: int) -> Node:
    rows, columns = (iota(like, shape, (len(shape) - k,)) for k in (2, 1))
    return equal(columns, rows + offset if offset else rows)


def _onto_numpy(v: np.ndarray, shape: tuple[int, int], offset: int) -> np.ndarray:
    found = np.zeros((*v.shape[:-1], *shape), v.dtype)
    count = np.arange(v.shape[-1])
    found[..., count + max(-offset, 0), count + max(offset, 0)] = v
    return found


_onto: Op = declare(
    Op(
        "onto_diagonal",
        lambda v, shape, offset: Type(v.dtype, (*v.shape[:-1], *shape)),
        Expand(_onto_define),
        _onto_numpy,
        lambda g, y, v, shape, offset: (_diagonal(g, offset=offset),),
    )
)
"""A matrix of zeros but for one diagonal."""


def _matrices_last(x: Node, axis1: int, axis2: int) -> Node:
    """`x` with two axes moved to the end; raises ShapeError (G103)."""
    first, second = (axis_of(a, x.ndim, x.shape) for a in (axis1, axis2))
    if first == second:
        raise ShapeError(f"a diagonal has two axes, not axis {axis1} twice", code="G103")
    rest = [a for a in range(x.ndim) if a not in (first, second)]
    order = (*rest, first, second)
    return x if order == tuple(range(x.ndim)) else permute_dims(x, order)


@public
def diagonal(x: Node, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    """The elements (i, i + offset) of the matrices that `axis1` and `axis2` make, as the last axis.

    Raises ShapeError (G103) for fewer than two axes.
    """
    return _diagonal(_matrices_last(stage(x), axis1, axis2), offset=int(offset))


@public
def diag_embed(x: Node, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Node:
    """Square matrices of zeros with the last axis of `x` as their diagonal `offset`; the inverse of
    diagonal. `axis1` and `axis2` are axes of the result. Raises ShapeError (G103).
    """
    if not stage(x).ndim:
        raise ShapeError("a scalar is no diagonal", code="G103", hint="gr.diagflat takes it")
    size = x.shape[-1] + abs(int(offset))
    found = _onto(x, shape=(size, size), offset=int(offset))
    first, second = (axis_of(a, found.ndim, found.shape) for a in (axis1, axis2))
    if first == second:
        raise ShapeError(f"a matrix has two axes, not axis {axis1} twice", code="G103")
    rest = iter(range(found.ndim - 2))
    places = {first: found.ndim - 2, second: found.ndim - 1}
    order = tuple(places[a] if a in places else next(rest) for a in range(found.ndim))
    return found if order == tuple(range(found.ndim)) else permute_dims(found, order)


@public
def diag(x: Node, k: int = 0) -> Node:
    """The diagonal `k` of a matrix, or the square matrix with a vector as its diagonal `k`.

    Raises ShapeError (G103) for any other shape.
    """
    if stage(x).ndim not in (1, 2):
        raise ShapeError(
            f"diag takes a vector or a matrix, not shape {shape_text(x.shape)}",
            code="G103",
            hint="gr.diagonal and gr.diag_embed take stacks of them",
        )
    return diagonal(x, k) if x.ndim == 2 else diag_embed(x, k)


@public
def diagflat(x: Node, k: int = 0) -> Node:
    """The square matrix with all elements of `x` in row-major order as its diagonal `k`."""
    return diag_embed(ravel(stage(x)), k)


@public
def diagonal_scatter(x: Node, values: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    """A copy of `x` with `values`, which broadcast to diagonal(x, ...), in the place of those."""
    x, values = graph_of(x, values).lift((x, values))
    matrices = _matrices_last(x, axis1, axis2)
    shape = _diagonal_type(matrices.type, offset).shape
    laid = _onto(broadcast_to(values, shape), shape=matrices.shape[-2:], offset=int(offset))
    found = where(_on_diagonal(x, matrices.shape, int(offset)), laid, matrices)
    first, second = (axis_of(a, x.ndim, x.shape) for a in (axis1, axis2))
    order = [a for a in range(x.ndim) if a not in (first, second)] + [first, second]
    back = tuple(order.index(a) for a in range(x.ndim))
    return found if back == tuple(range(x.ndim)) else permute_dims(found, back)


# The sum of a diagonal


def _trace_type(x: Type, offset: int) -> Type:
    found = _diagonal_type(x, offset)
    return OPS["sum"].infer(found, axis=(found.rank - 1,), keepdims=False)


def _trace_define(x: Node, offset: int) -> Node:
    return OPS["sum"](_diagonal(x, offset=offset), axis=(x.ndim - 2,), keepdims=False)


def _trace_vjp(g: Node, y: Node, x: Node, offset: int) -> tuple[Node]:
    shape = _diagonal_type(x.type, offset).shape
    spread = broadcast_to(expand_dims(g, -1), shape)
    return (_onto(spread, shape=x.shape[-2:], offset=offset),)


_trace = declare(
    Op(
        "trace",
        _trace_type,
        Expand(_trace_define),
        lambda x, offset: np.trace(x, offset, -2, -1),
        _trace_vjp,
    )
)


@public
def trace(x: Node, offset: int = 0, axis1: int = 0, axis2: int = 1, *, dtype: Any = None) -> Node:
    """The sum of diagonal(x, offset, axis1, axis2); integers are summed in 64 bits.

    Raises ShapeError (G103) for fewer than two axes.
    """
    matrices = _matrices_last(stage(x), axis1, axis2)
    matrices = matrices if dtype is None else astype(matrices, dtype)
    return _trace(matrices, offset=int(offset))


# Triangles


def _triangle_type(x: Type, k: int) -> Type:
    if x.rank < 2:
        raise ShapeError(f"a triangle has a matrix, not shape {shape_text(x.shape)}", code="G103")
    return x


def _triangle(name: str, inside: Any, numpy: Any) -> Op:
    """Declare what keeps the elements (i, j) where `inside(j, i + k)`."""

    def define(x: Node, k: int) -> Node:
        rows, columns = (iota(x, x.shape, (x.ndim - axis,)) for axis in (2, 1))
        return where(inside(columns, rows + k if k else rows), x, 0)

    op = Op(name, _triangle_type, Expand(define), numpy, lambda g, y, x, k: (op(g, k=k),))
    return declare(op)


_tril = _triangle("tril", less_equal, lambda x, k: np.tril(x, k))
_triu = _triangle("triu", greater_equal, lambda x, k: np.triu(x, k))


@public
def tril(x: Node, k: int = 0) -> Node:
    """The lower triangles of matrices: x[..., i, j] where j <= i + k, else 0; raises ShapeError
    (G103).
    """
    return _tril(x, k=int(k))


@public
def triu(x: Node, k: int = 0) -> Node:
    """The upper triangles of matrices: x[..., i, j] where j >= i + k, else 0; raises ShapeError
    (G103).
    """
    return _triu(x, k=int(k))
