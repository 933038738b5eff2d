"""What the emitter writes, as reading matter: every page is compared with its golden file, and run
as plain Python against central differences.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from differences import differences

import graphc as gr
from examples.nn_epoch import data, in_numpy, two_layer_net
from examples.staged import RULES, staged


def page(program: Any, part: str) -> str:
    """One function of a module under the module's header, without the prelude's hash."""
    header = program.source().partition("@njit")[0].rstrip()
    return re.sub(r"graphc_prelude_\w+", "graphc_prelude", header) + f"\n\n\n{program.source(part)}"


@gr.graph
def shared_subexpression(x, y):
    a = gr.exp(x + y)
    b = gr.exp(x + y) * y
    f = a / (1 + b)
    return f


@gr.graph
def repeated_argument(x):
    twice = x + x
    square = twice * twice
    f = square * x
    return f


@gr.graph
def branch(x="f64[n]"):
    y = gr.where(x > 0, gr.log(x), -(x**2))
    f = gr.sum(y)
    return f


@gr.graph
def softmax_row(x="f64[m,10]", up="f64[m,10]"):
    p = gr.softmax(x)
    f = gr.sum(up * p)
    return f


rng = np.random.default_rng(0)
ROWS = {"x": rng.standard_normal((3, 10)), "up": rng.standard_normal((3, 10))}

FORMS = {"plain": "", "fast": "fast_"}  # and what stands before their files' names

PAGES = {
    "staged": (staged, ["x", "y"], RULES, {"x": 3.0, "y": -4.0}),
    "staged_simplified": (staged, ["x", "y"], (), {"x": 3.0, "y": -4.0}),
    "shared_subexpression": (shared_subexpression, ["x", "y"], (), {"x": 0.3, "y": 0.5}),
    "repeated_argument": (repeated_argument, ["x"], (), {"x": 3.0}),
    "branch": (branch, ["x"], (), {"x": np.array([-2.0, -0.5, 0.5, 3.0])}),
    "softmax_row": (softmax_row, ["x"], (), ROWS),
}


@pytest.fixture(autouse=True)
def _registers_of_avx2(monkeypatch):
    """The pages are the same on every machine: AVX2, and more than one core."""
    monkeypatch.setattr("graphc.order.thread_count", lambda wanted: wanted or 2)
    monkeypatch.setattr("graphc.order.register_bytes", lambda: 32)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("form", FORMS)
def test_page_reads_as_it_should_and_its_gradients_are_right(name, form, golden):
    graph, wrt, without, feeds = PAGES[name]
    program = gr.compile(graph, wrt=wrt, without=without, jit=False, form=form)
    _, gradients = program(feeds)
    for w in wrt:
        expected = differences(lambda at: program(at)[0], feeds, w)
        np.testing.assert_allclose(gradients[w], expected, rtol=1e-6, atol=1e-8)
    assert page(program, "forward_backward") == golden(f"{FORMS[form]}{name}.py")


@pytest.mark.parametrize("form", FORMS)
def test_training_step_of_the_two_layer_net_reads_as_it_should_and_trains_as_numpy(form, golden):
    net = two_layer_net(784, 100, 10, "float32")
    step = gr.compile_step(net["loss"], optimizer=gr.optim.SGD(lr=0.1), jit=False, form=form)
    X, y, *weights = data(rows=100)
    step.params.update(W1=weights[0], W2=weights[1])
    step(X=X, y=y)
    in_numpy(X, y, *weights)
    for name, expected in zip(("W1", "W2"), weights, strict=True):
        np.testing.assert_allclose(step.params[name], expected, atol=1e-6)
    assert page(step, "step") == golden(f"{FORMS[form]}mlp_step.py")


def least_squares() -> gr.Graph:
    """Five features, one number."""
    net = gr.Graph("least_squares")
    X, y = net.input("X", ("m", 5)), net.input("y", ("m",))
    w = net.param("w", (5,), init=gr.init.normal(1.0))
    gr.squared_error((X @ w).named("prediction"), y).named("loss")
    return net


def adam(w: np.ndarray, gradients: list[np.ndarray], lr: float) -> np.ndarray:
    """Kingma and Ba 2015, algorithm 1."""
    m = v = np.zeros_like(w)
    for t, g in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return w


@pytest.mark.parametrize("form", FORMS)
def test_adam_reads_as_it_should_and_steps_as_its_paper_says(form, golden):
    optimizer = gr.optim.Adam(lr=0.1)
    step = gr.compile_step(least_squares()["loss"], optimizer=optimizer, jit=False, form=form)
    X, y, start = rng.standard_normal((4, 5)), rng.standard_normal(4), step.params["w"].copy()
    gradients = []
    for _ in range(3):
        gradients.append(X.T @ (X @ step.params["w"] - y) * 2 / 4)
        step(X=X, y=y)
    np.testing.assert_allclose(step.params["w"], adam(start, gradients, 0.1), rtol=1e-12)
    assert page(step, "step") == golden(f"{FORMS[form]}adam.py")
