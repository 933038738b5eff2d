"""A Python function in, a Graph out: its arguments are inputs, its local names name the stages.

    @gr.graph
    def staged(x, y): ...

The function runs once, while the graph is built. Inside it, `param`, `input`, `state`, `constant`
and `scope` act on that graph.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import CodeType, FrameType
from typing import Any, overload

import numpy as np

from graphc.errors import GraphcError, UsageError
from graphc.graph import CURRENT, Graph, Node
from graphc.types import Type, dtype_name, parse_type

Function = Callable[..., Any]

SCALARS = (float, Node, Any, "float", "Node", "Any")
"""Annotations that leave the type to the graph."""


@overload
def graph(function: Function, /) -> Graph: ...
@overload
def graph(*, dtype: Any = ..., title: str | None = ...) -> Callable[[Function], Graph]: ...


def graph(
    function: Function | None = None, /, *, dtype: Any = "float64", title: str | None = None
) -> Any:
    """The graph that a function describes: `@gr.graph` above it, or `@gr.graph(dtype="float32")`.

    Each argument is an input: a scalar, or what its annotation or its default says as text,
    `X: "f32[batch,784]"`. An argument with any other default keeps that, a number as a constant.
    Stages without a name get that of the local variable that holds them in the end; results are
    `outputs`. Raises UsageError where results are not stages, or an argument has no fixed number.
    """
    if function is None:
        return lambda f: _built(f, dtype, title)
    return _built(function, dtype, title)


def _built(function: Function, dtype: Any, title: str | None) -> Graph:
    found = Graph(title or function.__name__, dtype=dtype)
    with building(found), locals_of(function) as held:
        results = function(**_arguments(found, function))
    name_locals(found, held)
    found.outputs.update(_outputs(found, results, function.__name__))
    return found


@contextmanager
def building(found: Graph) -> Iterator[None]:
    """What acts on the graph that is being built acts on this one meanwhile."""
    token = CURRENT.set(found)
    try:
        yield
    finally:
        CURRENT.reset(token)


# Arguments


def _arguments(found: Graph, function: Function) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name: _argument(found, function.__name__, p) for p in parameters}


def _argument(found: Graph, function: str, p: inspect.Parameter) -> Any:
    if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY):
        raise UsageError(
            f"the argument {str(p)!r} of {function} cannot be passed by its name",
            hint="write every input as an argument of its own",
        )
    said = _declared(function, p)
    if p.default is p.empty:
        return found.input(p.name, () if said is None else said)
    if isinstance(said, Type) and not isinstance(p.default, (str, Type)):
        return found.constant(p.default, said.dtype).named(p.name)
    kind = _as_type(p.default) if isinstance(p.default, (str, Type)) else None
    return p.default if kind is None else found.input(p.name, kind)


def _declared(function: str, p: inspect.Parameter) -> Type | None:
    """What the annotation says; None for a scalar of the graph's own element type."""
    said = p.annotation
    if isinstance(said, str):
        said = _unquoted(said).rpartition(".")[2]
    if said in SCALARS or said is p.empty:
        return None
    kind = _as_type(said)
    if kind is None:
        raise UsageError(
            f"the argument {p.name!r} of {function} is annotated {said!r}, which is not a type",
            hint='write it as "f32[batch,784]"',
        )
    return kind


def _unquoted(text: str) -> str:
    """The text of a string that `from __future__ import annotations` has quoted once more."""
    return str(ast.literal_eval(text)) if text[:1] in ("'", '"') else text


def _as_type(said: Any) -> Type | None:
    """A Type, its text, or an element type for a scalar; None for anything else."""
    if isinstance(said, Type):
        return said
    try:
        if isinstance(said, str):
            return parse_type(said)
        return Type(dtype_name(said)) if isinstance(said, (type, np.dtype)) else None
    except GraphcError:
        return None


# Local names


@contextmanager
def locals_of(function: Function) -> Iterator[dict[str, Any]]:
    """The local variables that the function ends with, filled as it returns; Note [Local names]."""
    held: dict[str, Any] = {}
    code = getattr(inspect.unwrap(function), "__code__", None)
    before = sys.getprofile()
    sys.setprofile(_hook(code, held))
    try:
        yield held
    finally:
        _restore(before)


def _restore(profiler: Any) -> None:
    """Give the hook back to who had it; cProfile's cannot be called and asks to be enabled."""
    if profiler is None or callable(profiler):
        sys.setprofile(profiler)
    else:
        profiler.enable()


def _hook(code: CodeType | None, held: dict[str, Any]) -> Callable[[FrameType, str, Any], None]:
    def hook(frame: FrameType, event: str, value: Any) -> None:
        if event == "return" and frame.f_code is code:
            held.clear()
            held.update(frame.f_locals)

    return hook


def name_locals(found: Graph, held: Mapping[str, Any]) -> None:
    """Names for unnamed stages; the name of an input stays the input's, if it was bound anew."""
    for name, value in held.items():
        ours = isinstance(value, Node) and value.graph is found and value.name is None
        if ours and name not in found and not name.startswith("_"):
            found.name(**{name: value})


# Results


def _outputs(found: Graph, results: Any, function: str) -> dict[str, Node]:
    if isinstance(results, Mapping):
        wanted = list(results.items())
    elif isinstance(results, (tuple, list)):
        wanted = [(f"out{i}", value) for i, value in enumerate(results)]
    else:
        wanted = [(function, results)]
    outputs: dict[str, Node] = {}
    for name, value in wanted:
        node = _result(found, value, function)
        outputs[_output_name(node, name, outputs, isinstance(results, Mapping))] = node
    return outputs


def _result(found: Graph, value: Any, function: str) -> Node:
    if not isinstance(value, Node):
        raise UsageError(
            f"{function} returned {type(value).__name__} where a stage is wanted",
            hint="return a stage, several in a tuple, or a dict of them",
        )
    return found.node(value)


def _output_name(node: Node, wanted: str, outputs: Mapping[str, Node], fixed: bool) -> str:
    """The name of an output: its key in a dict, else the stage's own; an unnamed stage takes it."""
    if node.name is None and wanted not in node.graph:
        node.named(wanted)
    name = wanted if fixed or node.name is None else node.name
    return name if name not in outputs else wanted


# What acts on the graph that is being built


def current(what: str) -> Graph:
    """The graph of the function that is being run; raises UsageError outside of one."""
    found = CURRENT.get()
    if found is None:
        raise UsageError(
            f"gr.{what} acts on the graph of a function under @gr.graph, and none is being built",
            hint=f'make a graph and write g.{what}(...): g = gr.Graph("net")',
        )
    return found


def input(name: str, shape: Any = (), dtype: Any = None) -> Node:
    """An input of the graph that is being built; see Graph.input."""
    return current("input").input(name, shape, dtype)


def param(name: str, shape: Any = (), dtype: Any = None, *, init: Any = None) -> Node:
    """A param of the graph that is being built; see Graph.param."""
    return current("param").param(name, shape, dtype, init=init)


def state(name: str, shape: Any = (), dtype: Any = None, *, init: Any = None) -> Node:
    """A state of the graph that is being built; see Graph.state."""
    return current("state").state(name, shape, dtype, init=init)


def constant(value: Any, dtype: Any = None) -> Node:
    """A constant of the graph that is being built; see Graph.constant."""
    return current("constant").constant(value, dtype)


def scope(name: str) -> AbstractContextManager[None]:
    """Names given inside begin with `name.`, in the graph that is being built; see Graph.scope."""
    return current("scope").scope(name)


# Note [Local names]. A function's locals can be read only while its frame lives. A profile hook
# sees the frame as it returns, costs nothing on the lines between, and leaves the trace function
# to debuggers. A function that calls itself returns last in its outermost call, whose locals are
# the ones that count. A loop that binds a name anew leaves its last value there.


def free_scope(graph: Graph, wanted: str, outer: str = "") -> str:
    """The first of `wanted`, `wanted2`, ... of which no name is, in the scope `outer`."""
    used = {n[len(outer) :].partition(".")[0] for n in graph.names if n.startswith(outer)}
    name, count = wanted, 1
    while name in used:
        count += 1
        name = f"{wanted}{count}"
    return name
