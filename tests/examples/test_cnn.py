"""A small convolutional net, trained step by step as PyTorch trains it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gr

BATCH, SIDE, STEPS, RATE = 6, 8, 5, 0.1
SHAPES = {"W1": (4, 1, 3, 3), "b1": (4,), "W2": (5, 4, 3, 3), "b2": (5,), "W3": (20, 3), "b3": (3,)}


def start() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {n: rng.normal(0, 0.4, s).astype(np.float32) for n, s in SHAPES.items()}


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    images = rng.standard_normal((STEPS, BATCH, 1, SIDE, SIDE)).astype(np.float32)
    return images, rng.integers(0, 3, (STEPS, BATCH)).astype(np.uint8)


def net() -> gr.Node:
    """conv - relu - pool, twice, dense, and the cross entropy of three classes."""
    n = gr.Graph("cnn", dtype="float32")
    x, t = n.input("x", ("batch", 1, SIDE, SIDE)), n.input("t", ("batch",), "uint8")
    p = {name: n.param(name, v.shape, init=v) for name, v in start().items()}
    h1 = gr.max_pool(gr.relu(gr.conv2d(x, p["W1"], p["b1"], padding=1)), 2)
    h2 = gr.max_pool(gr.relu(gr.conv2d(h1, p["W2"], p["b2"], padding=1)), 2)
    return gr.cross_entropy(gr.reshape(h2, (-1, 20)) @ p["W3"] + p["b3"], t)


def torchs(torch: Any) -> tuple[list[float], dict[str, np.ndarray]]:
    """The losses and what the params come to in PyTorch."""
    f = torch.nn.functional
    p = {name: torch.tensor(v, requires_grad=True) for name, v in start().items()}
    losses = []
    for x, t in zip(*data(), strict=True):
        h1 = f.max_pool2d(f.relu(f.conv2d(torch.tensor(x), p["W1"], p["b1"], padding=1)), 2)
        h2 = f.max_pool2d(f.relu(f.conv2d(h1, p["W2"], p["b2"], padding=1)), 2)
        loss = f.cross_entropy(h2.reshape(-1, 20) @ p["W3"] + p["b3"], torch.tensor(t).long())
        slopes = torch.autograd.grad(loss, list(p.values()))
        with torch.no_grad():
            for v, slope in zip(p.values(), slopes, strict=True):
                v -= RATE * slope
        losses.append(loss.item())
    return losses, {name: v.detach().numpy() for name, v in p.items()}


@pytest.mark.parametrize(("form", "jit"), [("plain", False), ("plain", True), ("fast", True)])
def test_five_steps_of_a_convolutional_net_are_pytorchs(form: str, jit: bool) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    step = gr.compile_step(net(), optimizer=gr.optim.SGD(lr=RATE), form=form, jit=jit)
    found = [float(step(x=x, t=t)) for x, t in zip(*data(), strict=True)]
    losses, params = torchs(torch)
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    for name, wanted in params.items():
        np.testing.assert_allclose(step.params[name], wanted, rtol=1e-4, atol=1e-5, err_msg=name)
