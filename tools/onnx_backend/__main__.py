"""The command line: `python -m tools.onnx_backend [options]`."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..venvs import answer
from .report import GOALS, reasons, table

NEEDED = ("onnx==1.23.2",)
"""The version of ONNX whose cases are counted."""

WAYS = ("plain", "interpret", "jit")
WAY = "how graphs run: the emitted module as plain Python, NumPy stage by stage, or compiled"


def parser() -> argparse.ArgumentParser:
    """The options."""
    make = argparse.ArgumentParser(
        prog="python -m tools.onnx_backend",
        description="Runs ONNX's backend tests on graphc; prints one table.",
    )
    add = make.add_argument
    add("--venv", metavar="DIR", type=Path, help="run in this environment, made where it is not")
    add("--way", choices=WAYS, default="plain", help=WAY)
    add("--group", metavar="ROW", choices=GOALS, help="the cases of one row of the table")
    add("-k", metavar="REGEX", default="", help="the cases whose names match")
    add("--reasons", action="store_true", help="list what failed and was skipped, and why")
    add("--json", metavar="FILE", type=Path, help="write every outcome to FILE")
    return make


def tell(outcome: Any) -> None:
    """Progress, apart from the table."""
    if outcome.status == "failed":
        print(f"{outcome.case.name} failed", file=sys.stderr, flush=True)


def run_all(given: argparse.Namespace) -> int:
    """Runs the cases and prints the table; 1 where a whole run misses a goal."""
    from .backend import backend
    from .cases import cases
    from .run import run

    wanted = [c for c in cases(backend(given.way)) if re.search(given.k, c.name)]
    wanted = [c for c in wanted if given.group is None or given.group in c.groups]
    outcomes = run(wanted, tell)
    text, missed = table(outcomes)
    print(f"{reasons(outcomes)}\n\n{text}" if given.reasons else text)
    if given.json:
        rows = [(o.case.name, o.status, o.reason, o.seconds) for o in outcomes]
        given.json.write_text(json.dumps(rows, indent=1) + "\n")
    return int(missed and not (given.k or given.group))


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, 1 (a goal is missed), 2 (what it needs is missing)."""
    given = parser().parse_args(arguments)
    return answer("onnx_backend", given.venv, NEEDED, arguments, lambda: run_all(given))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
