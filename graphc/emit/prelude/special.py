"""Special functions: formulas over LLVM's values and NumPy's numbers alike, and what is made of
them.

A formula takes doubles and gives doubles; in single precision its result is rounded. It fuses no
products, so that both forms round alike. Where a function of the C library is used, it is called.
"""
# mypy: allow-untyped-calls

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from .angles import tan_build
from .coefficients import (
    BESSEL_0,
    BESSEL_1,
    DIGAMMA,
    DIGAMMA_FAR,
    DIGAMMA_ROOT,
    DIGAMMA_Y,
    ERFCX_FAR,
    EULER_MACLAURIN,
    QUANTILE,
    QUANTILE_FAR,
    QUANTILE_TAIL,
)
from .exponentials import erf_build, exp_build, log_build, sqrt_build
from .formula import Real, called, shared
from .jit import Build, Builder, Value, llvm
from .jit import Plain as Twin
from .plain import twin_of
from .series import ERF_DOUBLE

Number: TypeAlias = Any  # a Real, or NumPy's
Formula = Callable[..., Number]

each_erf: Twin = np.vectorize(math.erf, otypes=[np.float64])
each_erfc: Twin = np.vectorize(math.erfc, otypes=[np.float64])


def in_double(name: str, formula: Formula) -> Build:
    """How a formula is built: a function that stands in the module once."""

    def body(b: Builder, *values: Value) -> Value:
        operands = [Real(b, v) for v in values]
        if operands[0].width == 64:
            return formula(*operands).v
        return formula(*(each.double for each in operands)).single.v

    return shared(f"formula.{name}", body)


# Functions of either


def exp(x: Number) -> Number:
    """e^x."""
    return x.by(np.exp, exp_build)


def log(x: Number) -> Number:
    """The natural logarithm."""
    return x.by(np.log, log_build)


def root(x: Number) -> Number:
    """The square root."""
    return x.by(np.sqrt, sqrt_build)


def size(x: Number) -> Number:
    """|x|."""
    return x.by(np.absolute, llvm("fabs"))


def floor(x: Number) -> Number:
    """The greatest whole number that is not greater."""
    return x.by(np.floor, llvm("floor"))


def power(x: Number, n: Number) -> Number:
    """x to the power of n."""
    return x.by(np.power, _power_build, n)


def _power_build(b: Builder, x: Value, n: Value) -> Value:
    return called("pow", Real(b, x), Real(b, n)).v


def signed(x: Number, y: Number) -> Number:
    """x with the sign of y."""
    return x.by(np.copysign, llvm("copysign"), y)


def series(x: Number, coefficients: Sequence[float]) -> Number:
    """A polynomial, by Horner's rule."""
    total = x * coefficients[-1] + coefficients[-2]
    for each in reversed(coefficients[:-2]):
        total = total * x + each
    return total


def quotient(x: Number, parts: tuple[Sequence[float], Sequence[float]]) -> Number:
    """A polynomial over another."""
    return series(x, parts[0]) / series(x, parts[1])


def chebyshev(x: Number, coefficients: Sequence[float]) -> Number:
    """The sum of c_n T_n(x / 2), with half of c_0, by Clenshaw's recurrence."""
    last = before = x.of(0.0)
    for each in coefficients:
        last, before, gone = x * last - before + each, last, before
    return (last - gone) * 0.5


# The error function's relatives


def exp_square(x: Number) -> Number:
    """exp(x^2): x in two parts, so that the square loses nothing. Cephes, expx2.c."""
    coarse = floor(x * 128.0 + 0.5) * (1 / 128)
    fine = x - coarse
    return exp(coarse * coarse) * exp(2.0 * coarse * fine + fine * fine)


def erfcx(x: Number) -> Number:
    """exp(x^2) (1 - erf(x)), for large x without either factor; infinite from -26.7 down."""
    bounded = (x > -30.0).pick(x, -30.0)
    far, low = x >= 8.0, x < 1.0
    near = exp_square((x < 1.0).pick(bounded, 1.0)) * (1.0 - x.by(each_erf, erf_build))
    middle = quotient(x, ERF_DOUBLE[2:])
    inverse = 1.0 / x
    y = far.pick(inverse * quotient(inverse, ERFCX_FAR), middle)
    return low.pick(near, y)


def _quantile(offset: Number, tail: Number) -> Number:
    """Of the normal distribution: at 1/2 - |offset| = tail, with the sign of the offset."""
    square = offset * offset
    near = offset + offset * (square * quotient(square, QUANTILE))
    x = root(log(tail) * -2.0)
    inverse = 1.0 / x
    far = (x < 8.0).pick(quotient(inverse, QUANTILE_TAIL), quotient(inverse, QUANTILE_FAR))
    end = signed(x - log(x) / x - inverse * far, offset)
    end = x.same(math.inf).pick(signed(x, offset), end)
    return (tail > math.exp(-2)).pick(near * math.sqrt(2 * math.pi), end)


def ndtri(p: Number) -> Number:
    """The x at which the normal distribution has p below it; NaN outside 0 to 1."""
    return _quantile(p - 0.5, (p > 0.5).pick(1.0 - p, p))


def erfinv(y: Number) -> Number:
    """The x with erf(x) = y; NaN outside -1 to 1."""
    return _quantile(y * 0.5, 0.5 - size(y) * 0.5) * math.sqrt(0.5)


# The gamma function's relatives


def _digamma_middle(x: Number) -> Number:
    """From 1 to 2, exact to the last place about the root."""
    first, second, third = DIGAMMA_ROOT
    offset = x - first - second - third
    return offset * DIGAMMA_Y + offset * quotient(x - 1.0, DIGAMMA)


def _digamma_right(x: Number) -> Number:
    """For x > 0: brought to between 1 and 2 by steps of one, or from 10 on by its expansion."""
    low = x < 1.0
    total = low.pick(-1.0 / x, 0.0)
    z = low.pick(x + 1.0, x)
    for _ in range(8):
        above = z > 2.0
        z = above.pick(z - 1.0, z)
        total = total + above.pick(1.0 / z, 0.0)
    inverse = 1.0 / (x * x)
    far = log(x) - 0.5 / x - inverse * series(inverse, DIGAMMA_FAR)
    return (x >= 10.0).pick(far, total + _digamma_middle(z))


def digamma(x: Number) -> Number:
    """The logarithmic derivative of gamma; left of 0 by pi / tan(pi x), NaN at its poles there."""
    left = x < 0.0
    y = _digamma_right(left.pick(1.0 - x, x))
    rest = x - floor(x + 0.5)
    slope = rest.same(0.0).pick(x.of(math.nan), math.pi / _tan(rest * math.pi))
    return left.pick(y - slope, y)


def _tan(x: Number) -> Number:
    return x.by(np.tan, tan_build)


def zeta(s: Number, q: Number) -> Number:
    """The sum of (q + k)^-s over k from 0 on, by ten terms and Euler and Maclaurin's formula.

    Infinite at s = 1 and where q is 0, -1, -2 ...; NaN for s < 1 and elsewhere for q < 0.
    """
    total = power(q, -s)
    for k in range(1, 10):
        total = total + power(q + float(k), -s)
    end = q + 10.0
    term = power(end, -s)
    total = total + term * end / (s - 1.0) + term * 0.5
    factor = s / end
    for j, each in enumerate(EULER_MACLAURIN):
        total = total + term * factor * each
        factor = factor * ((s + (2.0 * j + 1.0)) / end) * ((s + (2.0 * j + 2.0)) / end)
    pole = s.same(1.0) | ((q < 0.0) | q.same(0.0)) & floor(q).same(q)
    outside = (s < 1.0) | (q < 0.0)
    total = outside.pick(s.of(math.nan), total)
    return (pole & ~(s < 1.0)).pick(s.of(math.inf), total)


# Bessel functions


def _scaled(x: Number, near: Number, parts: tuple[Sequence[float], Sequence[float]]) -> Number:
    """exp(-x) I(x) for x >= 0, `near` times the first series up to 8."""
    low = near * chebyshev(x * 0.5 - 2.0, parts[0])
    high = chebyshev(32.0 / x - 2.0, parts[1]) / root(x)
    return (x > 8.0).pick(high, low)


def i0e(x: Number) -> Number:
    """exp(-|x|) I0(x)."""
    return _scaled(size(x), x.of(1.0), BESSEL_0)


def i1e(x: Number) -> Number:
    """exp(-|x|) I1(x)."""
    return signed(_scaled(size(x), size(x), BESSEL_1), x)


def _grown(x: Number, y: Number) -> Number:
    """exp(|x|) y, also where only the exponential would be infinite."""
    half = exp(size(x) * 0.5)
    return y * half * half


def i0(x: Number) -> Number:
    """The modified Bessel function of the first kind, of order 0."""
    infinite = size(x).same(math.inf)
    return infinite.pick(size(x), _grown(x, i0e(x)))


def i1(x: Number) -> Number:
    """The modified Bessel function of the first kind, of order 1."""
    infinite = size(x).same(math.inf)
    return infinite.pick(x, _grown(x, i1e(x)))


# The C library's, in double precision


def _each_lgamma(x: float) -> float:
    pole = x <= 0 and x % 1 == 0
    return math.inf if pole or x > 2.5e305 else math.lgamma(x)


each_lgamma: Twin = np.vectorize(_each_lgamma, otypes=[np.float64])


def _library(name: str, means: Twin) -> Formula:
    """A function of the C library, and what it means."""
    return lambda x: x.by(means, lambda b, v: called(name, Real(b, v)).v)


# fmt: off
SPECIAL: dict[str, Formula] = {
    "erfc":    _library("erfc", each_erfc),
    "erfcx":   erfcx,
    "erfinv":  erfinv,
    "ndtri":   ndtri,
    "lgamma":  _library("lgamma", each_lgamma),
    "digamma": digamma,
    "zeta":    zeta,
    "bessel_i0":  i0,
    "bessel_i0e": i0e,
    "bessel_i1":  i1,
    "bessel_i1e": i1e,
}
# fmt: on
SPECIALS: dict[str, tuple[Twin, Build]] = {
    name: (twin_of(formula), in_double(name, formula)) for name, formula in SPECIAL.items()
}
