"""Normalisation: by batch, layer, group, instance, neighbourhood and norm; and dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import graphc.ops as gr
from graphc.graph import Node
from graphc.io.onnx.refusals import Unsupported
from graphc.io.onnx.rows import Known, literal, number, row
from graphc.io.onnx.values import shape_of


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
) -> Any:
    if not spatial:
        raise Unsupported("batch normalisation that is not spatial is not supported")
    if not training_mode:
        return gr.batch_norm(x, mean, var, scale, bias, epsilon)
    y, now, spread = gr.batch_norm_train(x, scale, bias, epsilon)
    fresh = 1 - momentum
    return y, mean * momentum + now * fresh, var * momentum + spread * fresh


@row("InstanceNormalization")
def instance_normalization(x: Node, scale: Node, bias: Node, *, epsilon: float = 1e-5) -> Node:
    return gr.instance_norm(x, scale, bias, epsilon)


@row("LayerNormalization")
def layer_normalization(
    x: Node,
    scale: Node,
    bias: Node | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
    results: int,
) -> Any:
    axes = tuple(range(axis % x.ndim, x.ndim))
    plain = scale.shape == x.shape[axes[0] :] and (bias is None or bias.shape == scale.shape)
    if plain and results == 1:
        return gr.layer_norm(x, axes, scale, bias, epsilon)
    normal, mean, factor = standardised(x, axes, epsilon)
    y = normal * scale
    return (y if bias is None else y + bias), mean, factor


@row("RMSNormalization")
def rms_normalization(
    x: Node, scale: Node, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Node:
    axes = tuple(range(axis % x.ndim, x.ndim))
    if scale.shape == x.shape[axes[0] :]:
        return gr.rms_norm(x, axes, scale, epsilon)
    return gr.rms_norm(x, axes, None, epsilon) * scale


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
    if opset < 21:
        (c,) = literal([x.shape[1]], "GroupNormalization")
        scale, bias = (gr.repeat(v, c // num_groups, 0) for v in (scale, bias))
    return gr.group_norm(x, num_groups, scale, bias, epsilon)


@row("MeanVarianceNormalization")
def mean_variance_normalization(x: Node, *, axes: Sequence[int] = (0, 2, 3)) -> Node:
    return standardised(x, tuple(axes), 1e-9)[0]


@row("LRN")
def lrn(x: Node, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Node:
    if size % 2:
        return gr.local_response_norm(x, size, alpha, beta, bias)
    turned = gr.local_response_norm(gr.flip(x, 1), size, alpha, beta, bias)
    return gr.flip(turned, 1)  # the odd channel is the one behind


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
