"""Samples of special functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from specs import Sample, Spec, batch, given, one, positive, real

from .activations import scipy


def inside(*shape: int) -> Spec:
    """Numbers from 0.2 to 0.8."""
    return Spec(shape, lambda rng, s, dtype: given(rng.uniform(0.2, 0.8, s))(rng, dtype))


def rows(name: str, spec: Any = real) -> list[Sample]:
    """Shapes of all kinds, with a named size where the numbers may be any."""
    call = lambda m, x: getattr(m, name)(x)  # noqa: E731
    last = batch(5) if spec is real else spec(5)
    return [one(call, s) for s in (spec(), spec(0), spec(2, 1, 3), last)]


def pairs(name: str, left: Any = positive, right: Any = positive) -> list[Sample]:
    call = lambda m, a, b: getattr(m, name)(a, b)  # noqa: E731
    return [one(call, left(*a), right(*b)) for a, b in (((), ()), ((3,), (2, 1)), ((0,), ()))]


def missing(name: str) -> list[Sample]:
    """NaN beside numbers, of quotients of integers."""
    call = lambda m, a, b: getattr(m, name)(m.divide(a, a), m.divide(b, b))  # noqa: E731
    return [one(call, given([0, 1, 0], "i32"), given([3, 0, 0], "i32"))]


left = given([-2.5, -0.3, -1.7, 0.4])


def orders(n: int) -> Sample:
    return one(lambda m, x: 0.001 * m.polygamma(n, x), given([-2.4, -0.3, 0.7, 3.2, 11.5]))


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "erf":      rows("erf"),
    "erfc":     [*rows("erfc"), one(lambda m, x: m.erfc(x), given([4.0, -4.0]))],
    "erfcx":    [*rows("erfcx"), one(lambda m, x: m.erfcx(x), given([4.0, 9.0, -2.0, 60.0]))],
    "erfinv":   [*rows("erfinv", inside), one(lambda m, x: m.erfinv(x), given([-0.9, -0.2, 0.9]))],
    "ndtr":     rows("ndtr"),
    "ndtri":    rows("ndtri", inside),
    "log_ndtr": [*rows("log_ndtr"), one(lambda m, x: m.log_ndtr(x), given([-30.0, -5.0, 6.0]))],
    "lgamma":   [*rows("lgamma", positive), one(lambda m, x: m.lgamma(x), left)],
    "digamma":  [*rows("digamma", positive), one(lambda m, x: m.digamma(x), left),
                 one(lambda m, x: m.polygamma(0, x), positive())],
    "polygamma": [orders(n) for n in range(1, 5)] + [one(lambda m, x: m.polygamma(1, x), positive())],
    "zeta":     [one(lambda m, q: m.zeta(2.5, q), positive(4)), one(lambda m, s, q: m.zeta(s, q), given([2, 3, 7], "i32"), positive(2, 1))],
    "betaln":   pairs("betaln"),
    "multigammaln": [one(lambda m, x: m.multigammaln(1 + x, 3), positive(4))],
    "i0":       rows("i0"),
    "i0e":      [*rows("i0e"), one(lambda m, x: m.i0e(x), given([20.0, -9.0]))],
    "i1":       rows("i1"),
    "i1e":      [*rows("i1e"), one(lambda m, x: m.i1e(x), given([20.0, -9.0]))],
    "entr":     rows("entr", positive),
    "xlogy":    [*pairs("xlogy", real), one(lambda m, y: m.xlogy(0.0, y), given([0.0, 2.0]))],
    "xlog1py":  [*pairs("xlog1py", real), one(lambda m, y: m.xlog1py(0.0, y), given([-1.0, 2.0]))],
    "logit":    rows("logit", inside),
    # elsewhere in NumPy
    "acos":     rows("acos", inside),
    "acosh":    [one(lambda m, x: m.acosh(1 + x), positive(3))],
    "asin":     rows("asin", inside),
    "asinh":    rows("asinh"),
    "atan":     rows("atan"),
    "atanh":    rows("atanh", inside),
    "cosh":     rows("cosh"),
    "sinh":     rows("sinh"),
    "tan":      rows("tan", inside),
    "exp2":     rows("exp2"),
    "log2":     rows("log2", positive),
    "log10":    rows("log10", positive),
    "cbrt":     rows("cbrt"),
    "rsqrt":    rows("rsqrt", positive),
    "sinc":     [*rows("sinc"), one(lambda m, x: m.sinc(x), given([0.0, 0.05, -0.09, 0.11, 1.0]))],
    "deg2rad":  rows("deg2rad"),
    "rad2deg":  rows("rad2deg"),
    "atan2":    pairs("atan2", real, real),
    "hypot":    pairs("hypot", real, real),
    "logaddexp":  pairs("logaddexp", real, real),
    "logaddexp2": pairs("logaddexp2", real, real),
    "fmax":     [*pairs("fmax", real, real), *missing("fmax")],
    "fmin":     [*pairs("fmin", real, real), *missing("fmin")],
    "fmod":     pairs("fmod", real, positive),
    "float_power": pairs("float_power", positive, real),
    "lerp":     [one(lambda m, a, b, w: m.lerp(a, b, w), real(2, 3), real(3), real())],
    "ldexp":    [one(lambda m, x: m.ldexp(x, 5), real(3)), one(lambda m, x, n: m.ldexp(x, n), real(2, 1), given([-3, 0, 1, 9], "i32"))],
}

NUMPY: dict[str, Any] = {name: scipy(name) for name in SAMPLES if not hasattr(np, name)}
NUMPY |= {"lgamma": scipy("gammaln"), "i0": scipy("i0"), "rsqrt": lambda x: 1 / np.sqrt(x)}
NUMPY |= {"lerp": lambda a, b, w: a + w * (b - a)}

TORCH: dict[str, Any] = {}
KINKED = {"fmax", "fmin", "fmod"}
# fmt: on
