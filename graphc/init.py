"""Initial values of parameters and state: small records that say how to draw an array, so that
graphs stay text.

Fans are those of a matrix (in, out); leading axes before these count as a receptive field.
Sources: Glorot & Bengio 2010 (glorot_*), He et al. 2015 (he_*), LeCun et al. 1998 (lecun_*), Saxe et
al. 2014 (orthogonal).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.errors import ShapeError


@dataclass(frozen=True, slots=True, eq=False)
class Init:
    """A kind of initial value and its numbers; `init(rng, shape, dtype)` draws the array."""

    kind: str
    args: tuple[Any, ...] = ()

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Draw the array."""
        drawn = KINDS[self.kind](rng, shape, *self.args)
        return np.ascontiguousarray(drawn, dtype=dtype).reshape(shape)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Init):
            return NotImplemented
        return self.kind == other.kind and all(map(_same, self.args, other.args))

    def __hash__(self) -> int:
        return hash(self.kind)

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(map(str, self.args))})" if self.kind != "array" else "array"


def _same(one: Any, other: Any) -> bool:
    return bool(np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind == "f"))


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Fan-in and fan-out of a (in, out) matrix; further leading axes count as receptive field."""
    if not shape:
        return 1, 1
    field = math.prod(shape[:-2]) if len(shape) > 2 else 1
    return field * (shape[-2] if len(shape) > 1 else shape[0]), field * shape[-1]


def _normal(rng: np.random.Generator, shape: tuple[int, ...], std: float) -> np.ndarray:
    return rng.standard_normal(shape) * std


def _uniform(
    rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float
) -> np.ndarray:
    return rng.uniform(low, high, shape)


def _within(rng: np.random.Generator, shape: tuple[int, ...], scale: float, fan: int) -> np.ndarray:
    bound = math.sqrt(scale / max(1, fan))
    return rng.uniform(-bound, bound, shape)


def _truncated(rng: np.random.Generator, shape: tuple[int, ...], std: float) -> np.ndarray:
    """Numbers beyond two standard deviations are drawn again."""
    found = rng.standard_normal(shape)
    while np.any(beyond := np.abs(found) > 2):
        found = np.where(beyond, rng.standard_normal(shape), found)
    return found * std


def _orthogonal(rng: np.random.Generator, shape: tuple[int, ...], gain: float) -> np.ndarray:
    """Q of the QR decomposition of normal numbers, with the signs that make R's diagonal
    positive.
    """
    rows, columns = math.prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.copysign(1.0, np.diagonal(r))
    return gain * (q if rows >= columns else q.T).reshape(shape)


def _array(rng: np.random.Generator, shape: tuple[int, ...], values: np.ndarray) -> np.ndarray:
    return values.reshape(shape)


def as_seed(number: int) -> int:
    """The 64 bits of a whole number that count most as what an i64 holds."""
    return (number + 2**63) % 2**64 - 2**63


# fmt: off
KINDS: dict[str, Callable[..., np.ndarray]] = {
    "zeros":          lambda rng, shape: np.zeros(shape),
    "ones":           lambda rng, shape: np.ones(shape),
    "constant":       lambda rng, shape, value: np.full(shape, value),
    "array":          _array,
    "normal":         _normal,
    "uniform":        _uniform,
    "he_normal":      lambda rng, shape: _normal(rng, shape, math.sqrt(2.0 / max(1, _fans(shape)[0]))),
    "lecun_normal":   lambda rng, shape: _normal(rng, shape, math.sqrt(1.0 / max(1, _fans(shape)[0]))),
    "glorot_normal":  lambda rng, shape: _normal(rng, shape, math.sqrt(2.0 / max(1, sum(_fans(shape))))),
    "he_uniform":     lambda rng, shape: _within(rng, shape, 6.0, _fans(shape)[0]),
    "lecun_uniform":  lambda rng, shape: _within(rng, shape, 3.0, _fans(shape)[0]),
    "glorot_uniform": lambda rng, shape: _within(rng, shape, 6.0, sum(_fans(shape))),
    "truncated_normal": _truncated,
    "orthogonal":     _orthogonal,
    "seed":           lambda rng, shape: np.full(shape, as_seed(rng.bit_generator.seed_seq.entropy)),
    "calls":          lambda rng, shape: np.zeros(shape),
}
# fmt: on


def zeros() -> Init:
    """All zeros."""
    return Init("zeros")


def ones() -> Init:
    """All ones."""
    return Init("ones")


def constant(value: float) -> Init:
    """The same number everywhere."""
    return Init("constant", (value,))


def seed() -> Init:
    """What random numbers begin with: the seed that a program is compiled with."""
    return Init("seed")


def calls() -> Init:
    """The number of calls that have drawn random numbers: none."""
    return Init("calls")


def array(values: Any) -> Init:
    """These very values; raises ShapeError when they are not a regular array of numbers."""
    try:
        values = np.asarray(values)
    except ValueError:
        raise ShapeError("the initial values are not a regular array") from None
    values = np.array(values)
    values.setflags(write=False)
    return Init("array", (values,))


def normal(std: float = 1.0) -> Init:
    """A normal distribution of mean 0."""
    return Init("normal", (std,))


def uniform(low: float = -1.0, high: float = 1.0) -> Init:
    """A uniform distribution from `low` to `high`."""
    return Init("uniform", (low, high))


def he_normal() -> Init:
    """Normal with variance 2 / fan-in (He et al. 2015), for relu."""
    return Init("he_normal")


def he_uniform() -> Init:
    """Uniform within sqrt(6 / fan-in) (He et al. 2015), for relu."""
    return Init("he_uniform")


def lecun_uniform() -> Init:
    """Uniform within sqrt(3 / fan-in) (LeCun et al. 1998)."""
    return Init("lecun_uniform")


def lecun_normal() -> Init:
    """Normal with variance 1 / fan-in (LeCun et al. 1998)."""
    return Init("lecun_normal")


def glorot_normal() -> Init:
    """Normal with variance 2 / (fan-in + fan-out) (Glorot & Bengio 2010)."""
    return Init("glorot_normal")


def glorot_uniform() -> Init:
    """Uniform within sqrt(6 / (fan-in + fan-out)) (Glorot & Bengio 2010)."""
    return Init("glorot_uniform")


def truncated_normal(std: float = 1.0) -> Init:
    """A normal distribution of mean 0, cut off at two of its standard deviations `std`."""
    return Init("truncated_normal", (std,))


def orthogonal(gain: float = 1.0) -> Init:
    """A random matrix of orthogonal columns, or rows where these are fewer, of length `gain` (Saxe
    et al. 2014); leading axes count as rows.
    """
    return Init("orthogonal", (gain,))
