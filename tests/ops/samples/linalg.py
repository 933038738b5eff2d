"""Samples of linear algebra: equations, determinants, decompositions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from specs import Sample, batch, given, integer, one, positive, real

DEPENDENT = [[1.0, 2.0, 0.5], [2.0, 4.0, 1.0], [0.5, -1.0, 3.0]]
"""Rows that are dependent."""


def symmetric(x: Any) -> Any:
    """A symmetric matrix, along which every direction leads to others."""
    return x + x.mT


def definite(x: Any) -> Any:
    """A positive definite matrix, of x with more rows than columns."""
    return x.mT @ x


def every(found: Any) -> Any:
    """One number of all of a pair, which depends on each element."""
    return sum((part * part * part).sum() for part in found)


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    # equations
    "solve_triangular": [
        one(lambda m, a, b: m.solve_triangular(a, b), positive(3, 3), real(3, 2)),
        one(lambda m, a, b: m.solve_triangular(a, b, lower=False, transposed=True), positive(2, 3, 3), real(3, 1)),
        one(lambda m, a, b: m.solve_triangular(a, b, unit_diagonal=True), real(3, 3), real(3)),
        one(lambda m, a, b: m.solve_triangular(a, b, lower=False, unit_diagonal=True), real(2, 2), batch(3, 2, 1)),
        one(lambda m, a, b: m.solve_triangular(a, b, transposed=True), positive(0, 0), real(0, 2)),
    ],
    "lu":            [one(lambda m, a: m.lu(a)[0], real(3, 3)), one(lambda m, a: m.lu(a)[1], batch(2, 4, 4))],
    "lu_solve":      [one(lambda m, a, b, t=t: m.lu_solve(*m.lu(a), b, transposed=t), real(2, 3, 3), real(3, 2)) for t in (False, True)],
    "solve":         [
        one(lambda m, a, b: m.solve(a, b), real(3, 3), real(3, 2)),
        one(lambda m, a, b: m.solve(a, b), real(2, 2), batch(3, 2, 1)),
        one(lambda m, a, b: m.solve(a, b), batch(2, 4, 4), real(1, 4, 3)),
        one(lambda m, a, b: m.solve(a, b), real(0, 0), real(0, 2)),
        one(lambda m, a, b: m.solve(a, b), integer(2, 2, low=-4, below=7), real(2)),
    ],
    "inv":           [one(lambda m, a: m.inv(a), s) for s in (real(3, 3), batch(2, 2, 2), real(0, 2, 2))],
    "pinv":          [one(lambda m, a: m.pinv(a), s) for s in (real(3, 2), real(2, 2, 3), real(3, 0))]
                     + [one(lambda m, a, b: m.pinv(a @ b), real(4, 2), real(2, 3))],
    "lstsq":         [
        one(lambda m, a, b: m.lstsq(a, b)[0], real(4, 2), real(4, 3)),
        one(lambda m, a, b: m.lstsq(a, b)[0], real(2, 2, 4), real(2, 3)),
        one(lambda m, a, b: m.lstsq(a, b)[0], batch(2, 3, 3), real(3)),
        one(lambda m, a, b: m.lstsq(a, b)[1], real(4, 2), real(4)),
    ],
    "matrix_rank":   [one(lambda m, a: m.matrix_rank(a), s) for s in (real(2, 3), given(DEPENDENT), real(3), real())],
    "cholesky_solve": [one(lambda m, a, b: m.cholesky_solve(b, a), positive(3, 3), real(3, 2)),
                       one(lambda m, a, b: m.cholesky_solve(b, a, upper=True), positive(3, 3), real(3))],
    "cholesky_inverse": [one(lambda m, a: m.cholesky_inverse(a), positive(2, 3, 3))],
    "tensorinv":     [one(lambda m, a: m.tensorinv(a), real(2, 3, 6)), one(lambda m, a: m.tensorinv(a, ind=1), real(4, 2, 2))],
    "tensorsolve":   [one(lambda m, a, b: m.tensorsolve(a, b), real(2, 3, 6), real(2, 3)),
                      one(lambda m, a, b: m.tensorsolve(a, b, axes=(1,)), real(2, 6, 3), real(2, 3))],
    "matrix_power":  [one(lambda m, a, n=n: m.matrix_power(a, n), real(2, 2, 2)) for n in (0, 1, 5, -2)],
    "condition_number": [one(lambda m, a, p=p: m.condition_number(a, p), real(2, 3, 3)) for p in (None, -2, "nuc")],
    # determinants
    "det":           [one(lambda m, a: m.det(a), s) for s in (batch(2, 3, 3), real(1, 1), real(0, 0), given(DEPENDENT))],
    "cofactors":     [one(lambda m, a: m.cofactors(a), s) for s in (real(3, 3), given(DEPENDENT), real(1, 1))],
    "slogdet":       [one(lambda m, a: m.slogdet(a)[1], s) for s in (batch(2, 2, 2), real(0, 0))]
                     + [one(lambda m, a: m.slogdet(a)[0] * m.slogdet(a)[1], real(3, 4, 4))],
    "logdet":        [one(lambda m, a: m.logdet(definite(a)), real(4, 2))],
    # decompositions; the signs of vectors are free, so squares are taken
    "cholesky":      [
        one(lambda m, a: m.cholesky(definite(a)), real(5, 3)),
        one(lambda m, a: m.cholesky(definite(a), upper=True), batch(2, 5, 2)),
        one(lambda m, a: m.cholesky(definite(a)), real(3, 0)),
    ],
    "eigh":          [
        one(lambda m, a: m.eigh(symmetric(a))[0], real(2, 3, 3)),
        one(lambda m, a: m.square(m.eigh(symmetric(a))[1]), real(3, 3)),
        one(lambda m, a: every(m.eigh(symmetric(a), UPLO="U")[:1]), batch(2, 2, 2)),
    ],
    "eigvalsh":      [one(lambda m, a: m.eigvalsh(symmetric(a)), s) for s in (real(3, 3), batch(2, 2, 2), real(0, 0))],
    "qr":            [
        one(lambda m, a: m.qr(a)[0], real(4, 3)), one(lambda m, a: m.qr(a)[1], batch(2, 3, 3)),
        one(lambda m, a: every(m.qr(a)), real(2, 3)),
        one(lambda m, a: m.qr(a, mode="r"), real(3, 2)), one(lambda m, a: m.qr(a)[0], real(3, 0)),
    ],
    "svd":           [
        one(lambda m, a: m.square(m.svd(a, full_matrices=False)[0]), real(4, 2)),
        one(lambda m, a: m.square(m.svd(a, full_matrices=False)[2]), real(2, 3)),
        one(lambda m, a: m.svd(a)[1], batch(2, 3, 3)),
        one(lambda m, a: rebuilt(*m.svd(a, full_matrices=False)), real(2, 3, 2)),
        one(lambda m, a: m.svd(a, full_matrices=False)[0], real(3, 0)),
    ],
    "svd_full":      [one(lambda m, a: m.square(m.svd(a)[2][:2]), real(2, 4)), one(lambda m, a: m.svd(a)[1], real(3, 1))],
    "svdvals":       [one(lambda m, a: m.svdvals(a), s) for s in (real(4, 3), batch(2, 2, 3), real(0, 2))],
    "expm":          [one(lambda m, a: m.expm(a), s) for s in (batch(2, 3, 3), real(0, 0))]
                     + [one(lambda m, a: m.expm(8 * a), real(2, 2))],
}
# fmt: on


def rebuilt(u: Any, s: Any, v: Any) -> Any:
    """The matrix itself, which does not depend on any choice."""
    return (u * s[..., None, :]) @ v


# What the names mean in NumPy


def _each(function: Any, *args: Any) -> Any:
    """A function of matrices for stacks of them."""
    lead = np.broadcast_shapes(*(a.shape[:-2] for a in args))
    stacks = [np.broadcast_to(a, (*lead, *a.shape[-2:])) for a in args]
    found = [function(*(s[at] for s in stacks)) for at in np.ndindex(lead)]
    return np.reshape(found, (*lead, *np.shape(found)[1:]))


def _columns(function: Any, a: Any, b: Any) -> Any:
    """A function of columns for a vector too."""
    return _each(function, a, b[:, None])[..., 0] if b.ndim == 1 else _each(function, a, b)


def _solve_triangular(
    a: Any, b: Any, lower: bool = True, transposed: bool = False, unit_diagonal: bool = False
) -> Any:
    t = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        t = t * (1 - np.eye(a.shape[-1])) + np.eye(a.shape[-1])
    return _columns(np.linalg.solve, t.mT if transposed else t, b)


def _lu(a: Any) -> Any:
    """LU of the transpose, row by row, as in every textbook."""
    if a.ndim > 2:
        return tuple(map(np.stack, zip(*map(_lu, a), strict=True)))
    x, pivots = np.array(a.T), []
    for k in range(len(x)):
        pivots.append(k + int(np.abs(x[k:, k]).argmax()))
        x[[k, pivots[k]]] = x[[pivots[k], k]]
        x[k + 1 :, k] /= x[k, k]
        x[k + 1 :, k + 1 :] -= x[k + 1 :, k : k + 1] @ x[k : k + 1, k + 1 :]
    return x.T, np.array(pivots)


def _lu_solve(y: Any, pivots: Any, b: Any, transposed: bool) -> Any:
    def matrix(y: Any, pivots: Any) -> Any:
        found = np.tril(y) @ (np.triu(y, 1) + np.eye(len(y)))
        for k in reversed(range(len(y))):
            found[:, [k, pivots[k]]] = found[:, [pivots[k], k]]
        return found

    a = np.stack([matrix(*each) for each in zip(y, pivots, strict=True)])
    return np.linalg.solve(a.mT if transposed else a, b)


def _lstsq(a: Any, b: Any) -> Any:
    x = _columns(lambda a, b: np.linalg.lstsq(a, b)[0], a, b)
    return x, (np.linalg.lstsq(a, b)[1] if a.ndim == 2 else None)


def _cofactors(a: Any) -> Any:
    found = np.empty_like(a)
    for i, j in np.ndindex(a.shape):
        minor = np.delete(np.delete(a, i, 0), j, 1)
        found[i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    return found


def _expm(a: Any) -> Any:
    """By eigenvalues, which may be complex."""
    w, v = np.linalg.eig(a)
    return ((v * np.exp(w)[..., None, :]) @ np.linalg.inv(v)).real


def _of_factor(factor: Any, upper: bool = False) -> Any:
    """The matrix that a triangle is a Cholesky factor of."""
    return np.triu(factor).mT @ np.triu(factor) if upper else np.tril(factor) @ np.tril(factor).mT


NUMPY = {
    name: getattr(np.linalg, name)
    for name in [
        "inv",
        "pinv",
        "det",
        "slogdet",
        "cholesky",
        "eigh",
        "eigvalsh",
        "qr",
        "svd",
        "svdvals",
        "matrix_rank",
        "matrix_power",
        "tensorinv",
        "tensorsolve",
    ]
}
NUMPY |= {
    "condition_number": np.linalg.cond,
    "solve": lambda a, b: np.linalg.solve(a, b),
    "pinv": lambda a: np.linalg.pinv(a, rtol=None),
    "solve_triangular": _solve_triangular,
    "lu": _lu,
    "lu_solve": _lu_solve,
    "lstsq": _lstsq,
    "cofactors": _cofactors,
    "logdet": lambda a: np.log(np.linalg.det(a)),
    "expm": _expm,
    "cholesky_solve": lambda b, factor, upper=False: np.linalg.solve(_of_factor(factor, upper), b),
    "cholesky_inverse": lambda factor, upper=False: np.linalg.inv(_of_factor(factor, upper)),
}


# And in PyTorch


def _torch() -> SimpleNamespace:
    import torch

    return torch


def _torch_linalg(name: str) -> Any:
    return lambda *args, **told: getattr(_torch().linalg, name)(*args, **told)


def _torch_triangular(
    a: Any, b: Any, lower: bool = True, transposed: bool = False, unit_diagonal: bool = False
) -> Any:
    upper, columns = lower == transposed, b[:, None] if b.ndim == 1 else b
    found = _torch().linalg.solve_triangular(
        a.mT if transposed else a, columns, upper=upper, unitriangular=unit_diagonal
    )
    return found[..., 0] if b.ndim == 1 else found


def _torch_det(a: Any) -> Any:
    if abs(float(_torch().linalg.det(a).detach().min())) < 1e-12 and a.numel():
        raise ValueError("PyTorch gives a singular matrix no gradient")
    return _torch().linalg.det(a)


def _torch_qr(a: Any, mode: str = "reduced") -> Any:
    if mode == "r":
        raise ValueError("PyTorch has no gradient of r alone")
    return _torch().linalg.qr(a, mode)


def _torch_factor(factor: Any, upper: bool) -> Any:
    return factor.triu() if upper else factor.tril()


TORCH = {name: _torch_linalg(name) for name in NUMPY if name not in ("lu", "lu_solve", "cofactors")}
TORCH |= {
    "solve_triangular": _torch_triangular,
    "expm": _torch_linalg("matrix_exp"),
    "condition_number": _torch_linalg("cond"),
    "tensorsolve": lambda a, b, axes=None: _torch().linalg.tensorsolve(a, b, dims=axes),
    "logdet": lambda a: _torch().logdet(a),
    "det": _torch_det,
    "qr": _torch_qr,
    "lstsq": lambda a, b: (_torch().linalg.lstsq(a, b)[0],),  # what is left over has another shape
    "cholesky_solve": lambda b, factor, upper=False: _torch().cholesky_solve(
        b, _torch_factor(factor, upper), upper
    ),
    "cholesky_inverse": lambda factor, upper=False: _torch().cholesky_inverse(
        _torch_factor(factor, upper), upper
    ),
}
