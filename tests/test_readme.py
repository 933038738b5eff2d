"""The README's code runs, and the emitted code that it shows is what is emitted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^>]*?) -->\n)?```python\n(?P<code>.*?)```", re.DOTALL)
BLOCKS = [(m["mark"] or "", m["code"]) for m in BLOCK.finditer(README)]


@pytest.fixture(scope="module")
def namespace(tmp_path_factory):
    """The README's program, run from top to bottom in a folder of its own."""
    scope: dict = {"__name__": "readme"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("readme"))
        for mark, code in BLOCKS:
            if not mark:
                exec(compile(code, "README.md", "exec"), scope)
    return scope


def test_every_python_block_runs(namespace):
    assert namespace["value"] == 1.5456448841066441
    assert namespace["accuracy"] > 0.9


def test_the_emitted_function_is_shown_as_it_is(namespace):
    (shown,) = [code for mark, code in BLOCKS if mark == "emitted"]
    assert shown == namespace["prog"].source("forward_backward")


def test_the_line_that_computes_d_w1_is_where_the_readme_says(namespace):
    (shown,) = [code for mark, code in BLOCKS if mark.startswith("line")]
    lines = namespace["step"].source("step").splitlines()
    (found,) = [i for i, line in enumerate(lines) if "d_W1" in line and "#" in line]
    below = "\n".join(line.strip() for line in lines[found : found + 3])
    assert "\n".join(line.strip() for line in shown.strip().splitlines()) in below


def test_it_starts_with_the_two_commands():
    commands = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)[:2]
    assert all(c.count("\n") == 1 and c.startswith("python3 -m venv .venv") for c in commands)
    assert commands[0].strip().endswith("graphc train digits")
