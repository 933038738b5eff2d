"""ONNX's operators for training: gradients of a stage, and the steps of optimisers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import graphc.ops as gr
from graphc.errors import DataError
from graphc.grad import grad
from graphc.graph import Node
from graphc.io.onnx.refusals import Unsupported
from graphc.io.onnx.rows import TRAINING, row


@row("Gradient", domain=TRAINING)
def gradient(
    *inputs: Node, xs: Sequence[str], y: str, zs: Sequence[str] = (), scope: Any
) -> tuple[Node, ...]:
    """dy/dx for each of `xs`, which are names in the same graph; of an array y, of its sum."""
    wrt = [scope.stage(scope.value(x)) for x in xs]
    if any(given is not x for given, x in zip(inputs, wrt, strict=False)):
        raise Unsupported("a gradient at another point than where the model is evaluated")
    target = scope.stage(scope.value(y))
    return tuple(grad(gr.sum(target) if target.ndim else target, wrt))


def _groups(inputs: Sequence[Node], parts: int) -> list[tuple[Node, ...]]:
    """The inputs X1 X2 .. G1 G2 .. as one tuple for each optimised array."""
    if len(inputs) % parts:
        raise DataError(f"{len(inputs)} arrays are not {parts} for each that is optimised")
    n = len(inputs) // parts
    return list(zip(*(inputs[i * n : (i + 1) * n] for i in range(parts)), strict=True))


def _flat(results: Sequence[tuple[Node, ...]]) -> tuple[Node, ...]:
    """One tuple for each optimised array as ONNX lists them: all X, then all of the next kind."""
    return tuple(node for kind in zip(*results, strict=True) for node in kind)


@row("Adagrad", domain=TRAINING)
def adagrad(
    R: Node,
    T: Node,
    *inputs: Node,
    decay_factor: float = 0.0,
    epsilon: float = 0.0,
    norm_coefficient: float = 0.0,
) -> tuple[Node, ...]:
    """X - r G / (sqrt(H) + epsilon), H the sum of squared gradients (Duchi et al., 2011)."""
    rate = R / (1 + gr.astype(T, R.dtype) * decay_factor)
    results = []
    for x, g, h in _groups(inputs, 3):
        g = norm_coefficient * x + g
        h = h + g * g
        results.append((x - rate * g / (gr.sqrt(h) + epsilon), h))
    return _flat(results)


@row("Adam", domain=TRAINING)
def adam(
    R: Node,
    T: Node,
    *inputs: Node,
    alpha: float = 0.9,
    beta: float = 0.999,
    epsilon: float = 0.0,
    norm_coefficient: float = 0.0,
    norm_coefficient_post: float = 0.0,
) -> tuple[Node, ...]:
    """Adam's step (Kingma and Ba, 2015); before the first one, without its correction."""
    t = gr.astype(T, R.dtype)
    first = gr.greater(T, 0)
    corrected = gr.sqrt(1 - beta**t) / (1 - gr.where(first, alpha**t, 0.0))
    rate = gr.where(first, R * corrected, R)
    results = []
    for x, g, v, h in _groups(inputs, 4):
        g = norm_coefficient * x + g
        v, h = alpha * v + (1 - alpha) * g, beta * h + (1 - beta) * g * g
        x = (1 - norm_coefficient_post) * (x - rate * v / (gr.sqrt(h) + epsilon))
        results.append((x, v, h))
    return _flat(results)


@row("Momentum", domain=TRAINING)
def momentum(
    R: Node,
    T: Node,
    *inputs: Node,
    alpha: float,
    beta: float,
    mode: str,
    norm_coefficient: float,
) -> tuple[Node, ...]:
    """Momentum, plain or Nesterov's; the first step takes the gradient whole."""
    factor = gr.where(gr.greater(T, 0), gr.astype(gr.full_like(R, beta), R.dtype), 1.0)
    results = []
    for x, g, v in _groups(inputs, 3):
        g = norm_coefficient * x + g
        v = alpha * v + factor * g
        results.append((x - R * (g + alpha * v if mode == "nesterov" else v), v))
    return _flat(results)
