"""Factorisations: LAPACK's, those by loops, their plain twins and NumPy agree."""

import os
import subprocess
import sys
from ctypes import CFUNCTYPE, c_int
from functools import cache

import llvmlite.binding as binding
import numpy as np
import pytest

from graphc.emit import prelude
from graphc.emit.prelude import BLAS, PLAIN

pytestmark = pytest.mark.skipif(prelude.JIT_OFF, reason="there is nothing compiled to compare with")

CALLS = {
    "cholesky": "n, a, y",
    "lu": "n, a, y, p",
    "lu_solve": "n, k, turned, a, p, b, x",
    "triangular_solve": "n, k, lower, turned, unit, a, b, x",
    "qr": "m, n, full, a, q, r, scratch",
    "eigh": "n, a, w, v, scratch",
    "eigvalsh": "n, a, w, scratch",
    "svd": "m, n, full, a, u, s, v, scratch",
    "svdvals": "m, n, a, s, scratch",
    "expm": "n, a, y, scratch",
}
SIZES = "mnk", ("full", "turned", "lower", "unit")


def is_number(name):
    return name in SIZES[0] or name in SIZES[1]


@cache
def both(routine):
    """A function of arrays that calls a routine, compiled and plain."""
    names = CALLS[routine].split(", ")
    pointers = ", ".join(x if is_number(x) else f"ptr({x})" for x in names)
    text = f"@njit(**FLAGS)\ndef f({CALLS[routine]}):\n    {routine}({pointers})"
    spaces = {**vars(prelude)}, {**PLAIN}
    for space in spaces:
        exec(compile(text, "emitted", "exec"), space)
    return [space["f"] for space in spaces]


def answers(routine, args, *results):
    """What a routine writes, compiled and plain: (shape, dtype) of each result, filled with 7."""
    scratch = np.zeros(8 * 10**5, np.uint8)
    for f in both(routine):
        arrays = [np.full(shape, 7, dtype) for shape, dtype in results]
        before = [np.copy(a) for a in args]
        needs = [scratch] if CALLS[routine].endswith("scratch") else []
        f(*args, *arrays, *needs)
        for a, b in zip(args, before, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=f"{routine} writes to its argument")
        yield arrays


def close(found, wanted, dtype, factor=200):
    tolerance = factor * np.finfo(dtype).eps
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def drawn(*shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def unit(dtype, n):
    return np.eye(n, dtype=dtype)


both_precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@both_precisions
@pytest.mark.parametrize("n", [0, 1, 2, 5, 40])
def test_cholesky_reads_the_lower_triangle_and_leaves_zeros_above(n, dtype):
    x = drawn(n, n, dtype=dtype)
    whole = x @ x.T + n * unit(dtype, n)
    for (y,) in answers("cholesky", (n, np.tril(whole)), ((n, n), dtype)):
        close(y @ y.T, whole, dtype)
        assert np.array_equal(y, np.tril(y))


def test_what_is_not_positive_definite_has_no_cholesky_factor():
    for matrix in ([[1.0, 2.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, -1.0]]):
        for (y,) in answers("cholesky", (2, np.array(matrix)), ((2, 2), np.float64)):
            assert np.isnan(y).all()


@both_precisions
@pytest.mark.parametrize(("n", "k"), [(0, 2), (1, 1), (3, 0), (4, 1), (5, 3), (30, 4)])
def test_lu_solves_equations_and_their_transposes(n, k, dtype):
    a, b = drawn(n, n, dtype=dtype), drawn(n, k, dtype=dtype)
    for y, p in answers("lu", (n, a), ((n, n), dtype), (n, np.int64)):
        for turned, matrix in ((0, a), (1, a.T)):
            for (x,) in answers("lu_solve", (n, k, turned, y, p, b), ((n, k), dtype)):
                close(matrix @ x, b, dtype, 4000)


def test_every_lu_is_the_same():
    a = drawn(6, 6, dtype=np.float64)
    first, second = answers("lu", (6, a), ((6, 6), np.float64), (6, np.int64))
    close(first[0], second[0], np.float64)
    assert np.array_equal(first[1], second[1])


def test_a_singular_matrix_has_an_lu_but_solves_nothing():
    a = np.array([[1.0, 2.0], [2.0, 4.0]])
    for y, p in answers("lu", (2, a), ((2, 2), np.float64), (2, np.int64)):
        assert y[0, 0] * y[1, 1] == 0
        for turned in (0, 1):
            rest = (2, 1, turned, y, p, np.ones((2, 1)))
            for (x,) in answers("lu_solve", rest, ((2, 1), np.float64)):
                assert np.isnan(x).all()


@both_precisions
@pytest.mark.parametrize(("n", "k"), [(0, 2), (1, 1), (3, 0), (4, 1), (5, 3)])
def test_triangles_of_every_kind_are_solved_and_the_other_half_is_not_read(n, k, dtype):
    a, b = drawn(n, n, dtype=dtype) + 4 * unit(dtype, n), drawn(n, k, dtype=dtype)
    for kind in np.ndindex(2, 2, 2):
        lower, turned, ones = kind
        t = np.tril(a, -ones) if lower else np.triu(a, ones)
        t = t + ones * unit(dtype, n)
        given = np.where(t if not ones else t - unit(dtype, n), a, np.nan)
        for (x,) in answers("triangular_solve", (n, k, *kind, given, b), ((n, k), dtype)):
            close((t.T if turned else t) @ x, b, dtype, 2000)


def test_a_zero_on_the_diagonal_solves_nothing_unless_ones_are_meant():
    a, b = np.array([[1.0, 5.0], [3.0, 0.0]]), np.array([[1.0], [2.0]])
    for (x,) in answers("triangular_solve", (2, 1, 1, 0, 0, a, b), ((2, 1), np.float64)):
        assert np.isnan(x).all()
    for (x,) in answers("triangular_solve", (2, 1, 1, 0, 1, a, b), ((2, 1), np.float64)):
        close(x, [[1.0], [-1.0]], np.float64)


@both_precisions
@pytest.mark.parametrize(("m", "n"), [(0, 0), (3, 0), (1, 1), (3, 3), (7, 4), (40, 35)])
@pytest.mark.parametrize("full", [0, 1])
def test_qr_is_numpys(m, n, full, dtype):
    a, k = drawn(m, n, dtype=dtype), m if full else n
    wanted = np.linalg.qr(a, "complete" if full else "reduced")
    for q, r in answers("qr", (m, n, full, a), ((m, k), dtype), ((k, n), dtype)):
        close(q[:, :n], wanted[0][:, :n], dtype, 2000)
        close(r, wanted[1], dtype, 2000)
        close(q.T @ q, np.eye(k), dtype)


@both_precisions
@pytest.mark.parametrize("n", [0, 1, 2, 5, 30])
def test_eigenvectors_belong_to_ascending_eigenvalues(n, dtype):
    x = drawn(n, n, dtype=dtype)
    whole = x + x.T
    wanted = np.linalg.eigvalsh(whole.astype(np.float64))
    for w, v in answers("eigh", (n, np.tril(whole)), (n, dtype), ((n, n), dtype)):
        close(w, wanted, dtype, 1000)
        close(v @ np.diag(w) @ v.T, whole, dtype, 1000)
        close(v.T @ v, np.eye(n), dtype)
    for (w,) in answers("eigvalsh", (n, np.tril(whole)), (n, dtype)):
        close(w, wanted, dtype, 1000)


SHAPES = [(0, 0), (0, 3), (3, 0), (1, 1), (1, 4), (4, 1), (3, 3), (5, 3), (3, 5), (20, 30)]


@both_precisions
@pytest.mark.parametrize("shape", SHAPES)
def test_singular_vectors_belong_to_descending_singular_values(shape, dtype):
    (m, n), k, a = shape, min(shape), drawn(*shape, dtype=dtype)
    wanted = np.linalg.svd(a.astype(np.float64), compute_uv=False)
    for full, p, q in ((0, k, k), (1, m, n)):
        results = ((m, p), dtype), (k, dtype), ((q, n), dtype)
        for u, s, v in answers("svd", (m, n, full, a), *results):
            close(s, wanted, dtype, 1000)
            close(u[:, :k] * s @ v[:k], a, dtype, 1000)
            close(u.T @ u, np.eye(p), dtype)
            close(v @ v.T, np.eye(q), dtype)
    for (s,) in answers("svdvals", (m, n, a), (k, dtype)):
        close(s, wanted, dtype, 1000)


def test_a_matrix_of_low_rank_still_has_all_its_singular_vectors():
    a = np.outer(np.arange(4.0), np.arange(3.0))
    for matrix in (a, a.T, 0 * a):
        m, n = matrix.shape
        results = ((m, m), np.float64), (3, np.float64), ((n, n), np.float64)
        for u, s, v in answers("svd", (m, n, 1, np.ascontiguousarray(matrix)), *results):
            close(u[:, :3] * s @ v[:3], matrix, np.float64)
            close(u.T @ u, np.eye(m), np.float64)
            close(v @ v.T, np.eye(n), np.float64)


@both_precisions
@pytest.mark.parametrize("scale", [0, 0.1, 1, 30])
def test_the_exponential_of_a_symmetric_matrix_has_its_exponential_eigenvalues(scale, dtype):
    x = drawn(5, 5, dtype=dtype)
    a = (scale * (x + x.T) / 10).astype(dtype)
    w, v = np.linalg.eigh(a.astype(np.float64))
    wanted = v * np.exp(w) @ v.T
    for (y,) in answers("expm", (5, a), ((5, 5), dtype)):
        close(y / np.exp(w[-1]), wanted / np.exp(w[-1]), dtype, 1000)


def test_the_exponential_of_a_rotation_and_of_nothing():
    a = np.array([[0.0, -2.0], [2.0, 0.0]])
    for (y,) in answers("expm", (2, a), ((2, 2), np.float64)):
        close(y, [[np.cos(2), -np.sin(2)], [np.sin(2), np.cos(2)]], np.float64)
    for (y,) in answers("expm", (0, np.ones((0, 0))), ((0, 0), np.float64)):
        assert y.shape == (0, 0)


@pytest.mark.skipif(BLAS == "loops", reason="this is the run without LAPACK")
def test_blas_has_as_many_threads_after_a_call_as_before():
    address = binding.address_of_symbol
    count = CFUNCTYPE(c_int)(address("scipy_openblas_get_num_threads64_"))
    limit = CFUNCTYPE(None, c_int)(address("scipy_openblas_set_num_threads64_"))
    before = count()
    for threads in (1, 2):
        limit(threads)
        known = count()
        for (s,) in answers("svdvals", (2, 2, np.eye(2)), (2, np.float64)):
            assert s.tolist() == [1, 1]
        assert count() == known
    limit(before)


@pytest.mark.skipif(BLAS == "loops", reason="this is the run without LAPACK")
def test_all_of_it_goes_without_lapack():
    command = [sys.executable, "-m", "pytest", "-q", __file__, "-k", "not float32"]
    environment = os.environ | {"GRAPHC_BLAS": "none"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 skipped" in done.stdout
