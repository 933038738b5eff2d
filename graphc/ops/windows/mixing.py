"""Constant matrices along axes: each element of the result is a mix of those along an axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.graph import Node
from graphc.ops.products.linear import matmul, product
from graphc.ops.shaping.layout import matrix_transpose, reshape
from graphc.types import product as multiplied

Matrices = Sequence[np.ndarray | None]


def along_axis(x: Node, matrix: Node, axis: int) -> Node:
    """A matrix (outputs, length) times `x` along one axis, counted from 0."""
    if axis == x.ndim - 1:
        return matmul(x, matrix_transpose(matrix))
    rest = multiplied(x.shape[axis + 1 :])
    found = product(matrix, reshape(x, (*x.shape[: axis + 1], rest)))
    return reshape(found, (*x.shape[:axis], matrix.shape[0], *x.shape[axis + 1 :]))


def along_lengths(x: Node, matrices: Matrices, turned: bool = False) -> Node:
    """Matrices, or their transposes, times `x` along its last axes; those of an axis that stays as
    it is are None.
    """
    for axis, matrix in enumerate(matrices, x.ndim - len(matrices)):
        if matrix is not None:
            whole = x.graph.constant(matrix.T if turned else matrix, x.dtype)
            x = along_axis(x, whole, axis)
    return x


def along_lengths_numpy(x: np.ndarray, matrices: Matrices) -> np.ndarray:
    """The same in NumPy."""
    for axis, matrix in enumerate(matrices, x.ndim - len(matrices)):
        if matrix is not None:
            x = np.moveaxis(np.tensordot(x, matrix, (axis, 1)), -1, axis)
    return x
