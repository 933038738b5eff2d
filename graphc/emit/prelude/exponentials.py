"""Exponentials and logarithms, and what is made of them: builders for floats and their vectors.

A builder takes LLVM's builder and a value and gives a value of the same type. What is not finite,
zeros with their signs, overflow and gradual underflow come out as in NumPy; arguments below the
least normal number count in full.
"""
# mypy: allow-untyped-calls

import math
from collections.abc import Sequence

from .formula import (
    Real,
    absolute_of,
    at_least,
    at_most,
    fused,
    polynomial,
    root_of,
    where_rare,
    with_sign_of,
)
from .jit import Builder, Value
from .series import (
    ERF_DOUBLE,
    ERF_FLAT,
    ERF_SINGLE,
    EXP,
    EXP2,
    EXP2_ENDS,
    EXP_ENDS,
    EXPM1_FLAT,
    FORMAT,
    LOG1P_SINGLE,
    LOG2,
    LOG_DOUBLE,
    LOG_SINGLE,
    TANH,
    TANH_FLAT,
)

SMALL = {32: 2.0**-30, 64: 2.0**-60}  # f(x) = x to the last bit, for odd functions of slope 1


# Powers of e and of two


def turns(x: Real, factor: float, offset: int) -> tuple[Real, Real]:
    """x * factor rounded to n, and an integer whose low bits are those of n + offset."""
    t = fused(x, factor, FORMAT[x.width].magic + offset)
    return t - (FORMAT[x.width].magic + offset), t.bits


def power_of_two(exponent: Real) -> Real:
    """2^n, a normal number, from the bits of n + bias."""
    return (exponent << FORMAT[exponent.width].mantissa).float


def _curved(r: Real) -> Real:
    """(exp(r) - 1 - r) / r^2 for |r| < log(2) / 2."""
    return polynomial(r, EXP[r.width])


def _rest(x: Real, n: Real) -> Real:
    """x - n log(2)."""
    high, low = LOG2[x.width]
    return fused(n, -low, fused(n, -high, x))


def _grown(r: Real) -> Real:
    """exp(r) - 1."""
    return fused(r * r, _curved(r), r)


def _root_of_two(f: Real, series: Sequence[float] | None = None) -> Real:
    """2^f for |f| < 1/2."""
    return fused(f, polynomial(f, series or EXP2[f.width]), 1.0)


def parts_of_power(x: Real, series: Sequence[float] | None = None) -> tuple[Real, Real]:
    """2^x as 2^f and 2^n, where it is a normal number."""
    n, exponent = turns(x, 1.0, FORMAT[x.width].bias)
    return _root_of_two(x - n, series), power_of_two(exponent)


def _halves(twice: Real) -> tuple[Real, Real]:
    """2^n as a product of two normal numbers, from n + 2 bias."""
    half = twice >> 1
    return power_of_two(half), power_of_two(twice - half)


def _exp(x: Real) -> Real:
    """e^x from where it is 0 to where it is infinite."""
    n, twice = turns(x, 1 / math.log(2), 2 * FORMAT[x.width].bias)
    first, second = _halves(twice)
    return fused(_grown(_rest(x, n)), first, first) * second


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
    n, twice = turns(x, 1.0, 2 * FORMAT[x.width].bias)
    first, second = _halves(twice)
    return (_root_of_two(x - n) * first * second).v


def expm1_build(b: Builder, v: Value) -> Value:
    """e^x - 1, by its half, which does not overflow before it does."""
    x = Real(b, v)
    size = at_least(at_most(x, EXP_ENDS[x.width][1]), EXPM1_FLAT[x.width])
    high, low = LOG2[x.width]
    n, one_less = turns(size, 1 / math.log(2), FORMAT[x.width].bias - 1)
    above = fused(n, -high, size)
    r = fused(n, -low, above)
    grown = r + fused(r * r, _curved(r), fused(n, -low, above - r))
    half = power_of_two(one_less)
    y = 2.0 * fused(grown, half, half - 0.5)
    return (absolute_of(x) < SMALL[x.width]).pick(x, y).v


# Logarithms


def parted(u: Real) -> tuple[Real, Real]:
    """The bits of u 2^-k, between sqrt(1/2) and sqrt(2), and k + bias as an integer."""
    mantissa, bias = FORMAT[u.width][:2]
    least = u.of(math.sqrt(0.5)).bits
    above = u.bits - least + (bias << mantissa)
    return (above & ((1 << mantissa) - 1)) + least, above >> mantissa


def counted(whole: Real, offset: int) -> Real:
    """An integer that is not negative as a float, less the offset."""
    mantissa, bias, _, first, _ = FORMAT[whole.width]
    return (whole | ((bias + mantissa) << mantissa)).float - (first + offset)


def _log1p(f: Real) -> tuple[Real, Real]:
    """log(1 + f) as f and what is added to it."""
    if f.width == 32:
        square = f * f
        return f, fused(square, -0.5, polynomial(f, LOG_SINGLE) * (f * square))
    s = f / (f + 2.0)
    half = f * f * 0.5
    z = s * s
    return f, s * (polynomial(z, LOG_DOUBLE) * z + half) - half


def _logarithm(f: Real, k: Real) -> Real:
    """log(1 + f) + k log(2)."""
    high, low = LOG2[f.width]
    first, second = _log1p(f)
    return fused(k, high, first + fused(k, low, second))


def _is_unusual(x: Real) -> Real:
    """Whether x is not positive, not finite or below the least normal number, by its bits."""
    mantissa, bias = FORMAT[x.width][:2]
    return ~((x.bits >= 1 << mantissa) & (x.bits < (2 * bias + 1) << mantissa))


def log_build(b: Builder, v: Value) -> Value:
    """The natural logarithm."""
    x = Real(b, v)
    bits, exponent = parted(x)
    y = _logarithm(bits.float - 1.0, counted(exponent, FORMAT[x.width].bias))
    return where_rare(_is_unusual(x), y, "log", x).v


def log1p_build(b: Builder, v: Value) -> Value:
    """log(1 + x)."""
    x = Real(b, v)
    mantissa, bias = FORMAT[x.width][:2]
    u = x + 1.0
    exponent = parted(u)[1]
    down = (exponent << mantissa) - (bias << mantissa)
    quarter = (x.of(4.0).bits - down).float  # four times 2^-k, a normal number for all k
    f = (x.bits - down).float + fused(quarter, 0.25, -1.0)
    y = with_sign_of(_logarithm(f, counted(exponent, bias)), x)
    return where_rare(_is_unusual(u), y, "log1p", x).v


# Made of exponentials


def _decay(x: Real) -> Real:
    """exp(-|x|)."""
    return _exp(at_least(-absolute_of(x), EXP_ENDS[x.width][0]))


def sigmoid_build(b: Builder, v: Value) -> Value:
    """1 / (1 + exp(-x)), both sides times 2^-shift: nothing overflows or is below normal."""
    x = Real(b, v)
    bias, least = FORMAT[x.width].bias, EXP_ENDS[x.width][0]
    shift = bias // 2
    size = at_least(at_most(-x, -least), EXPM1_FLAT[x.width])
    n, exponent = turns(size, 1 / math.log(2), bias - shift)
    one, power = 2.0**-shift, power_of_two(exponent)
    return (one / (fused(_grown(_rest(size, n)), power, one) + power)).v


def softplus_build(b: Builder, v: Value) -> Value:
    """max(x, 0) + log(1 + z) with z = exp(-|x|)."""
    x = Real(b, v)
    z = _decay(x)
    return (at_least(x, 0.0) + (_softened if x.width == 32 else _halved)(z)).v


def _softened(z: Real) -> Real:
    """log(1 + z) for z from 0 to 1."""
    return fused(z * z, polynomial(z, LOG1P_SINGLE), z)


def _halved(z: Real) -> Real:
    """log(1 + z) for z from 0 to 1, by (1 + z) / 2 where that is nearer to 1."""
    near = z > math.sqrt(2) - 1
    return _logarithm(near.pick((z - 1.0) * 0.5, z), near.pick(z.of(1.0), 0.0))


def tanh_build(b: Builder, v: Value) -> Value:
    """From tanh(h) by the theorem of addition, with |x| = h + n log(2): see Note [Tanh]."""
    x = Real(b, v)
    size = at_most(absolute_of(x), TANH_FLAT[x.width])
    n, root = turns(size - 0.203, 1 / math.log(2), (FORMAT[x.width].bias - 1) // 2)
    h = fused(n, -math.log(2), size) if x.width == 32 else _rest(size, n)
    square = h * h
    t = fused(h * square, polynomial(square, TANH[x.width]), h)
    half = power_of_two(root << 1)  # of 4^n
    base = at_most(n, 1.0)
    y = base + (t - base) / fused(half - 0.5, t, half + 0.5)
    return with_sign_of(y, x).v


# The error function


def _erf(x: Real) -> Real:
    size = at_most(absolute_of(x), ERF_FLAT[x.width])
    return with_sign_of((_erf_single if x.width == 32 else _erf_double)(size), x)


def _erf_single(size: Real) -> Real:
    near, logarithm, series = ERF_SINGLE
    factor, power = parts_of_power(polynomial(size, logarithm), series)
    close = fused(size, polynomial(size * size, near), size)
    return (size < 0.96).pick(close, fused(-factor, power, 1.0))


def _erf_double(size: Real) -> Real:
    near, square = size < 1.0, size * size
    p, q, far_p, far_q = ERF_DOUBLE
    factor, power = parts_of_power(square * (-1 / math.log(2)))
    above = near.pick(size * polynomial(square, p), -factor * power * polynomial(size, far_p))
    below = near.pick(polynomial(square, q), polynomial(size, far_q))
    return near.pick(size, 1.0) + above / below


def erf_build(b: Builder, v: Value) -> Value:
    """A polynomial or a quotient near zero, then 1 less what vanishes like exp(-x^2)."""
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


# Note [Tanh]
#
# With e^(2|x|) = 4^n e^(2h) and t = tanh(h),
#     tanh|x| = 1 - 2 (1 - t) / ((4^n + 1) + (4^n - 1) t),
# and t itself for n = 0, which the same quotient gives with 0 for 1. For tanh|x| < 1/2 this would
# lose a bit, so n is 0 up to |x| = 0.55. A single quotient of polynomials, as elsewhere, is wrong
# by five units in the last place.
