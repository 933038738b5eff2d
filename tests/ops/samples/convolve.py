"""Samples of convolutions, over one to three axes, and of what is their gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from specs import Sample, batch, one, real

from samples.windows import overlap_add, windows


def each(value: Any, n: int) -> Any:
    """A setting for each axis."""
    return value if isinstance(value, tuple) else (value,) * n


def around(x: Any, padding: Any, n: int, edge: Any = 0) -> Any:
    """An array with its padding."""
    pairs = [(p, p) if isinstance(p, int) else p for p in each(padding, n)]
    return np.pad(x, [(0, 0)] * (x.ndim - n) + pairs, constant_values=edge)


def by_groups(v: Any, axis: int, groups: int) -> Any:
    """An axis split into groups."""
    return v.reshape(*v.shape[:axis], groups, v.shape[axis] // groups, *v.shape[axis + 1 :])


def _seen(x: Any, sizes: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """(batch, groups, channels, outputs, places), and the outputs' shape."""
    n = len(sizes)
    seen = windows(around(x, padding, n), sizes, each(stride, n), each(dilation, n))
    outputs = seen.shape[2 : 2 + n]
    flat = seen.reshape(*x.shape[:2], int(np.prod(outputs)), int(np.prod(sizes)))
    return by_groups(flat, 1, groups), outputs


def conv(
    x: Any, w: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    if x.ndim < w.ndim:
        return conv(x[None], w, bias, stride, padding, dilation, groups)[0]
    if padding == "same":
        reach = [d * (k - 1) for k, d in zip(w.shape[2:], each(dilation, w.ndim - 2), strict=True)]
        padding = tuple((r // 2, r - r // 2) for r in reach)
    seen, outputs = _seen(x, w.shape[2:], stride, padding, dilation, groups)
    kernel = by_groups(w, 0, groups).reshape(groups, -1, *w.shape[1:2], seen.shape[-1])
    y = np.einsum("ngcpk,gfck->ngfp", seen, kernel).reshape(x.shape[0], w.shape[0], *outputs)
    return y if bias is None else y + bias.reshape(-1, *(1 for _ in outputs))


def conv_transpose(
    x: Any, w: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    n, sizes, lengths = w.ndim - 2, w.shape[2:], x.shape[2:]
    s, p, d, more = (each(v, n) for v in (stride, padding, dilation, output_padding))
    flat = by_groups(x, 1, groups).reshape(x.shape[0], groups, -1, int(np.prod(lengths)))
    kernel = by_groups(w, 0, groups).reshape(groups, -1, w.shape[1], int(np.prod(sizes)))
    g = np.einsum("ngfp,gfck->ngcpk", flat, kernel)
    g = g.reshape(x.shape[0], groups * w.shape[1], *lengths, *sizes)
    whole = [(o - 1) * s[i] + d[i] * (sizes[i] - 1) + 1 for i, o in enumerate(lengths)]
    total = overlap_add(g, (*g.shape[:2], *whole), s, d)
    total = np.pad(total, [(0, 0), (0, 0), *((0, m) for m in more)])
    whole = [n + m for n, m in zip(whole, more, strict=True)]
    y = total[(..., *(slice(a, b - a) for a, b in zip(p, whole, strict=True)))]
    return y if bias is None else y + bias.reshape(-1, *(1 for _ in sizes))


def conv_weights(
    x: Any, y: Any, sizes: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    seen, _ = _seen(x, sizes, stride, padding, dilation, groups)
    flat = by_groups(y, 1, groups).reshape(*seen.shape[:2], -1, seen.shape[3])
    w = np.einsum("ngcpk,ngfp->gfck", seen, flat)
    return w.reshape(y.shape[1], x.shape[1] // groups, *sizes)


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    n = len(kernel_size)
    seen = windows(around(x, padding, n), kernel_size, each(stride, n), each(dilation, n))
    turned = np.transpose(seen, (0, 1, *range(2 + n, 2 + 2 * n), *range(2, 2 + n)))
    return turned.reshape(x.shape[0], x.shape[1] * int(np.prod(kernel_size)), -1)


def fold(
    x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
    stride: Any = 1,
) -> Any:  # fmt: skip
    p = each(padding, len(output_size))
    whole = tuple(d + 2 * a for d, a in zip(output_size, p, strict=True))
    channels = x.shape[1] // int(np.prod(kernel_size))
    sites = np.arange(np.prod((x.shape[0], channels, *whole)))
    at = unfold(sites.reshape(x.shape[0], channels, *whole), kernel_size, dilation, 0, stride)
    total = np.zeros(sites.size, x.dtype)
    np.add.at(total, at.ravel(), x.ravel())
    total = total.reshape(x.shape[0], channels, *whole)
    return total[(..., *(slice(a, a + d) for a, d in zip(p, output_size, strict=True)))]


WEIGHTS = {"stride": (2, 1), "padding": ((1, 0), (0, 2)), "dilation": (1, 2), "groups": 2}

# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "conv":           [
        one(lambda m, x, w, b: m.conv(x, w, b, 1, 1), batch(2, 2, 4, 3), real(2, 2, 3, 3), real(2)),
        one(lambda m, x, w: m.conv(x, w, None, 2, 2, 2, 2), real(1, 4, 7), real(4, 2, 3)),
        one(lambda m, x, w: m.conv(x, w, padding="same"), real(2, 4, 3), real(2, 2, 2, 3)),
        one(lambda m, x, w: m.conv(x, w, stride=(1, 2, 1)), real(1, 1, 3, 4, 2), real(2, 1, 2, 3, 1)),
        one(lambda m, x, w, b: m.conv(x, w, b), batch(3, 2, 2, 2), real(3, 2, 1, 1), real(3)),
        one(lambda m, x, w: m.conv(x, w), real(0, 2, 5), real(3, 2, 2)),
    ],
    "conv_transpose": [
        one(lambda m, x, w, b: m.conv_transpose(x, w, b), batch(2, 3, 4), real(3, 2, 3), real(2)),
        one(lambda m, x, w: m.conv_transpose(x, w, None, (2, 3), (1, 0), (1, 2), 2, (2, 1)), real(1, 4, 2, 2), real(4, 1, 3, 2)),
        one(lambda m, x, w: m.conv_transpose(x, w), real(1, 2, 3, 2), real(2, 3, 1, 1)),
        one(lambda m, x, w, b: m.conv_transpose(x, w, b, 1, 0, 2, 1, 3), real(1, 2, 3), real(2, 2, 2), real(2)),
    ],
    "conv_weights":   [one(lambda m, x, y: m.conv_weights(x, y, sizes=(2, 3), **WEIGHTS), real(1, 4, 6, 5), real(1, 4, 3, 3))],
    "unfold":         [one(lambda m, x: m.unfold(x, (2, 3), (2, 1), (1, 0), 2), real(2, 3, 5, 6))],
    "fold":           [one(lambda m, x: m.fold(x, (5, 6), (2, 3), (2, 1), (1, 0), 2), real(2, 12, 6))],
}
# fmt: on

NUMPY = {
    "conv": conv,
    "conv_transpose": conv_transpose,
    "conv_weights": conv_weights,
    "unfold": unfold,
    "fold": fold,
}


def ranked(name: str) -> Any:
    """PyTorch's function for as many axes as the argument has lengths."""

    def call(x: Any, *args: Any, **settings: Any) -> Any:
        from torch.nn import functional

        return getattr(functional, f"{name}{x.ndim - 2}d")(x, *args, **settings)

    return call


def functional(name: str) -> Any:
    """PyTorch's function of the name."""

    def call(*args: Any, **settings: Any) -> Any:
        from torch.nn import functional

        return getattr(functional, name)(*args, **settings)

    return call


TORCH = {
    "conv": ranked("conv"),
    "conv_transpose": ranked("conv_transpose"),
    "unfold": functional("unfold"),
    "fold": functional("fold"),
}
