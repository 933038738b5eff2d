"""Losses over classes."""

from __future__ import annotations

import graphc.ops as gr
from graphc.graph import Node
from graphc.io.onnx.rows import literal, row


def nll(logp: Node, target: Node, weight: Node | None, ignored: int | None, reduction: str) -> Node:
    """-weight[t] logp[t], classes on axis 1; the mean is by the sum of the weights."""
    (count,) = literal([logp.shape[1]], "a loss over classes")
    kept = None if ignored is None else gr.not_equal(target, ignored)
    label = target if kept is None else gr.where(kept, target, gr.zeros_like(target))
    at = gr.expand_dims(gr.where(gr.less(label, 0), label + count, label), 1)
    picked = gr.squeeze(gr.take_along_axis(logp, at, 1), 1)
    factor = gr.ones_like(picked) if weight is None else gr.take(weight, label)
    if kept is not None:
        factor = gr.where(kept, factor, gr.zeros_like(factor))
    loss = gr.negative(picked) * factor
    if reduction == "none":
        return loss
    total = gr.sum(loss)
    return total if reduction == "sum" else total / gr.sum(factor)


@row("NegativeLogLikelihoodLoss")
def nll_loss(
    x: Node,
    target: Node,
    weight: Node | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Node:
    return nll(x, target, weight, ignore_index, reduction)


@row("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy_loss(
    scores: Node,
    labels: Node,
    weights: Node | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> tuple[Node, Node]:
    logp = gr.log_softmax(scores, 1)
    return nll(logp, labels, weights, ignore_index, reduction), logp
