"""Functions of numbers that the processor has, or nearly: choice, sign, powers, quotients."""
# mypy: allow-untyped-calls, allow-untyped-decorators

from operator import floordiv, mod
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import alloca_once_value, for_range

from .formula import Real, called
from .jit import (
    Build,
    Builder,
    Plain,
    Rule,
    Type,
    Value,
    constant,
    define,
    lanewise,
    llvm,
    typed,
)
from .powers import power_build
from .vectors import Vector, element_of, like, unified

# Functions by what they do to floats, signed and unsigned integers, or to floats alone


def _rule(typing: Any, operands: tuple[Type, ...], builds: tuple[Build, ...]) -> Rule:
    common = unified(typing, *operands)
    if not isinstance(element_of(common), types.Float) and len(builds) == 1:
        common = like(types.float64, *operands)
    element = element_of(common)
    whole = not isinstance(element, types.Float)
    build = builds[whole + (whole and not getattr(element, "signed", False))]
    return typed(common(*(common for _ in operands)), build)


def of_one(name: str, plain: Plain, *builds: Build) -> Plain:
    """A function of one number, from its twin and how it is built."""
    return define(plain, name)(lambda typing, x: _rule(typing, (x,), builds))


def of_two(name: str, plain: Plain, *builds: Build) -> Plain:
    """A function of two numbers, from its twin and how it is built."""
    return define(plain, name)(lambda typing, x, y: _rule(typing, (x, y), builds))


def kept(b: Builder, v: Value) -> Value:
    """The number as it is: what rounding gives of an integer."""
    return v


# Choice and sign


def _plain_select(c: Any, a: Any, b: Any) -> Any:
    lanes = np.ndim(c) or np.ndim(a) or np.ndim(b)
    return np.where(c, a, b) if lanes else a if c else b


@define(_plain_select)
def select(typing: Any, c: Type, a: Type, b: Type) -> Rule:
    """select(c, a, b): a where c holds, else b; both are computed, and nothing branches."""
    lanes = c if isinstance(c, Vector) else a
    common = like(element_of(unified(typing, a, b)), lanes, b)
    bits = like(types.boolean, c)
    return typed(common(bits, common, common), lambda b, c, x, y: b.select(c, x, y))


@define(np.isfinite)
def is_finite(typing: Any, x: Type) -> Rule:
    """is_finite(x): neither NaN nor an infinity."""
    kind = x if isinstance(element_of(x), types.Float) else like(types.float64, x)

    def build(b: Builder, v: Value) -> Value:
        return b.fcmp_ordered("<", llvm("fabs")(b, v), constant(v.type, float("inf")))

    return typed(like(types.boolean, kind)(kind), build)


def _plain_maximum(x: Any, y: Any) -> Any:
    if np.ndim(x) or np.ndim(y):
        zero = np.where(np.signbit(x), y, x)
        return np.where((x == 0) & (y == 0), zero, np.maximum(x, y))
    zero = y if np.signbit(x) else x
    return zero if x == 0 == y else np.maximum(x, y)


def _plain_minimum(x: Any, y: Any) -> Any:
    if np.ndim(x) or np.ndim(y):
        zero = np.where(np.signbit(x), x, y)
        return np.where((x == 0) & (y == 0), zero, np.minimum(x, y))
    zero = x if np.signbit(x) else y
    return zero if x == 0 == y else np.minimum(x, y)


def _sign(b: Builder, v: Value) -> Value:
    zero, one, minus = (constant(v.type, n) for n in (0, 1, -1))
    below = b.select(b.fcmp_ordered("<", v, zero), minus, zero)
    ordered = b.select(b.fcmp_ordered(">", v, zero), one, below)
    return b.select(b.fcmp_unordered("uno", v, v), v, ordered)


def _signed_sign(b: Builder, v: Value) -> Value:
    return llvm("smin")(b, llvm("smax")(b, v, constant(v.type, -1)), constant(v.type, 1))


def _unsigned_sign(b: Builder, v: Value) -> Value:
    return llvm("umin")(b, v, constant(v.type, 1))


def _signed_absolute(b: Builder, v: Value) -> Value:
    return llvm("smax")(b, v, b.neg(v))


# NaN wins, as in NumPy; of two zeros the positive one is the greater, see Note [Zeros].
maximum = of_two("maximum", _plain_maximum, llvm("maximum"), llvm("smax"), llvm("umax"))
minimum = of_two("minimum", _plain_minimum, llvm("minimum"), llvm("smin"), llvm("umin"))

# sign(NaN) is NaN; the least integer is its own absolute value.
absolute = of_one("absolute", np.absolute, llvm("fabs"), _signed_absolute, lambda b, v: v)
sign = of_one("sign", np.sign, _sign, _signed_sign, _unsigned_sign)


# copysign(1, x) < 0 asks for the sign's bit.
copysign = of_two("copysign", np.copysign, llvm("copysign"))


# Powers and quotients


def _unsigned_power(b: Builder, x: Value, n: Value) -> Value:
    return lanewise(b, lambda x, n: _squared(b, x, n), x, n)


def _squared(b: Builder, x: Value, n: Value) -> Value:
    """Square and multiply, a bit of n a turn; it wraps around."""
    result, factor = (alloca_once_value(b, v) for v in (x.type(1), x))
    with for_range(b, n.type(n.type.width)) as loop:
        odd = b.trunc(b.lshr(n, loop.index), ir.IntType(1))
        product = b.mul(b.load(result), b.load(factor))
        b.store(b.select(odd, product, b.load(result)), result)
        b.store(b.mul(b.load(factor), b.load(factor)), factor)
    return b.load(result)


def _signed_power(b: Builder, x: Value, n: Value) -> Value:
    return _unsigned_power(b, x, llvm("smax")(b, n, constant(n.type, 0)))


def _plain_power(x: Any, n: Any) -> Any:
    whole = np.result_type(x, n).kind in "iu"
    exponents = [np.maximum(n, 0) if whole else n]  # for a lone 0.5 NumPy takes the square root
    return np.power(x, exponents[0]) if np.ndim(x) else np.power([x], exponents)[0]


def _quotient(name: str, plain: Plain, operator: Plain, by_minus: Build) -> Plain:
    """Numba's own operator; what a signed integer divided by -1 gives is known without it."""

    def rule(typing: Any, x: Type, y: Type) -> Rule:
        common = unified(typing, x, y)
        element = element_of(common)

        def codegen(context: Any, b: Builder, _: Any, values: list[Value]) -> Value:
            function = context.get_function(operator, element(element, element))

            def each(x: Value, divisor: Value) -> Value:
                result = function(b, [x, divisor])
                if isinstance(element, types.Float) or not element.signed:
                    return result
                minus = b.icmp_signed("==", divisor, divisor.type(-1))
                return b.select(minus, by_minus(b, x), result)

            return lanewise(b, each, *values)

        return common(common, common), codegen

    return define(plain, name)(rule)


# As NumPy has them: rounded down, the remainder with the sign of y, integers by zero give 0.
# A divisor below the least normal number may give NaN, as in any kernel that may use reciprocals.
floor_divide = _quotient("floor_divide", np.floor_divide, floordiv, lambda b, v: b.neg(v))
remainder = _quotient("remainder", np.remainder, mod, lambda b, v: v.type(0))


# x / y correctly rounded, where a kernel may else multiply by the reciprocal of y.
quotient = of_two("quotient", np.divide, lambda b, x, y: (Real(b, x) / Real(b, y)).v)


def _of_library(name: str) -> Build:
    return lambda b, x, y: called(name, Real(b, x), Real(b, y)).v


def _rest(b: Builder, x: Value, y: Value) -> Value:
    """The rest of a division, 0 where the divisor is 0 or -1: both are taken for 1."""
    one = constant(y.type, 1)
    either = b.icmp_unsigned("<", b.add(y, one), constant(y.type, 2))
    return b.srem(x, b.select(either, one, y))


def _unsigned_rest(b: Builder, x: Value, y: Value) -> Value:
    one = constant(y.type, 1)
    return b.urem(x, llvm("umax")(b, y, one))


# The remainder with the sign of x.
fmod = of_two("fmod", np.fmod, _of_library("fmod"), _rest, _unsigned_rest)
atan2 = of_two("atan2", np.arctan2, _of_library("atan2"))
hypot = of_two("hypot", np.hypot, _of_library("hypot"))
nextafter = of_two("nextafter", np.nextafter, _of_library("nextafter"))

# Integers wrap around; a negative exponent of theirs, which NumPy refuses, counts as 0.
power = of_two("power", _plain_power, power_build, _signed_power, _unsigned_power)


# Bits of integers


def _is_shift(b: Builder, v: Value, n: Value) -> Value:
    """Whether n is from 0 to one less than the bits of v."""
    width = getattr(v.type, "element", v.type).width
    return b.icmp_unsigned("<", n, constant(n.type, width))


def _shifted(shift: str) -> Build:
    """Zeros where the shift is too far, or negative."""

    def build(b: Builder, v: Value, n: Value) -> Value:
        there = _is_shift(b, v, n)
        zero = constant(v.type, 0)
        return b.select(there, getattr(b, shift)(v, b.select(there, n, zero)), zero)

    return build


def _shifted_with_sign(b: Builder, v: Value, n: Value) -> Value:
    width = getattr(v.type, "element", v.type).width
    return b.ashr(v, b.select(_is_shift(b, v, n), n, constant(n.type, width - 1)))


# As in NumPy, a shift by more than there are bits, or by a negative number, leaves only the sign.
_left, _right = _shifted("shl"), _shifted("lshr")
left_shift = of_two("left_shift", np.left_shift, _left, _left, _left)
right_shift = of_two("right_shift", np.right_shift, _right, _shifted_with_sign, _right)


# Note [Zeros]
#
# Which of +0 and -0 is the maximum, NumPy leaves to the machine. Here it is +0, as IEEE 754-2019
# has it, and -0 is the minimum: LLVM's `maximum` means this and turns a reduction into vectors,
# which a comparison that must let NaN through prevents.
