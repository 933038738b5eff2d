"""Parts of arrays: slices, and arrays made of pieces, each the other's gradient.

Slices are kept in numbers that wrap no more. Along a named size they are affine: their steps are 1
or -1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import Node, Op, declare, graph_of, public
from graphc.ops.axes import axis_of
from graphc.ops.shaping.layout import expand_dims, ravel, squeeze
from graphc.ops.spell import Along, Expand, Place, View
from graphc.ops.stacked import shifting
from graphc.ops.tangents import all_at_once
from graphc.types import Dim, Type, promote, shape_text

__all__ = [
    "concat",
    "stack",
]

# Slices

Ints = tuple[Dim, ...]


def _slice_type(x: Type, starts: Ints, stops: Ints, steps: tuple[int, ...]) -> Type:
    return Type(x.dtype, tuple(map(_count, starts, stops, steps)))


def _count(start: Dim, stop: Dim, step: int) -> Dim:
    """How many of start, start + step, ... come before `stop`."""
    span = (stop - start) * (1 if step > 0 else -1)
    if isinstance(span, int):
        return -(-max(span, 0) // abs(step))
    if abs(step) != 1:
        raise ShapeError(
            f"one in {abs(step)} of {span} elements is not affine in the named sizes", code="G104",
            hint="slice a named size with step 1 or -1",
        )  # fmt: skip
    return span


def run(start: int, count: int, step: int) -> slice:
    """NumPy's slice for start, start + step, ..., `count` of them."""
    stop = start + step * count
    return slice(start, stop if stop >= 0 else None, step) if count else slice(0, 0)


def _slice_numpy(x: np.ndarray, starts: Any, stops: Any, steps: Any) -> np.ndarray:
    for need in slice_needs(x.shape, starts, stops, steps):
        if need < 0:
            raise ShapeError(f"a slice reaches outside of shape {shape_text(x.shape)}", code="G104")
    counts: Any = map(_count, starts, stops, steps)
    return x[tuple(map(run, starts, counts, steps))]


def slice_needs(
    shape: Sequence[Dim], starts: Ints, stops: Ints, steps: tuple[int, ...]
) -> list[Any]:
    """Sizes that must not be negative for the slice to lie inside; only those with names can fail
    at run time.
    """
    needs: list[Any] = []
    for size_, start, stop, step in zip(shape, starts, stops, steps, strict=True):
        count = _count(start, stop, step)
        last = start + step * (count - 1)
        low, high = (start, last) if step > 0 else (last, start)
        needs += [count, low, size_ - 1 - high] if count else []
    return needs


def _slice_vjp(
    g: Node, y: Node, x: Node, starts: Ints, stops: Ints, steps: tuple[int, ...]
) -> tuple[Node]:
    return (place(g, shape=x.shape, starts=(starts,), steps=(steps,)),)


def _slice_batch(
    op: Op, args: Sequence[Node], mapped: Any, size: Dim, starts: Ints, stops: Ints, steps: Any
) -> Node:
    return op(*args, starts=(0, *starts), stops=(size, *stops), steps=(1, *steps))


slice_ = declare(
    Op(
        "slice",
        _slice_type,
        View(lambda x, y, starts, stops, steps: tuple(map(Along, range(x.rank), steps, starts))),
        _slice_numpy,
        _slice_vjp,
        batch=_slice_batch,
    )
)
"""x[start:stop:step] on every axis, in numbers that wrap no more: a stop of -1 lies before the
first element.
"""


def part(x: Node, starts: Ints, shape: Sequence[Dim], steps: tuple[int, ...] | None = None) -> Node:
    """The elements start, start + step, ... of `x`, `shape` many along each axis."""
    steps = steps or (1,) * x.ndim
    stops = tuple(a + n * s for a, n, s in zip(starts, shape, steps, strict=True))
    whole = all(s == 1 for s in steps) and tuple(shape) == x.shape
    return x if whole else slice_(x, starts=starts, stops=stops, steps=steps)


# Pieces laid side by side


def _place_numpy(*pieces: np.ndarray, shape: Any, starts: Any, steps: Any) -> np.ndarray:
    whole = np.zeros(shape, np.result_type(*pieces))
    for piece, start, step in zip(pieces, starts, steps, strict=True):
        whole[tuple(map(run, start, piece.shape, step))] = piece
    return whole


def _place_vjp(g: Node, y: Node, *pieces: Node, shape: Any, starts: Any, steps: Any) -> list[Node]:
    return [part(g, a, p.shape, s) for p, a, s in zip(pieces, starts, steps, strict=True)]


place = declare(
    Op(
        "place",
        lambda *pieces, shape, starts, steps: Type(promote(*(p.dtype for p in pieces)), shape),
        Place(),
        _place_numpy,
        _place_vjp,
    )
)
"""Pieces laid into slices of a new array that is zero elsewhere; the pieces do not overlap."""


def _concat_type(*pieces: Type, axis: int) -> Type:
    first = pieces[0].shape
    for p in pieces[1:]:
        same = p.rank == len(first) and all(
            a == b for i, (a, b) in enumerate(zip(p.shape, first, strict=True)) if i != axis
        )
        if not same:
            raise ShapeError(
                f"{shape_text(first)} and {shape_text(p.shape)} differ beside axis {axis}",
                code="G102",
            )
    total: Dim = 0
    for p in pieces:
        total = p.shape[axis] + total
    return Type(promote(*(p.dtype for p in pieces)), (*first[:axis], total, *first[axis + 1 :]))


def _starts(pieces: Sequence[Node], axis: int) -> list[Ints]:
    """Where each piece begins."""
    starts: list[Ints] = []
    at: Dim = 0
    for p in pieces:
        starts.append(tuple(at if i == axis else 0 for i in range(p.ndim)))
        at = p.shape[axis] + at
    return starts


def _concat_define(*pieces: Node, axis: int) -> Node:
    shape = _concat_type(*(p.type for p in pieces), axis=axis).shape
    steps = ((1,) * len(shape),) * len(pieces)
    return place(*pieces, shape=shape, starts=tuple(_starts(pieces, axis)), steps=steps)


def _concat_vjp(g: Node, y: Node, *pieces: Node, axis: int) -> list[Node]:
    return [part(g, a, p.shape) for p, a in zip(pieces, _starts(pieces, axis), strict=True)]


_concat = declare(
    Op(
        "concat",
        _concat_type,
        Expand(_concat_define),
        lambda *pieces, axis: np.concatenate(pieces, axis),
        _concat_vjp,
        jvp=all_at_once,
        batch=shifting,
    )
)


@public
def concat(arrays: Sequence[Any], axis: int | None = 0) -> Node:
    """The arrays one after the other along `axis`, flattened first for None; raises ShapeError
    (G102, G103).
    """
    nodes = _nodes(arrays)
    if axis is None:
        nodes, axis = tuple(map(ravel, nodes)), 0
    return _concat(*nodes, axis=axis_of(axis, nodes[0].ndim, nodes[0].shape))


def _nodes(arrays: Sequence[Any]) -> tuple[Node, ...]:
    if isinstance(arrays, Node) or not len(arrays):
        raise UsageError("a sequence of one array or more is wanted here", hint="gr.concat([a, b])")
    return graph_of(*arrays).lift(arrays)


def _stack_type(*pieces: Type, axis: int) -> Type:
    for p in pieces[1:]:
        if p.shape != pieces[0].shape:
            texts = " and ".join(shape_text(t.shape) for t in (pieces[0], p))
            raise ShapeError(f"{texts} are not one shape, so they cannot be stacked", code="G102")
    shape = list(pieces[0].shape)
    shape.insert(axis, len(pieces))
    return Type(promote(*(p.dtype for p in pieces)), tuple(shape))


def _stack_vjp(g: Node, y: Node, *pieces: Node, axis: int) -> list[Node]:
    shape = tuple(1 if i == axis else d for i, d in enumerate(y.shape))
    rows = (
        part(g, tuple(k if i == axis else 0 for i in range(g.ndim)), shape)
        for k in range(len(pieces))
    )
    return [squeeze(row, axis) for row in rows]


_stack = declare(
    Op(
        "stack",
        _stack_type,
        Expand(lambda *pieces, axis: concat([expand_dims(p, axis) for p in pieces], axis)),
        lambda *pieces, axis: np.stack(pieces, axis),
        _stack_vjp,
        jvp=all_at_once,
        batch=shifting,
    )
)


@public
def stack(arrays: Sequence[Any], axis: int = 0) -> Node:
    """The arrays, all of one shape, along a new axis; raises ShapeError (G102, G103)."""
    nodes = _nodes(arrays)
    return _stack(*nodes, axis=axis_of(axis, nodes[0].ndim + 1, nodes[0].shape))
