"""Samples of arrays with a border."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from specs import Sample, batch, integer, one, real

INSIDE = ("reflect", "edge", "symmetric", "wrap")

# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "pad":        [
        one(lambda m, x: m.pad(x, 1), real(2, 3)),
        one(lambda m, x, c: m.pad(x, ((1, 0), (0, 2)), value=c), real(2, 3), real()),
        one(lambda m, x: m.pad(x, ((-1, 2), (1, -2)), value=-1.0), real(3, 4)),
        one(lambda m, x: m.pad(x, {-1: (1, 2)}), batch(4, 3)), one(lambda m, x: m.pad(x, {0: (1, 2)}), batch(4, 3)),
        one(lambda m, x: m.pad(x, (0, 2), value=7), integer(0)),
    ],
    "pad_inside": [one(lambda m, x, k=k: m.pad(x, ((1, 2), (5, 4)), k), real(3, 4)) for k in INSIDE]
                  + [one(lambda m, x: m.pad(x, {1: 2}, "reflect"), batch(4, 3, 2)), one(lambda m, x: m.pad(x, 2, "reflect"), real(1))],
    "pad_back":   [one(lambda m, g, k=k: m.pad_back(g, widths=((1, 2), (5, 4)), mode=k), real(6, 13)) for k in INSIDE],
}
# fmt: on


def _pad(x: Any, widths: Any, mode: str = "constant", value: Any = 0) -> Any:
    if isinstance(widths, dict):
        pairs = {a % x.ndim: np.broadcast_to(w, 2) for a, w in widths.items()}
        widths = [pairs.get(a, (0, 0)) for a in range(x.ndim)]
    rows = np.broadcast_to(widths, (x.ndim, 2))
    cut = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, rows, strict=True))
    options = {"constant_values": value} if mode == "constant" else {}
    return np.pad(x[cut], np.maximum(rows, 0), mode, **options)


def _pad_back(g: Any, widths: Any, mode: str) -> Any:
    shape = tuple(n - a - b for n, (a, b) in zip(g.shape, widths, strict=True))
    found = np.zeros(shape)
    from_ = np.pad(np.arange(found.size).reshape(shape), widths, mode)
    np.add.at(found.reshape(-1), from_.ravel(), g.ravel())
    return found


NUMPY: dict[str, Callable[..., Any]] = {"pad": _pad, "pad_back": _pad_back}
