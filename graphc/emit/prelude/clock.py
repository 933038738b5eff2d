"""The clock that a profiled module reads between its statements, and the slots that time goes to.

A reading costs a few nanoseconds, and no statement moves across it.
"""
# mypy: allow-untyped-calls, allow-untyped-decorators

import platform
from time import perf_counter_ns
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function

from .jit import Builder, Rule, Type, Value, define, typed

X86 = platform.machine() in ("x86_64", "AMD64")
COUNTER = "llvm.readcyclecounter" if X86 else "llvm.readsteadycounter"  # see Note [Counters]


def _plain_tick(ticks: Any, slot: int, value: Any = None) -> None:
    now = perf_counter_ns()
    ticks[1 + slot] += now - ticks[0]
    ticks[0] = now


@define(_plain_tick)
def tick(typing: Any, ticks: Type, slot: Type) -> Rule:
    """tick(ticks, slot): the time since the last tick goes to a slot; ticks[0] is the last one."""
    return typed(types.void(types.CPointer(types.int64), types.int64), _read_clock)


@define(_plain_tick)
def tick_with(typing: Any, ticks: Type, slot: Type, value: Type) -> Rule:
    """tick_with(ticks, slot, value): a tick as soon as a number is known."""

    def build(b: Builder, ticks: Value, slot: Value, value: Value) -> None:
        _use(b, value)
        _read_clock(b, ticks, slot)

    return typed(types.void(types.CPointer(types.int64), types.int64, value), build)


@define(lambda value: value)
def held(typing: Any, value: Type) -> Rule:
    """held(value): the same number, as if it became known only here."""
    return typed(value(value), _use)


def _read_clock(b: Builder, ticks: Value, slot: Value) -> None:
    _settle(b)
    now = b.call(_nullary(b, COUNTER, ir.IntType(64)), [])
    own = b.gep(ticks, [b.add(slot, slot.type(1))])
    b.store(b.add(b.load(own), b.sub(now, b.load(ticks))), own)
    b.store(now, ticks)
    b.fence("seq_cst", "singlethread")


def _settle(b: Builder) -> None:
    """What stands before is done before what follows begins."""
    b.fence("seq_cst", "singlethread")
    if X86:
        b.call(_nullary(b, "llvm.x86.sse2.lfence", ir.VoidType()), [])


def _use(b: Builder, value: Value) -> Value:
    """A number, through what is no instruction but hides where it comes from."""
    wide = {ir.FloatType(): ir.IntType(32), ir.DoubleType(): ir.IntType(64)}
    kind = wide.get(value.type, value.type)
    if not isinstance(kind, ir.IntType):
        return value
    word = b.zext(b.bitcast(value, kind), ir.IntType(64))
    through = ir.FunctionType(word.type, [word.type])
    hidden = b.asm(through, "", "=r,0,~{memory}", [word], side_effect=True)
    return b.bitcast(b.trunc(hidden, kind), value.type)


def _nullary(b: Builder, name: str, returned: Any) -> Value:
    return get_or_insert_function(b.module, ir.FunctionType(returned, []), name)


# Note [Counters]
#
# A tick adds up whatever the counter counts; who reads the slots finds out how long a count is, by
# the wall clock over the whole run. On x86 that is the time stamp counter, which has run at one
# rate in every power state since 2008; a tick takes about 20 ns, a call of the system's clock up to
# 150. On ARM the cycle counter would stop the program, the system counter does not. The fences are
# for the compiler alone and become no instruction: stores stay on their side of a tick. Arithmetic
# in registers does not: behind scalar lines a tick takes the last one's value, before them numbers
# are held back.
