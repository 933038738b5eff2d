"""Arrays joined, turned and given other axes: what NumPy composes of reshape, transpose, flip and
concatenate.

Each is made of the operations that are views where it can be, so it costs what they cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from graphc.errors import ShapeError, UsageError
from graphc.graph import Node, graph_of, public
from graphc.ops.axes import axis_of, stage
from graphc.ops.elementwise.arith import multiply
from graphc.ops.shaping.layout import (
    broadcast_to,
    expand_dims,
    flip,
    permute_dims,
    reshape,
)
from graphc.ops.shaping.pieces import concat, place
from graphc.types import Dim, broadcast, product

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "block_diag",
    "broadcast_arrays",
    "column_stack",
    "dstack",
    "flatten",
    "fliplr",
    "flipud",
    "hstack",
    "kron",
    "meshgrid",
    "moveaxis",
    "rot90",
    "swapaxes",
    "unflatten",
    "vstack",
]

# Axes moved


@public
def moveaxis(x: Node, source: Any, destination: Any) -> Node:
    """`x` with the axes `source` at `destination`, the others in their order; raises ShapeError
    (G103).
    """
    sources, targets = (
        tuple(axis_of(a, stage(x).ndim, x.shape) for a in _listed(given))
        for given in (source, destination)
    )
    if len(sources) != len(targets) or any(len(set(a)) < len(a) for a in (sources, targets)):
        raise ShapeError(f"axes {source} and {destination} do not pair one by one", code="G103")
    order = [a for a in range(x.ndim) if a not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return _ordered(x, order)


def _listed(axes: Any) -> tuple[Any, ...]:
    return tuple(axes) if isinstance(axes, (tuple, list)) else (axes,)


def _ordered(x: Node, order: Sequence[int]) -> Node:
    return x if list(order) == list(range(x.ndim)) else permute_dims(x, order)


@public
def swapaxes(x: Node, axis1: int, axis2: int) -> Node:
    """`x` with two axes exchanged; raises ShapeError (G103)."""
    order = list(range(stage(x).ndim))
    a, b = (axis_of(axis, x.ndim, x.shape) for axis in (axis1, axis2))
    order[a], order[b] = order[b], order[a]
    return _ordered(x, order)


@public
def rot90(x: Node, k: int = 1, axes: Any = (0, 1)) -> Node:
    """`x` turned by k right angles, from the first of two axes towards the second; raises
    ShapeError (G103).
    """
    plane = [axis_of(a, stage(x).ndim, x.shape) for a in _listed(axes)]
    if len(plane) != 2 or plane[0] == plane[1]:
        raise ShapeError(f"a plane has two axes, not {axes}", code="G103")
    first, second = plane
    turn: dict[int, Callable[[], Node]] = {
        0: lambda: x,
        1: lambda: swapaxes(flip(x, second), first, second),
        2: lambda: flip(x, (first, second)),
        3: lambda: flip(swapaxes(x, first, second), second),
    }
    return turn[k % 4]()


@public
def fliplr(x: Node) -> Node:
    """`x` with its columns in reverse; raises ShapeError (G103) for fewer than two axes."""
    return flip(x, 1)


@public
def flipud(x: Node) -> Node:
    """`x` with its rows in reverse; raises ShapeError (G103) for a scalar."""
    return flip(x, 0)


# Axes joined and taken apart


@public
def flatten(x: Node, start: int = 0, end: int = -1) -> Node:
    """`x` with the axes from `start` to `end`, that one too, as one; a scalar becomes a vector.

    Raises ShapeError (G103) for axes that are not there or in this order.
    """
    if not stage(x).ndim:
        return reshape(x, (1,))
    first, last = (axis_of(a, x.ndim, x.shape) for a in (start, end))
    if first > last:
        raise ShapeError(f"axis {start} does not come before axis {end}", code="G103")
    joined = product(x.shape[first : last + 1])
    return reshape(x, (*x.shape[:first], joined, *x.shape[last + 1 :]))


@public
def unflatten(x: Node, axis: int, sizes: Any) -> Node:
    """`x` with one axis as several, of which one size may be -1; raises ShapeError (G103, G104)."""
    axis = axis_of(axis, stage(x).ndim, x.shape)
    wanted = list(_listed(sizes))
    if -1 in [s for s in wanted if isinstance(s, int)] and isinstance(x.shape[axis], int):
        rest = prod(s for s in wanted if s != -1)
        wanted = [(x.shape[axis] // rest if rest else 0) if s == -1 else s for s in wanted]
    return reshape(x, (*x.shape[:axis], *wanted, *x.shape[axis + 1 :]))


def _atleast(given: tuple[Any, ...], widened: Callable[[Node], Node]) -> Any:
    found = [widened(x) for x in graph_of(*given).lift(given)]
    return found[0] if len(found) == 1 else tuple(found)


@public
def atleast_1d(*arrays: Any) -> Any:
    """Each array with one axis or more; one array alone, several as a tuple."""
    return _atleast(arrays, lambda x: x if x.ndim else expand_dims(x, 0))


def _two(x: Node) -> Node:
    return x if x.ndim > 1 else expand_dims(x, tuple(range(2 - x.ndim)))


def _three(x: Node) -> Node:
    places = {0: (0, 1, 2), 1: (0, 2), 2: (2,)}
    return x if x.ndim > 2 else expand_dims(x, places[x.ndim])


@public
def atleast_2d(*arrays: Any) -> Any:
    """Each array with two axes or more, new ones in front."""
    return _atleast(arrays, _two)


@public
def atleast_3d(*arrays: Any) -> Any:
    """Each array with three axes or more: a vector (n,) becomes (1, n, 1), a matrix (m, n, 1)."""
    return _atleast(arrays, _three)


# Arrays joined


def _lifted(arrays: Sequence[Any]) -> tuple[Node, ...]:
    if isinstance(arrays, Node) or not len(arrays):
        raise UsageError("a sequence of one array or more is wanted here", hint="gr.hstack([a, b])")
    return graph_of(*arrays).lift(arrays)


@public
def vstack(arrays: Sequence[Any]) -> Node:
    """The arrays one below the other, vectors as rows; raises ShapeError (G102)."""
    return concat([_two(x) for x in _lifted(arrays)], 0)


@public
def hstack(arrays: Sequence[Any]) -> Node:
    """The arrays side by side along the second axis, vectors along their only one; raises
    ShapeError (G102).
    """
    nodes = [x if x.ndim else expand_dims(x, 0) for x in _lifted(arrays)]
    return concat(nodes, 0 if nodes[0].ndim == 1 else 1)


@public
def dstack(arrays: Sequence[Any]) -> Node:
    """The arrays one behind the other along the third axis; raises ShapeError (G102)."""
    return concat([_three(x) for x in _lifted(arrays)], 2)


@public
def column_stack(arrays: Sequence[Any]) -> Node:
    """Vectors as columns side by side, matrices as they are; raises ShapeError (G102)."""
    columns = [x if x.ndim > 1 else reshape(x, (-1, 1)) for x in _lifted(arrays)]
    return concat(columns, 1)


@public
def block_diag(*arrays: Any) -> Node:
    """The matrices along a diagonal, zeros elsewhere; vectors count as rows, as scipy.linalg has
    it. Raises ShapeError (G103) for more than two axes.
    """
    nodes = [_two(x) for x in _lifted(arrays)]
    for x in nodes:
        if x.ndim > 2:
            raise ShapeError(f"blocks are matrices, not {x.type}", code="G103")
    corners: list[tuple[Dim, Dim]] = [(0, 0)]
    for x in nodes:
        corners.append((corners[-1][0] + x.shape[0], corners[-1][1] + x.shape[1]))
    return place(
        *nodes, shape=corners[-1], starts=tuple(corners[:-1]), steps=((1, 1),) * len(nodes)
    )


# Arrays spread over each other


@public
def broadcast_arrays(*arrays: Any) -> tuple[Node, ...]:
    """The arrays broadcast to their common shape; raises ShapeError (G102)."""
    nodes = _lifted(arrays)
    shape = broadcast(*(x.shape for x in nodes))
    return tuple(x if x.shape == shape else broadcast_to(x, shape) for x in nodes)


@public
def meshgrid(*arrays: Any, indexing: str = "xy") -> tuple[Node, ...]:
    """The coordinates of a grid, one array for each vector: the k-th counts along axis k, but the
    first two are exchanged with indexing "xy". Raises ShapeError (G103), UsageError.
    """
    if indexing not in ("xy", "ij"):
        raise UsageError(f"indexing is 'xy' or 'ij', not {indexing!r}")
    nodes = [x if x.ndim else expand_dims(x, 0) for x in _lifted(arrays)]
    for x in nodes:
        if x.ndim > 1:
            raise ShapeError(f"a grid is made of vectors, not {x.type}", code="G103")
    order = list(range(len(nodes)))
    if indexing == "xy":
        order[:2] = order[1::-1]
    sizes = [nodes[k].shape[0] for k in order]
    lone = [tuple(a for a in sorted(order) if a != at) for at in order]
    return tuple(
        broadcast_to(expand_dims(x, axes), sizes) if axes else x
        for x, axes in zip(nodes, lone, strict=True)
    )


@public
def kron(a: Any, b: Any) -> Node:
    """The Kronecker product: blocks a[i, j] * b; the array of fewer axes gets new ones in front."""
    left, right = graph_of(a, b).lift((a, b))
    rank = max(left.ndim, right.ndim)
    left, right = (reshape(x, (*(1,) * (rank - x.ndim), *x.shape)) for x in (left, right))
    shape = tuple(product(pair) for pair in zip(left.shape, right.shape, strict=True))
    odd, even = tuple(range(1, 2 * rank, 2)), tuple(range(0, 2 * rank, 2))
    blocks = multiply(expand_dims(left, odd), expand_dims(right, even)) if rank else left * right
    return reshape(blocks, shape)
