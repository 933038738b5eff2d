"""What emitted modules import: pointers, scalar mathematics, products, copies; nothing of graphc.

Every function stands beside its plain twin, which does the same to NumPy slices. With the JIT off
(NUMBA_DISABLE_JIT) the names here are the twins; PLAIN holds them in any case. External code is
called by symbol name only, never by address, so that what is compiled can be stored.
Traps for who emits code: Note [Lean] at the foot.
"""
# mypy: allow-untyped-calls, allow-untyped-decorators

import os
from collections.abc import Callable
from glob import glob
from operator import floordiv, getitem, mod, setitem
from typing import Any, TypeAlias

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.core import typed_passes as typed
from numba.core import untyped_passes as untyped
from numba.core.cgutils import alloca_once_value, for_range, get_or_insert_function, raw_memcpy
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager
from numba.extending import intrinsic, lower_builtin
from numba.np.numpy_support import as_dtype, from_dtype

Type: TypeAlias = Any  # of Numba's
Builder: TypeAlias = Any  # of LLVM's, as its values
Value: TypeAlias = Any
Build = Callable[..., Value]  # from a builder and values
Rule = tuple[Any, Build]
Plain = Callable[..., Any]

PLAIN: dict[str, Any] = {}


# How functions are compiled


class Lean(CompilerBase):
    """Numba's pipeline without what flat loops do not need; see Note [Lean]."""

    def define_pipelines(self) -> list[PassManager]:
        """One pipeline, from bytecode to machine code."""
        pipeline = PassManager("lean")
        for each in PASSES:
            pipeline.add_pass(each, each.__name__)
        pipeline.finalize()
        return [pipeline]


# fmt: off
PASSES: tuple[type, ...] = (
    untyped.TranslateByteCode, untyped.FixupArgs, untyped.IRProcessing,
    typed.NopythonTypeInference, typed.PreLowerStripPhis, typed.IRLegalization,
    typed.AnnotateTypes, typed.NativeLowering, typed.NoPythonBackend,
)
# fmt: on
FLAGS: dict[str, Any] = dict(nogil=True, error_model="numpy", fastmath={"contract", "arcp"})
FLAGS |= dict(pipeline_class=Lean, no_cfunc_wrapper=True)
JIT_OFF: bool = config.DISABLE_JIT  # type: ignore[attr-defined]


def define(plain: Plain, name: str | None = None) -> Callable[[Callable[..., Rule]], Plain]:
    """Make an intrinsic of the rule that types and builds it, or its twin if the JIT is off."""

    def decorate(rule: Callable[..., Rule]) -> Plain:
        rule.__name__ = name or rule.__name__
        PLAIN[rule.__name__] = plain
        return plain if JIT_OFF else intrinsic(rule)

    return decorate


def _typed(signature: Any, build: Build) -> Rule:
    """What a rule returns: the signature that arguments are cast to, and the code behind it."""

    def codegen(context: Any, builder: Builder, _: Any, values: list[Value]) -> Value:
        result = build(builder, *values)
        return context.get_dummy_value() if result is None else result

    return signature, codegen


# Element types, called as casts: f32(0), i64(t[i])

f32, f64 = np.float32, np.float64
i8, i16, i32, i64 = np.int8, np.int16, np.int32, np.int64
u8, u16, u32, u64 = np.uint8, np.uint16, np.uint32, np.uint64
boolean = np.bool_


# Pointers; where a function takes a pointer, its twin takes a slice


@define(lambda array: array.reshape(-1))
def ptr(typing: Any, array: Type) -> Rule:
    """ptr(array): the first element's place in a C-contiguous array of any rank."""
    if array.layout != "C":
        raise TypeError(f"ptr takes a C-contiguous array, not {array}")

    def codegen(context: Any, b: Builder, signature: Any, values: list[Value]) -> Value:
        return context.make_array(signature.args[0])(context, b, values[0]).data

    return types.CPointer(array.dtype)(array), codegen


@define(lambda p, n: p[n:])
def shift(typing: Any, p: Type, n: Type) -> Rule:
    """shift(p, n): the pointer n elements on."""
    return _typed(p(p, types.int64), lambda b, p, n: b.gep(p, [n], inbounds=True))


def _view(name: str, dtype: Any) -> Plain:
    """at_...(p, offset): elements of one type from a byte offset on, p being a pointer to bytes."""
    view = types.CPointer(from_dtype(np.dtype(dtype)))

    def codegen(context: Any, b: Builder, signature: Any, values: list[Value]) -> Value:
        p, offset = values
        return b.bitcast(b.gep(p, [offset], inbounds=True), context.get_value_type(view))

    def rule(typing: Any, p: Type, offset: Type) -> Rule:
        return view(types.CPointer(types.uint8), types.int64), codegen

    return define(lambda p, offset: p[offset:].view(dtype), name)(rule)


at_f32, at_f64, at_bool = _view("at_f32", f32), _view("at_f64", f64), _view("at_bool", boolean)
at_i8, at_i16, at_i32, at_i64 = (_view(f"at_i{n}", f"i{n // 8}") for n in (8, 16, 32, 64))
at_u8, at_u16, at_u32, at_u64 = (_view(f"at_u{n}", f"u{n // 8}") for n in (8, 16, 32, 64))


# A bool is a byte in memory and a bit elsewhere, which Numba overlooks for pointers.
@lower_builtin(getitem, types.CPointer(types.boolean), types.Integer)
def _load_bool(context: Any, b: Builder, signature: Any, values: list[Value]) -> Value:
    p, i = values
    byte = b.load(b.gep(p, [i]))
    return b.icmp_unsigned("!=", byte, byte.type(0))


@lower_builtin(setitem, types.CPointer(types.boolean), types.Integer, types.Any)
def _store_bool(context: Any, b: Builder, signature: Any, values: list[Value]) -> None:
    p, i, bit = values
    b.store(b.zext(bit, p.type.pointee), b.gep(p, [i]))


# Code that is called


def _external(b: Builder, name: str, *values: Value) -> Value:
    """A call of a pure function of numbers of one type."""
    kind = ir.FunctionType(values[0].type, [v.type for v in values])
    function = get_or_insert_function(b.module, kind, name)
    function.attributes.add("nounwind")
    function.attributes.add("readnone")
    return b.call(function, values)


def _libm(name: str) -> Build:
    """A function of the C library, float32 in its own precision."""
    names = {ir.FloatType(): name + "f", ir.DoubleType(): name}
    return lambda b, *values: _external(b, names[values[0].type], *values)


def _llvm(name: str) -> Build:
    """What the processor has, or LLVM builds from what it has."""
    return lambda b, *values: _external(b, f"llvm.{name}.{values[0].type.intrinsic_name}", *values)


# Functions by what they do to floats, signed and unsigned integers, or to floats alone


def _rule(typing: Any, operands: tuple[Type, ...], builds: tuple[Build, ...]) -> Rule:
    common = typing.unify_types(*operands)
    if not isinstance(common, types.Float) and len(builds) == 1:
        common = types.float64
    whole = not isinstance(common, types.Float)
    build = builds[whole + (whole and not getattr(common, "signed", False))]
    return _typed(common(*(common for _ in operands)), build)


def _of_one(name: str, plain: Plain, *builds: Build) -> Plain:
    return define(plain, name)(lambda typing, x: _rule(typing, (x,), builds))


def _of_two(name: str, plain: Plain, *builds: Build) -> Plain:
    return define(plain, name)(lambda typing, x, y: _rule(typing, (x, y), builds))


# Choice and sign


@define(lambda c, a, b: a if c else b)
def select(typing: Any, c: Type, a: Type, b: Type) -> Rule:
    """select(c, a, b): a where c holds, else b; both are computed, and nothing branches."""
    common = typing.unify_types(a, b)
    return _typed(common(types.boolean, common, common), lambda b, c, x, y: b.select(c, x, y))


@define(np.isfinite)
def is_finite(typing: Any, x: Type) -> Rule:
    """is_finite(x): neither NaN nor an infinity."""
    kind = x if isinstance(x, types.Float) else types.float64

    def build(b: Builder, v: Value) -> Value:
        return b.fcmp_ordered("<", _llvm("fabs")(b, v), v.type(float("inf")))

    return _typed(types.boolean(kind), build)


def _plain_maximum(x: Any, y: Any) -> Any:
    zero = y if np.signbit(x) else x
    return zero if x == 0 == y else np.maximum(x, y)


def _plain_minimum(x: Any, y: Any) -> Any:
    zero = x if np.signbit(x) else y
    return zero if x == 0 == y else np.minimum(x, y)


def _sign(b: Builder, v: Value) -> Value:
    below = b.select(b.fcmp_ordered("<", v, v.type(0)), v.type(-1), v.type(0))
    ordered = b.select(b.fcmp_ordered(">", v, v.type(0)), v.type(1), below)
    return b.select(b.fcmp_unordered("uno", v, v), v, ordered)


def _signed_sign(b: Builder, v: Value) -> Value:
    return _llvm("smin")(b, _llvm("smax")(b, v, v.type(-1)), v.type(1))


def _unsigned_sign(b: Builder, v: Value) -> Value:
    return _llvm("umin")(b, v, v.type(1))


def _signed_absolute(b: Builder, v: Value) -> Value:
    return _llvm("smax")(b, v, b.neg(v))


# NaN wins, as in NumPy; of two zeros the positive one is the greater, see Note [Zeros].
maximum = _of_two("maximum", _plain_maximum, _llvm("maximum"), _llvm("smax"), _llvm("umax"))
minimum = _of_two("minimum", _plain_minimum, _llvm("minimum"), _llvm("smin"), _llvm("umin"))

# sign(NaN) is NaN; the least integer is its own absolute value.
absolute = _of_one("absolute", np.absolute, _llvm("fabs"), _signed_absolute, lambda b, v: v)
sign = _of_one("sign", np.sign, _sign, _signed_sign, _unsigned_sign)


# Functions of real numbers


def _decay(b: Builder, v: Value) -> Value:
    """exp(-|v|), which cannot overflow."""
    return _libm("exp")(b, b.fneg(_llvm("fabs")(b, v)))


def _sigmoid(b: Builder, v: Value) -> Value:
    """1 / (1 + z) or z / (1 + z) with z = exp(-|v|)."""
    one, z = v.type(1), _decay(b, v)
    return b.fdiv(b.select(b.fcmp_ordered(">=", v, v.type(0)), one, z), b.fadd(one, z))


def _plain_sigmoid(x: Any) -> Any:
    z = np.exp(-np.absolute(x))
    return (1 if x >= 0 else z) / (1 + z)


def _softplus(b: Builder, v: Value) -> Value:
    """max(v, 0) + log1p(exp(-|v|))."""
    return b.fadd(_llvm("maximum")(b, v, v.type(0)), _libm("log1p")(b, _decay(b, v)))


def _plain_softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.absolute(x)))


# fmt: off
exp        = _of_one("exp",        np.exp,   _libm("exp"))
expm1      = _of_one("expm1",      np.expm1, _libm("expm1"))
log        = _of_one("log",        np.log,   _libm("log"))
log1p      = _of_one("log1p",      np.log1p, _libm("log1p"))
sin        = _of_one("sin",        np.sin,   _libm("sin"))
cos        = _of_one("cos",        np.cos,   _libm("cos"))
tan        = _of_one("tan",        np.tan,   _libm("tan"))
tanh       = _of_one("tanh",       np.tanh,  _libm("tanh"))
sqrt       = _of_one("sqrt",       np.sqrt,  _llvm("sqrt"))
floor      = _of_one("floor",      np.floor, _llvm("floor"))
trunc      = _of_one("trunc",      np.trunc, _llvm("trunc"))
reciprocal = _of_one("reciprocal", lambda x: np.divide(1, x), lambda b, v: b.fdiv(v.type(1), v))
sigmoid    = _of_one("sigmoid",    _plain_sigmoid,            _sigmoid)
softplus   = _of_one("softplus",   _plain_softplus,           _softplus)
# fmt: on


# Powers and quotients


def _unsigned_power(b: Builder, x: Value, n: Value) -> Value:
    """Square and multiply, a bit of n a turn; it wraps around."""
    result, factor = (alloca_once_value(b, v) for v in (x.type(1), x))
    with for_range(b, n.type(n.type.width)) as loop:
        odd = b.trunc(b.lshr(n, loop.index), ir.IntType(1))
        product = b.mul(b.load(result), b.load(factor))
        b.store(b.select(odd, product, b.load(result)), result)
        b.store(b.mul(b.load(factor), b.load(factor)), factor)
    return b.load(result)


def _signed_power(b: Builder, x: Value, n: Value) -> Value:
    return _unsigned_power(b, x, _llvm("smax")(b, n, n.type(0)))


def _plain_power(x: Any, n: Any) -> Any:
    whole = np.result_type(x, n).kind in "iu"
    exponents = [np.maximum(n, 0) if whole else n]  # for a lone 0.5 NumPy takes the square root
    return np.power([x], exponents)[0]


def _quotient(name: str, plain: Plain, operator: Plain, by_minus: Build) -> Plain:
    """Numba's own operator; what a signed integer divided by -1 gives is known without it."""

    def rule(typing: Any, x: Type, y: Type) -> Rule:
        common = typing.unify_types(x, y)
        signature = common(common, common)

        def codegen(context: Any, b: Builder, _: Any, values: list[Value]) -> Value:
            result, divisor = context.get_function(operator, signature)(b, values), values[1]
            if isinstance(common, types.Float) or not common.signed:
                return result
            minus = b.icmp_signed("==", divisor, divisor.type(-1))
            return b.select(minus, by_minus(b, values[0]), result)

        return signature, codegen

    return define(plain, name)(rule)


# As NumPy has them: rounded down, the remainder with the sign of y, integers by zero give 0.
# A divisor below the least normal number may give NaN, as in any kernel that may use reciprocals.
floor_divide = _quotient("floor_divide", np.floor_divide, floordiv, lambda b, v: b.neg(v))
remainder = _quotient("remainder", np.remainder, mod, lambda b, v: v.type(0))

# Integers wrap around; a negative exponent of theirs, which NumPy refuses, counts as 0.
power = _of_two("power", _plain_power, _libm("pow"), _signed_power, _unsigned_power)


# Runs of elements


def _plain_outside(p: Any, n: int, low: int, high: int) -> int:
    found = np.flatnonzero((p[:n] < low) | (p[:n] >= high))
    return int(found[0]) if found.size else -1


@define(_plain_outside)
def outside(typing: Any, p: Type, n: Type, low: Type, high: Type) -> Rule:
    """outside(p, n, low, high): where the first of n integers is not in low <= v < high, or -1."""
    signed = p.dtype.signed

    def build(b: Builder, p: Value, n: Value, low: Value, high: Value) -> Value:
        if not signed:  # then u64 may be read as i64: what is too large for it is below zero
            low = _llvm("smax")(b, low, low.type(0))
        first = alloca_once_value(b, n)
        with for_range(b, n) as loop:
            v = b.load(b.gep(p, [loop.index]))
            v = b.sext(v, n.type) if signed else b.zext(v, n.type)
            bad = b.or_(b.icmp_signed("<", v, low), b.icmp_signed(">=", v, high))
            here = b.select(bad, loop.index, n)
            b.store(_llvm("smin")(b, b.load(first), here), first)
        none = b.icmp_signed(">=", b.load(first), n)
        return b.select(none, n.type(-1), b.load(first))

    int64 = types.int64
    return _typed(int64(p, int64, int64, int64), build)


@define(lambda p, n, value: setitem(p, slice(n), value))
def fill(typing: Any, p: Type, n: Type, value: Type) -> Rule:
    """fill(p, n, value): n elements become value."""

    def build(b: Builder, p: Value, n: Value, v: Value) -> None:
        stored = b.zext(v, p.type.pointee) if v.type == ir.IntType(1) else v
        with for_range(b, n) as loop:
            b.store(stored, b.gep(p, [loop.index]))

    return _typed(types.void(p, types.int64, p.dtype), build)


def _plain_report(work: Any, check: int, position: int, value: int) -> None:
    work[:24].view(np.int64)[:] = check, position, value


@define(_plain_report)
def report(typing: Any, work: Type, check: Type, position: Type, value: Type) -> Rule:
    """report(work, check, position, value): leave in the first bytes of work which check failed,
    where and on what.
    """

    def build(b: Builder, work: Value, *facts: Value) -> None:
        words = b.bitcast(work, ir.IntType(64).as_pointer())
        for n, fact in enumerate(facts):
            b.store(fact, b.gep(words, [ir.Constant(ir.IntType(64), n)]))

    return _typed(types.void(work, types.int64, types.int64, types.int64), build)


@define(lambda dst, src, n: setitem(dst, slice(n), src[:n]))
def copy(typing: Any, dst: Type, src: Type, n: Type) -> Rule:
    """copy(dst, src, n): n elements of src go to dst, which does not overlap it."""
    size, run = as_dtype(dst.dtype).itemsize, types.void(dst, dst, types.int64)
    return _typed(run, lambda b, dst, src, n: raw_memcpy(b, dst, src, n, size))


def _plain_gather_rows(dst: Any, src: Any, order: Any, first: int, count: int, row: int) -> None:
    for r in range(count):
        at = order[first + r] * row
        dst[r * row : (r + 1) * row] = src[at : at + row]


@define(_plain_gather_rows)
def gather_rows(
    typing: Any, dst: Type, src: Type, order: Type, first: Type, count: Type, row: Type
) -> Rule:
    """gather_rows(dst, src, order, first, count, row): row r is row order[first + r] of src."""
    size = as_dtype(dst.dtype).itemsize

    def build(b: Builder, dst: Value, src: Value, *rest: Value) -> None:
        order, first, count, row = rest
        with for_range(b, count) as loop:
            picked = b.load(b.gep(order, [b.add(first, loop.index)]))
            to, start = b.gep(dst, [b.mul(loop.index, row)]), b.gep(src, [b.mul(picked, row)])
            raw_memcpy(b, to, start, row, size)

    int64 = types.int64
    return _typed(types.void(dst, dst, types.CPointer(int64), int64, int64, int64), build)


# Products


def _openblas() -> str:
    """Load the OpenBLAS that NumPy's wheel brings along; its file's name, or none at all."""
    numpy = os.path.dirname(np.__file__)
    wheels = glob(os.path.join(numpy, os.pardir, "numpy.libs", "*openblas64_*"))
    for file in wheels + glob(os.path.join(numpy, ".dylibs", "*openblas64_*")):
        llvm.load_library_permanently(file)
        if llvm.address_of_symbol("scipy_sgemm_64_"):
            return os.path.basename(file)
    return ""


_FILE = "" if JIT_OFF or os.environ.get("GRAPHC_BLAS") == "none" else _openblas()
BLAS = f"OpenBLAS ({_FILE})" if _FILE else "NumPy" if JIT_OFF else "loops"


def _matrix(p: Any, rows: int, columns: int, stride: int) -> Any:
    strides = (stride * p.itemsize, p.itemsize)
    return np.ndarray((rows, columns), p.dtype, buffer=p, strides=strides)


def _fortran(b: Builder, name: str, *values: Value) -> None:
    """Call a routine of BLAS, every argument by reference; alpha tells the precision."""
    single = any(v.type == ir.FloatType() for v in values)
    places = [v if v.type.is_pointer else alloca_once_value(b, v) for v in values]
    kind = ir.FunctionType(ir.VoidType(), [place.type for place in places])
    symbol = f"scipy_{'s' if single else 'd'}{name}_64_"
    b.call(get_or_insert_function(b.module, kind, symbol), places)


def _blas(builder: Builder, *values: Value) -> None:
    """Ask BLAS, which counts down columns, for op(B)' op(A)'; a single row or column is gemv's."""
    ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc = values
    one, either = m.type(1), builder.select
    ta, tb = (builder.icmp_signed("!=", flag, flag.type(0)) for flag in (ta, tb))
    lda, ldb, ldc = (_llvm("smax")(builder, stride, one) for stride in (lda, ldb, ldc))
    column, row = (builder.icmp_signed("==", size, one) for size in (n, m))
    thin = builder.and_(builder.or_(column, row), builder.icmp_signed(">", k, k.type(0)))

    def letter(transposed: Value) -> Value:
        return either(transposed, ir.IntType(8)(ord("T")), ir.IntType(8)(ord("N")))

    with builder.if_else(thin) as (vector, matrix):
        with vector:
            turned, length = either(column, builder.not_(ta), tb), either(column, m, n)
            shape = either(turned, k, length), either(turned, length, k)
            by, stride = either(column, a, b), either(column, lda, ldb)
            x = either(column, b, a), either(column, either(tb, one, ldb), either(ta, lda, one))
            y = c, either(column, ldc, one)
            _fortran(builder, "gemv", letter(turned), *shape, alpha, by, stride, *x, beta, *y)
        with matrix:
            letters, operands = (letter(tb), letter(ta)), (b, ldb, a, lda)
            _fortran(builder, "gemm", *letters, n, m, k, alpha, *operands, beta, c, ldc)


# fmt: off
def _blas_gemm(
    typing: Any, ta: Type, tb: Type, m: Type, n: Type, k: Type,
    alpha: Type, a: Type, lda: Type, b: Type, ldb: Type, beta: Type, c: Type, ldc: Type,
) -> Rule:
    size, scaled, onto = types.int64, (c.dtype, c, types.int64), (c, types.int64)
    return _typed(types.void(size, size, size, size, size, *scaled, *onto, *scaled), _blas)


def _plain_gemm(
    ta: int, tb: int, m: int, n: int, k: int,
    alpha: Any, a: Any, lda: int, b: Any, ldb: int, beta: Any, c: Any, ldc: int,
) -> None:
    x = _matrix(a, k, m, lda).T if ta else _matrix(a, m, k, lda)
    y = _matrix(b, n, k, ldb).T if tb else _matrix(b, k, n, ldb)
    z = _matrix(c, m, n, ldc)
    z[:] = alpha * (x @ y) if beta == 0 else alpha * (x @ y) + beta * z


@njit(**FLAGS)
def _loops_gemm(
    ta: int, tb: int, m: int, n: int, k: int,
    alpha: Any, a: Any, lda: int, b: Any, ldb: int, beta: Any, c: Any, ldc: int,
) -> None:
    a_row, a_step = select(ta != 0, 1, lda), select(ta != 0, lda, 1)
    b_step, b_column = select(tb != 0, 1, ldb), select(tb != 0, ldb, 1)
    if n == 1:
        _loops(1, m, k, alpha, b, 0, b_step, a, a_step, a_row, beta, c, 0, ldc)
    else:
        _loops(m, n, k, alpha, a, a_row, a_step, b, b_step, b_column, beta, c, ldc, 1)


@njit(**FLAGS)
def _loops(
    m: int, n: int, k: int, alpha: Any, a: Any, a_row: int, a_step: int,
    b: Any, b_step: int, b_column: int, beta: Any, c: Any, c_row: int, c_column: int,
) -> None:
    """Add up rows of b into a row of c: the innermost loop is over neighbours where it can be."""
    for i in range(m):
        row = shift(c, i * c_row)
        for j in range(n):
            row[j * c_column] = select(beta == 0, beta, beta * row[j * c_column])
        for p in range(k):
            factor = alpha * a[i * a_row + p * a_step]
            line = shift(b, p * b_step)
            for j in range(n):
                row[j * c_column] += factor * line[j * b_column]


@njit(**FLAGS)
def _called_gemm(
    ta: int, tb: int, m: int, n: int, k: int,
    alpha: Any, a: Any, lda: int, b: Any, ldb: int, beta: Any, c: Any, ldc: int,
) -> None:
    """One function for all products of a module: written out at each, they compile slowly."""
    _gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
# fmt: on


# gemm(ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc); see Note [Products].
_gemm = define(_plain_gemm, "gemm")(_blas_gemm)
gemm = _loops_gemm if BLAS == "loops" else _gemm if JIT_OFF else _called_gemm


# What an emitted module may import, each name with its twin

_SAME = "BLAS", "boolean", "f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"
PLAIN |= {name: globals()[name] for name in _SAME}
PLAIN |= {"njit": lambda function=None, **flags: function or (lambda f: f), "FLAGS": {}}
# fmt: off
__all__ = [
    "BLAS",
    "FLAGS",
    "PLAIN",
    "absolute",
    "at_bool",
    "at_f32",
    "at_f64",
    "at_i8",
    "at_i16",
    "at_i32",
    "at_i64",
    "at_u8",
    "at_u16",
    "at_u32",
    "at_u64",
    "boolean",
    "copy",
    "cos",
    "exp",
    "expm1",
    "f32",
    "f64",
    "fill",
    "floor",
    "floor_divide",
    "gather_rows",
    "gemm",
    "i8",
    "i16",
    "i32",
    "i64",
    "is_finite",
    "log",
    "log1p",
    "maximum",
    "minimum",
    "njit",
    "outside",
    "power",
    "ptr",
    "reciprocal",
    "remainder",
    "report",
    "select",
    "shift",
    "sigmoid",
    "sign",
    "sin",
    "softplus",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
    "u8",
    "u16",
    "u32",
    "u64",
]
# fmt: on

# Note [Lean]
#
# The pipeline has no rewriting before types are known: no raise, assert, comprehension or closure
# compiles. It has no SSA form: a variable that a loop gives two types silently has the wider one,
# so `s = 0.0` before `s += x[i]` makes s a float64; start from f32(0). Literals are i64 and f64:
# x * 2 is f64 for an f32 x, i32 + i32 is i64, while the plain twins keep NumPy's types; cast, or
# take constants from the module's globals, which compiles a fifth faster than f32(2) in a loop.
# Negate a bool as `c ^ True`: ~ of a Python bool is an integer. An index of a pointer is neither
# checked nor wrapped around. A nest of two loops with five statements takes about 50 ms to compile,
# in a function with 80 of them too; sharing names between loops and ternaries cost nothing more.
#
# Note [Zeros]
#
# Which of +0 and -0 is the maximum, NumPy leaves to the machine. Here it is +0, as IEEE 754-2019
# has it, and -0 is the minimum: LLVM's `maximum` means this and turns a reduction into vectors,
# which a comparison that must let NaN through prevents.
#
# Note [Products]
#
# C (m by n) becomes alpha op(A) op(B) + beta C, where op(A) is m by k: A itself, or its transpose
# if ta is 1. Rows are lda, ldb and ldc elements apart. C is not read where beta is 0, and overlaps
# neither A nor B. All numbers have one float type. OpenBLAS multiplies a single row or column by
# gemm ten times slower than by gemv (1 by 64 by 64: 3 us against 0.25), so that is what they get.
