"""graphc beside PyTorch on gradbench's problems: tools/gradbench at its small sizes, JIT off."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="gradbench's problems are compared with PyTorch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import graphc as gr
    from tools.gradbench import __main__, ba, gmm, ht, lstm
    from tools.gradbench.problem import Arrays, Problem, declared
    from tools.gradbench.problems import PROBLEMS
    from tools.gradbench.report import table
    from tools.gradbench.run import Outcome, relative, run
    from tools.gradbench.with_torch import REFERENCES

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_agrees_with_pytorch(name: str) -> None:
    problem = PROBLEMS[name]
    arrays = problem.arrays(small=True)
    found = list(run(name, problem, "small", arrays, REFERENCES[name], "plain"))
    assert [o for o in found if not o.passed] == []
    assert {o.what for o in found} == set(REFERENCES[name](arrays))


def test_a_determinant_by_minors_and_its_gradient_are_numpys() -> None:
    arrays = PROBLEMS["det"].arrays(small=True)
    found = PROBLEMS["det"].programs(arrays)
    value, gradient = gr.compile([*found["value"], *found["derivative"]], jit=False)(A=arrays["A"])
    assert value == pytest.approx(np.linalg.det(arrays["A"]))
    np.testing.assert_allclose(gradient, value * np.linalg.inv(arrays["A"]).T)


def test_the_particle_is_turned_from_where_gradbench_publishes() -> None:
    """Its derivatives by forward mode, through a loop, of a gradient by reverse mode."""
    arrays = PROBLEMS["particle"].arrays()
    (w,) = gr.compile(PROBLEMS["particle"].programs(arrays)["fr"], jit=False)(start=arrays["start"])
    assert w == pytest.approx([0.2071918746486116], rel=1e-12)


def test_the_way_by_numpy_is_run_and_timed_within_a_budget() -> None:
    (value, derivative) = run_lse("interpret", budget=1e-9)
    assert value.passed
    assert derivative.ours
    assert derivative.theirs


def run_lse(way: str, budget: float = 0.0, programs: Any = None) -> list[Outcome]:
    """The smallest problem, or other programs in its place."""
    lse = PROBLEMS["lse"]
    problem = Problem(lse.drawn, programs or lse.programs, lse.small, lse.usual)
    arrays = problem.arrays(small=True)
    return list(run("lse", problem, "n=7", arrays, REFERENCES["lse"], way, budget))


def test_a_wrong_result_and_an_error_are_told_and_the_rest_goes_on() -> None:
    def programs(arrays: Arrays) -> dict[str, list[gr.Node]]:
        (x,) = declared(gr.Graph("wrong"), arrays, "x")
        outside = x.graph.constant(np.array(9)) + 0
        return {"value": [gr.take(x, outside)], "derivative": [gr.softmax(x) * (1 + 1e-7)]}

    error, wrong = run_lse("plain", programs=programs)
    assert error.why.startswith("LabelError: ")
    assert wrong.difference == pytest.approx(1e-7)
    assert not error.passed
    assert not wrong.passed


@pytest.mark.parametrize(
    ("ours", "theirs", "wanted"),
    [
        ([1.0, 2.0], [1.0, 2.5], 0.2),
        ([1e9, 2.0], [1e9, 1.0], 1e-3),    # as if the smaller were 1e3
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([1.0], [0.0], np.inf),
        ([np.nan], [np.nan], np.inf),
        ([1.0], [1.0, 1.0], np.inf),
        ([], [], 0.0),
    ],
)  # fmt: skip
def test_a_difference_is_relative_to_pytorchs_element(ours, theirs, wanted) -> None:
    assert relative(np.array(ours), np.array(theirs)) == pytest.approx(wanted)


def test_a_row_holds_value_and_derivative_and_each_pair_of_modes_has_its_own() -> None:
    found = [
        Outcome("lse", "n=7", "value", 0.0, 1.0, 2.0),
        Outcome("lse", "n=7", "derivative", 2e-14, 3e-3, 4e-5),
        Outcome("saddle", "most=9", "fr", why="ShapeError: no"),
    ]
    _, _, lse, saddle = (row.split("|")[1:-1] for row in table(found).splitlines())
    assert [c.strip() for c in lse] == ["lse", "n=7", "0", "2e-14", "3 ms", "40 us"]
    assert [c.strip() for c in saddle][:4] == ["saddle fr", "most=9", "fails: ShapeError: no", ""]


def test_the_command_prints_the_table_and_fails_for_a_wrong_result(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["--only", "lse", "--small", "--way", "interpret", "--budget", "0"]
    assert __main__.main(command) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("| lse     | n=7 ")
    monkeypatch.setattr("tools.gradbench.run.LIMIT", -1.0)
    assert __main__.main(command) == 1


def test_a_name_of_no_problem_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["--only", "lse,gnn"]) == 2
    assert "there is no problem 'gnn'; those are gmm, lstm, ba" in capsys.readouterr().err


def test_an_environment_of_its_own_runs_the_same_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[list[str]] = []

    def call(command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr("tools.venvs.made", lambda venv, packages: Path(sys.executable))
    monkeypatch.setattr(subprocess, "run", call)
    arguments = ["--venv", str(tmp_path), "--small"]
    assert __main__.main(arguments) == 3
    assert asked == [[sys.executable, "-m", "tools.gradbench", *arguments]]


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")
    return path


def test_adbenchs_gaussians_are_read(tmp_path: Path) -> None:
    numbers = " ".join(map(str, range(1, 15)))
    found = gmm.read(written(tmp_path / "gmm.txt", f"2 2 1\n{numbers}\n2.5 3\n"))
    assert found["q"].tolist() == [[7, 8], [10, 11]]
    assert found["l"].tolist() == [[9], [12]]
    assert (found["x"].tolist(), found["gamma"], found["m"]) == ([[13, 14]], 2.5, 3)


def test_adbenchs_text_is_read(tmp_path: Path) -> None:
    blocks = "2 1 1\n\n1 2 3 4\n5 6 7 8\n\n1\n2\n3\n\n1\n2\n\n1\n0\n\n\n"
    found = lstm.read(written(tmp_path / "lstm.txt", blocks))
    assert {k: v.shape for k, v in found.items()} == {
        "main": (2, 4), "extra": (3, 1), "state": (2, 1), "text": (2, 1),
    }  # fmt: skip


def test_adbenchs_cameras_see_its_points_in_turn(tmp_path: Path) -> None:
    lines = ["2 3 4", " ".join(map(str, range(11))), "1 2 3", "0.5", "7 8"]
    found = ba.read(written(tmp_path / "ba.txt", "\n".join(lines)))
    assert found["obs"].tolist() == [[0, 0], [1, 1], [0, 2], [1, 0]]
    assert (found["cams"].shape, found["points"].shape) == ((2, 11), (3, 3))


def test_adbenchs_hand_is_read_with_its_model(tmp_path: Path) -> None:
    matrices = ":".join(map(str, range(32)))
    written(tmp_path / "model/bones.txt", f"wrist:-1:{matrices}\npalm:0:{matrices}\n")
    written(tmp_path / "model/vertices.txt", "1:2:3:0:0:0:0:0:2:1:0.75:0:0.25\n")
    written(tmp_path / "model/triangles.txt", "0:0:0\n")
    points = written(tmp_path / "hand.txt", "1 2\n0 4 5 6\n0.1 0.2\n0.5\n0.6\n")
    found = ht.read(points)
    assert found["weights"].tolist() == [[0.25, 0.75]]
    assert found["inverses"][1, 0].tolist() == [16, 17, 18, 19]
    assert (found["us"].tolist(), found["theta"].tolist()) == ([[0.1, 0.2]], [0.5, 0.6])
