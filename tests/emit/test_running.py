"""What the prelude does to rows, compiled and plain: sorting, searches, running sums."""

from functools import cache

import numpy as np
import pytest

from graphc.emit import prelude
from graphc.emit.prelude import PLAIN

pytestmark = pytest.mark.skipif(prelude.JIT_OFF, reason="there is nothing compiled to compare with")

SIZES = (0, 1, 2, 15, 16, 17, 33, 100)


@cache
def both(call):
    """A function of this one call, compiled and plain; arguments in lower case are arrays."""
    names = call[call.index("(") + 1 : -1].split(", ")
    inner = ", ".join(n if n.isupper() else f"ptr({n})" for n in names)
    text = f"@njit(**FLAGS)\ndef f({', '.join(names)}):\n    {call[: call.index('(')]}({inner})\n"
    globals_of = {**vars(prelude)}, {**PLAIN}
    for namespace in globals_of:
        exec(compile(text, "emitted", "exec"), namespace)
    return tuple(namespace["f"] for namespace in globals_of)


def rows(dtype):
    """Rows with equal elements, those of floats with what is not finite too."""
    rng = np.random.default_rng(0)
    for n in SIZES:
        x = rng.integers(0, 9, n).astype(dtype)
        if x.dtype.kind == "f" and n > 3:
            x[rng.integers(0, n, 3)] = np.nan, np.inf, -np.inf
        yield n, x


def finite(dtype):
    rng = np.random.default_rng(1)
    return ((n, rng.uniform(-1, 1, n).astype(dtype)) for n in SIZES)


@pytest.mark.parametrize("dtype", ["f4", "u1"])
@pytest.mark.parametrize("descending", [0, 1])
def test_argsort_keeps_the_order_of_equal_elements(dtype, descending):
    for n, x in rows(dtype):
        found = np.full((2, n), -1)
        for function, order in zip(both("argsort(N, D, x, order, scratch)"), found, strict=True):
            function(n, descending, x, order, np.empty(8 * n, np.uint8))
        assert np.array_equal(*found), n


@pytest.mark.parametrize("right", [0, 1])
def test_search_finds_what_numpy_finds(right):
    for n, x in rows("f8"):
        for m, values in rows("f8"):
            found = np.full((2, m), -1)
            for function, at in zip(both("search(N, M, R, x, values, at)"), found, strict=True):
                function(n, m, right, np.sort(x), values, at)
            assert np.array_equal(*found), (n, m)


@pytest.mark.parametrize("least", [0, 1])
def test_running_best_stays_at_the_first_and_at_nan(least):
    for n, x in rows("f4"):
        found = np.full((2, n), -1)
        for function, best in zip(both("running_best(N, L, x, best)"), found, strict=True):
            function(n, least, x, best)
        assert np.array_equal(*found), n


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("reverse", [0, 1])
def test_running_sums_and_recurrences_go_both_ways(dtype, reverse):
    for n, x in finite(dtype):
        sums, gathered = np.empty((2, n), dtype), np.empty((2, n), dtype)
        for function, y in zip(both("running_sum(N, R, x, y)"), sums, strict=True):
            function(n, reverse, x, y)
        for function, y in zip(both("recurrence(N, R, a, x, y)"), gathered, strict=True):
            function(n, reverse, np.cos(x), x, y)
        np.testing.assert_allclose(*sums, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(*gathered, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["running_product", "running_logsumexp"])
def test_running_products_and_logarithms_are_numpys(name):
    for n, x in finite("f8"):
        x[: n // 8] = -np.inf if name == "running_logsumexp" else -2
        found = np.empty((2, n))
        for function, y in zip(both(f"{name}(N, x, y)"), found, strict=True):
            function(n, x, y)
        np.testing.assert_allclose(*found, rtol=1e-12)
