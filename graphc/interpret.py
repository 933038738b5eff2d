"""A graph and arrays for its leaves -> the value of every stage, by what each operation means in
NumPy.

No compilation: the oracle of tests, the worker of constant folding, and what looks for the first
NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Any

import numpy as np

from graphc.errors import FeedError, GraphcError, ShapeError
from graphc.graph import CONST, EMPTY, Node
from graphc.ops.spell import Each
from graphc.types import DTYPES, Size, bind, bind_shape, shape_text

AROUND: ContextVar[Mapping[str, int]] = ContextVar("graphc sizes", default=EMPTY)
"""The named sizes of the graph whose stage is being computed: those of the graphs it runs, too."""


def evaluate(
    roots: Iterable[Node], feeds: Mapping[Node, Any], sizes: Mapping[str, int] | None = None
) -> dict[Node, Any]:
    """The values of `roots` and of all that they need; a node of several results has a tuple.

    `feeds` gives the leaves but constants (any other node may be fed as well). Named sizes come
    from the feeds' shapes unless `sizes` gives them. Raises FeedError for a leaf that is missing,
    ShapeError for a feed of another shape.
    """
    roots = list(roots)
    values: dict[Node, Any] = {n: np.asarray(v, dtype=n.type.numpy) for n, v in feeds.items()}
    sizes = {**AROUND.get(), **bound_sizes(values)} if sizes is None else sizes
    token = AROUND.set(sizes)
    try:
        with np.errstate(all="ignore"):
            for node in roots[0].graph.order(*roots) if roots else ():
                if node not in values:
                    values[node] = _value(node, values, sizes)
    finally:
        AROUND.reset(token)
    return values


def bound_sizes(values: Mapping[Node, np.ndarray]) -> dict[str, int]:
    """The named sizes that these arrays have; raises ShapeError where two disagree or a literal
    size differs.
    """
    sizes: dict[str, int] = {}
    for node, array in values.items():
        if array.ndim != node.ndim:
            raise _misfit(node, array)
        for dim, n in zip(node.shape, array.shape, strict=True):
            if isinstance(dim, Size) and len(dim.terms) == 1:
                (name, factor) = dim.terms[0]
                sizes.setdefault(name, (n - dim.const) // factor)
    for node, array in values.items():
        if array.shape != bind_shape(node.shape, sizes):
            raise _misfit(node, array)
    return sizes


def _misfit(node: Node, array: np.ndarray) -> ShapeError:
    given, wanted = shape_text(array.shape), shape_text(node.shape)
    return ShapeError(
        f"an array of shape {given} was fed where {wanted} is declared", subject=node.label
    )


def _value(node: Node, values: Mapping[Node, Any], sizes: Mapping[str, int]) -> Any:
    if node.op is CONST:
        return node.value
    if node.is_leaf:
        raise FeedError(f"there is no value for {node.label}")
    attrs = {name: _bound(value, sizes) for name, value in node.attrs.items()}
    try:
        found = node.op.numpy(*_operands(node, values), **attrs)
    except GraphcError as error:
        raise error.about(node.label) from None
    if len(node.types) > 1:
        return tuple(np.asarray(v, t.numpy) for v, t in zip(found, node.types, strict=True))
    return np.asarray(found, node.type.numpy)


def _operands(node: Node, values: Mapping[Node, Any]) -> list[Any]:
    """The arguments, cast to the types that the spelling computes in: NumPy's own would be f16 for
    exp of int8.
    """
    found = [values[a] for a in node.args]
    if not isinstance(node.op.spell, Each):
        return found
    dtypes = node.op.spell.operands(tuple(a.type for a in node.args), node.type)
    return [v.astype(DTYPES[d], copy=False) for v, d in zip(found, dtypes, strict=True)]


def _bound(value: Any, sizes: Mapping[str, int]) -> Any:
    """An attribute with integers for its named sizes."""
    if isinstance(value, Size):
        return bind(value, sizes)
    return tuple(_bound(v, sizes) for v in value) if isinstance(value, tuple) else value
