"""GridSample: an array read between its elements, at coordinates that are computed.

Each sample is a weighted sum of the elements around it: one of them, two or four along each axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

import graphc.ops as gr
from graphc.graph import Node
from graphc.io.onnx.refusals import Unsupported
from graphc.io.onnx.rows import literal, row

Tap = tuple[Any, Node]
"""A weight, and the index of an element along one axis."""

CUBIC = -0.75
"""The parameter of Keys's kernel (1981), as PyTorch and ONNX have it."""


def _nearest(at: Node) -> list[Tap]:
    return [(1.0, gr.round(at))]


def _linear(at: Node) -> list[Tap]:
    low = gr.floor(at)
    part = at - low
    return [(1 - part, low), (part, low + 1)]


def _cubic(at: Node) -> list[Tap]:
    low = gr.floor(at)
    part = at - low
    weights = [_far(part + 1), _near(part), _near(1 - part), _far(2 - part)]
    return [(w, low + (i - 1)) for i, w in enumerate(weights)]


def _near(x: Node) -> Node:
    """Keys's kernel at distances up to 1."""
    return ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1


def _far(x: Node) -> Node:
    """Keys's kernel at distances from 1 to 2."""
    return ((CUBIC * x - 5 * CUBIC) * x + 8 * CUBIC) * x - 4 * CUBIC


TAPS: dict[str, Callable[[Node], list[Tap]]] = {"nearest": _nearest, "linear": _linear}
TAPS |= {"cubic": _cubic, "bilinear": _linear, "bicubic": _cubic}


def _inside(tap: Tap, n: int, border: str, aligned: bool) -> Tap:
    """A tap whose index lies within n elements: beyond them, by what the border says."""
    weight, at = tap
    if border == "reflection":
        return weight, _mirrored(at, n, aligned)
    if border == "zeros":
        there = gr.logical_and(gr.greater_equal(at, 0), gr.less(at, n))
        weight = gr.where(there, weight, gr.zeros_like(at))
    return weight, gr.clip(at, 0, n - 1)


def _mirrored(at: Node, n: int, aligned: bool) -> Node:
    """An index mirrored at the middle of the outermost elements, or at their outer edges."""
    if aligned:
        turn = gr.remainder(at, max(2 * (n - 1), 1))
        return gr.minimum(turn, 2 * (n - 1) - turn)
    turn = gr.remainder(at, 2 * n)
    return gr.minimum(turn, 2 * n - 1 - turn)


@row("GridSample")
def grid_sample(
    x: Node,
    grid: Node,
    *,
    align_corners: int = 0,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Node:
    if mode not in TAPS or padding_mode not in ("zeros", "border", "reflection"):
        raise Unsupported(f"the mode {mode!r} with {padding_mode!r} is not supported")
    lengths, aligned = literal(x.shape[2:], "GridSample"), bool(align_corners)
    axes = []
    for k, n in enumerate(lengths):
        at = _coordinate(gr.index(grid, (..., len(lengths) - 1 - k)), n, aligned)
        axes.append([_inside(tap, n, padding_mode, aligned) for tap in TAPS[mode](at)])
    return gr.moveaxis(_weighted(gr.moveaxis(x, 1, -1), axes), -1, 1)


def _coordinate(g: Node, n: int, aligned: bool) -> Node:
    """Where -1..1 lies among n elements: between the middles of the outermost, or their edges."""
    return (g + 1) / 2 * (n - 1) if aligned else ((g + 1) * n - 1) / 2


def _weighted(x: Node, axes: Sequence[Sequence[Tap]]) -> Node:
    """The sum over all taps of x (batch, *lengths, channels), (batch, *outputs, channels)."""
    (batch,) = literal(x.shape[:1], "GridSample")
    first = np.arange(batch).reshape((batch, *[1] * (axes[0][0][1].ndim - 1)))
    total: Any = None
    for taps in product(*axes):
        picked = gr.index(x, (first, *(gr.astype(at, "i64") for _, at in taps)))
        for weight, _ in taps:
            picked = picked * (gr.expand_dims(weight, -1) if isinstance(weight, Node) else weight)
        total = picked if total is None else total + picked
    return total
