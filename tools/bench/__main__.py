"""The command line: `python -m tools.bench [options]` and `python -m tools.bench setup DIR`."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..venvs import interpreter
from .memory import NAME, WHAT, Memory, measured
from .peers import PACKAGES, PEERS, USUAL, cpus, keep_to_cpus
from .report import SUBJECTS, cell, memory_table, reasons, record, table, versions
from .run import Bench, Cells, Measurement, Settings
from .venvs import setup
from .workloads import WORKLOADS

ROWS = (*WORKLOADS, NAME)
QUICK = {"rounds": 1, "repeat": 1, "budget": 1.0}


def parser() -> argparse.ArgumentParser:
    """The options."""
    make = argparse.ArgumentParser(
        prog="python -m tools.bench",
        description="Measures graphc beside its peers, each in a process of its own, in turn.",
        epilog="python -m tools.bench setup DIR makes the peers' virtual environments.",
    )
    add, columns = make.add_argument, ", ".join(PEERS)
    add("--only", metavar="NAME,NAME", help=f"rows: {', '.join(ROWS)}")
    add("--contenders", "--peers", dest="peers", metavar="NAME,NAME", help=f"columns: {columns}")
    add("--rounds", type=int, default=3, metavar="N", help="turns of all; the best one counts")
    add("--repeat", type=int, default=3, metavar="N", help="samples in a turn; the best counts")
    add("--budget", type=float, default=10.0, metavar="SECONDS", help="a turn's time for samples")
    add("--timeout", type=float, default=120.0, metavar="SECONDS", help="give up a process")
    add("--quick", action="store_true", help="one round, one sample: does all of it work?")
    add("--threads", type=int, default=cpus(), metavar="N", help="CPUs and threads of each process")
    add("--peers-venv", metavar="PATH", help="the virtual environment of torch and jax")
    add(
        "--venv",
        action="append",
        default=[],
        metavar="PACKAGE=PATH/bin/python",
        help="the interpreter for one package; may be repeated",
    )
    add("--json", metavar="FILE", help="write everything measured to FILE, after every row")
    return make


def chosen(text: str | None, known: Sequence[str], usual: Sequence[str] = ()) -> list[str]:
    """The names in a comma-separated list, or the usual ones; raises ValueError for one that is
    not known.
    """
    names = [name.strip() for name in text.split(",")] if text else list(usual or known)
    for name in names:
        if name not in known:
            raise ValueError(f"there is no {name!r}; there are {', '.join(known)}")
    return names


def interpreters(peers_venv: str | None, named: Sequence[str]) -> dict[str, str]:
    """The interpreter of each package; raises ValueError for one that does not exist."""
    found = dict.fromkeys(PACKAGES, sys.executable)
    if peers_venv:
        of_venv = str(interpreter(Path(peers_venv).absolute()))
        found |= dict.fromkeys(("torch", "jax", "pytensor"), of_venv)
    for text in named:
        package, sign, path = text.partition("=")
        if not sign:
            raise ValueError(f"--venv wants PACKAGE=PATH/bin/python, not {text!r}")
        found[chosen(package, PACKAGES)[0]] = str(Path(path).absolute())
    for path in found.values():
        if not Path(path).exists():
            raise ValueError(f"there is no interpreter at {path}")
    return found


def tell(turn: str, measurement: Measurement) -> None:
    """Progress, apart from the table."""
    where = f"{measurement.workload} {measurement.peer}"
    print(f"{where}: {cell(measurement)} ({turn})", file=sys.stderr, flush=True)


def settings_of(given: argparse.Namespace) -> Settings:
    """How to measure; raises ValueError for a number below 1."""
    if given.quick:
        vars(given).update(QUICK)
    if min(given.rounds, given.repeat, given.threads) < 1:
        raise ValueError("--rounds, --repeat and --threads are at least 1")
    places = interpreters(given.peers_venv, given.venv)
    return Settings(places, given.rounds, given.repeat, given.budget, given.timeout, given.threads)


def bench(given: argparse.Namespace) -> int:
    """Measures, prints the tables, writes the JSON; 1 if a result was wrong or graphc failed."""
    rows, peers = chosen(given.only, ROWS), chosen(given.peers, list(PEERS), USUAL)
    settings = settings_of(given)
    keep_to_cpus(settings.threads)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        run = Bench(settings, Path(folder), tell)
        memory = measure(run, rows, peers, given.json)
    print("\n".join(printed(run.cells, memory, rows, peers, settings)))
    return int(any(is_bad(m) for m in run.cells.values()))


def measure(
    run: Bench, rows: Sequence[str], peers: Sequence[str], file: str | None
) -> list[Memory]:
    """Row by row, written down after each; an interrupt ends it, and what there is counts."""
    memory: list[Memory] = []
    with suppress(KeyboardInterrupt):
        for row in rows:
            if row != NAME:
                run.row(row, peers)
            elif set(peers) & set(SUBJECTS):
                memory = workspace(run)
            if file:
                found = record(run.cells, memory, run.settings.threads)
                Path(file).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return memory


def workspace(run: Bench) -> list[Memory]:
    """The memory of graphc's steps; none where they fail, which a cell then tells."""
    try:
        return measured(run.settings, run.folder / "kept")
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        run.cells[NAME, SUBJECTS[0]] = Measurement(NAME, SUBJECTS[0], "failed", why=str(error))
        return []


def is_bad(m: Measurement) -> bool:
    """Whether a cell is wrong, or graphc's and without a time; a peer may fail."""
    return m.status == "WRONG" or (m.peer in SUBJECTS and m.status in ("failed", "timeout"))


def printed(
    cells: Cells, memory: Sequence[Memory], rows: Sequence[str], peers: Sequence[str],
    settings: Settings,
) -> list[str]:  # fmt: skip
    """The tables, and under them why a time is absent, what was timed, which versions."""
    timed = [row for row in rows if row != NAME]
    lines = [table(timed, peers, cells), ""] if timed else []
    lines += [memory_table(memory), ""] if memory else []
    turns = f"best of {settings.rounds} rounds of {settings.repeat}"
    return [
        *lines,
        *(f"- {line}" for line in reasons(cells)),
        *(f"- {name}: {WORKLOADS[name].what if name != NAME else WHAT}" for name in rows),
        f"- ratio: graphc / best peer; {turns}; {settings.threads} threads",
        "- " + ", ".join(f"{peer} {v}" for peer, v in versions(cells).items()),
    ]


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, 1 (a library failed or was wrong), 2 (usage)."""
    try:
        if arguments[:1] == ["setup"]:
            if len(arguments) != 2:
                raise ValueError("setup wants one folder")
            print(shlex.join(setup(Path(arguments[1]).absolute())))
            return 0
        return bench(parser().parse_args(arguments))
    except (ValueError, subprocess.CalledProcessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
