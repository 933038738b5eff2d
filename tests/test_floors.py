"""Imports only go down: the floors of graphc stand in a table, every module's imports are read."""

from __future__ import annotations

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "graphc"

# From the ground up. A module imports from lower floors and, on its own, from what is left of it;
# what is imported for annotations alone, and so never runs, may stand anywhere on its own floor.
# fmt: off
FLOORS = (
    ("version", "errors", "types", "place", "collector", "init", "expr", "literal"),  # F0
    ("node", "graph", "contents", "joint", "written", "show", "exchange", "define",   # F1
     "draft"),
    ("ops", "linalg", "interpret"),                                                   # F2
    ("grad", "transforms", "gates", "flow", "random"),                                # F3
    ("tracing", "check", "rules"),                                                      # F4
    ("plan",),                                                                        # F5
    ("kernel", "lower"),                                                              # F6
    ("emit",),                                                                        # F7
    ("runtime",),                                                                     # F8
    ("order", "made", "recipe", "compile"),                                           # F9
    ("nn", "train", "io"),                                                            # F10
    ("draw", "cli"),                                                                  # F11
    ("__init__", "__main__"),
)
# fmt: on
FLOOR = {name: number for number, floor in enumerate(FLOORS) for name in floor}
HEIGHT = {name: height for height, name in enumerate(FLOOR)}

LAYOUT = {"LICENSE", "README.md", "examples", "graphc", "pyproject.toml", "tests", "tools"}


def dotted(path: Path) -> str:
    """The name under which a file of the package is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def part(module: str) -> str:
    """The part of the house that a module stands in: `ops` of `graphc.ops.axes`."""
    return [*module.split("."), "__init__"][1]


class Import(NamedTuple):
    """One import within the package."""

    who: str
    whom: str
    line: int
    runs: bool  # false under `if TYPE_CHECKING:`

    def is_upward(self) -> bool:
        """Whether it points up the house."""
        who, whom = part(self.who), part(self.whom)
        return HEIGHT[who] < HEIGHT[whom] if self.runs else FLOOR[who] < FLOOR[whom]

    def __str__(self) -> str:
        place = f"{FILES[self.who].relative_to(ROOT)}:{self.line}"
        return f"{place}: {part(self.who)} imports {self.whom}, which is above it"


def imported(module: str) -> Iterator[Import]:
    """Every module of graphc that a module imports, also inside its functions."""
    nodes = list(ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))))
    guards = [n for n in nodes if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)]
    typed = {inner for guard in guards for line in guard.body for inner in ast.walk(line)}
    for node in nodes:
        for name in targets(module, node):
            if name.split(".")[0] == "graphc":
                yield Import(module, name, getattr(node, "lineno", 0), node not in typed)


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


def edges() -> Iterator[Import]:
    """Every import within the package."""
    return (found for module in FILES for found in imported(module))


def test_every_module_has_its_place_on_the_list_of_floors() -> None:
    for module in FILES:
        assert part(module) in HEIGHT, (
            f"{module} has no floor yet: give it one in FLOORS of tests/test_floors.py"
        )


def test_imports_only_go_down() -> None:
    upward = [str(found) for found in edges() if found.is_upward()]
    assert not upward, "\n".join(upward)


def test_no_circle_of_imports_stands_on_one_floor() -> None:
    graph = nx.DiGraph((found.who, found.whom) for found in edges() if found.runs)
    circles = [sorted(group) for group in nx.strongly_connected_components(graph) if len(group) > 1]
    assert not circles, f"these modules import each other: {circles}"


def test_lazy_and_relative_imports_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        "from .axes import stage",
        "from ..grad import backward",
        "import_module('graphc.cli')",
    )
    text = "\n    ".join(["def lazy():", *lines])
    (tmp_path / "new.py").write_text(text, encoding="utf-8")
    monkeypatch.setitem(FILES, "graphc.ops.new", tmp_path / "new.py")
    found = list(imported("graphc.ops.new"))
    assert [(f.whom, f.line) for f in found] == [
        ("graphc.ops.axes", 2),
        ("graphc.grad", 3),
        ("graphc.cli", 4),
    ]
    assert [f.is_upward() for f in found] == [False, True, True]


def test_annotations_may_name_their_own_floor_but_none_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "if TYPE_CHECKING:\n    from graphc.show import text\n    from graphc.grad import grad"
    (tmp_path / "node.py").write_text(text, encoding="utf-8")
    monkeypatch.setitem(FILES, "graphc.node", tmp_path / "node.py")
    assert [f.is_upward() for f in imported("graphc.node")] == [False, True]


def test_top_level_holds_what_was_agreed_and_nothing_else() -> None:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("this tree is not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tops = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {top for top in tops if not top.startswith(".")} <= LAYOUT
