"""Samples of attention and of positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from specs import Sample, batch, given, one, real, truth

from samples.convolve import functional


def attention(
    q: Any, k: Any, v: Any, mask: Any = None, *, causal: bool = False, scale: Any = None,
    bias: Any = None,
) -> Any:  # fmt: skip
    """A query at a time."""
    lead = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    scores = np.einsum("...le,...se->...ls", q, k) / (
        np.sqrt(q.shape[-1]) if scale is None else 1 / scale
    )
    seen = np.ones(scores.shape, bool)
    for added in (mask, bias):
        if added is not None and added.dtype == bool:
            seen &= added
        elif added is not None:
            scores = scores + added
    found = np.zeros((*lead, q.shape[-2], v.shape[-1]))
    scores, seen = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (scores, seen))
    values = np.broadcast_to(v, (*lead, *v.shape[-2:]))
    for at in np.ndindex(*lead, q.shape[-2]):
        keys = np.flatnonzero(seen[at][: at[-1] + 1] if causal else seen[at])
        e = np.exp(scores[at][keys])
        found[at] = (e / e.sum()) @ values[at[:-1]][keys] if len(keys) else 0
    return found


def rotary(x: Any, positions: Any = None, base: float = 10000.0, interleaved: bool = False) -> Any:
    """Complex numbers turned."""
    half = x.shape[-1] // 2
    z = x[..., ::2] + 1j * x[..., 1::2] if interleaved else x[..., :half] + 1j * x[..., half:]
    at = np.arange(x.shape[-2]) if positions is None else positions
    z = z * np.exp(1j * at[..., None] * base ** (-np.arange(half) / half))
    pairs = np.stack((z.real, z.imag), -1 if interleaved else -2)
    return pairs.reshape(x.shape)


def sinusoids(x: Any, base: float = 10000.0) -> Any:
    found = np.zeros(x.shape[-2:])
    for p, i in np.ndindex(found.shape):
        angle = p * base ** (-(i // 2 * 2) / x.shape[-1])
        found[p, i] = np.cos(angle) if i % 2 else np.sin(angle)
    return found


def alibi(x: Any, heads: int, keys: Any = None) -> Any:
    far = np.abs(np.subtract.outer(np.arange(x.shape[-2]), np.arange(keys or x.shape[-2])))
    return -(2.0 ** (-8 * np.arange(1, heads + 1) / heads))[:, None, None] * far


NUMPY: dict[str, Callable[..., Any]] = {
    "scaled_dot_product_attention": attention,
    "rotary_embedding": rotary,
    "sinusoidal_positions": sinusoids,
    "alibi": alibi,
}


def torch_attention(
    q: Any, k: Any, v: Any, mask: Any = None, *, causal: bool = False, scale: Any = None,
    bias: Any = None,
) -> Any:  # fmt: skip
    if bias is not None and mask is not None:
        mask = bias.masked_fill(~mask, float("-inf"))
    call = functional("scaled_dot_product_attention")
    return call(q, k, v, bias if mask is None else mask, is_causal=causal, scale=scale)


TORCH: dict[str, Callable[..., Any]] = {"scaled_dot_product_attention": torch_attention}

BLIND = [[True, False, True, True], [False] * 4, [True] * 4]

# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "scaled_dot_product_attention": [
        one(lambda m, q, k, v: m.scaled_dot_product_attention(q, k, v), real(3, 4), real(5, 4), real(5, 2)),
        one(lambda m, q, k, v: m.scaled_dot_product_attention(q, k, v, causal=True), batch(2, 5, 4), batch(2, 5, 4), batch(2, 5, 4)),
        one(lambda m, q, k, v, x: m.scaled_dot_product_attention(q, k, v, x), real(2, 1, 3, 2), real(1, 2, 4, 2), real(1, 2, 4, 3), given(BLIND, "bool")),
        one(lambda m, q, k, v, b: m.scaled_dot_product_attention(q, k, v, bias=b, scale=0.3), real(2, 3, 2), real(2, 4, 2), real(2, 4, 3), real(3, 1)),
        one(lambda m, q, k, v, x, b: m.scaled_dot_product_attention(q, k, v, x, bias=b), real(3, 2), real(4, 2), real(4, 3), truth(3, 4), real(3, 4)),
        one(lambda m, q, k, v: m.scaled_dot_product_attention(q, k, v, causal=True), real(3, 2), real(5, 2), real(5, 1)),
    ],
    "rotary_embedding": [
        one(lambda m, x: m.rotary_embedding(x), batch(2, 3, 4)),
        one(lambda m, x: m.rotary_embedding(x, base=100.0, interleaved=True), real(3, 6)),
        one(lambda m, x, p: m.rotary_embedding(x, p), real(2, 3, 2), given([4, 0, 2], "i64")),
    ],
    "sinusoidal_positions": [one(lambda m, x: m.sinusoidal_positions(x), real(2, 5, 4))],
    "alibi":          [one(lambda m, x: m.alibi(x, 2), real(2, 3, 4)), one(lambda m, x: m.alibi(x, 4, 5), real(3, 1))],
}
# fmt: on
