"""LSTM: the loss of a network of cells with diagonal weights on a text in bits, and its gradient.

Each letter is predicted from those before it. ADBench's objective has 2 + sum(exp(y)) where a
softmax has sum(exp(y)).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import graphc as gr
from graphc import Node

from .problem import Arrays, Programs, declared


def drawn(rng: np.random.Generator, layers: int, letters: int, bits: int) -> Arrays:
    """Parameters and a state between 0 and 1, and letters at random."""
    return {
        "main": rng.random((2 * layers, 4 * bits)),
        "extra": rng.random((3, bits)),
        "state": rng.random((2 * layers, bits)),
        "text": rng.integers(0, 2, (letters, bits)).astype(np.float64),
    }


def read(path: Path) -> Arrays:
    """ADBench's file: layers, letters, bits; then four blocks of rows."""
    _, *blocks = path.read_text(encoding="ascii").rstrip().split("\n\n")
    names = ("main", "extra", "state", "text")
    rows = ([line.split() for line in block.splitlines()] for block in blocks)
    return {name: np.array(r, np.float64) for name, r in zip(names, rows, strict=True)}


def programs(arrays: Arrays) -> Programs:
    """The loss, and its gradient with respect to the parameters."""
    main, extra, state, text = declared(gr.Graph("lstm"), arrays, "main extra state text")
    f = loss(main, extra, state, text)
    return {"value": [f], "derivative": gr.grad(f, [main, extra])}


def loss(main: Node, extra: Node, state: Node, text: Node) -> Node:
    """The mean of what the network says of each next letter, with the sign changed."""
    layers = [(main[i], main[i + 1]) for i in range(0, main.shape[0], 2)]
    begin = [(state[i], state[i + 1]) for i in range(0, state.shape[0], 2)]

    def step(cells: Any, letters: Any) -> tuple[Any, Node]:
        letter, following = letters
        x, news = letter * extra[0], []
        for (weight, bias), (hidden, cell) in zip(layers, cells, strict=True):
            news.append(advanced(weight, bias, hidden, cell, x))
            x = news[-1][0]
        y = x * extra[1] + extra[2]
        return news, gr.sum(following * (y - gr.log(2 + gr.sum(gr.exp(y)))))

    _, said = gr.scan(step, begin, (text[:-1], text[1:]))
    return -gr.sum(said) / (said.shape[0] * text.shape[1])


def advanced(weight: Node, bias: Node, hidden: Node, cell: Node, x: Node) -> tuple[Node, Node]:
    """Hidden and cell after one more input."""
    gates = gr.concat([x, hidden, x, hidden]) * weight + bias
    forget, take, give, change = gr.split(gates, 4)
    cell = cell * gr.sigmoid(forget) + gr.sigmoid(take) * gr.tanh(change)
    return gr.sigmoid(give) * gr.tanh(cell), cell
