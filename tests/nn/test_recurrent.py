"""Recurrent layers are PyTorch's, values and gradients, and their cells are their steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from peers import recurrent, recurrent_slopes, scoped, swept

import graphc as gr
from graphc.errors import GraphcError, ShapeError, UsageError
from graphc.interpret import evaluate

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 5, 4))
LENGTHS = np.array([5, 2, 3])
KINDS = ("rnn", "lstm", "gru")


def torch_net(kind: str, **options: Any) -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    torch.manual_seed(0)
    made = getattr(torch.nn, kind.upper())(4, 6, batch_first=True, dtype=torch.float64, **options)
    return torch, made


def states_of(found: Any) -> list[Any]:
    return list(found) if isinstance(found, tuple) else [found]


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_and_its_gradients_are_torchs(kind: str) -> None:
    torch, module = torch_net(kind)
    x = torch.tensor(X, requires_grad=True)
    begin = torch.tensor(RNG.standard_normal((1, 3, 6)), requires_grad=True)
    y, ends = module(x, (begin, 2 * begin) if kind == "lstm" else begin)
    weights = [RNG.standard_normal(t.shape) for t in (y, *states_of(ends))]
    sum(
        (t * torch.tensor(w)).sum() for t, w in zip((y, *states_of(ends)), weights, strict=True)
    ).backward()

    g = gr.Graph("net")
    node, first = g.input("x", X.shape), g.input("h", (1, 3, 6))
    layer = getattr(gr.nn, kind)
    z, last = layer(node, 6, state=(first, 2 * first) if kind == "lstm" else first)
    feeds = {"x": X, "h": begin.detach().numpy(), **scoped(kind, recurrent(module))}
    values, slopes = swept([z, *states_of(last)], weights, feeds)
    for found, wanted in zip(values, (y, *states_of(ends)), strict=True):
        np.testing.assert_allclose(found, wanted.detach(), rtol=1e-10, atol=1e-12)
    wanted_slopes = {"x": x.grad, "h": begin.grad, **scoped(kind, recurrent_slopes(module))}
    for name, wanted in wanted_slopes.items():
        np.testing.assert_allclose(slopes[name], wanted, rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_two_layers_both_ways_over_sequences_of_their_own_lengths(kind: str) -> None:
    torch, module = torch_net(kind, num_layers=2, bidirectional=True)
    rnn = torch.nn.utils.rnn
    packed = rnn.pack_padded_sequence(torch.tensor(X), LENGTHS, True, enforce_sorted=False)
    packed, ends = module(packed)
    y, _ = rnn.pad_packed_sequence(packed, batch_first=True)
    weights = [RNG.standard_normal(t.shape) for t in (y, *states_of(ends))]
    sum(
        (t * torch.tensor(w)).sum() for t, w in zip((y, *states_of(ends)), weights, strict=True)
    ).backward()

    g = gr.Graph("net")
    node, lengths = g.input("x", X.shape), g.input("n", (3,), "int64")
    z, last = getattr(gr.nn, kind)(node, 6, layers=2, bidirectional=True, lengths=lengths)
    params = scoped(kind, recurrent(module, 2, True))
    values, slopes = swept([z, *states_of(last)], weights, {"x": X, "n": LENGTHS, **params})
    for found, wanted in zip(values, (y, *states_of(ends)), strict=True):
        np.testing.assert_allclose(found, wanted.detach(), rtol=1e-10, atol=1e-12)
    for name, wanted in scoped(kind, recurrent_slopes(module, 2, True)).items():
        np.testing.assert_allclose(slopes[name], wanted, rtol=1e-9, atol=1e-11, err_msg=name)


def by_cells(kind: str, x: gr.Node, w: Any) -> gr.Node:
    """The same steps one after the other, the weights shared."""
    cell, state = getattr(gr.nn, f"{kind}_cell"), None
    for t in range(5):
        state = cell(x[:, t], state, weights=w)
    return state[0] if kind == "lstm" else state


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_its_cell_from_step_to_step(kind: str) -> None:
    g = gr.Graph("net")
    x = g.input("x", X.shape)
    y, _ = getattr(gr.nn, kind)(x, 6, name="net")
    bn = g["net.bn"] if kind == "gru" else None
    w = gr.nn.Weights(g["net.Wx"], g["net.Wh"], g["net.b"], bn)
    last = by_cells(kind, x, w)
    params = {n: RNG.standard_normal(n.shape) for n in w if n is not None}
    found = evaluate([y, last], {x: X, **params})
    np.testing.assert_allclose(found[y][:, -1], found[last], rtol=1e-12)


def test_a_cell_runs_inside_a_scan_of_the_users() -> None:
    g = gr.Graph("net")
    x = g.input("x", (5, 3, 4))
    w = gr.nn.gru_weights(g, 4, 6, name="cell")

    def step(h: gr.Node, row: gr.Node) -> tuple[gr.Node, None]:
        return gr.nn.gru_cell(row, h, weights=w), None

    last, _ = gr.scan(step, gr.zeros((3, 6), like=g), x)
    y, ends = gr.nn.gru(x, 6, time_first=True, name="layer")
    pairs = {g[f"{n}.{p}"]: 0.1 for n in ("cell", "layer") for p in ("Wx", "Wh", "b", "bn")}
    feeds = {n: np.full(n.shape, v) for n, v in pairs.items()}
    found = evaluate([last, ends, y], {x: X.swapaxes(0, 1), **feeds})
    np.testing.assert_allclose(found[last], found[ends][0])
    np.testing.assert_allclose(found[last], found[y][-1])


def test_a_reverse_layer_reads_from_the_end_and_a_mask_is_lengths() -> None:
    g = gr.Graph("net")
    x = g.input("x", X.shape)
    y, _ = gr.nn.rnn(x, 6, reverse=True, activation=gr.relu, name="back")
    z, _ = gr.nn.rnn(gr.flip(x, 1), 6, activation=gr.relu, name="front")
    mask = np.arange(5) < LENGTHS[:, None]
    a, _ = gr.nn.lstm(x, 2, mask=mask, name="a")
    b, _ = gr.nn.lstm(x, 2, lengths=LENGTHS, name="b")
    draw = {"Wx": RNG.standard_normal, "Wh": RNG.standard_normal, "b": RNG.standard_normal}
    feeds = {x: X}
    for one, other in (("back", "front"), ("a", "b")):
        for p, f in draw.items():
            feeds[g[f"{one}.{p}"]] = feeds[g[f"{other}.{p}"]] = f(g[f"{one}.{p}"].shape)
    found = evaluate([y, z, a, b], feeds)
    np.testing.assert_allclose(found[y], found[z][:, ::-1])
    np.testing.assert_array_equal(found[a], found[b])


def test_an_lstm_remembers_at_first_and_its_recurrence_keeps_lengths() -> None:
    g = gr.Graph("net", dtype="float32")
    gr.nn.lstm(g.input("x", ("batch", "time", 4)), 6)
    program = gr.compile(
        gr.sum(g["lstm.Wh"]) + gr.sum(g["lstm.b"]) + gr.sum(g["lstm.Wx"]), jit=False
    )
    np.testing.assert_array_equal(program.params["lstm.b"], np.repeat([0, 1, 0, 0], 6))
    Wh = program.params["lstm.Wh"]
    np.testing.assert_allclose(Wh @ Wh.T, np.eye(6), atol=1e-6)


MISTAKES = [
    (lambda x: gr.nn.lstm(x[0], 3), ShapeError, r"lstm takes \(batch, time, features\)"),
    (
        lambda x: gr.nn.gru(x, 3, lengths=[1, 1], mask=np.ones((2, 3), bool)),
        UsageError,
        "not by both",
    ),
    (
        lambda x: gr.nn.gru(x, 3, state=np.zeros((2, 3))),
        ShapeError,
        r"\(1, 2, 3\) each, not \(2, 3\)",
    ),
    (lambda x: gr.nn.lstm(x, 3, state=(x[:1],)), UsageError, "begins with h and c, and 1 is given"),
    (lambda x: gr.nn.rnn_cell(x[0]), UsageError, "either its number of units or its weights"),
    (lambda x: gr.nn.rnn(x, 3, bidirectional=True, reverse=True), UsageError, "goes both ways"),
]


@pytest.mark.parametrize(("call", "error", "text"), MISTAKES)
def test_a_mistake_is_told_in_a_sentence(call: Any, error: type[GraphcError], text: str) -> None:
    with pytest.raises(error, match=text):
        call(gr.Graph().input("x", (2, 3, 4)))
