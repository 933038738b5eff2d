"""Sine, cosine and tangent: builders for floats and their vectors.

Angles below 2^17 (float) or 2^30 (double) lose multiples of pi / 2 by Cody and Waite's method,
with pi / 2 in three parts; larger ones are left to the C library, in a branch of their own.
"""
# mypy: allow-untyped-calls

from math import pi
from typing import NamedTuple

from .formula import Real, absolute_of, fused, polynomial, where_rare
from .jit import Builder, Value
from .series import COS, FORMAT, HALF_PI, HUGE, SIN


class Turned(NamedTuple):
    """An angle less n quarter turns."""

    sin: Real  # of what is left
    cos: Real
    n: Real  # an integer whose low bits are those of n


def _turned(size: Real) -> Turned:
    """From an angle that is neither negative nor huge."""
    first, second, third = HALF_PI[size.width]
    magic = FORMAT[size.width].magic
    t = fused(size, 2 / pi, magic)
    n = t - magic
    r = fused(n, -third, fused(n, -second, fused(n, -first, size)))
    z = r * r
    sin = fused(r * z, polynomial(z, SIN[r.width]), r)
    cos = fused(z * z, polynomial(z, COS[r.width]), fused(z, -0.5, 1.0))
    return Turned(sin, cos, t.bits)


def _bit(n: Real, place: int) -> Real:
    """A bit of an integer in the sign's place; what stands behind it is of no use."""
    return n << (n.width - 1 - place)


def _sign_from(n: Real, place: int) -> Real:
    return _bit(n, place) & (-1 << (n.width - 1))


def _is_huge(size: Real) -> Real:
    return size >= HUGE[size.width]


def sin_build(b: Builder, v: Value) -> Value:
    """The sine of an angle in radians."""
    x = Real(b, v)
    size = absolute_of(x)
    sin, cos, n = _turned(size)
    y = (_bit(n, 0) < 0).pick(cos, sin).bits ^ _sign_from(n, 1) ^ x.sign
    return where_rare(_is_huge(size), y.float, "sin", x).v


def cos_build(b: Builder, v: Value) -> Value:
    """The cosine of an angle in radians."""
    x = Real(b, v)
    size = absolute_of(x)
    sin, cos, n = _turned(size)
    y = (_bit(n, 0) < 0).pick(sin, cos).bits ^ _sign_from(n + 1, 1)
    return where_rare(_is_huge(size), y.float, "cos", x).v


def tan_build(b: Builder, v: Value) -> Value:
    """The tangent of an angle in radians."""
    x = Real(b, v)
    size = absolute_of(x)
    sin, cos, n = _turned(size)
    odd = _bit(n, 0) < 0
    y = (odd.pick(cos, sin) / odd.pick(sin, cos)).bits ^ _sign_from(n, 0) ^ x.sign
    return where_rare(_is_huge(size), y.float, "tan", x).v
