"""Pieces of one array in, the array whose rows they are out; and rows of an array laid side by side
again.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.graph import Node
from graphc.ops.layout import expand_dims, move_axis, reshape, squeeze
from graphc.ops.pieces import concat, part
from graphc.types import Dim


def sliding(base: Node, piece: Node, starts: Sequence[Dim], ahead: Sequence[int], count: int) -> Node:
    """The slices of `base` that begin at `starts` and further by `ahead` each, `count` of them, as
    the rows of one array; `piece` is such a slice.
    """
    axis = next(i for i, d in enumerate(ahead) if d)
    steps, shape = piece.attrs["steps"], piece.shape
    width, by = shape[axis], ahead[axis]
    if width != 1 and width == by:
        run = part(base, starts, _with(shape, axis, width * count), steps)
        split = (*shape[:axis], count, *shape[axis:])
        return move_axis(reshape(run, split), axis, 0)
    every = [
        part(base, _with(starts, axis, starts[axis] + k), _with(shape, axis, count), _with(steps, axis, by))
        for k in range(int(width))  # type: ignore[arg-type]
    ]  # fmt: skip
    wide = [expand_dims(x, axis + 1) for x in every]
    return move_axis(concat(wide, axis + 1) if len(wide) > 1 else wide[0], axis, 0)


def _with(values: Sequence[Dim], axis: int, value: Dim) -> tuple[Dim, ...]:
    return (*values[:axis], value, *values[axis + 1 :])


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
    shape = moved.shape
    return reshape(moved, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))
