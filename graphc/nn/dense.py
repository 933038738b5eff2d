"""Layers that multiply by a matrix, or pick its rows: dense, embedding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc import init as inits
from graphc import ops
from graphc.graph import Node, graph_of
from graphc.nn.scope import activated, adding, floats, layer, width
from graphc.ops.axes import stage

Activation = Callable[[Node], Node]


@adding
def dense(
    x: Node,
    units: int,
    activation: Activation | None = None,
    *,
    bias: bool = True,
    init: Any = None,
    name: str | None = None,
) -> Node:
    """activation(x W + b) for `x` (..., width): (..., units).

    Params: W (width, units), drawn by `init`, glorot_uniform unless told; b (units,), zeros. Raises
    ShapeError where the width has a name.
    """
    graph, features = graph_of(floats(x)), width(x)
    with layer(graph, name, "dense") as called:
        W = graph.param("W", (features, units), x.dtype, init=init or inits.glorot_uniform())
        y = x @ W
        y = y + graph.param("b", (units,), x.dtype) if bias else y
    return activated(y, activation).hinted(called)


@adding
def embedding(
    ids: Node,
    count: int,
    width: int,
    *,
    padding: int | None = None,
    init: Any = None,
    name: str | None = None,
) -> Node:
    """A row of a table for each of `ids`, integers (...) from 0 to count - 1: (..., width).

    Param: W (count, width), drawn by `init`, normal() unless told; its row `padding` is not
    trained. Raises what gr.embedding raises.
    """
    graph = graph_of(stage(ids))
    with layer(graph, name, "embedding") as called:
        W = graph.param("W", (count, width), init=init or inits.normal())
    return ops.embedding(ids, W, padding).hinted(called)
