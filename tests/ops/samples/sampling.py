"""Samples of images seen through a grid of places."""

from __future__ import annotations

from typing import Any

import numpy as np
from specs import Sample, Spec, one, real

from graphc.types import DTYPES
from samples.convolve import functional


def places(*shape: int) -> Spec:
    """Places inside of an image and somewhat beyond."""
    return Spec(shape, lambda rng, s, dtype: rng.uniform(-1.3, 1.3, s).astype(DTYPES[dtype]))


def _mirrored(at: float, low: float, high: float) -> float:
    while not low <= at <= high:
        at = 2 * low - at if at < low else 2 * high - at
    return at


def _kept(at: float, length: int, padding_mode: str, align_corners: bool) -> float:
    if padding_mode == "reflection":
        at = _mirrored(at, 0 if align_corners else -0.5, length - (1 if align_corners else 0.5))
    return at if padding_mode == "zeros" else min(max(at, 0), length - 1)


def _weights(g: float, length: int, mode: str, padding_mode: str, align_corners: bool) -> Any:
    """What each element of an axis counts at a place."""
    at = (g + 1) / 2 * (length - 1) if align_corners else ((g + 1) * length - 1) / 2
    all_ = np.arange(length)
    if mode != "bicubic":
        at = _kept(at, length, padding_mode, align_corners)
        return all_ == np.round(at) if mode == "nearest" else np.maximum(1 - np.abs(all_ - at), 0)
    found = np.zeros(length)
    for tap in np.arange(np.floor(at) - 1, np.floor(at) + 3):
        found += _keys(abs(at - tap)) * (all_ == _kept(tap, length, padding_mode, align_corners))
    return found


def _keys(far: float) -> float:
    """Keys' kernel with slope -0.75 as two polynomials."""
    if far <= 1:
        return 1.25 * far**3 - 2.25 * far**2 + 1
    return -0.75 * far**3 + 3.75 * far**2 - 6 * far + 3


def grid_sample(
    x: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Any:  # fmt: skip
    """A place at a time, from all elements by their distance."""
    lengths = x.shape[2:]
    found = np.zeros((*grid.shape[:-1], x.shape[1]), x.dtype)
    for place in np.ndindex(*grid.shape[:-1]):
        seen = x[place[0]]
        for i, length in enumerate(lengths):
            weights = _weights(
                float(grid[place][-1 - i]), length, mode, padding_mode, align_corners
            )
            seen = np.tensordot(seen, weights.astype(x.dtype), (1, 0))
        found[place] = seen
    return np.moveaxis(found, -1, 1)


def affine_grid(theta: Any, size: Any, align_corners: bool = False) -> Any:
    found = np.zeros((len(theta), *size[2:], len(size) - 2), theta.dtype)
    for at in np.ndindex(*size[2:]):
        edge = [d - 1 if align_corners else d for d in size[2:]]
        shift = 0 if align_corners else 0.5
        place = [2 * (i + shift) / e - 1 if e else 0 for i, e in zip(at, edge, strict=True)]
        found[(slice(None), *at)] = theta @ [*reversed(place), 1]
    return found


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "grid_sample": [
        one(lambda m, x, g: m.grid_sample(x, g), real(2, 3, 3, 4), places(2, 2, 3, 2)),
        one(lambda m, x, g: m.grid_sample(x, g, "bilinear", "border", True), real(1, 2, 3, 4), places(1, 2, 3, 2)),
        one(lambda m, x, g: m.grid_sample(x, g, "nearest", "reflection"), real(1, 1, 3, 4), places(1, 2, 2, 2)),
        one(lambda m, x, g: m.grid_sample(x, g), real(1, 1, 2, 3, 2), places(1, 1, 2, 2, 3)),
        one(lambda m, x, g: m.grid_sample(x, g, "bicubic", "reflection"), real(1, 1, 3, 4), places(1, 1, 3, 2)),
    ],
    "affine_grid": [
        one(lambda m, t: m.affine_grid(t, (2, 3, 3, 4)), real(2, 2, 3)),
        one(lambda m, t: m.affine_grid(t, (1, 1, 2, 3, 2), True), real(1, 3, 4)),
    ],
}
# fmt: on

KINKED = {"grid_sample"}

NUMPY = {"grid_sample": grid_sample, "affine_grid": affine_grid}


def _with_corners(name: str) -> Any:
    """PyTorch's function, told how edges lie, as it warns where it is not."""
    call = functional(name)

    def told(*args: Any) -> Any:
        own = 4 if name == "grid_sample" else 2
        return call(*args) if len(args) > own else call(*args, align_corners=False)

    return told


TORCH = {name: _with_corners(name) for name in NUMPY}
