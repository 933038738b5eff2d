"""One compiled step for all tests of training, as it was in the beginning for each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from train_nets import DATA, net

from graphc.train.optim import SGD
from graphc.train.step import Step, compile_step


@pytest.fixture(scope="session")
def compiled() -> Step:
    """One step for all tests; batches have up to 4 rows."""
    return compile_step(net()["loss"], optimizer=SGD(lr=0.5), seed=3)


@pytest.fixture(scope="session")
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
