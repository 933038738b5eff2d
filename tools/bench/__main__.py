"""The command line: `python -m tools.bench [options]` and `python -m tools.bench setup DIR`."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .peers import PACKAGES, PEERS, cpus, keep_to_cpus
from .report import cell, reasons, record, table, versions
from .run import Measurement, Settings, run_all
from .venvs import interpreter, setup
from .workloads import WORKLOADS


def parser() -> argparse.ArgumentParser:
    """The options."""
    make = argparse.ArgumentParser(
        prog="python -m tools.bench",
        description="Measures graphc beside its peers, each in a process of its own, in turn.",
        epilog="python -m tools.bench setup DIR makes the peers' virtual environments.",
    )
    add = make.add_argument
    add("--only", metavar="NAME,NAME", help=f"workloads: {', '.join(WORKLOADS)}")
    add("--peers", metavar="NAME,NAME", help=f"columns: {', '.join(PEERS)}")
    add("--repeat", type=int, default=5, metavar="N", help="times a workload; the best counts")
    add("--budget", type=float, default=30.0, metavar="SECONDS", help="stop repeating after this")
    add("--timeout", type=float, default=600.0, metavar="SECONDS", help="give up a process")
    add("--threads", type=int, default=cpus(), metavar="N", help="CPUs and threads of each process")
    add("--peers-venv", metavar="PATH", help="the virtual environment of torch, jax and pytensor")
    add(
        "--venv",
        action="append",
        default=[],
        metavar="PACKAGE=PATH/bin/python",
        help="the interpreter for one package; may be repeated",
    )
    add("--json", metavar="FILE", help="write everything measured to FILE")
    return make


def chosen(text: str | None, known: Sequence[str]) -> list[str]:
    """The names in a comma-separated list, or all; raises ValueError for one that is not known."""
    names = [name.strip() for name in text.split(",")] if text else list(known)
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


def tell(measurement: Measurement) -> None:
    """Progress, apart from the table."""
    print(f"{measurement.workload} {measurement.peer}: {cell(measurement)}", file=sys.stderr)


def bench(given: argparse.Namespace) -> int:
    """Measures, prints the table, writes the JSON; 1 if a result was wrong or a library failed."""
    workloads, peers = chosen(given.only, list(WORKLOADS)), chosen(given.peers, list(PEERS))
    if given.repeat < 1 or given.threads < 1:
        raise ValueError("--repeat and --threads are at least 1")
    settings = Settings(
        interpreters(given.peers_venv, given.venv),
        given.repeat,
        given.budget,
        given.timeout,
        given.threads,
    )
    keep_to_cpus(given.threads)
    found = run_all(workloads, peers, settings, tell)
    print("\n".join([table(workloads, peers, found), "", *notes(workloads, found, settings)]))
    if given.json:
        Path(given.json).write_text(json.dumps(record(found, given.threads), indent=1) + "\n")
    return int(any(m.status in ("WRONG", "failed", "timeout") for m in found))


def notes(workloads: Sequence[str], found: Sequence[Measurement], settings: Settings) -> list[str]:
    """What stands under the table: why a time is absent, what was timed, which versions."""
    with_versions = ", ".join(f"{peer} {v}" for peer, v in versions(found).items())
    return [
        *reasons(found),
        *(f"{name}: {WORKLOADS[name].what}" for name in workloads),
        f"ratio: graphc / best peer; best of {settings.repeat}; {settings.threads} threads",
        with_versions,
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
