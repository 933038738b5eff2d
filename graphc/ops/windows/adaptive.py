"""Pooling to a wanted number of outputs, by windows that cover each axis evenly.

Where a length is no multiple of the outputs, windows differ in size and overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.graph import Node, Op, declare, public
from graphc.ops.axes import stage
from graphc.ops.elementwise.arith import astype
from graphc.ops.indexing.picking import take
from graphc.ops.reductions.reduce import max
from graphc.ops.shaping.layout import squeeze
from graphc.ops.spell import Expand
from graphc.ops.windows.frames import batched, per_axis
from graphc.ops.windows.mixing import along_lengths, along_lengths_numpy
from graphc.ops.windows.sliding import Ints, literal
from graphc.types import Type, floating, shape_text

__all__ = [
    "adaptive_avg_pool",
    "adaptive_max_pool",
]


def spans(length: int, outputs: int) -> list[tuple[int, int]]:
    """Where each of so many windows begins and ends that cover `length` elements evenly."""
    return [(i * length // outputs, -(-(i + 1) * length // outputs)) for i in range(outputs)]


def averaging(length: int, outputs: int) -> np.ndarray:
    """The matrix (outputs, length) of the means over even windows."""
    matrix = np.zeros((outputs, length))
    for row, (start, stop) in zip(matrix, spans(length, outputs), strict=True):
        row[start:stop] = 1 / (stop - start)
    return matrix


def _matrices(lengths: Sequence[Any], outputs: Ints) -> list[Any]:
    pairs = zip(lengths, outputs, strict=True)
    return [None if length == n else averaging(length, n) for length, n in pairs]


_adaptive_avg_pool = declare(
    Op(
        "adaptive_avg_pool",
        lambda x, outputs: Type(floating(x.dtype), (*x.shape[: -len(outputs)], *outputs)),
        Expand(
            lambda x, outputs: along_lengths(
                astype(x, floating(x.dtype)), _matrices(x.shape[-len(outputs) :], outputs)
            )
        ),
        lambda x, outputs: along_lengths_numpy(x, _matrices(x.shape[-len(outputs) :], outputs)),
        lambda g, y, x, outputs: (
            along_lengths(g, _matrices(x.shape[-len(outputs) :], outputs), turned=True),
        ),
    )
)


def _sized(x: Any, output_size: Any, what: str) -> tuple[Node, bool, Ints]:
    """The stage, whether it had no batch, and how many outputs there are along each axis."""
    n = len(output_size) if isinstance(output_size, (tuple, list)) else stage(x).ndim - 2
    x, alone = batched(x, n, what)
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if 0 in literal(x.shape[2:]):
        raise ShapeError(f"{what} takes lengths above 0, not shape {shape_text(x.shape)}")
    wanted = [d if size is None else size for size, d in zip(given, x.shape[2:], strict=True)]
    return x, alone, per_axis(wanted, n, "output_size")


@public
def adaptive_avg_pool(x: Node, output_size: Any) -> Node:
    """The means of windows that cover each axis evenly, `output_size` many: window i goes from
    floor(i length / n) to ceil((i + 1) length / n).

    `x` (batch, channels, *lengths); `output_size` a number, or one an axis, None for as many as
    there are. Raises ShapeError, UsageError. Source: PyTorch's adaptive_avg_pool1d to 3d.
    """
    x, alone, outputs = _sized(x, output_size, "adaptive_avg_pool")
    y = _adaptive_avg_pool(x, outputs=outputs)
    return squeeze(y, 0) if alone else y


@public
def adaptive_max_pool(x: Node, output_size: Any) -> Node:
    """The maxima of the windows of `adaptive_avg_pool`; raises ShapeError, UsageError."""
    x, alone, outputs = _sized(x, output_size, "adaptive_max_pool")
    for axis in reversed(range(2, x.ndim)):
        every = spans(int(x.shape[axis]), outputs[axis - 2])  # type: ignore[arg-type]
        width = np.max([stop - start for start, stop in every])
        seen = [[np.minimum(start + k, stop - 1) for k in range(width)] for start, stop in every]
        x = max(take(x, np.array(seen), axis=axis), axis + 1)
    return squeeze(x, 0) if alone else x
