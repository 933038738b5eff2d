"""Arrays repeated, rolled and cut up: tile, repeat, roll, split and its kin.

Copies are laid out by broadcasting; the gradient of what was repeated is the sum over its copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import index as whole
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import FUNCTIONS, Node, Op, declare, public
from graphc.ops.axes import axis_of, stage
from graphc.ops.shaping.layout import broadcast_to, expand_dims, ravel, reshape, squeeze
from graphc.ops.shaping.pieces import concat, part
from graphc.ops.spell import Expand
from graphc.types import Dim, Size, Type, shape_text

__all__ = [
    "array_split",
    "chunk",
    "dsplit",
    "hsplit",
    "repeat",
    "roll",
    "split",
    "tile",
    "unstack",
    "vsplit",
]

Ints = tuple[int, ...]

# tile: the whole array, again and again


def _pairs(shape: Sequence[Dim], reps: Ints) -> tuple[Dim, ...]:
    return tuple(d for pair in zip(reps, shape, strict=True) for d in pair)


def _tile_define(x: Node, reps: Ints) -> Node:
    """Axes of length reps before those of `x`; a named size is repeated piece by piece."""
    for axis, (count, dim) in enumerate(zip(reps, x.shape, strict=True)):
        if isinstance(dim, Size) and count > 1:
            x = concat([x] * count, axis)
            reps = (*reps[:axis], 1, *reps[axis + 1 :])
    wide = expand_dims(x, tuple(range(0, 2 * x.ndim, 2)))
    shape = tuple(d * r for d, r in zip(x.shape, reps, strict=True))
    return reshape(broadcast_to(wide, _pairs(x.shape, reps)), shape)


def _tile_vjp(g: Node, y: Node, x: Node, reps: Ints) -> tuple[Node]:
    """The sum over copies."""
    for axis, (count, dim) in enumerate(zip(reps, x.shape, strict=True)):
        if isinstance(dim, Size) and count > 1:
            copies = _cut(g, axis, [dim * k for k in range(count + 1)])
            g = copies[0]
            for other in copies[1:]:
                g = g + other
            reps = (*reps[:axis], 1, *reps[axis + 1 :])
    rows = reshape(g, _pairs(x.shape, reps))
    return (FUNCTIONS["sum"](rows, axis=tuple(range(0, 2 * x.ndim, 2))),)


_tile = declare(
    Op(
        "tile",
        lambda x, reps: Type(x.dtype, tuple(d * r for d, r in zip(x.shape, reps, strict=True))),
        Expand(_tile_define),
        lambda x, reps: np.tile(x, reps),
        _tile_vjp,
    )
)


@public
def tile(x: Node, reps: Any) -> Node:
    """`x` again and again: `reps` times along each axis, the last ones where there are fewer.

    Shape (reps[0] * x.shape[0], ...), with axes of size 1 in front where `reps` has more than `x`.
    Raises UsageError for what is not a count.
    """
    counts = _counts(reps)
    lead = (1,) * max(len(counts) - stage(x).ndim, 0)
    x = reshape(x, (*lead, *x.shape)) if lead else x
    counts = (1,) * (x.ndim - len(counts)) + counts
    return x if set(counts) <= {1} else _tile(x, reps=counts)


def _counts(given: Any) -> Ints:
    """Counts from 0 up; raises UsageError."""
    values = given if isinstance(given, (tuple, list, np.ndarray)) else (given,)
    try:
        counts = tuple(whole(v) for v in values)
    except (TypeError, UsageError):
        counts = (-1,)
    if any(c < 0 for c in counts):
        raise UsageError("counts are integers from 0 up, known before data comes")
    return counts


# repeat: each element, again and again


def _repeat_define(x: Node, repeats: int, axis: int) -> Node:
    shape = (*x.shape[: axis + 1], repeats, *x.shape[axis + 1 :])
    wide = broadcast_to(expand_dims(x, axis + 1), shape)
    return reshape(wide, _longer(x.shape, axis, repeats))


def _longer(shape: tuple[Dim, ...], axis: int, repeats: int) -> tuple[Dim, ...]:
    return (*shape[:axis], shape[axis] * repeats, *shape[axis + 1 :])


def _repeat_vjp(g: Node, y: Node, x: Node, repeats: int, axis: int) -> tuple[Node]:
    copies = reshape(g, (*x.shape[: axis + 1], repeats, *x.shape[axis + 1 :]))
    return (FUNCTIONS["sum"](copies, axis=axis + 1),)


_repeat = declare(
    Op(
        "repeat",
        lambda x, repeats, axis: Type(x.dtype, _longer(x.shape, axis, repeats)),
        Expand(_repeat_define),
        lambda x, repeats, axis: np.repeat(x, repeats, axis),
        _repeat_vjp,
    )
)


@public
def repeat(x: Node, repeats: Any, axis: int | None = None) -> Node:
    """Each element of `x` `repeats` times along `axis`, of all in row-major order for None.

    `repeats` is a count or one for each element along the axis. Raises ShapeError, UsageError.
    """
    x, axis = (ravel(stage(x)), 0) if axis is None else (stage(x), axis)
    axis, counts = axis_of(axis, x.ndim, x.shape), _counts(repeats)
    if len(counts) == 1:
        return x if counts[0] == 1 else _repeat(x, repeats=counts[0], axis=axis)
    if len(counts) != x.shape[axis]:
        raise ShapeError(
            f"{len(counts)} counts do not fit axis {axis} of shape {shape_text(x.shape)}"
        )
    return FUNCTIONS["take"](x, np.repeat(np.arange(len(counts)), counts), axis)


# roll


def _roll_define(x: Node, shifts: Ints, axes: Ints) -> Node:
    for shift, axis in zip(shifts, axes, strict=True):
        n = x.shape[axis]
        cut = n - shift if shift > 0 else -shift
        first, last = _cut(x, axis, [0, cut, n])
        x = concat([last, first], axis)
    return x


_roll: Op = declare(
    Op(
        "roll",
        lambda x, shifts, axes: x,
        Expand(_roll_define),
        lambda x, shifts, axes: np.roll(x, shifts, axes),
        lambda g, y, x, shifts, axes: (_roll(g, shifts=tuple(-s for s in shifts), axes=axes),),
    )
)


@public
def roll(x: Node, shift: Any, axis: Any = None) -> Node:
    """`x` with elements moved `shift` places along `axis`, those that fall off coming back at the
    other end; several axes with one shift each, or one for all; None moves along all elements in
    row-major order. A named size is at least as large as its shift. Raises ShapeError, UsageError.
    """
    if axis is None:
        return reshape(roll(ravel(stage(x)), shift, 0), x.shape)
    axes = tuple(axis_of(a, stage(x).ndim, x.shape) for a in (axis if _several(axis) else (axis,)))
    shifts = tuple(_integer(s, "a shift") for s in (shift if _several(shift) else (shift,)))
    shifts, axes = _matched(shifts, axes)
    total = {a: sum(s for s, b in zip(shifts, axes, strict=True) if a == b) for a in axes}
    moved = {a: _wrapped(s, x.shape[a]) for a, s in total.items() if _wrapped(s, x.shape[a])}
    return _roll(x, shifts=tuple(moved.values()), axes=tuple(moved)) if moved else x


def _several(value: Any) -> bool:
    return isinstance(value, (tuple, list, np.ndarray))


def _matched(shifts: Ints, axes: Ints) -> tuple[Ints, Ints]:
    """As many shifts as axes, where one of them stands for all; raises UsageError."""
    counts = {len(shifts), len(axes)}
    if 0 in counts or (len(counts) > 1 and 1 not in counts):
        raise UsageError(f"{len(shifts)} shifts do not fit {len(axes)} axes")
    count = max(len(shifts), len(axes))
    return (shifts * count)[:count], (axes * count)[:count]


def _integer(value: Any, what: str) -> int:
    try:
        return whole(value)
    except (TypeError, UsageError):
        raise UsageError(f"{what} is an integer, known before data comes") from None


def _wrapped(shift: int, n: Dim) -> int:
    if isinstance(n, Size):
        return shift
    return shift % n if n else 0


# Arrays in parts

COUNT = "the number of parts"


def _cut(x: Node, axis: int, bounds: Sequence[Dim]) -> list[Node]:
    """What lies between the bounds along an axis."""
    found = []
    for low, high in pairwise(bounds):
        starts = tuple(low if a == axis else 0 for a in range(x.ndim))
        shape = tuple(high - low if a == axis else d for a, d in enumerate(x.shape))
        found.append(part(x, starts, shape))
    return found


def _literal(x: Node, axis: int, what: str) -> int:
    """The size of an axis; raises ShapeError for a named one."""
    n = x.shape[axis]
    if isinstance(n, Size):
        raise ShapeError(f"axis {axis} of {shape_text(x.shape)} has a named size, so {what}")
    return n


@public
def split(x: Node, sections: Any, axis: int = 0) -> list[Node]:
    """`x` in `sections` equal parts along `axis`, or cut at the indices that `sections` lists.

    Raises ShapeError where the parts would not be equal.
    """
    axis = axis_of(axis, stage(x).ndim, x.shape)
    if not _several(sections):
        count, n = (
            _integer(sections, COUNT),
            _literal(x, axis, "it has no equal parts; cut it at indices"),
        )
        if count < 1 or n % count:
            raise ShapeError(
                f"axis {axis} of {shape_text(x.shape)} has no {count} equal parts",
                hint="gr.array_split allows parts that differ by one",
            )
    return array_split(x, sections, axis)


@public
def array_split(x: Node, sections: Any, axis: int = 0) -> list[Node]:
    """As `split`, but parts may differ by one element, larger ones first, as NumPy has it."""
    axis = axis_of(axis, stage(x).ndim, x.shape)
    if _several(sections):
        return _cut_at(x, [_integer(at, "a place to cut at") for at in sections], axis)
    n, count = _literal(x, axis, "cut it at indices"), _integer(sections, COUNT)
    if count < 1:
        raise ShapeError(f"{count} parts are less than one")
    sizes = [n // count + (k < n % count) for k in range(count)]
    return _cut(x, axis, [sum(sizes[:k]) for k in range(count + 1)])


def _cut_at(x: Node, places: Sequence[int], axis: int) -> list[Node]:
    slices = zip([None, *places], [*places, None], strict=True)
    lead = (slice(None),) * axis
    return [x[(*lead, slice(low, high))] for low, high in slices]


@public
def chunk(x: Node, chunks: int, axis: int = 0) -> list[Node]:
    """At most `chunks` parts of one size along `axis`, of which the last may be smaller: torch's
    chunk.
    """
    axis = axis_of(axis, stage(x).ndim, x.shape)
    n = _literal(x, axis, "cut it at indices")
    size = max(-(-n // max(_integer(chunks, COUNT), 1)), 1)
    return _cut(x, axis, [*range(0, n, size), n] if n else [0, 0])


@public
def unstack(x: Node, axis: int = 0) -> list[Node]:
    """The parts of `x` along `axis`, each without that axis: the inverse of stack."""
    axis = axis_of(axis, stage(x).ndim, x.shape)
    n = _literal(x, axis, "it cannot be taken apart")
    return [squeeze(row, axis) for row in _cut(x, axis, range(n + 1))]


@public
def hsplit(x: Node, sections: Any) -> list[Node]:
    """`split` along the second axis, of a vector along its only one."""
    return split(x, sections, 1 if stage(x).ndim > 1 else 0)


@public
def vsplit(x: Node, sections: Any) -> list[Node]:
    """`split` along the first axis of a matrix; raises ShapeError (G103) for a vector."""
    axis_of(1, stage(x).ndim, x.shape)
    return split(x, sections, 0)


@public
def dsplit(x: Node, sections: Any) -> list[Node]:
    """`split` along the third axis."""
    return split(x, sections, 2)
