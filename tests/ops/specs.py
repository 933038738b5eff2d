"""How samples are written: a call on a namespace `m`, and how each argument is drawn in the element
type under test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from graphc.types import DTYPES


class Spec(NamedTuple):
    """How to draw an argument: shape, drawing from a generator, a shape and a float type; `named`:
    a first size "batch".
    """

    shape: tuple[int, ...]
    draw: Callable[[np.random.Generator, tuple[int, ...], str], np.ndarray]
    named: bool = False

    @property
    def declared(self) -> tuple[Any, ...]:
        """The shape as an input declares it."""
        return ("batch", *self.shape[1:]) if self.named else self.shape

    def __call__(self, rng: np.random.Generator, dtype: str) -> np.ndarray:
        return self.draw(rng, self.shape, dtype)


class Sample(NamedTuple):
    """A call on a namespace `m` and arguments, and how to draw the arguments."""

    call: Callable[..., Any]
    specs: tuple[Spec, ...]

    def arrays(self, dtype: str, seed: int = 0) -> list[np.ndarray]:
        """The arguments."""
        rng = np.random.default_rng(seed)
        return [spec(rng, dtype) for spec in self.specs]


def real(*shape: int) -> Spec:
    """Normal numbers, none within 0.01 of 0, where many functions have a kink."""
    return Spec(shape, lambda rng, s, dtype: _away(rng.standard_normal(s)).astype(DTYPES[dtype]))


def positive(*shape: int) -> Spec:
    """Numbers from 0.3 to 2."""
    return Spec(shape, lambda rng, s, dtype: np.asarray(rng.uniform(0.3, 2, s), DTYPES[dtype]))


def integer(*shape: int, below: int = 3, low: int = 0, dtype: str = "i8") -> Spec:
    """Integers low <= i < below of a type of their own."""
    return Spec(shape, lambda rng, s, _: np.asarray(rng.integers(low, below, s), DTYPES[dtype]))


def truth(*shape: int) -> Spec:
    """Bools."""
    return Spec(shape, lambda rng, s, _: np.asarray(rng.random(s) < 0.5))


def given(values: Any, dtype: str | None = None) -> Spec:
    """These values, in the type under test unless they have their own."""
    return Spec(
        np.shape(values), lambda rng, s, under_test: np.array(values, DTYPES[dtype or under_test])
    )


def batch(*shape: int) -> Spec:
    """Normal numbers whose first size has a name."""
    return real(*shape)._replace(named=True)


def labels(*shape: int, below: int = 3) -> Spec:
    """Class labels whose first size has a name."""
    return integer(*shape, below=below, dtype="u8")._replace(named=True)


def _away(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 0.01, 0.5, x)


def one(call: Callable[..., Any], *specs: Spec) -> Sample:
    """A sample."""
    return Sample(call, specs)


def unary(name: str, spec: Callable[..., Spec] = real) -> list[Sample]:
    """Shapes of all kinds for a function of one argument."""
    call = lambda m, x: getattr(m, name)(x)  # noqa: E731
    return [one(call, spec(*shape)) for shape in ((), (1,), (5,), (0,), (2, 1, 3), (33,))]


PATTERNS = (
    ((), ()),
    ((3,), ()),
    ((), (2, 3)),
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((2, 3), (2, 3)),
    ((0, 3), (1, 3)),
)
PATTERNS += (((4, 1, 2), (3, 1)), ((1,), (1,)))


def binary(
    name: str, left: Callable[..., Spec] = real, right: Callable[..., Spec] = real
) -> list[Sample]:
    """Every broadcast pattern for a function of two arguments."""
    call = lambda m, a, b: getattr(m, name)(a, b)  # noqa: E731
    return [one(call, left(*a), right(*b)) for a, b in PATTERNS]


def whole(*shape: int) -> Spec:
    """Small integers."""
    return integer(*shape, low=-2, below=3, dtype="i32")


def reduction(name: str, spec: Callable[..., Spec] = real, *, empty: bool = False) -> list[Sample]:
    """All axes, one, the last, several, none; with and without keepdims."""
    calls = [
        lambda m, x: getattr(m, name)(x),
        lambda m, x: getattr(m, name)(x, axis=0),
        lambda m, x: getattr(m, name)(x, axis=-1, keepdims=True),
    ]
    several = [
        lambda m, x: getattr(m, name)(x, axis=(0, -1)),
        lambda m, x: getattr(m, name)(x, axis=(2, 1), keepdims=True),
    ]
    found = [one(call, spec(*shape)) for call in calls for shape in ((5,), (1,), (3, 4), (2, 3, 5))]
    found += [one(call, spec(2, 3, 4)) for call in several] + [one(calls[0], spec())]
    return found + ([one(calls[1], spec(0, 3))] if empty else [])


def lone(name: str, spec: Callable[..., Spec] = real) -> list[Sample]:
    """One axis or all."""
    calls = [lambda m, x: getattr(m, name)(x), lambda m, x: getattr(m, name)(x, axis=-1)]
    return [one(call, spec(*shape)) for call in calls for shape in ((5,), (3, 4), (2, 3, 5))]


def pair(name: str) -> list[Sample]:
    """A prediction and its target, both reductions."""
    plain = lambda m, a, b: getattr(m, name)(a, b)  # noqa: E731
    summed = lambda m, a, b: getattr(m, name)(a, b, reduction="sum")  # noqa: E731
    shapes = ((5,), (3, 4), ())
    return [one(call, real(*s), positive(*s)) for call in (plain, summed) for s in shapes] + [
        one(plain, real(3), positive())
    ]


def labelled(name: str) -> list[Sample]:
    """Scores and labels: a batch, one row, a sequence."""
    call = lambda m, x, t: getattr(m, name)(x, t)  # noqa: E731
    return [
        one(call, batch(5, 3), labels(5)),
        one(call, real(1, 4), integer(1)),
        one(call, real(2, 3, 4), integer(2, 3, dtype="i64")),
    ]
