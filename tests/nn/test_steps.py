"""Whole training steps of nets made of layers: PyTorch's losses, step after step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from peers import Arrays, array, block, recurrent, scoped

import graphc as gr

RNG = np.random.default_rng(0)
LR = 0.5


def oracle() -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    torch.manual_seed(0)
    return torch


def agree(loss: gr.Node, params: Arrays, feeds: Arrays, peer: Any, modules: Any) -> None:
    """Three steps of SGD with the same losses."""
    step = gr.compile_step(loss, optimizer=gr.optim.SGD(lr=LR), jit=False)
    step.params.update(params)
    descent = oracle().optim.SGD(modules.parameters(), lr=LR)
    losses = []
    for _ in range(3):
        found = peer()
        descent.zero_grad()
        found.backward()
        descent.step()
        losses.append(found.item())
    np.testing.assert_allclose([step(feeds) for _ in range(3)], losses, rtol=1e-9, atol=1e-9)
    assert losses[2] < losses[0]


def test_a_classifier_of_two_lstm_layers_learns_as_torchs_does() -> None:
    torch = oracle()
    lstm = torch.nn.LSTM(3, 8, 2, batch_first=True, dtype=torch.float64)
    head = torch.nn.Linear(8, 4, dtype=torch.float64)
    x, t = RNG.standard_normal((5, 6, 3)), RNG.integers(0, 4, 5)

    g = gr.Graph("classifier")
    _, (h, _) = gr.nn.lstm(g.input("x", ("batch", 6, 3)), 8, layers=2)
    logits = gr.nn.dense(h[-1], 4)
    loss = gr.cross_entropy(logits, g.input("t", ("batch",), "int64"))
    params = scoped("lstm", recurrent(lstm, 2))
    params |= {"dense.W": array(head.weight).T, "dense.b": array(head.bias)}

    def peer() -> Any:
        _, (h, _) = lstm(torch.tensor(x))
        return torch.nn.functional.cross_entropy(head(h[-1]), torch.tensor(t))

    # torch has two biases that are added: each takes the whole gradient, so the sum learns twice
    for layer in range(2):
        getattr(lstm, f"bias_hh_l{layer}").requires_grad_(False)
    agree(loss, params, {"x": x, "t": t}, peer, torch.nn.ModuleList([lstm, head]))


def test_a_small_causal_transformer_learns_as_torchs_does() -> None:
    torch = oracle()
    made = {"batch_first": True, "norm_first": True, "dtype": torch.float64}
    blocks = torch.nn.ModuleList(
        torch.nn.TransformerEncoderLayer(16, 2, 32, 0.0, torch.nn.functional.gelu, **made)
        for _ in range(2)
    )
    table, head = torch.nn.Embedding(7, 16).double(), torch.nn.Linear(16, 7, dtype=torch.float64)
    ids = RNG.integers(0, 7, (3, 6))

    g = gr.Graph("gpt")
    rows = g.input("ids", ("batch", 6), "int64")
    x = gr.nn.embedding(rows[:, :-1], 7, 16)
    for _ in range(2):
        x = gr.nn.transformer_block(x, 2, ratio=2, causal=True)
    loss = gr.cross_entropy(gr.nn.dense(x, 7), rows[:, 1:])
    params = {"embedding.W": array(table.weight)}
    params |= scoped("block", block(blocks[0])) | scoped("block2", block(blocks[1]))
    params |= {"dense.W": array(head.weight).T, "dense.b": array(head.bias)}
    late = torch.nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)

    def peer() -> Any:
        x = table(torch.tensor(ids[:, :-1]))
        for module in blocks:
            x = module(x, late)
        return torch.nn.functional.cross_entropy(head(x).mT, torch.tensor(ids[:, 1:]))

    modules = torch.nn.ModuleList([*blocks, table, head])
    agree(loss, params, {"ids": ids}, peer, modules)
