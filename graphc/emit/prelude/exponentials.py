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
    root_of,
    with_sign_of,
)
from .jit import Builder, Value
from .series import (
    ERF_FAR,
    ERF_FLAT,
    ERF_NEAR,
    EXP,
    EXP2_ENDS,
    EXP_ENDS,
    EXPM1_FLAT,
    FORMAT,
    LOG2,
    LOG_DOUBLE,
    LOG_SINGLE,
    TANH,
    TANH_FLAT,
)

SMALL = {32: 2.0**-30, 64: 2.0**-60}  # f(x) = x to the last bit, for odd functions of slope 1


# Powers of e and of two


def _turns(x: Real, factor: float, offset: int) -> tuple[Real, Real]:
    """x * factor rounded to n, and an integer whose low bits are those of n + offset."""
    t = fused(x, factor, FORMAT[x.width].magic + offset)
    return t - (FORMAT[x.width].magic + offset), t.bits


def _power(exponent: Real) -> Real:
    """2^n, a normal number, from the bits of n + bias."""
    return (exponent << FORMAT[exponent.width].mantissa).float


def _curved(r: Real) -> Real:
    """(exp(r) - 1 - r) / r^2 for |r| < log(2) / 2."""
    return estrin(r, EXP[r.width])


def _rest(x: Real, n: Real) -> Real:
    """x - n log(2)."""
    high, low = LOG2[x.width]
    return fused(n, -low, fused(n, -high, x))


def _grown(r: Real) -> Real:
    """exp(r) - 1."""
    return fused(r * r, _curved(r), r)


def _scaled(y: Real, twice: Real) -> Real:
    """y 2^n from n + 2 bias, in two steps: the first one is exact, the second one may round."""
    half = twice >> 1
    return y * _power(half) * _power(twice - half)


def _exp(x: Real) -> Real:
    """e^x from where it is 0 to where it is infinite."""
    n, twice = _turns(x, 1 / math.log(2), 2 * FORMAT[x.width].bias)
    return _scaled(_grown(_rest(x, n)) + 1.0, twice)


def _two_to(x: Real, plus: float) -> Real:
    """2^x + plus where 2^x is a normal number."""
    n, exponent = _turns(x, 1.0, FORMAT[x.width].bias)
    power = _power(exponent)
    return fused(_grown((x - n) * math.log(2)), power, power + plus)


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
    return _scaled(_grown((x - n) * math.log(2)) + 1.0, twice).v


def expm1_build(b: Builder, v: Value) -> Value:
    """e^x - 1, by its half, which does not overflow before it does."""
    x = Real(b, v)
    size = at_least(at_most(x, EXP_ENDS[x.width][1]), EXPM1_FLAT[x.width])
    high, low = LOG2[x.width]
    n, one_less = _turns(size, 1 / math.log(2), FORMAT[x.width].bias - 1)
    above = fused(n, -high, size)
    r = fused(n, -low, above)
    grown = r + fused(r * r, _curved(r), fused(n, -low, above - r))
    half = _power(one_less)
    y = 2.0 * fused(grown, half, half - 0.5)
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
        return f, fused(square, -0.5, estrin(f, LOG_SINGLE) * (f * square))
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
    """1 / (1 + exp(-x)), both sides times 2^-h, with h half the n of exp: neither overflows."""
    x = Real(b, v)
    low, bias = EXP_ENDS[x.width][0], FORMAT[x.width].bias
    size = -at_least(at_most(x, -low), low)
    n, twice = _turns(size, 1 / math.log(2), 2 * bias)
    half = twice >> 1
    above, up = _power(-half + 2 * bias), _power(twice - half)
    return (above / (fused(_grown(_rest(size, n)), up, above) + up)).v


def softplus_build(b: Builder, v: Value) -> Value:
    """max(x, 0) + log(1 + z) with z = exp(-|x|)."""
    x = Real(b, v)
    z = _decay(x)
    halved = z > math.sqrt(2) - 1
    f = halved.pick((z - 1.0) * 0.5, z)
    return (at_least(x, 0.0) + _logarithm(f, halved.pick(x.of(1.0), 0.0))).v


def tanh_build(b: Builder, v: Value) -> Value:
    """x plus a quotient of polynomials up to 5/8, then 1 - 2 / (exp(2|x|) + 1)."""
    x = Real(b, v)
    size = at_most(absolute_of(x), TANH_FLAT[x.width])
    near, square = size < 0.625, size * size
    above, below = (estrin(square, each) for each in TANH[x.width])
    above = near.pick(size * square * above, -2.0)
    below = near.pick(below, _two_to(size * (2 / math.log(2)), 1.0))
    return with_sign_of(near.pick(size, 1.0) + above / below, x).v


def _erf(x: Real) -> Real:
    size = at_most(absolute_of(x), ERF_FLAT[x.width])
    near, square = size < 1.0, size * size
    (near_above, near_below), (above, below) = ERF_NEAR[x.width], ERF_FAR[x.width]
    far = _two_to(square * (-1 / math.log(2)), 0.0) * estrin(size, above)
    above = near.pick(size * estrin(square, near_above), -far)
    below = near.pick(estrin(square, near_below), estrin(size, below))
    return with_sign_of(near.pick(size, 1.0) + above / below, x)


def erf_build(b: Builder, v: Value) -> Value:
    """x plus a quotient of polynomials up to 1, then 1 - exp(-x^2) times one."""
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
