"""Errors in units of the last place: over all floats, or over doubles drawn at random."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from graphc.emit.prelude import PLAIN

from .kernels import kernel
from .references import DOUBLE, SINGLE, over_arrays

CHUNK = 1 << 20
LANES = {np.float32: 8, np.float64: 4}
EDGES = [0.0, -0.0, 1, -1, 0.5, -0.5, 1e-8, 3.7, -3.7, 88.5, 89, -87.5, -104, 710, -746, 1e10]
EDGES += [-1e10, 1e-40, -1e-40, 1e-310, 1e30, -1e38, np.inf, -np.inf, np.nan, 2.0]


class Worst(NamedTuple):
    """The largest error that was found, and where."""

    ulp: float
    x: float


def errors(x: Any, y: Any, wanted: Any, name: str) -> Any:
    """How far results are from what is wanted; infinite where only one of them is a number."""
    kind = np.finfo(y.dtype)
    size = np.abs(x if name == "gelu" else wanted).astype(np.float64)
    unit = np.spacing(size) * 2.0 ** (52 - kind.nmant)
    unit = np.fmax(unit, float(kind.smallest_subnormal))
    most = wanted.dtype.type(2) ** kind.maxexp
    with np.errstate(all="ignore"):
        capped = np.clip(wanted, -most, most)  # what is infinite is as far as the next power
        error = np.abs(np.clip(y.astype(wanted.dtype), -most, most) - capped) / unit
    missing = np.where(np.isnan(wanted), 0.0, np.inf)
    error = np.where(np.isnan(y), missing, error)
    error = np.where(np.isnan(wanted) & ~np.isnan(y), np.inf, error)
    return np.where(np.abs(capped) == most, np.where(y == wanted, 0.0, error), error)


def patterns(every: int) -> Iterator[Any]:
    """The floats, chunk by chunk: each pattern of bits or each so manieth."""
    total = (1 << 32) // every
    for first in range(0, total, CHUNK):
        count = min(CHUNK, total - first) // 8 * 8
        bits = (np.arange(first, first + count, dtype=np.uint64) * every).astype(np.uint32)
        yield bits.view(np.float32)


def drawn(samples: int) -> Iterator[Any]:
    """Doubles: of all sizes, and as many of common sizes."""
    rng = np.random.default_rng(0)
    for first in range(0, samples, CHUNK // 8):
        count = min(CHUNK // 8, samples - first) // 16 * 8
        bits = rng.integers(0, 1 << 64, count, dtype=np.uint64).view(np.float64)
        sizes = 2.0 ** rng.uniform(-12, 10.2, count) * rng.choice([-1, 1], count)
        yield np.concatenate([bits, sizes])


def worst(name: str, chunks: Iterator[Any]) -> Worst:
    """The largest error of the vector form."""
    found, exact = Worst(0.0, 0.0), None
    for x in chunks:
        exact = exact or (over_arrays(SINGLE[name]) if x.itemsize == 4 else DOUBLE[name])
        y = np.empty_like(x)
        kernel(name, LANES[x.dtype.type])(x, y)
        with np.errstate(all="ignore"):
            error = errors(x, y, exact(x if x.itemsize == 4 else x.astype(np.longdouble)), name)
        at = int(np.argmax(error))
        if error[at] > found.ulp:
            found = Worst(float(error[at]), float(x[at]))
    return found


def edges_differ(name: str, dtype: Any) -> list[float]:
    """Where the vector form and NumPy disagree about NaN, infinities, or the sign of a zero."""
    x = np.resize(np.array(EDGES).astype(dtype), len(EDGES) // 8 * 8 + 8)
    y = np.empty_like(x)
    kernel(name, LANES[dtype])(x, y)
    with np.errstate(all="ignore"):
        wanted = PLAIN[name](x)
        same = np.isclose(y, wanted, rtol=8 * np.finfo(dtype).eps, atol=0, equal_nan=True)
        same |= np.abs(wanted - y) <= 2 * float(np.finfo(dtype).smallest_subnormal)
    same &= np.isnan(wanted) | (np.signbit(y) == np.signbit(wanted))
    return sorted({float(each) for each in x[~same]})
