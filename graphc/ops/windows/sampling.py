"""Images seen through a grid of places, each a mix of the elements around it.

A place is (x, y) or (x, y, z), where -1 and 1 are the edges of the image. Gradients flow to the
image and, through the weights of the mix, to the places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from itertools import product as every
from math import prod
from operator import add, mul
from typing import Any, NamedTuple

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import OPS, Node, graph_of, public
from graphc.ops.elementwise.arith import abs, astype, clip, logical_and, maximum, minimum, where
from graphc.ops.elementwise.rounding import floor, round
from graphc.ops.products.linear import matmul
from graphc.ops.shaping.layout import expand_dims, iota, matrix_transpose, reshape, transpose
from graphc.ops.windows.sliding import Ints, literal
from graphc.types import shape_text

__all__ = [
    "affine_grid",
    "grid_sample",
]

# Places


def _place(g: Node, length: int, align_corners: bool) -> Node:
    """Where -1..1 lies among `length` elements: from middle to middle of the outermost ones, or
    from edge to edge.
    """
    return (g + 1) * ((length - 1) / 2) if align_corners else ((g + 1) * length - 1) / 2


def _reflected(at: Node, length: int, align_corners: bool) -> Node:
    """A place beyond an edge as seen in a mirror there."""
    low, span = (0.0, length - 1) if align_corners else (-0.5, length)
    if not span:
        return at * 0
    far = abs(at - low)
    turns = floor(far / span)
    rest = far - turns * span
    return where(turns % 2 < 1, rest + low, span - rest + low)


def _kept(at: Node, length: int, padding_mode: str, align_corners: bool) -> Node:
    """A place kept inside, unless there are zeros outside."""
    if padding_mode == "reflection":
        at = _reflected(at, length, align_corners)
    return at if padding_mode == "zeros" else clip(at, 0, length - 1)


# Elements and their weights


Kept = Callable[[Node], Node]
"""A place along one axis -> the same, kept inside."""


class Tap(NamedTuple):
    """An element along one axis, for each place: its weight, and where it stands, as a float."""

    weight: Node
    at: Node


def _linear(at: Node, kept: Kept) -> list[Tap]:
    """The two elements around a place, by how near they are."""
    at = kept(at)
    low = floor(at)
    rest = at - low
    return [Tap(1 - rest, low), Tap(rest, low + 1)]


def _cubic(at: Node, kept: Kept) -> list[Tap]:
    """The four elements around a place by Keys' kernel, each kept inside by itself. Source: Keys
    1981, "Cubic convolution interpolation for digital image processing".
    """
    low = floor(at)
    rest = at - low
    weights = _outer(rest + 1), _inner(rest), _inner(1 - rest), _outer(2 - rest)
    return [Tap(weight, kept(low + k)) for k, weight in enumerate(weights, -1)]


CUBIC = -0.75
"""The slope of Keys' kernel at 1."""


def _inner(t: Node) -> Node:
    return ((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1


def _outer(t: Node) -> Node:
    return ((CUBIC * t - 5 * CUBIC) * t + 8 * CUBIC) * t - 4 * CUBIC


TAPS = {"bilinear": _linear, "bicubic": _cubic}


def _picked(x: Node, corner: Sequence[Node], lengths: Ints) -> Node:
    """The elements at whole places, (batch, *places, channels), 0 for those outside."""
    inside = reduce(
        logical_and,
        (logical_and(c >= 0, c <= length - 1) for c, length in zip(corner, lengths, strict=True)),
    )
    rows = iota(x, corner[0].shape, (0,))
    at = [
        minimum(maximum(astype(c, "i64"), 0), length - 1)
        for c, length in zip(corner, lengths, strict=True)
    ]
    found = OPS["gather"](transpose(x, (0, *range(2, x.ndim), 1)), rows, *at)
    return where(expand_dims(inside, -1), found, 0)


def _mixed(x: Node, taps: Sequence[Sequence[Tap]], lengths: Ints) -> Node:
    """The mix of the elements around each place, by the product of their weights."""
    terms = []
    for corner in every(*taps):
        weight = reduce(mul, (tap.weight for tap in corner))
        terms.append(expand_dims(weight, -1) * _picked(x, [tap.at for tap in corner], lengths))
    return reduce(add, terms)


@public
def grid_sample(
    x: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Node:  # fmt: skip
    """`x` (batch, channels, *lengths) seen at the places `grid` (batch, *outputs, n), for n = 2 or
    3 lengths: (batch, channels, *outputs).

    A place is (x, y) or (x, y, z), the last length first; -1 and 1 are the edges of the outermost
    elements, or their middles with `align_corners`. `mode` is "bilinear", "bicubic" or "nearest";
    `padding_mode` says what lies outside: "zeros", the "border"'s elements, or a "reflection".
    Raises ShapeError, UsageError. Source: Jaderberg et al. 2015, "Spatial Transformer Networks";
    PyTorch's grid_sample.
    """
    x, grid = graph_of(x, grid).lift((x, grid))
    n = x.ndim - 2
    if n not in (2, 3) or grid.ndim != x.ndim or (grid.shape[0], grid.shape[-1]) != (x.shape[0], n):
        raise ShapeError(
            f"a grid of shape {shape_text(grid.shape)} does not fit {shape_text(x.shape)}",
            hint="x is (batch, channels, height, width), the grid (batch, rows, columns, 2)",
        )
    if mode not in (*TAPS, "nearest") or padding_mode not in ("zeros", "border", "reflection"):
        raise UsageError(
            f"mode is {mode!r} and padding_mode {padding_mode!r}",
            hint="modes are 'bilinear', 'bicubic' and 'nearest', "
            "paddings 'zeros', 'border' and 'reflection'",
        )
    lengths = literal(x.shape[2:])
    places = [_place(grid[..., n - 1 - i], d, align_corners) for i, d in enumerate(lengths)]
    inside: list[Kept] = [
        partial(_kept, length=d, padding_mode=padding_mode, align_corners=align_corners)
        for d in lengths
    ]
    pairs = zip(places, inside, strict=True)
    if mode == "nearest":
        found = _picked(x, [round(kept(at)) for at, kept in pairs], lengths)
    else:
        found = _mixed(x, [TAPS[mode](at, kept) for at, kept in pairs], lengths)
    return transpose(found, (0, found.ndim - 1, *range(1, found.ndim - 1)))


def _base(lengths: Ints, align_corners: bool) -> np.ndarray:
    """The places of all elements, (elements, n + 1), with a 1 behind each."""
    axes = []
    for length in lengths:
        steps = np.linspace(-1, 1, length) if length > 1 else np.zeros(length)
        axes.append(steps if align_corners else steps * (length - 1) / length)
    places = np.stack(np.meshgrid(*axes, indexing="ij")[::-1], -1).reshape(-1, len(lengths))
    return np.concatenate([places, np.ones((len(places), 1))], 1)


@public
def affine_grid(theta: Node, size: Sequence[int], align_corners: bool = False) -> Node:
    """The grid for `grid_sample` by which an affine map `theta` (batch, n, n + 1) turns an image:
    (batch, *lengths, n), each place theta @ (x, y, ..., 1).

    `size` is (batch, channels, *lengths), for n = 2 or 3 lengths. Raises ShapeError. Source:
    Jaderberg et al. 2015; PyTorch's affine_grid.
    """
    lengths = tuple(int(d) for d in tuple(size)[2:])
    n = len(lengths)
    if n not in (2, 3) or theta.ndim != 3 or theta.shape[1:] != (n, n + 1):
        raise ShapeError(
            f"maps of shape {shape_text(theta.shape)} do not fit images of {n} lengths",
            hint="theta is (batch, 2, 3), size (batch, channels, height, width)",
        )
    if not prod(lengths):
        raise ShapeError(f"an image of shape {lengths} has no places")
    base = theta.graph.constant(_base(lengths, align_corners), theta.dtype)
    return reshape(matmul(base, matrix_transpose(theta)), (theta.shape[0], *lengths, n))
