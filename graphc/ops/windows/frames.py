"""How windows lie over the lengths of (batch, channels, *lengths): sizes, strides, paddings and
dilations as users give them to numbers for each axis, and windows to the columns of a matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import Node, public
from graphc.ops.axes import stage
from graphc.ops.shaping.layout import expand_dims, reshape, squeeze, transpose
from graphc.ops.shaping.pieces import part
from graphc.ops.windows.sliding import (
    Ints,
    Pairs,
    count,
    literal,
    overlap_add,
    padded,
    reach,
    windows,
)
from graphc.types import Dim, shape_text
from graphc.types import product as multiplied

__all__ = [
    "fold",
    "unfold",
]

# Settings


def per_axis(value: Any, n: int, what: str, least: int = 1) -> Ints:
    """One number for each of `n` axes, from a number or a sequence; raises UsageError."""
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    given = given * n if len(given) == 1 else given
    whole = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in given)
    if len(given) != n or not whole or min(given, default=least) < least:
        raise UsageError(
            f"{what} is {value!r}",
            hint=f"a whole number from {least} up, or one for each of {n} axes",
        )
    return tuple(map(int, given))


def pairs_of(padding: Any, n: int) -> Pairs:
    """So many elements before and behind each of `n` axes; raises UsageError."""
    if isinstance(padding, (tuple, list)) and any(isinstance(p, (tuple, list)) for p in padding):
        if len(padding) != n:
            raise UsageError(f"padding is {padding!r}", hint=f"{n} pairs, one for each axis")
        found = [per_axis(p, 2, "padding", 0) for p in padding]
        return tuple((a, b) for a, b in found)
    return tuple((p, p) for p in per_axis(padding, n, "padding", 0))


def edges(padding: Any, lengths: Sequence[Dim], sizes: Ints, stride: Ints, dilation: Ints) -> Pairs:
    """As `pairs_of`; "same" gives ceil(length / stride) outputs, an odd one goes behind, "valid"
    pads nothing.
    """
    if padding == "valid":
        return ((0, 0),) * len(sizes)
    if padding == "same":
        return tuple(map(_same, literal(lengths), sizes, stride, dilation))
    if isinstance(padding, str):
        raise UsageError(f"padding is {padding!r}", hint="there are 'same', 'valid' and numbers")
    return pairs_of(padding, len(sizes))


def _same(length: int, size: int, stride: int, dilation: int) -> tuple[int, int]:
    outputs = -(-length // stride)
    total = max((outputs - 1) * stride + reach(size, dilation) - length, 0)
    return total // 2, total - total // 2


def batched(x: Any, n: int, what: str) -> tuple[Node, bool]:
    """`x` with a batch of one if it has none, and whether it had none; raises ShapeError (G103)
    for other axes than of channels and `n` lengths.
    """
    if stage(x).ndim not in (n + 1, n + 2):
        axes = "one axis" if n == 1 else f"{n} axes"
        raise ShapeError(
            f"{what} over {axes} takes (batch, channels) and {n} more, "
            f"not shape {shape_text(x.shape)}",
            code="G103",
        )
    alone = x.ndim == n + 1
    return (expand_dims(x, 0) if alone else x), alone


def grouped(channels: Dim, groups: int) -> tuple[Any, ...]:
    """The channels, by group where there are several."""
    return (channels,) if groups == 1 else (groups, channels // groups)  # type: ignore[operator]


# Columns


def columns(
    x: Node, sizes: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> Node:
    """What each output sees, as a column: (channels * sizes, batch * outputs), groups before it."""
    x, channels = padded(x, padding), grouped(x.shape[1], groups)
    x = x if groups == 1 else reshape(x, (x.shape[0], *channels, *x.shape[2:]))
    seen = windows(x, sizes=sizes, strides=stride, dilations=dilation)
    lead, n = 1 + len(channels), len(sizes)
    order = (*range(1, lead), *range(lead + n, lead + 2 * n), 0, *range(lead, lead + n))
    seen = transpose(seen, order)
    shape = *channels[:-1], channels[-1] * prod(sizes), multiplied(seen.shape[lead - 1 + n :])
    return reshape(seen, shape).hinted("columns")


def overlapped(
    found: Node, shape: Sequence[Dim], sizes: Ints, outputs: Ints, stride: Ints, padding: Pairs,
    dilation: Ints,
) -> Node:  # fmt: skip
    """The adjoint of `columns`: each column laid back over the elements of `shape` that it saw."""
    batch, channels, *lengths = shape
    n = len(sizes)
    seen = reshape(found, (channels, *sizes, batch, *outputs))
    order = (n + 1, 0, *range(n + 2, 2 * n + 2), *range(1, n + 1))
    whole = tuple(d + a + b for d, (a, b) in zip(lengths, padding, strict=True))
    total = overlap_add(
        transpose(seen, order), shape=(batch, channels, *whole), strides=stride, dilations=dilation
    )
    return part(total, (0, 0, *(a for a, _ in padding)), tuple(shape))


def _settings(n: int, dilation: Any, padding: Any, stride: Any) -> dict[str, Any]:
    return {
        "stride": per_axis(stride, n, "stride"),
        "padding": pairs_of(padding, n),
        "dilation": per_axis(dilation, n, "dilation"),
    }


@public
def unfold(x: Node, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Node:
    """What a kernel sees at each of its places, as columns: (batch, channels * sizes, places).

    `x` (batch, channels, *lengths), or without batch if `kernel_size` has one number an axis. A
    view copied into order; its gradient is `fold`. Raises ShapeError, UsageError. Source: PyTorch's
    torch.nn.functional.unfold.
    """
    n = len(kernel_size) if isinstance(kernel_size, (tuple, list)) else stage(x).ndim - 2
    (x, alone), sizes = batched(x, n, "unfold"), per_axis(kernel_size, n, "kernel_size")
    a = _settings(n, dilation, padding, stride)
    seen = windows(
        padded(x, a["padding"]), sizes=sizes, strides=a["stride"], dilations=a["dilation"]
    )
    outputs = seen.shape[2 : 2 + n]
    seen = transpose(seen, (0, 1, *range(2 + n, 2 + 2 * n), *range(2, 2 + n)))
    found = reshape(seen, (x.shape[0], x.shape[1] * prod(sizes), multiplied(outputs)))
    return squeeze(found, 0) if alone else found


@public
def fold(
    x: Node,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Node:
    """Columns (batch, channels * sizes, places) added up where they lie: (batch, channels,
    *output_size), the adjoint of `unfold`.

    `output_size` has one number an axis. Raises ShapeError, UsageError. Source: PyTorch's
    torch.nn.functional.fold.
    """
    n = len(output_size) if isinstance(output_size, (tuple, list)) else 1
    (x, alone), sizes = batched(x, 1, "fold"), per_axis(kernel_size, n, "kernel_size")
    shape, a = per_axis(output_size, n, "output_size"), _settings(n, dilation, padding, stride)
    whole = tuple(d + b + c for d, (b, c) in zip(shape, a["padding"], strict=True))
    outputs = tuple(map(count, whole, sizes, a["stride"], a["dilation"]))
    channels, rest = divmod(literal(x.shape[1:])[0], prod(sizes))
    if rest or prod(outputs) != x.shape[2]:
        raise ShapeError(
            f"{shape_text(x.shape)} are no columns of {prod(sizes)} elements a channel "
            f"at {prod(outputs)} places"
        )
    seen = reshape(x, (x.shape[0], channels, *sizes, *outputs))
    seen = transpose(seen, (0, 1, *range(2 + n, 2 + 2 * n), *range(2, 2 + n)))
    total = overlap_add(
        seen,
        shape=(x.shape[0], channels, *whole),
        strides=a["stride"],
        dilations=a["dilation"],
    )
    begin = (0, 0, *(b for b, _ in a["padding"]))
    found = part(total, begin, (x.shape[0], channels, *shape))
    return squeeze(found, 0) if alone else found
