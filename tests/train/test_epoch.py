"""An epoch is the loop over batches by hand; what makes no batches is told."""

from __future__ import annotations

import numpy as np
import pytest
from train_nets import (
    DATA,
    ROWS,
    T,
    X,
    check_weights,
    epoch,
    gradients,
    net,
    plain,
    raises,
    weights,
)

import graphc as gr
from graphc.errors import (
    FeedError,
    LabelError,
    NonFiniteError,
    RecompileWarning,
    ShapeError,
    UsageError,
)
from graphc.train.optim import SGD
from graphc.train.step import Step


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
