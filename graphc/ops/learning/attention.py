"""Attention, and what tells it where things stand: rotations, sinusoids, biases by distance.

Positions are counted where they are used: no mask and no table of positions is stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.graph import Node, Op, declare, graph_of, public
from graphc.ops.axes import stage
from graphc.ops.elementwise.activations import number
from graphc.ops.elementwise.arith import abs, astype, greater, greater_equal, where
from graphc.ops.elementwise.maths import cos, exp, exp2, sin
from graphc.ops.indexing.picking import spreads
from graphc.ops.products.linear import matmul
from graphc.ops.reductions.reduce import shifted, sum
from graphc.ops.shaping.layout import expand_dims, iota, matrix_transpose, reshape
from graphc.ops.shaping.pieces import concat, stack
from graphc.ops.spell import Expand
from graphc.types import Dim, Size, Type, as_dim, broadcast, floating, promote, shape_text

__all__ = [
    "alibi",
    "rotary_embedding",
    "scaled_dot_product_attention",
    "sinusoidal_positions",
]

# Which keys a query sees, and how much


def _attended(q: Node, k: Node, *masks: Node, scale: float, causal: bool) -> Node:
    """What part of each key a query takes: softmax of the scores, 0 where it sees none."""
    scores = matmul(q, matrix_transpose(k)) * scale
    for mask in masks:
        scores = where(mask, scores, -math.inf) if mask.dtype == "bool" else scores + mask
    if causal:
        query, key = (iota(q, scores.shape[-2:], (axis,)) for axis in (0, 1))
        scores = where(greater_equal(query, key), scores, -math.inf)
    _, e, _ = shifted(scores.hinted("scores"), (scores.ndim - 1,))
    total = sum(e, -1, keepdims=True).hinted("total")
    return (e / where(greater(total, 0), total, 1)).hinted("attended")


def _attention_define(q: Node, k: Node, v: Node, *masks: Node, scale: float, causal: bool) -> Node:
    q, k, v = (astype(x, _float(q, k, v, masks)) for x in (q, k, v))
    return matmul(_attended(q, k, *masks, scale=scale, causal=causal), v)


def _float(q: Any, k: Any, v: Any, masks: Sequence[Any]) -> str:
    added = (x.dtype for x in masks if x.dtype != "bool")
    return floating(promote(q.dtype, k.dtype, v.dtype, *added))


def _attention_numpy(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, *masks: np.ndarray, scale: float, causal: bool
) -> np.ndarray:
    scores = (q @ np.swapaxes(k, -1, -2)) * q.dtype.type(scale)
    for mask in masks:
        seen = mask.dtype == bool
        scores = np.where(mask, scores, -np.inf) if seen else scores + mask
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    top = np.max(scores, axis=-1, keepdims=True, initial=-np.inf)
    e = np.exp(scores - np.where(np.isinf(top), 0, top))
    total = np.sum(e, axis=-1, keepdims=True)
    return (e / np.where(total > 0, total, 1)) @ v


def _attention_vjp(
    g: Node, y: Node, q: Node, k: Node, v: Node, *masks: Node, scale: float, causal: bool
) -> list[Node | None]:
    """With P the part that each query takes of the keys: dV = P^T g, dS = P (g V^T - sum(g y)) for
    the scores, dQ = scale dS K, dK = scale dS^T Q.

    Source: Dao et al. 2022, "FlashAttention", appendix B.2.
    """
    q, k, v = (astype(x, y.dtype) for x in (q, k, v))
    p = _attended(q, k, *masks, scale=scale, causal=causal)
    d_v = matmul(matrix_transpose(p), g)
    level = sum(g * y, -1, keepdims=True).hinted("level")
    d_s = (p * (matmul(g, matrix_transpose(v)) - level)).hinted("d_scores")
    d_q, d_k = matmul(d_s, k) * scale, matmul(matrix_transpose(d_s), q) * scale
    return [d_q, d_k, d_v, *(None if x.dtype == "bool" else d_s for x in masks)]


def _attention_type(q: Type, k: Type, v: Type, *masks: Type, scale: float, causal: bool) -> Type:
    for x in (q, k, v):
        if x.rank < 2:
            raise ShapeError(
                f"queries, keys and values are rows of vectors, not of shape {shape_text(x.shape)}",
                code="G103",
            )
    if q.shape[-1] != k.shape[-1]:
        texts = f"{shape_text(q.shape)} and {shape_text(k.shape)}"
        raise ShapeError(f"queries and keys of shapes {texts} have other widths")
    if k.shape[-2] != v.shape[-2]:
        texts = f"{shape_text(k.shape)} and {shape_text(v.shape)}"
        raise ShapeError(f"keys and values of shapes {texts} differ in number")
    lead = broadcast(q.shape[:-2], k.shape[:-2])
    scores = (*lead, q.shape[-2], k.shape[-2])
    for x in masks:
        if not spreads(x.shape, scores):
            texts = f"{shape_text(x.shape)} does not broadcast to {shape_text(scores)}"
            raise ShapeError(f"a mask of shape {texts}, which the scores have", code="G102")
    lead = broadcast(lead, v.shape[:-2])
    return Type(_float(q, k, v, masks), (*lead, q.shape[-2], v.shape[-1]))


_attention = declare(
    Op(
        "scaled_dot_product_attention",
        _attention_type,
        Expand(_attention_define),
        _attention_numpy,
        _attention_vjp,
    )
)


@public
def scaled_dot_product_attention(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    bias: Any = None,
) -> Node:
    """softmax(scale q k^T + bias) v: what each query takes of the values, by how well it fits their
    keys.

    `q` (..., L, E), `k` (..., S, E), `v` (..., S, V), the leading axes broadcast: heads that share
    keys have them of size 1. Shape (..., L, V). A bool `mask` (..., L, S) is true where a query
    sees a key, a float one is added, as `bias` is; `causal`: query i sees the keys up to i. A query
    that sees no key gives zeros. `scale` is 1 / sqrt(E) unless given. Raises ShapeError,
    DTypeError. Source: Vaswani et al. 2017, "Attention is all you need"; PyTorch's function of the
    name.
    """
    given = [x for x in (mask, bias) if x is not None]
    nodes = graph_of(q, k, v, *given).lift((q, k, v, *given))
    for x in nodes[3:]:
        if x.dtype != "bool" and not x.type.is_float:
            raise DTypeError(f"a mask is bool or float, not {x.type}")
    return _attention(*nodes, scale=_scale(scale, nodes[0]), causal=bool(causal))


def _scale(scale: Any, q: Node) -> float:
    if scale is not None:
        return number(scale, "scale")
    width = q.shape[-1] if q.ndim else 1
    if isinstance(width, Size):
        raise ShapeError(f"the width of the queries is {width}, not a number", hint="scale=")
    return 1 / math.sqrt(width) if width else 1.0


# Where things stand


def _rates(like: Node, count: int, base: float) -> Node:
    """1 / base**(i / count) for i = 0, ..., count - 1, in the element type of `like`."""
    steps = astype(iota(like, (count,), (0,)), like.dtype)
    return exp(steps * (-math.log(base) / count))


def _even(width: Dim) -> int:
    if isinstance(width, Size) or width % 2:
        raise ShapeError(f"positions need an even width, not {width}")
    return width // 2


def _angles(x: Node, positions: Any, half: int, base: float) -> Node:
    """position * rate for each pair of numbers: (..., L, half)."""
    if positions is None:
        positions = iota(x, x.shape[-2:-1], (0,))
    at = astype(x.graph.lift((positions,))[0], x.dtype)
    return expand_dims(at, -1) * _rates(x, half, base)


@public
def rotary_embedding(
    x: Node, positions: Any = None, base: float = 10000.0, interleaved: bool = False
) -> Node:
    """Each pair of numbers of `x` (..., L, E) turned by an angle that grows with its position: p
    base**(-2 i / E) for pair i at position p.

    Pair i are the numbers i and i + E / 2, or with `interleaved` 2 i and 2 i + 1. `positions`,
    broadcast to (..., L), are 0, 1, ..., L - 1 unless given. Floats of the shape of `x`. Raises
    ShapeError for an odd E. Source: Su et al. 2021, "RoFormer".
    """
    if stage(x).ndim < 2:
        raise ShapeError(f"positions need two axes, not shape {shape_text(x.shape)}", code="G103")
    half = _even(x.shape[-1])
    x = astype(x, floating(x.dtype))
    angles = _angles(x, positions, half, number(base, "base"))
    c, s = cos(angles).hinted("cosine"), sin(angles).hinted("sine")
    a, b = (x[..., ::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    turned = a * c - b * s, a * s + b * c
    if interleaved:
        return reshape(stack(turned, -1), x.shape)
    return concat(turned, -1)


@public
def sinusoidal_positions(x: Node, base: float = 10000.0) -> Node:
    """sin(p base**(-2 i / E)) and the cosine at the numbers 2 i and 2 i + 1 of row p, shape (L, E),
    for the rows of `x` (..., L, E); to be added to it.

    Raises ShapeError for an odd E. Source: Vaswani et al. 2017, section 3.5.
    """
    if stage(x).ndim < 2:
        raise ShapeError(f"positions need two axes, not shape {shape_text(x.shape)}", code="G103")
    half = _even(x.shape[-1])
    x = astype(x, floating(x.dtype))
    angles = _angles(x, None, half, number(base, "base"))
    return reshape(stack((sin(angles), cos(angles)), -1), x.shape[-2:])


@public
def alibi(x: Node, heads: int, keys: Any = None) -> Node:
    """A bias for the scores of `heads` heads, -2**(-8 h / heads) |i - j| for head h = 1, ..., heads
    between query i and key j: (heads, L, S).

    `x` (..., L, E) tells how many queries there are, `keys` how many keys: as many unless given.
    Raises ShapeError. Source: Press, Smith & Lewis 2022, "Train short, test long".
    """
    if stage(x).ndim < 2:
        raise ShapeError(f"positions need two axes, not shape {shape_text(x.shape)}", code="G103")
    queries = x.shape[-2]
    shape = (heads, queries, queries if keys is None else as_dim(keys))
    head, query, key = (iota(x, shape, (axis,)) for axis in range(3))
    dtype = floating(x.dtype)
    slopes = exp2((1 + astype(head, dtype)) * (-8.0 / heads))
    return -slopes * astype(abs(query - key), dtype)
