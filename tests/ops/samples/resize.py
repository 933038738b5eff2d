"""Samples of resampling, and of channels turned into places and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from specs import Sample, batch, integer, one, real

from samples.convolve import each, functional


def _linear(distance: Any) -> Any:
    return np.maximum(0, 1 - np.abs(distance))


def _cubic(distance: Any, a: float = -0.75) -> Any:
    """Keys' kernel."""
    d = np.abs(distance)
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    return np.where(d <= 1, near, np.where(d < 2, a * (d**3 - 5 * d**2 + 8 * d - 4), 0))


KERNELS = {"linear": _linear, "bilinear": _linear, "trilinear": _linear}
KERNELS |= {"cubic": _cubic, "bicubic": _cubic}


def _at(n: int, length: int, scale: float, where: str) -> Any:
    o = np.arange(n)
    if where == "align_corners":
        return o * (length - 1) / max(n - 1, 1)
    return o / scale if where == "asymmetric" else (o + 0.5) / scale - 0.5


def _axis(x: Any, axis: int, n: int, scale: float, mode: str, where: str) -> Any:
    """One axis resampled, from its neighbours repeated beyond the edges."""
    length = x.shape[axis]
    at = _at(n, length, scale, where)
    if mode == "nearest":
        rounded = np.floor(at) if where == "asymmetric" else np.ceil(at - 0.5)
        return np.take(x, np.clip(rounded, 0, length - 1).astype(int), axis)
    seen = np.arange(-4, length + 4)
    weights = KERNELS[mode](at[:, None] - seen)
    wide = np.take(x, np.clip(seen, 0, length - 1), axis)
    return np.moveaxis(np.tensordot(wide, weights, (axis, 1)), -1, axis)


def resize(
    x: Any, size: Any = None, scale: Any = None, mode: str = "linear",
    coordinates: str = "half_pixel",
) -> Any:  # fmt: skip
    given = scale if size is None else size
    n = len(given) if isinstance(given, tuple) else x.ndim - 2
    for axis, d in enumerate(x.shape[x.ndim - n :], x.ndim - n):
        i = axis - (x.ndim - n)
        s = each(size, n)[i] / d if scale is None else each(scale, n)[i]
        x = _axis(x, axis, int(d * s + 1e-9), s, mode, coordinates)
    return x


def interpolate(
    x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool = False,
) -> Any:  # fmt: skip
    where = "align_corners" if align_corners else "half_pixel"
    where = "asymmetric" if mode == "nearest" else where
    return resize(x, size, scale_factor, mode, where)


def _blocks(x: Any, b: int, mode: str) -> Any:
    n, c, h, w = x.shape
    found = np.empty((n, c // b**2, h * b, w * b), x.dtype)
    for i in range(b):
        for j in range(b):
            crd = x[:, i * b + j :: b * b]
            dcr = x[:, (i * b + j) * (c // b**2) :][:, : c // b**2]
            found[:, :, i::b, j::b] = crd if mode == "CRD" else dcr
    return found


def depth_to_space(x: Any, block: int, mode: str = "CRD") -> Any:
    return _blocks(x, block, mode)


def space_to_depth(x: Any, block: int, mode: str = "DCR") -> Any:
    n, c, h, w = x.shape
    sites = np.arange(x.size).reshape(n, c * block**2, h // block, w // block)
    found = np.empty(x.size, x.dtype)
    found[_blocks(sites, block, mode).ravel()] = x.ravel()
    return found.reshape(sites.shape)


def channel_shuffle(x: Any, groups: int) -> Any:
    each_ = x.shape[1] // groups
    return x[:, [g * each_ + i for i in range(each_) for g in range(groups)]]


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "interpolated":    [
        one(lambda m, x: m.interpolate(x, (5, 9), mode="bilinear"), batch(2, 2, 4, 6)),
        one(lambda m, x: m.interpolate(x, 5, mode="linear", align_corners=True), real(2, 2, 3)),
        one(lambda m, x: m.interpolate(x, scale_factor=(0.6, 2.0), mode="bicubic"), real(1, 2, 5, 4)),
        one(lambda m, x: m.interpolate(x, (2, 3, 5), mode="trilinear"), real(1, 1, 3, 2, 3)),
    ],
    "interpolate":     [
        one(lambda m, x: m.interpolate(x, (6, 8)), batch(2, 2, 3, 4)),
        one(lambda m, x: m.interpolate(x, 5), real(2, 1, 7)),
        one(lambda m, x: m.interpolate(x, (2, 2)), integer(1, 2, 4, 6, dtype="u8")),
    ],
    "resize":          [
        one(lambda m, x: m.resize(x, (4, 5), mode="nearest"), real(2, 3, 7)),
        one(lambda m, x: m.resize(x, scale=(1.5,), mode="cubic"), real(3, 4)),
    ],
    "depth_to_space":  [one(lambda m, x: m.depth_to_space(x, 2, "DCR"), batch(2, 8, 2, 3)), one(lambda m, x: m.pixel_shuffle(x, 2), real(1, 4, 2, 3))],
    "space_to_depth":  [one(lambda m, x: m.space_to_depth(x, 2), real(2, 3, 4, 6)), one(lambda m, x: m.pixel_unshuffle(x, 3), real(1, 1, 3, 6))],
    "channel_shuffle": [one(lambda m, x: m.channel_shuffle(x, 2), batch(2, 6, 3))],
}
# fmt: on

NUMPY = {
    "resize": resize,
    "interpolate": interpolate,
    "depth_to_space": depth_to_space,
    "space_to_depth": space_to_depth,
    "pixel_shuffle": depth_to_space,
    "pixel_unshuffle": lambda x, b: space_to_depth(x, b, "CRD"),
    "channel_shuffle": channel_shuffle,
}


def _interpolate(x: Any, size: Any = None, *args: Any, **settings: Any) -> Any:
    settings = {k: v for k, v in settings.items() if k != "align_corners" or v}
    return functional("interpolate")(x, size, *args, **settings)


TORCH = {
    "interpolate": _interpolate,
    "interpolated": _interpolate,
    "channel_shuffle": functional("channel_shuffle"),
}
