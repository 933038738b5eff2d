"""A Python function to a graph of its own that another graph runs: the step of a loop, a branch.

What the function reads of the graph around it becomes an input of its graph, and an argument of the
stage that runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from inspect import getclosurevars, signature, unwrap
from types import FunctionType
from typing import Any

import numpy as np

from graphc.define import CURRENT, building, locals_of, name_locals
from graphc.errors import DTypeError, GraphError, ShapeError, UsageError
from graphc.flow.structure import flat, same_form
from graphc.grad import Sweep, alias
from graphc.graph import INPUT, PARAM, STATE, Graph, Node, graph_of
from graphc.transforms.batching import innermost
from graphc.types import Type


class Body:
    """A graph under construction inside `outer`; `captures` are the stages that it reads there."""

    def __init__(self, outer: Graph, title: str, graph: Graph | None = None) -> None:
        self.outer = outer
        self.graph = Graph(title, dtype=outer.dtype) if graph is None else graph
        self.graph.below = None if self.graph is outer else outer

    def inputs(self, names: Sequence[str], types: Sequence[Type]) -> list[Node]:
        """New inputs, called by names that are free."""
        return [self.input(name, t) for name, t in zip(names, types, strict=True)]

    def input(self, name: str, type: Type) -> Node:
        """A new input; a name that is taken gets a number behind it."""
        wanted, count = name, 2
        while wanted in self.graph:
            wanted, count = f"{name}_{count}", count + 1
        return self.graph.input(wanted, type)

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """What the function makes of its arguments; its local names name the stages.

        Raises UsageError for what is no function of so many arguments.
        """
        check_callable(function, args)
        with building(self.graph), self._inside(), locals_of(function) as held:
            found = function(*args)
        name_locals(self.graph, held)
        if self.graph.leaves(PARAM) or self.graph.leaves(STATE):
            raise UsageError(
                "a param or a state is declared outside of what is run many times",
                hint="declare it before, and read it in the function",
            )
        return found

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """What is built of stages of the outer graph belongs to this one meanwhile."""
        before, self.outer.inside = self.outer.inside, self.graph
        try:
            yield
        finally:
            self.outer.inside = before

    def stage(self, value: Any, dtype: str | None = None) -> Node:
        """A value as a stage of this graph; Python's numbers are those beside values of `dtype`."""
        if isinstance(value, Node):
            return self.graph.own(value)
        weak = isinstance(value, (bool, int, float)) and not isinstance(value, np.generic)
        if weak and dtype is not None:
            return self.graph.literal(value, dtype)
        return begun(self.graph, value)

    def finish(self, outputs: Mapping[str, Node]) -> Graph:
        """The graph with its outputs, apart from the one around it."""
        self.graph.outputs = dict(outputs)
        self.graph.below = None
        return self.graph

    @property
    def captures(self) -> tuple[Node, ...]:
        """The stages of the outer graph that are read, in the order of the inputs for them."""
        return tuple(self.graph.captures)


def called(node: Node, otherwise: str) -> str:
    """What a stage is called: its name, else its hint, else the word given."""
    return node.name or node.graph.hints.get(node) or otherwise


def parameter(function: Callable[..., Any], place: int, otherwise: str) -> str:
    """The name of a function's parameter at a place."""
    try:
        known = list(signature(function).parameters)
    except (TypeError, ValueError):
        known = []
    return known[place] if place < len(known) else otherwise


def graph_for(values: Iterable[Any], *functions: Callable[..., Any]) -> Graph:
    """The graph in which functions are run: that of the values, or of what the functions read, or
    the one that is being built; raises UsageError where there is none.
    """
    nodes = [v for v in values if isinstance(v, Node)]
    for function in functions if not nodes else ():
        function = unwrap(function)
        read = getclosurevars(function) if isinstance(function, FunctionType) else None
        held = {**read.globals, **read.nonlocals}.values() if read is not None else ()
        nodes += [v for v in held if isinstance(v, Node)]
    graph = CURRENT.get()
    return innermost(graph_of(*nodes) if nodes or graph is None else graph)


def check_callable(function: Any, args: Sequence[Any]) -> None:
    """Raise UsageError for what is no function, or is one of another number of arguments."""
    if not callable(function):
        raise UsageError(f"a function of stages is wanted, not {type(function).__name__}")
    try:
        known = signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return
    try:
        known.bind(*args)
    except TypeError:
        name, count = getattr(function, "__name__", "it").strip("<>"), len(args)
        given = f"{count} argument{'' if count == 1 else 's'}"
        raise UsageError(f"{name}{known} is called with {given}") from None


def check_counts(arguments: int, *counts: int) -> None:
    """Raise UsageError unless so many arguments of one kind and of the next are among them."""
    if min(counts) < 0 or sum(counts) > arguments:
        told = " and ".join(map(str, counts))
        raise UsageError(f"{told} of its arguments are told apart, and there are {arguments}")


def check_inputs(role: str, graph: Any, types: Sequence[Type]) -> None:
    """Raise UsageError unless a graph that a stage runs takes what it is given."""
    found = [n.type for n in graph.leaves(INPUT)] if isinstance(graph, Graph) else None
    if found != list(types):
        wanted = ", ".join(map(str, types)) or "nothing"
        what = type(graph).__name__ if found is None else f"a graph of {', '.join(map(str, found))}"
        raise UsageError(f"its {role} is to be a graph of {wanted}, not {what}")


def check_results(role: str, graph: Graph, types: Sequence[Type]) -> None:
    """Raise UsageError unless the first results of a graph that a stage runs have these types."""
    found = [n.type for n in graph.outputs.values()][: len(types)]
    if found != list(types):
        wanted, told = (", ".join(map(str, t)) or "nothing" for t in (types, found))
        raise UsageError(f"its {role} is to give {wanted}, and it gives {told}")


def begun(graph: Graph, value: Any) -> Node:
    """A value as a stage; a Python int is an i64, a float of the graph's type."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    given = np.int64(value) if whole else value
    return value if isinstance(value, Node) else graph.lift((given,))[0]


def carried(body: Body, init: Any, begins: Sequence[Node], found: Any) -> list[Node]:
    """The new carry laid flat; raises UsageError, ShapeError or DTypeError where it is not what it
    was.
    """
    same_form(init, found, "the carry")
    return [_kept(body, o, n) for o, n in zip(begins, flat(found)[0], strict=True)]


def _kept(body: Body, old: Node, new: Any) -> Node:
    """A new carry, which has the old one's type."""
    node = body.stage(new, old.dtype)
    name = node.name or "the carry"
    if node.shape != old.shape:
        raise ShapeError(f"{name} goes in as {old.type} and comes out as {node.type}")
    if node.dtype != old.dtype:
        raise DTypeError(
            f"{name} goes in as {old.type} and comes out as {node.type}",
            hint=f"begin with the wider type, or take gr.astype(x, {old.dtype!r})",
        )
    return node


def pulled_back(
    outputs: Sequence[Node], wrt: Sequence[Node], seeds: Sequence[Node], to: dict[Node, Node],
    into: Graph,
) -> list[Node | None]:  # fmt: skip
    """The gradients of outputs whose own gradients are `seeds`, built in another graph, where `to`
    has the leaves; None where there is none.
    """
    copied([*wrt, *outputs], into, to)
    sweep = Sweep([to[n] for n in outputs], [to[n] for n in wrt], list(seeds))
    sweep.run()
    return [sweep.found.get(to[n]) for n in wrt]


def copied(roots: Iterable[Node], into: Graph, to: dict[Node, Node], *, names: bool = True) -> None:
    """Copy all that the roots need and `to` does not know yet; `to` learns it.

    Without names also without gradients' names for values that belong to nothing here.
    """
    missing = _missing(roots, to)
    for node in missing:
        if not names and _only_names(node, to):
            to[node] = to[node.args[0]]
            continue
        stage = to.get(node.backward_of) if node.backward_of is not None else None
        with into.told(node.where, stage):
            to[node] = _copy(node, into, to)
        if names:
            _name(node, to[node])
    for node in missing:
        for each in node.graph.gradients.get(node, ()):
            if each in to:
                into.belongs(to[node], to[each])


def _only_names(node: Node, known: Mapping[Node, Node]) -> bool:
    """Whether a stage only names the gradient of what is not known."""
    return node.op is alias and not any(n in known for n in node.graph.gradients.get(node, ()))


def _missing(roots: Iterable[Node], known: Mapping[Node, Node]) -> list[Node]:
    """What the roots need and is not known, in order; what only known stages need is not needed."""
    found = {n for n in roots if n not in known}
    stack = list(found)
    while stack:
        fresh = {a for a in stack.pop().args if a not in known} - found
        found |= fresh
        stack += fresh
    return sorted(found, key=lambda n: n.index)


def _copy(node: Node, into: Graph, to: Mapping[Node, Node]) -> Node:
    if node.op.name == "const":
        return into.constant(node.value, node.dtype)
    return into.add(node.op, [to[a] for a in node.args], node.attrs)


def _name(node: Node, new: Node) -> None:
    """The names of a stage where they are free, and its hint."""
    for name in node.graph.names_of(node):
        with suppress(GraphError):
            new.graph.name(**{name: new})
    if node in node.graph.hints:
        new.hinted(node.graph.hints[node])
