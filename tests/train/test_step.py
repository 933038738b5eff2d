"""A compiled step trains as the same arithmetic by hand does, and owns what it needs for that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from train_nets import DATA, NAMES, T, X, check_weights, gradients, net, plain, raises, weights

import graphc as gr
from graphc.errors import (
    GraphError,
    MissingError,
    ShapeError,
    UsageError,
)
from graphc.runtime.load import compilations
from graphc.train.optim import SGD, Momentum
from graphc.train.step import Step

# One step


def test_a_step_gives_the_loss_and_follows_the_gradient(step: Step) -> None:
    before = weights(step)
    loss, grads = gradients(before, X[:4], T[:4])
    assert step(X=X[:4], t=T[:4]) == pytest.approx(loss, rel=1e-12)
    check_weights(step, {name: before[name] - 0.5 * grads[name] for name in NAMES})
    assert step.steps == 1


def test_params_are_live_views_and_assigning_copies_in(step: Step) -> None:
    view = step.params["b1"]
    step.params["b1"] = np.ones(5)
    assert view.tolist() == [1.0] * 5
    step(X=X[:4], t=T[:4])
    assert view is step.params["b1"]
    assert view.tolist() != [1.0] * 5


def test_a_number_is_set_without_compiling_and_a_wrong_one_is_told(step: Step) -> None:
    step(X=X[:4], t=T[:4])
    before, known = weights(step), len(compilations)
    step.lr = 0.0
    step(X=X[:4], t=T[:4])
    check_weights(step, before)
    assert len(compilations) == known
    with pytest.raises(MissingError, match=r"a step has no 'rate'; its optimiser's numbers are lr"):
        step.rate = 0.1
    assert not hasattr(step, "rate")


def test_a_program_compiled_from_the_step_shares_its_params(step: Step) -> None:
    predict = step.compile("logits")
    before = predict(X=X[:2])
    step(X=X[:4], t=T[:4])
    assert predict.params is step.params
    assert not np.allclose(predict(X=X[:2]), before)


def test_a_program_from_the_step_may_have_gradients() -> None:
    step = plain(net()["loss"])
    loss, grads = step.compile("loss", wrt=["X"])(DATA)
    assert grads["X"].shape == X.shape
    assert step(DATA) == pytest.approx(loss)


def test_a_param_that_came_later_is_not_the_steps() -> None:
    g = net()
    step = plain(g["loss"])
    late = g.param("late", ())
    with pytest.raises(UsageError, match=r"param 'late' .*: it came into the graph after"):
        step.compile(late * 2)


# What is trained


def test_params_that_are_not_in_train_stay_as_they_are() -> None:
    step = plain(net()["loss"], train=["W2"], seed=1)
    before = weights(step)
    step(DATA)
    assert np.array_equal(step.params["W1"], before["W1"])
    assert np.array_equal(step.params["b1"], before["b1"])
    assert not np.array_equal(step.params["W2"], before["W2"])


def test_a_param_that_the_loss_does_not_need_is_an_error_unless_allowed() -> None:
    g = gr.Graph()
    a, _ = g.param("a", (), init=2.0), g.param("b", (), init=3.0)
    loss = (a * a).named("loss")
    with pytest.raises(
        GraphError, match=r"'b' .*: it does not influence 'loss'.*\n.*train=\["
    ) as e:
        plain(loss)
    assert e.value.code == "G506"
    for asked in ({"disconnected": "zero"}, {"train": "a"}):
        step = plain(loss, **asked)
        step()
        assert (float(step.params["a"]), float(step.params["b"])) == (0.0, 3.0)


def test_only_params_are_trained() -> None:
    g = net()
    with pytest.raises(UsageError, match=r"matmul 'logits' .*: only a param can be trained"):
        plain(g["loss"], train=["logits"])
    with pytest.raises(UsageError, match="there is no param to train"):
        plain(g["loss"], train=[])


def test_the_loss_is_a_scalar() -> None:
    with pytest.raises(ShapeError, match="a gradient is defined for a scalar"):
        plain(net()["logits"])


# Outputs and updates


def test_further_outputs_come_with_the_loss_and_are_those_before_the_update() -> None:
    step = plain(net()["loss"], outputs=["logits", "accuracy"])
    before = step.compile(["loss", "logits", "accuracy"])(DATA)
    loss, logits, accuracy = step(DATA)
    assert [loss, accuracy] == [before[0], before[2]]
    np.testing.assert_array_equal(logits, before[1])


def test_states_change_together_and_all_read_the_old_ones() -> None:
    g = gr.Graph()
    p, a, b = g.param("p", (2,)), g.state("a", (2,), init=[1, 2]), g.state("b", (2,), init=[3, 4])
    count = g.state("count", (), "int64")
    updates = {a: b, "b": a + p, count: count + 1}
    step = plain(gr.sum((p - a) ** 2), updates=updates, optimizer=SGD(0.25))
    step()
    assert step.params["p"].tolist() == [0.5, 1.0]
    assert step.params["a"].tolist() == [3, 4]
    assert step.params["b"].tolist() == [1, 2]
    assert step.params["count"] == 1


def test_a_running_mean_of_the_data_is_an_update() -> None:
    g = net()
    mean = g.state("mean", (4,))
    step = plain(g["loss"], updates={mean: 0.5 * mean + 0.5 * gr.mean(g["X"], axis=0)})
    step(DATA)
    np.testing.assert_allclose(step.params["mean"], 0.5 * X.mean(axis=0))


def test_an_update_has_to_fit_and_may_not_be_of_what_is_trained() -> None:
    g = net()
    s = g.state("s", (), "int64")
    with pytest.raises(GraphError, match=r"state 's' .*: its new value is f64, it is i64"):
        plain(g["loss"], updates={s: g["loss"]})
    with pytest.raises(
        UsageError, match=r"param 'W1' .*: it is trained, so updates= cannot set it"
    ):
        plain(g["loss"], updates={"W1": g["W1"] * 2})
    with pytest.raises(UsageError, match=r"'logits' .*: only a state or a param has a new value"):
        plain(g["loss"], updates={"logits": g["logits"]})


# What a call is given


def test_the_arguments_of_compile_step_are_looked_at() -> None:
    g = net()
    raises(UsageError, "an optimizer is wanted, not float", lambda: plain(g["loss"], optimizer=0.1))
    raises(UsageError, "or its name with graph=", lambda: plain("loss"))
    raises(UsageError, "no pass is named 'magic'", lambda: plain(g["loss"], without="magic"))
    raises(UsageError, "debug='inf' means nothing", lambda: plain(g["loss"], debug="inf"))


def test_a_graph_of_one_output_is_its_own_loss() -> None:
    @gr.graph
    def loss(x: float) -> Any:
        return (gr.param("p", (), init=2.0) * x) ** 2

    step = plain(loss)
    assert step(x=1.0) == 4.0
    assert plain("loss", graph=loss)(x=1.0) == 4.0


def test_a_step_says_what_it_is(step: Step) -> None:
    assert repr(step) == "<Step 'two_layers': SGD(lr=0.5, weight_decay=0.0), 0 steps taken>"
    assert "def epoch_shuffled(" in step.source()
    assert "def step(" in step.source("step")
    assert "lr" in dir(step)


def test_a_step_is_traced_and_dumped_without_training(tmp_path: Any) -> None:
    p = gr.Graph().param("p", (), init=2.0)
    step = plain(p * p)
    trace = step.trace()
    assert (trace["p"].value, trace["p"].gradient) == (2, 4)
    assert any(path.name == "plan.txt" for path in step.dump(tmp_path))
    assert step.steps == 0


def test_momentum_is_kept_from_step_to_step() -> None:
    g = gr.Graph()
    p = g.param("p", (), init=0.0)
    step = plain(p * 1.0, optimizer=Momentum(1.0, 0.5))
    for _ in range(2):
        step()
    assert float(step.params["p"]) == -2.5
    assert float(step.params["optimizer.p.v"]) == 1.5
