"""Special functions of the prelude: their forms against one another, and against SciPy."""

from functools import cache
from itertools import product

import numpy as np
import pytest

from graphc.emit import prelude
from graphc.emit.prelude import PLAIN
from graphc.emit.prelude.special import SPECIALS

FLOATS = (np.float32, np.float64)
OF_TWO = ("zeta", "atan2", "hypot", "copysign", "fmod", "nextafter")
NAMES = [n for n in SPECIALS if n != "zeta"] + list(OF_TWO)
EDGES = [0.0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, 10, 8, -7.5, 30, 1e-3, 0.9375, 1e10, -1e10, 1e30]
EDGES += [np.inf, -np.inf, np.nan]
POLES = {"lgamma": [0.0, -1, -2], "digamma": [-1.0, -2]}
ULPS = {"erfc": 400, "erfcx": 60, "erfinv": 8, "ndtri": 4, "lgamma": 16, "digamma": 4, "zeta": 6}
ULPS |= {"bessel_i0": 5, "bessel_i0e": 2, "bessel_i1": 5, "bessel_i1e": 2}
"""What the errors of SciPy, which are the larger ones in tails, allow to ask for."""

needs_compiler = pytest.mark.skipif(prelude.JIT_OFF, reason="nothing is compiled")

SOURCE = """
def vectors(xs, ys, out):
  x, y, o, n = ptr(xs), ptr(ys), ptr(out), i64(xs.shape[0])
  for i in range(0, n, 4):
    {vectors}

def numbers(xs, ys, out):
  x, y, o, n = ptr(xs), ptr(ys), ptr(out), i64(xs.shape[0])
  for i in range(n):
    {numbers}
"""


def call(name, x, y):
    return f"{name}({x}, {y})" if name in OF_TWO else f"{name}({x})"


@cache
def compiled(form):
    """All functions in one loop: form(xs, ys, out) fills a row a function."""
    wide = [f"store(o, {k} * n + i, {call(f, 'load4(x, i)', 'load4(y, i)')})" for k, f in rows()]
    one = [f"o[{k} * n + i] = {call(f, 'x[i]', 'y[i]')}" for k, f in rows()]
    text = SOURCE.format(vectors="; ".join(wide), numbers="; ".join(one))
    names = dict(vars(prelude))
    exec(compile(text.replace("def ", "@njit(**FLAGS)\ndef "), "emitted", "exec"), names)
    return names[form]


def rows():
    return list(enumerate(NAMES))


def results(form, x, y):
    out = np.empty((len(NAMES), x.size), x.dtype)
    compiled(form)(x, y, out.reshape(-1))
    return dict(zip(NAMES, out, strict=True))


def called(name):
    """SciPy's name."""
    return "gammaln" if name == "lgamma" else name.removeprefix("bessel_")


def twin(name, x, y):
    with np.errstate(all="ignore"):
        return PLAIN[name](x, y) if name in OF_TWO else PLAIN[name](x)


def pairs(dtype):
    """Every two edges, in whole registers."""
    both = np.array(list(product(EDGES, EDGES))).astype(dtype)
    both = np.resize(both, (both.shape[0] // 4 * 4 + 4, 2))
    return both[:, 0].copy(), both[:, 1].copy()


def drawn():
    """Numbers of common sizes, in (0, 1) and of both signs."""
    rng = np.random.default_rng(0)
    return np.concatenate(
        [rng.random(1000), rng.normal(0, 4, 1000), 10 ** rng.uniform(-5, 2, 1000)]
    )


@needs_compiler
@pytest.mark.parametrize("dtype", FLOATS)
def test_lanes_numbers_and_twins_agree_at_every_edge(dtype):
    x, y = pairs(dtype)
    wide, one = results("vectors", x, y), results("numbers", x, y)
    for name in NAMES:
        meant = twin(name, x, y)
        for got in (wide[name], one[name]):
            tolerance = 8 * np.finfo(dtype).eps
            same = np.isclose(got, meant, tolerance, tolerance / 8, equal_nan=True)
            same &= np.isnan(got) | (np.signbit(got) == np.signbit(meant))
            assert same.all(), (name, x[~same][:5], y[~same][:5], got[~same][:5], meant[~same][:5])


@needs_compiler
@pytest.mark.parametrize("dtype", FLOATS)
def test_lanes_numbers_and_twins_agree_everywhere_else(dtype):
    x = drawn().astype(dtype)
    y = np.roll(x, 7)
    wide, one = results("vectors", x, y), results("numbers", x, y)
    for name in NAMES:
        np.testing.assert_array_equal(wide[name], one[name], err_msg=name)
        tolerance = 16 * np.finfo(dtype).eps
        np.testing.assert_allclose(wide[name], twin(name, x, y), tolerance, tolerance, err_msg=name)


@pytest.mark.parametrize("name", ULPS)
def test_errors_in_double_precision_stay_below_a_few_units(name):
    """In units of the last place of the result, or of 1 near a zero of the result."""
    special = pytest.importorskip("scipy.special", reason="SciPy, the oracle, is not installed")
    x = drawn()
    x = np.abs(x) if name in ("zeta", "lgamma", "digamma", "erfcx") else x
    operands = (1.5 + np.abs(np.roll(x, 3)), x) if name == "zeta" else (x,)
    exact = getattr(special, called(name))(*operands)
    found = PLAIN[name](*operands)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(exact))
    normal = np.isfinite(exact) & (np.abs(exact) > 1e-300)
    found, exact = found[normal], exact[normal]
    unit = np.spacing(np.maximum(np.abs(exact), name in ("lgamma", "digamma")))
    error = np.abs(found - exact) / unit
    assert error.max() <= ULPS[name], x[normal][error.argmax()]


@needs_compiler
def test_compiled_lgamma_is_exact_about_its_zero():
    """-euler e + pi^2 / 12 e^2 - zeta(3) / 3 e^3 at 1 + e. Abramowitz and Stegun, 6.1.33."""
    e = 2.0 ** -np.arange(17, 49)
    got = results("vectors", 1 + e, e)["lgamma"]
    wanted = e * (-0.5772156649015329 + e * (np.pi**2 / 12 - e * 0.40068563438653143))
    np.testing.assert_allclose(got, wanted, rtol=2e-15)


@pytest.mark.parametrize("name", POLES)
def test_poles_are_as_scipys(name):
    special = pytest.importorskip("scipy.special", reason="SciPy, the oracle, is not installed")
    wanted = getattr(special, called(name))(POLES[name])
    np.testing.assert_array_equal(PLAIN[name](np.array(POLES[name])), wanted)


def test_quantiles_and_tails_at_published_points():
    assert PLAIN["ndtri"](0.975) == pytest.approx(1.959963984540054, rel=1e-15)
    assert PLAIN["erfinv"](0.5) == pytest.approx(0.4769362762044699, rel=1e-15)
    assert PLAIN["erfcx"](1e300) == pytest.approx(1e-300 / np.sqrt(np.pi), rel=1e-15)
    assert PLAIN["digamma"](1.0) == pytest.approx(-0.5772156649015329, rel=1e-15)
    assert PLAIN["zeta"](2.0, 1.0) == pytest.approx(np.pi**2 / 6, rel=1e-15)


INTEGERS = """
@njit(**FLAGS)
def shifts(xs, ns, out):
  x, n, o, m = ptr(xs), ptr(ns), ptr(out), i64(xs.shape[0])
  for i in range(0, m, 4):
    store(o, i, left_shift(load4(x, i), load4(n, i)))
    store(o, m + i, right_shift(load4(x, i), load4(n, i)))
    store(o, 2 * m + i, fmod(load4(x, i), load4(n, i)))
    store(o, 3 * m + i, rint(load4(x, i)))
  for i in range(m):
    o[4 * m + i] = left_shift(x[i], n[i])
    o[5 * m + i] = right_shift(x[i], n[i])
    o[6 * m + i] = fmod(x[i], n[i])
    o[7 * m + i] = floor(x[i])
"""


@needs_compiler
@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int64])
def test_bits_of_integers_are_numpys(dtype):
    names = dict(vars(prelude))
    exec(compile(INTEGERS, "emitted", "exec"), names)
    kind = np.iinfo(dtype)
    values = np.array([0, 1, 5, kind.max, kind.min, kind.max - 1, 12345, 77], dtype)
    counts = np.array([0, 1, 3, kind.bits - 1, kind.bits, 200, kind.max, kind.min], dtype)
    x, n = (np.ravel(a).copy() for a in np.meshgrid(values, counts))
    out = np.empty((8, x.size), dtype)
    names["shifts"](x, n, out.reshape(-1))
    with np.errstate(all="ignore"):
        wanted = [np.left_shift(x, n), np.right_shift(x, n), np.fmod(x, n), x]
    np.testing.assert_array_equal(out, wanted * 2)
