"""What a team of threads shares: a block of words by which they wait, hand over work, and add up.

The block begins with the number of threads and how long they wait awake (a power of two less one);
every counter has a cache line of its own. `serve` is where a worker spends its life; `send` is how
one call of Python's reaches them all. The twins know one thread. See Note [Waiting].
"""
# mypy: allow-untyped-calls, allow-untyped-decorators

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from platform import machine
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import alloca_once, alloca_once_value, get_or_insert_function, unpack_tuple

from .jit import Build, Builder, Plain, Rule, Type, Value, define, llvm, typed

I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
ADDRESS = I8.as_pointer()
POINTER = types.CPointer(types.int64)

LINE = 8  # words of a cache line
# fmt: off
COUNT, ARRIVED, ROUND, JOB, FUNCTION, DONE, ASLEEP = (line * LINE for line in range(7))
# fmt: on
AWAKE = COUNT + 1
GIVEN = 8 * LINE  # the arguments of a job, then its results
RESULTS = GIVEN + 48
TOTALS = 16 * LINE
MOST_THREADS, MOST_TOTALS = 64, 16
TEAM_WORDS = TOTALS + MOST_TOTALS * MOST_THREADS * LINE

PATIENCE = 8000  # pauses, about 120 us, before a worker without work goes to sleep


# What the system calls it when a thread lets others run, or naps; what it naps for

YIELD, NAP, SHORT = (
    ("SwitchToThread", "Sleep", 1) if sys.platform == "win32" else ("sched_yield", "usleep", 100)
)


# Words that several threads touch


def _word(b: Builder, team: Value, at: int) -> Value:
    return b.gep(team, [ir.Constant(I64, at)])


def _read(b: Builder, team: Value, at: int) -> Value:
    return b.load_atomic(_word(b, team, at), "seq_cst", 8)


def _write(b: Builder, team: Value, at: int, value: Value) -> None:
    b.store_atomic(value, _word(b, team, at), "seq_cst", 8)


def _add(b: Builder, team: Value, at: int, value: int) -> Value:
    """Add to a word; what it was before."""
    return b.atomic_rmw("add", _word(b, team, at), ir.Constant(I64, value), "seq_cst")


def _call(b: Builder, name: str, kind: Any, *values: Value) -> None:
    b.call(get_or_insert_function(b.module, kind, name), values)


def _pause(b: Builder) -> None:
    if machine() in ("x86_64", "AMD64"):
        _call(b, "llvm.x86.sse2.pause", ir.FunctionType(ir.VoidType(), []))


def _rest(b: Builder, team: Value, turn: Value) -> None:
    """Pause; after as many turns as the team waits awake, let others run."""
    _pause(b)
    awake = b.load(_word(b, team, AWAKE))
    with b.if_then(b.icmp_signed("==", b.and_(turn, awake), awake), likely=False):
        _call(b, YIELD, ir.FunctionType(I32, []))


@contextmanager
def _while(b: Builder, holds: Any) -> Iterator[Value]:
    """A loop that goes on while holds(turn) does; its body has the number of the turn."""
    before, head = b.block, b.append_basic_block("wait")
    body, after = b.append_basic_block("wait.body"), b.append_basic_block("wait.end")
    b.branch(head)
    b.position_at_end(head)
    turn = b.phi(I64)
    turn.add_incoming(ir.Constant(I64, 0), before)
    b.cbranch(holds(turn), body, after)
    b.position_at_end(body)
    yield turn
    turn.add_incoming(b.add(turn, ir.Constant(I64, 1)), b.block)
    b.branch(head)
    b.position_at_end(after)


def _wait(b: Builder, team: Value, at: int, old: Value, patience: int = 0) -> None:
    """Wait until a word is no longer `old`; after so many pauses, if any are given, asleep."""
    with _while(b, lambda _: b.icmp_signed("==", _read(b, team, at), old)) as turn:
        _rest(b, team, turn)
        if patience:
            tired = b.icmp_signed(">", turn, ir.Constant(I64, patience))
            with b.if_then(tired, likely=False):
                _sleep(b, team, at, old)


# Sleep, by Linux' futex on the lower half of a word; elsewhere in naps

FUTEX = {"x86_64": 202, "aarch64": 98}.get(machine()) if sys.platform == "linux" else None
FUTEX_WAIT, FUTEX_WAKE = 128, 129  # of this process only


def _futex(b: Builder, word: Value, operation: int, value: Value) -> None:
    kind = ir.FunctionType(I64, [I64], var_arg=True)
    number, what, nothing = (ir.Constant(I64, n) for n in (FUTEX, operation, 0))
    _call(b, "syscall", kind, number, word, what, value, nothing)


def _sleep(b: Builder, team: Value, at: int, old: Value) -> None:
    if FUTEX is None:
        _call(b, NAP, ir.FunctionType(I32, [I32]), ir.Constant(I32, SHORT))
        return
    _add(b, team, ASLEEP, 1)
    _futex(b, _word(b, team, at), FUTEX_WAIT, b.and_(old, ir.Constant(I64, 0xFFFFFFFF)))
    _add(b, team, ASLEEP, -1)


def _wake(b: Builder, team: Value, at: int) -> None:
    if FUTEX is None:
        return
    asleep = b.icmp_signed(">", _read(b, team, ASLEEP), ir.Constant(I64, 0))
    with b.if_then(asleep):
        _futex(b, _word(b, team, at), FUTEX_WAKE, ir.Constant(I64, MOST_THREADS))


# Shares and meetings


def _count(b: Builder, team: Value) -> Value:
    return b.load(_word(b, team, COUNT))


def _meet(b: Builder, team: Value) -> None:
    count, one = _count(b, team), ir.Constant(I64, 1)
    with b.if_then(b.icmp_signed(">", count, one)):
        old = _read(b, team, ROUND)
        last = b.icmp_signed("==", b.add(_add(b, team, ARRIVED, 1), one), count)
        with b.if_else(last) as (then, otherwise):
            with then:
                _write(b, team, ARRIVED, ir.Constant(I64, 0))
                _write(b, team, ROUND, b.add(old, one))
                _wake(b, team, ROUND)
            with otherwise:
                _wait(b, team, ROUND, old, 4 * PATIENCE)


@define(lambda team, me: None)
def barrier(typing: Any, team: Type, me: Type) -> Rule:
    """barrier(team, me): all threads arrive before any goes on."""
    return typed(types.void(POINTER, types.int64), lambda b, team, me: _meet(b, team))


def _part(b: Builder, team: Value, me: Value, n: Value, grain: Value) -> Value:
    pieces = b.sdiv(b.sub(b.add(n, grain), ir.Constant(I64, 1)), grain)
    first = b.sdiv(b.mul(me, pieces), _count(b, team))
    return llvm("smin")(b, b.mul(first, grain), n)


@define(lambda team, me, n, grain: n * me)
def part(typing: Any, team: Type, me: Type, n: Type, grain: Type) -> Rule:
    """part(team, me, n, grain): where the share of thread `me` of n begins, in whole grains; that
    of the thread behind it is where it ends.
    """
    whole = types.int64
    return typed(whole(POINTER, whole, whole, whole), _part)


def _total_line(b: Builder, team: Value, slot: Value, thread: Value, kind: Any) -> Value:
    slot = b.urem(slot, ir.Constant(I64, MOST_TOTALS))
    line = b.add(b.mul(slot, ir.Constant(I64, MOST_THREADS)), thread)
    at = b.add(b.mul(line, ir.Constant(I64, LINE)), ir.Constant(I64, TOTALS))
    return b.bitcast(b.gep(team, [at]), kind.as_pointer())


def _over_team(name: str, *joins: Build) -> Plain:
    """A value of each thread joined in the order of the threads; the same bits for all. `joins`:
    floats, signed and unsigned integers.
    """

    def rule(typing: Any, team: Type, me: Type, slot: Type, value: Type) -> Rule:
        whole = not isinstance(value, types.Float)
        join = joins[whole + (whole and not getattr(value, "signed", False))]

        def build(b: Builder, team: Value, me: Value, slot: Value, value: Value) -> Value:
            b.store(value, _total_line(b, team, slot, me, value.type))
            _meet(b, team)
            first, one = ir.Constant(I64, 0), ir.Constant(I64, 1)
            start = b.load(_total_line(b, team, slot, first, value.type))
            place = alloca_once(b, value.type)
            b.store(start, place)
            count = _count(b, team)
            with _while(b, lambda n: b.icmp_signed("<", b.add(n, one), count)) as n:
                other = b.load(_total_line(b, team, slot, b.add(n, one), value.type))
                b.store(join(b, b.load(place), other), place)
            return b.load(place)

        return typed(value(POINTER, types.int64, types.int64, value), build)

    return define(lambda team, me, slot, value: value, name)(rule)


def _sum(b: Builder, x: Value, y: Value) -> Value:
    return b.add(x, y)


total = _over_team("total", lambda b, x, y: b.fadd(x, y), _sum, _sum)
greatest = _over_team("greatest", llvm("maximum"), llvm("smax"), llvm("umax"))
least = _over_team("least", llvm("minimum"), llvm("smin"), llvm("umin"))
leading = _over_team("leading", *(lambda b, x, y: x,) * 3)


def _plain_add_up(team: Any, me: int, out: Any, mine: Any, own: int, n: int) -> None:
    out[:n] = mine[:n]


@define(_plain_add_up)
def add_up(typing: Any, team: Type, me: Type, out: Type, mine: Type, own: Type, n: Type) -> Rule:
    """add_up(team, me, out, mine, own, n): thread `me` adds its share of n elements of what all
    threads have, `own` bytes apart, in their order.
    """
    real = isinstance(out.dtype, types.Float)
    size, whole = np.dtype(str(out.dtype)).itemsize, types.int64

    def build(
        b: Builder, team: Value, me: Value, out: Value, mine: Value, own: Value, n: Value
    ) -> None:
        step = b.sdiv(own, ir.Constant(I64, size))
        base = b.gep(mine, [b.neg(b.mul(me, step))])
        grain, one = ir.Constant(I64, 16), ir.Constant(I64, 1)
        first, end = (_part(b, team, t, n, grain) for t in (me, b.add(me, one)))
        count = _count(b, team)
        with _while(b, lambda j: b.icmp_signed("<", b.add(first, j), end)) as j:
            at = b.add(first, j)
            b.store(b.load(b.gep(base, [at])), b.gep(out, [at]))
        with _while(b, lambda t: b.icmp_signed("<", b.add(t, one), count)) as t:
            theirs = b.gep(base, [b.mul(b.add(t, one), step)])
            with _while(b, lambda j: b.icmp_signed("<", b.add(first, j), end)) as j:
                place = b.gep(out, [b.add(first, j)])
                both = b.load(place), b.load(b.gep(theirs, [b.add(first, j)]))
                b.store(b.fadd(*both) if real else b.add(*both), place)

    return typed(types.void(POINTER, whole, out, out, whole, whole), build)


# Jobs


def _as_word(b: Builder, value: Value) -> Value:
    """Any argument in 64 bits."""
    kind = value.type
    if kind.is_pointer:
        return b.ptrtoint(value, I64)
    if kind == ir.FloatType():
        return b.zext(b.bitcast(value, I32), I64)
    if kind == ir.DoubleType():
        return b.bitcast(value, I64)
    if kind.width == 1:
        return b.zext(value, I64)
    return b.sext(value, I64) if kind.width < 64 else value


def _from_word(b: Builder, word: Value, kind: Any) -> Value:
    if kind.is_pointer:
        return b.inttoptr(word, kind)
    if kind == ir.FloatType():
        return b.bitcast(b.trunc(word, I32), kind)
    if kind == ir.DoubleType():
        return b.bitcast(word, kind)
    return b.trunc(word, kind) if kind.width < 64 else word


def _run(b: Builder, team: Value, me: Value) -> None:
    """Call the job's function as Numba compiled it: (result, exception, me, team) -> status."""
    kind = ir.FunctionType(I32, [ADDRESS.as_pointer(), ADDRESS.as_pointer(), I64, team.type])
    function = b.inttoptr(_read(b, team, FUNCTION), kind.as_pointer())
    result, exception = alloca_once(b, ADDRESS), alloca_once(b, ADDRESS)
    b.call(function, [result, exception, me, team])


def _plain_send(team: Any, *arguments: Any) -> None:
    raise RuntimeError("without the JIT there are no doors of teams")


def _sent(b: Builder, team: Value, arguments: Value) -> None:
    for n, value in enumerate(unpack_tuple(b, arguments)):
        b.store(_as_word(b, value), _word(b, team, GIVEN + n))
    count, zero, one = _count(b, team), ir.Constant(I64, 0), ir.Constant(I64, 1)
    alone = b.icmp_signed("==", count, one)
    with b.if_then(b.not_(alone)):
        _add(b, team, JOB, 1)
        _wake(b, team, JOB)
    _run(b, team, zero)
    with _while(b, lambda _: b.icmp_signed("<", b.add(_read(b, team, DONE), one), count)) as turn:
        _rest(b, team, turn)
    _write(b, team, DONE, zero)


@define(_plain_send)
def send(typing: Any, team: Type, *arguments: Type) -> Rule:
    """send(team, ...): every thread runs the job's function on these arguments; all are done."""
    return typed(types.void(POINTER, types.StarArgTuple.from_types(arguments)), _sent)


def _plain_serve(team: Any, me: int) -> None:
    raise RuntimeError("without the JIT there is no team")


def _served(b: Builder, team: Value, me: Value) -> None:
    """Job after job, until one has no function."""
    last = alloca_once_value(b, ir.Constant(I64, 0))
    ended = alloca_once_value(b, ir.Constant(ir.IntType(1), 0))
    with _while(b, lambda _: b.not_(b.load(ended))):
        _wait(b, team, JOB, b.load(last), PATIENCE)
        b.store(b.add(b.load(last), ir.Constant(I64, 1)), last)
        nothing = b.icmp_signed("==", _read(b, team, FUNCTION), ir.Constant(I64, 0))
        b.store(nothing, ended)
        with b.if_then(b.not_(nothing)):
            _run(b, team, me)
            _add(b, team, DONE, 1)


@define(_plain_serve)
def serve(typing: Any, team: Type, me: Type) -> Rule:
    """serve(team, me): what thread `me` does all its life."""
    return typed(types.void(POINTER, types.int64), _served)


BITS = (8, 16, 32, 64)
PASSED = {f"i{n}": getattr(types, f"int{n}") for n in BITS}
PASSED |= {f"u{n}": getattr(types, f"uint{n}") for n in BITS}
PASSED |= {"f32": types.float32, "f64": types.float64, "bool": types.boolean}


def _given(name: str, kind: Type, start: int) -> Plain:
    """A word of the job: an argument, or a result."""

    def rule(typing: Any, team: Type, n: Type) -> Rule:
        def codegen(context: Any, b: Builder, _: Any, values: list[Value]) -> Value:
            team, n = values
            word = b.load(b.gep(team, [b.add(n, ir.Constant(I64, start))]))
            return _from_word(b, word, context.get_value_type(kind))

        return kind(POINTER, types.int64), codegen

    return define(_plain_send, name)(rule)


GIVENS: dict[str, Plain] = {}
for _name, _kind in PASSED.items():
    GIVENS[f"given_{_name}"] = _given(f"given_{_name}", _kind, GIVEN)
    GIVENS[f"given_at_{_name}"] = _given(f"given_at_{_name}", types.CPointer(_kind), GIVEN)
for _name in ("f64", "i64", "u64", "bool"):
    GIVENS[f"returned_{_name}"] = _given(f"returned_{_name}", PASSED[_name], RESULTS)
globals().update(GIVENS)


def _returned(kind: Type) -> Type:
    """As what a result of a type comes back, which the door knows as well."""
    if isinstance(kind, types.Float):
        return types.float64
    return kind if kind in (types.uint64, types.boolean) else types.int64


@define(_plain_send)
def give_back(typing: Any, team: Type, me: Type, n: Type, value: Type) -> Rule:
    """give_back(team, me, n, value): thread 0 leaves a result for the door, a float as f64, other
    numbers than u64 and bool as i64.
    """

    def build(b: Builder, team: Value, me: Value, n: Value, value: Value) -> None:
        with b.if_then(b.icmp_signed("==", me, ir.Constant(I64, 0))):
            at = b.gep(team, [b.add(n, ir.Constant(I64, RESULTS))])
            b.store(_as_word(b, value), at)

    return typed(types.void(POINTER, types.int64, types.int64, _returned(value)), build)


# Note [Waiting]
#
# A waiting thread looks at one word, pausing between looks, and now and then offers the core to
# others: every 30 us, or at once where there are more threads than cores. A worker without work
# goes to sleep on the word that counts jobs, which costs the next call some 100 us. One that waits
# for others within a job does so later: then one of them has lost its core to another program, and
# may have this one's. Every wait is for a change: a word is read before the thread says that it has
# arrived, so a change cannot be missed. Totals of one number use lines in turn, sixteen of them: a
# line may be written again once everybody has met after reading it, so two in turn are enough.
