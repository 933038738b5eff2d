"""A model in; its graph, plan, emitted source, LLVM code or assembly out, as text."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from graphc.cli.model import Model, find, graph_of, program_of
from graphc.cli.tell import report, write
from graphc.errors import UsageError
from graphc.runtime.program import Program

WHAT: dict[str, Callable[[Program], str]] = {
    "plan": lambda program: str(program.plan),
    "source": Program.source,
    "llvm": Program.llvm,
    "asm": Program.asm,
}


def fill(parser: argparse.ArgumentParser) -> None:
    """The options of `graphc dump`."""
    parser.add_argument("model", metavar="MODEL.py:NAME", help="a stage, Graph, Program or Step")
    parser.add_argument("--what", choices=("graph", *WHAT), help="source unless told otherwise")
    parser.add_argument("--after", metavar="PASS", help="the graph as this pass has left it")
    parser.add_argument("-o", "--output", metavar="FILE", help="where it goes instead of stdout")


def run(options: argparse.Namespace) -> int:
    """Print it, or write it to a file."""
    what = options.what or ("graph" if options.after else "source")
    if options.after and what != "graph":
        raise UsageError(f"--after shows the graph, not the {what}")
    text = _text(find(options.model), what, options.after).rstrip("\n")
    if options.output:
        write(options.output, f"{text}\n")
    else:
        report(options, {"model": options.model, "what": what, "text": text}, text)
    return 0


def _text(found: Model, what: str, after: str | None) -> str:
    if what == "graph":
        return str(_graph_after(program_of(found), after) if after else graph_of(found))
    program = program_of(found)
    if what in ("llvm", "asm") and _jit_is_off():
        raise UsageError(f"there is no {what} while NUMBA_DISABLE_JIT is set")
    return WHAT[what](program)


def _graph_after(program: Program, after: str) -> object:
    if after not in program.after:
        passes = ", ".join(program.after)
        raise UsageError(f"no pass is named {after!r}", hint=f"there are {passes}")
    return program.after[after].graph


def _jit_is_off() -> bool:
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
