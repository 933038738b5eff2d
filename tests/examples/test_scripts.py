"""Every example runs as a script, prints its numbers, and learns where it trains."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_as_a_script(path, capsys):
    names = runpy.run_path(str(path), run_name="__main__")
    losses = names.get("losses", [1, 0])
    assert losses[-1] < losses[0] / 5
    printed = capsys.readouterr()
    assert printed.out
    assert not printed.err
