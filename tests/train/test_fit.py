"""fit: epochs, what is computed between them, and what is told of it."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from train_nets import DATA, T, X, gradients, net

import graphc as gr
from graphc.errors import GraphError, ShapeError, UsageError
from graphc.train.fit import History
from graphc.train.optim import SGD, Adam
from graphc.train.step import Step, compile_step

HELD = {"X": X[:5], "t": T[:5]}


def step_of(outputs: tuple[str, ...] = (), seed: int = 0) -> Step:
    return compile_step(net()["loss"], optimizer=Adam(0.05), outputs=outputs, seed=seed, jit=False)


@pytest.fixture(scope="module")
def step() -> Step:
    """One step for batches of any size up to all rows."""
    step = step_of()
    step(DATA)
    return step


def test_the_history_has_a_row_for_each_epoch_and_a_column_for_each_number() -> None:
    step = step_of()
    history = step.fit(DATA, epochs=30, batch_size=4, validation=HELD)
    assert isinstance(history, History)
    assert history.columns == ["epoch", "loss", "val_loss", "seconds"]
    assert history["epoch"] == list(range(1, 31))
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert history[-1]["val_loss"] == pytest.approx(step.compile("loss")(HELD))
    assert step.steps == 90


def test_the_epochs_of_fit_are_those_of_epoch() -> None:
    one, other = step_of(), step_of()
    losses = [one.epoch(DATA, 4, shuffle=True) for _ in range(2)]
    assert other.fit(DATA, epochs=2, batch_size=4)["loss"] == losses


def test_validation_in_several_batches_is_the_mean_over_its_rows(step: Step) -> None:
    (row,) = step.fit(DATA, batch_size=3, validation=DATA)
    weights = {name: step.params[name] for name in ("W1", "b1", "W2")}
    assert row["val_loss"] == pytest.approx(gradients(weights, X, T)[0])


def test_a_metric_is_a_stage_or_a_function_of_the_step(step: Step) -> None:
    def rate(step: Any) -> float:
        return step.lr

    (row,) = step.fit(
        DATA, batch_size=4, validation=HELD, metrics={"right": "accuracy", "lr": rate}
    )
    assert list(row) == ["epoch", "loss", "val_loss", "val_right", "lr", "seconds"]
    assert row["val_right"] == pytest.approx(step.compile("accuracy")(HELD))
    assert row["lr"] == 0.05


def test_without_validation_a_metric_is_of_the_training_rows(step: Step) -> None:
    (row,) = step.fit(DATA, batch_size=4, metrics={"accuracy": "accuracy"})
    assert row["accuracy"] == pytest.approx(step.compile("accuracy")(DATA))


def test_scalar_outputs_of_the_step_are_columns() -> None:
    step = step_of(("logits", "accuracy"))
    step.lr = 0.0
    (row,) = step.fit(DATA, batch_size=4)
    assert row["accuracy"] == pytest.approx(step.compile("accuracy")(DATA))
    assert "logits" not in row


def test_a_metric_that_is_no_scalar_or_no_stage_is_told(step: Step) -> None:
    with pytest.raises(ShapeError, match=r"a metric is a scalar, this stage is f64\[batch,3\]"):
        step.fit(DATA, metrics={"logits": "logits"})
    with pytest.raises(GraphError, match=r"no stage is named 'acuracy'\n.*'accuracy'"):
        step.fit(DATA, metrics={"accuracy": "acuracy"})


@pytest.mark.parametrize("end", [lambda: False, lambda: next(iter(()))])
def test_a_callback_sees_each_row_and_can_stop(step: Step, end: Any) -> None:
    seen = []

    def callback(which: Step, row: dict[str, float]) -> Any:
        seen.append((which, row["epoch"]))
        return end() if row["epoch"] == 2 else None

    history = step.fit(DATA, epochs=9, batch_size=10, callbacks=[callback])
    assert seen == [(step, 1), (step, 2)]
    assert len(history) == 2


def test_a_callback_may_change_the_learning_rate() -> None:
    g = gr.Graph()
    p = g.param("p", (), init=0.0)
    step = compile_step(p + gr.mean(g.input("x", ("n",))), optimizer=SGD(1.0), jit=False)

    def halve(step: Any, row: Any) -> None:
        step.lr /= 2

    step.fit({"x": [0.0]}, epochs=3, callbacks=[halve])
    assert float(step.params["p"]) == -1.75


def test_the_counts_are_looked_at(step: Step) -> None:
    with pytest.raises(UsageError, match="epochs is 0, and has to be at least 1"):
        step.fit(DATA, epochs=0)
    with pytest.raises(UsageError, match="batch_size is a whole number, not str"):
        step.fit(DATA, batch_size="all")  # type: ignore[arg-type]


def test_a_history_prints_as_a_table_and_goes_into_json(step: Step) -> None:
    history = step.fit(DATA, epochs=2, batch_size=10)
    head, *rows = str(history).splitlines()
    assert head.split() == ["epoch", "loss", "seconds"]
    assert [row.split()[0] for row in rows] == ["1", "2"]
    assert json.loads(json.dumps(history)) == history
    assert str(History()) == ""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def told(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, **asked: Any) -> str:
    monkeypatch.setattr("sys.stderr", stream)
    step_of().fit(DATA, epochs=2, batch_size=10, shuffle=False, **asked)
    return stream.getvalue()


def test_on_a_terminal_one_line_is_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    text = told(monkeypatch, Terminal(), validation=HELD)
    compiling, *epochs = [part.rstrip() for part in text.split("\r")[1:] if "forward" not in part]
    assert compiling == "compiling epoch ..."
    assert [line.partition("  ")[0] for line in epochs] == ["epoch 1/2", "epoch 2/2"]
    assert "compiling forward ..." in text
    assert text.count("\n") == 1


def test_where_there_is_no_terminal_nothing_is_written_unless_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert told(monkeypatch, io.StringIO()) == ""
    assert told(monkeypatch, Terminal(), verbose=False) == ""
    lines = told(monkeypatch, io.StringIO(), verbose=True).splitlines()
    assert [line.partition("  ")[0] for line in lines] == [
        "compiling epoch ...", "epoch 1/2", "epoch 2/2",
    ]  # fmt: skip
    assert np.isfinite(float(lines[-1].split()[3]))
