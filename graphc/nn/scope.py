"""Where the params of a layer are kept: a graph and a name in, a scope of that name out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from graphc.define import free_scope
from graphc.errors import DTypeError, GraphcError, ShapeError, UsageError
from graphc.graph import Graph, Node
from graphc.ops.axes import stage
from graphc.place import caller
from graphc.types import Dim, Size, shape_text

P = ParamSpec("P")
R = TypeVar("R")


def adding(function: Callable[P, R]) -> Callable[P, R]:
    """A function that adds a layer; errors that it raises itself say whose and where."""

    @wraps(function)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except GraphcError as error:
            raise error.about(f"nn.{function.__name__} ({caller()})") from None

    return told


@contextmanager
def layer(graph: Graph, name: str | None, otherwise: str) -> Iterator[str]:
    """Names given inside begin with `name.`, or with the first of `otherwise`, `otherwise2`, ...
    that is free.
    """
    if name is not None and not isinstance(name, str):
        raise UsageError(f"the name of a layer is text, not {type(name).__name__}")
    chosen = free_scope(graph, otherwise, graph._scoped("")) if name is None else name
    with graph.scope(chosen):
        yield chosen


def width(x: Any, axis: int = -1, what: str = "width") -> int:
    """A size of `x` that params depend on; raises ShapeError where it is no number."""
    if stage(x).ndim < (axis + 1 if axis >= 0 else -axis):
        raise ShapeError(f"there is no axis {axis} in shape {shape_text(x.shape)}", code="G103")
    found: Dim = x.shape[axis]
    if isinstance(found, Size):
        raise ShapeError(f"the {what} is {found}, and params need a number", hint="declare it so")
    return found


def floats(x: Any) -> Node:
    """What a layer is applied to; raises DTypeError for integers, of whose type params would be."""
    if not (found := stage(x)).type.is_float:
        raise DTypeError(f"a layer takes floats, not {found.type}", hint="gr.astype(x, 'float32')")
    return found


def activated(y: Node, activation: Any) -> Node:
    """The activation of a stage, None for none; raises UsageError for what is no function."""
    if activation is None:
        return y
    if not callable(activation):
        raise UsageError(
            f"an activation is a function of a stage, not {activation!r}", hint="gr.relu"
        )
    found: Node = activation(y)
    return found


def check_number(what: str, number: Any) -> None:
    """Raise UsageError for what is no whole number from 1 up."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise UsageError(f"{what} is {number!r}, and has to be a whole number from 1 up")


def split(x: Node, parts: int) -> tuple[Node, ...]:
    """The last axis in so many parts of one size."""
    size = width(x) // parts
    return tuple(x[..., k * size : (k + 1) * size] for k in range(parts))
