"""Each optimiser is the formula it is named after: its steps are PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import GraphError, UsageError
from graphc.runtime.load import compilations
from graphc.train.optim import SGD, Adam, AdamW, Momentum, Optimizer
from graphc.train.step import Step, compile_step

START = np.random.default_rng(1).standard_normal((4, 3))
X = np.random.default_rng(2).standard_normal((6, 4))
T = np.array([0, 2, 1, 1, 0, 2])

NINE, BETAS = {"momentum": 0.9}, {"betas": (0.8, 0.9)}

# ours, PyTorch's name, its arguments
# fmt: off
ROWS: list[tuple[Optimizer, str, dict[str, Any]]] = [
    (SGD(0.1),                               "SGD",   {"lr": 0.1}),
    (SGD(0.1, weight_decay=0.3),             "SGD",   {"lr": 0.1, "weight_decay": 0.3}),
    (Momentum(0.1, 0.8),                     "SGD",   {"lr": 0.1, "momentum": 0.8}),
    (Momentum(0.1, nesterov=True),           "SGD",   {"lr": 0.1, **NINE, "nesterov": True}),
    (Momentum(0.1, weight_decay=0.3),        "SGD",   {"lr": 0.1, **NINE, "weight_decay": 0.3}),
    (Adam(0.05),                             "Adam",  {"lr": 0.05}),
    (Adam(0.05, 0.8, 0.9, eps=0.1),          "Adam",  {"lr": 0.05, **BETAS, "eps": 0.1}),
    (Adam(0.05, weight_decay=0.3),           "Adam",  {"lr": 0.05, "weight_decay": 0.3}),
    (AdamW(0.05),                            "AdamW", {"lr": 0.05}),
    (AdamW(0.05, weight_decay=0.3),          "AdamW", {"lr": 0.05, "weight_decay": 0.3}),
]
# fmt: on


def regression(dtype: str = "float64") -> gr.Graph:
    """Softmax regression with a parameter W."""
    g = gr.Graph("regression", dtype=dtype)
    x, t = g.input("X", ("batch", 4)), g.input("t", ("batch",), "int64")
    W = g.param("W", (4, 3), init=START)
    gr.cross_entropy(x @ W, t).named("loss")
    return g


def step_of(optimizer: Optimizer, jit: bool = False, dtype: str = "float64") -> Step:
    return compile_step(regression(dtype)["loss"], optimizer=optimizer, jit=jit)


def theirs(kind: str, arguments: dict[str, Any], steps: int) -> np.ndarray:
    """W after steps of PyTorch's."""
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle of optimisers")
    W = torch.tensor(START, requires_grad=True)
    optimizer = getattr(torch.optim, kind)([W], **arguments)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(torch.tensor(X) @ W, torch.tensor(T)).backward()
        optimizer.step()
    return W.detach().numpy()


@pytest.mark.parametrize(("ours", "kind", "arguments"), ROWS, ids=lambda v: str(v)[:40])
def test_five_steps_are_those_of_pytorch(
    ours: Optimizer, kind: str, arguments: dict[str, Any]
) -> None:
    step = step_of(ours)
    for _ in range(5):
        step(X=X, t=T)
    np.testing.assert_allclose(step.params["W"], theirs(kind, arguments, 5), rtol=1e-12)


@pytest.fixture(scope="module")
def adam() -> Step:
    return step_of(Adam(0.05), jit=True, dtype="float32")


def test_a_compiled_float32_step_is_as_near_as_float32_allows(adam: Step) -> None:
    for _ in range(5):
        adam(X=X.astype("f4"), t=T)
    wanted = theirs("Adam", {"lr": 0.05}, 5)
    np.testing.assert_allclose(adam.params["W"], wanted, rtol=3e-6, atol=3e-7)


def test_a_number_reads_back_as_it_was_given(adam: Step) -> None:
    assert (adam.lr, adam.b1, adam.b2, adam.eps) == (0.05, 0.9, 0.999, 1e-8)


def test_changing_a_number_changes_the_step_and_compiles_nothing(adam: Step) -> None:
    adam(X=X.astype("f4"), t=T)
    before, w = len(compilations), adam.params["W"].copy()
    adam.lr = 0.0
    adam(X=X.astype("f4"), t=T)
    assert np.array_equal(adam.params["W"], w)
    adam.lr = 0.1
    adam(X=X.astype("f4"), t=T)
    assert not np.array_equal(adam.params["W"], w)
    assert len(compilations) == before


def test_a_parameter_in_float32_and_one_in_float64_are_trained_side_by_side() -> None:
    g = gr.Graph()
    a, b = g.param("a", (2,), "float32", init=[1.0, 2.0]), g.param("b", (2,), init=[1.0, 2.0])
    step = compile_step(gr.sum(a**2) + gr.sum(b**2), optimizer=Adam(), jit=False)
    step()
    np.testing.assert_allclose(step.params["a"], step.params["b"], rtol=1e-6)
    assert step.params["optimizer.a.m"].dtype == np.float32
    assert step.params["optimizer.b.m"].dtype == np.float64


def test_the_optimisers_state_stays_apart_from_a_users_names() -> None:
    g = gr.Graph()
    p = g.param("optimizer.lr", (), init=3.0)
    step = compile_step(p * p, optimizer=SGD(0.5), jit=False)
    step()
    assert float(step.params["optimizer.lr"]) == 0.0
    assert float(step.params["optimizer2.lr"]) == step.lr == 0.5


def test_names_that_the_formula_would_use_may_be_the_users() -> None:
    g = gr.Graph()
    lr, steps = g.param("lr", (), init=3.0), g.param("steps", (), init=2.0)
    step = compile_step(lr * steps, optimizer=Momentum(0.5), jit=False)
    step()
    assert [float(step.params[n]) for n in ("lr", "steps")] == [2.0, 0.5]
    assert step.lr == 0.5


def test_an_optimiser_of_ones_own_is_a_class_with_an_update() -> None:
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class SignDescent(Optimizer):
        size: float = 0.25

        def update(self, p: Any, d_p: Any, *slots: Any, **once: Any) -> tuple[Any, ...]:
            return (p - once["size"] * gr.sign(d_p),)

    g = gr.Graph()
    p = g.param("p", (2,), init=[1.0, -1.0])
    step = compile_step(gr.sum(p**2), optimizer=SignDescent(), jit=False)
    step()
    assert step.params["p"].tolist() == [0.75, -0.75]
    assert step.size == 0.25


def test_an_update_of_another_type_is_refused() -> None:
    class Total(Optimizer):
        def update(self, p: Any, d_p: Any, *slots: Any, **once: Any) -> tuple[Any, ...]:
            return (gr.sum(p),)

    g = gr.Graph()
    p = g.param("p", (2,))
    with pytest.raises(GraphError, match=r"its new value is f64, it is f64\[2\]"):
        compile_step(gr.sum(p**2), optimizer=Total())


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="lr of SGD is a number, not str"):
        step_of(SGD(lr="fast"))  # type: ignore[arg-type]
