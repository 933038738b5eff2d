"""What every test shares: a cache of its own, golden files, and how hypothesis draws."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# What is emitted for one thread differs from what is for several; two are enough for a test.
os.environ.setdefault("GRAPHC_NUM_THREADS", "2")

GOLDEN = Path(__file__).parent / "golden"
READ = pytest.StashKey[set[str]]()
UNREAD = pytest.StashKey[list[str]]()
CACHE = pytest.StashKey[str]()

# Compilation makes any deadline a lottery. Under CI the draws are the same in every run.
hypothesis.settings.register_profile(
    "graphc",
    deadline=None,
    max_examples=25,
    derandomize="CI" in os.environ,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("graphc")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --update-golden."""
    text = "write the golden files that tests compare with, instead of comparing"
    parser.addoption("--update-golden", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a cache before any test imports graphc; workers share their controller's."""
    config.stash[READ] = set()
    if not hasattr(config, "workerinput"):
        kept = os.environ.get("GRAPHC_TEST_CACHE_DIR")
        config.stash[CACHE] = "" if kept else tempfile.mkdtemp(prefix="graphc-tests-")
        os.environ["GRAPHC_CACHE_DIR"] = kept or config.stash[CACHE]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the cache, unless it was asked for by GRAPHC_TEST_CACHE_DIR."""
    if folder := config.stash.get(CACHE, ""):
        shutil.rmtree(folder, ignore_errors=True)


class Update(str):
    """A golden file being written: whatever is compared with it becomes its content."""

    __slots__ = ("path",)
    path: Path

    def __eq__(self, text: object) -> bool:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(str(text), encoding="utf-8", newline="\n")
        return True

    __hash__ = str.__hash__


@pytest.fixture
def golden(pytestconfig: pytest.Config) -> Callable[[str], str]:
    """The golden file of a name, to be compared with: `assert source == golden("staged.py")`."""

    def read(name: str) -> str:
        path = GOLDEN / name
        pytestconfig.stash[READ].add(name)
        if pytestconfig.getoption("--update-golden"):
            update = Update(name)
            update.path = path
            return update
        if not path.exists():
            pytest.fail(f"tests/golden/{name} is missing: pytest --update-golden writes it")
        return path.read_text(encoding="utf-8")

    return read


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a whole and successful run that left a golden file unread: no test would miss it."""
    config = session.config
    read = config.stash[READ]
    if hasattr(config, "workerinput"):
        config.workeroutput["golden"] = sorted(read)  # type: ignore[attr-defined]
        return
    if exitstatus == pytest.ExitCode.OK and is_whole(config):
        files = (path for path in GOLDEN.rglob("*") if path.is_file())
        names = {path.relative_to(GOLDEN).as_posix() for path in files if path.suffix != ".pyc"}
        config.stash[UNREAD] = sorted(names - read)
        if config.stash[UNREAD]:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Collect what a worker of pytest-xdist read."""
    node.config.stash[READ].update(getattr(node, "workeroutput", {}).get("golden", ()))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say which golden files nothing read."""
    for name in config.stash.get(UNREAD, []):
        sentence = f"tests/golden/{name} is read by no test: delete it, or compare with it"
        terminalreporter.write_line(sentence, red=True)


def is_whole(config: pytest.Config) -> bool:
    """Whether the command asked for all the tests there are."""
    option = config.option
    partial = ("keyword", "markexpr", "deselect", "lf", "collectonly", "ignore", "ignore_glob")
    whole = config.args_source is not pytest.Config.ArgsSource.ARGS
    return whole and not any(getattr(option, name, None) for name in partial)
