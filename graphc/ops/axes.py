"""Arguments as a user gives them, stages, axes and shapes, to the normal form that operations keep
in attributes.

The normal form: an axis is counted from 0, several axes are a sorted tuple, a shape is a tuple of
sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from graphc.errors import ShapeError, UsageError
from graphc.graph import Node
from graphc.types import Dim, Size, shape_text


def stage(x: Any) -> Node:
    """The stage itself; raises UsageError for anything else."""
    if not isinstance(x, Node):
        raise UsageError(
            f"a stage of a graph is wanted here, not {type(x).__name__}",
            hint="make it one: g.constant(value)",
        )
    return x


def axis_of(axis: Any, rank: int, shape: Sequence[Dim]) -> int:
    """One axis counted from 0, of `rank` axes; raises ShapeError (G103) that tells `shape`,
    UsageError for no integer.
    """
    if isinstance(axis, bool) or not hasattr(axis, "__index__") or isinstance(axis, Node):
        raise UsageError(f"an axis is an integer, not {type(axis).__name__}")
    if not -rank <= (axis := index(axis)) < rank:
        range_ = f"axes go from {-rank} to {rank - 1}" if rank else "a scalar has no axes"
        raise ShapeError(
            f"axis {axis} is out of range for shape {shape_text(shape)}", code="G103", hint=range_
        )
    return axis % rank


def axes_of(axis: Any, shape: Sequence[Dim], rank: int | None = None) -> tuple[int, ...]:
    """Axes sorted and counted from 0, all of them for None; raises ShapeError (G103) when one comes
    twice.
    """
    rank = len(shape) if rank is None else rank
    if axis is None:
        return tuple(range(rank))
    given = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(sorted(axis_of(a, rank, shape) for a in given))
    if len(set(axes)) < len(axes):
        raise ShapeError(f"an axis comes twice in {given}", code="G103")
    return axes


def reduced(shape: Sequence[Dim], axis: tuple[int, ...], keepdims: bool) -> tuple[Dim, ...]:
    """The shape after a reduction along `axis`."""
    if keepdims:
        return tuple(1 if i in axis else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axis)


def quotient(total: Dim, by: Dim) -> Dim | None:
    """`total / by` where that is a size, None where it is not."""
    if by == 0:
        return None
    factor = _ratio(total, by)
    if isinstance(by, Size):
        return factor if factor is not None and by * factor == total else None
    if isinstance(total, Size):
        exact = all(c % by == 0 for _, c in total.terms) and total.const % by == 0
        return (
            Size(tuple((n, c // by) for n, c in total.terms), total.const // by) if exact else None
        )
    return factor


def _ratio(total: Dim, by: Dim) -> int | None:
    """The whole number that the leading coefficients have as their ratio."""
    over, under = (d.terms[0][1] if isinstance(d, Size) else d for d in (total, by))
    return over // under if over % under == 0 else None
