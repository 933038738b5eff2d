"""Windows that slide over the last axes of an array, and their adjoint, which lays windows over
each other and adds them up where they meet: what convolution and pooling are made of.

`windows` costs nothing; each of the two is the other's gradient. Windows lie inside of the array:
who wants them to reach beyond its edges lays the array into a larger one first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from graphc.errors import ShapeError
from graphc.graph import Node, Op, declare
from graphc.ops.shaping.layout import broadcast_to
from graphc.ops.shaping.pieces import place
from graphc.ops.spell import Along, Overlap, View, along
from graphc.ops.stacked import repeating, shaping
from graphc.ops.tangents import first
from graphc.types import Dim, Size, Type, shape_text

__all__: list[str] = []

Ints = tuple[int, ...]
Shape = tuple[Dim, ...]
Pairs = tuple[tuple[int, int], ...]


def reach(size: int, dilation: int) -> int:
    """How many elements a window of `size` places covers, from the first to the last."""
    return dilation * (size - 1) + 1


def literal(dims: Iterable[Dim]) -> Ints:
    """Sizes that are numbers; raises ShapeError (G104) for a named one."""
    found = tuple(dims)
    for dim in found:
        if isinstance(dim, Size):
            raise ShapeError(
                f"the named size {dim} stands where windows need a number", code="G104",
                hint="only leading axes, as that of a batch, may have names here",
            )  # fmt: skip
    return found  # type: ignore[return-value]


def count(length: Dim, size: int, stride: int, dilation: int) -> int:
    """How many windows fit into `length` elements; raises ShapeError for none, or a named size."""
    (length,), covered = literal([length]), reach(size, dilation)
    if not 0 < covered <= length:
        raise ShapeError(
            f"a window over {covered} elements, gaps included, does not fit into {length}, "
            "padding included"
        )
    return (length - covered) // stride + 1


def _windows_type(x: Type, sizes: Ints, strides: Ints, dilations: Ints) -> Type:
    lead, last = x.shape[: x.rank - len(sizes)], x.shape[x.rank - len(sizes) :]
    return Type(x.dtype, (*lead, *map(count, last, sizes, strides, dilations), *sizes))


def _windows_index(
    x: Type, y: Type, sizes: Ints, strides: Ints, dilations: Ints
) -> tuple[Along, ...]:
    n = len(sizes)
    index = list(map(Along, range(x.rank)))
    for axis, stride, dilation in zip(range(x.rank - n, x.rank), strides, dilations, strict=True):
        scales = {axis: stride, axis + n: dilation}
        index[axis] = along({a: scale for a, scale in scales.items() if y.shape[a] != 1})
    return tuple(index)


def _windows_numpy(x: np.ndarray, sizes: Ints, strides: Ints, dilations: Ints) -> np.ndarray:
    shape = _windows_type(Type("f64", x.shape), sizes, strides, dilations).shape
    lead = x.ndim - len(sizes)
    steps = [
        tuple(b * s for b, s in zip(x.strides[lead:], scales, strict=True))
        for scales in (strides, dilations)
    ]
    return as_strided(x, shape, (*x.strides[:lead], *steps[0], *steps[1]), writeable=False)  # type: ignore[arg-type]


windows: Op = declare(
    Op(
        "windows",
        _windows_type,
        View(_windows_index),
        _windows_numpy,
        lambda g, y, x, sizes, strides, dilations: (
            overlap_add(g, shape=x.shape, strides=strides, dilations=dilations),
        ),
        batch=repeating,
    )
)
"""x (..., *lengths) -> (..., *outputs, *sizes): element stride * o + dilation * k along each of the
last axes, for the o-th window and the k-th place in it.
"""


def _kernel(g: Sequence[Dim], strides: Ints) -> Ints:
    return tuple(g[len(g) - len(strides) :])  # type: ignore[arg-type]


def _overlap_type(g: Type, shape: Shape, strides: Ints, dilations: Ints) -> Type:
    whole, sizes = Type(g.dtype, shape), _kernel(g.shape, strides)
    if _windows_type(whole, sizes, strides, dilations).shape != g.shape:
        raise ShapeError(
            f"windows of shape {shape_text(g.shape)} are not those of {shape_text(shape)}",
            code="G102",
        )
    return whole


def _overlap_numpy(g: np.ndarray, shape: Ints, strides: Ints, dilations: Ints) -> np.ndarray:
    n, total = len(strides), np.zeros(shape, g.dtype)
    outputs = g.shape[g.ndim - 2 * n : g.ndim - n]
    for k in np.ndindex(*_kernel(g.shape, strides)):
        starts = tuple(d * i for d, i in zip(dilations, k, strict=True))
        spans = zip(starts, outputs, strides, strict=True)
        at: Any = tuple(slice(a, a + s * (o - 1) + 1, s) for a, o, s in spans)
        total[(..., *at)] += g[(..., *k)]
    return total


overlap_add: Op = declare(
    Op(
        "overlap_add",
        _overlap_type,
        Overlap(),
        _overlap_numpy,
        lambda g, y, x, shape, strides, dilations: (
            windows(g, sizes=_kernel(x.shape, strides), strides=strides, dilations=dilations),
        ),
        jvp=first,
        batch=shaping,
    )
)
"""g (..., *outputs, *sizes) -> zeros(shape), to which each window is added at its place."""


# Beyond the edges


def padded(x: Node, pairs: Pairs, value: Any = 0) -> Node:
    """`x` with so many elements of one value before and behind it along each of its last axes."""
    if not any(map(any, pairs)):
        return x
    pairs = ((0, 0),) * (x.ndim - len(pairs)) + tuple(pairs)
    shape = tuple(d + (a + b) for d, (a, b) in zip(x.shape, pairs, strict=True))
    pieces: list[Node] = [x]
    starts: list[Shape] = [tuple(a for a, _ in pairs)]
    for start, size in _borders(x.shape, shape, pairs) if value else ():
        pieces.append(broadcast_to(x.graph.constant(value, x.dtype), size))
        starts.append(start)
    steps = ((1,) * x.ndim,) * len(pieces)
    return place(*pieces, shape=shape, starts=tuple(starts), steps=steps)


def _borders(inside: Shape, whole: Shape, pairs: Pairs) -> Iterator[tuple[Shape, Shape]]:
    """Where each border begins, and its shape; those of an axis leave out those of axes before."""
    for axis, (before, after) in enumerate(pairs):
        for at, size in ((0, before), (whole[axis] - after, after)):
            if size:
                starts = (*(a for a, _ in pairs[:axis]), at, *(0 for _ in pairs[axis + 1 :]))
                yield starts, (*inside[:axis], size, *whole[axis + 1 :])
