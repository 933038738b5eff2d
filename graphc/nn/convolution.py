"""Convolutions as layers, over one to three axes.

Kernels are laid out as PyTorch's: (features, channels / groups, *sizes).
"""

from __future__ import annotations

import math
from typing import Any

from graphc import init as inits
from graphc import ops
from graphc.graph import Node, graph_of
from graphc.nn.dense import Activation
from graphc.nn.scope import activated, adding, check_number, floats, layer, width
from graphc.ops.windows.frames import per_axis

CONVOLUTIONS = {1: ops.conv1d, 2: ops.conv2d, 3: ops.conv3d}


def _convolved(
    x: Node, features: int, size: Any, activation: Activation | None, bias: bool, groups: int,
    init: Any, name: str | None, rank: int, **settings: Any,
) -> Node:  # fmt: skip
    check_number("groups", groups)
    graph, channels = graph_of(floats(x)), width(x, -1 - rank, "number of channels")
    shape = (features, channels // groups, *per_axis(size, rank, "size"))
    drawn = init or inits.normal(math.sqrt(2 / max(1, math.prod(shape[1:]))))
    with layer(graph, name, f"conv{rank}d") as called:
        W = graph.param("W", shape, x.dtype, init=drawn)
        b = graph.param("b", (features,), x.dtype) if bias else None
    y = CONVOLUTIONS[rank](x, W, b, groups=groups, **settings)
    return activated(y, activation).hinted(called)


@adding
def conv1d(
    x: Node, features: int, size: Any, activation: Activation | None = None, *, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1, bias: bool = True, init: Any = None,
    name: str | None = None,
) -> Node:  # fmt: skip
    """gr.conv1d of `x` (batch, channels, length) with a kernel of `size`: (batch, features, ...).

    Params: W (features, channels / groups, size), drawn by `init`, He's normal unless told; b
    (features,), zeros. Raises what gr.conv raises.
    """
    return _convolved(
        x, features, size, activation, bias, groups, init, name, 1, stride=stride, padding=padding,
        dilation=dilation,
    )  # fmt: skip


@adding
def conv2d(
    x: Node, features: int, size: Any, activation: Activation | None = None, *, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1, bias: bool = True, init: Any = None,
    name: str | None = None,
) -> Node:  # fmt: skip
    """gr.conv2d of `x` (batch, channels, height, width); all else is as for conv1d."""
    return _convolved(
        x, features, size, activation, bias, groups, init, name, 2, stride=stride, padding=padding,
        dilation=dilation,
    )  # fmt: skip


@adding
def conv3d(
    x: Node, features: int, size: Any, activation: Activation | None = None, *, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1, bias: bool = True, init: Any = None,
    name: str | None = None,
) -> Node:  # fmt: skip
    """gr.conv3d of `x` (batch, channels, depth, height, width); all else is as for conv1d."""
    return _convolved(
        x, features, size, activation, bias, groups, init, name, 3, stride=stride, padding=padding,
        dilation=dilation,
    )  # fmt: skip
