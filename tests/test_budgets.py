"""Budgets that are code: length of files and functions, cost of an import, words no text holds."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("graphc", "tests", "examples", "tools")
BUDGET: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "tool"
]["graphc"]["budget"]
EXCEPTIONS = {row["path"]: row for row in BUDGET.get("exceptions", ())}


def sources() -> list[Path]:
    """Every Python file but the golden ones, whose length their model sets."""
    golden = ROOT / "tests" / "golden"
    files = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
    return [path for path in files if golden not in path.parents]


def length(path: Path) -> int:
    """The lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every function of a file with its lines, decorators left out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def allowed(path: Path, what: str) -> int:
    """The budget of a file, which an exception in pyproject.toml may widen."""
    row = EXCEPTIONS.get(path.relative_to(ROOT).as_posix(), {})
    return int(row.get(what, BUDGET[what]))


def tracked() -> Iterator[tuple[Path, str]]:
    """Every text file that git tracks."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("this tree is not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        content = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b"\0"
        if b"\0" not in content:
            yield ROOT / name, content.decode("utf-8")


def test_no_file_is_longer_than_its_budget() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {length(path)} lines, budget {allowed(path, 'file')}"
        for path in sources()
        if length(path) > allowed(path, "file")
    ]
    assert not long, "\n".join(long)


def test_no_function_is_longer_than_its_budget() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {name} has {lines} lines, budget {allowed(path, 'function')}"
        for path in sources()
        for name, lines in functions(path)
        if lines > allowed(path, "function")
    ]
    assert not long, "\n".join(long)


def test_every_exception_is_needed_and_says_why() -> None:
    for name, row in EXCEPTIONS.items():
        longest = max((lines for _, lines in functions(ROOT / name)), default=0)
        over = length(ROOT / name) > BUDGET["file"] or longest > BUDGET["function"]
        assert over, f"{name} needs no exception"
        assert row["reason"]


HEAVY = ("numba", "llvmlite", "torch", "graphc.rules", "graphc.plan.make", "graphc.lower",
"graphc.emit.module", "graphc.runtime.profile", "graphc.check")  # fmt: skip
"""What a process that runs what is compiled already does without: a second of its time."""


def test_importing_graphc_loads_no_compiler_and_nothing_of_its_own_one() -> None:
    code = f"import sys, graphc; print(*set({HEAVY}) & set(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == []


def test_no_text_holds_a_path_of_the_machine_it_was_written_on() -> None:
    here = {str(path) for path in (ROOT, Path.home()) if len(path.parts) > 1}
    machine = re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, sorted(here)))})(?![\w.-])")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path, text in tracked()
        for number, line in enumerate(text.splitlines(), 1)
        if machine.search(line)
    ]
    assert not found, f"paths of this machine stand in {', '.join(found)}"
