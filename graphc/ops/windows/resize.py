"""Images of another size: resampling along each axis, and channels turned into places and back.

Lengths are the axes behind (batch, channels). Nearest neighbours are picked; linear and cubic
interpolation are products with constant matrices, an axis at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import Node, Op, declare, public
from graphc.ops.axes import stage
from graphc.ops.elementwise.arith import astype
from graphc.ops.indexing.picking import take
from graphc.ops.shaping.layout import broadcast_to, expand_dims, reshape, transpose
from graphc.ops.shaping.pieces import part
from graphc.ops.spell import Expand
from graphc.ops.windows.adaptive import adaptive_avg_pool
from graphc.ops.windows.frames import per_axis
from graphc.ops.windows.mixing import along_lengths, along_lengths_numpy
from graphc.ops.windows.sliding import Ints, literal
from graphc.types import Dim, Size, Type, floating, shape_text

__all__ = [
    "channel_shuffle",
    "depth_to_space",
    "interpolate",
    "pixel_shuffle",
    "pixel_unshuffle",
    "resize",
    "space_to_depth",
]

Floats = tuple[float, ...]

# Where an output lies among the inputs

# fmt: off
COORDINATES: dict[str, Callable[[np.ndarray, int, int, float], np.ndarray]] = {
    # (outputs, length, how many outputs, outputs for each input) -> places among the inputs
    "half_pixel":         lambda o, length, n, scale: (o + 0.5) / scale - 0.5,
    "pytorch_half_pixel": lambda o, length, n, scale: (o + 0.5) / scale - 0.5 if n > 1 else 0 * o,
    "align_corners":      lambda o, length, n, scale: o * ((length - 1) / max(n - 1, 1)),
    "asymmetric":         lambda o, length, n, scale: o / scale,
}
ROUNDINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "floor":              np.floor,
    "ceil":               np.ceil,
    "round_prefer_floor": lambda at: np.ceil(at - 0.5),
    "round_prefer_ceil":  lambda at: np.floor(at + 0.5),
}
# fmt: on


def _linear(t: np.ndarray, cubic: float) -> np.ndarray:
    """The weights of the inputs before and behind, at a distance t from the first."""
    return np.stack([1 - t, t])


def _cubic(t: np.ndarray, cubic: float) -> np.ndarray:
    """Keys' kernel at the two inputs before and the two behind. Source: Keys 1981, "Cubic
    convolution interpolation for digital image processing".
    """
    far = np.stack([t + 1, 2 - t])
    near = np.stack([t, 1 - t])
    outer = ((cubic * far - 5 * cubic) * far + 8 * cubic) * far - 4 * cubic
    inner = ((cubic + 2) * near - (cubic + 3)) * near * near + 1
    return np.stack([outer[0], inner[0], inner[1], outer[1]])


KERNELS = {"linear": (_linear, 0), "cubic": (_cubic, -1)}
"""The weights of the inputs around, and where the first of them lies."""


def interpolating(
    length: int, outputs: int, scale: float, mode: str, coordinates: str, cubic: float
) -> np.ndarray:
    """The matrix (outputs, length) of the weights; what lies beyond the edges is as at the edge."""
    weigh, first = KERNELS[mode]
    at = COORDINATES[coordinates](np.arange(outputs), length, outputs, scale)
    before = np.floor(at)
    matrix = np.zeros((outputs, length))
    for tap, weights in enumerate(weigh(at - before, cubic), first):
        seen = np.clip(before + tap, 0, length - 1).astype(int)
        np.add.at(matrix, (np.arange(outputs), seen), weights)
    return matrix


def _matrices(
    lengths: Sequence[Any], outputs: Ints, scales: Floats, mode: str, coordinates: str, cubic: float
) -> list[np.ndarray | None]:
    made = []
    for length, n, scale in zip(lengths, outputs, scales, strict=True):
        alike = length == n and scale == 1
        made.append(None if alike else interpolating(length, n, scale, mode, coordinates, cubic))
    return made


def _resized_type(x: Type, outputs: Ints, **a: Any) -> Type:
    return Type(floating(x.dtype), (*x.shape[: -len(outputs)], *outputs))


def _lengths(x: Any, outputs: Ints) -> tuple[Any, ...]:
    return tuple(x.shape[-len(outputs) :])


_interpolated = declare(
    Op(
        "interpolated",
        _resized_type,
        Expand(
            lambda x, outputs, **a: along_lengths(
                astype(x, floating(x.dtype)), _matrices(_lengths(x, outputs), outputs, **a)
            )
        ),
        lambda x, outputs, **a: along_lengths_numpy(
            x, _matrices(_lengths(x, outputs), outputs, **a)
        ),
        lambda g, y, x, outputs, **a: (
            along_lengths(g, _matrices(_lengths(x, outputs), outputs, **a), turned=True),
        ),
    )
)
"""Each axis mixed by its matrix; the gradient is mixed by the transposes."""


def _picked(x: Node, seen: np.ndarray, axis: int) -> Node:
    """The inputs `seen` along an axis: a slice or a repetition where they are one."""
    n, length = len(seen), int(x.shape[axis])  # type: ignore[arg-type]
    step = int(seen[1] - seen[0]) if n > 1 else 1
    if step > 0 and np.array_equal(seen, seen[0] + step * np.arange(n)):
        begin = tuple(int(seen[0]) if i == axis else 0 for i in range(x.ndim))
        steps = tuple(step if i == axis else 1 for i in range(x.ndim))
        return part(x, begin, (*x.shape[:axis], n, *x.shape[axis + 1 :]), steps)
    times = n // length
    if n == times * length and np.array_equal(seen, np.arange(n) // times):
        wide = (*x.shape[: axis + 1], times, *x.shape[axis + 1 :])
        repeated = broadcast_to(expand_dims(x, axis + 1), wide)
        return reshape(repeated, (*x.shape[:axis], n, *x.shape[axis + 1 :]))
    return take(x, seen, axis=axis)


def _nearest(x: Node, outputs: Ints, scales: Floats, coordinates: str, rounding: str) -> Node:
    for axis, (n, scale) in enumerate(zip(outputs, scales, strict=True), x.ndim - len(outputs)):
        length = int(x.shape[axis])  # type: ignore[arg-type]
        at = COORDINATES[coordinates](np.arange(n), length, n, scale)
        x = _picked(x, np.clip(ROUNDINGS[rounding](at), 0, length - 1).astype(np.int64), axis)
    return x


# What a user calls


def _outputs(lengths: Sequence[Dim], size: Any, scale: Any) -> tuple[Ints, Floats]:
    """How many outputs there are along each axis, and for each input."""
    n, whole = len(lengths), literal(lengths)
    if 0 in whole:
        raise ShapeError(f"lengths to resize are above 0, not {shape_text(lengths)}")
    if (size is None) == (scale is None):
        raise UsageError("one of a size and a scale is wanted", hint="size=(32, 32) or scale=2")
    if size is not None:
        outputs = per_axis(size, n, "size")
        return outputs, tuple(o / d for o, d in zip(outputs, whole, strict=True))
    given = tuple(scale) if isinstance(scale, (tuple, list)) else (scale,) * n
    if len(given) != n or not all(isinstance(s, (int, float)) and s > 0 for s in given):
        raise UsageError(
            f"scale is {scale!r}", hint=f"a number above 0, or one for each of {n} axes"
        )
    outputs = tuple(int(d * s) for d, s in zip(whole, given, strict=True))
    if 0 in outputs:
        raise ShapeError(f"a scale of {scale} leaves nothing of {shape_text(lengths)}")
    return outputs, tuple(map(float, given))


def _known(value: str, table: Any, what: str) -> str:
    if value not in table:
        raise UsageError(f"{what} is {value!r}", hint=f"one of {', '.join(map(repr, table))}")
    return value


@public
def resize(
    x: Node, size: Any = None, scale: Any = None, mode: str = "linear",
    coordinates: str = "half_pixel", rounding: str = "round_prefer_floor", cubic: float = -0.75,
) -> Node:  # fmt: skip
    """`x` resampled along its last axes to `size` outputs each, or by `scale` outputs for an input.

    How many axes: as many as `size` or `scale` have numbers, all but the first two for one number.
    `mode` is "nearest", "linear" or "cubic"; `coordinates` says where output o of n lies among
    `length` inputs: "half_pixel" at (o + 0.5) / scale - 0.5, "pytorch_half_pixel" so too but at 0
    for n = 1, "align_corners" at o (length - 1) / (n - 1), "asymmetric" at o / scale; `rounding` of
    that for the nearest: "floor", "ceil", "round_prefer_floor", "round_prefer_ceil"; `cubic` is
    the kernel's parameter. Floats but for "nearest". Raises ShapeError, UsageError. Source: ONNX's
    Resize; Keys 1981.
    """
    given = scale if size is None else size
    n = len(given) if isinstance(given, (tuple, list)) else max(stage(x).ndim - 2, 0)
    if not 0 < n <= stage(x).ndim:
        raise ShapeError(
            f"shape {shape_text(x.shape)} has no {n or ''} axes to resize", code="G103"
        )
    outputs, scales = _outputs(x.shape[x.ndim - n :], size, scale)
    _known(coordinates, COORDINATES, "coordinates")
    if _known(mode, ("nearest", *KERNELS), "mode") == "nearest":
        return _nearest(x, outputs, scales, coordinates, _known(rounding, ROUNDINGS, "rounding"))
    a = {"mode": mode, "coordinates": coordinates, "cubic": float(cubic)}
    return _interpolated(x, outputs=outputs, scales=scales, **a)


MODES = {
    "nearest": ("nearest", "asymmetric", "floor"),
    "nearest-exact": ("nearest", "half_pixel", "round_prefer_ceil"),
    "linear": ("linear", "half_pixel", ""),
    "bilinear": ("linear", "half_pixel", ""),
    "trilinear": ("linear", "half_pixel", ""),
    "bicubic": ("cubic", "half_pixel", ""),
    "area": ("area", "", ""),
}
"""PyTorch's modes as `resize` has them: how, where, how it is rounded."""


@public
def interpolate(
    x: Node, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool = False, recompute_scale_factor: bool = False,
) -> Node:  # fmt: skip
    """(batch, channels, *lengths) resampled to `size`, or to floor(scale_factor * length).

    `mode` is "nearest", "nearest-exact", "linear" (also "bilinear", "trilinear"), "bicubic" or
    "area"; with `align_corners` the first and the last elements stay where they are. Raises
    ShapeError, UsageError. Source: PyTorch's torch.nn.functional.interpolate.
    """
    how, where, rounding = MODES[_known(mode, MODES, "mode")]
    n = stage(x).ndim - 2
    if n < 1:
        raise ShapeError(f"shape {shape_text(x.shape)} has no axis behind batch and channels")
    outputs, scales = _outputs(x.shape[2:], size, scale_factor)
    if how == "area":
        return adaptive_avg_pool(x, outputs)
    if recompute_scale_factor:
        pairs = zip(outputs, x.shape[2:], strict=True)
        scales = tuple(o / int(d) for o, d in pairs)  # type: ignore[arg-type]
    if how == "nearest":
        return _nearest(x, outputs, scales, where, rounding)
    where = "align_corners" if align_corners else where
    return _interpolated(
        x, outputs=outputs, scales=scales, mode=how, coordinates=where, cubic=-0.75
    )


# Channels to places and back


def _split(dim: Dim, by: int, what: str) -> int:
    """A literal size by a factor; raises ShapeError."""
    if isinstance(dim, Size) or dim % by:
        raise ShapeError(f"{dim} {what} are not a multiple of {by}")
    return dim // by


def _image(x: Any, what: str) -> tuple[Dim, ...]:
    if stage(x).ndim < 3:
        raise ShapeError(
            f"{what} takes (..., channels, height, width), not shape {shape_text(x.shape)}",
            code="G103",
        )
    return x.shape


@public
def depth_to_space(x: Node, block: int, mode: str = "CRD") -> Node:
    """(..., channels * block**2, height, width) -> (..., channels, height * block, width * block):
    each place becomes a block of places.

    `mode` says how channels are counted: "CRD" channel, row, column, as PyTorch's pixel_shuffle;
    "DCR" row, column, channel, as TensorFlow. Raises ShapeError, UsageError. Source: ONNX's
    DepthToSpace; Shi et al. 2016.
    """
    *lead, c, h, w = _image(x, "depth_to_space")
    (b,) = per_axis(block, 1, "block")
    channels, k = _split(c, b * b, "channels"), len(lead)
    crd = _known(mode, ("CRD", "DCR"), "mode") == "CRD"
    parts = (channels, b, b) if crd else (b, b, channels)
    order = (0, 3, 1, 4, 2) if crd else (2, 3, 0, 4, 1)
    x = transpose(reshape(x, (*lead, *parts, h, w)), (*range(k), *(k + i for i in order)))
    return reshape(x, (*lead, channels, h * b, w * b))


@public
def space_to_depth(x: Node, block: int, mode: str = "DCR") -> Node:
    """The inverse of `depth_to_space` in the same mode; raises ShapeError, UsageError."""
    *lead, c, h, w = _image(x, "space_to_depth")
    (b,) = per_axis(block, 1, "block")
    crd, k = _known(mode, ("CRD", "DCR"), "mode") == "CRD", len(lead)
    high, wide = _split(h, b, "rows"), _split(w, b, "columns")
    order = (0, 2, 4, 1, 3) if crd else (2, 4, 0, 1, 3)
    x = transpose(reshape(x, (*lead, c, high, b, wide, b)), (*range(k), *(k + i for i in order)))
    return reshape(x, (*lead, c * (b * b), high, wide))


@public
def pixel_shuffle(x: Node, upscale_factor: int) -> Node:
    """(..., channels * r**2, height, width) -> (..., channels, height * r, width * r).

    Raises ShapeError. Source: Shi et al. 2016, "Real-time single image and video super-resolution".
    """
    return depth_to_space(x, upscale_factor)


@public
def pixel_unshuffle(x: Node, downscale_factor: int) -> Node:
    """The inverse of `pixel_shuffle`; raises ShapeError."""
    return space_to_depth(x, downscale_factor, "CRD")


@public
def channel_shuffle(x: Node, groups: int) -> Node:
    """(batch, channels, ...) with channels of all groups interleaved: the first of each group, then
    the second.

    Raises ShapeError. Source: Zhang et al. 2018, "ShuffleNet".
    """
    batch, c, *rest = _image(x, "channel_shuffle")
    (g,) = per_axis(groups, 1, "groups")
    each = _split(c, g, "channels")
    turned = transpose(reshape(x, (batch, g, each, *rest)), (0, 2, 1, *range(3, 3 + len(rest))))
    return reshape(turned, x.shape)
