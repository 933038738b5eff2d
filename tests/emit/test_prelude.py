"""The prelude: what is compiled, its plain twin and NumPy agree, on what is not finite as well."""

import ast
import os
import subprocess
import sys
from functools import cache
from itertools import product
from pathlib import Path
from types import FunctionType

import numba
import numpy as np
import pytest

from graphc.emit import prelude
from graphc.emit.prelude import BLAS, FLAGS, PLAIN

FLOATS = (np.float32, np.float64)
REAL = "exp expm1 log log1p sin cos tan tanh sqrt floor trunc absolute sign".split()
EDGES = [0.0, -0.0, 1, -1, 0.5, -0.5, 1e-8, -1e-8, 3.7, -3.7, 7, -20, 88.5, 89, -87.5, -104, 710]
EDGES += [-746, 1e10, -1e10, 1e-40, -1e-40, 1e30, -1e38, np.inf, -np.inf, np.nan]
OPERATORS = "maximum minimum power floor_divide remainder".split()

pytestmark = pytest.mark.skipif(prelude.JIT_OFF, reason="there is nothing compiled to compare with")


@cache
def both(text):
    """One function over the prelude's names, compiled and plain; text is its source."""
    namespace = {}
    exec(text, vars(prelude).copy(), namespace)
    (function,) = namespace.values()
    return numba.njit(**FLAGS)(function), FunctionType(function.__code__, dict(PLAIN))


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
    names = [name for name in PLAIN if name.startswith("at_")]
    lines = [f"  v{k} = {name}(p, {64 * k})" for k, name in enumerate(names)]
    lines += [f"  v{k}[1] = v{k}[0]" for k in range(len(names))]
    lines += [f"  shift(v{k}, 2)[1] = v{k}[0]" for k in range(len(names))]
    arenas = []
    for function in both("\n".join(["def f(arena):", "  p = ptr(arena)", *lines])):
        arenas.append(np.zeros(64 * len(names), np.uint8))
        for k, name in enumerate(names):
            arenas[-1][64 * k :].view(name[3:].replace("u", "uint").replace("i", "int")
                                      .replace("uintnt", "uint") if name[3] in "ui"
                                      else {"f32": "f4", "f64": "f8", "bool": "?"}[name[3:]])[0] = 1
        function(arenas[-1])
    assert np.array_equal(*arenas)
    assert len(names) == 11
