"""SIMD registers as a Numba type: vectors of numbers with operators, loads, stores, reductions.

A register's twin is a NumPy array of its lanes. A number among vectors stands for all lanes.
"""
# mypy: allow-untyped-calls, allow-untyped-decorators

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, lower_cast, models, register_model

from .jit import Build, Builder, Type, Value, constant


class Vector(types.Type):
    """So many lanes of a number's type."""

    def __init__(self, dtype: Type, lanes: int) -> None:
        self.dtype, self.lanes = dtype, lanes
        super().__init__(f"{dtype}x{lanes}")


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vector) -> None:
        element = manager.lookup(kind.dtype).get_value_type()
        super().__init__(manager, kind, ir.VectorType(element, kind.lanes))


def unified(typing: Any, *operands: Type) -> Type:
    """The type that numbers and vectors have in common: a vector where one of them is one."""
    element = typing.unify_types(*(getattr(o, "dtype", o) for o in operands))
    return like(element, *operands)


def like(element: Type, *operands: Type) -> Type:
    """This type of number, in as many lanes as the operands have."""
    lanes = next((o.lanes for o in operands if isinstance(o, Vector)), 0)
    return Vector(element, lanes) if lanes else element


def element_of(kind: Type) -> Type:
    """The type of a vector's lanes, or of the number itself."""
    return kind.dtype if isinstance(kind, Vector) else kind


def spread(b: Builder, value: Value, lanes: int) -> Value:
    """A vector with this number in every lane."""
    kind = ir.VectorType(value.type, lanes)
    nothing = ir.Constant(kind, ir.Undefined)
    first = b.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
    lane = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return b.shuffle_vector(first, nothing, lane)


@lower_cast(types.Number, Vector)
@lower_cast(types.Boolean, Vector)
def _splat(context: Any, b: Builder, have: Type, wanted: Vector, value: Value) -> Value:
    return spread(b, context.cast(b, value, have, wanted.dtype), wanted.lanes)


@lower_cast(Vector, Vector)
def _converted(context: Any, b: Builder, have: Vector, wanted: Vector, value: Value) -> Value:
    kind = ir.VectorType(context.get_value_type(wanted.dtype), wanted.lanes)
    return converted(b, value, have.dtype, wanted.dtype, kind)


def converted(b: Builder, value: Value, have: Type, wanted: Type, kind: Any) -> Value:
    """The lanes of a vector in another type of number."""
    if have == wanted:
        return value
    if wanted == types.boolean:
        zero = constant(value.type, 0)
        unequal = b.fcmp_unordered if isinstance(have, types.Float) else b.icmp_signed
        return unequal("!=", value, zero)
    signed = getattr(have, "signed", False)
    floats = isinstance(have, types.Float), isinstance(wanted, types.Float)
    return CONVERSIONS[floats](b, value, kind, signed, getattr(wanted, "signed", False))


def _between_floats(b: Builder, v: Value, kind: Any, _: bool, __: bool) -> Value:
    grows = kind.element == ir.DoubleType()
    return b.fpext(v, kind) if grows else b.fptrunc(v, kind)


def _between_integers(b: Builder, v: Value, kind: Any, signed: bool, _: bool) -> Value:
    if kind.element.width <= v.type.element.width:
        return b.trunc(v, kind) if kind.element.width < v.type.element.width else v
    return b.sext(v, kind) if signed else b.zext(v, kind)


CONVERSIONS: dict[tuple[bool, bool], Build] = {
    (True, True): _between_floats,
    (False, False): _between_integers,
    (False, True): lambda b, v, kind, s, _: b.sitofp(v, kind) if s else b.uitofp(v, kind),
    (True, False): lambda b, v, kind, _, s: b.fptosi(v, kind) if s else b.fptoui(v, kind),
}


# Operators


def _for_vectors(op: Any, result: Callable[[Type, Type], Type], *builds: Any) -> None:
    """Teach Numba an operator: builds for floats, signed and unsigned integers."""

    @infer_global(op)
    class _Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if not any(isinstance(a, Vector) for a in args):
                return None
            common = unified(self.context, *args)
            element = common.dtype
            if op is operator.truediv and not isinstance(element, types.Float):
                common = like(types.float64, *args)
            return signature(result(common, element), *(common for _ in args))

    def codegen(context: Any, b: Builder, sig: Any, values: list[Value]) -> Value:
        element = sig.args[0].dtype
        whole = not isinstance(element, types.Float)
        build = builds[whole + (whole and not getattr(element, "signed", False))]
        return build(b, *values)

    both = (op, Vector, Vector) if op not in (operator.neg, operator.invert) else (op, Vector)
    lower_builtin(*both)(codegen)


def _same(common: Type, element: Type) -> Type:
    return common


def _bits(common: Type, element: Type) -> Type:
    return like(types.boolean, common)


def _compared(sign: str) -> tuple[Build, Build, Build]:
    ordered = "fcmp_unordered" if sign == "!=" else "fcmp_ordered"
    return tuple(  # type: ignore[return-value]
        lambda b, x, y, how=how: getattr(b, how)(sign, x, y)
        for how in (ordered, "icmp_signed", "icmp_unsigned")
    )


def method(name: str) -> Build:
    """One of the builder's own instructions."""
    return lambda b, *values: getattr(b, name)(*values)


ARITHMETIC = {
    operator.add: ("fadd", "add", "add"),
    operator.sub: ("fsub", "sub", "sub"),
    operator.mul: ("fmul", "mul", "mul"),
    operator.truediv: ("fdiv", "fdiv", "fdiv"),
    operator.iadd: ("fadd", "add", "add"),
    operator.isub: ("fsub", "sub", "sub"),
    operator.neg: ("fneg", "neg", "neg"),
    operator.and_: ("and_", "and_", "and_"),
    operator.or_: ("or_", "or_", "or_"),
    operator.xor: ("xor", "xor", "xor"),
    operator.invert: ("not_", "not_", "not_"),
}
COMPARISONS = {
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
}
for _op, _names in ARITHMETIC.items():
    _for_vectors(_op, _same, *map(method, _names))
for _op, _sign in COMPARISONS.items():
    _for_vectors(_op, _bits, *_compared(_sign))
