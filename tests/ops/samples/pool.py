"""Samples of pooling, by windows of one size and by as many windows as are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from specs import Sample, batch, given, integer, one, positive, real

from samples.convolve import each, functional

Place = tuple[tuple[int, ...], list[np.ndarray]]


def _places(
    lengths: Any, size: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> Iterator[Place]:
    """Each output, and the indices along each axis that its window sees, beyond the edges too."""
    n = len(lengths)
    k, p, d = each(size, n), each(padding, n), each(dilation, n)
    s = k if stride is None else each(stride, n)
    counts = []
    for i, length in enumerate(lengths):
        over = length + 2 * p[i] - d[i] * (k[i] - 1) - 1
        count = (over + (s[i] - 1) * ceil) // s[i] + 1
        counts.append(count - (ceil and (count - 1) * s[i] >= length + p[i]))
    for o in np.ndindex(*counts):
        yield o, [o[i] * s[i] - p[i] + d[i] * np.arange(k[i]) for i in range(n)]


def _over(x: Any, n: int, places: Any, reduce: Any) -> Any:
    """`reduce(rows of what is seen, indices)` at each output."""
    lengths, found = x.shape[x.ndim - n :], {}
    for o, at in places:
        kept = [a[(a >= 0) & (a < d)] for a, d in zip(at, lengths, strict=True)]
        seen = x[(..., *np.ix_(*kept))].reshape(*x.shape[: x.ndim - n], -1)
        found[o] = reduce(seen, at, kept)
    shape = np.max(list(found), axis=0) + 1
    return np.stack(list(found.values()), -1).reshape(*x.shape[: x.ndim - n], *shape)


def _n(x: Any, size: Any) -> int:
    return len(size) if isinstance(size, tuple) else x.ndim - 2


def max_pool(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    lengths = x.shape[x.ndim - _n(x, size) :]

    def first(seen: Any, at: Any, kept: Any) -> Any:
        flat = np.ravel_multi_index(np.meshgrid(*kept, indexing="ij"), lengths).ravel()
        return flat[seen.argmax(-1)]

    def whole(reduce: Any) -> Any:
        places = _places(lengths, size, stride, padding, dilation, ceil_mode)
        return _over(x, len(lengths), places, reduce)

    y = whole(lambda seen, at, kept: seen.max(-1))
    return (y, whole(first)) if return_indices else y


def avg_pool(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: Any = None,
) -> Any:  # fmt: skip
    lengths = x.shape[x.ndim - _n(x, size) :]
    p = each(padding, len(lengths))

    def mean(seen: Any, at: Any, kept: Any) -> Any:
        inside = [a[a < d + q] for a, d, q in zip(at, lengths, p, strict=True)]
        counted = np.prod([len(a) for a in (inside if count_include_pad else kept)])
        return seen.sum(-1) / (divisor_override or counted)

    return _over(x, len(lengths), _places(lengths, size, stride, padding, 1, ceil_mode), mean)


def lp_pool(x: Any, p: float, size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    lengths = x.shape[x.ndim - _n(x, size) :]
    places = _places(lengths, size, stride, 0, 1, ceil_mode)
    norm = lambda seen, at, kept: (np.abs(seen) ** p).sum(-1) ** (1 / p)  # noqa: E731
    return _over(x, len(lengths), places, norm)


def _adaptive(name: str) -> Any:
    def pool(x: Any, output_size: Any) -> Any:
        sizes = each(output_size, x.ndim - 2)
        for axis, n in enumerate(sizes, 2):
            length = x.shape[axis]
            n = length if n is None else n
            cuts = [slice(i * length // n, -(-(i + 1) * length // n)) for i in range(n)]
            rows = [getattr(np, name)(x[(slice(None),) * axis + (cut,)], axis) for cut in cuts]
            x = np.stack(rows, axis)
        return x

    return pool


def _global(name: str) -> Any:
    return lambda x: getattr(np, name)(x, axis=tuple(range(2, x.ndim)), keepdims=True)


TIES = given([[[1.0, 2.0, 2.0, 0.0, -1.0, 2.0]]])

# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "max_pool":          [
        one(lambda m, x: m.max_pool(x, 2), batch(2, 3, 4, 6)),
        one(lambda m, x: m.max_pool(x, 3, 2, 1, ceil_mode=True), real(2, 2, 6, 5)),
        one(lambda m, x: m.max_pool(x, (2,), 1, 1, 2), real(3, 7)),
        one(lambda m, x: m.max_pool(x, (2, 1, 2), (1, 2, 2)), real(1, 1, 3, 3, 4)),
        one(lambda m, x: m.max_pool(x, 2, padding=1), integer(2, 1, 4, low=-5, dtype="i32")),
    ],
    "max_pool_indices":  [
        one(lambda m, x: m.max_pool(x, (3, 2), 2, 1, return_indices=True)[1], batch(2, 2, 6, 5)),
        one(lambda m, x: m.max_pool(x, 3, 1, return_indices=True)[1], TIES),
    ],
    "avg_pool":          [
        one(lambda m, x: m.avg_pool(x, 2), batch(2, 3, 4, 6)),
        one(lambda m, x: m.avg_pool(x, 3, 2, 1, True), real(2, 1, 6, 5)),
        one(lambda m, x: m.avg_pool(x, (3, 2), (2, 1), 1, True, False), real(2, 1, 6, 5)),
        one(lambda m, x: m.avg_pool(x, 2, 1, 0, False, True, 3), real(1, 1, 3, 2, 3)),
    ],
    "lp_pool":           [
        one(lambda m, x: m.lp_pool(x, 2, 2), batch(2, 1, 4, 5)),
        one(lambda m, x: m.lp_pool(x, 3, 3, 2), positive(2, 1, 7)),
    ],
    "adaptive_avg_pool": [
        one(lambda m, x: m.adaptive_avg_pool(x, (3, 4)), batch(2, 2, 7, 6)),
        one(lambda m, x: m.adaptive_avg_pool(x, (2, None, 1)), real(1, 2, 3, 2, 4)),
    ],
    "adaptive_max_pool": [one(lambda m, x: m.adaptive_max_pool(x, (3, 4)), batch(2, 2, 7, 6))],
    "global_avg_pool":   [one(lambda m, x: m.global_avg_pool(x), batch(2, 2, 3, 4))],
    "global_max_pool":   [one(lambda m, x: m.global_max_pool(x), real(2, 2, 3, 4))],
}
# fmt: on

KINKED = {"max_pool", "adaptive_max_pool", "global_max_pool"}

NUMPY = {
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "lp_pool": lp_pool,
    "adaptive_avg_pool": _adaptive("mean"),
    "adaptive_max_pool": _adaptive("max"),
    "global_avg_pool": _global("mean"),
    "global_max_pool": _global("max"),
}


def _ranked(name: str) -> Any:
    """PyTorch's function for as many axes as the kernel has, or the argument behind channels."""

    def call(x: Any, *args: Any, **settings: Any) -> Any:
        n = len(args[0]) if isinstance(args[0], tuple) else x.ndim - 2
        return functional(f"{name}{n}d")(x, *args, **settings)

    return call


TORCH = {
    "max_pool": _ranked("max_pool"),
    "avg_pool": _ranked("avg_pool"),
    "lp_pool": lambda x, p, size, *rest: functional(f"lp_pool{x.ndim - 2}d")(x, p, size, *rest),
    "adaptive_avg_pool": _ranked("adaptive_avg_pool"),
    "adaptive_max_pool": _ranked("adaptive_max_pool"),
}
