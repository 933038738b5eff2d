"""Samples of sliding windows and of their adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np
from specs import Sample, batch, integer, one, real


def windows(x: Any, sizes: Any, strides: Any, dilations: Any) -> Any:
    """Elements taken axis by axis, then the places in a window moved behind all outputs."""
    n = len(sizes)
    lead = x.ndim - n
    for i, (k, s, d) in enumerate(zip(sizes, strides, dilations, strict=True)):
        outputs = (x.shape[lead + 2 * i] - d * (k - 1) - 1) // s + 1
        x = np.take(x, s * np.arange(outputs)[:, None] + d * np.arange(k), lead + 2 * i)
    pairs = range(lead, lead + 2 * n, 2)
    return np.transpose(x, (*range(lead), *pairs, *(a + 1 for a in pairs)))


def overlap_add(g: Any, shape: Any, strides: Any, dilations: Any) -> Any:
    """Every element added at the index that a window has there."""
    sizes = g.shape[g.ndim - len(strides) :]
    at = windows(np.arange(np.prod(shape)).reshape(shape), sizes, strides, dilations)
    total = np.zeros(np.prod(shape, dtype=int), g.dtype)
    np.add.at(total, at.ravel(), g.ravel())
    return total.reshape(shape)


def _windows(sizes: Any, strides: Any, dilations: Any) -> Any:
    return lambda m, x: m.windows(x, sizes=sizes, strides=strides, dilations=dilations)


def _overlap(shape: Any, strides: Any, dilations: Any) -> Any:
    return lambda m, g: m.overlap_add(g, shape=shape, strides=strides, dilations=dilations)


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "windows":     [
        one(_windows((3,), (2,), (1,)), real(8)),
        one(_windows((2, 3), (1, 2), (3, 1)), batch(2, 5, 8)),
        one(_windows((1, 2), (1, 1), (1, 1)), real(2, 1, 3)),
        one(_windows((2,), (1,), (1,)), real(0, 4)),
        one(_windows((3,), (2,), (2,)), integer(9, dtype="i32")),
    ],
    "overlap_add": [
        one(_overlap((8,), (2,), (1,)), real(3, 3)),
        one(_overlap((2, 5, 8), (1, 2), (3, 1)), real(2, 2, 3, 2, 3)),
        one(_overlap((7,), (1,), (2,)), real(3, 3)),
        one(_overlap((0, 4), (1,), (1,)), real(0, 3, 2)),
    ],
}
# fmt: on

NUMPY = {"windows": windows, "overlap_add": overlap_add}
