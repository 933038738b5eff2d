"""Multi-head attention and transformer blocks are PyTorch's, values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from peers import array, attention, block, scoped, swept

import graphc as gr
from graphc.errors import ShapeError
from graphc.interpret import evaluate

RNG = np.random.default_rng(0)
X, CONTEXT = RNG.standard_normal((2, 5, 8)), RNG.standard_normal((2, 3, 6))
UP = RNG.standard_normal((2, 5, 8))


def oracle() -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    torch.manual_seed(0)
    return torch


def test_attention_to_itself_is_torchs_with_a_mask_and_causality() -> None:
    torch = oracle()
    module = torch.nn.MultiheadAttention(8, 4, batch_first=True, dtype=torch.float64)
    x, padded = torch.tensor(X, requires_grad=True), np.arange(5) >= np.array([[5], [3]])
    late = torch.ones(5, 5, dtype=torch.bool).triu(1)
    y, _ = module(x, x, x, key_padding_mask=torch.tensor(padded), attn_mask=late)
    (y * torch.tensor(UP)).sum().backward()

    g = gr.Graph()
    node, mask = g.input("x", X.shape), g.input("mask", (2, 1, 1, 5), "bool")
    z = gr.nn.multi_head_attention(node, 4, mask=mask, causal=True)
    params = scoped("attention", attention(module))
    feeds = {"x": X, "mask": ~padded[:, None, None], **params}
    values, slopes = swept([z], [UP], feeds)
    np.testing.assert_allclose(values[0], y.detach(), rtol=1e-10)
    np.testing.assert_allclose(slopes["x"], x.grad, rtol=1e-9, atol=1e-12)
    wanted = module.in_proj_weight.grad.T
    np.testing.assert_allclose(slopes["attention.Wqkv"], wanted, rtol=1e-9, atol=1e-12)


def test_attention_to_a_context_is_torchs() -> None:
    torch = oracle()
    module = torch.nn.MultiheadAttention(
        8, 2, kdim=6, vdim=6, batch_first=True, dtype=torch.float64
    )
    c = torch.tensor(CONTEXT, requires_grad=True)
    y, _ = module(torch.tensor(X), c, c)
    (y * torch.tensor(UP)).sum().backward()

    g = gr.Graph()
    node, context = g.input("x", X.shape), g.input("context", CONTEXT.shape)
    z = gr.nn.multi_head_attention(node, 2, context, name="cross")
    bq, bkv = np.split(array(module.in_proj_bias), [8])
    kv = np.hstack([array(module.k_proj_weight).T, array(module.v_proj_weight).T])
    params = {"Wq": array(module.q_proj_weight).T, "bq": bq, "Wkv": kv, "bkv": bkv}
    params |= {"Wo": array(module.out_proj.weight).T, "bo": array(module.out_proj.bias)}
    feeds = {"x": X, "context": CONTEXT, **scoped("cross", params)}
    values, slopes = swept([z], [UP], feeds)
    np.testing.assert_allclose(values[0], y.detach(), rtol=1e-10)
    np.testing.assert_allclose(slopes["context"], c.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("pre_norm", [True, False])
def test_a_block_is_torchs(pre_norm: bool) -> None:
    torch = oracle()
    module = torch.nn.TransformerEncoderLayer(
        8, 2, 16, 0.0, torch.nn.functional.gelu, batch_first=True, norm_first=pre_norm,
        dtype=torch.float64,
    )  # fmt: skip
    x = torch.tensor(X, requires_grad=True)
    y = module(x)
    (y * torch.tensor(UP)).sum().backward()

    g = gr.Graph()
    z = gr.nn.transformer_block(g.input("x", X.shape), 2, ratio=2, pre_norm=pre_norm)
    values, slopes = swept([z], [UP], {"x": X, **scoped("block", block(module))})
    np.testing.assert_allclose(values[0], y.detach(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(slopes["x"], x.grad, rtol=1e-9, atol=1e-12)
    wanted = module.linear1.weight.grad.T
    np.testing.assert_allclose(slopes["block.up.W"], wanted, rtol=1e-9, atol=1e-12)


def test_heads_that_share_keys_are_heads_with_the_same_keys() -> None:
    g = gr.Graph()
    x = g.input("x", X.shape)
    few = gr.nn.multi_head_attention(x, 4, kv_heads=2, causal=True, rotary=True, name="few")
    mask = np.tri(5, dtype=bool)[None, None]
    all_ = gr.nn.multi_head_attention(x, 4, mask=mask, rotary=True, name="all")
    q, k, v = (RNG.standard_normal((8, n)) for n in (8, 4, 4))
    wide = [m.reshape(8, 2, 2).repeat(2, axis=1).reshape(8, 8) for m in (k, v)]
    Wo, feeds = RNG.standard_normal((8, 8)), {x: X}
    feeds |= {g["few.Wqkv"]: np.hstack([q, k, v]), g["all.Wqkv"]: np.hstack([q, *wide])}
    feeds |= {g[f"{n}.Wo"]: Wo for n in ("few", "all")}
    feeds |= {
        g[f"{n}.{b}"]: np.zeros(g[f"{n}.{b}"].shape) for n in ("few", "all") for b in ("bqkv", "bo")
    }
    found = evaluate([few, all_], feeds)
    np.testing.assert_allclose(found[few], found[all_], rtol=1e-12)


def test_a_mask_of_heads_goes_with_groups() -> None:
    g = gr.Graph()
    x, mask = g.input("x", X.shape), g.input("mask", (2, 4, 5, 5), "bool")
    y = gr.nn.multi_head_attention(x, 4, kv_heads=2, mask=mask, name="few")
    feeds = {n: RNG.standard_normal(n.shape) for n in g.nodes if n.op.name == "param"}
    seen = np.ones((2, 4, 5, 5), bool)
    blind = seen.copy()
    blind[:, 3] = False  # the last head sees nothing: its part of the values is zero
    every, three = (evaluate([y], {x: X, mask: m, **feeds})[y] for m in (seen, blind))
    Wo = feeds[g["few.Wo"]].copy()
    Wo[6:] = 0
    cut = evaluate([y], {x: X, mask: seen, **feeds, g["few.Wo"]: Wo})[y]
    np.testing.assert_allclose(three, cut, rtol=1e-12)
    assert not np.allclose(every, three)


def test_positions_say_how_far_apart_two_rows_are_and_nothing_else() -> None:
    g = gr.Graph()
    x = g.input("x", (6, 4))
    turned = gr.rotary_embedding(x)
    rows = np.tile(RNG.standard_normal(4), (6, 1))
    near = evaluate([turned], {x: rows})[turned]
    products = near @ near.T
    for far in range(1, 6):
        np.testing.assert_allclose(np.diagonal(products, far), products[0, far], rtol=1e-12)


def test_heads_that_do_not_divide_the_width_are_told() -> None:
    x = gr.Graph().input("x", (2, 5, 8))
    with pytest.raises(ShapeError, match="3 heads, of 3 with keys of their own, do not divide"):
        gr.nn.multi_head_attention(x, 3)
