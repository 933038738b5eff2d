"""x to the power of y: a builder for floats and their vectors.

Single precision is computed in double precision; double precision is the C library's.
"""
# mypy: allow-untyped-calls

import math

from .exponentials import counted, parted, parts_of_power
from .formula import Real, absolute_of, at_least, at_most, called, floor_of, fused, polynomial
from .jit import Builder, Value
from .series import FORMAT, LOG2_ROUGH

LARGE = 2.0**100  # as good as infinite for an exponent, but zero times it is zero


def _log2(size: Real) -> Real:
    """log2 of a double that is not negative and not below the least normal one unless zero."""
    bits, exponent = parted(size)
    f = bits.float - 1.0
    s = f / (f + 2.0)
    y = fused(s, polynomial(s * s, LOG2_ROUGH), counted(exponent, FORMAT[64].bias))
    y = size.same(0.0).pick(size.of(-math.inf), y)
    return (size < math.inf).pick(y, size)


def _magnitude(x: Real, y: Real) -> Real:
    """|x|^y in single precision."""
    bounded = at_least(at_most(y, LARGE), -LARGE).double
    exponent = bounded * _log2(absolute_of(x).double)
    factor, power = parts_of_power(at_least(at_most(exponent, 140.0), -160.0))
    return (factor * power).single


def _single(x: Real, y: Real) -> Real:
    whole, half = floor_of(y).same(y), y * 0.5
    odd = whole & ~floor_of(half).same(half)
    size = _magnitude(x, y)
    signed = odd.pick((size.bits ^ x.sign).float, size)
    real = whole | (x >= 0.0) | x.same(-math.inf)
    result = real.pick(signed, math.nan)
    return (y.same(0.0) | x.same(1.0)).pick(x.of(1.0), result)


def power_build(b: Builder, x: Value, y: Value) -> Value:
    """x to the power of y; 1 where y is 0 or x is 1, even if the other one is NaN."""
    base, exponent = Real(b, x), Real(b, y)
    return (_single(base, exponent) if base.width == 32 else called("pow", base, exponent)).v
