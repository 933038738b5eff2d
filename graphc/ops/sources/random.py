"""A key and counters in, random bits or numbers from 0 to 1 out: what all drawing is made of.

They are functions like any other: the same key and counter give the same number, on any thread and
in any order. Note: [Keys].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import DTypeError
from graphc.expr import primitive
from graphc.graph import Node, Op, declare
from graphc.ops.shaping.layout import iota
from graphc.ops.spell import Each, as_they_are
from graphc.types import Dim, Type, broadcast

__all__: list[str] = []

WORK = 120
"""About the operations that a number takes."""

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = np.uint32(0x1BD11BDA)

Words = tuple[np.ndarray, np.ndarray]


# What they mean in NumPy


def enciphered(key: Words, counter: Words) -> Words:
    """The two words of a counter under a key, all of 32 bits: Threefry-2x32 of 20 rounds.

    Source: Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
    """
    schedule = (*key, key[0] ^ key[1] ^ PARITY)
    x, y = counter[0] + schedule[0], counter[1] + schedule[1]
    for turn in range(1, 6):
        for count in ROTATIONS[:4] if turn % 2 else ROTATIONS[4:]:
            x = x + y
            y = (y << np.uint32(count) | y >> np.uint32(32 - count)) ^ x
        x = x + schedule[turn % 3]
        y = y + schedule[(turn + 1) % 3] + np.uint32(turn)
    return x, y


def _words(key: Any, counter: Any) -> Words:
    with np.errstate(over="ignore"):
        return enciphered(_halves(key), _halves(counter))


def _halves(v: Any) -> Words:
    bits = np.asarray(v, np.int64).astype(np.uint64)
    return bits.astype(np.uint32), (bits >> np.uint64(32)).astype(np.uint32)


def _threefry_numpy(key: Any, counter: Any) -> np.ndarray:
    low, high = (word.astype(np.uint64) for word in _words(key, counter))
    return (high << np.uint64(32) | low).astype(np.int64)


def _single_numpy(key: Any, counter: Any) -> np.ndarray:
    return (_words(key, counter)[0] >> np.uint32(8)) * np.float32(2**-24)


def _second_numpy(key: Any, counter: Any) -> np.ndarray:
    return (_words(key, counter)[1] >> np.uint32(8)) * np.float32(2**-24)


def _double_numpy(key: Any, counter: Any) -> np.ndarray:
    low, high = _words(key, counter)
    return ((low >> np.uint32(5)) * 2.0**26 + (high >> np.uint32(6))) * 2.0**-53


# The operations


def _type(dtype: str) -> Callable[[Type, Type], Type]:
    def infer(keys: Type, counters: Type) -> Type:
        for each in (keys, counters):
            if each.dtype != "i64":
                raise DTypeError(f"keys and counters are i64, not {each}")
        return Type(dtype, broadcast(keys.shape, counters.shape))

    return infer


def _drawing(name: str, dtype: str, numpy: Callable[..., Any]) -> Op:
    spell = Each(primitive(name), as_they_are, work=WORK)
    return declare(Op(name, _type(dtype), spell, numpy))


THREEFRY = _drawing("threefry", "i64", _threefry_numpy)
UNIFORM = {
    "f32": _drawing("uniform32", "f32", _single_numpy),
    "f64": _drawing("uniform64", "f64", _double_numpy),
}
_SECOND = _drawing("uniform32_second", "f32", _second_numpy)


# What drawing is made of


def fold(key: Node, number: Any) -> Node:
    """Another key, for this number: an i64, or an i64 stage of any shape for as many keys."""
    whole = number if isinstance(number, Node) else np.int64(number)
    return THREEFRY(key, whole).hinted("key")


def bits(key: Node, shape: tuple[Dim, ...]) -> Node:
    """64 random bits for each element, i64."""
    return THREEFRY(key, _counters(key, shape)).hinted("bits")


def unit(key: Node, shape: tuple[Dim, ...], dtype: str) -> Node:
    """Numbers k / 2^24 in f32, k / 2^53 in f64, from 0 to below 1."""
    return UNIFORM[dtype](key, _counters(key, shape)).hinted("u")


def two_units(key: Node, shape: tuple[Dim, ...], dtype: str) -> tuple[Node, Node]:
    """Two independent numbers from 0 to below 1 for each element."""
    first = unit(key, shape, dtype)
    if dtype == "f32":
        return first, _SECOND(key, _counters(key, shape)).hinted("v")
    return first, unit(fold(key, -1), shape, dtype).hinted("v")


def _counters(key: Node, shape: tuple[Dim, ...]) -> Node:
    return iota(key, shape, tuple(range(len(shape))))


# Note [Keys]
#
# A key is 64 bits. The key of a program's call is threefry(seed, number of the call), that of a
# draw is threefry(key of the call, number of the draw), and element i of what is drawn is made of
# threefry(key of the draw, i). Nothing is remembered between elements, so a loop over them may run
# in any order, over registers and threads, and may be run again to give the same numbers.
