"""Elements by their order: sort, argsort, topk, kthvalue, and searches in what is sorted.

One routine finds the positions; values are gathered there, and gradients go back there. Equal
elements keep their order; NaN is greater than all numbers, so that it comes last, or first where
the order descends.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import Node, Op, declare, graph_of, public
from graphc.ops.axes import axis_of, stage
from graphc.ops.elementwise.arith import astype
from graphc.ops.indexing.index import gather, scatter
from graphc.ops.shaping.layout import iota, move_axis, ravel, reshape, squeeze
from graphc.ops.shaping.pieces import part
from graphc.ops.spell import Expand, Routine
from graphc.ops.stacked import repeating
from graphc.types import Dim, Type, promote, shape_text

__all__ = [
    "argsort",
    "argwhere",
    "bucketize",
    "digitize",
    "kthvalue",
    "nonzero",
    "searchsorted",
    "sort",
    "topk",
    "unique",
]

# Elements at known positions


def along(x: Node, positions: Node, axis: int) -> Node:
    """The elements of `x` at positions along an axis, which are known to be in range."""
    return gather(x, *_indices(positions, axis))


def put(g: Node, positions: Node, axis: int, count: Dim) -> Node:
    """Zeros, `count` along the axis, with `g` added up at positions: the gradient of `along`."""
    shape = (*g.shape[:axis], count, *g.shape[axis + 1 :])
    return scatter(g, *_indices(positions, axis), shape=shape)


def _indices(positions: Node, axis: int) -> list[Node]:
    """An index for each axis: the positions, and counts along all others."""
    shape = positions.shape
    return [positions if a == axis else iota(positions, shape, (a,)) for a in range(positions.ndim)]


def comparable(x: Node) -> Node:
    """`x` as numbers that routines compare."""
    return astype(x, "u8") if x.dtype == "bool" else x


def first(x: Node, axis: int, count: Dim, start: Dim = 0) -> Node:
    """`count` elements along an axis from `start` on."""
    starts = tuple(start if a == axis else 0 for a in range(x.ndim))
    return part(x, starts, (*x.shape[:axis], count, *x.shape[axis + 1 :]))


# Positions in order


def _ordered_numpy(x: np.ndarray, descending: bool, axis: int = -1) -> np.ndarray:
    if not descending:
        return np.argsort(x, axis, kind="stable")
    last = x.shape[axis] - 1
    return last - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)


ordered = declare(
    Op(
        "ordered",
        lambda x, descending: x.with_dtype("i64"),
        Routine("argsort", ("descending",), lambda n: n * 8),
        _ordered_numpy,
        core="(n)->(n)",
    )
)
"""The positions of a row's elements in order."""


def _argsort_define(x: Node, axis: int, descending: bool) -> Node:
    rows = move_axis(comparable(x), axis, -1)
    return move_axis(ordered(rows, descending=descending), -1, axis)


_argsort = declare(
    Op(
        "argsort",
        lambda x, axis, descending: x.with_dtype("i64"),
        Expand(_argsort_define),
        lambda x, axis, descending: _ordered_numpy(x, descending, axis),
    )
)


def _sort_vjp(g: Node, y: Node, x: Node, axis: int, descending: bool) -> tuple[Node]:
    """Each gradient to where its element came from."""
    return (put(g, _argsort(x, axis=axis, descending=descending), axis, x.shape[axis]),)


def _sort_numpy(x: np.ndarray, axis: int, descending: bool) -> np.ndarray:
    return np.take_along_axis(x, _ordered_numpy(x, descending, axis), axis)


_sort = declare(
    Op(
        "sort",
        lambda x, axis, descending: x,
        Expand(lambda x, axis, **told: along(x, _argsort(x, axis=axis, **told), axis)),
        _sort_numpy,
        _sort_vjp,
    )
)


@public
def argsort(
    x: Node, axis: int | None = -1, *, descending: bool = False, stable: bool = True
) -> Node:
    """The positions along `axis` that put `x` in order, of all elements for None: i64 (Array API).

    Equal elements keep their order either way; NaN counts as the greatest. Raises ShapeError.
    """
    x, axis = (ravel(stage(x)), 0) if axis is None else (stage(x), axis)
    return _argsort(x, axis=axis_of(axis, x.ndim, x.shape), descending=bool(descending))


@public
def sort(x: Node, axis: int | None = -1, *, descending: bool = False, stable: bool = True) -> Node:
    """`x` in order along `axis`, all elements in one row for None (Array API).

    Each element's gradient goes to where it came from; NaN counts as the greatest. Raises
    ShapeError.
    """
    x, axis = (ravel(stage(x)), 0) if axis is None else (stage(x), axis)
    return _sort(x, axis=axis_of(axis, x.ndim, x.shape), descending=bool(descending))


# The first few in order


def _top(x: Node, k: int, axis: int, largest: bool) -> Node:
    """The positions of the k greatest, or least."""
    return first(_argsort(x, axis=axis, descending=largest), axis, k)


def _top_type(x: Type, k: int, axis: int, largest: bool) -> Type:
    return Type(x.dtype, (*x.shape[:axis], k, *x.shape[axis + 1 :]))


_topk = declare(
    Op(
        "topk",
        _top_type,
        Expand(lambda x, k, axis, largest: along(x, _top(x, k, axis, largest), axis)),
        lambda x, k, axis, largest: np.take(_sort_numpy(x, axis, largest), range(k), axis),
        lambda g, y, x, k, axis, largest: (put(g, _top(x, k, axis, largest), axis, x.shape[axis]),),
    )
)


def _rank(x: Node, k: Any, axis: Any, least: int) -> tuple[int, int]:
    """A number of elements along an axis; raises UsageError or ShapeError for what cannot be."""
    axis = axis_of(axis, stage(x).ndim, x.shape)
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)):
        raise UsageError(f"k is an integer, not {type(k).__name__}")
    n = x.shape[axis]
    if k < least or (isinstance(n, int) and k > n):
        raise ShapeError(
            f"k is {k}, but axis {axis} of shape {shape_text(x.shape)} has {n} elements",
            code="G106",
        )
    return int(k), axis


@public
def topk(x: Node, k: int, axis: int = -1, *, largest: bool = True) -> tuple[Node, Node]:
    """The k greatest elements along `axis`, or the least, in order: (values, indices), the indices
    i64 (torch.topk).

    Of equal elements the first ones count. Raises ShapeError (G106) for more than there are.
    """
    k, axis = _rank(x, k, axis, 0)
    return _topk(x, k=k, axis=axis, largest=bool(largest)), _top(x, k, axis, bool(largest))


def _kth(x: Node, k: int, axis: int) -> Node:
    """The position of the k-th element in order, its axis kept."""
    return first(_argsort(x, axis=axis, descending=False), axis, 1, k - 1)


_kthvalue = declare(
    Op(
        "kthvalue",
        lambda x, k, axis: Type(x.dtype, (*x.shape[:axis], 1, *x.shape[axis + 1 :])),
        Expand(lambda x, k, axis: along(x, _kth(x, k, axis), axis)),
        lambda x, k, axis: np.take(_sort_numpy(x, axis, False), [k - 1], axis),
        lambda g, y, x, k, axis: (put(g, _kth(x, k, axis), axis, x.shape[axis]),),
    )
)


@public
def kthvalue(x: Node, k: int, axis: int = -1, *, keepdims: bool = False) -> tuple[Node, Node]:
    """The k-th least element along `axis`, counted from 1, and where it stands: (values, indices)
    (torch.kthvalue).

    Raises ShapeError (G106) where there are fewer.
    """
    k, axis = _rank(x, k, axis, 1)
    found = _kthvalue(x, k=k, axis=axis), _kth(x, k, axis)
    return found if keepdims else (squeeze(found[0], axis), squeeze(found[1], axis))


# Searches in what is sorted

found_in = declare(
    Op(
        "found_in",
        lambda row, values, right: values.with_dtype("i64"),
        Routine("search", ("right",)),
        lambda row, values, right: _search_numpy(row, values, right),
        core="(n),(m)->(m)",
        batch=repeating,
    )
)
"""Before which element of a sorted row each value would stand."""


def _search_numpy(row: np.ndarray, values: np.ndarray, right: bool) -> np.ndarray:
    side: Any = "right" if right else "left"
    if row.ndim == 1:
        return np.searchsorted(row, values, side)
    places = np.ndindex(row.shape[:-1])
    found = [np.searchsorted(row[at], values[at], side) for at in places]
    return np.reshape(np.array(found, np.int64), values.shape)


def _search_type(row: Type, values: Type, right: bool) -> Type:
    if not row.rank or (row.rank > 1 and row.shape[:-1] != values.shape[:-1]):
        raise ShapeError(
            f"values of shape {shape_text(values.shape)} cannot be searched in rows of shape "
            f"{shape_text(row.shape)}",
            code="G102", hint="one row for all values, or one for each row of values",
        )  # fmt: skip
    return values.with_dtype("i64")


def _search_define(row: Node, values: Node, right: bool) -> Node:
    dtype = promote(row.dtype, values.dtype)
    row, sought = (comparable(astype(x, dtype)) for x in (row, values))
    if row.ndim > 1 or values.ndim == 1:
        return found_in(row, sought, right=right)
    return reshape(found_in(row, ravel(sought), right=right), values.shape)


_searchsorted = declare(Op("searchsorted", _search_type, Expand(_search_define), _search_numpy))


@public
def searchsorted(sorted: Any, values: Any, side: str = "left") -> Node:
    """Before which element of `sorted`, shape (n,), each of `values` would stand: i64 of their
    shape, 0..n (NumPy); with side="right" behind those equal to it.

    Rows (..., n) serve values (..., m), each its own. What is not sorted gives some position.
    Raises UsageError for another `side`, ShapeError (G102).
    """
    if side not in ("left", "right"):
        raise UsageError(f"side is 'left' or 'right', not {side!r}")
    row, sought = graph_of(sorted, values).lift(_arrays(sorted, values))
    return _searchsorted(row, sought, right=side == "right")


def _arrays(*given: Any) -> list[Any]:
    return [x if isinstance(x, Node) else np.asarray(x) for x in given]


@public
def digitize(x: Any, bins: Any, right: bool = False) -> Node:
    """How many of the increasing `bins` lie at or below each element; strictly below for right=True
    (NumPy).
    """
    return searchsorted(bins, x, "left" if right else "right")


@public
def bucketize(values: Any, boundaries: Any, *, right: bool = False) -> Node:
    """torch.bucketize: how many boundaries lie strictly below each value; at or below for
    right=True.
    """
    return searchsorted(boundaries, values, "right" if right else "left")


# What has no shape before data comes


def _shapeless(what: str, hint: str) -> UsageError:
    return UsageError(f"{what}, which no shape can say", hint=hint)


@public
def nonzero(x: Node) -> NoReturn:
    """Raises UsageError: the result has as many elements as `x` has that are not 0."""
    raise _shapeless(
        "nonzero gives as many indices as there are elements that are not 0",
        "gr.count_nonzero counts them, gr.where(gr.not_equal(x, 0), ...) keeps the shape",
    )


@public
def argwhere(x: Node) -> NoReturn:
    """Raises UsageError: the result has as many rows as `x` has elements that are not 0."""
    raise _shapeless(
        "argwhere gives as many rows as there are elements that are not 0",
        "gr.count_nonzero counts them, gr.where(gr.not_equal(x, 0), ...) keeps the shape",
    )


@public
def unique(x: Node) -> NoReturn:
    """Raises UsageError: the result has as many elements as `x` has different ones."""
    raise _shapeless(
        "unique gives as many elements as there are different ones",
        "gr.sort puts equal elements side by side",
    )
