"""The command line: `python -m tools.gradbench [options]`."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..venvs import answer

if TYPE_CHECKING:
    from .problem import Arrays, Problem
    from .run import Outcome

NEEDED = ("torch==2.13.0",)
"""PyTorch."""

WAY = "how graphs run: compiled, the emitted module as plain Python, or NumPy stage by stage"


def parser() -> argparse.ArgumentParser:
    """The options."""
    make = argparse.ArgumentParser(
        prog="python -m tools.gradbench",
        description="Compares graphc with PyTorch on gradbench's problems; prints one table.",
    )
    add = make.add_argument
    add("--venv", metavar="DIR", type=Path, help="run in this environment, made where it is not")
    add("--only", metavar="NAME,NAME", help="these problems: 'lse,ht simple'")
    add("--small", action="store_true", help="at the sizes of the tests")
    add("--data", metavar="DIR", type=Path, help="ADBench's folder of data, where it has some")
    add("--way", choices=("jit", "plain", "interpret"), default="jit", help=WAY)
    add("--seed", type=int, default=31337, metavar="N", help="of the inputs that are drawn (31337)")
    add("--budget", type=float, default=2.0, metavar="SECONDS", help=f"{BUDGET} (2); 0: none")
    add("--json", metavar="FILE", type=Path, help="write everything to FILE")
    return make


BUDGET = "for the times of one program, on either side"


def inputs(problem: Problem, given: argparse.Namespace) -> tuple[str, Arrays]:
    """What a problem is called by its size, and its arrays."""
    if given.data and problem.read:
        path = given.data / problem.file
        return path.stem, problem.read(path)
    size = " ".join(f"{name}={value:g}" for name, value in problem.sizes(given.small).items())
    return size, problem.arrays(given.seed, given.small)


def outcomes(problems: dict[str, Problem], given: argparse.Namespace) -> Iterator[Outcome]:
    """Every program of the problems, each told as it ends."""
    from .run import run
    from .with_torch import REFERENCES

    for name, problem in problems.items():
        size, arrays = inputs(problem, given)
        for found in run(name, problem, size, arrays, REFERENCES[name], given.way, given.budget):
            line = f"{name} {found.what}: {found.why or f'{found.difference:.1e}'}"
            print(line, file=sys.stderr, flush=True)
            yield found


def run_all(given: argparse.Namespace) -> int:
    """Compares and prints the table; 1 where a difference is too large, 2 for an unknown name."""
    from .problems import PROBLEMS
    from .report import table

    names = given.only.split(",") if given.only else list(PROBLEMS)
    if unknown := [n for n in names if n not in PROBLEMS]:
        told = f"there is no problem {unknown[0]!r}; those are {', '.join(PROBLEMS)}"
        print(f"gradbench: {told}", file=sys.stderr)
        return 2
    found = list(outcomes({n: PROBLEMS[n] for n in names}, given))
    print(table(found))
    if given.json:
        rows = [o.record() for o in found]
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return int(not all(o.passed for o in found))


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, 1 (a difference is too large), 2 (what it needs is missing)."""
    given = parser().parse_args(arguments)
    warnings.simplefilter("ignore")
    return answer("gradbench", given.venv, NEEDED, arguments, lambda: run_all(given))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
