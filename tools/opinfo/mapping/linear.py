"""Products and linear algebra."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphc as gr

from ..rows import Functions, Row, Rows
from .forms import same

EPS = 2.220446049250313e-16


def added(product: Any) -> Any:
    """beta input + alpha product."""

    def call(m: Functions, x: Any, a: Any, b: Any, *, beta: float = 1, alpha: float = 1) -> Any:
        found = alpha * product(m, a, b)
        return beta * x + found if beta else found

    return call


def product(m: Functions, a: Any, b: Any) -> Any:
    """a @ b."""
    return m.matmul(a, b)


def einsum(m: Functions, operands: Any, text: str) -> Any:
    """PyTorch's samples bring the operands first."""
    return m.einsum(text, *operands)


def tensordot(m: Functions, a: Any, b: Any, dims: Any = 2) -> Any:
    """Products over axes."""
    given = dims if isinstance(dims, int) else tuple(tuple(d) for d in dims)
    return m.tensordot(a, b, axes=given)


def cholesky(m: Functions, x: Any, upper: bool = False) -> Any:
    """The factor, lower unless told otherwise; PyTorch's samples read the lower half."""
    return m.cholesky(x, upper=upper)


def cholesky_ex(m: Functions, x: Any, *, upper: bool = False, check_errors: bool = False) -> Any:
    """The factor and 0 for every matrix that has one."""
    return cholesky(m, x, upper), no_info(m, x)


def no_info(m: Functions, x: Any) -> Any:
    """Zeros for LAPACK's complaints: graphc raises."""
    return m.zeros(tuple(x.shape[:-2]), dtype="int32", like=x)


def solve(m: Functions, a: Any, b: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    """a x = b, or x a = b; PyTorch takes vectors for any stack of matrices."""
    vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and tuple(b.shape) == tuple(a.shape[:-1]))
    b = m.expand_dims(b, -1) if vector else b
    if left:
        found = m.solve(a, b)
    else:
        found = m.matrix_transpose(m.solve(m.matrix_transpose(a), m.matrix_transpose(b)))
    return m.squeeze(found, -1) if vector else found


def solve_triangular(
    m: Functions, a: Any, b: Any, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Any:  # fmt: skip
    """One substitution."""
    given = {"lower": not upper, "unit_diagonal": unitriangular}
    if left:
        return m.solve_triangular(a, b, **given)
    turned = m.solve_triangular(
        m.matrix_transpose(a), m.matrix_transpose(b), lower=upper, unit_diagonal=unitriangular
    )
    return m.matrix_transpose(turned)


def triangular_solve(
    m: Functions, b: Any, a: Any, upper: bool = True, transpose: bool = False,
    unitriangular: bool = False,
) -> Any:  # fmt: skip
    """The older name: the solution and the matrix."""
    matrix = m.matrix_transpose(a) if transpose else a
    lower = transpose if upper else not transpose
    return m.solve_triangular(matrix, b, lower=lower, unit_diagonal=unitriangular), a


def eigh(m: Functions, x: Any, UPLO: str = "L") -> Any:
    """Eigenvalues, and the sizes of the eigenvectors' elements: signs are free."""
    values, vectors = m.eigh(x, UPLO)
    return values, m.abs(vectors)


def eigvalsh(m: Functions, x: Any, UPLO: str = "L") -> Any:
    """Eigenvalues alone."""
    return m.eigvalsh(x, UPLO)


def pdist(m: Functions, x: Any, p: float = 2.0) -> Any:
    """Distances of all pairs of rows, each once."""
    first, second = np.triu_indices(x.shape[0], 1)
    return m.vector_norm(m.take(x, first, axis=0) - m.take(x, second, axis=0), axis=-1, ord=p)


def svd(m: Functions, x: Any, full_matrices: bool = True, **_: Any) -> Any:
    """Sizes of the vectors' elements, and singular values: signs are free."""
    u, s, vh = m.svd(x, full_matrices=False)
    return m.abs(u), s, m.abs(vh)


def thin(found: Any) -> Any:
    """What is unique of PyTorch's singular vectors."""
    u, s, vh = found
    k = s.shape[-1]
    return u[..., :k].abs(), s, vh[..., :k, :].abs()


def thin_turned(found: Any) -> Any:
    """The same for the older name, which gives V instead of its transpose."""
    u, s, v = found
    k = s.shape[-1]
    return u[..., :k].abs(), s, v[..., :k].mT.abs()


def qr(m: Functions, x: Any, mode: Any = "reduced", some: bool = True) -> Any:
    """The sizes of the factors' elements: signs are free."""
    word = mode if some and isinstance(mode, str) else "complete"
    found = m.qr(x, mode=word)
    return m.abs(found) if word == "r" else tuple(m.abs(v) for v in found)


def pinv(
    m: Functions, x: Any, *, rtol: Any = None, atol: Any = None, hermitian: bool = False
) -> Any:
    """The pseudo-inverse, singular values below a part of the largest being none."""
    return m.pinv(x, rtol=m.literal(rtol))


def rank(
    m: Functions, x: Any, *, rtol: Any = None, atol: Any = None, hermitian: bool = False
) -> Any:
    """How many singular values count: those above the larger one of two bounds."""
    numbers = not any(isinstance(v, gr.Node) for v in (rtol, atol))
    if numbers and (rtol is None or atol is None):
        return m.matrix_rank(x, atol, rtol=rtol)
    found = m.svdvals(x)
    if not found.shape[-1]:
        return m.count_nonzero(found, axis=-1)
    rtol = rtol if rtol is not None else 0.0 if atol is not None else max(x.shape[-2:]) * EPS
    bound = m.maximum(rtol * m.max(found, axis=-1), 0.0 if atol is None else atol)
    return m.count_nonzero(found > m.expand_dims(bound, -1), axis=-1)


def cross(m: Functions, a: Any, b: Any, dim: int = -1) -> Any:
    """The product of vectors in space."""
    return m.cross(a, b, axis=dim)


def first_of_three(m: Functions, a: Any, b: Any, dim: Any = None) -> Any:
    """torch.cross: along the first axis of size 3 unless told."""
    given = dim if dim is not None else list(a.shape).index(3)
    return m.cross(a, b, axis=given)


def cdist(m: Functions, a: Any, b: Any, p: float = 2.0, compute_mode: str = "") -> Any:
    """Distances of all pairs."""
    return m.cdist(a, b, p)


def bilinear(m: Functions, a: Any, b: Any, w: Any, bias: Any = None) -> Any:
    """a W b of every output."""
    found = m.einsum("...i,oij,...j->...o", a, w, b)
    return found if bias is None else found + bias


def linear(m: Functions, x: Any, w: Any, bias: Any = None) -> Any:
    """x W^T + b."""
    found = m.matmul(x, m.matrix_transpose(w) if w.ndim > 1 else w)
    return found if bias is None else found + bias


def vander(m: Functions, x: Any, *, N: Any = None) -> Any:
    """Powers of the elements."""
    x = x if x.ndim else m.reshape(x, (1,))
    return m.vander(x, N, increasing=True)


def lstsq(m: Functions, a: Any, b: Any, *_: Any, **__: Any) -> Any:
    """The solution alone."""
    return m.lstsq(a, b)[0]


# fmt: off
ROWS: Rows = {
    "matmul": same("matmul"),
    "mm": same("matmul"),
    "bmm": same("matmul"),
    "mv": same("matmul"),
    "__rmatmul__": lambda m, x, y: y @ x,
    "dot": same("dot"),
    "vdot": same("dot"),
    "inner": same("inner"),
    "outer": same("outer"),
    "addmm": added(product),
    "addmm.decomposed": added(product),
    "addmv": added(product),
    "addr": added(lambda m, a, b: m.outer(a, b)),
    "addbmm": added(lambda m, a, b: m.sum(m.matmul(a, b), axis=0)),
    "baddbmm": added(product),
    "einsum": einsum,
    "tensordot": tensordot,
    "kron": same("kron"),
    "cdist": cdist,
    "cross": first_of_three,
    "linalg.cross": cross,
    "linalg.vecdot": lambda m, a, b, dim=-1: m.vecdot(a, b, axis=dim),
    "linalg.multi_dot": lambda m, xs: m.multi_dot(list(xs)),
    "linalg.matrix_power": same("matrix_power"),
    "nn.functional.linear": linear,
    "nn.functional.bilinear": bilinear,
    "cholesky": cholesky,
    "linalg.cholesky": cholesky,
    "linalg.cholesky_ex": cholesky_ex,
    "cholesky_solve": lambda m, b, factor, upper=False: m.cholesky_solve(b, factor, upper=upper),
    "cholesky_inverse": lambda m, factor, upper=False: m.cholesky_inverse(factor, upper=upper),
    "linalg.det": same("det"),
    "linalg.slogdet": same("slogdet"),
    "logdet": same("logdet"),
    "linalg.inv": same("inv"),
    "linalg.inv_ex": lambda m, x, check_errors=False: (m.inv(x), no_info(m, x)),
    "linalg.solve": solve,
    "linalg.solve_ex": lambda m, a, b, **k: (solve(m, a, b, **k), no_info(m, a)),
    "linalg.solve_triangular": solve_triangular,
    "triangular_solve": triangular_solve,
    "linalg.eigh": Row(eigh, lambda found: (found[0], found[1].abs())),
    "linalg.eigvalsh": eigvalsh,
    "linalg.svd": Row(svd, thin),
    "svd": Row(svd, thin_turned),
    "linalg.svdvals": same("svdvals"),
    "qr": Row(qr, lambda found: [v.abs() for v in found]),
    "linalg.qr": Row(qr, lambda found: [v.abs() for v in found]),
    "linalg.lstsq": Row(lstsq, lambda found: found[0]),
    "linalg.lstsq.grad_oriented": Row(lstsq, lambda found: found[0]),
    "linalg.pinv": pinv,
    "linalg.pinv.singular": lambda m, a, b: m.pinv(a @ m.matrix_transpose(b)),
    "pinverse": lambda m, x, rcond=1e-15: m.pinv(x, rtol=rcond),
    "linalg.cond": same("condition_number"),
    "nn.functional.pdist": pdist,
    "linalg.matrix_rank": rank,
    "linalg.matrix_rank.hermitian": rank,
    "matrix_exp": same("expm"),
    "linalg.vander": vander,
    "linalg.tensorinv": same("tensorinv"),
    "linalg.tensorsolve": lambda m, a, b, dims=None: m.tensorsolve(a, b, dims),
}
# fmt: on
