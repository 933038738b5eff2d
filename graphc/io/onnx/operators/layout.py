"""Where elements stand: shapes, order, pieces, repetition, borders."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

import graphc.ops as gr
from graphc.errors import DataError
from graphc.graph import Node
from graphc.io.onnx.elements import check_size
from graphc.io.onnx.refusals import Unsupported
from graphc.io.onnx.rows import Known, dims, integers, literal, row
from graphc.io.onnx.values import shape_of, sizes, symbolic
from graphc.types import Dim, Size, product


@row("Shape")
def shape(x: Any, *, start: int = 0, end: int | None = None) -> np.ndarray:
    return sizes(shape_of(x)[start:end])


@row("Size")
def size(x: Any) -> np.ndarray:
    found = product(shape_of(x))
    return np.array(found, np.int64 if isinstance(found, int) else object)


@row("Reshape")
def reshape(x: Node, shape: Known, *, allowzero: int = 0) -> Node:
    asked = [x.shape[i] if n == 0 and not allowzero else n for i, n in enumerate(dims(shape))]
    return gr.reshape(x, tuple(asked))


@row("Flatten")
def flatten(x: Node, *, axis: int = 1) -> Node:
    axis = axis + x.ndim if axis < 0 else axis
    return gr.reshape(x, (product(x.shape[:axis]), product(x.shape[axis:])))


@row("Transpose")
def transpose(x: Node, *, perm: Sequence[int] | None = None) -> Node:
    return gr.transpose(x, None if perm is None else tuple(perm))


@row("Squeeze")
def squeeze(x: Node, axes: Known | None = None) -> Node:
    return gr.squeeze(x, None if axes is None else integers(axes))


@row("Unsqueeze")
def unsqueeze(x: Node, axes: Known) -> Node:
    return gr.expand_dims(x, integers(axes))


@row("Expand")
def expand(x: Node, shape: Known) -> Node:
    wanted = dims(shape)
    rank = max(x.ndim, len(wanted))
    old, new = ((1,) * (rank - len(s)) + tuple(s) for s in (x.shape, wanted))
    return gr.broadcast_to(x, tuple(o if n == 1 else n for o, n in zip(old, new, strict=True)))


@row("Concat")
def concat(*xs: Node, axis: int = 1) -> Node:
    return gr.concat(list(xs), axis)


# Pieces

MANY = 2**16
"""Parts that an array may be split into."""


@row("Slice")
def slice_(
    data: Node,
    starts: Known,
    ends: Known,
    axes: Known | None = None,
    steps: Known | None = None,
) -> Node:
    bounds = list(zip(dims(starts), dims(ends), strict=True))
    along = range(len(bounds)) if axes is None else integers(axes)
    by = [1] * len(bounds) if steps is None else integers(steps)
    whole = [slice(None)] * data.ndim
    for axis, (start, end), step in zip(along, bounds, by, strict=True):
        whole[axis] = _piece(start, end, step, data.shape[axis])
    return gr.index(data, tuple(whole))


def _piece(start: Dim, end: Dim, step: int, n: Dim) -> slice:
    """ONNX's bounds as Python's: what reaches beyond an end is the end itself."""
    if isinstance(n, int) and isinstance(start, int) and isinstance(end, int):
        return slice(*_within(start, end, step, n), step)
    first = None if start == 0 and step > 0 else start
    last = None if isinstance(end, int) and end > FAR and step > 0 else end
    return slice(first, last, step)


def _within(start: int, end: int, step: int, n: int) -> tuple[int, int | None]:
    low, high = (0, n) if step > 0 else (-1, n - 1)
    start, end = (v + n if v < 0 else v for v in (start, end))
    start, end = min(max(start, max(low, 0)), high), min(max(end, low), high)
    return start, None if end < 0 else end


FAR = 2**31 - 2
"""From here on, an end means the end of the axis."""


@row("Split")
def split(
    x: Node,
    split: Known | None = None,
    *,
    axis: int = 0,
    num_outputs: int | None = None,
    results: int,
) -> tuple[Node, ...]:
    (count,) = literal([x.shape[axis]], "Split")
    check_size((num_outputs or results,), "a list of parts", MANY)
    parts = _even(count, num_outputs or results) if split is None else integers(split)
    if sum(parts) != count:
        raise DataError(f"the parts {parts} of an axis do not add up to its size {count}")
    return tuple(pieces(x, axis, parts))


def _even(count: int, parts: int) -> tuple[int, ...]:
    size = -(-count // parts)
    return tuple(max(0, min(size, count - i * size)) for i in range(parts))


def pieces(x: Node, axis: int, parts: Sequence[int]) -> list[Node]:
    """The array cut along an axis into pieces of these sizes."""
    ends = np.cumsum([0, *parts]).tolist()
    return [part(x, axis, a, b) for a, b in pairwise(ends)]


def part(x: Node, axis: int, start: Any, stop: Any, step: int = 1) -> Node:
    """x[..., start:stop:step, ...] along one axis."""
    whole = [slice(None)] * x.ndim
    whole[axis] = slice(start, stop, step)
    return gr.index(x, tuple(whole))


# Repetition and borders


@row("Tile")
def tile(x: Node, repeats: Known) -> Node:
    times = dims(repeats)
    if not symbolic(repeats):
        return gr.tile(x, integers(repeats))
    each = list(zip(times, x.shape, strict=True))
    if any(isinstance(t, Size) and n != 1 for t, n in each):
        raise Unsupported("an axis of more than one element is repeated a named number of times")
    once = gr.tile(x, [1 if isinstance(t, Size) else t for t in times])
    return gr.broadcast_to(
        once, tuple(t if isinstance(t, Size) else n for t, n in zip(times, once.shape, strict=True))
    )


MODES = ("constant", "reflect", "edge", "wrap")


@row("Pad")
def pad(
    data: Node,
    pads: Known,
    constant_value: Node | None = None,
    axes: Known | None = None,
    *,
    mode: str = "constant",
    value: float = 0.0,
) -> Node:
    given = integers(pads)
    along = range(data.ndim) if axes is None else [a % data.ndim for a in integers(axes)]
    count = len(along)
    widths = [(0, 0)] * data.ndim
    for i, axis in enumerate(along):
        widths[axis] = (given[i], given[i + count])
    if mode not in MODES:
        raise Unsupported(f"the mode {mode!r} of a border is not supported")
    fill = value if constant_value is None else gr.reshape(constant_value, ())
    data, widths = _cropped(data, widths)
    return gr.pad(data, widths, mode, fill)


def _cropped(x: Node, widths: Sequence[tuple[int, int]]) -> tuple[Node, list[tuple[int, int]]]:
    """Negative widths taken off; the rest is to be put on."""
    for axis, (before, after) in enumerate(widths):
        if before < 0 or after < 0:
            x = part(x, axis, max(0, -before), x.shape[axis] + min(0, after))
    return x, [(max(0, a), max(0, b)) for a, b in widths]


# Blocks


@row("DepthToSpace")
def depth_to_space(x: Node, *, blocksize: int, mode: str = "DCR") -> Node:
    return gr.depth_to_space(x, blocksize, mode)


@row("SpaceToDepth")
def space_to_depth(x: Node, *, blocksize: int, mode: str = "DCR") -> Node:
    return gr.space_to_depth(x, blocksize, mode)
