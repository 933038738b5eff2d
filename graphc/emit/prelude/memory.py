"""Pointers, and runs of elements behind them."""
# mypy: allow-untyped-calls, allow-untyped-decorators

from operator import getitem, setitem
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import alloca_once_value, for_range, raw_memcpy
from numba.extending import lower_builtin
from numba.np.numpy_support import as_dtype, from_dtype

from .jit import Builder, Plain, Rule, Type, Value, boolean, define, f32, f64, llvm, typed

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
    return typed(p(p, types.int64), lambda b, p, n: b.gep(p, [n], inbounds=True))


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
            low = llvm("smax")(b, low, low.type(0))
        first = alloca_once_value(b, n)
        with for_range(b, n) as loop:
            v = b.load(b.gep(p, [loop.index]))
            v = b.sext(v, n.type) if signed else b.zext(v, n.type)
            bad = b.or_(b.icmp_signed("<", v, low), b.icmp_signed(">=", v, high))
            here = b.select(bad, loop.index, n)
            b.store(llvm("smin")(b, b.load(first), here), first)
        none = b.icmp_signed(">=", b.load(first), n)
        return b.select(none, n.type(-1), b.load(first))

    int64 = types.int64
    return typed(int64(p, int64, int64, int64), build)


@define(lambda p, n, value: setitem(p, slice(n), value))
def fill(typing: Any, p: Type, n: Type, value: Type) -> Rule:
    """fill(p, n, value): n elements become value."""

    def build(b: Builder, p: Value, n: Value, v: Value) -> None:
        stored = b.zext(v, p.type.pointee) if v.type == ir.IntType(1) else v
        with for_range(b, n) as loop:
            b.store(stored, b.gep(p, [loop.index]))

    return typed(types.void(p, types.int64, p.dtype), build)


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

    return typed(types.void(work, types.int64, types.int64, types.int64), build)


@define(lambda work: bool(work[:8].view(np.int64)[0]))
def failed(typing: Any, work: Type) -> Rule:
    """failed(work): whether a check has been reported."""

    def build(b: Builder, work: Value) -> Value:
        word = b.load(b.bitcast(work, ir.IntType(64).as_pointer()))
        return b.icmp_signed("!=", word, word.type(0))

    return typed(types.boolean(work), build)


@define(lambda dst, src, n: setitem(dst, slice(n), src[:n]))
def copy(typing: Any, dst: Type, src: Type, n: Type) -> Rule:
    """copy(dst, src, n): n elements of src go to dst, which does not overlap it."""
    size, run = as_dtype(dst.dtype).itemsize, types.void(dst, dst, types.int64)
    return typed(run, lambda b, dst, src, n: raw_memcpy(b, dst, src, n, size))


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
    return typed(types.void(dst, dst, types.CPointer(int64), int64, int64, int64), build)


@define(lambda n: np.empty(n))
def tape(typing: Any, n: Type) -> Rule:
    """tape(n): room for n f64 values until the function that asks returns."""
    double = ir.DoubleType()
    return typed(types.CPointer(types.float64)(types.int64), lambda b, n: b.alloca(double, n))
