"""RNN, GRU and LSTM: one step after another over a sequence.

Formulas: ONNX's own, with its gate order (i o f c; z r h) and its two biases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphc.ops as gr
from graphc.errors import DataError
from graphc.flow import scan
from graphc.graph import Node
from graphc.io.onnx.operators.layout import pieces
from graphc.io.onnx.refusals import Unsupported
from graphc.io.onnx.rows import literal, row
from graphc.node import FUNCTIONS

Cell = Callable[[Node, tuple[Node, ...], "Layer"], tuple[Node, ...]]

# fmt: off
ACTIVATIONS: dict[str, Callable[..., Node]] = {
    "sigmoid": gr.sigmoid, "tanh": gr.tanh, "relu": gr.relu, "softplus": gr.softplus,
    "affine": lambda x, alpha=1.0, beta=0.0: alpha * x + beta,
    "scaledtanh": lambda x, alpha=1.0, beta=1.0: alpha * gr.tanh(beta * x),
    "hardsigmoid": lambda x, alpha=0.2, beta=0.5: gr.clip(alpha * x + beta, 0, 1),
    "leakyrelu": lambda x, alpha=0.01: FUNCTIONS["leaky_relu"](x, alpha),
    "elu": lambda x, alpha=1.0: FUNCTIONS["elu"](x, alpha),
    "thresholdedrelu": lambda x, alpha=1.0: gr.where(gr.greater(x, alpha), x, gr.zeros_like(x)),
    "softsign": lambda x: x / (1 + gr.abs(x)),
}
# fmt: on


@dataclass(frozen=True)
class Layer:
    """One direction's weights and what its gates pass through."""

    w: Node  # (gates * hidden, inputs)
    r: Node  # (gates * hidden, hidden)
    wb: Node | None
    rb: Node | None
    functions: tuple[Callable[[Node], Node], ...]
    hidden: int
    reset_last: bool = False
    peepholes: tuple[Node, ...] = ()
    coupled: bool = False

    def into(self, x: Node) -> Node:
        """x W' + b."""
        y = gr.matmul(x, self.w.T)
        return y if self.wb is None else y + self.wb

    def back(self, h: Node) -> Node:
        """h R' + b."""
        y = gr.matmul(h, self.r.T)
        return y if self.rb is None else y + self.rb

    def gates(self, y: Node) -> list[Node]:
        """The gates side by side, taken apart."""
        (width,) = literal([y.shape[-1]], "a gate")
        return pieces(y, -1, [self.hidden] * (width // self.hidden))


def rnn_cell(x: Node, state: tuple[Node, ...], layer: Layer) -> tuple[Node, ...]:
    """h' = f(x W' + h R' + b)."""
    return (layer.functions[0](x + layer.back(state[0])),)


def gru_cell(x: Node, state: tuple[Node, ...], layer: Layer) -> tuple[Node, ...]:
    """z, r = f(...), n = g(x W' + (r h) R' + b), h' = (1 - z) n + z h (Cho et al., 2014)."""
    (h,), (f, g) = state, layer.functions
    xz, xr, xn = layer.gates(x)
    hz, hr, hn = layer.gates(layer.back(h))
    z, r = f(xz + hz), f(xr + hr)
    if not layer.reset_last:
        hn = gr.matmul(r * h, layer.gates(layer.r.T)[2])
        hn = hn if layer.rb is None else hn + layer.gates(layer.rb)[2]
    else:
        hn = r * hn
    return ((1 - z) * g(xn + hn) + z * h,)


def lstm_cell(x: Node, state: tuple[Node, ...], layer: Layer) -> tuple[Node, ...]:
    """c' = f c + i g, h' = o tanh(c'), with peepholes where there are any (Gers et al., 2000)."""
    (h, c), (f, g, k) = state, layer.functions
    i, o, forget, n = layer.gates(x + layer.back(h))
    if layer.peepholes:
        i, forget = i + layer.peepholes[0] * c, forget + layer.peepholes[2] * c
    i = f(i)
    new = (1 - i if layer.coupled else f(forget)) * c + i * g(n)
    o = f(o + layer.peepholes[1] * new if layer.peepholes else o)
    return o * k(new), new


def functions_of(
    names: Sequence[str] | None,
    alphas: Sequence[float] | None,
    betas: Sequence[float] | None,
    usual: Sequence[str],
    w: Node,
) -> list[Callable[[Node], Node]]:
    """The activations of all directions, each with its numbers."""
    (directions,) = literal(w.shape[:1], "a recurrent operator")
    alpha, beta = iter(alphas or ()), iter(betas or ())
    return [_activation(n.lower(), alpha, beta) for n in names or [*usual] * directions]


def _activation(name: str, alpha: Any, beta: Any) -> Callable[[Node], Node]:
    if name not in ACTIVATIONS:
        raise Unsupported(f"the activation {name!r} is not supported")
    f, takes = ACTIVATIONS[name], TAKES.get(name, "")
    numbers = {"alpha": next(alpha, None)} if takes else {}
    numbers |= {"beta": next(beta, None)} if takes == "alpha beta" else {}
    given = {k: v for k, v in numbers.items() if v is not None}
    return lambda x: f(x, **given)


TAKES = {"affine": "alpha beta", "scaledtanh": "alpha beta", "hardsigmoid": "alpha beta"}
TAKES |= {"leakyrelu": "alpha", "elu": "alpha", "thresholdedrelu": "alpha"}


def run(
    cell: Cell,
    x: Node,
    lengths: Node | None,
    states: Sequence[Node | None],
    layers: Sequence[Layer],
    direction: str,
    layout: int,
) -> tuple[Node, ...]:
    """All outputs (steps, directions, batch, hidden) and each last state (directions, batch,
    hidden); with the batch in front for layout 1.
    """
    x = gr.transpose(x, (1, 0, 2)) if layout else x
    backward = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
    found = []
    for d, (layer, back) in enumerate(zip(layers, backward, strict=True)):
        start = [_start(s, d, x, layer, layout) for s in states]
        found.append(sweep(cell, x, lengths, tuple(start), layer, back))
    y = gr.stack([rows for rows, _ in found], 1)
    last = [gr.stack([s[i] for _, s in found], 0) for i in range(len(states))]
    if layout:
        y, last = gr.transpose(y, (2, 0, 1, 3)), [gr.transpose(s, (1, 0, 2)) for s in last]
    return y, *last


def _start(state: Node | None, d: int, x: Node, layer: Layer, layout: int) -> Node:
    if state is None:
        return gr.matmul(gr.index(x, 0), gr.zeros_like(gr.index(layer.w, slice(0, layer.hidden)).T))
    return gr.index(state, (slice(None), d) if layout else d)


def sweep(
    cell: Cell,
    x: Node,
    lengths: Node | None,
    state: tuple[Node, ...],
    layer: Layer,
    back: bool,
) -> tuple[Node, tuple[Node, ...]]:
    """The hidden state after every step, and the last state; a sequence that has ended keeps it."""
    mask = None
    if lengths is not None:
        (steps,) = literal([x.shape[0]], "a recurrent operator with sequences of several lengths")
        mask = gr.less(np.arange(steps)[:, None], gr.astype(lengths, "i64"))

    def step(state: tuple[Node, ...], x: Node) -> Any:
        new = cell(x, state, layer)
        return new, new[0]

    last, rows = scan(step, state, layer.into(x), reverse=back, mask=mask)
    return rows, last


def layers_of(
    w: Node, r: Node, b: Node | None, functions: Sequence[Any], gates: int, **more: Any
) -> list[Layer]:
    """One layer for each direction, of weights that are stacked."""
    (count, hidden) = literal((w.shape[0], r.shape[2]), "a recurrent operator")
    if (w.shape[1], r.shape[1]) != (gates * hidden, gates * hidden):
        raise DataError(f"weights of {w.shape} and {r.shape} are not those of {gates} gates")
    each, peepholes, found = len(functions) // count, more.pop("peepholes", None), []
    for d in range(count):
        wb, rb = (None, None) if b is None else _halves(gr.index(b, d))
        holes = () if peepholes is None else pieces(gr.index(peepholes, d), 0, [hidden] * 3)
        mine = tuple(functions[d * each : (d + 1) * each])
        weights = (gr.index(w, d), gr.index(r, d), wb, rb)
        found.append(Layer(*weights, mine, hidden, peepholes=tuple(holes), **more))
    return found


def _halves(b: Node) -> tuple[Node, Node]:
    """The biases of the input and of the hidden state, which stand one behind the other."""
    (width,) = literal(b.shape, "a bias")
    first, second = pieces(b, 0, [width // 2, width // 2])
    return first, second


def _no_clip(clip: float | None) -> None:
    if clip is not None:
        raise Unsupported("clipping inside of a recurrent operator is not supported")


@row("RNN")
def rnn(
    x: Node,
    w: Node,
    r: Node,
    b: Node | None = None,
    sequence_lens: Node | None = None,
    initial_h: Node | None = None,
    *,
    activations: Sequence[str] | None = None,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
) -> tuple[Node, ...]:
    _no_clip(clip)
    functions = functions_of(activations, activation_alpha, activation_beta, ["tanh"], w)
    layers = layers_of(w, r, b, functions, 1)
    return run(rnn_cell, x, sequence_lens, [initial_h], layers, direction, layout)


@row("GRU")
def gru(
    x: Node,
    w: Node,
    r: Node,
    b: Node | None = None,
    sequence_lens: Node | None = None,
    initial_h: Node | None = None,
    *,
    activations: Sequence[str] | None = None,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    linear_before_reset: int = 0,
    layout: int = 0,
) -> tuple[Node, ...]:
    _no_clip(clip)
    usual = ["sigmoid", "tanh"]
    functions = functions_of(activations, activation_alpha, activation_beta, usual, w)
    layers = layers_of(w, r, b, functions, 3, reset_last=bool(linear_before_reset))
    return run(gru_cell, x, sequence_lens, [initial_h], layers, direction, layout)


@row("LSTM")
def lstm(
    x: Node,
    w: Node,
    r: Node,
    b: Node | None = None,
    sequence_lens: Node | None = None,
    initial_h: Node | None = None,
    initial_c: Node | None = None,
    p: Node | None = None,
    *,
    activations: Sequence[str] | None = None,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    input_forget: int = 0,
    layout: int = 0,
) -> tuple[Node, ...]:
    _no_clip(clip)
    usual = ["sigmoid", "tanh", "tanh"]
    functions = functions_of(activations, activation_alpha, activation_beta, usual, w)
    layers = layers_of(w, r, b, functions, 4, peepholes=p, coupled=bool(input_forget))
    return run(lstm_cell, x, sequence_lens, [initial_h, initial_c], layers, direction, layout)
