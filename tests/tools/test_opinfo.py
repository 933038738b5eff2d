"""graphc against the samples that PyTorch tests itself with: a fast part of tools/opinfo."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch's samples come with PyTorch")
pytest.importorskip("expecttest", reason="PyTorch's samples import expecttest")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tools.opinfo import report
    from tools.opinfo.__main__ import main
    from tools.opinfo.differences import DIFFERENCES, TOLERANCES
    from tools.opinfo.mapping import FAMILIES, ROWS
    from tools.opinfo.program import WAYS
    from tools.opinfo.rows import Row
    from tools.opinfo.run import Outcome, run
    from tools.opinfo.samples import OPERATORS
    from tools.opinfo.unmapped import why

pytestmark = pytest.mark.filterwarnings("ignore")

SOME = (
    "add", "clamp", "where", "tanh", "lgamma", "xlogy", "logsumexp", "var", "sort", "cumprod",
    "masked.softmax", "cat", "tril", "roll", "__getitem__", "scatter_add", "gather", "addmm",
    "einsum", "linalg.slogdet", "nn.functional.gelu", "log_softmax", "nn.functional.huber_loss",
    "nn.functional.conv1d", "nn.functional.layer_norm", "nn.functional.avg_pool2d",
)  # fmt: skip
"""Operators of every family, run as the default way runs them."""


def outcome(name: str, call: Any, way: str = "interpret") -> Outcome:
    return run(name, "any", Row(call), WAYS[way])


def test_every_row_names_an_operator_of_pytorch_once() -> None:
    assert not set(ROWS) - set(OPERATORS)
    assert len(ROWS) == sum(map(len, FAMILIES.values()))


def test_every_operator_without_a_row_has_a_reason() -> None:
    assert not [name for name in OPERATORS if name not in ROWS and not why(name)]


def test_every_tolerance_is_of_a_mapped_operator() -> None:
    assert not set(TOLERANCES) - set(ROWS)


def test_every_declaration_has_a_part_that_is_looked_at() -> None:
    assert {d.part for d in DIFFERENCES} == {"sample", "gradient", "error"}


def test_a_wrong_value_is_found_and_its_sample_named() -> None:
    found = outcome("cos", lambda m, x: m.sin(x))
    assert found.passed < found.applicable
    assert all("is not" in reason for reason in found.failures.values())


def test_a_wrong_gradient_is_found() -> None:
    found = outcome("cos", lambda m, x: m.cos(m.stop_gradient(x)))
    assert all(reason.startswith("gradient") for reason in found.failures.values())
    assert found.failures


def test_one_sample_that_fails_spoils_no_other() -> None:
    """Its error comes when the whole program runs, so the program is halved down to it."""

    def call(m: Any, x: Any) -> Any:
        outside = m.graph.constant(np.array(9)) + 0
        return m.cos(x if x.ndim else m.take(m.reshape(x, (1,)), outside))

    found = outcome("cos", call, "plain")
    assert found.applicable == 3
    assert [reason.split(":")[0] for reason in found.failures.values()] == ["LabelError"]


def test_a_row_without_its_function_waits_and_counts_for_nothing() -> None:
    found = outcome("cos", lambda m, x: m.no_such_function(x))
    assert found.missing == "gr.no_such_function"
    assert report.row("any", [found])[1:4] == ("0", "0", "0")


def test_what_is_declared_is_counted_and_not_hidden() -> None:
    family, row = ROWS["nn.functional.rrelu"]
    found = run("nn.functional.rrelu", family, row, WAYS["interpret"])
    assert found.applicable < found.samples
    assert report.reasons([found])[0] == "samples declared different: 3"


def test_an_error_input_that_raises_nothing_is_listed() -> None:
    found = outcome("hsplit", lambda m, x, parts: m.positive(x))
    assert list(found.silent.values()) == ["no error"] * 3


def test_a_declared_error_input_may_be_taken_but_raise_nothing_else() -> None:
    def call(m: Any, x: Any) -> Any:
        raise ValueError("no")

    assert outcome("neg", lambda m, x: m.negative(x)).not_errors.total() == 1
    assert list(outcome("neg", call).silent.values()) == ["ValueError: no"]


def test_the_goal_needs_operators_and_samples() -> None:
    some = Outcome("a", "any", samples=100, failures={"#0": "no"})
    assert report.reached([some], 1, 0.99)
    assert not report.reached([some], 2, 0.99)
    assert not report.reached([replace(some, differs=Counter({"why": 1}))], 1, 0.99)


def test_the_command_line_prints_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--op", "exp", "--way", "interpret"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("| all ")


@pytest.mark.parametrize("name", SOME)
def test_an_operator_agrees_with_pytorch_on_every_sample(name: str) -> None:
    family, row = ROWS[name]
    found = run(name, family, row, WAYS["plain"])
    assert not found.missing
    assert not found.failures, found.failures
    assert not found.silent, found.silent
