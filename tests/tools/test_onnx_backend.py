"""ONNX's own cases, all but the light networks, by NumPy's meanings; some as emitted Python."""

from __future__ import annotations

import pytest

pytest.importorskip("onnx", reason="ONNX's backend tests need the package onnx")

from tools.onnx_backend import cases as found
from tools.onnx_backend.__main__ import main
from tools.onnx_backend.backend import backend
from tools.onnx_backend.report import GOALS, counted, reasons, table
from tools.onnx_backend.run import Outcome, run

LIGHT = "light networks"

NOISE = {"test_dft_inverse", "test_dft_inverse_opset19"}
"""Cases that assert the rounding noise of one FFT to 1e-7."""


@pytest.fixture(scope="module")
def outcomes():
    wanted = [c for c in found.cases(backend("interpret")) if LIGHT not in c.groups]
    return run(wanted, lambda outcome: None)


def test_every_goal_but_the_light_networks_is_reached(outcomes):
    passed = {group: counted(outcomes, group)["passed"] for group in GOALS if group != LIGHT}
    assert passed == {g: n for g, n in passed.items() if n >= GOALS[g]}


def test_what_runs_is_right(outcomes):
    wrong = {o.case.name for o in outcomes if o.status == "failed"}
    assert wrong <= NOISE, reasons(outcomes)


@pytest.mark.parametrize("group", ["training", "Gradient", "pytorch-operator"])
def test_cases_pass_as_emitted_python(group):
    wanted = [c for c in found.cases(backend("plain")) if group in c.groups]
    assert [o.case.name for o in run(wanted, lambda outcome: None) if o.status != "passed"] == []


def test_too_few_node_cases_are_an_error(monkeypatch):
    monkeypatch.setattr(found, "LEAST", 10_000)
    with pytest.raises(RuntimeError, match="node cases were found, fewer than 10000"):
        found.cases(backend("interpret"))


def outcome(status: str, reason: str = "") -> Outcome:
    return Outcome(found.Case(f"test_{status}", ("Gradient",), None), status, reason)


def test_table_counts_what_became_of_each_case_and_tells_a_missed_goal():
    text, missed = table([outcome("passed"), outcome("failed"), outcome("skipped")])
    assert "| Gradient | 3 | 1 | 1 | 1 | 2 |" in text
    assert missed


def test_reasons_are_the_last_line_that_says_something():
    text = reasons([outcome("failed", "Traceback:\n  File\nValueError: no\n  ^^^\n")])
    assert text == "failed 1: ValueError: no\n    test_failed"


def test_command_line_runs_the_cases_that_match(capsys):
    assert main(["--way", "interpret", "-k", "^test_relu$"]) == 0
    assert "| node | 1 | 1 | 0 | 0 |" in capsys.readouterr().out
