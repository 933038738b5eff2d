"""The commands as a shell runs them: what they print, where, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from graphc.cli import main
from graphc.runtime import store
from graphc.train import digits

EXAMPLES = Path(__file__).parents[1] / "examples"
STAGED = f"{EXAMPLES / 'staged.py'}:staged"

MODEL = """
import graphc as gr

print("the model is talking")
net = gr.Graph("net")
x, t = net.input("x", ("batch", 4)), net.input("t", ("batch",), "int64")
W, b = net.param("W", (4, 3)), net.param("b", (3,))
h = gr.relu(x @ W + b).named("h")
loss = gr.cross_entropy(h, t).named("loss")
logs = gr.sum(gr.log(x) + gr.sqrt(x)).named("logs")
slices = gr.sum(x[10:20] ** 2).named("slices")
never = gr.sum(gr.sqrt(-1 - x * x)).named("never")
half = gr.gate("half_of_it", forward=lambda x: x * x, local_gradient=lambda g, y, x: g * x)
wrong = gr.sum(half(x)).named("wrong")
program = gr.compile(loss, wrt=["W"], jit=False)
number = 3

def step():
    return gr.compile_step(loss, optimizer=gr.optim.Adam(), jit=False)

def needs(argument):
    return loss

def fails():
    return {}["no such key"]

def misfits():
    return h @ h
"""


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def graphc(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process."""

    def run(*words: str) -> Ran:
        capsys.readouterr()
        return Ran(main(words), *capsys.readouterr())

    return run


@pytest.fixture
def model(tmp_path: Path) -> Callable[[str], str]:
    """MODEL.py:NAME of a name in MODEL."""
    file = tmp_path / "model.py"
    file.write_text(MODEL, encoding="utf-8")
    return lambda name: f"{file}:{name}"


def check_refused(ran: Ran, *parts: str) -> None:
    """The command has said one sentence, perhaps with a hint, and nothing else."""
    sentence, *hint = ran.err.replace("the model is talking\n", "").splitlines()
    assert (ran.code, ran.out) == (2, "")
    assert sentence.startswith("graphc: [G")
    assert all(line.startswith("  hint: ") for line in hint)
    assert len(hint) <= 1
    for part in parts:
        assert part in ran.err


# train


def test_digits_are_learnt_and_the_last_two_lines_tell_accuracy_and_module(graphc: Command) -> None:
    ran = graphc("train", "digits")
    accuracy, module = ran.out.splitlines()[-2:]
    assert ran.code == 0
    assert float(accuracy.removeprefix("test accuracy ")) >= 0.97
    assert "def epoch" in Path(module.removeprefix("module ")).read_text(encoding="utf-8")
    assert "compiling" in ran.err
    assert "epoch 30/30" in ran.err


def test_a_file_trains_saves_and_reports_as_json(graphc: Command, tmp_path: Path) -> None:
    stored, kept = digits.load(), tmp_path / "out.npz"
    file = tmp_path / "digits.npz"  # of the digits' sizes, and so of the same compiled code
    np.savez(file, x=stored["images"][:900], y=stored["labels"][:900])
    ran = graphc("train", str(file), "--epochs", "2", "--save", str(kept), "--json")
    told = json.loads(ran.out)
    assert (told["layers"], told["params"], told["epochs"]) == ([64, 100, 10], 7510, 2)
    assert [row["epoch"] for row in told["history"]] == [1, 2]
    assert told["test accuracy"] == told["history"][-1]["val_accuracy"] > 0.5
    with np.load(kept) as archive:
        assert archive["W1"].shape == (64, 100)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--epochs", "0"), "'0' is not a whole number above 0"),
        (("--lr", "nan"), "'nan' is not a number above 0"),
        (("--hidden", "10,x"), "'10,x' is not a list of widths"),
        (("--optimizer", "newton"), "invalid choice: 'newton'"),
    ],
)
def test_a_number_that_makes_no_sense_is_a_usage_error(
    graphc: Command, words: tuple[str, str], said: str
) -> None:
    ran = graphc("train", "digits", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err.splitlines()[-1]


def test_a_file_without_data_is_refused_in_one_sentence(graphc: Command, tmp_path: Path) -> None:
    file = str(tmp_path / "none.npz")
    check_refused(graphc("train", file), f"{file}: there is no such file")
    Path(file).write_bytes(b"no archive")
    check_refused(graphc("train", file), "not an .npz file that can be read")


def test_rows_too_few_to_hold_some_out_are_refused(graphc: Command, tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", x=np.eye(2), y=[0, 1])
    check_refused(graphc("train", str(tmp_path / "two.npz")), "2 rows are too few")


def test_a_folder_that_is_missing_is_found_before_the_training(graphc: Command) -> None:
    ran = graphc("train", "digits", "--save", "no such folder/net.npz")
    check_refused(ran, "no such folder/net.npz: there is no such folder")


# dump


@pytest.mark.parametrize(
    ("what", "part"),
    [
        ("graph", "invden: f64 = 1 / den"),
        ("plan", "plan of staged"),
        ("source", "def forward_backward(x, y):"),
        ("llvm", "define"),
        ("asm", "forward_backward"),
    ],
)
def test_every_form_of_a_model_is_dumped(graphc: Command, what: str, part: str) -> None:
    ran = graphc("dump", STAGED, "--what", what)
    assert ran.code == 0
    assert part in ran.out


@pytest.mark.parametrize("name", ["loss", "net.loss", "program", "step", "step.program", "h"])
def test_a_stage_a_program_and_a_step_are_dumped(
    graphc: Command, model: Callable[[str], str], name: str
) -> None:
    ran = graphc("dump", model(name))
    assert (ran.code, ran.err) == (0, "the model is talking\n")
    assert ran.out.startswith('"""net: ')
    assert ("def step(" in ran.out) == name.startswith("step")
    assert ("d_W" in ran.out) == (name != "h")


def test_the_graph_after_a_pass_has_what_that_pass_added(graphc: Command) -> None:
    before = graphc("dump", STAGED, "--after", "take").out
    after = graphc("dump", STAGED, "--after", "differentiate").out
    assert "d_den" not in before
    assert "d_den" in after


def test_a_dump_goes_to_a_file(graphc: Command, tmp_path: Path) -> None:
    file = tmp_path / "staged.txt"
    assert graphc("dump", STAGED, "--what", "plan", "-o", str(file)) == (0, "", "")
    assert file.read_text(encoding="utf-8") == graphc("dump", STAGED, "--what", "plan").out


def test_a_dump_that_cannot_be_made_is_refused(graphc: Command) -> None:
    check_refused(graphc("dump", STAGED, "--after", "nap"), "no pass is named 'nap'", "settle")
    check_refused(graphc("dump", STAGED, "--after", "take", "--what", "plan"), "not the plan")
    check_refused(graphc("dump", STAGED, "-o", "no such folder/x"), "it cannot be written")


# check


@pytest.mark.parametrize("name", ["loss", "program", "step", "logs", "slices"])
def test_a_right_gradient_passes(graphc: Command, model: Callable[[str], str], name: str) -> None:
    ran = graphc("check", model(name))
    assert ran.code == 0
    assert "WRONG" not in ran.out


def test_a_wrong_gradient_is_exit_code_1(graphc: Command, model: Callable[[str], str]) -> None:
    assert graphc("check", model("wrong")).code == 1
    told = json.loads(graphc("check", model("wrong"), "--json").out)
    assert not told["ok"]
    assert told["sizes"] == {"batch": 4}
    assert [(row["name"], row["ok"]) for row in told["rows"]] == [("x", False)]


def test_a_gradient_that_cannot_be_checked_is_refused(
    graphc: Command, model: Callable[[str], str]
) -> None:
    check_refused(graphc("check", model("h")), "a gradient is defined for a scalar")
    check_refused(graphc("check", model("never")), "no random numbers give it a finite value")
    check_refused(graphc("check", model("net")), "has no outputs", "MODEL.py:NAME.wrong")


# A model's file


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("los", "nothing named 'los'\n  hint: did you mean 'loss'?"),
        ("zzz", "it has net, x, t, W"),
        ("number", "'number' in {file} is of type int, which is no model"),
        ("needs", "'needs' in {file} cannot be called without arguments"),
        ("fails", "model.py:25: KeyError: 'no such key'"),
        ("misfits", "matmul (model.py:28): h has shape (batch, 3) but h has shape"),
        ("net.z", "no stage is named 'z'"),
        ("program.z", "a Program has nothing named 'z'"),
        ("", "names no model"),
    ],
)
def test_a_name_that_is_no_model_is_refused(
    graphc: Command, model: Callable[[str], str], name: str, said: str
) -> None:
    where = model(name)
    check_refused(graphc("dump", where), said.format(file=where.rpartition(":")[0]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ny = (", "broken.py:2: SyntaxError: '(' was never closed"),
        ("x = 1\n\ny = z", "broken.py:3: NameError: name 'z' is not defined"),
        ("raise ValueError", "broken.py:1: ValueError"),
        ("import sys\nsys.exit('done')", "broken.py:2: SystemExit: done"),
        ("from beside import x", "beside.py:1: ZeroDivisionError: division by zero"),
        ("import json\njson.loads('{')", "broken.py:2: JSONDecodeError"),
        ("x\0", "null bytes"),
    ],
)
def test_a_broken_file_tells_its_own_error_and_line(
    graphc: Command, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "beside.py").write_text("x = 1 / 0", encoding="utf-8")
    file = tmp_path / "broken.py"
    file.write_text(text, encoding="utf-8")
    check_refused(graphc("check", f"{file}:x"), said)
    assert str(tmp_path) not in sys.path


def test_what_is_no_file_of_python_is_refused(graphc: Command, tmp_path: Path) -> None:
    check_refused(graphc("dump", f"{tmp_path}/none.py:x"), f"there is no file {tmp_path}/none.py")
    check_refused(graphc("dump", "model.onnx"), "'model.onnx' names no model", "MODEL.py:NAME")


# info, cache, usage


def test_info_tells_versions_processor_and_cache(graphc: Command) -> None:
    told = json.loads(graphc("info", "--json").out)
    assert told["numpy"] == np.__version__
    assert {"graphc", "numba", "cpu", "blas", "threads", "cache", "cache bytes"} <= set(told)
    assert told["cache"] in graphc("info").out


def test_the_cache_is_told_listed_and_cleared(
    graphc: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "cache"))
    assert graphc("cache", "dir").out == f"{tmp_path / 'cache'}\n"
    file = store.put_text("net_0123456789abcdef.py", "one = 1")
    (listed,) = json.loads(graphc("cache", "list", "--json").out)["files"]
    assert (listed["name"], listed["bytes"]) == (file.name, 7)
    assert json.loads(graphc("cache", "clear", "--json").out)["removed"] == 1
    assert graphc("cache", "list").out == f"0 files, 0 bytes in {file.parent}\n"


def test_usage_is_exit_code_2_and_help_is_0(graphc: Command) -> None:
    assert graphc().code == graphc("bogus").code == graphc("cache").code == 2
    assert "train" in graphc("--help").out
    assert graphc("--help").code == graphc("--version").code == 0


def test_a_reader_who_leaves_is_no_traceback_and_nothing_loads_the_compiler() -> None:
    code = (
        "import sys; from graphc.cli import main; code = main(['info']); "
        "sys.exit('numba' if 'numba' in sys.modules else code)"
    )
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, cwd=EXAMPLES.parent) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
