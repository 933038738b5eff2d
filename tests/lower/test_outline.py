"""What a kernel repeats is written once and called."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gr

rng = np.random.default_rng(0)
X, T = rng.standard_normal((32, 24)).astype(np.float32), np.arange(32) % 24


def deep(layers: int, activation=gr.relu) -> gr.Graph:
    """Equal dense layers."""
    n = gr.Graph("deep", dtype="float32")
    h, t = n.input("X", ("batch", 24)), n.input("t", ("batch",), "int64")
    for i in range(layers):
        w, b = n.param(f"W{i}", (24, 24), init=gr.init.he_normal()), n.param(f"b{i}", (24,))
        h = activation(h @ w + b)
    gr.cross_entropy(h, t).named("loss")
    return n


def step(layers: int, **options):
    return gr.compile_step(deep(layers)["loss"], optimizer=gr.optim.SGD(lr=0.1), seed=0, **options)


def text(program) -> str:
    program(X=X, t=T)
    return program.source()


def test_equal_layers_are_one_function_with_a_call_for_each():
    source = text(step(12, jit=False))
    assert source.count("\ndef layer(") == 1
    assert source.count("\ndef d_layer(") == 1
    assert source.count(" layer(") >= 10


def test_a_small_net_is_written_out():
    assert "def layer" not in text(step(2, jit=False))


def test_ten_times_the_layers_are_not_ten_times_the_lines():
    few, many = (len(text(step(n, jit=False)).splitlines()) for n in (6, 60))
    assert many < 5 * few


@pytest.mark.parametrize("threads", [1, 2])
def test_layers_that_are_called_compute_what_written_ones_do(threads):
    found = []
    for options in ({"form": "plain"}, {"threads": threads}, {"threads": threads, "jit": False}):
        program = step(8, **options)
        losses = [program(X=X, t=T) for _ in range(3)]
        found.append({"losses": losses, **{k: np.array(v) for k, v in program.params.items()}})
    for other in found[1:]:
        for name, value in found[0].items():
            np.testing.assert_allclose(other[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_what_a_layer_leaves_for_later_stays_outside():
    g = gr.Graph("sums", dtype="float32")
    x = g.input("x", ("n", 64))
    totals = [gr.sum(gr.exp(x * float(k))) for k in range(5)]
    found = gr.compile(totals, form="fast")(x=np.ones((50, 64), np.float32))
    np.testing.assert_allclose(found, [3200 * np.exp(k) for k in range(5)], rtol=1e-5)
