"""Resize: along each axis, every new element is a weighted sum of old ones.

The weights depend on sizes alone, so each axis is a product with a matrix that is known before data
comes. Formulas: ONNX's Resize; the cubic kernel is Keys's (1981).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphc.ops as gr
from graphc.errors import DataError
from graphc.graph import Node
from graphc.io.onnx.elements import HELD, check_size
from graphc.io.onnx.refusals import Unsupported
from graphc.io.onnx.rows import Known, dims, integers, literal, row
from graphc.types import DTYPES


@dataclass(frozen=True)
class Axis:
    """One axis that is resized: old and new size, the scale, and the region for a crop."""

    old: int
    new: int
    scale: float
    start: float = 0.0
    end: float = 1.0

    @property
    def width(self) -> float:
        """The new size before it is rounded."""
        return self.scale * self.old


def _half_pixel(at: np.ndarray, a: Axis) -> np.ndarray:
    return (at + 0.5) / a.scale - 0.5


def _symmetric(at: np.ndarray, a: Axis) -> np.ndarray:
    """As half pixels, about the middle of what the rounded size leaves out."""
    adjustment = a.new / a.width
    return a.old / 2 * (1 - adjustment) + _half_pixel(at, a)


def _aligned(at: np.ndarray, a: Axis) -> np.ndarray:
    return at * 0.0 if a.width == 1 else at * (a.old - 1) / (a.width - 1)


def _cropped(at: np.ndarray, a: Axis) -> np.ndarray:
    if a.width == 1:
        return at * 0.0 + 0.5 * (a.start + a.end) * (a.old - 1)
    return a.start * (a.old - 1) + at * (a.end - a.start) * (a.old - 1) / (a.width - 1)


# fmt: off
COORDINATES: dict[str, Callable[[np.ndarray, Axis], np.ndarray]] = {
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _symmetric,
    "pytorch_half_pixel": lambda at, a: at * 0.0 if a.new == 1 else _half_pixel(at, a),
    "align_corners": _aligned,
    "asymmetric": lambda at, a: at / a.scale,
    "tf_crop_and_resize": _cropped,
}
NEAREST: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}
# fmt: on


def linear(x: np.ndarray) -> np.ndarray:
    """The weight of an element at a distance: a tent."""
    return np.maximum(0.0, 1.0 - np.abs(x))


def cubic(x: np.ndarray, a: float) -> np.ndarray:
    """The weight of an element at a distance: Keys's cubic kernel."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


@dataclass(frozen=True)
class Kernel:
    """How far an interpolation reaches and what it weighs."""

    weight: Callable[[np.ndarray], np.ndarray]
    reach: int
    smooth: bool  # antialias: widened where the array shrinks
    inside: bool  # weights beyond the border are left out, not given to the border


def matrix(x: np.ndarray, a: Axis, kernel: Kernel) -> np.ndarray:
    """(new, old): the weights of old elements for new ones, which lie at coordinates `x`."""
    check_size((a.new, a.old), "the matrix of a Resize", HELD)
    wide = max(1.0, 1.0 / a.scale) if kernel.smooth else 1.0
    first = np.floor(x - kernel.reach * wide).astype(int)
    found = np.zeros((a.new, a.old))
    steps = np.arange(int(np.ceil(2 * kernel.reach * wide)) + 2)
    at = first[:, None] + steps[None]
    weight = kernel.weight((at - x[:, None]) / wide)
    if kernel.inside:
        weight = np.where((at >= 0) & (at < a.old), weight, 0.0)
    weight = weight / weight.sum(axis=1, keepdims=True)
    np.add.at(found, (np.arange(a.new)[:, None], np.clip(at, 0, a.old - 1)), weight)
    return found


def _along(x: Node, axis: int, weights: np.ndarray) -> Node:
    """The product with a matrix along one axis."""
    order = [*(i for i in range(x.ndim) if i != axis), axis]
    last = gr.matmul(gr.transpose(x, order), weights.T.astype(DTYPES[x.dtype]))
    return gr.transpose(last, [int(i) for i in np.argsort(order)])


@row("Resize")
def resize(
    x: Node,
    roi: Known | None = None,
    scales: Known | None = None,
    sizes: Known | None = None,
    *,
    antialias: int = 0,
    axes: Sequence[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
    opset: int,
) -> Node:
    if opset < 11:
        roi, scales, coordinate_transformation_mode, nearest_mode = None, roi, "asymmetric", "floor"
    size, scale = _numbers(sizes, dims), _numbers(scales, lambda s: tuple(map(float, s)))
    special = antialias or exclude_outside or axes or keep_aspect_ratio_policy != "stretch"
    if not special and coordinate_transformation_mode in (PLAIN if size is None else PLAIN_TO_SIZE):
        settings = (mode, coordinate_transformation_mode, nearest_mode, cubic_coeff_a)
        if size:
            return gr.resize(x, literal(_changed(size, x.shape), "Resize"), None, *settings)
        return gr.resize(x, None, _changed(scale or (), (1.0,) * x.ndim), *settings)
    along = [a % x.ndim for a in (range(x.ndim) if axes is None else axes)]
    old = literal([x.shape[a] for a in along], "Resize")
    by = _axes(old, roi, scales, sizes, keep_aspect_ratio_policy)
    kernel = _kernel(mode, cubic_coeff_a, bool(antialias), bool(exclude_outside))
    outside = coordinate_transformation_mode == "tf_crop_and_resize"
    coordinates, y = COORDINATES[coordinate_transformation_mode], x
    for axis, a in zip(along, by, strict=True):
        at = coordinates(np.arange(a.new, dtype=float), a)
        if a.new == a.old and np.array_equal(at, np.arange(a.old)):
            continue
        y = _resized(y, axis, a, at, kernel, nearest_mode)
        if outside:
            y = _filled(y, axis, a, at, extrapolation_value)
    return gr.astype(y, x.dtype)


def _changed(new: Sequence[Any], old: Sequence[Any]) -> tuple[Any, ...]:
    """The numbers of the last axes, from the first one on that changes."""
    same = [n == o for n, o in zip(new[:-1], old, strict=False)]
    return tuple(new[[*same, False].index(False) :])


PLAIN = ("half_pixel", "pytorch_half_pixel", "asymmetric")
PLAIN_TO_SIZE = (*PLAIN, "align_corners")
"""Where graphc's own resize lets new elements lie; by scales that leave fractions of an element,
corners are aligned in ONNX's own way.
"""


def _numbers(known: Any, meaning: Callable[[Any], Any]) -> Any:
    return None if known is None or not known.size else meaning(known)


def _resized(x: Node, axis: int, a: Axis, at: np.ndarray, kernel: Any, nearest: str) -> Node:
    if kernel is not None:
        return _along(x, axis, matrix(at, a, kernel))
    return gr.take(x, np.clip(NEAREST[nearest](at), 0, a.old - 1).astype(np.int64), axis)


def _filled(x: Node, axis: int, a: Axis, at: np.ndarray, value: float) -> Node:
    """One value for what lies outside of the array."""
    shape = [1] * x.ndim
    shape[axis] = a.new
    inside = ((at >= 0) & (at <= a.old - 1)).reshape(shape)
    return gr.where(x.graph.constant(inside), x, value)


def _kernel(mode: str, a: float, smooth: bool, inside: bool) -> Kernel | None:
    kernels = {"linear": linear, "cubic": lambda x: cubic(x, a)}
    if mode == "nearest":
        return None
    if mode not in kernels:
        raise Unsupported(f"the mode {mode!r} of Resize is not supported")
    return Kernel(kernels[mode], 2 if mode == "cubic" else 1, smooth, inside)


def _axes(old: Sequence[int], roi: Any, scales: Any, sizes: Any, policy: str) -> list[Axis]:
    n = len(old)
    region = [0.0] * n + [1.0] * n if roi is None or not roi.size else [float(v) for v in roi]
    if sizes is not None and sizes.size:
        new, by = _sizes(old, integers(sizes), policy)
    elif scales is not None and len(scales) == n:
        by = [float(s) for s in scales]
        new = [
            int(np.floor(o * (e - s) * f))
            for o, f, s, e in zip(old, by, region[:n], region[n:], strict=True)
        ]
    else:
        raise DataError(f"neither sizes nor scales are given for {n} axes")
    each = zip(old, new, by, region[:n], region[n:], strict=True)
    return [Axis(*numbers) for numbers in each]


def _sizes(old: Sequence[int], sizes: Sequence[int], policy: str) -> tuple[list[int], list[float]]:
    """New sizes and scales, all the same scale where the ratio is to be kept."""
    by = [s / o for s, o in zip(sizes, old, strict=True)]
    if policy == "stretch":
        return list(sizes), by
    same = min(by) if policy == "not_larger" else max(by)
    return [int(np.floor(same * o + 0.5)) for o in old], [same] * len(old)


@row("Upsample")
def upsample(x: Node, scales: Known, *, mode: str = "nearest") -> Node:
    by = _axes(literal(x.shape, "Upsample"), None, scales, None, "stretch")
    kernel = _kernel(mode, -0.75, False, False)
    for axis, a in enumerate(by):
        if a.new != a.old:
            x = _resized(x, axis, a, np.arange(a.new) / a.scale, kernel, "floor")
    return x
