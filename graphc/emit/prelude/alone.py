"""BLAS on one thread: while one of our calls is under way, the threads that NumPy's BLAS would
call are left alone.

How many it is to call is one number for the whole process, which NumPy's own calls read too. So the
calls of all programs are counted: the first sets the number to 1, the last puts back what it was.
"""
# mypy: allow-untyped-calls, allow-untyped-decorators

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core.cgutils import get_or_insert_function

from .jit import Builder, Value
from .objects import shared

I32, I64 = ir.IntType(32), ir.IntType(64)
GET, SET = ir.FunctionType(I32, []), ir.FunctionType(ir.VoidType(), [I32])
COUNT = ir.FunctionType(ir.VoidType(), [I64, GET.as_pointer(), SET.as_pointer()])


@contextmanager
def alone(b: Builder) -> Iterator[None]:
    """What is built inside calls a BLAS that stays on this thread."""
    functions = [
        get_or_insert_function(b.module, kind, f"scipy_openblas_{name}_num_threads64_")
        for kind, name in ((GET, "get"), (SET, "set"))
    ]
    count = get_or_insert_function(b.module, COUNT, shared("BLAS alone", _counting))
    b.call(count, [I64(1), *functions])
    yield
    b.call(count, [I64(-1), *functions])


def _counting(name: str) -> ir.Module:
    """name(step, get, set): one caller more, or one less."""
    module = ir.Module()
    lock, callers, before = (_word(module, word) for word in ("lock", "callers", "before"))
    function = ir.Function(module, COUNT, name)
    step, get, put = function.args
    b = ir.IRBuilder(function.append_basic_block())
    _acquire(b, lock)
    was = b.load(callers)
    now = b.add(was, step)
    b.store(now, callers)
    with b.if_then(_zero(b, was)):
        b.store(b.zext(b.call(get, []), I64), before)
        b.call(put, [I32(1)])
    with b.if_then(_zero(b, now)):
        b.call(put, [b.trunc(b.load(before), I32)])
    b.store_atomic(I64(0), lock, "release", 8)
    b.ret_void()
    return module


def _word(module: Any, name: str) -> Value:
    word = ir.GlobalVariable(module, I64, name)
    word.linkage, word.initializer = "internal", I64(0)
    return word


def _zero(b: Builder, value: Value) -> Value:
    return b.icmp_signed("==", value, I64(0))


def _acquire(b: Builder, lock: Value) -> None:
    """Wait until the lock is ours; it is held for a few instructions."""
    again, ours = b.append_basic_block("again"), b.append_basic_block("ours")
    b.branch(again)
    b.position_at_end(again)
    found = b.cmpxchg(lock, I64(0), I64(1), "acquire", "monotonic")
    b.cbranch(b.extract_value(found, 1), ours, again)
    b.position_at_end(ours)
