"""Arrays known by a formula: zeros, ones, full, eye, tri, arange, linspace, logspace.

They belong to a graph: `like` is that graph or a stage of it. None of them takes memory before
something reads it, so none is a constant of the module.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isfinite
from typing import Any

from graphc.errors import DTypeError, UsageError
from graphc.graph import CURRENT, Graph, Node, graph_of, public
from graphc.ops.axes import axis_of
from graphc.ops.elementwise.arith import (
    astype,
    divide,
    equal,
    greater_equal,
    multiply,
    power,
    where,
)
from graphc.ops.shaping.layout import broadcast_to, extent, iota, move_axis
from graphc.types import FLOATS, Dim, Size, as_dim, as_shape, dtype_name, promote

__all__ = [
    "arange",
    "eye",
    "full",
    "identity",
    "linspace",
    "logspace",
    "ones",
    "tri",
    "zeros",
]


def _home(like: Any, *values: Any) -> Graph:
    """The graph that an array is to be in: told by a stage, or the one that a function under
    @gr.graph is building; raises UsageError where nothing tells it.
    """
    if isinstance(like, Graph):
        return like
    nodes = [v for v in (like, *values) if isinstance(v, Node)]
    built = CURRENT.get()
    if not nodes and built is not None:
        return built
    if not nodes:
        raise UsageError(
            "an array of a formula belongs to a graph, and nothing here tells which",
            hint="like=x, where x is a stage of the graph or the graph itself",
        )
    return graph_of(*nodes)


def _typed(graph: Graph, dtype: Any) -> str:
    return graph.dtype if dtype is None else dtype_name(dtype)


def _anchor(graph: Graph) -> Node:
    """A stage that stands for its graph."""
    return graph.constant(0)


# One value everywhere


@public
def full(shape: Any, value: Any, dtype: Any = None, *, like: Any = None) -> Node:
    """`value`, a number or a stage that broadcasts, everywhere in `shape`.

    The element type is that of an array or a stage, the graph's for a float, else NumPy's. Raises
    ShapeError (G102), UsageError where neither `value` nor `like` tells the graph.
    """
    graph = _home(like, value)
    (node,) = graph.lift((value,))
    if dtype is None and isinstance(value, float) and not hasattr(value, "dtype"):
        dtype = graph.dtype
    node = node if dtype is None else astype(node, dtype)
    wanted = as_shape(shape)
    return node if node.shape == wanted else broadcast_to(node, wanted)


@public
def zeros(shape: Any, dtype: Any = None, *, like: Any = None) -> Node:
    """Zeros, of the graph's element type unless told otherwise; raises UsageError without
    `like`.
    """
    graph = _home(like)
    return full(shape, 0, _typed(graph, dtype), like=graph)


@public
def ones(shape: Any, dtype: Any = None, *, like: Any = None) -> Node:
    """Ones, of the graph's element type unless told otherwise; raises UsageError without `like`."""
    graph = _home(like)
    return full(shape, 1, _typed(graph, dtype), like=graph)


# Matrices


def _places(graph: Graph, rows: Any, columns: Any, k: int) -> tuple[Node, Node]:
    """The column of each element, and its row moved on by k."""
    shape = (as_dim(rows), as_dim(rows if columns is None else columns))
    row, column = (iota(_anchor(graph), shape, (axis,)) for axis in (0, 1))
    return column, row + k if k else row


@public
def eye(rows: Any, columns: Any = None, k: int = 0, dtype: Any = None, *, like: Any = None) -> Node:
    """Ones at (i, i + k), zeros elsewhere, shape (rows, columns), square for None; raises
    UsageError without `like`.
    """
    graph = _home(like)
    return astype(equal(*_places(graph, rows, columns, int(k))), _typed(graph, dtype))


@public
def identity(rows: Any, dtype: Any = None, *, like: Any = None) -> Node:
    """The unit matrix, shape (rows, rows)."""
    return eye(rows, dtype=dtype, like=like)


@public
def tri(rows: Any, columns: Any = None, k: int = 0, dtype: Any = None, *, like: Any = None) -> Node:
    """Ones at (i, j) for j <= i + k, zeros elsewhere; dtype "bool" makes a mask of it."""
    graph = _home(like)
    column, row = _places(graph, rows, columns, int(k))
    return astype(greater_equal(row, column), _typed(graph, dtype))


# Rows of numbers


@public
def arange(
    start: Any, stop: Any = None, step: Any = 1, dtype: Any = None, *, like: Any = None
) -> Node:
    """start, start + step, ... before `stop`; from 0 where there is one bound alone.

    Bounds are numbers; with step 1 they may be sizes, "batch" or 2*x.shape[0]. i64 for integers,
    else the graph's element type. Raises UsageError for bounds that are stages, or without `like`.
    """
    first, last = (0, start) if stop is None else (start, stop)
    if any(isinstance(v, Node) for v in (first, last, step)):
        raise UsageError(
            "the bounds of a range are known before data comes, so they cannot be stages",
            hint="x.shape[0] is a size that a bound may be",
        )
    graph = _home(like)
    first, last = (as_dim(v) if isinstance(v, str) else v for v in (first, last))
    found = iota(_anchor(graph), (_span(first, last, step),), (0,))
    whole = all(hasattr(v, "__index__") or isinstance(v, Size) for v in (first, last, step))
    name = ("i64" if whole else graph.dtype) if dtype is None else dtype_name(dtype)
    if name == "bool":
        raise DTypeError("a range has numbers, not bools", hint="compare it: gr.arange(n) > 0")
    return astype(_run(found, first, step, "i64" if whole else name), name)


def _span(first: Any, last: Any, step: Any) -> Dim:
    """How many numbers there are."""
    if isinstance(first, Size) or isinstance(last, Size):
        if step != 1:
            raise UsageError("a range between named sizes goes in steps of 1")
        return last - first
    if not step:
        raise UsageError("a range goes in steps that are not 0")
    steps = (last - first) / step
    if not isfinite(steps):
        raise UsageError(f"a range from {first} to {last} in steps of {step} has no end")
    return max(ceil(steps), 0)


def _run(counts: Node, first: Any, step: Any, dtype: str) -> Node:
    found = astype(counts, dtype)
    found = found if step == 1 else multiply(found, step)
    if isinstance(first, Size):
        return found + astype(extent(counts.graph, first), dtype)
    return found if first == 0 else found + first


@public
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    *,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
    like: Any = None,
) -> Node:
    """`num` numbers at equal distances from `start` to `stop`, the last of which is `stop` itself
    if `endpoint`.

    Bounds are numbers or stages, which broadcast and take gradients; the numbers stand along
    `axis`. Raises UsageError where neither bounds nor `like` tell the graph.
    """
    graph = _home(like, start, stop)
    count, work = as_dim(num), _working(graph, (start, stop), dtype)
    low, high = (_bound(graph, v, work) for v in (start, stop))
    span = high - low
    counts = iota(low, (count, *(1,) * span.ndim), (0,))
    gaps = count - 1 if endpoint else count
    share = divide(astype(counts, span.dtype), _at_least_one(graph, gaps, span.dtype))
    found = low + share * span
    if endpoint and count != 1:
        found = where(equal(counts, _size(graph, count) - 1), high, found)
    found = move_axis(found, 0, axis_of(axis, found.ndim, found.shape))
    return found if dtype is None else astype(found, dtype)


def _working(graph: Graph, bounds: Sequence[Any], dtype: Any) -> str:
    """The float type to compute in: of the bounds and the result, the graph's for mere numbers."""
    strong = [dtype_name(v.dtype) for v in bounds if hasattr(v, "dtype")]
    wanted = [] if dtype is None else [dtype_name(dtype)]
    floats = [d for d in (*strong, *wanted) if d in FLOATS]
    return promote(*floats) if floats else graph.dtype if graph.dtype in FLOATS else "f64"


def _bound(graph: Graph, given: Any, dtype: str) -> Node:
    """A bound in the type to compute in; a number does not pass through another."""
    if isinstance(given, (int, float)) and not hasattr(given, "dtype"):
        return graph.constant(given, dtype)
    return astype(graph.lift((given,))[0], dtype)


def _size(graph: Graph, count: Dim) -> Any:
    return extent(graph, count) if isinstance(count, Size) else count


def _at_least_one(graph: Graph, gaps: Dim, dtype: str) -> Any:
    return astype(extent(graph, gaps), dtype) if isinstance(gaps, Size) else max(gaps, 1)


@public
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    *,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
    like: Any = None,
) -> Node:
    """base**linspace(start, stop, num): `num` numbers at equal ratios."""
    name = None if dtype is None or dtype_name(dtype) not in FLOATS else dtype
    exponents = linspace(start, stop, num, endpoint=endpoint, dtype=name, axis=axis, like=like)
    found = power(base, exponents)
    return found if dtype is None else astype(found, dtype)
