"""Files of a step: everything comes back bit for bit, or nothing changes."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from train_nets import DATA, net

import graphc as gr
from graphc.errors import DataError
from graphc.train.optim import SGD, Adam, Optimizer
from graphc.train.step import Step, compile_step


def step_of(seed: int = 0, optimizer: Optimizer | None = None) -> Step:
    optimizer = optimizer or Adam(0.05)
    return compile_step(net()["loss"], optimizer=optimizer, seed=seed, jit=False)


@pytest.fixture
def step() -> Step:
    return step_of()


@pytest.fixture
def file(tmp_path: Path, step: Step) -> Path:
    step.epoch(DATA, 4, shuffle=True)
    step.save(tmp_path / "net.npz")
    return tmp_path / "net.npz"


def test_training_goes_on_bit_for_bit(file: Path, step: Step) -> None:
    other = step_of(seed=9)
    other.load(file)
    assert other.steps == 3
    losses = [[s.epoch(DATA, 4, shuffle=True) for _ in range(3)] for s in (step, other)]
    assert losses[0] == losses[1]
    assert bytes(step.params.bytes) == bytes(other.params.bytes)


def test_numbers_of_the_optimiser_are_saved(file: Path, step: Step) -> None:
    step.lr = 0.25
    step.save(file)
    other = step_of()
    other.load(file)
    assert other.lr == 0.25


def test_the_file_is_an_npz_with_arrays_by_name(file: Path, step: Step) -> None:
    with np.load(file, allow_pickle=False) as archive:
        assert set(archive.files) == {"%graphc", *step.params}
        np.testing.assert_array_equal(archive["W1"], step.params["W1"])
        head = json.loads(archive["%graphc"].tobytes())
    assert head["format"] == 1


def test_any_name_can_be_saved(tmp_path: Path) -> None:
    names = ["file", "W.npy", "W", "../up", "a/b", "%graphc", "%0041", "é\n", "nul\0", "\ud800"]
    g = gr.Graph()
    loss = gr.sum(gr.stack([g.param(name, (), init=float(i)) for i, name in enumerate(names)]))
    step = compile_step(loss, optimizer=SGD(), jit=False)
    step.save(tmp_path / "net.npz")
    before = step.params.bytes.copy()
    step()
    step.load(tmp_path / "net.npz")
    assert np.array_equal(step.params.bytes, before)


def refused(step: Step, file: Path, sentence: str) -> None:
    """The file is refused in one sentence, and nothing has changed."""
    before = bytes(step.params.bytes), step._random.bit_generator.state
    with pytest.raises(DataError, match=re.escape(sentence)) as error:
        step.load(file)
    assert os.fspath(file) in str(error.value)
    assert (bytes(step.params.bytes), step._random.bit_generator.state) == before


def test_all_that_does_not_fit_is_told_at_once(file: Path) -> None:
    g = gr.Graph()
    W1, b1 = g.param("W1", (4, 6)), g.param("b1", (5,), "float32")
    b2 = g.param("b2", (3,))
    loss = gr.sum(W1) + gr.sum(b1) + gr.sum(b2)
    step = compile_step(loss, optimizer=SGD(), jit=False)
    refused(
        step, file,
        "it lacks 'b2'; it holds 'W2', 'optimizer.W1.m', 'optimizer.W1.v', 'optimizer.W2.m', "
        "'optimizer.W2.v', 'optimizer.b1', 'optimizer.b1.m', 'optimizer.b1.v', 2 more, "
        "which the step does not have; 'W1' is float64[4, 5] there and float64[4, 6] here, "
        "'b1' is float64[5] there and float32[5] here",
    )  # fmt: skip


def test_a_missing_file_is_told(step: Step, tmp_path: Path) -> None:
    refused(step, tmp_path / "none.npz", "there is no such file")


UNREADABLE = "this is not a whole file that step.save wrote"


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_told(step: Step, file: Path, part: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(part * len(content))])
    refused(step, file, UNREADABLE)


def test_a_flipped_bit_in_any_value_is_noticed(step: Step, file: Path) -> None:
    content = bytearray(file.read_bytes())
    at = bytes(content).index(step.params["W2"].tobytes())
    content[at] ^= 1
    file.write_bytes(content)
    refused(step, file, UNREADABLE)


def test_another_npz_is_told(step: Step, file: Path) -> None:
    np.savez(file, W1=np.ones((4, 5)))
    refused(step, file, "this is an .npz file, but not one that step.save wrote")
    np.save(file.with_suffix(".npy"), np.ones(3))
    refused(step, file.with_suffix(".npy"), UNREADABLE)


def rewritten(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """The same file with another head."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with np.load(file) as archive:
        head = json.loads(archive["%graphc"].tobytes())
    change(head)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            if name != "%graphc.npy":
                archive.writestr(name, content)
        with archive.open("%graphc.npy", "w") as member:
            np.lib.format.write_array(member, np.frombuffer(json.dumps(head).encode(), np.uint8))


def test_a_later_format_is_told(step: Step, file: Path) -> None:
    rewritten(file, lambda head: head.update(format=2))
    refused(step, file, "its format is 2, this graphc reads 1")


@pytest.mark.parametrize("state", [None, "PCG64", {"bit_generator": "MT19937"}, {}, -1])
def test_a_generator_that_is_none_is_told(step: Step, file: Path, state: Any) -> None:
    rewritten(file, lambda head: head.update(generator=state))
    refused(step, file, UNREADABLE)


def test_objects_are_not_unpickled(step: Step, file: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("it was unpickled",))

    with zipfile.ZipFile(file, "w") as archive, archive.open("%graphc.npy", "w") as member:
        np.lib.format.write_array(member, np.array([Bomb()], dtype=object), allow_pickle=True)
    refused(step, file, UNREADABLE)


def test_a_file_is_replaced_as_a_whole_or_not_at_all(
    step: Step, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="it cannot be written: No space left on device"):
        step.save(file)
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == ["net.npz"]


def test_a_folder_that_is_not_there_is_told(step: Step, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it cannot be written: No such file or directory"):
        step.save(tmp_path / "none" / "net.npz")
