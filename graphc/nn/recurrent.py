"""Recurrent layers over sequences: every layer is one product of the whole input, and one scan.

A sequence that ends before the others, by its length or its mask, keeps its state from there on,
and gives zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphc.errors import ShapeError, UsageError
from graphc.flow import scan
from graphc.graph import Graph, Node, graph_of
from graphc.nn.cells import GRU, LSTM, Kind, State, Weights, rnn_kind, weights_of
from graphc.nn.scope import adding, floats, layer, width
from graphc.ops import arange, concat, expand_dims, less, stack, swapaxes, tanh, zeros
from graphc.random.dropout import dropout as dropped
from graphc.types import shape_text


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

    def weights(self, x: Node, prefix: str) -> Weights:
        """New params for one layer and direction."""
        return weights_of(self.kind, graph_of(x), width(x), self.units, self.bias, x.dtype, prefix)


def _run(
    net: _Net, x: Node, state: Any, lengths: Any, mask: Any, time_first: bool, name: str | None
) -> tuple[Node, State]:
    """The last layer's h of every step, and what each layer and direction carries in the end."""
    _check(net, x)
    graph, going = graph_of(x), _going(x, lengths, mask, time_first)
    x = x if time_first else swapaxes(x, 0, 1)
    begins, ends = _begins(net, graph, x, state), list[State]()
    with layer(graph, name, net.kind.name) as called:
        for k in range(net.layers):
            x = dropped(x, net.dropout) if k and net.dropout else x
            rows = []
            for back in net.directions:
                w = net.weights(x, _prefix(net, k, back))
                end, ys = _scanned(net.kind, w, x, begins[len(ends)], going, back)
                ends.append(end)
                rows.append(ys)
            x = concat(rows, -1) if len(rows) > 1 else rows[0]
    y = (x if time_first else swapaxes(x, 0, 1)).hinted(called)
    return y, {key: stack([end[key] for end in ends]) for key in net.kind.carries}


def _check(net: _Net, x: Any) -> None:
    if floats(x).ndim != 3:
        raise ShapeError(
            f"{net.kind.name} takes (batch, time, features), not shape {shape_text(x.shape)}",
            code="G103",
        )
    if net.layers < 1 or (net.bidirectional and net.reverse):
        raise UsageError(
            "there is at least one layer, and one that goes both ways has no other way"
        )


def _prefix(net: _Net, k: int, back: bool) -> str:
    """How the names of a layer's params begin."""
    deep = f"layer{k}." if net.layers > 1 else ""
    return f"{deep}reverse." if net.bidirectional and back else deep


def _going(x: Node, lengths: Any, mask: Any, time_first: bool) -> Node | None:
    """Whether a sequence goes on at a step: (time, batch), or None where all do."""
    if lengths is None and mask is None:
        return None
    if lengths is not None and mask is not None:
        raise UsageError("sequences end by their lengths or by a mask, not by both")
    graph = graph_of(x)
    if mask is not None:
        (given,) = graph.lift((mask,))
        return given if time_first else swapaxes(given, 0, 1)
    (given,) = graph.lift((lengths,))
    return less(expand_dims(arange(x.shape[not time_first], like=graph), 1), expand_dims(given, 0))


def _begins(net: _Net, graph: Graph, x: Node, state: Any) -> list[State]:
    """What each layer and direction carries at first: zeros unless given."""
    count, shape = net.layers * len(net.directions), (x.shape[1], net.units)
    if state is None:
        nothing = zeros(shape, x.dtype, like=graph)
        return [dict.fromkeys(net.kind.carries, nothing) for _ in range(count)]
    given = graph.lift(state if isinstance(state, (tuple, list)) else (state,))
    wanted = (count, *shape)
    if len(given) != len(net.kind.carries):
        wants = " and ".join(net.kind.carries)
        raise UsageError(f"{net.kind.name} begins with {wants}, and {len(given)} is given")
    if any(s.shape != wanted for s in given):
        told = " and ".join(shape_text(s.shape) for s in given)
        raise ShapeError(
            f"{net.kind.name} begins with {', '.join(net.kind.carries)} of shape "
            f"{shape_text(wanted)} each, not {told}"
        )
    return [
        {key: s[k] for key, s in zip(net.kind.carries, given, strict=True)} for k in range(count)
    ]


def _scanned(
    kind: Kind, w: Weights, x: Node, begin: State, going: Node | None, back: bool
) -> tuple[State, Node]:
    def step(last: State, row: Node) -> tuple[State, Node]:
        new = kind.step(row, last, w)
        return new, new["h"]

    step.__name__ = kind.name
    return scan(step, begin, w.given(x), reverse=back, mask=going)


# What a user calls


@adding
def rnn(
    x: Node, units: int, *, activation: Callable[[Node], Node] = tanh, layers: int = 1,
    bidirectional: bool = False, reverse: bool = False, lengths: Any = None, mask: Any = None,
    state: Any = None, bias: bool = True, dropout: float = 0.0, time_first: bool = False,
    name: str | None = None,
) -> tuple[Node, Node]:  # fmt: skip
    """h = activation(x Wx + b + h Wh) along a sequence: all h of the last layer (batch, time,
    units), and the last h of every layer and direction (layers * directions, batch, units).

    `x` (batch, time, features), or with `time_first` (time, batch, features), as the result then.
    `bidirectional` puts a second net that begins at the end beside the first, 2 * units wide;
    `reverse` only begins there. `lengths` (batch,) or a bool `mask` of the first two sizes of `x`
    say where sequences end: behind it h stays, and the result is 0. `state` are the first h, of the
    shape of the last. `dropout` of what goes from layer to layer. Params: Wx, Wh, b as in Weights,
    in scopes layer0, layer1, ..., reverse where there are several. Raises ShapeError, UsageError.
    Source: Elman 1990; PyTorch's torch.nn.RNN.
    """
    net = _Net(rnn_kind(activation), units, layers, bidirectional, reverse, bias, dropout)
    y, ends = _run(net, x, state, lengths, mask, time_first, name)
    return y, ends["h"]


@adding
def lstm(
    x: Node, units: int, *, layers: int = 1, bidirectional: bool = False, reverse: bool = False,
    lengths: Any = None, mask: Any = None, state: Any = None, bias: bool = True,
    dropout: float = 0.0, time_first: bool = False, name: str | None = None,
) -> tuple[Node, tuple[Node, Node]]:  # fmt: skip
    """An LSTM along a sequence: all h of the last layer (batch, time, units), and the last (h, c)
    of every layer and direction, each (layers * directions, batch, units).

    Its step is that of lstm_cell; `state` is a pair (h, c); all else is as for rnn. Source:
    Hochreiter & Schmidhuber 1997; PyTorch's torch.nn.LSTM.
    """
    net = _Net(LSTM, units, layers, bidirectional, reverse, bias, dropout)
    y, ends = _run(net, x, state, lengths, mask, time_first, name)
    return y, (ends["h"], ends["c"])


@adding
def gru(
    x: Node, units: int, *, layers: int = 1, bidirectional: bool = False, reverse: bool = False,
    lengths: Any = None, mask: Any = None, state: Any = None, bias: bool = True,
    dropout: float = 0.0, time_first: bool = False, name: str | None = None,
) -> tuple[Node, Node]:  # fmt: skip
    """A GRU along a sequence: all h of the last layer (batch, time, units), and the last h of every
    layer and direction (layers * directions, batch, units).

    Its step is that of gru_cell; all else is as for rnn. Source: Cho et al. 2014; PyTorch's
    torch.nn.GRU.
    """
    net = _Net(GRU, units, layers, bidirectional, reverse, bias, dropout)
    y, ends = _run(net, x, state, lengths, mask, time_first, name)
    return y, ends["h"]
