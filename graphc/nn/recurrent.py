"""Recurrent layers over sequences: every layer is one product of the whole input, and one scan.

A sequence that ends before the others, by its length or its mask, keeps its state from there on, and
gives zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphc.dropout import dropout as dropped
from graphc.errors import ShapeError, UsageError
from graphc.flow import scan
from graphc.graph import Graph, Node, graph_of
from graphc.nn.cells import GRU, LSTM, Kind, State, Weights, rnn_kind, weights_of
from graphc.nn.scope import adding, layer, width
from graphc.ops import arange, concat, expand_dims, less, stack, swapaxes, tanh, zeros
from graphc.ops.axes import stage
from graphc.types import Dim, shape_text


@dataclass(frozen=True)
class _Net:
    """All that is asked of a recurrent net beside its input."""

    kind: Kind
    units: int
    layers: int
    bidirectional: bool
    reverse: bool
    bias: bool
    dropout: float

    @property
    def directions(self) -> tuple[bool, ...]:
        """For each direction, whether it begins at the last step."""
        return (False, True) if self.bidirectional else (self.reverse,)


def _run(
    net: _Net, x: Node, state: Any, lengths: Any, mask: Any, time_first: bool, name: str | None
) -> tuple[Node, State]:
    """The last layer's h of every step, and for each layer and direction what it carries in the
    end.
    """
    _check(net, x, lengths, mask)
    graph = graph_of(x)
    x = x if time_first else swapaxes(x, 0, 1)
    going = _going(graph, x.shape[0], lengths, mask, time_first)
    begins = _begins(net, graph, x, state)
    ends: list[State] = []
    with layer(graph, name, net.kind.name) as called:
        for k in range(net.layers):
            x = dropped(x, net.dropout) if k and net.dropout else x
            rows = []
            for back in net.directions:
                with graph.scope(_place(net, k, back)) if _is_deep(net) else layer_itself():
                    w = weights_of(net.kind, graph, width(x), net.units, net.bias, x.dtype)
                end, ys = _scanned(net.kind, w, x, begins[len(ends)], going, back)
                ends.append(end)
                rows.append(ys)
            x = concat(rows, -1) if len(rows) > 1 else rows[0]
    y = (x if time_first else swapaxes(x, 0, 1)).hinted(called)
    return y, {key: stack([end[key] for end in ends]) for key in net.kind.carries}
