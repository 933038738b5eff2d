"""Pieces of one array in, the array whose rows they are out; and rows of an array laid side by side
again.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.graph import Node
from graphc.ops.shaping.layout import expand_dims, move_axis, reshape, squeeze
from graphc.ops.shaping.pieces import concat, part


def sliding(base: Node, first: Node, ahead: Sequence[int], count: int) -> Node:
    """The `count` slices of `base` of which each begins further than the one before by `ahead`, as
    the rows of one array; `first` is the first slice, maybe of another value.
    """
    axis = next(i for i, d in enumerate(ahead) if d)
    width, by = first.shape[axis], ahead[axis]
    if width != 1 and width == by:
        return _in_order(base, first, axis, count)
    every = [_every(base, first, axis, k, by, count) for k in range(int(width))]  # type: ignore[arg-type]
    wide = [expand_dims(x, axis + 1) for x in every]
    return move_axis(concat(wide, axis + 1) if len(wide) > 1 else wide[0], axis, 0)


def _in_order(base: Node, first: Node, axis: int, count: int) -> Node:
    """Slices that lie one behind the other."""
    before, shape = first.shape[:axis], first.shape
    long = (*before, shape[axis] * count, *shape[axis + 1 :])
    run = part(base, first.attrs["starts"], long, first.attrs["steps"])
    return move_axis(reshape(run, (*before, count, *shape[axis:])), axis, 0)


def _every(base: Node, first: Node, axis: int, k: int, by: int, count: int) -> Node:
    """Element `k` along an axis of every slice."""
    starts, steps, shape = (
        list(v) for v in (first.attrs["starts"], first.attrs["steps"], first.shape)
    )
    starts[axis] += k
    steps[axis], shape[axis] = by, count
    return part(base, tuple(starts), shape, tuple(steps))


def some(rows: Node, first: int, by: int, count: int) -> Node:
    """The rows first, first + by, ..., `count` of them."""
    if by == 0:
        return some(rows, first, 1, 1)
    rest = rows.shape[1:]
    return part(rows, (first, *(0 for _ in rest)), (count, *rest), (by, *(1 for _ in rest)))


def row(rows: Node, at: int) -> Node:
    """One row."""
    return squeeze(some(rows, at, 1, 1), 0)


def beside(rows: Node, axis: int, stacked: bool) -> Node:
    """Rows laid side by side along an axis, a new one where they are to be stacked."""
    moved = move_axis(rows, 0, axis)
    if stacked:
        return moved
    count, size = rows.shape[0], moved.shape[axis + 1]
    assert isinstance(count, int)
    return reshape(moved, (*moved.shape[:axis], size * count, *moved.shape[axis + 2 :]))
