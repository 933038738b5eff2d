"""One step of a recurrent net: what it carries and the input's products in, what it carries on out.

The gates stand side by side in the columns of the weights, in PyTorch's order: i, f, g, o in an
LSTM, r, z, n in a GRU. So Wx and Wh are PyTorch's weight_ih and weight_hh transposed, and b the sum
of its two biases; only n of a GRU keeps the second one apart, as bn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from graphc import init as inits
from graphc.errors import UsageError
from graphc.graph import Graph, Node, graph_of
from graphc.nn.scope import activated, adding, layer, split, width
from graphc.ops import sigmoid, tanh, zeros

State = dict[str, Node]


class Weights(NamedTuple):
    """The params of a recurrent layer: Wx (features, gates * units), Wh (units, gates * units), b
    (gates * units,), and bn (units,) of a GRU.
    """

    Wx: Node
    Wh: Node
    b: Node | None
    bn: Node | None = None

    @property
    def units(self) -> int:
        """How many numbers h has."""
        return width(self.Wh, 0)

    def given(self, x: Node) -> Node:
        """What the input alone brings to all gates, x Wx + b."""
        product = x @ self.Wx
        return product if self.b is None else product + self.b


Step = Callable[[Node, State, Weights], State]


def _rnn(activation: Callable[[Node], Node]) -> Step:
    def rnn_step(given: Node, last: State, w: Weights) -> State:
        """h = activation(x Wx + b + h Wh)."""
        return {"h": activated(given + last["h"] @ w.Wh, activation)}

    return rnn_step


def _lstm(given: Node, last: State, w: Weights) -> State:
    """c = f c + i g and h = o tanh(c), where i, f, o = sigmoid and g = tanh of their parts of x Wx
    + b + h Wh.
    """
    i, f, g, o = split(given + last["h"] @ w.Wh, 4)
    i, f, o = (
        sigmoid(gate).hinted(f"{word}_gate")
        for gate, word in ((i, "input"), (f, "forget"), (o, "output"))
    )
    g = tanh(g).hinted("candidate")
    c = (f * last["c"] + i * g).hinted("c")
    return {"h": o * tanh(c).hinted("tanh_c"), "c": c}


def _gru(given: Node, last: State, w: Weights) -> State:
    """h = n + z (h - n), where r, z = sigmoid of their parts of x Wx + b + h Wh, and n = tanh(x Wx
    + b + r (h Wh + bn)) of its own.
    """
    from_r, from_z, from_n = split(given, 3)
    last_r, last_z, last_n = split(last["h"] @ w.Wh, 3)
    last_n = last_n if w.bn is None else last_n + w.bn
    r = sigmoid(from_r + last_r).hinted("reset_gate")
    z = sigmoid(from_z + last_z).hinted("update_gate")
    n = tanh(from_n + r * last_n).hinted("candidate")
    return {"h": n + z * (last["h"] - n)}


@dataclass(frozen=True)
class Kind:
    """A kind of recurrent net: its name, how many gates it has, what it carries, its step."""

    name: str
    gates: int
    carries: tuple[str, ...]
    step: Step


RNN = Kind("rnn", 1, ("h",), _rnn(tanh))
LSTM = Kind("lstm", 4, ("h", "c"), _lstm)
GRU = Kind("gru", 3, ("h",), _gru)


def rnn_kind(activation: Callable[[Node], Node]) -> Kind:
    """The simple net with another function than tanh."""
    return Kind("rnn", 1, ("h",), _rnn(activation))


# Params


def weights_of(
    kind: Kind, graph: Graph, features: int, units: int, bias: bool, dtype: str | None = None,
    prefix: str = "",
) -> Weights:  # fmt: skip
    """New params in the open scope, whose names begin with `prefix`: Wx glorot_uniform, Wh
    orthogonal, biases zeros, but 1 for an LSTM's f (Jozefowicz et al. 2015).
    """
    wide = kind.gates * units
    first = np.repeat([0, int(kind is LSTM), 0, 0][: kind.gates], units)
    inputs, outputs = inits.glorot_uniform(), inits.orthogonal()
    Wx = graph.param(f"{prefix}Wx", (features, wide), dtype, init=inputs)
    Wh = graph.param(f"{prefix}Wh", (units, wide), dtype, init=outputs)
    if not bias:
        return Weights(Wx, Wh, None)
    b = graph.param(f"{prefix}b", (wide,), dtype, init=inits.array(first))
    return Weights(Wx, Wh, b, graph.param(f"{prefix}bn", (units,), dtype) if kind is GRU else None)


def _new(
    kind: Kind, graph: Any, features: int, units: int, bias: bool, name: str | None
) -> Weights:
    graph = graph if isinstance(graph, Graph) else graph_of(graph)
    with layer(graph, name, kind.name):
        return weights_of(kind, graph, features, units, bias)


@adding
def rnn_weights(
    graph: Any, features: int, units: int, *, bias: bool = True, name: str | None = None
) -> Weights:
    """New params of a simple recurrent layer in a graph, or in that of a stage."""
    return _new(RNN, graph, features, units, bias, name)


@adding
def lstm_weights(
    graph: Any, features: int, units: int, *, bias: bool = True, name: str | None = None
) -> Weights:
    """New params of an LSTM in a graph, or in that of a stage."""
    return _new(LSTM, graph, features, units, bias, name)


@adding
def gru_weights(
    graph: Any, features: int, units: int, *, bias: bool = True, name: str | None = None
) -> Weights:
    """New params of a GRU in a graph, or in that of a stage."""
    return _new(GRU, graph, features, units, bias, name)


# One step


def _cell(
    kind: Kind, x: Node, state: tuple[Any, ...], units: int | None, weights: Weights | None,
    name: str | None,
) -> State:  # fmt: skip
    if (units is None) == (weights is None):
        raise UsageError("a cell takes either its number of units or its weights")
    w = weights or _new(kind, x, width(x), units or 0, True, name)
    graph = graph_of(x, *(s for s in state if isinstance(s, Node)))
    begin = {
        key: zeros((*x.shape[:-1], w.units), w.Wh.dtype, like=graph) if s is None else s
        for key, s in zip(kind.carries, state, strict=True)
    }
    return kind.step(w.given(x), begin, w)


@adding
def rnn_cell(
    x: Node, h: Any = None, units: int | None = None, *,
    activation: Callable[[Node], Node] = tanh, weights: Weights | None = None,
    name: str | None = None,
) -> Node:  # fmt: skip
    """h = activation(x Wx + b + h Wh): one step for `x` (..., features) from `h` (..., units),
    zeros for None.

    With `units` the params are new, with `weights` these serve, as they have to inside of a scan.
    Raises UsageError unless one of the two is given.
    """
    return _cell(rnn_kind(activation), x, (h,), units, weights, name)["h"]


@adding
def lstm_cell(
    x: Node, state: Any = None, units: int | None = None, *, weights: Weights | None = None,
    name: str | None = None,
) -> tuple[Node, Node]:  # fmt: skip
    """One step of an LSTM for `x` (..., features) from `state` (h, c), each (..., units), zeros for
    None; the new (h, c).

    c = sigmoid(f) c + sigmoid(i) tanh(g) and h = sigmoid(o) tanh(c), where i, f, g, o are the parts
    of x Wx + b + h Wh. Params are as for rnn_cell. Source: Hochreiter & Schmidhuber 1997, with the
    forget gate of Gers et al. 2000.
    """
    found = _cell(LSTM, x, (None, None) if state is None else tuple(state), units, weights, name)
    return found["h"], found["c"]


@adding
def gru_cell(
    x: Node, h: Any = None, units: int | None = None, *, weights: Weights | None = None,
    name: str | None = None,
) -> Node:  # fmt: skip
    """One step of a GRU for `x` (..., features) from `h` (..., units), zeros for None.

    h = (1 - z) n + z h, where r, z are the sigmoids of their parts of x Wx + b + h Wh, and n =
    tanh(x Wx + b + r (h Wh + bn)) of its own. Params are as for rnn_cell. Source: Cho et al. 2014,
    with r behind the product as PyTorch and cuDNN have it.
    """
    return _cell(GRU, x, (h,), units, weights, name)["h"]
