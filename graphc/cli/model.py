"""MODEL.py:NAME in, what NAME is in that file out: a stage, a graph, a program or a step.

The file is run as a module that is not `__main__`, and what it prints goes to stderr. Whatever
fails in it is told in one sentence, with the file and line where it did.
"""

from __future__ import annotations

import inspect
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from difflib import get_close_matches
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from graphc.compile import compile as compile_program
from graphc.errors import DataError, GraphcError, UsageError
from graphc.graph import INPUT, PARAM, Graph, Node
from graphc.runtime.program import Program
from graphc.train.step import Step

Model = Node | Graph | Program | Step

MODULE = "graphc_model"
"""The `__name__` of a model's file."""

_LIBRARIES = ("stdlib", "platstdlib", "purelib", "platlib")
_NOT_THE_USERS = (
    "<",
    str(Path(__file__).resolve().parents[1]) + os.sep,
    *(path + os.sep for path in map(sysconfig.get_path, _LIBRARIES)),
)
_HINT = "MODEL.py:NAME, where NAME is a stage, Graph, Program or Step, or a function that makes one"


# Finding it


def find(where: str) -> Model:
    """What MODEL.py:NAME is; NAME may go on with a dot: `net.loss` is a stage of the graph `net`.

    A function is called, without arguments. Raises UsageError or DataError, or what the file raised
    if that is graphc's own.
    """
    file, _, name = where.rpartition(":")
    if not file.endswith(".py") or not name:
        raise UsageError(f"{where!r} names no model", hint=f"write {_HINT}")
    if not Path(file).is_file():
        raise UsageError(f"there is no file {file}")
    with _at_home(file):
        return _found(file, _run(file), name)


def _found(file: str, scope: dict[str, Any], name: str) -> Model:
    head, _, rest = name.partition(".")
    if head not in scope:
        raise UsageError(f"{file} has nothing named {head!r}", hint=_names(file, scope, head))
    found = _made(file, head, scope[head])
    if not rest:
        return found
    return found[rest] if isinstance(found, Graph) else _made(file, name, _inside(found, rest))


def _inside(found: Model, name: str) -> Any:
    try:
        return attrgetter(name)(found)
    except AttributeError:
        raise UsageError(f"a {type(found).__name__} has nothing named {name!r}") from None


def _made(file: str, name: str, value: Any) -> Model:
    """The model that a value is, or that it makes when it is called."""
    if callable(value) and not isinstance(value, Model):
        value = _called(file, name, value)
    if not isinstance(value, Model):
        kind = type(value).__name__
        raise UsageError(f"{name!r} in {file} is of type {kind}, which is no model", hint=_HINT)
    return value


def _called(file: str, name: str, function: Callable[..., Any]) -> Any:
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        sentence = f"{name!r} in {file} cannot be called without arguments"
        raise UsageError(sentence, hint="name a function that needs none") from None
    with _told(file):
        return function()


def _names(file: str, scope: dict[str, Any], wanted: str = "") -> str:
    """A hint at what the file has."""
    names = [n for n, value in scope.items() if isinstance(value, Model)]
    close = get_close_matches(wanted, list(scope), 1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"write {file}:{names[0]}; it has {', '.join(names[:8])}" if names else _HINT


# Running the file


@contextmanager
def _at_home(file: str) -> Iterator[None]:
    """Inside, the file may import its neighbours, and what it prints goes to stderr."""
    folder = str(Path(file).resolve().parent)
    sys.path.insert(0, folder)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.path.remove(folder)


def _run(file: str) -> dict[str, Any]:
    """The names of the file after it has run."""
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise DataError(f"it cannot be read: {error.strerror}", subject=file) from error
    module = sys.modules[MODULE] = ModuleType(MODULE)
    module.__file__ = file
    with _told(file):
        exec(compile(content, file, "exec", dont_inherit=True), vars(module))
    return vars(module)


@contextmanager
def _told(file: str) -> Iterator[None]:
    """What fails inside is the user's own, and told with the line where it failed."""
    try:
        yield
    except GraphcError as error:
        place = _place(error, file)
        raise error if place in str(error) else _placed(error, place) from None
    except (Exception, SystemExit) as error:
        said = str(error).strip().partition("\n")[0]
        if isinstance(error, SyntaxError):
            said = error.msg
        sentence = f"{type(error).__name__}: {said}" if said else type(error).__name__
        raise UsageError(sentence, subject=_place(error, file)) from None


def _placed(error: GraphcError, place: str) -> GraphcError:
    """The same error, told with a place."""
    subject = f"{place}: {error.subject}" if error.subject else place
    return type(error)(error.sentence, subject=subject, hint=error.hint, code=error.code)


def _place(error: BaseException, file: str) -> str:
    """The last line of the user's that ran."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{os.path.basename(error.filename)}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not f.filename.startswith(_NOT_THE_USERS)]
    return f"{os.path.basename(own[-1].filename)}:{own[-1].lineno}" if own else file


# What is compiled of it


def program_of(found: Model) -> Program:
    """A program of a model: of a stage or a graph both sweeps, where there is a gradient.

    That is of a floating scalar, with respect to the params it reads, or else to its inputs.
    """
    if isinstance(found, Step):
        return found.program
    if isinstance(found, Program):
        return found
    first = loss_of(found)
    wrt = targets(first) if first.type.is_float and not first.shape else []
    return compile_program(found, wrt=wrt, disconnected="zero")


def graph_of(found: Model) -> Graph:
    """The graph of a model as its user wrote it; of a program what it computes of that."""
    if isinstance(found, Graph):
        return found
    if isinstance(found, Node):
        return found.graph
    return found.loss.graph if isinstance(found, Step) else found.after["take"].graph


def loss_of(found: Node | Graph) -> Node:
    """The stage whose gradient is meant: itself, or the first output of a graph."""
    if isinstance(found, Node):
        return found
    if not found.outputs:
        stage = ["STAGE", *found.names][-1]
        sentence = f"the graph {found.title!r} has no outputs"
        raise UsageError(sentence, hint=f"name a stage of it: MODEL.py:NAME.{stage}")
    return next(iter(found.outputs.values()))


def targets(loss: Node) -> list[Node]:
    """The floating params that a stage reads, or the inputs where there are none."""
    leaves = [n for n in loss.graph.order(loss) if n.op in (PARAM, INPUT) and n.type.is_float]
    return [n for n in leaves if n.op is PARAM] or leaves
