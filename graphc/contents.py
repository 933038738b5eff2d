"""A graph in, a hash of all that it says out: stages, attributes, names; not the user's lines.

Initial values are left out as well: they are numbers that a program is given, no part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import singledispatch
from hashlib import sha256
from types import EllipsisType, NoneType
from typing import Any

import numpy as np

from graphc.graph import Graph
from graphc.init import Init
from graphc.node import Node
from graphc.types import Size, Type


def digest(graph: Graph) -> str:
    """The hash as hexadecimal digits; raises TypeError for an attribute whose content is unknown.

    An operation is told by its name.
    """
    return sha256(repr(tuple(_rows(graph))).encode()).hexdigest()


def _rows(graph: Graph) -> Iterator[Any]:
    yield graph.title, graph.dtype, _numbered(graph.outputs)
    yield from map(_row, graph.nodes)
    yield [(n.index, tuple(m.index for m in into)) for n, into in graph.gradients.items()]
    yield [(n.index, whole.index) for n, whole in graph.part_of.items()]
    yield [(n.index, new.index) for n, new in graph.updates.items()]
    for told in (graph.texts, graph.hints):
        yield sorted((n.index, text) for n, text in told.items())


def _row(node: Node) -> Any:
    args = tuple(arg.index for arg in node.args)
    attrs = tuple((name, _content(value)) for name, value in sorted(node.attrs.items()))
    stage = None if node.backward_of is None else node.backward_of.index
    return node.op.name, args, attrs, node.scope, node.graph.names_of(node), stage


def _numbered(nodes: Mapping[str, Node]) -> list[tuple[str, int]]:
    return [(name, node.index) for name, node in nodes.items()]


@singledispatch
def _content(value: Any) -> Any:
    """What an attribute says, in a form whose `repr` tells all of it."""
    raise TypeError(f"the content of {type(value).__name__} is unknown")


@_content.register(int | float | str | NoneType | EllipsisType)
def _itself(value: Any) -> Any:
    return value


@_content.register(tuple | list)
def _items(value: Any) -> Any:
    return type(value).__name__, tuple(map(_content, value))


@_content.register(slice)
def _slice(value: slice) -> Any:
    return "slice", *map(_content, (value.start, value.stop, value.step))


@_content.register(np.ndarray | np.generic)
def _array(value: Any) -> Any:
    return value.dtype.str, value.shape, sha256(value.tobytes()).hexdigest()


@_content.register(Type | Size)
def _text(value: Any) -> Any:
    return type(value).__name__, str(value)


@_content.register(Init)
def _init(value: Init) -> Any:
    return "init", value.kind if value.kind in ("seed", "calls") else ""


@_content.register(Graph)
def _region(value: Graph) -> Any:
    return "graph", digest(value)


setattr(Graph, "hash", property(digest))  # noqa: B010 - a name for it that users look for
