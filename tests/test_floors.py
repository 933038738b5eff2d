"""Imports only go down: the floors of graphc stand in a table, every module's imports are read."""

from __future__ import annotations

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "graphc"

# From the ground up. A module imports from lower floors and, on its own, from what is left of it.
# fmt: off
FLOORS = (
    ("errors", "types", "place", "init", "expr", "literal"),                         # F0
    ("node", "graph", "joint", "written", "show", "handbuilt", "said", "exchange", "define"),  # F1
    ("ops", "interpret"),                                                            # F2
    ("grad", "gate"),                                                                # F3
    ("rules",),                                                                      # F4
    ("plan",),                                                                       # F5
    ("kernel", "lower"),                                                             # F6
    ("emit",),                                                                       # F7
    ("runtime",),                                                                    # F8
    ("compile",),                                                                    # F9
    ("nn", "train", "io"),                                                           # F10
    ("draw", "cli"),                                                                 # F11
    ("__init__", "__main__"),
)
# fmt: on
HEIGHT = {name: height for height, name in enumerate(n for floor in FLOORS for n in floor)}

LAYOUT = {"LICENSE", "README.md", "examples", "graphc", "pyproject.toml", "tests", "tools"}


def dotted(path: Path) -> str:
    """The name under which a file of the package is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def part(module: str) -> str:
    """The part of the house that a module stands in: `ops` of `graphc.ops.arith`."""
    return [*module.split("."), "__init__"][1]


def imported(module: str) -> Iterator[tuple[str, int]]:
    """Every module of graphc that a module imports, also inside its functions, with the line."""
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        for name in targets(module, node):
            if name.split(".")[0] == "graphc":
                yield name, getattr(node, "lineno", 0)


def targets(module: str, node: ast.AST) -> list[str]:
    """The modules that one piece of syntax imports."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(names=names):
            base = origin(module, node)
            inner = [f"{base}.{alias.name}" for alias in names]
            return [name if name in FILES else base for name in inner]
        case ast.Call(
            func=ast.Name(id=name) | ast.Attribute(attr=name),
            args=[ast.Constant(value=str(to)), *_],
        ):
            return [to] if name in ("import_module", "__import__") else []
    return []


def origin(module: str, node: ast.ImportFrom) -> str:
    """The absolute name of what `from ... import` names."""
    if not node.level:
        return node.module or ""
    package = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *filter(None, [node.module])])


def edges() -> Iterator[tuple[str, str, int]]:
    """Every import within the package: who, whom, on which line."""
    return ((module, name, line) for module in FILES for name, line in imported(module))


def test_every_module_has_its_place_on_the_list_of_floors() -> None:
    for module in FILES:
        assert part(module) in HEIGHT, (
            f"{module} has no floor yet: give it one in FLOORS of tests/test_floors.py"
        )


def test_imports_only_go_down() -> None:
    upward = [
        f"{FILES[who].relative_to(ROOT)}:{line}: {part(who)} imports {whom}, which is above it"
        for who, whom, line in edges()
        if HEIGHT[part(who)] < HEIGHT[part(whom)]
    ]
    assert not upward, "\n".join(upward)


def test_no_circle_of_imports_stands_on_one_floor() -> None:
    graph = nx.DiGraph((who, whom) for who, whom, _ in edges() if who != whom and whom in FILES)
    circles = [sorted(group) for group in nx.strongly_connected_components(graph) if len(group) > 1]
    assert not circles, f"these modules import each other: {circles}"


def test_lazy_and_relative_imports_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ("from . import arith", "from ..compile import go", "import_module('graphc.cli')")
    text = "\n    ".join(["def lazy():", *lines])
    (tmp_path / "new.py").write_text(text, encoding="utf-8")
    monkeypatch.setitem(FILES, "graphc.ops.new", tmp_path / "new.py")
    found = list(imported("graphc.ops.new"))
    assert found == [("graphc.ops.arith", 2), ("graphc.compile", 3), ("graphc.cli", 4)]


def test_top_level_holds_what_was_agreed_and_nothing_else() -> None:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("this tree is not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tops = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {top for top in tops if not top.startswith(".")} <= LAYOUT
