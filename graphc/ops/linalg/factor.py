"""Factorisations of matrices, and triangular systems: stacks of matrices in, one call of LAPACK for
each matrix.

Gradients are written with these operations, so they have gradients. What cannot be factorised, a
matrix that is not positive definite or is singular, gives NaN where NumPy raises LinAlgError: a
compiled program has no results before it has all of them. Symmetric matrices are read from their
lower triangle; their gradient is symmetric.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError, UsageError
from graphc.graph import Node, Op, declare, graph_of
from graphc.ops.elementwise.arith import astype
from graphc.ops.products.linear import matmul
from graphc.ops.shaping.diagonals import tril, triu
from graphc.ops.shaping.layout import matrix_transpose
from graphc.ops.spell import Expand, Routine
from graphc.ops.stack import signature
from graphc.types import NAMES, Type, promote, shape_text

__all__: list[str] = []

ITEM = 8
"""Bytes of the widest element."""

Gradients = tuple[Node | None, ...]

# Types, and what NumPy means core by core


def matrices(*args: Type, square: bool = False, literal: bool = False) -> None:
    """Raise DTypeError unless all hold floats of one type, ShapeError unless all are matrices."""
    for a in args:
        if not a.is_float or a.dtype != args[0].dtype:
            raise DTypeError(f"matrices of one float type are wanted, not {a}", hint="gr.astype")
        if a.rank < 2:
            raise ShapeError(
                f"a matrix has two axes or more, not shape {shape_text(a.shape)}", code="G103"
            )
        if square and a.shape[-1] != a.shape[-2]:
            raise ShapeError(f"a square matrix is wanted, not shape {shape_text(a.shape)}")
        if literal and not all(isinstance(d, int) for d in a.shape[-2:]):
            raise ShapeError(
                f"the sizes of a matrix are literal here, not {shape_text(a.shape[-2:])}",
                hint="the axes in front of the last two may be named",
            )


def by_core(infer: Callable[..., Any], core: str, function: Callable[..., Any]) -> Any:
    """What a function of matrices means for stacks of them; NaN for those where it fails."""
    found = signature(core)

    def means(*args: np.ndarray, **attrs: Any) -> Any:
        types = infer(*(Type(NAMES[a.dtype], a.shape) for a in args), **attrs)
        several = isinstance(types, tuple)
        results = [np.full(t.shape, np.nan if t.is_float else 0, t.numpy) for t in _tuple(types)]
        lead: Any = found.lead([a.shape for a in args])
        pairs = zip(args, found.args, strict=True)
        stacks = [np.broadcast_to(a, (*lead, *a.shape[a.ndim - len(c) :])) for a, c in pairs]
        for at in np.ndindex(lead):
            with suppress(np.linalg.LinAlgError):
                values = _tuple(function(*(s[at] for s in stacks), **attrs))
                for result, value in zip(results, values, strict=True):
                    result[at] = value
        return tuple(results) if several else results[0]

    return means


def _tuple(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)


def routine(
    name: str, core: str, infer: Callable[..., Any], means: Any, vjp: Any, spell: Routine
) -> Op:
    """Declare a routine of the prelude that has a core signature."""
    return declare(Op(name, infer, spell, by_core(infer, core, means), vjp, core=core))


def by_matrix(
    name: str, core: str, infer: Callable[..., Any], define: Any, means: Any, vjp: Any
) -> Op:
    """Declare what is defined by other operations, matrix by matrix."""
    return declare(Op(name, infer, Expand(define), by_core(infer, core, means), vjp, core=core))


def floats(*given: Any) -> tuple[Node, ...]:
    """Stages of one float type: f64 where one of them is not float."""
    nodes = graph_of(*given).lift(given)
    floats = all(x.type.is_float for x in nodes)
    dtype = promote(*(x.dtype for x in nodes)) if floats else "f64"
    return tuple(astype(x, dtype) for x in nodes)


def is_tall(a: Type) -> bool:
    """Whether a matrix has as many rows as columns, or more."""
    m, n = sizes(a)
    return m >= n


def sizes(a: Type) -> tuple[int, int]:
    """The literal sizes of a matrix."""
    m, n = a.shape[-2:]
    assert isinstance(m, int)
    assert isinstance(n, int)
    return m, n


def symmetric(x: Node) -> Node:
    """The lower triangle of x, and itself above the diagonal."""
    return tril(x) + matrix_transpose(tril(x, -1))


# Cholesky


def square_matrix(a: Type) -> Type:
    """The type of what is itself a square matrix."""
    matrices(a, square=True)
    return a


def _cholesky_vjp(g: Node, y: Node, a: Node) -> tuple[Node]:
    """L^-T copyltu(L^T dL) L^-1 / 2. Source: Murray 2016, eq. 10."""
    inner = symmetric(matmul(matrix_transpose(y), tril(g)))
    half = solve_triangular(y, inner, lower=True, transposed=True, unit=False)
    whole = solve_triangular(y, matrix_transpose(half), lower=True, transposed=True, unit=False)
    return (0.5 * whole,)


cholesky = routine(
    "cholesky",
    "(n,n)->(n,n)",
    square_matrix,
    np.linalg.cholesky,
    _cholesky_vjp,
    Routine("cholesky"),
)
"""The lower triangular L with L L^T = a, of which the lower triangle is read."""

# Triangular systems


def _system(a: Type, b: Type, **_: Any) -> Type:
    matrices(a, square=True)
    matrices(a, b)
    return signature("(n,n),(n,k)->(n,k)").types((a, b), b.dtype)[0]


def solvable(t: np.ndarray) -> np.ndarray:
    """A triangle without zeros on its diagonal; raises LinAlgError, which NaN stands for."""
    if not np.diagonal(t).all():
        raise np.linalg.LinAlgError
    return t


def _triangular_numpy(
    a: np.ndarray, b: np.ndarray, lower: bool, transposed: bool, unit: bool
) -> np.ndarray:
    t = np.tril(a, -unit) if lower else np.triu(a, unit)
    t = t + np.eye(len(a), dtype=a.dtype) if unit else solvable(t)
    return np.linalg.solve(t.T if transposed else t, b)


def _triangular_vjp(
    g: Node, y: Node, a: Node, b: Node, lower: bool, transposed: bool, unit: bool
) -> tuple[Node, Node]:
    """db = T^-T dx, dT = -db x^T, of which the triangle counts. Giles 2008, 2.3.1."""
    d_b = solve_triangular(a, g, lower=lower, transposed=not transposed, unit=unit)
    left, right = (y, d_b) if transposed else (d_b, y)
    d_a = -matmul(left, matrix_transpose(right))
    return (tril(d_a, -int(unit)) if lower else triu(d_a, int(unit))), d_b


solve_triangular: Op = routine(
    "solve_triangular",
    "(n,n),(n,k)->(n,k)",
    _system,
    _triangular_numpy,
    _triangular_vjp,
    Routine("triangular_solve", ("lower", "transposed", "unit")),
)
"""T^-1 b or T^-T b, where T is a triangle of a, with ones on its diagonal where `unit`."""

# LU, which has no gradient of its own: what is solved with it has


def _lu_type(a: Type) -> tuple[Type, Type]:
    matrices(a, square=True)
    return a, Type("i64", a.shape[:-1])


def _lu_numpy(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, pivots = np.array(a), np.zeros(len(a), np.int64)
    for k in range(len(x)):
        pivots[k] = best = k + int(np.argmax(np.abs(x[k, k:])))
        x[:, [k, best]] = x[:, [best, k]]
        x[k, k + 1 :] /= x[k, k] or 1
        x[k + 1 :, k + 1 :] -= np.outer(x[k + 1 :, k], x[k, k + 1 :])
    return x, pivots


def _lu_solve_numpy(
    y: np.ndarray, pivots: np.ndarray, b: np.ndarray, transposed: bool
) -> np.ndarray:
    lower, upper = solvable(np.tril(y)), np.triu(y, 1) + np.eye(len(y), dtype=y.dtype)
    order = np.arange(len(y))
    for k, pivot in enumerate(pivots):
        order[[k, pivot]] = order[[pivot, k]]
    if transposed:
        return np.linalg.solve(lower.T, np.linalg.solve(upper.T, b[order]))
    return np.linalg.solve(upper, np.linalg.solve(lower, b))[np.argsort(order)]


def _lu_system(y: Type, pivots: Type, b: Type, transposed: bool) -> Type:
    return _system(y, b)


lu = routine("lu", "(n,n)->(n,n),(n)", _lu_type, _lu_numpy, None, Routine("lu"))
"""a = L U P in one matrix, the ones on the diagonal of U left out, and which columns P exchanges:
i and pivots[i], for i from 0 on. (That is LAPACK's getrf of a^T.)
"""


def factors(a: Node) -> tuple[Node, Node]:
    """What `lu` gives of a, by names that can be read in emitted code."""
    y, pivots = lu(a)
    return y.hinted("factors"), pivots.hinted("pivots")


lu_solve = routine(
    "lu_solve",
    "(n,n),(n),(n,k)->(n,k)",
    _lu_system,
    _lu_solve_numpy,
    None,
    Routine("lu_solve", ("transposed",)),
)
"""a^-1 b or a^-T b, from what `lu` gives of a."""

# QR


def _qr_type(a: Type, full: bool) -> tuple[Type, Type]:
    matrices(a, literal=True)
    *lead, m, n = a.shape
    if m < n:  # type: ignore[operator]
        raise ShapeError(f"it has fewer rows than columns: {shape_text(a.shape)}", hint="gr.qr")
    k = m if full else n
    return Type(a.dtype, (*lead, m, k)), Type(a.dtype, (*lead, k, n))


def _qr_numpy(a: np.ndarray, full: bool) -> tuple[np.ndarray, np.ndarray]:
    q, r = np.linalg.qr(a, "complete" if full else "reduced")
    return q, r


def _qr_vjp(gs: Gradients, ys: tuple[Node, Node], a: Node, full: bool) -> tuple[Node]:
    """(dQ + Q copyltu(M)) R^-T, M = R dR^T - dQ^T Q. Source: Walter & Lehmann 2012; Seeger et al.
    2017, section 4.3.
    """
    if full and a.shape[-1] != a.shape[-2]:
        raise UsageError(
            "the full Q of a matrix with more rows than columns is not unique, so it has no "
            "gradient",
            hint='gr.qr(a, mode="reduced")',
        )
    (d_q, d_r), (q, r) = gs, ys
    terms = [] if d_r is None else [matmul(r, matrix_transpose(d_r))]
    terms += [] if d_q is None else [-matmul(matrix_transpose(d_q), q)]
    inner = matmul(q, symmetric(terms[0] if len(terms) == 1 else terms[0] + terms[1]))
    whole = matrix_transpose(inner if d_q is None else d_q + inner)
    found = solve_triangular(r, whole, lower=False, transposed=False, unit=False)
    return (matrix_transpose(found),)


qr = routine(
    "qr",
    "(m,n)->(m,k),(k,n)",
    _qr_type,
    _qr_numpy,
    _qr_vjp,
    Routine("qr", ("full",), lambda m, n: ITEM * (n + 64 * m)),
)
"""q r = a by Householder's reflections, for as many rows as columns or more; `full`: all of q."""
