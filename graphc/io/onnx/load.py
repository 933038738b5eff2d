"""A model in, a Graph out: its weights are params, its inputs inputs, its results outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import defs

from graphc.errors import DataError, GraphcError, UsageError
from graphc.graph import Graph, Node
from graphc.io.onnx.elements import check_size, element, opset_versions, plain_domain
from graphc.io.onnx.model import read
from graphc.io.onnx.refusals import Unsupported
from graphc.io.onnx.rows import MAIN
from graphc.io.onnx.scope import Build, Scope, free
from graphc.types import DTYPES, Dim, as_dim, as_shape


def load(
    model: Any,
    *,
    values: Mapping[str, Any] | None = None,
    shapes: Mapping[str, Any] | None = None,
) -> Graph:
    """The graph of an ONNX model: a path, its bytes, or a ModelProto.

    Float initializers are params, others constants; inputs and outputs keep their names. `values`
    fixes inputs that shapes are computed from (a Reshape's shape, a TopK's k), `shapes` gives the
    sizes of inputs whose sizes are to be literal. Raises DataError for a broken file, Unsupported
    for what graphc has not, UnknownValue for an input that `values` has to fix.
    """
    proto, values, shapes = read(model), values or {}, shapes or {}
    _check_version(opset_versions(proto).get(MAIN, 1))
    graph = Graph(proto.graph.name or "onnx", dtype="float32")
    functions = {(plain_domain(f.domain), f.name): f for f in proto.functions}
    scope = Scope(Build(graph, functions), opset_versions(proto))
    if proto.graph.sparse_initializer:
        raise Unsupported("sparse tensors are not supported")
    scope.initialise(proto.graph.initializer)
    fed = [i for i in proto.graph.input if i.name not in scope.values]
    _check_names([*values, *shapes], [i.name for i in fed])
    for info in fed:
        scope.values[info.name] = _input(graph, info, values, shapes)
    scope.run(proto.graph.node)
    for info in proto.graph.output:
        graph.outputs[info.name] = _output(scope, info.name)
    return graph


def inputs_of(model: Any) -> list[Any]:
    """What a model is fed with, in order: its inputs that no initializer fills."""
    filled = {t.name for t in model.graph.initializer}
    return [i for i in model.graph.input if i.name not in filled]


def _check_version(version: int) -> None:
    """Raise DataError or Unsupported for a version of the operators that nobody here knows."""
    if version < 1:
        raise DataError(f"version {version} of ONNX's operators is none: the first one is 1")
    newest = defs.onnx_opset_version()
    if version > newest:
        raise Unsupported(
            f"the model is written in version {version} of ONNX's operators; the newest one that "
            f"this package onnx knows is {newest}",
            hint="pip install --upgrade onnx",
        )


def _check_names(given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise UsageError(f"the model has no input {name!r}; it has {', '.join(known)}")


def _input(graph: Graph, info: Any, values: Mapping[str, Any], shapes: Mapping[str, Any]) -> Any:
    """An input of the graph, or the array that `values` fixes it to."""
    whole = info.type.optional_type.elem_type if info.type.HasField("optional_type") else info.type
    kind = whole.tensor_type
    if not whole.HasField("tensor_type"):
        raise Unsupported(f"the input {info.name!r} is not an array")
    dtype = element(kind.elem_type)
    if info.name in values:
        return np.asarray(values[info.name], DTYPES[dtype])
    shape = as_shape(shapes[info.name]) if info.name in shapes else _shape(info.name, kind)
    check_size(tuple(n for n in shape if isinstance(n, int)), f"the input {info.name!r}")
    return graph.input(free(graph, info.name), shape, dtype)


def _shape(name: str, kind: Any) -> tuple[Dim, ...]:
    if not kind.HasField("shape"):
        raise Unsupported(
            f"the input {name!r} has no shape", hint=f"from_onnx(model, shapes={{{name!r}: ...}})"
        )
    return tuple(_dim(d, f"{name}_{axis}") for axis, d in enumerate(kind.shape.dim))


def _dim(dim: Any, otherwise: str) -> Dim:
    """A literal size, or a named one: by its own name where it has one."""
    if dim.HasField("dim_value"):
        if dim.dim_value < 0:
            raise DataError(f"an input has the negative size {dim.dim_value}")
        return int(dim.dim_value)
    try:
        return as_dim(dim.dim_param)
    except GraphcError:
        return as_dim(re.sub(r"\W", "_", f"n_{dim.dim_param or otherwise}"))


def _output(scope: Scope, name: str) -> Node:
    found = scope.stage(scope.value(name))
    if found is None:
        raise DataError(f"the output {name!r} is an optional value that is not there")
    if found.name is None and name not in found.graph:
        found.named(name)
    return found
