"""Numbers being computed, as formulas: from LLVM values and operators to LLVM instructions.

One formula serves a float, a double and vectors of either. Every operation means what IEEE 754
says it means, and in every lane the same; see Note [Exact] at the foot.
"""
# mypy: allow-untyped-calls

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

from llvmlite import ir

from .jit import Build, Builder, Type, Value, constant, libm, llvm

EXACT = ("afn",)
FLOAT_OF = {32: ir.FloatType(), 64: ir.DoubleType()}
WIDTH_OF = {kind: width for width, kind in FLOAT_OF.items()}

SHORT = 4
"""Longer polynomials are polynomials of x^2 over pairs, which do not wait for each other."""

Operand = Union["Real", float]


@dataclass(frozen=True, slots=True)
class Real:
    """A float, an integer or a bit, or a vector of them, and the builder that computes it."""

    b: Builder
    v: Value

    @property
    def element(self) -> Type:
        """The type of one lane."""
        kind = self.v.type
        return kind.element if isinstance(kind, ir.VectorType) else kind

    @property
    def width(self) -> int:
        """How many bits a lane has."""
        return WIDTH_OF.get(self.element) or int(self.element.width)

    def of(self, number: Operand) -> "Real":
        """This number in every lane."""
        return number if isinstance(number, Real) else Real(self.b, constant(self.v.type, number))

    def like(self, element: Type) -> Type:
        """A type with as many lanes."""
        kind = self.v.type
        return ir.VectorType(element, kind.count) if isinstance(kind, ir.VectorType) else element

    # Arithmetic: integers wrap around

    def _both(self, float_name: str, integer_name: str, other: Operand) -> "Real":
        values = self.v, self.of(other).v
        if self.element in WIDTH_OF:
            return Real(self.b, getattr(self.b, float_name)(*values, flags=EXACT))
        return Real(self.b, getattr(self.b, integer_name)(*values))

    def __add__(self, other: Operand) -> "Real":
        return self._both("fadd", "add", other)

    def __sub__(self, other: Operand) -> "Real":
        return self._both("fsub", "sub", other)

    def __mul__(self, other: Operand) -> "Real":
        return self._both("fmul", "mul", other)

    def __truediv__(self, other: Operand) -> "Real":
        return self._both("fdiv", "sdiv", other)

    def __radd__(self, other: float) -> "Real":
        return self.of(other) + self

    def __rsub__(self, other: float) -> "Real":
        return self.of(other) - self

    def __rmul__(self, other: float) -> "Real":
        return self.of(other) * self

    def __rtruediv__(self, other: float) -> "Real":
        return self.of(other) / self

    def __neg__(self) -> "Real":
        negate = self.b.fneg if self.element in WIDTH_OF else self.b.neg
        return Real(self.b, negate(self.v))

    # Comparisons: a bit a lane; false where NaN is compared

    def _compared(self, sign: str, other: Operand) -> "Real":
        compare = self.b.fcmp_ordered if self.element in WIDTH_OF else self.b.icmp_signed
        return Real(self.b, compare(sign, self.v, self.of(other).v))

    def __lt__(self, other: Operand) -> "Real":
        return self._compared("<", other)

    def __gt__(self, other: Operand) -> "Real":
        return self._compared(">", other)

    def __ge__(self, other: Operand) -> "Real":
        return self._compared(">=", other)

    def same(self, other: Operand) -> "Real":
        """Where the two are equal."""
        return self._compared("==", other)

    # Bits

    def __and__(self, other: Operand) -> "Real":
        return Real(self.b, self.b.and_(self.v, self.of(other).v))

    def __or__(self, other: Operand) -> "Real":
        return Real(self.b, self.b.or_(self.v, self.of(other).v))

    def __xor__(self, other: Operand) -> "Real":
        return Real(self.b, self.b.xor(self.v, self.of(other).v))

    def __invert__(self) -> "Real":
        return Real(self.b, self.b.not_(self.v))

    def __lshift__(self, count: int) -> "Real":
        return Real(self.b, self.b.shl(self.v, self.of(count).v))

    def __rshift__(self, count: int) -> "Real":
        """Zeros come in from the left."""
        return Real(self.b, self.b.lshr(self.v, self.of(count).v))

    @property
    def bits(self) -> "Real":
        """The bits of a float as an integer."""
        return Real(self.b, self.b.bitcast(self.v, self.like(ir.IntType(self.width))))

    @property
    def float(self) -> "Real":
        """The float that has these bits."""
        return Real(self.b, self.b.bitcast(self.v, self.like(FLOAT_OF[self.width])))

    @property
    def double(self) -> "Real":
        """The same number in double precision."""
        return Real(self.b, self.b.fpext(self.v, self.like(FLOAT_OF[64])))

    @property
    def single(self) -> "Real":
        """The number rounded to single precision."""
        return Real(self.b, self.b.fptrunc(self.v, self.like(FLOAT_OF[32])))

    @property
    def sign(self) -> "Real":
        """The sign's bit, as an integer."""
        return self.bits & (-1 << (self.width - 1))

    def pick(self, yes: "Real", no: Operand) -> "Real":
        """One of two where this bit is set, the other where it is not."""
        return Real(self.b, self.b.select(self.v, yes.v, yes.of(no).v))

    def by(self, means: object, build: Build, *others: "Real") -> "Real":
        """What a function gives, which is known by its meaning and by how it is built."""
        return Real(self.b, build(self.b, self.v, *(each.v for each in others)))

    def any(self) -> "Real":
        """Whether the bit of one lane is set."""
        kind = self.v.type
        if not isinstance(kind, ir.VectorType):
            return self
        whole = self.b.bitcast(self.v, ir.IntType(kind.count))
        return Real(self.b, self.b.icmp_unsigned("!=", whole, whole.type(0)))


def fused(x: Operand, y: Operand, z: Operand) -> Real:
    """x * y + z, rounded once."""
    like = next(each for each in (x, y, z) if isinstance(each, Real))
    return Real(like.b, llvm("fma")(like.b, *(like.of(each).v for each in (x, y, z))))


def absolute_of(x: Real) -> Real:
    """|x|."""
    return Real(x.b, llvm("fabs")(x.b, x.v))


def root_of(x: Real) -> Real:
    """The square root, correctly rounded."""
    return Real(x.b, llvm("sqrt")(x.b, x.v))


def floor_of(x: Real) -> Real:
    """The greatest whole number that is not greater."""
    return Real(x.b, llvm("floor")(x.b, x.v))


def at_most(x: Real, limit: float) -> Real:
    """The smaller one; NaN stays."""
    return (x > limit).pick(x.of(limit), x)


def at_least(x: Real, limit: float) -> Real:
    """The larger one; NaN stays."""
    return (x < limit).pick(x.of(limit), x)


def with_sign_of(x: Real, y: Real) -> Real:
    """x, which is not negative, with the sign of y."""
    return (x.bits | y.sign).float


def polynomial(x: Real, coefficients: Sequence[Operand]) -> Real:
    """The polynomial whose constant coefficient stands first."""
    if len(coefficients) <= SHORT:
        return _horner(x, coefficients)
    starts = range(0, len(coefficients), 2)
    return polynomial(x * x, [_pair(x, *coefficients[n : n + 2]) for n in starts])


def _pair(x: Real, first: Operand, second: Operand | None = None) -> Operand:
    return first if second is None else fused(x, second, first)


def _horner(x: Real, coefficients: Sequence[Operand]) -> Real:
    """A term behind the other, with the fewest operations."""
    total = x.of(coefficients[-1])
    for each in reversed(coefficients[:-1]):
        total = fused(total, x, each)
    return total


# What is left to the C library


def called(name: str, *operands: Real) -> Real:
    """The C library's function, for all lanes in a function that stands in the module once."""
    b, values = operands[0].b, [each.v for each in operands]
    kind = values[0].type
    if not isinstance(kind, ir.VectorType):
        return Real(b, libm(name)(b, *values))
    return Real(b, shared(f"lanes.{name}", libm(name))(b, *values))


def shared(name: str, build: Build) -> Build:
    """The same by a call of a function that stands in the module once."""

    def call(b: Builder, *values: Value) -> Value:
        lanes, width = getattr(values[0].type, "count", 1), Real(b, values[0]).width
        full_name = f"{name}.{lanes}.{width}"
        function = b.module.globals.get(full_name) or _once(b, full_name, build, values)
        return b.call(function, values)

    return call


def where_rare(rare: Real, usual: Real, name: str, *operands: Real) -> Real:
    """The usual value, and in rare lanes the C library's, which is only called if there are any."""
    b, before = usual.b, usual.b.block
    with b.if_then(rare.any().v, likely=False):
        careful, behind = rare.pick(called(name, *operands), usual), b.block
    result = b.phi(usual.v.type)
    result.add_incoming(usual.v, before)
    result.add_incoming(careful.v, behind)
    return Real(b, result)


def _once(b: Builder, name: str, build: Build, values: Sequence[Value]) -> Value:
    kind = values[0].type
    function = ir.Function(b.module, ir.FunctionType(kind, [v.type for v in values]), name)
    function.linkage = "linkonce_odr"
    for attribute in ("noinline", "nounwind"):
        function.attributes.add(attribute)
    inner = ir.IRBuilder(function.append_basic_block())
    inner.ret(build(inner, *function.args))
    return function


# Note [Exact]
#
# Numba gives `contract` and `arcp` to each float instruction of a kernel that has no flag of its
# own. Then LLVM is free to fuse a product and a sum in a vector and not in a number, and divides
# vectors of floats by way of an estimated reciprocal, for which 1 / 0 is NaN. So every sum,
# product and quotient here carries `afn`, which says something about calls of functions and
# nothing about these: what is fused is written as such, a number has the bits that a lane has, and
# formulas may rely on the rounding of each step, such as n = (x + MAGIC) - MAGIC.
