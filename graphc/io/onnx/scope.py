"""An ONNX graph in, stages of a graphc Graph out, operator by operator.

What is computed from known values alone is computed at once, by what each operation means in NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.errors import DataError, GraphcError
from graphc.graph import Graph, Node
from graphc.interpret import evaluate
from graphc.io.onnx.elements import (
    HELD,
    array,
    attribute_value,
    attributes,
    check_size,
    opset_versions,
    plain_domain,
)
from graphc.io.onnx.functions import defaults, defining
from graphc.io.onnx.refusals import Unsupported
from graphc.io.onnx.rows import ROWS, Row, takes_any, takes_known
from graphc.io.onnx.values import Weight, known, of_sizes, stage, symbolic
from graphc.types import Size

STAGES = 250_000
"""Operators that one model may come to, with its functions and loops written out."""

DEPTH = 64
"""Functions and inner graphs that may stand within each other."""

MISSING = object()
"""What stands for a value that nothing made."""

MALFORMED = (IndexError, KeyError, ValueError, TypeError, AttributeError, ArithmeticError)
"""What Python raises where an operator's inputs or attributes are not what its row takes."""


@dataclass(eq=False)
class Build:
    """What all parts of one model share: the graph, the params it has, the functions it brings."""

    graph: Graph
    functions: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    params: dict[Weight, Node] = field(default_factory=dict)
    stages: int = 0

    def param(self, weight: Weight) -> Node:
        """The param of a weight."""
        if weight not in self.params:
            a, name = weight.array, free(self.graph, weight.name)
            self.params[weight] = self.graph.param(name, a.shape, a.dtype, init=a)
        return self.params[weight]

    def count(self) -> None:
        """Note one more operator; raises DataError where there are more than anybody means."""
        self.stages += 1
        if self.stages > STAGES:
            raise DataError(f"the model comes to more than {STAGES:,} operators")


@dataclass(eq=False)
class Scope:
    """The values of one ONNX graph by name; an inner graph sees those around it as well."""

    build: Build
    opsets: Mapping[str, int]
    outer: Scope | None = None
    given: Mapping[str, Any] = field(default_factory=dict)  # attributes of the function it is
    values: dict[str, Any] = field(default_factory=dict)
    depth: int = 0

    # Values

    def value(self, name: str) -> Any:
        """The value of a name, None for the empty one; raises DataError where nothing made it."""
        found = self._found(name)
        if found is MISSING:
            raise DataError(f"the value {name!r} is read, but nothing before makes it")
        return found

    def _found(self, name: str) -> Any:
        scope: Scope | None = self
        while name and scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.outer
        return MISSING if name else None

    def stage(self, value: Any) -> Any:
        """The stage of a value, or None; raises Unsupported for a list."""
        if isinstance(value, list):
            raise Unsupported("a sequence stands where an array is wanted")
        if isinstance(value, Weight):
            return self.build.param(value)
        return stage(self.build.graph, value) if isinstance(value, np.ndarray) else value

    def known(self, value: Any, what: str) -> Any:
        """The array of a value; raises UnknownValue where it depends on what is fed."""
        return known(value, self.build.params, what)

    def initialise(self, tensors: Sequence[Any]) -> None:
        """Floats are weights; what else a file holds is known."""
        for tensor in tensors:
            a = array(tensor)
            self.values[tensor.name] = Weight(tensor.name, a) if a.dtype.kind == "f" else a

    # Operators

    def run(self, nodes: Sequence[Any]) -> None:
        """Build the stages of the nodes, in their order; errors say which operator they are of."""
        for node in nodes:
            self.build.count()
            try:
                self._step(node)
            except GraphcError as error:
                raise error.about(label(node)) from None
            except MemoryError:
                sentence = "it takes more memory than there is"
                raise DataError(sentence, subject=label(node)) from None
            except MALFORMED as error:
                sentence = f"its inputs are not what it takes ({type(error).__name__}: {error})"
                raise DataError(sentence, subject=label(node)) from error

    def _step(self, node: Any) -> None:
        args, options = [self.value(name) for name in node.input], attributes(node, self.given)
        last = max((i + 1 for i, name in enumerate(node.output) if name), default=0)
        results = self._results(node, args, options, last)[:last]
        if len(results) < last:
            raise Unsupported(f"it has {len(results)} of the {last} results that are wanted")
        for name, result in zip(node.output, results, strict=False):
            if name:
                self._bind(name, result)

    def _bind(self, name: str, result: Any) -> None:
        self.values[name] = result
        if not self.depth and isinstance(result, Node) and result.name is None:
            result.named(free(result.graph, name))

    def _results(self, node: Any, args: list[Any], options: dict[str, Any], last: int) -> list[Any]:
        """The results of one operator: by the model's function, its row, or ONNX's function."""
        domain = plain_domain(node.domain)
        function = self.build.functions.get((domain, node.op_type))
        row = ROWS.get((domain, node.op_type))
        version = self.opsets.get(domain, 1)
        if function is not None:
            return self._inline(function, args, function_defaults(function) | options, node)
        if row is not None:
            special = {"opset": version, "results": last, "scope": self}
            return self._call(row, args, options, special)
        function = defining(node, domain, version, args)
        if function is None:
            where = f" of {domain}" if domain else ""
            raise Unsupported(f"the operator {node.op_type}{where} is not supported")
        return self._inline(function, args, defaults(node, domain, version) | options, node)

    def _call(self, row: Row, args: list[Any], options: dict[str, Any], special: Any) -> list[Any]:
        if any(symbolic(a) for a in args):
            sizes = of_sizes(row.name, args, options)
            if sizes is not None:
                return [sizes]
        args, keywords = row.complete(args, options), row.keywords(options, special)
        row.check(args)
        plain = all(a is None or (isinstance(a, np.ndarray) and not symbolic(a)) for a in args)
        if "scope" in row.options:
            return listed(row.function(*self._bound(row, args), **keywords))
        try:
            if args and plain:
                return fold(row, args, keywords)
            return listed(row.function(*self._bound(row, args), **keywords))
        except GraphcError as error:
            error.subject = ""
            raise

    def _bound(self, row: Row, args: Sequence[Any]) -> list[Any]:
        return [self._argument(row.parameter(i), a) for i, a in enumerate(args)]

    def _argument(self, parameter: Any, value: Any) -> Any:
        if takes_any(parameter):
            return value
        if takes_known(parameter):
            return self.known(value, f"the input {parameter.name!r}")
        return self.stage(value)

    # Graphs within graphs

    def _inline(
        self, function: Any, args: Sequence[Any], given: Mapping[str, Any], node: Any
    ) -> list[Any]:
        missing = [None] * (len(function.input) - len(args))
        values = dict(zip(function.input, [*args, *missing], strict=True))
        inner = Scope(self.build, opset_versions(function), None, given, values, self._deeper())
        inner.run(function.node)
        asked = zip(function.output, node.output, strict=False)
        return [inner.value(name) if wanted else None for name, wanted in asked]

    def within(self, graph: Any, args: Sequence[Any]) -> list[Any]:
        """The results of an inner graph for these arguments."""
        values = dict(zip((i.name for i in graph.input), args, strict=True))
        inner = Scope(self.build, self.opsets, self, self.given, values, self._deeper())
        inner.initialise(graph.initializer)
        inner.run(graph.node)
        return [inner.value(o.name) for o in graph.output]

    def declare(self, graph: Any) -> None:
        """Make params of the weights that an inner graph reads: they are declared around it."""
        for name in names_read(graph):
            value = self._found(name)
            if isinstance(value, Weight):
                self.build.param(value)

    def _deeper(self) -> int:
        if self.depth >= DEPTH:
            raise DataError(f"more than {DEPTH} functions or graphs stand within each other")
        return self.depth + 1


def fold(row: Row, args: Sequence[Any], keywords: Mapping[str, Any]) -> list[Any]:
    """The results of an operator whose inputs are all known, by what its stages mean in NumPy."""
    graph = Graph("known", dtype="float32")
    bound = [_folded(graph, row.parameter(i), a) for i, a in enumerate(args)]
    results = listed(row.function(*bound, **keywords))
    roots = [r for r in results if isinstance(r, Node)]
    for node in graph.order(*roots):
        for kind in node.types:
            sizes = tuple(n for n in kind.shape if not isinstance(n, Size))
            check_size(sizes, "what is computed while reading", HELD)
    values = evaluate(roots, {})
    return [values[r] if isinstance(r, Node) else r for r in results]


def _folded(graph: Graph, parameter: Any, value: Any) -> Any:
    if value is None or takes_known(parameter) or takes_any(parameter):
        return value
    return stage(graph, value)


def listed(results: Any) -> list[Any]:
    """The results of a row: several are a tuple, a list is one sequence."""
    return list(results) if isinstance(results, tuple) else [results]


def function_defaults(function: Any) -> dict[str, Any]:
    """The attributes of a model's own function that have defaults."""
    return {a.name: attribute_value(a) for a in function.attribute_proto}


def names_read(graph: Any) -> Iterator[str]:
    """The names that the operators of a graph read, also those of graphs within it."""
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from names_read(attribute.g)


def label(node: Any) -> str:
    """How a sentence speaks of an operator: `Conv 'conv1'`."""
    name = node.name or next(iter(node.output), "")
    return f"{node.op_type} {name!r}" if name else str(node.op_type)


def free(graph: Graph, name: str) -> str:
    """The name, with a number behind it where a stage has it already."""
    found, count = name, 2
    while not found or found in graph:
        found, count = f"{name or 'value'}_{count}", count + 1
    return found
