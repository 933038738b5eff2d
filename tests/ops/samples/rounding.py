"""Samples of rounding, of tests of numbers and of the bits of integers."""

from __future__ import annotations

from typing import Any

import numpy as np
from specs import Sample, batch, given, integer, one, real

INF, NAN = np.inf, np.nan

odd = given([0.0, -0.0, 1.5, -2.5, INF, -INF, NAN, 0.5, -0.5, 3.0])
"""Numbers at which tests have something to decide."""

halves = given([-5, -3, -1, 0, 1, 3, 5, 4], "i32")
ends = given([1, -1, 0], "i32")
"""What has no slope is tried at quotients of integers, which take no gradient: by 2 and by 0."""


def at_ends(name: str, *more: Any) -> list[Sample]:
    call = lambda m, x: getattr(m, name)(m.divide(x, 2), *more)  # noqa: E731
    far = lambda m, x: getattr(m, name)(m.divide(x, 0), *more)  # noqa: E731
    return [one(call, halves), one(far, ends)]


def rounds(name: str) -> list[Sample]:
    call = lambda m, x: getattr(m, name)(x)  # noqa: E731
    specs = (real(), real(0), real(2, 3), batch(9), integer(3))
    return [one(call, spec) for spec in specs] + at_ends(name)


def tests(name: str) -> list[Sample]:
    call = lambda m, x: getattr(m, name)(x)  # noqa: E731
    return [one(call, spec) for spec in (odd, real(), integer(2, 2, low=-2))]


def bits(name: str) -> list[Sample]:
    call = lambda m, a, b: getattr(m, name)(a, b)  # noqa: E731
    wide = {"low": -100, "below": 100}
    return [
        one(call, integer(9, **wide), integer(9, **wide)),
        one(call, integer(2, 1, dtype="u8"), integer(3, dtype="i32", **wide)),
        one(lambda m, a: getattr(m, name)(a, 3), integer(4, dtype="i64", **wide)),
    ]


def shifts(name: str) -> list[Sample]:
    call = lambda m, a, n: getattr(m, name)(a, n)  # noqa: E731
    return [
        one(call, integer(9, low=-100, below=100), integer(9, below=10)),
        one(call, integer(9, below=200, dtype="u8"), integer(9, below=10, dtype="u8")),
        one(lambda m, a: getattr(m, name)(a, 2), integer(2, 3, low=-9, dtype="i64")),
    ]


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "floor":    rounds("floor"),
    "ceil":     rounds("ceil"),
    "trunc":    rounds("trunc"),
    "round":    [*rounds("round"), one(lambda m, x: m.round(x, 2), given([1.234, -0.567, 2.0, 0.111])), one(lambda m, x: m.round(x, -1), given([12.0, -37.0, 88.0]))],
    "frac":     rounds("frac"),
    "isfinite": tests("isfinite"),
    "isinf":    tests("isinf"),
    "isposinf": tests("isposinf"),
    "isneginf": tests("isneginf"),
    "isreal":   tests("isreal"),
    "signbit":  tests("signbit"),
    "heaviside": [one(lambda m, x, h: m.heaviside(x, h), real(2, 3), real()), *at_ends("heaviside", 0.25)],
    "copysign": [one(lambda m, a, b: m.copysign(a, b), real(2, 3), real(3)), one(lambda m, a, b: m.copysign(a, b), real(), batch(5)),
                 one(lambda m, b: m.copysign(2.5, b), given([0.5, -0.5, 1.0, -3.0])), *at_ends("copysign", -1.0)],
    "nextafter": [one(lambda m, a, b: m.nextafter(a, b), real(2, 3), real(3))],
    "nan_to_num": [one(lambda m, x: m.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-3.0), odd), one(lambda m, x: m.nan_to_num(x), real(3))],
    "bitwise_and":    bits("bitwise_and"),
    "bitwise_or":     bits("bitwise_or"),
    "bitwise_xor":    bits("bitwise_xor"),
    "bitwise_invert": [one(lambda m, x: m.bitwise_invert(x), integer(9, low=-100, below=100)),
                       one(lambda m, x: ~x, integer(2, 2, below=200, dtype="u8")), one(lambda m, x: ~x, integer(3, dtype="u64"))],
    "bitwise_left_shift":  shifts("bitwise_left_shift"),
    "bitwise_right_shift": shifts("bitwise_right_shift"),
}
# fmt: on

NUMPY: dict[str, Any] = {"frac": lambda x: x - np.trunc(x)}
TORCH: dict[str, Any] = {}
KINKED = {"floor", "ceil", "trunc", "round", "frac", "heaviside", "copysign", "nextafter"}
KINKED |= {"nan_to_num"}
