"""Windows that slide: their sizes, strides and borders in ONNX's terms; and convolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import graphc.ops as gr
from graphc.errors import DataError
from graphc.graph import Node
from graphc.io.onnx.elements import check_size
from graphc.io.onnx.operators.layout import part
from graphc.io.onnx.rows import Known, integers, literal, row
from graphc.ops.windows.convolve import conv_transpose_
from graphc.ops.windows.sliding import overlap_add, reach

Ints = tuple[int, ...]

FAR = 2**24
"""Elements that a window may move, reach or stand beyond the border."""


@dataclass(frozen=True)
class Windows:
    """How windows lie over the last axes of an array; `pads` are pairs, all before their axis and
    all behind it.
    """

    sizes: Ints
    strides: Ints
    dilations: Ints
    pads: tuple[tuple[int, int], ...]

    @property
    def reaches(self) -> Ints:
        """How many elements each window covers."""
        return tuple(map(reach, self.sizes, self.dilations))


def settings(
    lengths: Sequence[Any],
    sizes: Sequence[int],
    strides: Sequence[int] | None,
    dilations: Sequence[int] | None,
    pads: Sequence[int] | None,
    auto_pad: str,
) -> Windows:
    """The windows that ONNX's attributes mean; raises Unsupported for a named length."""
    n = len(sizes)
    steps, far = tuple(strides or [1] * n), tuple(dilations or [1] * n)
    given = tuple(pads or [0] * (2 * n))
    if min((*steps, *far, *sizes), default=1) < 1 or len(given) != 2 * n:
        raise DataError(f"windows of {list(sizes)}, strides {steps}, dilations {far}, pads {given}")
    check_size((max((0, *steps, *far, *sizes, *map(abs, given))),), "a window", FAR)
    pairs = tuple(zip(given[:n], given[n:], strict=True))
    found = Windows(tuple(sizes), steps, far, pairs)
    if not auto_pad.startswith("SAME"):
        return found
    each = zip(literal(lengths, "a window"), found.reaches, steps, strict=True)
    totals = [max(0, (-(-length // s) - 1) * s + r - length) for length, r, s in each]
    return Windows(tuple(sizes), steps, far, halves(totals, auto_pad == "SAME_UPPER"))


def halves(totals: Sequence[int], upper: bool) -> tuple[tuple[int, int], ...]:
    """Totals as pairs; the odd one goes behind for `upper`, else before."""
    return tuple((t // 2, t - t // 2) if upper else (t - t // 2, t // 2) for t in totals)


@row("Conv")
def conv(
    x: Node,
    w: Node,
    b: Node | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Node:
    sizes = literal(w.shape[2:], "a kernel")
    by = settings(x.shape[2:], sizes, strides, dilations, pads, auto_pad)
    return gr.conv(x, w, b, by.strides, by.pads, by.dilations, group)


@row("ConvTranspose")
def conv_transpose(
    x: Node,
    w: Node,
    b: Node | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    output_padding: Sequence[int] | None = None,
    output_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Node:
    lengths, sizes = (literal(v.shape[2:], "ConvTranspose") for v in (x, w))
    by = settings(lengths, sizes, strides, dilations, pads, "NOTSET")
    more = output_padding or [0] * len(sizes)
    each = zip(lengths, by.strides, by.reaches, more, strict=True)
    full = [(n - 1) * s + r + m for n, s, r, m in each]
    pairs, wanted = by.pads, None if output_shape is None else output_shape[-len(full) :]
    if auto_pad.startswith("SAME") and wanted is None:
        wanted = [n * s for n, s in zip(lengths, by.strides, strict=True)]
    if wanted is not None:
        short = [max(0, f - n) for f, n in zip(full, wanted, strict=True)]
        pairs = halves(short, auto_pad != "SAME_LOWER")
        full = [n + t for n, t in zip(wanted, short, strict=True)]
    shape = tuple(f - a - b for f, (a, b) in zip(full, pairs, strict=True))
    args = (x, w) if b is None else (x, w, b)
    return conv_transpose_(
        *args, shape=shape, stride=by.strides, padding=pairs, dilation=by.dilations, groups=group
    )


@row("Col2Im")
def col2im(
    x: Node,
    image_shape: Known,
    block_shape: Known,
    *,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Node:
    """Columns (batch, channels * block, windows) laid over each other and added up."""
    image, block = integers(image_shape), integers(block_shape)
    by, n = settings(image, block, strides, dilations, pads, "NOTSET"), len(image)
    outputs = [
        (m + a + b - r) // s + 1
        for m, (a, b), r, s in zip(image, by.pads, by.reaches, by.strides, strict=True)
    ]
    channels = literal([x.shape[1]], "Col2Im")[0] // prod(block)
    laid = gr.reshape(x, (x.shape[0], channels, *block, *outputs))
    order = (0, 1, *range(2 + n, 2 + 2 * n), *range(2, 2 + n))
    whole = tuple(m + a + b for m, (a, b) in zip(image, by.pads, strict=True))
    y = overlap_add(
        gr.transpose(laid, order),
        shape=(x.shape[0], channels, *whole),
        strides=by.strides,
        dilations=by.dilations,
    )
    for axis, (size, (before, _)) in enumerate(zip(image, by.pads, strict=True), 2):
        y = part(y, axis, before, before + size)
    return y
