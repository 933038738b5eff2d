"""The prelude's own mathematics: special values, errors, numbers and lanes alike."""

from functools import cache
from itertools import product

import numpy as np
import pytest

from graphc.emit import prelude
from graphc.emit.prelude import PLAIN
from graphc.emit.prelude.functions import FUNCTIONS

FLOATS = (np.float32, np.float64)
LANES = 8
NAMES = [*FUNCTIONS, "power"]
EDGES = [0.0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 1.5, 8, -20, 88.5, 89, -87.5, -100, 710, -740]
EDGES += [1e10, -1e10, 1e-40, -1e-40, 3e-310, 1e30, -1e38, np.inf, -np.inf, np.nan]
WORST = dict.fromkeys(NAMES, 2.0) | {"tan": 4.0, "floor": 0, "trunc": 0, "sqrt": 0.5}

pytestmark = pytest.mark.skipif(prelude.JIT_OFF, reason="there is nothing compiled to look at")

SOURCE = """
def vectors(xs, ys, out):
  x, y, o, n = ptr(xs), ptr(ys), ptr(out), i64(xs.shape[0])
  for i in range(0, n, 8):
    {vectors}

def numbers(xs, ys, out):
  x, y, o, n = ptr(xs), ptr(ys), ptr(out), i64(xs.shape[0])
  for i in range(n):
    {numbers}
"""


def call(name, x, y):
    return f"{name}({x}, {y})" if name == "power" else f"{name}({x})"


@cache
def compiled(form):
    """All functions in one loop: form(xs, ys, out) fills a row a function."""
    wide = [(k, call(f, "load8(x, i)", "load8(y, i)")) for k, f in enumerate(NAMES)]
    one = [(k, call(f, "x[i]", "y[i]")) for k, f in enumerate(NAMES)]
    text = SOURCE.format(
        vectors="; ".join(f"store(o, {k} * n + i, {f})" for k, f in wide),
        numbers="; ".join(f"o[{k} * n + i] = {f}" for k, f in one),
    ).replace("def ", "@njit(**FLAGS)\ndef ")
    names = dict(vars(prelude))
    exec(compile(text, "emitted", "exec"), names)
    return names[form]


def results(form, x, y):
    """What each function gives, by its name."""
    out = np.empty((len(NAMES), x.size), x.dtype)
    compiled(form)(x, y, out.reshape(-1))
    return dict(zip(NAMES, out, strict=True))


def pairs(dtype):
    """Every two edges, in whole registers."""
    both = np.array(list(product(EDGES, EDGES))).astype(dtype)
    both = np.resize(both, (both.shape[0] // LANES * LANES + LANES, 2))
    return both[:, 0].copy(), both[:, 1].copy()


def drawn(dtype):
    """Numbers of all sizes, and as many of common sizes; exponents of common sizes."""
    rng = np.random.default_rng(0)
    word = {np.float32: np.uint32, np.float64: np.uint64}[dtype]
    bits = rng.integers(0, np.iinfo(word).max, 4096, dtype=word).view(dtype)
    sizes = 2.0 ** rng.uniform(-12, 7, 12288) * rng.choice([-1, 1], 12288)
    return np.concatenate([bits, sizes.astype(dtype)]), rng.uniform(-5, 5, 16384).astype(dtype)


def wanted(name, x, y):
    """What the twin gives: for float32 in double precision, and with the bits that double has."""
    with np.errstate(all="ignore"):
        if x.dtype == np.float32:
            x, y = x.astype(np.float64), y.astype(np.float64)
        return PLAIN[name](x, y) if name == "power" else PLAIN[name](x)


def ulps(got, exact, x, name):
    """The errors, in units of the last place; of the argument's for gelu, which crosses zero."""
    kind = np.finfo(got.dtype)
    size = np.abs(x.astype(np.float64) if name == "gelu" else exact)
    unit = np.fmax(np.spacing(size) * 2.0 ** (52 - kind.nmant), float(kind.smallest_subnormal))
    with np.errstate(all="ignore"):
        return np.abs(got - exact) / unit


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_lane_has_the_bits_of_a_number(dtype):
    word = {np.float32: np.uint32, np.float64: np.uint64}[dtype]
    for x, y in (pairs(dtype), drawn(dtype)):
        wide, one = results("vectors", x, y), results("numbers", x, y)
        for name in NAMES:
            same = wide[name].view(word) == one[name].view(word)
            same |= np.isnan(wide[name]) & np.isnan(one[name])
            assert same.all(), (name, x[~same][:5], y[~same][:5])


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_infinities_and_signed_zeros_are_as_in_numpy(dtype):
    x, y = pairs(dtype)
    for name, got in results("vectors", x, y).items():
        with np.errstate(all="ignore"):
            exact = wanted(name, x, y).astype(dtype)
        same = np.isnan(got) == np.isnan(exact)
        same &= np.isnan(exact) | (np.signbit(got) == np.signbit(exact))
        same &= (np.isinf(got) == np.isinf(exact)) & ((got == 0) == (exact == 0))
        assert same.all(), (name, x[~same][:5], y[~same][:5], got[~same][:5])


@pytest.mark.parametrize("dtype", FLOATS)
def test_errors_stay_below_a_few_units_in_the_last_place(dtype):
    x, y = drawn(dtype)
    for name, got in results("vectors", x, y).items():
        exact = wanted(name, x, y)
        with np.errstate(all="ignore"):
            finite = np.isfinite(exact) & np.isfinite(exact.astype(dtype))
        error = ulps(got[finite], exact[finite], x[finite], name)
        slack = 0 if dtype == np.float32 else 1  # NumPy errs as well
        worst = error.argmax()
        assert error[worst] <= WORST[name] + slack, (name, x[finite][worst])


@pytest.mark.parametrize("dtype", FLOATS)
def test_results_below_the_least_normal_number_are_rounded_once(dtype):
    least = float(np.log(np.finfo(dtype).smallest_normal))
    x = np.linspace(least - 16, least, 64).astype(dtype)
    got, exact = results("vectors", x, x)["exp"], np.exp(x.astype(np.longdouble))
    assert np.all(np.diff(got) >= 0)
    assert np.all(np.abs(got - exact) <= 1.01 * np.finfo(dtype).smallest_subnormal)


def test_logarithms_of_numbers_below_the_least_normal_one_are_exact():
    x = np.array([1e-45, 3e-45, 1e-42, 5e-40, 1e-38, 1.2e-38, 2e-38, 1.0], np.float32)
    got = results("vectors", x, x)["log"]
    np.testing.assert_allclose(got, np.log(x.astype(np.float64)), rtol=1.2e-7)


@pytest.mark.parametrize("dtype", FLOATS)
def test_huge_angles_lose_no_accuracy_and_spoil_no_neighbours(dtype):
    x = np.array([0.5, 1e22, 3, 12345678.0, -1, 1e30, 2e5, -0.0], dtype)
    found = results("vectors", x, x)
    for name in ("sin", "cos", "tan"):
        exact = wanted(name, x, x)
        assert ulps(found[name], exact, x, name).max() <= 4
    assert np.signbit(found["sin"][-1])


def test_twins_take_numbers_and_arrays_and_keep_their_type():
    for name in ("sigmoid", "softplus", "erf", "gelu", "rsqrt"):
        for dtype in FLOATS:
            one, many = PLAIN[name](dtype(0.5)), PLAIN[name](np.full(3, 0.5, dtype))
            assert np.asarray(one).dtype == many.dtype == dtype
            assert np.ndim(one) == 0
            assert np.all(many == one)
