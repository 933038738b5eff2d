"""What registers do: loads and stores, whole or in part, conversions, reductions over their lanes.

A register's twin is a NumPy array of its lanes.
"""
# mypy: allow-untyped-calls, allow-untyped-decorators

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from .jit import Build, Builder, Plain, Rule, Type, Value, constant, define, llvm, typed
from .vectors import Vector, converted, like, method, spread, unified

WORD, BIT = ir.IntType(64), ir.IntType(1)

# Loads and stores; `left` is how many elements there are from the first lane on


def _place(b: Builder, p: Value, i: Value, lanes: int) -> Value:
    start = b.gep(p, [i])
    return b.bitcast(start, ir.VectorType(p.type.pointee, lanes).as_pointer())


def _size(kind: Any) -> int:
    return {ir.FloatType(): 4, ir.DoubleType(): 8}.get(kind) or kind.width // 8


def _as_lanes(b: Builder, loaded: Value, dtype: Type) -> Value:
    """A bool is a byte in memory and a bit in a register."""
    if dtype != types.boolean:
        return loaded
    return b.icmp_unsigned("!=", loaded, constant(loaded.type, 0))


def _as_stored(b: Builder, value: Value, pointer: Value) -> Value:
    kind = ir.VectorType(pointer.type.pointee, value.type.count)
    return b.zext(value, kind) if value.type.element == BIT else value


def _live(b: Builder, left: Value, lanes: int) -> Value:
    """Which lanes are among the first `left`."""
    count = ir.Constant(ir.VectorType(WORD, lanes), list(range(lanes)))
    return b.icmp_signed("<", count, spread(b, left, lanes))


def _whole(b: Builder, p: Value, i: Value, lanes: int) -> Value:
    return b.load(_place(b, p, i, lanes), align=_size(p.type.pointee))


def _masked(b: Builder, kind: str, vector: Any, result: Any, *values: Value) -> Value:
    name = f"llvm.masked.{kind}.v{vector.count}{vector.element.intrinsic_name}.p0"
    function = b.module.globals.get(name)
    if function is None:
        shape = ir.FunctionType(result, [v.type for v in values])
        function = ir.Function(b.module, shape, name)
    return b.call(function, values)


def _partly(b: Builder, p: Value, i: Value, left: Value, lanes: int) -> Value:
    """The first `left` lanes from memory, the others 0; memory behind them is not touched."""
    place = _place(b, p, i, lanes)
    kind = ir.VectorType(p.type.pointee, lanes)
    align = ir.Constant(ir.IntType(32), _size(kind.element))
    full = b.icmp_signed(">=", left, left.type(lanes))
    with b.if_else(full) as (whole, rest):
        with whole:
            everything, end = b.load(place, align=_size(kind.element)), b.block
        with rest:
            mask, zero = _live(b, left, lanes), constant(kind, 0)
            some = _masked(b, "load", kind, kind, place, align, mask, zero)
            other = b.block
    found = b.phi(kind)
    found.add_incoming(everything, end)
    found.add_incoming(some, other)
    return found


def _put(b: Builder, p: Value, i: Value, value: Value) -> None:
    stored = _as_stored(b, value, p)
    b.store(stored, _place(b, p, i, stored.type.count), align=_size(p.type.pointee))


def _put_partly(b: Builder, p: Value, i: Value, value: Value, left: Value) -> None:
    stored = _as_stored(b, value, p)
    lanes = stored.type.count
    place = _place(b, p, i, lanes)
    align = _size(p.type.pointee)
    with b.if_else(b.icmp_signed(">=", left, left.type(lanes))) as (whole, rest):
        with whole:
            b.store(stored, place, align=align)
        with rest:
            alignment = ir.Constant(ir.IntType(32), align)
            mask = _live(b, left, lanes)
            _masked(b, "store", stored.type, ir.VoidType(), stored, place, alignment, mask)


def _plain_part(p: Any, i: int, left: int, lanes: int) -> Any:
    found = np.zeros(lanes, p.dtype)
    count = max(0, min(left, lanes))
    found[:count] = p[i : i + count]
    return found


def _plain_store(p: Any, i: int, v: Any) -> None:
    p[i : i + v.size] = v


def _plain_store_part(p: Any, i: int, v: Any, left: int) -> None:
    count = max(0, min(left, v.size))
    p[i : i + count] = v[:count]


def _loads(lanes: int) -> tuple[Plain, Plain, Plain, Plain]:
    def load(typing: Any, p: Type, i: Type) -> Rule:
        """Neighbours from p[i] on, one a lane."""

        def build(b: Builder, p: Value, i: Value) -> Value:
            return _as_lanes(b, _whole(b, p, i, lanes), dtype)

        dtype = p.dtype
        return typed(Vector(dtype, lanes)(p, types.int64), build)

    def part(typing: Any, p: Type, i: Type, left: Type) -> Rule:
        """As a load, of no more than `left` elements; the lanes behind them are 0."""

        def build(b: Builder, p: Value, i: Value, left: Value) -> Value:
            return _as_lanes(b, _partly(b, p, i, left, lanes), dtype)

        dtype = p.dtype
        return typed(Vector(dtype, lanes)(p, types.int64, types.int64), build)

    def splat(typing: Any, x: Type) -> Rule:
        """A number in every lane."""
        return typed(Vector(x, lanes)(x), lambda b, x: spread(b, x, lanes))

    def count(typing: Any, i: Type) -> Rule:
        """i, i + 1, ...: the index of each lane."""
        steps = ir.Constant(ir.VectorType(WORD, lanes), list(range(lanes)))
        kind = Vector(types.int64, lanes)
        return typed(kind(types.int64), lambda b, i: b.add(spread(b, i, lanes), steps))

    return (
        define(lambda p, i: p[i : i + lanes].copy(), f"load{lanes}")(load),
        define(lambda p, i, left: _plain_part(p, i, left, lanes), f"part{lanes}")(part),
        define(lambda x: np.full(lanes, x), f"splat{lanes}")(splat),
        define(lambda i: np.arange(i, i + lanes), f"count{lanes}")(count),
    )


load4, part4, splat4, count4 = _loads(4)
load8, part8, splat8, count8 = _loads(8)
load16, part16, splat16, count16 = _loads(16)


@define(_plain_store)
def store(typing: Any, p: Type, i: Type, v: Type) -> Rule:
    """store(p, i, v): the lanes of v go to p[i] and on."""
    return typed(types.void(p, types.int64, like(p.dtype, v)), _put)


@define(_plain_store_part)
def store_part(typing: Any, p: Type, i: Type, v: Type, left: Type) -> Rule:
    """store_part(p, i, v, left): as store, of no more than `left` lanes."""
    return typed(types.void(p, types.int64, like(p.dtype, v), types.int64), _put_partly)


def _plain_keep(v: Any, left: int, other: Any) -> Any:
    return np.where(np.arange(v.size) < left, v, other).astype(v.dtype)


@define(_plain_keep)
def keep(typing: Any, v: Type, left: Type, other: Type) -> Rule:
    """keep(v, left, other): the first `left` lanes of v, `other` in those behind them."""

    def build(b: Builder, v: Value, left: Value, other: Value) -> Value:
        return b.select(_live(b, left, v.type.count), v, spread(b, other, v.type.count))

    return typed(v(v, types.int64, v.dtype), build)


# Conversions


def _to(name: str, wanted: Type, dtype: Any) -> Plain:
    """to_...(v): the lanes in another type of number."""

    def rule(typing: Any, v: Type) -> Rule:
        kind, have = Vector(wanted, v.lanes), v.dtype
        shape = ir.VectorType(KINDS[wanted], v.lanes)
        return typed(kind(v), lambda b, v: converted(b, v, have, wanted, shape))

    return define(lambda v: v.astype(dtype), name)(rule)


KINDS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType(), types.boolean: BIT}
KINDS |= {getattr(types, f"{s}int{n}"): ir.IntType(n) for s in ("", "u") for n in (8, 16, 32, 64)}

to_f32, to_f64 = _to("to_f32", types.float32, "f4"), _to("to_f64", types.float64, "f8")
to_bool = _to("to_bool", types.boolean, bool)
to_i8, to_i16, to_i32, to_i64 = (
    _to(f"to_i{n}", getattr(types, f"int{n}"), f"i{n // 8}") for n in (8, 16, 32, 64)
)
to_u8, to_u16, to_u32, to_u64 = (
    _to(f"to_u{n}", getattr(types, f"uint{n}"), f"u{n // 8}") for n in (8, 16, 32, 64)
)


# Reductions over lanes, by halves: the same order everywhere


def _halved(b: Builder, v: Value, build: Build) -> Value:
    """The upper half of a vector joined to the lower one, until one number is left."""
    while v.type.count > 1:
        half = v.type.count // 2
        nothing = ir.Constant(v.type, ir.Undefined)
        parts = (
            b.shuffle_vector(v, nothing, _numbered(range(start, start + half)))
            for start in (0, half)
        )
        v = build(b, *parts)
    return b.extract_element(v, ir.Constant(ir.IntType(32), 0))


def _numbered(numbers: Any) -> Value:
    found = list(numbers)
    return ir.Constant(ir.VectorType(ir.IntType(32), len(found)), found)


def _plain_halved(join: Plain) -> Plain:
    def run(v: Any) -> Any:
        while v.size > 1:
            half = v.size // 2
            v = join(v[:half], v[half:])
        return v[0]

    return run


def _over_lanes(name: str, join: Plain, *builds: Build) -> Plain:
    def rule(typing: Any, v: Type) -> Rule:
        whole = not isinstance(v.dtype, types.Float)
        unsigned = whole and not getattr(v.dtype, "signed", False)
        build = builds[min(whole + unsigned, len(builds) - 1)]
        return typed(v.dtype(v), lambda b, v: _halved(b, v, build))

    return define(_plain_halved(join), name)(rule)


sum_lanes = _over_lanes("sum_lanes", np.add, method("fadd"), method("add"))
prod_lanes = _over_lanes("prod_lanes", np.multiply, method("fmul"), method("mul"))
max_lanes = _over_lanes("max_lanes", np.maximum, llvm("maximum"), llvm("smax"), llvm("umax"))
min_lanes = _over_lanes("min_lanes", np.minimum, llvm("minimum"), llvm("smin"), llvm("umin"))
any_lanes = _over_lanes("any_lanes", np.logical_or, method("or_"))
all_lanes = _over_lanes("all_lanes", np.logical_and, method("and_"))


@define(lambda p, at: p[at])
def gather(typing: Any, p: Type, at: Type) -> Rule:
    """gather(p, at): the elements of p at the indices in the lanes of `at`."""
    dtype, lanes = p.dtype, at.lanes

    def build(b: Builder, p: Value, at: Value) -> Value:
        found = ir.Constant(ir.VectorType(p.type.pointee, lanes), ir.Undefined)
        for n in range(lanes):
            lane = ir.Constant(ir.IntType(32), n)
            each = b.load(b.gep(p, [b.extract_element(at, lane)]))
            found = b.insert_element(found, each, lane)
        return _as_lanes(b, found, dtype)

    return typed(Vector(dtype, lanes)(p, Vector(types.int64, lanes)), build)


@define(lambda x, y, z: x * y + z)
def fma(typing: Any, x: Type, y: Type, z: Type) -> Rule:
    """fma(x, y, z): x * y + z, rounded once."""
    common = unified(typing, x, y, z)
    return typed(common(common, common, common), llvm("fma"))
