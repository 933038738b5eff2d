"""Samples of normalisation layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from specs import Sample, batch, one, positive, real

from samples.convolve import functional


def standard(x: Any, axis: Any, eps: float, centred: bool = True) -> Any:
    level = x.mean(axis, keepdims=True) if centred else 0
    return (x - level) / np.sqrt(((x - level) ** 2).mean(axis, keepdims=True) + eps)


def _affine(y: Any, w: Any, b: Any, channels: bool = True) -> Any:
    shape = (-1, *(1 for _ in y.shape[2:])) if channels else None
    w, b = (v.reshape(shape) if channels and v is not None else v for v in (w, b))
    return y * (1 if w is None else w) + (0 if b is None else b)


def layer_norm(
    x: Any, axis: Any = -1, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    return _affine(standard(x, axis, eps), weight, bias, channels=False)


def rms_norm(x: Any, axis: Any = -1, weight: Any = None, eps: Any = None) -> Any:
    eps = np.finfo(x.dtype).eps if eps is None else eps
    return _affine(standard(x, axis, eps, centred=False), weight, None, channels=False)


def group_norm(x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    rows = standard(x.reshape(x.shape[0], groups, -1), -1, eps)
    return _affine(rows.reshape(x.shape), weight, bias)


def instance_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    return _affine(standard(x, tuple(range(2, x.ndim)), eps), weight, bias)


def batch_norm_train(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    axes = (0, *range(2, x.ndim))
    return _affine(standard(x, axes, eps), weight, bias), x.mean(axes), x.var(axes)


def batch_norm(x: Any, mean: Any, var: Any, w: Any = None, b: Any = None, eps: float = 1e-5) -> Any:
    level, spread = (v.reshape(-1, *(1 for _ in x.shape[2:])) for v in (mean, var))
    return _affine((x - level) / np.sqrt(spread + eps), w, b)


def local_response_norm(
    x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    wide = np.pad(x**2, [(0, 0), (size // 2, (size - 1) // 2), *[(0, 0)] * (x.ndim - 2)])
    around = sum(wide[:, i : i + x.shape[1]] for i in range(size))
    return x / (k + alpha / size * around) ** beta


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "standardize":         [one(lambda m, x: m.standardize(x, axis=(0, 2), eps=1e-3, centred=True), batch(3, 2, 4))],
    "layer_norm":          [
        one(lambda m, x: m.layer_norm(x), real(5)),
        one(lambda m, x, w, b: m.layer_norm(x, (-2, -1), w, b), batch(3, 2, 4), real(2, 4), real(2, 4)),
        one(lambda m, x, b: m.layer_norm(x, -1, None, b, 1e-3), real(2, 3, 4), real(4)),
        one(lambda m, x: m.layer_norm(x, 0), real(4, 0)),
    ],
    "rms_norm":            [
        one(lambda m, x, w: m.rms_norm(x, -1, w), batch(3, 4), real(4)),
        one(lambda m, x: m.rms_norm(x, (0, 1), eps=0.1), real(3, 4)),
    ],
    "group_norm":          [
        one(lambda m, x, w, b: m.group_norm(x, 2, w, b), batch(2, 4, 3), real(4), real(4)),
        one(lambda m, x: m.group_norm(x, 3), real(2, 3, 2, 2)),
    ],
    "instance_norm":       [one(lambda m, x, w, b: m.instance_norm(x, w, b), batch(2, 3, 2, 4), real(3), real(3))],
    "batch_norm_train":    [
        one(lambda m, x, w, b: m.batch_norm_train(x, w, b)[0], batch(3, 2, 4), real(2), real(2)),
        one(lambda m, x: m.batch_norm_train(x)[0], real(4, 3)),
        one(lambda m, x: m.batch_norm_train(x)[2], real(3, 2, 2, 3)),
    ],
    "batch_norm":          [
        one(lambda m, x, a, v, w, b: m.batch_norm(x, a, v, w, b), batch(3, 2, 4), real(2), positive(2), real(2), real(2)),
        one(lambda m, x, a, v: m.batch_norm(x, a, v, eps=0.1), real(3, 2), real(2), positive(2)),
    ],
    "local_response_norm": [
        one(lambda m, x: m.local_response_norm(x, 3, 0.7), batch(2, 5, 3)),
        one(lambda m, x: m.local_response_norm(x, 2, 0.7, 0.5, 2.0), real(2, 4, 2, 2)),
    ],
}
# fmt: on

NUMPY = {
    "standardize": standard,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "batch_norm_train": batch_norm_train,
    "batch_norm": batch_norm,
    "local_response_norm": local_response_norm,
}


def _last(name: str) -> Any:
    """PyTorch's function, which is told the sizes of the axes."""

    def call(x: Any, axis: Any = -1, *args: Any, **settings: Any) -> Any:
        axes = axis if isinstance(axis, tuple) else (axis,)
        shape = [x.shape[a] for a in axes]
        return functional(name)(x, shape, *args, **settings)

    return call


TORCH = {
    "layer_norm": _last("layer_norm"),
    "rms_norm": _last("rms_norm"),
    "group_norm": functional("group_norm"),
    "instance_norm": lambda x, *affine: functional("instance_norm")(x, None, None, *affine),
    "batch_norm_train": lambda x, w=None, b=None: (
        functional("batch_norm")(x, None, None, w, b, True),
        x.mean((0, *range(2, x.ndim))),
        x.var((0, *range(2, x.ndim)), correction=0),
    ),
    "local_response_norm": functional("local_response_norm"),
}
