"""What a kernel repeats is written once and called, in a loop where it can be."""

from __future__ import annotations

import re

import numpy as np
import pytest

import graphc as gr
from graphc.emit import module
from graphc.lower.repeats import repeats

rng = np.random.default_rng(0)
X, T = rng.standard_normal((32, 24)).astype(np.float32), np.arange(32) % 24


def deep(layers: int, activation=gr.relu, width: int = 24) -> gr.Graph:
    """Equal dense layers."""
    n = gr.Graph("deep", dtype="float32")
    h, t = n.input("X", ("batch", width)), n.input("t", ("batch",), "int64")
    for i in range(layers):
        w = n.param(f"W{i}", (width, width), init=gr.init.he_normal())
        b = n.param(f"b{i}", (width,))
        h = activation(h @ w + b)
    gr.cross_entropy(h, t).named("loss")
    return n


def scaled(layers: int) -> gr.Graph:
    """Residual layers that differ in a constant."""
    n = gr.Graph("scaled", dtype="float32")
    h, t = n.input("X", ("batch", 24)), n.input("t", ("batch",), "int64")
    for i in range(layers):
        w = n.param(f"W{i}", (24, 24), init=gr.init.he_normal())
        h = h + gr.tanh((h - gr.mean(h, axis=1, keepdims=True)) @ w) * (0.1 + 0.01 * i)
    gr.cross_entropy(h, t).named("loss")
    return n


def step(graph: gr.Graph, **options):
    return gr.compile_step(graph["loss"], optimizer=gr.optim.SGD(lr=0.1), seed=0, **options)


def text(program, width: int = 24) -> str:
    program(X=np.resize(X, (32, width)), t=T)
    return program.source()


def trained(graph: gr.Graph, **options) -> dict[str, object]:
    """Three losses and the parameters behind them."""
    program = step(graph, **options)
    losses = [program(X=X, t=T) for _ in range(3)]
    return {"losses": losses, **{k: np.array(v) for k, v in program.params.items()}}


@pytest.fixture
def written_out(monkeypatch):
    """What a graph computes when nothing is called."""

    def run(compute):
        with monkeypatch.context() as patch:
            patch.setattr(module, "outlined", lambda kernel, fresh: (kernel, []))
            return compute()

    return run


def test_equal_layers_are_one_function_called_in_a_loop():
    source = text(step(deep(12), jit=False))
    assert source.count("\ndef relu_layer(") == 1
    assert source.count("\ndef d_relu_layer(") == 1
    assert "for layer in range(" in source
    assert "(3) ... (" in source


def test_a_small_net_is_written_out():
    assert "_layer(" not in text(step(deep(2), jit=False))


def test_a_net_of_more_layers_has_no_more_lines():
    few, many = (step(deep(n), jit=False) for n in (20, 60))
    text(few), text(many)
    assert len(many.source("step").splitlines()) == len(few.source("step").splitlines())


@pytest.mark.parametrize("threads", [1, 2])
def test_equal_updates_by_blocks_of_rows_are_one_function(threads):
    def adam(layers):
        made = {"optimizer": gr.optim.Adam(lr=0.01), "threads": threads, "jit": False}
        return gr.compile_step(deep(layers, width=128)["loss"], **made)

    few, many = adam(12), adam(18)
    sources = [text(program, width=128) for program in (few, many)]
    assert all(source.count("high = min(") <= 3 for source in sources)
    grown = [len(source.splitlines()) for source in sources]
    assert grown[1] - grown[0] < 6 * 12


def test_same_graph_same_text():
    assert text(step(deep(12), jit=False)) == text(step(deep(12), jit=False))


@pytest.mark.parametrize("graph", [deep(12), scaled(8)], ids=["dense", "scaled"])
def test_called_layers_give_the_same_bits_as_written_ones(graph, written_out):
    called = trained(graph, jit=False)
    written = written_out(lambda: trained(graph, jit=False))
    for name, value in written.items():
        np.testing.assert_array_equal(called[name], value, err_msg=name)


@pytest.mark.parametrize("threads", [1, 2])
def test_called_layers_compute_what_plain_loops_do(threads):
    plain = trained(deep(8), form="plain", jit=False)
    for name, value in trained(deep(8), threads=threads).items():
        np.testing.assert_allclose(value, plain[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_constant_that_differs_is_an_argument():
    assert "number" in text(step(scaled(8), jit=False))


def chain(layers: int, scale: float = 0.0) -> gr.Node:
    """A scalar chain; with a scale its stages differ in a constant."""
    g = gr.Graph("chain")
    a, x = g.input("a"), g.input("x")
    v = x
    for k in range(layers):
        v = gr.sigmoid(a * v + x) + scale * k
    return (v * v).named("z")


def swept(z: gr.Node, jit: bool) -> list[float]:
    """Value and gradients, in one kernel and in two."""
    program = gr.compile(z, wrt=["x", "a"], jit=jit)
    value, grads = program(a=1.3, x=0.3)
    return [value, *grads.values(), program.forward(a=1.3, x=0.3), *program.backward().values()]


@pytest.mark.parametrize("scale", [0.0, 0.01])
def test_a_scalar_chain_gives_the_same_bits_as_written_out(scale, written_out):
    z = chain(150, scale)
    assert swept(z, False) == written_out(lambda: swept(z, False))


def test_a_scalar_chain_is_a_loop_over_a_tape():
    few, many = (
        gr.compile(chain(n), wrt=["x", "a"], jit=False, without=["roll"]) for n in (100, 200)
    )
    lines = [len(p.source("forward_backward").splitlines()) for p in (few, many)]
    assert "values = tape(" in few.source("forward_backward")
    assert lines[0] == lines[1]


def test_a_compiled_chain_computes_what_the_plain_one_does():
    z = chain(150)
    np.testing.assert_allclose(swept(z, True), swept(z, False), rtol=1e-12)


def test_names_that_are_one_in_the_first_layer_are_two_arguments():
    """The first stage of the chain reads x twice, the others x and what came before."""
    source = gr.compile(chain(150), wrt=["x"], jit=False).source()
    for line in source.splitlines():
        names = re.findall(r"\w+", line.partition("(")[2]) if line.startswith("def ") else []
        assert len(set(names)) == len(names)


def test_what_a_layer_leaves_for_later_stays_outside():
    g = gr.Graph("sums", dtype="float32")
    x = g.input("x", ("n", 64))
    totals = [gr.sum(gr.exp(x * float(k))) for k in range(5)]
    found = gr.compile(totals, form="fast")(x=np.ones((50, 64), np.float32))
    np.testing.assert_allclose(found, [3200 * np.exp(k) for k in range(5)], rtol=1e-5)


def found(line: list[int]) -> list[tuple[int, tuple[int, ...]]]:
    """Repeats where every statement costs one and a function three."""
    worth = lambda length, starts: length * (len(starts) - 1) - 3  # noqa: E731
    return [(r.length, r.starts) for r in repeats(line, [1.0] * len(line), worth, 1.0)]


def test_repeats_are_found_behind_each_other_and_apart():
    assert found([9, 1, 2, 1, 2, 1, 2, 1, 2, 8]) == [(2, (1, 3, 5, 7))]
    assert found([1, 2, 3, 4, 9, 1, 2, 3, 4, 8, 1, 2, 3, 4]) == [(4, (0, 5, 10))]


def test_statements_that_stay_are_in_no_repeat():
    assert found([-1] * 20) == []
