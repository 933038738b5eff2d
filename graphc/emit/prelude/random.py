"""Random numbers by counting: a key and a counter in, 64 random bits or a number from 0 to 1 out.

Threefry-2x32 of 20 rounds is sums, rotations and exclusive ors of two words of 32 bits, so a lane
has the bits that a number has, in any order and on any thread. Source: Salmon, Moraes, Dror & Shaw
2011, "Parallel random numbers: as easy as 1, 2, 3".
"""
# mypy: allow-untyped-calls, allow-untyped-decorators

from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir
from numba import types

from .formula import FLOAT_OF, Real
from .jit import Builder, Rule, Type, Value, define, typed
from .vectors import like

Word: TypeAlias = Any  # a Real of 32 bits, a Python int, or an array of them in 64 bits
Words: TypeAlias = tuple[Word, Word]

ROUNDS = 20
ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
WORD = 0xFFFFFFFF
ALL_BITS = 0xFFFFFFFFFFFFFFFF


def enciphered(key: Words, counter: Words) -> Words:
    """The two words of the counter under the key; sums are those of 32 bits."""
    keys = (*key, key[0] ^ key[1] ^ PARITY)
    x, y = (counter[0] + key[0]) & WORD, (counter[1] + key[1]) & WORD
    for n in range(ROUNDS):
        x = (x + y) & WORD
        y = _rotated(y, ROTATIONS[n % 8]) ^ x
        if n % 4 == 3:
            turn = n // 4 + 1
            x = (x + keys[turn % 3]) & WORD
            y = (y + keys[(turn + 1) % 3] + turn) & WORD
    return x, y


def _rotated(x: Word, count: int) -> Word:
    return ((x << count) & WORD) | (x >> (32 - count))


# The twins


def _plain_words(key: Any, counter: Any) -> Words:
    return enciphered(_plain_halves(key), _plain_halves(counter))


def _plain_halves(v: Any) -> Words:
    bits = np.asarray(v).astype(np.uint64) if np.ndim(v) else int(v) & ALL_BITS
    return bits & WORD, bits >> 32


def _plain_threefry(key: Any, counter: Any) -> Any:
    low, high = _plain_words(key, counter)
    both = high << 32 | low
    return both.astype(np.int64) if np.ndim(both) else np.uint64(both).astype(np.int64)


def _plain_uniform32(key: Any, counter: Any) -> Any:
    low, _ = _plain_words(key, counter)
    return np.float32(low >> 8) * np.float32(2**-24)


def _plain_uniform32_second(key: Any, counter: Any) -> Any:
    _, high = _plain_words(key, counter)
    return np.float32(high >> 8) * np.float32(2**-24)


def _plain_uniform64(key: Any, counter: Any) -> Any:
    low, high = _plain_words(key, counter)
    return (np.float64(low >> 5) * 2**26 + np.float64(high >> 6)) * 2**-53


# How they are built


def _words(b: Builder, key: Value, counter: Value) -> Words:
    return enciphered(_halves(b, key), _halves(b, counter))


def _halves(b: Builder, v: Value) -> Words:
    both = Real(b, v)
    kind = both.like(ir.IntType(32))
    return Real(b, b.trunc(v, kind)), Real(b, b.trunc((both >> 32).v, kind))


def _both(b: Builder, key: Value, counter: Value) -> Value:
    low, high = (Real(b, b.zext(word.v, counter.type)) for word in _words(b, key, counter))
    return (high << 32 | low).v


def _single(b: Builder, key: Value, counter: Value) -> Value:
    low, _ = _words(b, key, counter)
    return (_as_float(low >> 8, 32) * 2.0**-24).v


def _single_second(b: Builder, key: Value, counter: Value) -> Value:
    _, high = _words(b, key, counter)
    return (_as_float(high >> 8, 32) * 2.0**-24).v


def _double(b: Builder, key: Value, counter: Value) -> Value:
    low, high = _words(b, key, counter)
    return ((_as_float(low >> 5, 64) * 2.0**26 + _as_float(high >> 6, 64)) * 2.0**-53).v


def _as_float(word: Word, width: int) -> Word:
    """A word below 2^31 as a float."""
    return Real(word.b, word.b.sitofp(word.v, word.like(FLOAT_OF[width])))


# What kernels call


def _lanes(key: Type, counter: Type) -> Type:
    return like(types.int64, key, counter)


@define(_plain_threefry)
def threefry(typing: Any, key: Type, counter: Type) -> Rule:
    """threefry(key, counter): 64 random bits, the first word the lower one."""
    kind = _lanes(key, counter)
    return typed(kind(kind, kind), _both)


@define(_plain_uniform32)
def uniform32(typing: Any, key: Type, counter: Type) -> Rule:
    """uniform32(key, counter): k / 2^24 for the upper 24 bits k of the first word."""
    kind = _lanes(key, counter)
    return typed(like(types.float32, kind)(kind, kind), _single)


@define(_plain_uniform32_second)
def uniform32_second(typing: Any, key: Type, counter: Type) -> Rule:
    """uniform32_second(key, counter): the same of the second word."""
    kind = _lanes(key, counter)
    return typed(like(types.float32, kind)(kind, kind), _single_second)


@define(_plain_uniform64)
def uniform64(typing: Any, key: Type, counter: Type) -> Rule:
    """uniform64(key, counter): k / 2^53 for 53 bits k of both words."""
    kind = _lanes(key, counter)
    return typed(like(types.float64, kind)(kind, kind), _double)
