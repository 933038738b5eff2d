"""Arrays with a border, or without theirs: pad, by a constant or by what lies inside.

A border of an axis is runs of its elements, one after the other or backwards; its gradient adds
them up where they came from. Note [Runs].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import index as whole
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import FUNCTIONS, Node, Op, declare, graph_of, public
from graphc.ops.axes import axis_of, stage
from graphc.ops.elementwise.arith import astype, is_constant, where
from graphc.ops.shaping.layout import broadcast_to
from graphc.ops.shaping.pieces import concat, part, place
from graphc.ops.spell import Expand
from graphc.types import Dim, Size, Type, promote, shape_text

__all__ = [
    "pad",
]

Widths = tuple[tuple[int, int], ...]
Run = tuple[int, int, int]
"""Where a run starts, how many elements it has, and its step: 1, -1, or 0 for one element again."""

MODES = ("constant", "reflect", "edge", "symmetric", "wrap")


def _padded(shape: tuple[Dim, ...], widths: Widths) -> tuple[Dim, ...]:
    found = tuple(low + d + high for d, (low, high) in zip(shape, widths, strict=True))
    if any(isinstance(d, int) and d < 0 for d in found):
        raise ShapeError(
            f"widths {widths} cut more off {shape_text(shape)} than there is", code="G104"
        )
    return found


# A border of one value


def _inner(g: Node, shape: tuple[Dim, ...], widths: Widths) -> Node:
    """The part of a padded array that came from `shape`."""
    starts = tuple(max(low, 0) for low, _ in widths)
    kept = (d + min(low, 0) + min(high, 0) for d, (low, high) in zip(shape, widths, strict=True))
    return part(g, starts, tuple(kept))


def _negated(widths: Widths) -> Widths:
    return tuple((-low, -high) for low, high in widths)


def _border_define(x: Node, value: Node, widths: Widths) -> Node:
    dtype = promote(x.dtype, value.dtype)
    shape = _padded(x.shape, widths)
    kept = astype(_inner(x, shape, _negated(widths)), dtype)
    starts = tuple(max(low, 0) for low, _ in widths)
    steps = (1,) * x.ndim
    laid = place(kept, shape=shape, starts=(starts,), steps=(steps,))
    if is_constant(value, 0):
        return laid
    inside = broadcast_to(value.graph.constant(True), kept.shape)
    mask = place(inside, shape=shape, starts=(starts,), steps=(steps,))
    return where(mask, laid, value)


def _border_numpy(x: np.ndarray, value: np.ndarray, widths: Widths) -> np.ndarray:
    cut = tuple(
        slice(max(-low, 0), n - max(-high, 0))
        for n, (low, high) in zip(x.shape, widths, strict=True)
    )
    rest = [(max(low, 0), max(high, 0)) for low, high in widths]
    kept = x[cut].astype(np.result_type(x, value))
    return np.pad(kept, rest, constant_values=value) if x.ndim else kept


def _border_vjp(g: Node, y: Node, x: Node, value: Node, widths: Widths) -> tuple[Any, Any]:
    """The inner part of g; the rest of it for the value."""
    inner = _inner(g, x.shape, widths)
    total = FUNCTIONS["sum"]
    d_value = None if value.is_leaf and is_constant(value) else total(g) - total(inner)
    back = place(
        inner,
        shape=x.shape,
        starts=(tuple(max(-low, 0) for low, _ in widths),),
        steps=((1,) * x.ndim,),
    )
    return (inner if inner.shape == x.shape else back), d_value


_border = declare(
    Op(
        "pad",
        lambda x, value, widths: Type(promote(x.dtype, value.dtype), _padded(x.shape, widths)),
        Expand(_border_define),
        _border_numpy,
        _border_vjp,
    )
)


# A border of what lies inside


def _runs(n: int, low: int, high: int, mode: str) -> list[Run]:
    """The elements along one axis of a padded array, as runs."""
    at = np.pad(np.arange(n), (low, high), mode=mode)  # type: ignore[call-overload]
    found: list[Run] = []
    while len(at):
        steps = np.diff(at)
        step = int(steps[0]) if len(steps) else 1
        count = int(np.argmax(steps != step)) + 1 if np.any(steps != step) else len(at)
        count, step = (count, step) if step in (-1, 0, 1) else (1, 1)
        found.append((int(at[0]), count, step))
        at = at[count:]
    return found


def _axes(shape: Sequence[Dim], widths: Widths, mode: str) -> Iterator[tuple[int, list[Run]]]:
    """The axes that get a border, and their runs."""
    for axis, (n, (low, high)) in enumerate(zip(shape, widths, strict=True)):
        if (low, high) != (0, 0):
            assert isinstance(n, int)
            yield axis, _runs(n, low, high, mode)


def _run_of(x: Node, axis: int, run: Run) -> Node:
    """A run of elements along an axis."""
    start, count, step = run
    shape = tuple(count if a == axis else d for a, d in enumerate(x.shape))
    starts = tuple(start if a == axis else 0 for a in range(x.ndim))
    if step == 0:
        one = tuple(1 if a == axis else d for a, d in enumerate(x.shape))
        return broadcast_to(part(x, starts, one), shape)
    return part(x, starts, shape, tuple(step if a == axis else 1 for a in range(x.ndim)))


def _mirror_define(x: Node, widths: Widths, mode: str) -> Node:
    for axis, runs in _axes(x.shape, widths, mode):
        x = concat([_run_of(x, axis, run) for run in runs], axis)
    return x


def _back_define(g: Node, widths: Widths, mode: str) -> Node:
    """Every run of g added up where it came from, the last axis first."""
    inner = tuple(d - low - high for d, (low, high) in zip(g.shape, widths, strict=True))
    for axis, runs in reversed(list(_axes(inner, widths, mode))):
        shape = tuple(inner[axis] if a == axis else d for a, d in enumerate(g.shape))
        g = _added_up(g, axis, runs, shape)
    return g


def _added_up(g: Node, axis: int, runs: list[Run], shape: tuple[Dim, ...]) -> Node:
    total, at = None, 0
    for start, count, step in runs:
        piece = _run_of(g, axis, (at, count, 1))
        if step == 0:
            piece = FUNCTIONS["sum"](piece, axis=axis, keepdims=True)
        starts = tuple(start if a == axis else 0 for a in range(g.ndim))
        steps = tuple((step or 1) if a == axis else 1 for a in range(g.ndim))
        laid = place(piece, shape=shape, starts=(starts,), steps=(steps,))
        total, at = (laid if total is None else total + laid), at + count
    assert total is not None
    return total


def _back_numpy(g: np.ndarray, widths: Widths, mode: str) -> np.ndarray:
    for axis, (low, high) in enumerate(widths):
        n = g.shape[axis] - low - high
        at = np.pad(np.arange(n), (low, high), mode=mode)  # type: ignore[call-overload]
        found = np.zeros((*g.shape[:axis], n, *g.shape[axis + 1 :]), g.dtype)
        np.add.at(found, (slice(None),) * axis + (at,), g)
        g = found
    return g


_mirror: Op = declare(
    Op(
        "pad_inside",
        lambda x, widths, mode: Type(x.dtype, _padded(x.shape, widths)),
        Expand(_mirror_define),
        lambda x, widths, mode: np.pad(x, widths, mode=mode),
        lambda g, y, x, widths, mode: (_back(g, widths=widths, mode=mode),),
    )
)
"""A border of elements that lie inside."""

_back: Op = declare(
    Op(
        "pad_back",
        lambda g, widths, mode: Type(g.dtype, _padded(g.shape, _negated(widths))),
        Expand(_back_define),
        _back_numpy,
        lambda g, y, x, widths, mode: (_mirror(g, widths=widths, mode=mode),),
    )
)
"""A border folded back onto the elements that it was made of: the gradient of one."""


@public
def pad(x: Node, widths: Any, mode: str = "constant", value: Any = 0) -> Node:
    """`x` with a border: `widths` elements before and after it along each axis.

    `widths` is one number, (before, after) for every axis, or such a pair for each axis; a dict
    gives pairs for some axes. `mode`: "constant" takes `value`, a number or a scalar stage, and
    cuts off where a width is negative; "edge", "reflect" (without the edge), "symmetric" (with it)
    and "wrap" take what lies inside, as np.pad does. Shape d + before + after along each axis.
    Raises ShapeError (G104), UsageError.
    """
    if mode not in MODES:
        raise UsageError(f"mode is one of {', '.join(map(repr, MODES))}, not {mode!r}")
    pairs = _pairs(widths, stage(x))
    if mode == "constant":
        node, number = graph_of(x).lift((x, value))
        if number.ndim:
            raise ShapeError(f"the value of a border is a scalar, not {number.type}")
        return node if not any(map(any, pairs)) else _border(node, number, widths=pairs)
    _check_inside(x, pairs, mode)
    return x if not any(map(any, pairs)) else _mirror(x, widths=pairs, mode=mode)


def _pairs(widths: Any, x: Node) -> Widths:
    """(before, after) for each axis; raises UsageError, ShapeError."""
    if isinstance(widths, dict):
        given = {axis_of(a, x.ndim, x.shape): _pair(w) for a, w in widths.items()}
        return tuple(given.get(a, (0, 0)) for a in range(x.ndim))
    rows = list(widths) if isinstance(widths, (tuple, list, np.ndarray)) else [widths]
    if any(isinstance(r, (tuple, list, np.ndarray)) for r in rows):
        pairs = tuple(map(_pair, rows))
    else:
        pairs = (_pair(rows),)
    pairs = pairs * x.ndim if len(pairs) == 1 else pairs
    if len(pairs) != x.ndim:
        raise ShapeError(f"{len(pairs)} pairs of widths do not fit {x.type}", code="G104")
    return pairs


def _pair(given: Any) -> tuple[int, int]:
    values = list(given) if isinstance(given, (tuple, list, np.ndarray)) else [given]
    try:
        low, high = map(whole, values * 2 if len(values) == 1 else values)
    except (TypeError, ValueError, UsageError):
        raise UsageError(
            "widths are integers, known before data comes", hint="gr.pad(x, ((1, 2), (0, 0)))"
        ) from None
    return low, high


def _check_inside(x: Node, widths: Widths, mode: str) -> None:
    for axis, (n, (low, high)) in enumerate(zip(x.shape, widths, strict=True)):
        if (low, high) == (0, 0):
            continue
        if isinstance(n, Size):
            raise ShapeError(f"mode {mode!r} goes along literal sizes, not {n} (axis {axis})")
        if min(low, high) < 0:
            raise ShapeError(f"mode {mode!r} takes widths from 0 up", code="G104")
        if not n:
            raise ShapeError(f"axis {axis} of {x.type} has nothing to take a border from")


# Note [Runs]. What np.pad does to the numbers 0..n-1 says where each element of a padded axis comes
# from. Those numbers go up or down by one, or stand still at an edge, so they are few runs: slices,
# or one element spread. Concatenated they are the padded axis, however often it is reflected.
