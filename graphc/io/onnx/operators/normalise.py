"""Normalisation: by batch, layer, group, instance, neighbourhood and norm; and dropout."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

import graphc.ops as gr
from graphc.graph import Node
from graphc.io.onnx.refusals import Unsupported
from graphc.io.onnx.rows import Known, literal, number, row
from graphc.io.onnx.values import shape_of
from graphc.types import Dim


def channels(v: Node, rank: int) -> Node:
    """A vector of one number a channel, shaped to broadcast with (batch, channels, ...)."""
    return gr.reshape(v, (*v.shape, *[1] * (rank - 2)))


def standardised(x: Node, axes: tuple[int, ...], epsilon: float) -> tuple[Node, Node, Node]:
    """(x - mean) / sqrt(var + epsilon) over axes, the mean and the factor."""
    mean = gr.mean(x, axes, keepdims=True)
    apart = x - mean
    scale = gr.reciprocal(gr.sqrt(gr.mean(gr.square(apart), axes, keepdims=True) + epsilon))
    return apart * scale, mean, scale


@row("BatchNormalization")
def batch_normalization(
    x: Node,
    scale: Node,
    bias: Node,
    mean: Node,
    var: Node,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    spatial: int = 1,
    training_mode: int = 0,
    is_test: int = 1,
    results: int,
) -> tuple[Node, ...]:
    if not spatial:
        raise Unsupported("batch normalisation that is not spatial is not supported")
    if not training_mode:
        return (_normal(x, scale, bias, mean, var, epsilon),)
    axes = (0, *range(2, x.ndim))
    now = gr.mean(x, axes)
    spread = gr.mean(gr.square(x - channels(now, x.ndim)), axes)
    running = [mean * momentum + now * (1 - momentum), var * momentum + spread * (1 - momentum)]
    return _normal(x, scale, bias, now, spread, epsilon), *running


def _normal(x: Node, scale: Node, bias: Node, mean: Node, var: Node, epsilon: float) -> Node:
    rank = x.ndim
    factor = scale / gr.sqrt(var + epsilon)
    return (x - channels(mean, rank)) * channels(factor, rank) + channels(bias, rank)


@row("InstanceNormalization")
def instance_normalization(x: Node, scale: Node, bias: Node, *, epsilon: float = 1e-5) -> Node:
    normal, _, _ = standardised(x, tuple(range(2, x.ndim)), epsilon)
    return normal * channels(scale, x.ndim) + channels(bias, x.ndim)


@row("LayerNormalization")
def layer_normalization(
    x: Node,
    scale: Node,
    bias: Node | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> tuple[Node, Node, Node]:
    normal, mean, factor = standardised(x, tuple(range(axis % x.ndim, x.ndim)), epsilon)
    y = normal * scale
    return (y if bias is None else y + bias), mean, factor


@row("RMSNormalization")
def rms_normalization(
    x: Node, scale: Node, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Node:
    axes = tuple(range(axis % x.ndim, x.ndim))
    return x * gr.reciprocal(gr.sqrt(gr.mean(gr.square(x), axes, keepdims=True) + epsilon)) * scale


@row("GroupNormalization")
def group_normalization(
    x: Node,
    scale: Node,
    bias: Node,
    *,
    num_groups: int,
    epsilon: float = 1e-5,
    stash_type: int = 1,
    opset: int,
) -> Node:
    n, (c,) = x.shape[0], literal([x.shape[1]], "GroupNormalization")
    grouped: tuple[Dim, ...] = (n, num_groups, c // num_groups, *x.shape[2:])
    normal, _, _ = standardised(gr.reshape(x, grouped), tuple(range(2, x.ndim + 1)), epsilon)
    if opset < 21:
        by = (num_groups, *[1] * (x.ndim - 1))
        return gr.reshape(normal * gr.reshape(scale, by) + gr.reshape(bias, by), x.shape)
    return gr.reshape(normal, x.shape) * channels(scale, x.ndim) + channels(bias, x.ndim)


@row("MeanVarianceNormalization")
def mean_variance_normalization(x: Node, *, axes: Sequence[int] = (0, 2, 3)) -> Node:
    return standardised(x, tuple(axes), 1e-9)[0]


@row("LRN")
def lrn(x: Node, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Node:
    """x / (bias + alpha/size * sum of squares of the channels around)^beta (Krizhevsky, 2012)."""
    before = (size - 1) // 2
    widths = [(0, 0), (before, size - 1 - before), *[(0, 0)] * (x.ndim - 2)]
    padded, count = gr.pad(gr.square(x), widths), x.shape[1]
    shifted = [gr.index(padded, (slice(None), slice(i, i + count))) for i in range(size)]
    total = reduce(gr.add, shifted)
    return x / gr.power(bias + alpha / size * total, beta)


@row("LpNormalization")
def lp_normalization(x: Node, *, axis: int = -1, p: int = 2) -> Node:
    if p == 1:
        norm = gr.sum(gr.abs(x), axis, keepdims=True)
    else:
        norm = gr.sqrt(gr.sum(gr.square(x), axis, keepdims=True))
    return gr.where(gr.equal(norm, 0), gr.zeros_like(x), x / norm)


@row("Dropout")
def dropout(
    data: Any,
    ratio: Known | None = None,
    training_mode: Known | None = None,
    *,
    is_test: int = 1,
    opset: int,
) -> tuple[Any, Any]:
    share = number(ratio, 0.5)
    if number(training_mode, 0) and share:
        raise Unsupported("dropout in training draws numbers that no other program draws")
    kind = np.dtype(bool if opset >= 10 else np.float32)
    return data, np.broadcast_to(np.ones((), kind), literal(shape_of(data), "Dropout's mask"))
