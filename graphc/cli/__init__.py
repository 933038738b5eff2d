"""The command line: words go in, a report on stdout and an exit code come out.

The code is 0, or 1 where a check failed, or 2 for usage, a bad file or a bad model, about which one
sentence stands on stderr.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from graphc.cli import check, dump, info, train
from graphc.errors import GraphcError
from graphc.runtime.load import CompileFailure
from graphc.version import __version__

Fill = Callable[[argparse.ArgumentParser], None]
Run = Callable[[argparse.Namespace], int]

COMMANDS: dict[str, tuple[Fill, Run, str]] = {
    "train": (train.fill, train.run, "train a network on the embedded digits, or on FILE.npz"),
    "dump": (dump.fill, dump.run, "print a model's graph, plan, source, LLVM or assembly"),
    "check": (check.fill, check.run, "check a model's gradient against central differences"),
    "info": (info.fill, info.run, "versions, processor, products, cache"),
    "cache": (info.fill_cache, info.run_cache, "where compiled code is kept; list it, clear it"),
}

BROKEN_PIPE, INTERRUPTED = 128 + 13, 128 + 2  # what a shell says of SIGPIPE and of Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, of `sys.argv` unless told otherwise; its exit code."""
    try:
        options = parser().parse_args(arguments)
    except SystemExit as told:  # by argparse: what it cannot take, or --help
        return int(told.code or 0)
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except (GraphcError, CompileFailure) as error:
        print(f"graphc: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        _be_quiet()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """What takes the words of a command apart."""
    top = argparse.ArgumentParser(
        prog="graphc", description="Compile computational graphs, and read the code that runs."
    )
    top.add_argument("--version", action="version", version=f"graphc {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for name, (fill, run, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        fill(command)
        command.add_argument("--json", action="store_true", help="print one JSON object")
        command.set_defaults(run=run)
    return top


def _be_quiet() -> None:
    """Nobody reads stdout any more: what Python still holds for it goes nowhere, without a word."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


__all__ = ["main"]
