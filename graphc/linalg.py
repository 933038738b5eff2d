"""Linear algebra under the names that numpy.linalg has for it, and a few of scipy.linalg's.

Each is a function of graphc itself, and documented there; those of NumPy that stand on its first
axes elsewhere stand on the last two here, as in numpy.linalg.
"""

from __future__ import annotations

from graphc.graph import Node
from graphc.ops import (
    cholesky,
    cholesky_inverse,
    cholesky_solve,
    condition_number,
    cross,
    det,
    eigh,
    eigvalsh,
    expm,
    inv,
    logdet,
    lstsq,
    matmul,
    matrix_norm,
    matrix_power,
    matrix_rank,
    matrix_transpose,
    multi_dot,
    norm,
    outer,
    pinv,
    qr,
    slogdet,
    solve,
    solve_triangular,
    svd,
    svdvals,
    tensordot,
    tensorinv,
    tensorsolve,
    vecdot,
    vector_norm,
)
from graphc.ops import diagonal as _diagonal
from graphc.ops import trace as _trace

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "cholesky_solve",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "expm",
    "inv",
    "logdet",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensordot",
    "tensorinv",
    "tensorsolve",
    "trace",
    "vecdot",
    "vector_norm",
]

cond = condition_number
"""NumPy's name; gr.cond is a choice between two graphs."""


def diagonal(x: Node, *, offset: int = 0) -> Node:
    """The elements (i, i + offset) of the matrices in the last two axes; raises ShapeError."""
    return _diagonal(x, offset, -2, -1)


def trace(x: Node, *, offset: int = 0) -> Node:
    """The sums of diagonal(x); raises ShapeError."""
    return _trace(x, offset, -2, -1)
