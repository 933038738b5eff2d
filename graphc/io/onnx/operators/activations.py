"""What nets put between their layers, element by element or along one axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import graphc.ops as gr
from graphc.graph import Node
from graphc.io.onnx.rows import row, unary
from graphc.types import product

unary({"Relu": "relu", "Sigmoid": "sigmoid", "Softplus": "softplus"})
unary({"Softsign": "softsign", "Mish": "mish", "HardSwish": "hardswish"})


@row("LeakyRelu")
def leaky_relu(x: Node, *, alpha: float = 0.01) -> Node:
    return gr.leaky_relu(x, alpha)


@row("Elu")
def elu(x: Node, *, alpha: float = 1.0) -> Node:
    return gr.elu(x, alpha)


@row("Celu")
def celu(x: Node, *, alpha: float = 1.0) -> Node:
    return gr.celu(x, alpha)


@row("Selu")
def selu(x: Node, *, alpha: float = 1.6732631921768188, gamma: float = 1.0507010221481323) -> Node:
    return gamma * gr.elu(x, alpha)


@row("PRelu")
def prelu(x: Node, slope: Node, *, opset: int) -> Node:
    if opset < 7 and slope.ndim == 1:
        return gr.prelu(x, slope)
    wide = gr.reshape(slope, (*[1] * (x.ndim - slope.ndim), *slope.shape))
    return gr.prelu(x, wide)


@row("ThresholdedRelu")
def thresholded_relu(x: Node, *, alpha: float = 1.0) -> Node:
    return gr.where(gr.greater(x, alpha), x, gr.zeros_like(x))


@row("HardSigmoid")
def hard_sigmoid(x: Node, *, alpha: float = 0.2, beta: float = 0.5) -> Node:
    return gr.clip(alpha * x + beta, 0, 1)


@row("Shrink")
def shrink(x: Node, *, bias: float = 0.0, lambd: float = 0.5) -> Node:
    below, above = gr.less(x, -lambd), gr.greater(x, lambd)
    y = gr.where(below, x + bias, gr.where(above, x - bias, gr.zeros_like(x)))
    return gr.astype(y, x.dtype)


@row("Gelu")
def gelu(x: Node, *, approximate: str = "none") -> Node:
    return gr.gelu(x, approximate)


@row("Swish")
def swish(x: Node, *, alpha: float = 1.0) -> Node:
    return x * gr.sigmoid(alpha * x)


# Along an axis


def along(x: Node, axis: int | None, opset: int, meaning: Callable[[Node, int], Node]) -> Node:
    """A function along one axis; before version 13, along all from `axis` on, as one."""
    if opset >= 13:
        return meaning(x, -1 if axis is None else axis)
    start = (1 if axis is None else axis) % x.ndim
    flat = gr.reshape(x, (*x.shape[:start], product(x.shape[start:])))
    return gr.reshape(meaning(flat, -1), x.shape)


@row("Softmax")
def softmax(x: Node, *, axis: int | None = None, opset: int) -> Node:
    return along(x, axis, opset, gr.softmax)


@row("LogSoftmax")
def log_softmax(x: Node, *, axis: int | None = None, opset: int) -> Node:
    return along(x, axis, opset, gr.log_softmax)


@row("Hardmax")
def hardmax(x: Node, *, axis: int | None = None, opset: int) -> Node:
    return along(x, axis, opset, _hardmax)


def _hardmax(x: Node, axis: int) -> Node:
    count: Any = x.shape[axis]
    found = gr.one_hot(gr.argmax(x, axis), count, x.dtype)
    return gr.transpose(found, _last_to(axis % x.ndim, x.ndim))


def _last_to(axis: int, rank: int) -> tuple[int, ...]:
    """The order of axes that brings the last one to `axis`."""
    order = list(range(rank - 1))
    order.insert(axis, rank - 1)
    return tuple(order)
