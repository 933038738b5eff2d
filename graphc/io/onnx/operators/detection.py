"""RoiAlign and DeformConv: images read between their elements, at places that are computed.

Each sample is the sum of the four elements around its place, weighed by how near they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

import graphc.ops as gr
from graphc.errors import DataError
from graphc.graph import Node
from graphc.io.onnx.elements import HELD, check_size
from graphc.io.onnx.operators.windows import settings
from graphc.io.onnx.refusals import Unsupported
from graphc.io.onnx.rows import literal, row


@dataclass(frozen=True)
class Corner:
    """One of the elements around each place: its index on both axes, and its weight."""

    y: Node
    x: Node
    weight: Node


def corners(places: Sequence[Node], lengths: Sequence[int]) -> list[Corner]:
    """The four elements around places; what is outside of the image weighs nothing."""
    y, x = (_sides(at, n) for at, n in zip(places, lengths, strict=True))
    return [Corner(a, b, p * q) for (a, p), (b, q) in product(y, x)]


def _sides(at: Node, n: int) -> list[tuple[Node, Node]]:
    low = gr.floor(at)
    rest = at - low
    return [_side(low, 1 - rest, n), _side(low + 1, rest, n)]


def _side(at: Node, weight: Node, n: int) -> tuple[Node, Node]:
    inside = gr.logical_and(gr.greater_equal(at, 0), gr.less(at, n))
    weight = gr.where(inside, weight, gr.zeros_like(weight))
    return gr.astype(gr.clip(at, 0, n - 1), "i64"), weight


# Regions


@row("RoiAlign")
def roi_align(
    x: Node,
    rois: Node,
    batch_indices: Node,
    *,
    coordinate_transformation_mode: str | None = None,
    mode: str = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
    opset: int,
) -> Node:
    """(regions, channels, height, width): the mean or the maximum of samples in each bin."""
    if sampling_ratio < 1:
        raise Unsupported("RoiAlign takes as many samples as the data says; set sampling_ratio")
    bins = (output_height, output_width, sampling_ratio, sampling_ratio)
    check_size(bins, "a region of RoiAlign", HELD)
    usual = "half_pixel" if opset >= 16 else "output_half_pixel"
    half = (coordinate_transformation_mode or usual) == "half_pixel"
    lengths = literal(x.shape[2:], "RoiAlign")
    edges = rois * spatial_scale - (0.5 if half else 0.0)
    y = _samples(edges, 1, output_height, sampling_ratio, half)
    x_at = _samples(edges, 0, output_width, sampling_ratio, half)
    at = gr.broadcast_arrays(y[:, :, :, None, None], x_at[:, None, None])
    return _binned(x, batch_indices, at, lengths, mode)


def _samples(edges: Node, axis: int, bins: int, ratio: int, half: bool) -> Node:
    """Where samples lie along an axis, (regions, bins, samples of a bin)."""
    start, end = edges[:, axis], edges[:, axis + 2]
    size = end - start if half else gr.maximum(end - start, 1.0)
    steps = (np.arange(bins * ratio) + 0.5) / (bins * ratio)
    at = start[:, None] + size[:, None] * steps.astype(np.float32)
    return gr.reshape(at, (edges.shape[0], bins, ratio))


def _binned(x: Node, batch: Node, at: Sequence[Node], lengths: Sequence[int], mode: str) -> Node:
    """The samples at places (regions, bins, samples, bins, samples), taken together by bin."""
    inside = [
        gr.logical_and(gr.greater_equal(v, -1.0), gr.less_equal(v, n))
        for v, n in zip(at, lengths, strict=True)
    ]
    there = gr.logical_and(*inside)
    kept = [gr.clip(v, 0, n - 1) for v, n in zip(at, lengths, strict=True)]
    rows, last = batch[:, None, None, None, None], gr.moveaxis(x, 1, -1)
    parts = []
    for corner in corners(kept, lengths):
        weight = gr.where(there, corner.weight, gr.zeros_like(corner.weight))
        parts.append(gr.index(last, (rows, corner.y, corner.x)) * weight[..., None])
    if mode == "max":
        found = gr.max(reduce(gr.maximum, parts), (2, 4))
    else:
        found = gr.mean(reduce(gr.add, parts), (2, 4))
    return gr.moveaxis(found, -1, 1)


# Kernels whose elements are moved


@row("DeformConv")
def deform_conv(
    x: Node,
    w: Node,
    offset: Node,
    bias: Node | None = None,
    mask: Node | None = None,
    *,
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    offset_group: int = 1,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Node:
    """A convolution whose windows' elements are moved by `offset` (Dai et al., 2017) and weighed by
    `mask` (Zhu et al., 2019).
    """
    n, channels, *lengths = literal(x.shape, "DeformConv")
    features, _, *sizes = literal(w.shape, "DeformConv")
    outputs = literal(offset.shape[2:], "DeformConv")
    if len(sizes) != 2 or channels % offset_group or features % group:
        raise DataError(f"kernels {w.shape} in {group}, {offset_group} groups do not fit {x.shape}")
    by = settings(lengths, sizes, strides, dilations, pads, "NOTSET")
    each = (offset_group, sizes[0] * sizes[1])
    moved = gr.reshape(offset, (n, *each, 2, *outputs))
    base = _windows(by, outputs)
    at = [moved[:, :, :, i] + base[i].astype(np.float32) for i in range(2)]
    seen = _seen(gr.reshape(x, (n, offset_group, -1, *lengths)), at, lengths)
    if mask is not None:
        seen = seen * gr.reshape(mask, (n, *each, 1, *outputs))
    # (batch, groups, taps, channels, outputs): channels first, so that they are a kernel's rows
    rows = gr.reshape(gr.swapaxes(seen, 2, 3), (n, group, -1, outputs[0] * outputs[1]))
    kernels = gr.reshape(w, (group, features // group, -1))
    y = gr.reshape(gr.matmul(kernels, rows), (n, features, *outputs))
    return y if bias is None else y + gr.reshape(bias, (features, 1, 1))


def _windows(by: Any, outputs: Sequence[int]) -> list[np.ndarray]:
    """Where the elements of windows lie on each axis unless they are moved, (taps, *outputs)."""
    taps = np.indices(by.sizes).reshape(2, -1, 1, 1)
    places = np.indices(outputs)[:, None]
    steps = zip(taps, by.dilations, places, by.strides, by.pads, strict=True)
    return [tap * far + place * stride - before for tap, far, place, stride, (before, _) in steps]


def _seen(x: Node, at: Sequence[Node], lengths: Sequence[int]) -> Node:
    """x (batch, groups, channels, *lengths) at places (batch, groups, taps, *outputs), 0 outside:
    (batch, groups, taps, channels, *outputs).
    """
    n, groups = literal(x.shape[:2], "DeformConv")
    lead = [v.reshape(*v.shape, 1, 1, 1) for v in np.ogrid[:n, :groups]]
    last = gr.moveaxis(x, 2, -1)
    parts = [
        gr.index(last, (*lead, corner.y, corner.x)) * corner.weight[..., None]
        for corner in corners(at, lengths)
    ]
    return gr.moveaxis(reduce(gr.add, parts), -1, 3)
