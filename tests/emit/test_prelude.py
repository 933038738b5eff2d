"""The prelude: what is compiled, its plain twin and NumPy agree, on what is not finite as well."""

import ast
import os
import subprocess
import sys
from functools import cache
from itertools import product

import numpy as np
import pytest

from graphc.emit import prelude, text
from graphc.emit.prelude import BLAS, PLAIN

FLOATS = (np.float32, np.float64)
REAL = ["exp", "expm1", "log", "log1p", "sin", "cos", "tan", "tanh"]
REAL += ["sqrt", "floor", "trunc", "absolute", "sign"]
EDGES = [0.0, -0.0, 1, -1, 0.5, -0.5, 1e-8, -1e-8, 3.7, -3.7, 7, -20, 88.5, 89, -87.5, -104, 710]
EDGES += [-746, 1e10, -1e10, 1e-40, -1e-40, 1e30, -1e38, np.inf, -np.inf, np.nan]
OPERATORS = ["maximum", "minimum", "power", "floor_divide", "remainder"]

pytestmark = pytest.mark.skipif(prelude.JIT_OFF, reason="there is nothing compiled to compare with")


@cache
def both(text):
    """The function f of a source over the prelude's names, compiled and plain."""
    globals_of = {**vars(prelude)}, {**PLAIN}
    code = compile(text.replace("def ", "@njit(**FLAGS)\ndef "), "emitted", "exec")
    for namespace in globals_of:
        exec(code, namespace)
    return tuple(namespace["f"] for namespace in globals_of)


def mapped(calls, operands):
    """The text of a function that fills out[k, i] with the k-th call at element i."""
    lines = [f"    o[{k} * n + i] = {call}" for k, call in enumerate(calls)]
    takes = [f"  {x} = ptr({x}s)" for x in operands]
    head = f"def f({', '.join(f'{x}s' for x in operands)}, out):"
    loop = ["  n, o = i64(xs.shape[0]), ptr(out)", "  for i in range(n):"]
    return "\n".join([head, *takes, *loop, *lines])


def run_both(calls, *operands, dtype=None):
    """The two results, a row a call."""
    text, results = mapped(calls, "xyz"[: len(operands)]), []
    for function in both(text):
        out = np.empty((len(calls), operands[0].size), dtype or operands[0].dtype)
        with np.errstate(all="ignore"):
            function(*operands, out)
        results.append(out)
    return results


def assert_close(got, wanted, name):
    """Equal to a few units in the last place, NaN and the sign of zero included."""
    kind = np.finfo(wanted.dtype)
    least = 4 * float(kind.smallest_subnormal)
    np.testing.assert_allclose(got, wanted, rtol=8 * kind.eps, atol=least, err_msg=name)
    zero = (wanted == 0) & (got == 0)
    assert np.array_equal(np.signbit(got[zero]), np.signbit(wanted[zero])), name


def edges(dtype):
    with np.errstate(over="ignore"):
        return np.array(EDGES, dtype)


def pairs(values):
    x, y = np.meshgrid(values, values)
    return x.ravel(), y.ravel()


@pytest.mark.parametrize("dtype", FLOATS)
def test_functions_of_one_number_are_numpys(dtype):
    x = edges(dtype)
    compiled, plain = run_both([f"{name}(x[i])" for name in REAL], x)
    with np.errstate(all="ignore"):
        for name, a, b in zip(REAL, compiled, plain, strict=True):
            assert_close(a, getattr(np, name)(x), name)
            assert_close(b, getattr(np, name)(x), name)


@pytest.mark.parametrize("dtype", FLOATS)
def test_sigmoid_softplus_and_reciprocal_keep_their_precision_on_both_sides(dtype):
    x = edges(dtype)
    wide = x.astype(np.longdouble)
    with np.errstate(all="ignore"):
        softplus = np.logaddexp(wide, 0)
        wanted = {"sigmoid": 1 / (1 + np.exp(-wide)), "softplus": softplus, "reciprocal": 1 / wide}
        compiled, plain = run_both([f"{name}(x[i])" for name in wanted], x)
        for name, a, b in zip(wanted, compiled, plain, strict=True):
            assert_close(a, wanted[name].astype(dtype), name)
            assert_close(b, wanted[name].astype(dtype), name)


@pytest.mark.parametrize("dtype", FLOATS)
def test_functions_of_two_numbers_are_numpys(dtype):
    x, y = pairs(edges(dtype))
    normal = ~((y != 0) & (np.abs(y) < np.finfo(dtype).tiny))  # others have no reciprocal
    x, y = x[normal], y[normal]
    compiled, plain = run_both([f"{name}(x[i], y[i])" for name in OPERATORS], x, y)
    with np.errstate(all="ignore"):
        for name, a, b in zip(OPERATORS, compiled, plain, strict=True):
            assert_close(a, b, name)
            np.testing.assert_allclose(b, getattr(np, name)(x, y), rtol=1e-15, err_msg=name)


def test_the_positive_zero_is_the_greater_one():
    x, y = pairs(np.array([0.0, -0.0]))
    compiled, plain = run_both(["maximum(x[i], y[i])", "minimum(x[i], y[i])"], x, y)
    for result in compiled, plain:
        assert np.array_equal(np.signbit(result), [[0, 0, 0, 1], [0, 1, 1, 1]])


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
def test_integers_wrap_around_and_divide_as_numpys_do(dtype):
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    small = [0, 1, 2, 3, 7, 13] + ([-1, -2, -7] if least else [])
    x, y = pairs(np.array([*small, least, most, most - 1], dtype))
    calls = [f"{name}(x[i], y[i])" for name in OPERATORS] + ["absolute(x[i])", "sign(x[i])"]
    compiled, plain = run_both(calls, x, y)
    assert np.array_equal(compiled, plain)
    with np.errstate(all="ignore"):
        wanted = [np.maximum(x, y), np.minimum(x, y), np.power(x, np.maximum(y, 0))]
        wanted += [np.floor_divide(x, y), np.remainder(x, y), np.absolute(x), np.sign(x)]
    assert np.array_equal(compiled, wanted)


def test_tests_and_choices_give_bools_and_never_branch_on_nan():
    x = edges(np.float64)
    calls = ["is_finite(x[i])", "select(x[i] > 0, is_finite(x[i]), x[i] != x[i])", "not x[i] < 1"]
    compiled, plain = run_both(calls, x, dtype=np.bool_)
    assert np.array_equal(compiled, plain)
    assert np.array_equal(compiled[0], np.isfinite(x))
    assert np.array_equal(compiled[2], ~(x < 1))


def test_python_numbers_are_float64_and_never_raise():
    text = "def f():\n  return exp(1000.0), log(0.0), sigmoid(-0.5), sqrt(2), reciprocal(0.0)"
    compiled, plain = both(text)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(compiled(), plain(), rtol=1e-15)
    assert compiled()[0] == np.inf


def test_twins_answer_in_the_precision_they_are_asked_in():
    x = np.float32(0.3)
    one = [*REAL, "sigmoid", "softplus", "reciprocal"]
    assert {type(PLAIN[name](x)) for name in one} == {np.float32}
    assert {type(PLAIN[name](x, x)) for name in OPERATORS} == {np.float32}


def test_every_view_of_an_arena_reads_and_writes_its_own_bytes():
    dtypes = {"at_bool": np.bool_} | {f"at_{x}": PLAIN[x] for x in PLAIN if x[1:].isdigit()}
    lines = [f"  v{k} = {name}(p, {64 * k})" for k, name in enumerate(dtypes)]
    lines += [f"  v{k}[1] = v{k}[0]\n  shift(v{k}, 2)[1] = v{k}[0]" for k in range(len(dtypes))]
    for function in both("\n".join(["def f(arena):", "  p = ptr(arena)", *lines])):
        arena = np.zeros(64 * len(dtypes), np.uint8)
        views = [arena[64 * k : 64 * k + 64].view(d) for k, d in enumerate(dtypes.values())]
        for view in views:
            view[0] = 1
        function(arena)
        assert [view[:5].tolist() for view in views] == [[1, 1, 0, 1, 0]] * 11


def test_bools_are_stored_as_bytes_and_compared_as_bools():
    text = """def f(xs, flags):
        x, p = ptr(xs), ptr(flags)
        for i in range(flags.size):
            p[i] = x[i] > 0
            p[i] = (p[i] ^ True) | (x[i] > 2)
        fill(shift(p, 2), 1, True)
        return not p[0], p[1] & p[2], f32(p[0]), p[0] == p[1]"""
    for function in both(text):
        flags = np.zeros((2, 2), np.bool_)
        assert function(np.array([[1.0, -1.0], [1.0, 3.0]]), flags) == (True, True, 0, False)
        assert flags.view(np.uint8).tolist() == [[0, 1], [1, 1]]


def test_only_arrays_in_order_have_a_pointer():
    with pytest.raises(TypeError, match="C-contiguous"):
        both("def f(x):\n  return ptr(x)[0]")[0](np.ones((3, 2)).T)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_outside_finds_the_first_integer_out_of_range(dtype):
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    functions = both("def f(x, n, low, high):\n  return outside(ptr(x), n, low, high)")
    inside = np.arange(40, dtype=dtype)
    for function in functions:
        assert function(inside, 40, 0, 40) == -1
        assert function(inside, 40, 0, 37) == 37
        assert function(inside, 37, 0, 37) == -1
        assert function(inside, 40, 1, 37) == 0
        assert function(inside, 0, 50, 60) == -1
        assert function(np.array([1, most], dtype), 2, -3, 5) == 1
        assert function(np.array([1, least], dtype), 2, -3, 5) == (1 if least else -1)


def test_copy_fill_and_gather_rows_touch_what_they_are_told_to():
    text = """def f(dst, src, order, first, count, row):
        copy(shift(ptr(dst), row), ptr(src), count * row)
        fill(ptr(dst), count, 0.5)
        gather_rows(shift(ptr(dst), 30), ptr(src), ptr(order), first, count, row)"""
    order, src = np.array([3, 0, 2, 1, 4]), np.arange(15, dtype=np.float32)
    for function in both(text):
        dst = np.full(45, -1, np.float32)
        function(dst, src, order, 1, 3, 3)
        assert dst[:15].tolist() == [0.5, 0.5, 0.5, *range(9), -1, -1, -1]
        assert dst[30:].tolist() == [*range(3), *range(6, 9), *range(3, 6), *[-1] * 6]
        function(dst, src, order, 0, 0, 0)
        assert dst[0] == 0.5


# Products

PRODUCT = """def f(ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc):
    gemm(ta, tb, m, n, k, alpha, ptr(A), lda, ptr(B), ldb, beta, ptr(C), ldc)"""
SHAPES = [(0, 3, 2), (3, 0, 2), (3, 2, 0), (1, 3, 0), (3, 1, 0), (1, 1, 1), (1, 5, 4), (5, 1, 4)]
SHAPES += [(1, 1, 7), (4, 3, 5), (2, 2, 1), (17, 9, 33), (1, 40, 70), (40, 1, 70)]


def padded(rng, rows, columns, pad, dtype):
    """A matrix in memory whose rows are `pad` apart, and the stride."""
    return rng.standard_normal((rows, columns + pad)).astype(dtype), columns + pad


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("beta", [0, 1, -0.5])
def test_products_of_any_shape_transposed_or_padded(dtype, beta):
    rng, tolerance = np.random.default_rng(0), 200 * np.finfo(dtype).eps
    alpha, beta = dtype(1.5), dtype(beta)
    for (m, n, k), ta, tb, pad in product(SHAPES, (0, 1), (0, 1), (0, 3)):
        a, lda = padded(rng, *((k, m) if ta else (m, k)), pad, dtype)
        b, ldb = padded(rng, *((n, k) if tb else (k, n)), pad, dtype)
        c, ldc = padded(rng, m, n, pad, dtype)
        op_a, op_b = a[:, : lda - pad], b[:, : ldb - pad]
        wanted = c if beta else np.full_like(c, np.nan)
        given = wanted.copy()
        product_of = alpha * ((op_a.T if ta else op_a) @ (op_b.T if tb else op_b))
        wanted[:, :n] = product_of + beta * c[:, :n] if beta else product_of
        for function in both(PRODUCT):
            got = given.copy()
            function(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, got, ldc)
            np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


def run_python(*arguments, **environment):
    done = subprocess.run(
        [sys.executable, *arguments], env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(BLAS == "loops", reason="this is the run without BLAS")
def test_products_without_blas_are_loops():
    said = run_python("-m", "pytest", "-q", __file__, "-k", "any_shape", GRAPHC_BLAS="none")
    assert "6 passed" in said


# What emitted modules are made of


STATEMENTS = """
def halved(x):
    return x / f32(2), -x

def f(xs, labels, n):
    x, t = ptr(xs), ptr(labels)
    bad = outside(t, n, 0, 9)
    if bad >= 0:
        return bad, f32(0), f32(0)
    total, steps = f32(0), 0
    for i in range(n):
        for j in range(3):
            row = shift(x, i * 3)
            row[j] += select(row[j] > f32(1), row[j], f32(1))
            total += row[j]
    for i in range(n - 1, -1, -1):
        if not i64(t[i]) % 2:
            continue
        total -= f32(t[i]) if i > 0 or n == 1 else f32(0)
    while total > f32(1):
        total, d_total = halved(total)
        steps = steps + 1
    d_a = d_b = d_total
    d_a += total
    return steps, d_a, d_b
"""


def test_the_lean_pipeline_compiles_what_kernels_say():
    x = np.arange(6, dtype=np.float32)
    results = []
    for function in both(STATEMENTS):
        assert function(x.copy(), np.array([2, 9], np.uint8), 2) == (1, 0, 0)
        results.append(function(x.copy(), np.array([2, 7], np.uint8), 2))
    assert results[0] == results[1]
    assert results[0] == (5, -0.75, -1.5)


def test_compiled_code_knows_no_address():
    compiled, _ = both(PRODUCT)
    compiled(0, 0, 1, 1, 1, 1.0, np.ones(1), 1, np.ones(1), 1, 0.0, np.ones(1), 1)
    results = compiled.overloads.values()
    assert not any(result.library.has_dynamic_globals for result in results)


JIT_OFF = """
from graphc.emit import prelude as p
print(p.BLAS, [n for n in p.PLAIN if getattr(p, n) is not p.PLAIN[n]])
"""


def test_with_the_jit_off_the_names_are_the_twins():
    assert run_python("-c", JIT_OFF, NUMBA_DISABLE_JIT="1") == "NumPy ['njit', 'FLAGS', 'KERNEL']\n"


def test_every_name_on_offer_has_a_twin():
    assert set(prelude.__all__) == {"PLAIN", *PLAIN}
    twin = PLAIN["njit"](**PLAIN["FLAGS"])(abs), PLAIN["njit"](abs)
    assert twin == (abs, abs)


def test_the_prelude_stands_alone():
    tree = ast.parse(text.prelude())
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    imports = [node for node in nodes if not getattr(node, "level", 0)]
    names = {getattr(node, "module", None) or node.names[0].name for node in imports}
    allowed = {*sys.stdlib_module_names, "llvmlite", "numpy", "numba"}
    assert {name.split(".")[0] for name in names} <= allowed
