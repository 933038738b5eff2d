"""A compiled step trains as the same arithmetic by hand does, and owns what it needs for that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from train_nets import DATA, ROWS, Arrays, X, T, epoch, gradients, net

import graphc as gr
from graphc.errors import (
    FeedError,
    GraphError,
    LabelError,
    MissingError,
    NonFiniteError,
    RecompileWarning,
    ShapeError,
    UsageError,
)
from graphc.runtime.load import compilations
from graphc.train.optim import SGD, Momentum
from graphc.train.step import Step, compile_step

NAMES = ("W1", "b1", "W2")


@pytest.fixture(scope="module")
def compiled() -> Step:
    """One step for all tests of this file; batches have up to 4 rows."""
    return compile_step(net()["loss"], optimizer=SGD(lr=0.5), seed=3)


@pytest.fixture(scope="module")
def beginning(compiled: Step, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("step") / "beginning.npz"
    compiled.save(file)
    compiled.epoch(DATA, 4)
    return file


@pytest.fixture
def step(compiled: Step, beginning: Path) -> Step:
    """The step as it was in the beginning."""
    compiled.load(beginning)
    return compiled


def plain(loss: Any, **asked: Any) -> Step:
    """A step that runs as Python."""
    return compile_step(loss, optimizer=asked.pop("optimizer", SGD(0.5)), jit=False, **asked)


def weights(step: Step) -> Arrays:
    return {name: step.params[name].copy() for name in NAMES}


def check_weights(step: Step, wanted: Arrays) -> None:
    for name, array in wanted.items():
        np.testing.assert_allclose(step.params[name], array, rtol=1e-10, atol=1e-12)


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
    with pytest.raises(UsageError, match="matmul 'logits' .*: only a param can be trained"):
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


# Epochs


def test_an_epoch_is_the_one_by_hand_with_a_smaller_last_batch(step: Step) -> None:
    wanted = weights(step)
    loss = epoch(wanted, X, T, 4, 0.5)
    assert step.epoch(DATA, batch_size=4) == pytest.approx(loss, rel=1e-12)
    check_weights(step, wanted)
    assert step.steps == 3


def test_a_batch_may_be_larger_than_the_data(step: Step) -> None:
    wanted = weights(step)
    loss = epoch(wanted, X[:3], T[:3], 100, 0.5)
    assert step.epoch({"X": X[:3], "t": T[:3]}, 100) == pytest.approx(loss, rel=1e-12)
    check_weights(step, wanted)


def test_a_shuffled_epoch_visits_each_row_once(step: Step) -> None:
    step.lr = 0.0
    assert step.epoch(DATA, 4, shuffle=True) == pytest.approx(gradients(weights(step), X, T)[0])


def test_the_order_of_a_shuffled_epoch_comes_from_the_seed() -> None:
    def run(seed: int | None) -> np.ndarray:
        step = plain(net()["loss"], seed=seed)
        step.params.reset(0)
        return np.array([step.epoch(DATA, 4, shuffle=True) for _ in range(2)])

    assert np.array_equal(run(1), run(1))
    assert not np.array_equal(run(1), run(2))


def test_a_shuffled_epoch_trains_on_the_rows_in_that_order(
    step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = np.random.default_rng(0).permutation(ROWS)
    wanted = weights(step)
    loss = epoch(wanted, X[order], T[order], 4, 0.5)
    monkeypatch.setattr(step, "_random", np.random.default_rng(0))
    assert step.epoch(DATA, 4, shuffle=True) == pytest.approx(loss, rel=1e-12)
    check_weights(step, wanted)


def test_without_the_jit_an_epoch_is_the_same(step: Step) -> None:
    slow = plain(net()["loss"], seed=3)
    for shuffle in (False, True):
        fast_loss, loss = (s.epoch(DATA, 4, shuffle=shuffle) for s in (step, slow))
        assert loss == pytest.approx(fast_loss, rel=1e-12)
    check_weights(slow, weights(step))


def test_an_input_without_rows_stays_whole() -> None:
    g = gr.Graph()
    x, scale = g.input("x", ("batch", 2)), g.input("scale", (2,))
    w = g.param("w", (2,), init=[1.0, 1.0])
    step = plain(gr.mean((x * scale) @ w), optimizer=SGD(0.0))
    rows = np.arange(6.0).reshape(3, 2)
    assert step.epoch({"x": rows, "scale": [1.0, 10.0]}, 2) == pytest.approx(32)


def test_where_the_loop_cannot_be_compiled_it_is_walked() -> None:
    g = gr.Graph()
    inputs = [g.input(f"x{i}", ("batch",)) for i in range(22)]
    w = g.param("w", (), init=1.0)
    total = inputs[0]
    for x in inputs[1:]:
        total = total + x
    step = plain(gr.mean(total * w), optimizer=SGD(0.0))
    assert "epoch" not in step.source()
    data = {f"x{i}": np.arange(3.0) for i in range(22)}
    assert step.epoch(data, 2, shuffle=True) == pytest.approx(22)
    assert step.steps == 2


# What cannot be trained on


def raises(kind: type[Exception], match: str, function: Callable[..., Any], *args: Any) -> None:
    with pytest.raises(kind, match=match):
        function(*args)


def test_data_that_make_no_batches_are_told(step: Step) -> None:
    short = {"X": X, "t": T[:-1]}
    sentence = r"'X' \(batch, 4\) is fed \(10, 4\), 't' \(batch,\) is fed \(9,\)"
    raises(ShapeError, sentence, step.epoch, short, 4)
    raises(ShapeError, "the data have no rows", step.epoch, {"X": X[:0], "t": T[:0]}, 4)
    raises(UsageError, "batch_size is 0, and has to be at least 1", step.epoch, DATA, 0)
    raises(UsageError, "batch_size is a whole number, not float", step.epoch, DATA, 4.0)
    raises(UsageError, "one mapping of names to arrays, not tuple", step.epoch, (X, T), 4)
    raises(FeedError, "missing feed for 't'", step.epoch, {"X": X}, 4)
    assert step.steps == 0


def test_a_step_without_rows_has_no_epochs() -> None:
    g = gr.Graph()
    step = plain(g.param("p", ()) * g.input("x"))
    raises(UsageError, "no input has a named leading size", step.epoch, {"x": 1.0}, 1)


def test_a_step_with_two_kinds_of_rows_has_no_epochs() -> None:
    g = gr.Graph()
    a, b = g.input("a", ("rows",)), g.input("b", ("others",))
    step = plain(g.param("p", ()) * (gr.sum(a) + gr.sum(b)))
    sentence = "more than one named size, 'a' by rows and 'b' by others"
    raises(UsageError, sentence, step.epoch, {"a": [1.0], "b": [2.0]}, 1)


def test_rows_that_cannot_be_cut_have_no_epochs() -> None:
    g = gr.Graph()
    a, b = g.input("a", ("n", 2)), g.input("b", (2, "n"))
    step = plain(g.param("p", ()) * gr.sum(b @ a))
    data = {"a": np.ones((3, 2)), "b": np.ones((2, 3))}
    raises(UsageError, r"'b' .*: its shape f64\[2,n\] cannot be cut", step.epoch, data, 1)


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_label_out_of_range_is_told_by_its_row_and_its_batch_changes_nothing(
    step: Step, shuffle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = np.random.default_rng(0).permutation(ROWS) if shuffle else np.arange(ROWS)
    labels = T.copy()
    labels[order[6]] = 9
    wanted = weights(step)
    epoch(wanted, X[order[:4]], T[order[:4]], 4, 0.5)
    monkeypatch.setattr(step, "_random", np.random.default_rng(0))
    with pytest.raises(LabelError, match=rf"t\[{order[6]}\] = 9, but there are 3 classes"):
        step.epoch({"X": X, "t": labels}, 4, shuffle=shuffle)
    check_weights(step, wanted)
    assert step.steps == 1


def test_a_batch_that_grew_is_compiled_for_once_and_told() -> None:
    step = plain(net()["loss"])
    step(X=X[:4], t=T[:4])
    with pytest.warns(RecompileWarning) as told:
        step(DATA)
    assert [str(w.message) for w in told] == [
        "batch grew from 4 to 10: compiled again, for up to 10"
    ]
    step(DATA)
    step(X=X[:7], t=T[:7])


def test_another_literal_size_is_told_with_both_values() -> None:
    g = gr.Graph()
    program = gr.compile(gr.sum(g.input("x", (2, "n"))), jit=False)
    program(x=np.ones((2, 3)))
    with pytest.warns(RecompileWarning, match="^n was 3 and is 5: compiled again$"):
        program(x=np.ones((2, 5)))
    program(x=np.ones((2, 3)))


def test_debug_nan_tells_the_stage_and_restores_the_state() -> None:
    g = gr.Graph()
    x, w = g.input("x", ("batch",)), g.param("w", (), init=1.0)
    step = plain(gr.mean(gr.log(x * w).named("logp")), debug="nan")
    first = step.epoch({"x": [1.0, 2.0]}, 1)
    before = step.params["w"].copy()
    with pytest.raises(NonFiniteError, match=r"log 'logp' .*: -inf first appears here"):
        step.epoch({"x": [0.0, 2.0]}, 1)
    assert np.isfinite(first)
    assert step.params["w"] == before
    assert step.steps == 2


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


def test_momentum_is_kept_from_step_to_step() -> None:
    g = gr.Graph()
    p = g.param("p", (), init=0.0)
    step = plain(p * 1.0, optimizer=Momentum(1.0, 0.5))
    for _ in range(2):
        step()
    assert float(step.params["p"]) == -2.5
    assert float(step.params["optimizer.p.v"]) == 1.5
