"""Layers that normalise: each has a scale `gamma` of ones and a shift `beta` of zeros as params.

Batch normalisation keeps running statistics as state, which a training step brings up to date.
"""

from __future__ import annotations

from typing import Any

from graphc import init as inits
from graphc import ops
from graphc.graph import Graph, Node, graph_of
from graphc.nn.scope import adding, floats, layer, width
from graphc.ops.axes import axes_of, stage
from graphc.ops.reductions.reduce import count


def _affine(
    graph: Graph, x: Node, shape: tuple[int, ...], scale: bool, shift: bool
) -> tuple[Any, Any]:
    gamma = graph.param("gamma", shape, x.dtype, init=inits.ones()) if scale else None
    return gamma, graph.param("beta", shape, x.dtype) if shift else None


def _sizes(x: Node, axis: Any) -> tuple[int, ...]:
    return tuple(width(x, a, "size to normalise over") for a in axes_of(axis, stage(x).shape))


@adding
def layer_norm(
    x: Node,
    axis: Any = -1,
    *,
    eps: float = 1e-5,
    scale: bool = True,
    shift: bool = True,
    name: str | None = None,
) -> Node:
    """gr.layer_norm over `axis`, one or several, with params gamma and beta of these sizes."""
    graph, shape = graph_of(floats(x)), _sizes(x, axis)
    with layer(graph, name, "layer_norm") as called:
        affine = _affine(graph, x, shape, scale, shift)
    return ops.layer_norm(x, axis, *affine, eps=eps).hinted(called)


@adding
def rms_norm(x: Node, axis: Any = -1, *, eps: float | None = None, name: str | None = None) -> Node:
    """gr.rms_norm over `axis`, one or several, with a param gamma of these sizes."""
    graph, shape = graph_of(floats(x)), _sizes(x, axis)
    with layer(graph, name, "rms_norm") as called:
        gamma, _ = _affine(graph, x, shape, True, False)
    return ops.rms_norm(x, axis, gamma, eps).hinted(called)


@adding
def group_norm(
    x: Node, groups: int, *, eps: float = 1e-5, affine: bool = True, name: str | None = None
) -> Node:
    """gr.group_norm of `x` (batch, channels, *lengths), with params gamma and beta (channels,)."""
    graph, channels = graph_of(floats(x)), width(x, 1, "number of channels")
    with layer(graph, name, "group_norm") as called:
        weights = _affine(graph, x, (channels,), affine, affine)
    return ops.group_norm(x, groups, *weights, eps=eps).hinted(called)


@adding
def batch_norm(
    x: Node,
    *,
    momentum: float = 0.1,
    eps: float = 1e-5,
    affine: bool = True,
    name: str | None = None,
) -> Node:
    """Each channel of `x` (batch, channels, *lengths) brought to mean 0 and variance 1, then scaled
    and shifted: in a training step by the batch's own mean and variance, in any other program by
    the running ones.

    Params: gamma and beta (channels,). States: mean and var (channels,), from zeros and ones; a
    training step that reads them moves them by `momentum` towards those of the batch, of the
    variance n / (n - 1) times that over n elements. Raises ShapeError, UsageError. Source: Ioffe &
    Szegedy 2015; the momentum is PyTorch's, 1 less the usual one.
    """
    graph, channels = graph_of(floats(x)), width(x, 1, "number of channels")
    with layer(graph, name, "batch_norm") as called:
        weights = _affine(graph, x, (channels,), affine, affine)
        level = graph.state("mean", (channels,), x.dtype)
        spread = graph.state("var", (channels,), x.dtype, init=inits.ones())
    trained, mean, var = ops.batch_norm_train(x, *weights, eps=eps)
    n = count(x, (0, *range(2, x.ndim)), x.dtype)
    unbiased = var * (n / ops.maximum(n - 1, 1) if isinstance(n, Node) else n / max(n - 1, 1))
    graph.updates[level] = level + momentum * (mean - level)
    graph.updates[spread] = spread + momentum * (unbiased - spread)
    running = ops.batch_norm(x, level, spread, *weights, eps=eps)
    return ops.when_training(trained, running).hinted(called)
