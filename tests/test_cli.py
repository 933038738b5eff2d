"""The commands as a user types them: what they print, and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from graphc.cli import main

MODEL = """
import graphc as gr

@gr.graph
def circuit(x, y):
    q = x + y
    f = q * x
    return f

wrong = gr.gate("wrong", forward=lambda x: x * x, local_gradient=lambda g, y, x: g * x)

@gr.graph
def mistaken(x):
    f = wrong(x)
    return f
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.py"
    path.write_text(MODEL)
    return str(path)


def test_training_on_digits_ends_with_accuracy_and_module(capsys):
    assert main(["train", "digits"]) == 0
    accuracy, module = capsys.readouterr().out.splitlines()[-2:]
    assert accuracy.startswith("test accuracy 0.9")
    assert float(accuracy.split()[-1]) >= 0.97
    assert Path(module.removeprefix("module ")).read_text().startswith('"""digits: ')


def test_training_on_a_file_saves_weights(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 3)).astype("float32")
    np.savez(tmp_path / "data.npz", x=x, y=(x[:, 0] > 0).astype("int64"))
    out = tmp_path / "weights.npz"
    line = ["train", str(tmp_path / "data.npz"), "--hidden", "8", "--lr", "0.05", "--json"]
    assert main([*line, "--save", str(out)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["test accuracy"] > 0.8
    with np.load(out, allow_pickle=False) as weights:
        assert any("W1" in name for name in weights.files)


def test_a_right_gradient_passes_and_a_wrong_one_exits_with_1(model, capsys):
    assert main(["check", f"{model}:circuit"]) == 0
    assert main(["check", f"{model}:mistaken"]) == 1
    assert "WRONG" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["graph", "plan", "source"])
def test_dump_prints_what_is_asked_for(model, what, capsys):
    assert main(["dump", f"{model}:circuit", "--what", what]) == 0
    assert "q" in capsys.readouterr().out


def test_dump_after_a_pass_shows_its_graph(model, capsys):
    assert main(["dump", f"{model}:circuit", "--after", "differentiate"]) == 0
    assert "d_q" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (["dump", "nowhere.py:x"], "there is no file nowhere.py"),
        (["dump", "nowhere.py"], "names no model"),
        (["train", "nowhere.npz"], "nowhere.npz"),
        (["train", "digits", "--hidden", "a"], "is not a list of widths"),
    ],
)
def test_bad_usage_is_one_sentence_and_exit_code_2(line, sentence, capsys):
    assert main(line) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert "Traceback" not in told


def test_a_name_that_is_not_in_the_model_is_told(model, capsys):
    assert main(["dump", f"{model}:nothing"]) == 2
    assert "has nothing named 'nothing'" in capsys.readouterr().err


def test_info_and_cache_report_as_json(capsys):
    assert main(["info", "--json"]) == 0
    folder = json.loads(capsys.readouterr().out)["cache"]
    assert main(["cache", "dir"]) == 0
    assert capsys.readouterr().out.strip() == folder
    assert main(["cache", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"]
