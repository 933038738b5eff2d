"""What the benchmark counts, and what it refuses to count."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tools.bench import measure, run
from tools.bench.__main__ import chosen, main, parser, settings_of
from tools.bench.memory import parsed
from tools.bench.peers import PEERS, THREAD_VARIABLES, USUAL, environment
from tools.bench.report import best_peer, cell, goal, markdown, ratio, table
from tools.bench.run import Bench, Measurement, Settings, answer
from tools.bench.with_numpy import gradients, reference
from tools.bench.workloads import EMPTY, WORKLOADS, Case, Data, dense_net, learnable

REPORT = """
report of net: fast form, compiled, up to 2 threads
step      133,440 bytes of work, 8% of the 1,736,912 of all values between, 399,104 without reuse
arenas    state 603,192 bytes, work of a thread 52,352 bytes
"""


def cells_of(workload: str, **seconds: float) -> dict[tuple[str, str], Measurement]:
    """Right results with these times."""
    return {(workload, p): Measurement(workload, p, "ok", [s]) for p, s in seconds.items()}


def answering(monkeypatch: pytest.MonkeyPatch, answers: list[Any]) -> list[tuple[str, str]]:
    """Processes that give these answers one after another; the calls they are asked with."""
    asked: list[tuple[str, str]] = []

    def spawn(workload: str, peer: str, settings: Settings, cache: Path) -> Any:
        asked.append((workload, peer))
        cache.mkdir(exist_ok=True)
        status, seconds = answers.pop(0)
        return Measurement(workload, peer, status, [seconds]), seconds

    monkeypatch.setattr(run, "spawn", spawn)
    return asked


def bench(tmp_path: Path, rounds: int) -> Bench:
    return Bench(Settings({}, rounds=rounds), tmp_path, lambda turn, measurement: None)


def test_contenders_take_turns_and_the_best_of_all_rounds_counts(monkeypatch, tmp_path):
    asked = answering(monkeypatch, [("ok", 3.0), ("ok", 1.0), ("ok", 2.0), ("ok", 4.0)])
    measured = bench(tmp_path, rounds=2)
    measured.row("staged", ["jax", "graphc"])
    assert [peer for _, peer in asked] == ["jax", "graphc", "jax", "graphc"]
    assert [cell.seconds for cell in measured.cells.values()] == [2.0, 1.0]


def test_who_fails_keeps_the_reason_and_the_rest_goes_on(monkeypatch, tmp_path):
    asked = answering(monkeypatch, [("failed", 0.0), ("ok", 1.0), ("ok", 1.0)])
    measured = bench(tmp_path, rounds=2)
    measured.row("staged", ["jax", "graphc"])
    assert [peer for _, peer in asked] == ["jax", "graphc", "graphc"]
    assert measured.cells["staged", "jax"].seconds is None


def test_who_runs_out_of_time_compiling_is_not_run(monkeypatch, tmp_path):
    asked = answering(monkeypatch, [("timeout", 120.0)])
    measured = bench(tmp_path, rounds=1)
    measured.row("circuit_10000_compile", ["jax"])
    measured.row("circuit_10000", ["jax"])
    assert len(asked) == 1
    assert cell(measured.cells["circuit_10000", "jax"]) == "> 120 s"


def test_an_edit_starts_every_round_from_the_same_cache(monkeypatch, tmp_path):
    asked = answering(monkeypatch, [("ok", 9.0), ("ok", 1.0), ("ok", 2.0)])
    measured = bench(tmp_path, rounds=2)
    measured.row("edit_width", ["jax"])
    assert [name for name, _ in asked] == ["edit_cold", "edit_width", "edit_width"]
    assert measured.cells["edit_width", "jax"].samples == [1.0, 2.0]


def test_a_wrong_result_has_no_time(monkeypatch):
    def wrong(data: Data) -> Case:
        exact = reference("staged", data)
        return Case(lambda: None, lambda _: {k: v + 1e-6 for k, v in exact.items()})

    module = SimpleNamespace(CASES={"numpy": {"staged": wrong}})
    monkeypatch.setattr(measure.importlib, "import_module", lambda *_: module)
    found = measure.measure("numpy", WORKLOADS["staged"], repeat=1, budget=0.0)
    assert found["status"] == "WRONG"
    assert Measurement("staged", "numpy", "WRONG", found["samples"]).seconds is None


def test_another_shape_is_wrong():
    assert measure.distance(np.zeros((2, 1)), np.ones(2)) == float("inf")


def test_numpy_itself_passes_its_check():
    quick = replace(WORKLOADS["circuit_100"], calls=1)
    assert measure.measure("numpy", quick, repeat=1, budget=0.0)["status"] == "ok"


def test_a_crash_is_told_by_its_signal():
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    found = answer(done)
    assert (found["status"], found["why"]) == ("failed", "SIGKILL: no message")
    assert cell(Measurement("staged", "jax", **found)) == "failed: SIGKILL: no message"


def test_the_ratio_leaves_out_who_stands_aside():
    cells = cells_of("staged", numpy=1.0, jax=8.0, graphc=2.0)
    assert best_peer("staged", cells).peer == "jax"
    assert ratio("staged", cells) == 0.25
    assert goal("staged", cells) == "0.12 missed"


def test_a_goal_in_seconds_needs_no_peer():
    assert goal("warm", cells_of("warm", graphc=0.3)) == "350 ms met"
    assert goal("warm", cells_of("warm", jax=0.3)) == "350 ms"


def test_the_table_is_markdown_and_its_cells_cannot_end():
    text = table(["staged"], ["jax", "graphc"], cells_of("staged", jax=8e-6, graphc=2e-6))
    head, rule, row = text.splitlines()
    assert len(head) == len(rule) == len(row)
    assert "8 us" in row
    assert "0.25" in row
    assert r"a\|b" in markdown([["", "x"], ["row", "a|b"]])


def test_the_workspace_counts_what_each_thread_has_of_its_own():
    found = parsed("net", REPORT)
    assert found.work == 133_440 + 2 * 52_352
    assert found.record()["ratio"] == found.work / 1_736_912


def test_every_library_is_told_the_number_of_threads(tmp_path):
    variables = environment(1, tmp_path)
    assert {variables[name] for name in THREAD_VARIABLES} == {"1"}
    assert variables["XLA_FLAGS"].endswith("=false")


def test_a_row_that_needs_another_names_one():
    for workload in WORKLOADS.values():
        assert {workload.cache, workload.after} <= {None, EMPTY, *WORKLOADS}


def test_extra_columns_are_measured_when_they_are_asked_for():
    assert "graphc.plain" not in chosen(None, list(PEERS), USUAL)
    assert chosen("graphc.plain", list(PEERS), USUAL) == ["graphc.plain"]


def test_quick_is_one_sample_of_each():
    settings = settings_of(parser().parse_args(["--quick"]))
    assert (settings.rounds, settings.repeat) == (1, 1)


def test_an_unknown_row_is_a_usage_error(capsys):
    assert main(["--only", "nothing"]) == 2
    assert "there is no 'nothing'" in capsys.readouterr().err


@pytest.mark.parametrize("smooth", [0, 1, 2])
def test_the_oracle_of_the_nets_is_the_derivative(smooth):
    data = dense_net(learnable, 6, (3, 5, 4, 2), 6, biases=True, smooth=smooth)
    params = {k: v.astype(np.float64) for k, v in data.params.items()}
    x, t = data.feeds["X"].astype(np.float64), data.feeds["t"]
    grads = gradients(params, x, t, smooth)
    for name, value in params.items():
        shifted = [params | {name: value + step * grads[name]} for step in (1e-6, -1e-6)]
        up, down = (loss(p, x, t, smooth) for p in shifted)
        assert (up - down) / 2e-6 == pytest.approx(np.sum(grads[name] ** 2), rel=1e-5, abs=1e-12)


def loss(params: dict[str, np.ndarray], x: np.ndarray, t: np.ndarray, smooth: int) -> float:
    """Mean cross-entropy of three layers."""
    for k in (1, 2, 3):
        x = x @ params[f"W{k}"] + params[f"b{k}"]
        x = np.tanh(x) if k == smooth else np.maximum(x, 0) if k < 3 else x
    logs = x - np.log(np.exp(x).sum(1, keepdims=True))
    return float(-np.mean(logs[np.arange(len(t)), t]))
