"""Samples of random bits as functions of key and counter, and of what differs in training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from specs import Sample, Spec, batch, given, integer, one, real

WORD = 2**32 - 1


def words(key: int, counter: int) -> tuple[int, int]:
    """Threefry-2x32 in Python's integers, line by line as in the paper."""
    k = [key & WORD, key >> 32 & WORD]
    k.append(k[0] ^ k[1] ^ 0x1BD11BDA)
    x, y = counter & WORD, counter >> 32 & WORD
    for n in range(20):
        if n % 4 == 0:
            x, y = x + k[n // 4 % 3] & WORD, y + k[(n // 4 + 1) % 3] + n // 4 & WORD
        x = x + y & WORD
        turn = (13, 15, 26, 6, 17, 29, 16, 24)[n % 8]
        y = (y << turn | y >> (32 - turn)) & WORD ^ x
    return x + k[2] & WORD, y + k[0] + 5 & WORD


def _signed(low: int, high: int) -> int:
    both = low | high << 32
    return both - 2**64 if both >> 63 else both


def key(*shape: int) -> Spec:
    return integer(*shape, low=-(2**62), below=2**62, dtype="i64")


def drawing(name: str) -> list[Sample]:
    def call(m: Any, k: Any, c: Any) -> Any:
        found = getattr(m, name)(k, c)
        return found if name == "threefry" else m.astype(found, m.float64)

    far = given([0, 1, 2**31, 2**32, -1, 2**63 - 1, -(2**63)], "i64")
    return [
        one(call, key(), key()),
        one(call, key(), far),
        one(call, key(3, 1), key(5)),
        one(call, key(0), key()),
        one(lambda m, k, x: call(m, k, m.iota(x, x.shape, (0, 1))), key(), batch(17, 3)),
    ]


NAMES = {"threefry": "i8", "uniform32": "f4", "uniform32_second": "f4", "uniform64": "f8"}
MEANINGS = {
    "threefry": _signed,
    "uniform32": lambda low, high: (low >> 8) / 2**24,
    "uniform32_second": lambda low, high: (high >> 8) / 2**24,
    "uniform64": lambda low, high: ((low >> 5) * 2**26 + (high >> 6)) / 2**53,
}

SAMPLES: dict[str, list[Sample]] = {name: drawing(name) for name in NAMES}
SAMPLES |= {
    "when_training": [
        one(lambda m, a, b: m.when_training(a, b), real(*shape), real(*shape))
        for shape in ((), (3,), (2, 0))
    ],
}

NUMPY: dict[str, Callable[..., Any]] = {
    name: np.vectorize(
        lambda k, c, means=means: means(*words(int(k), int(c))), otypes=[NAMES[name]]
    )
    for name, means in MEANINGS.items()
}
NUMPY |= {"when_training": lambda a, b: b}
