"""Pooling: the largest, the mean or a norm of each window."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

import graphc.ops as gr
from graphc.graph import Node
from graphc.io.onnx.operators.indices import put
from graphc.io.onnx.operators.windows import Ints, settings
from graphc.io.onnx.rows import Known, integers, literal, row
from graphc.types import DTYPES


def _lengths(x: Node) -> Ints:
    return literal(x.shape[2:], "pooling")


@row("MaxPool")
def max_pool(
    x: Node,
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    storage_order: int = 0,
    strides: Sequence[int] | None = None,
    results: int,
) -> Any:
    by = settings(x.shape[2:], kernel_shape, strides, dilations, pads, auto_pad)
    given = (by.sizes, by.strides, by.pads, by.dilations, bool(ceil_mode))
    if results < 2:
        return gr.max_pool(x, *given)
    y, places = gr.max_pool(x, *given, return_indices=True)
    return y, _in_whole(places, _lengths(x), storage_order)


def _in_whole(places: Node, lengths: Ints, column_major: int) -> Node:
    """Positions that count the elements of a channel, as those that count all."""
    if column_major:
        order = np.arange(prod(lengths)).reshape(lengths, order="F").ravel()
        places = gr.take(places.graph.constant(order), places)
    lead = literal(places.shape[:2], "the indices of MaxPool")
    start = np.arange(prod(lead)).reshape((*lead, *[1] * len(lengths)))
    return places + start * prod(lengths)


@row("AveragePool")
def average_pool(
    x: Node,
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Node:
    by = settings(x.shape[2:], kernel_shape, strides, dilations, pads, auto_pad)
    return gr.avg_pool(
        x, by.sizes, by.strides, by.pads, bool(ceil_mode), bool(count_include_pad),
        dilation=by.dilations,
    )  # fmt: skip


@row("LpPool")
def lp_pool(
    x: Node,
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] | None = None,
    p: int = 2,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Node:
    by = settings(x.shape[2:], kernel_shape, strides, dilations, pads, auto_pad)
    return gr.lp_pool(x, p, by.sizes, by.strides, bool(ceil_mode), by.pads, by.dilations)


def _spatial(x: Node) -> Ints:
    return tuple(range(2, x.ndim))


@row("GlobalMaxPool")
def global_max_pool(x: Node) -> Node:
    return gr.max(x, _spatial(x), keepdims=True)


@row("GlobalAveragePool")
def global_average_pool(x: Node) -> Node:
    return gr.mean(x, _spatial(x), keepdims=True)


@row("GlobalLpPool")
def global_lp_pool(x: Node, *, p: int = 2) -> Node:
    return gr.power(gr.sum(gr.power(gr.abs(x), p), _spatial(x), keepdims=True), 1.0 / p)


@row("MaxUnpool")
def max_unpool(
    x: Node,
    places: Node,
    output_shape: Known | None = None,
    *,
    kernel_shape: Sequence[int],
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Node:
    lengths, lead = _lengths(x), literal(x.shape[:2], "MaxUnpool")
    by = settings(lengths, kernel_shape, strides, None, pads, "NOTSET")
    each = zip(lengths, by.strides, by.sizes, by.pads, strict=True)
    usual = (*lead, *((n - 1) * s + k - a - b for n, s, k, (a, b) in each))
    shape = usual if output_shape is None else integers(output_shape)
    empty = x.graph.constant(np.zeros(prod(shape), DTYPES[x.dtype]))
    return gr.reshape(put(empty, [_moved(places, usual, shape)], x), shape)


def _moved(places: Node, usual: Ints, shape: Ints) -> Node:
    """Row-major positions in one shape as those in another, larger one."""
    found: Any = 0
    for axis, n in enumerate(usual):
        behind = prod(usual[axis + 1 :])
        found = found * shape[axis] + gr.remainder(gr.floor_divide(places, behind), n)
    return found
