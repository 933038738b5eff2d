"""The command line: `python -m tools.opinfo [options]`."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from ..venvs import answer

NEEDED = ("torch==2.13.0", "expecttest")
"""PyTorch, with what its database of operators imports."""

GOAL = (160, 0.99)
"""Operators mapped, and the part of their applicable samples that passes."""


def parser() -> argparse.ArgumentParser:
    """The options."""
    make = argparse.ArgumentParser(
        prog="python -m tools.opinfo",
        description="Runs the samples of PyTorch's OpInfo database on graphc; prints one table.",
    )
    add = make.add_argument
    add("--venv", metavar="DIR", type=Path, help="run in this environment, made where it is not")
    add("--family", metavar="NAME", help="the operators of one row of the table")
    add("--op", metavar="PATTERN", help="the operators whose names match: 'nn.functional.*'")
    add("--way", choices=("plain", "interpret", "jit"), default="plain", help=WAY)
    add("--failures", action="store_true", help="list every sample that fails, and why")
    add("--unmapped", action="store_true", help="name the operators that are not mapped")
    add("--limit", type=int, default=600, metavar="SECONDS", help="for one operator (600)")
    add("--json", metavar="FILE", type=Path, help="write every outcome to FILE")
    return make


WAY = "how graphs run: the emitted module as plain Python, NumPy stage by stage, or compiled"


def run_all(given: argparse.Namespace) -> int:
    """Runs the operators and prints the table; 1 where a whole run misses the goal."""
    from . import report
    from .mapping import ROWS
    from .program import WAYS
    from .run import run
    from .samples import OPERATORS
    from .unmapped import why

    whole = not (given.op or given.family)
    outcomes = []
    for name, (family, row) in ROWS.items():
        if fnmatchcase(name, given.op or "*") and given.family in (None, family):
            outcomes.append(run(name, family, row, WAYS[given.way], given.limit))
            print(f"{name}: {outcomes[-1]}", file=sys.stderr, flush=True)
    unmapped = {name: why(name) for name in OPERATORS if whole and name not in ROWS}
    parts = [
        report.failures(outcomes) if given.failures else [],
        report.reasons(outcomes),
        report.absent(outcomes, unmapped, names=given.unmapped),
        [report.table(outcomes)],
    ]
    print("\n\n".join("\n".join(lines) for lines in parts if lines))
    if given.json:
        given.json.write_text(json.dumps(report.record(outcomes, unmapped), indent=1) + "\n")
    return int(whole and not report.reached(outcomes, *GOAL))


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, 1 (the goal is missed), 2 (what it needs is missing)."""
    given = parser().parse_args(arguments)
    warnings.simplefilter("ignore")
    return answer("opinfo", given.venv, NEEDED, arguments, lambda: run_all(given))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
