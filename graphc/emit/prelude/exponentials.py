"""Exponentials and logarithms, and what is made of them: builders for floats and their vectors.

A builder takes LLVM's builder and a value and gives a value of the same type. What is not finite,
zeros with their signs, overflow and gradual underflow come out as in NumPy; arguments below the
least normal number count in full.
"""
# mypy: allow-untyped-calls

import math

from .formula import (
    Real,
    absolute_of,
    at_least,
    at_most,
    estrin,
    fused,
    horner,
    root_of,
    with_sign_of,
)
from .jit import Builder, Value
from .series import (
    ERF,
    ERF_FAR,
    ERF_NEAR,
    EXP,
    EXP2_ENDS,
    EXP_ENDS,
    FLAT,
    FORMAT,
    LOG2,
    LOG_DOUBLE,
    LOG_SINGLE,
    TANH,
)

SMALL = {32: 2.0**-30, 64: 2.0**-60}  # f(x) = x to the last bit, for odd functions of slope 1


# Powers of e and of two


def _turns(x: Real, factor: float, offset: int) -> tuple[Real, Real]:
    """x * factor rounded to n, and an integer whose low bits are those of n + offset."""
    magic = FORMAT[x.width].magic + offset
    t = fused(x, factor, magic)
    return t - magic, t.bits


def _rest(x: Real, n: Real) -> Real:
    """x - n log(2)."""
    high, low = LOG2[x.width]
    return fused(n, -low, fused(n, -high, x))


def _grown(r: Real) -> Real:
    """exp(r) - 1 for |r| < log(2) / 2."""
    p = horner(r, EXP[32]) if r.width == 32 else estrin(r, EXP[64])
    return fused(r * r, p, r)


def _scaled(y: Real, twice: Real) -> Real:
    """y 2^n from n + 2 bias, in two steps: the first one is exact, the second one may round."""
    mantissa, half = FORMAT[y.width].mantissa, twice >> 1
    return y * (half << mantissa).float * ((twice - half) << mantissa).float


def _exp(x: Real) -> Real:
    """e^x within the ends."""
    n, twice = _turns(x, 1 / math.log(2), 2 * FORMAT[x.width].bias)
    return _scaled(_grown(_rest(x, n)) + 1, twice)


def exp_build(b: Builder, v: Value) -> Value:
    """e^x, rounded once where it is below the least normal number."""
    x = Real(b, v)
    low, high = EXP_ENDS[x.width]
    return _exp(at_least(at_most(x, high), low)).v


def exp2_build(b: Builder, v: Value) -> Value:
    """2^x, which is exact for whole x."""
    x = Real(b, v)
    low, high = EXP2_ENDS[x.width]
    x = at_least(at_most(x, high), low)
    n, twice = _turns(x, 1.0, 2 * FORMAT[x.width].bias)
    return _scaled(_grown((x - n) * math.log(2)) + 1, twice).v


def _expm1(x: Real) -> Real:
    """e^x - 1 where it is neither -1 nor infinite, by its half, which does not overflow."""
    n, one_less = _turns(x, 1 / math.log(2), FORMAT[x.width].bias - 1)
    half = (one_less << FORMAT[x.width].mantissa).float
    return 2.0 * fused(_grown(_rest(x, n)), half, half - 0.5)


def expm1_build(b: Builder, v: Value) -> Value:
    """e^x - 1."""
    x = Real(b, v)
    y = _expm1(at_least(at_most(x, EXP_ENDS[x.width][1]), FLAT[x.width][0]))
    return (absolute_of(x) < SMALL[x.width]).pick(x, y).v


# Logarithms


def _parted(u: Real) -> tuple[Real, Real]:
    """The bits of u 2^-k, between sqrt(1/2) and sqrt(2), and k + bias as an integer."""
    mantissa, bias = FORMAT[u.width][:2]
    least = u.of(math.sqrt(0.5)).bits
    above = u.bits - least + (bias << mantissa)
    return (above & ((1 << mantissa) - 1)) + least, above >> mantissa


def _counted(whole: Real, offset: Real) -> Real:
    """An integer that is not negative as a float, less the offset."""
    first = FORMAT[whole.width].whole
    return (whole | offset.of(first).bits).float - (offset + first)


def _log1p(f: Real) -> tuple[Real, Real]:
    """log(1 + f) as f and what is added to it."""
    if f.width == 32:
        square = f * f
        return f, fused(square, -0.5, horner(f, LOG_SINGLE) * (f * square))
    s = f / (f + 2.0)
    half = f * f * 0.5
    z = s * s
    return f, s * (estrin(z, LOG_DOUBLE) * z + half) - half


def _logarithm(f: Real, k: Real) -> Real:
    """log(1 + f) + k log(2)."""
    high, low = LOG2[f.width]
    first, second = _log1p(f)
    return fused(k, high, first + fused(k, low, second))


def _known(u: Real, x: Real, y: Real) -> Real:
    """y for positive finite u, else what the logarithm of u is, or x, which is infinite or NaN."""
    ends = u.same(0.0).pick(u.of(-math.inf), math.nan)
    return (u > 0.0).pick((u < math.inf).pick(y, x), (u < math.inf).pick(ends, x))


def log_build(b: Builder, v: Value) -> Value:
    """The natural logarithm."""
    x = Real(b, v)
    mantissa, bias, _, _, least = FORMAT[x.width]
    tiny = x < least
    bits, exponent = _parted(tiny.pick(x * 2.0**mantissa, x))
    k = _counted(exponent, tiny.pick(x.of(bias + mantissa), bias))
    return _known(x, x, _logarithm(bits.float - 1.0, k)).v


def log1p_build(b: Builder, v: Value) -> Value:
    """log(1 + x)."""
    x = Real(b, v)
    mantissa, bias = FORMAT[x.width][:2]
    u = x + 1.0
    exponent = _parted(u)[1]
    down = (exponent << mantissa) - (bias << mantissa)
    quarter = (x.of(4.0).bits - down).float  # four times 2^-k, a normal number for all k
    f = (x.bits - down).float + fused(quarter, 0.25, -1.0)
    y = _logarithm(f, _counted(exponent, x.of(bias)))
    return with_sign_of(_known(u, x, y), x).v


# Made of exponentials


def _decay(x: Real) -> Real:
    """exp(-|x|)."""
    return _exp(at_least(-absolute_of(x), EXP_ENDS[x.width][0]))


def sigmoid_build(b: Builder, v: Value) -> Value:
    """1 / (1 + z) or z / (1 + z) with z = exp(-|x|)."""
    x = Real(b, v)
    z = _decay(x)
    return ((x >= 0.0).pick(x.of(1.0), z) / (z + 1.0)).v


def softplus_build(b: Builder, v: Value) -> Value:
    """max(x, 0) + log(1 + z) with z = exp(-|x|)."""
    x = Real(b, v)
    z = _decay(x)
    halved = z > math.sqrt(2) - 1
    f = halved.pick((z - 1.0) * 0.5, z)
    return (at_least(x, 0.0) + _logarithm(f, halved.pick(x.of(1.0), 0.0))).v


def tanh_build(b: Builder, v: Value) -> Value:
    """A quotient of polynomials; in double precision m / (m + 2) with m = exp(2|x|) - 1."""
    x = Real(b, v)
    size = at_most(absolute_of(x), FLAT[x.width][1])
    if x.width == 32:
        square = size * size
        return with_sign_of(size * horner(square, TANH[0]) / horner(square, TANH[1]), x).v
    m = _expm1(size * 2.0)
    return with_sign_of(m / (m + 2.0), x).v


# The error function


def _erf_single(x: Real) -> Real:
    x = at_least(at_most(x, 3.8325), -3.8325)
    square = x * x
    return x * horner(square, ERF[0]) / horner(square, ERF[1])


def _erf_double(x: Real) -> Real:
    size = at_most(absolute_of(x), 6.0)
    near, square = size < 1.0, size * size
    far = -_exp(-square) * estrin(size, ERF_FAR[0])
    above = near.pick(size * estrin(square, ERF_NEAR[0]), far)
    below = near.pick(estrin(square, ERF_NEAR[1]), estrin(size, ERF_FAR[1]))
    return with_sign_of(near.pick(x.of(0.0), 1.0) + above / below, x)


def _erf(x: Real) -> Real:
    return _erf_single(x) if x.width == 32 else _erf_double(x)


def erf_build(b: Builder, v: Value) -> Value:
    """The error function."""
    return _erf(Real(b, v)).v


def gelu_build(b: Builder, v: Value) -> Value:
    """x (1 + erf(x / sqrt(2))) / 2; the error is of the size of x's last place."""
    x = Real(b, v)
    return (x * 0.5 * (_erf(x * math.sqrt(0.5)) + 1.0)).v


# Roots


def sqrt_build(b: Builder, v: Value) -> Value:
    """The square root, correctly rounded."""
    return root_of(Real(b, v)).v


def rsqrt_build(b: Builder, v: Value) -> Value:
    """1 / sqrt(x), rounded twice."""
    return (1.0 / root_of(Real(b, v))).v


def reciprocal_build(b: Builder, v: Value) -> Value:
    """1 / x, correctly rounded."""
    return (1.0 / Real(b, v)).v
