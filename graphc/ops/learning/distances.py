"""How near two arrays are to each other, and losses about pairs and triples: angles, distances,
orders.

Lengths of 0 have the gradient 0. Names are those of torch.nn.functional.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.graph import Node, Op, declare, graph_of, public
from graphc.ops.axes import axis_of
from graphc.ops.elementwise.activations import number
from graphc.ops.elementwise.arith import (
    astype,
    equal,
    greater,
    maximum,
    minimum,
    real,
    square,
    subtract,
    where,
)
from graphc.ops.elementwise.maths import relu, sigmoid, softplus, sqrt
from graphc.ops.learning.classes import reduced, reduction_of
from graphc.ops.learning.losses import Array, loss
from graphc.ops.linalg.norms import vector_norm
from graphc.ops.reductions.reduce import sum
from graphc.ops.shaping.layout import broadcast_to, expand_dims
from graphc.ops.spell import Expand
from graphc.types import Dim, Type, floating, promote, shape_text

__all__ = [
    "cdist",
    "cosine_embedding",
    "cosine_similarity",
    "hinge_embedding",
    "margin_ranking",
    "pairwise_distance",
    "soft_margin",
    "triplet_margin",
]

# Angles


def _cosine_type(x: Type, y: Type, axis: int, eps: float) -> Type:
    shape = real(x, y).shape
    return Type(real(x, y).dtype, (*shape[:axis], *shape[axis + 1 :]))


def _lengths(x: Node, axis: int, eps: float) -> tuple[Node, Node]:
    """The length along an axis, not below `eps`, and whether it is above."""
    length = sqrt(sum(square(x), axis, keepdims=True))
    return maximum(length, eps), greater(length, eps)


def _cosine_define(x: Node, y: Node, axis: int, eps: float) -> Node:
    x, y = (astype(v, floating(promote(x.dtype, y.dtype))) for v in (x, y))
    (left, _), (right, _) = _lengths(x, axis, eps), _lengths(y, axis, eps)
    return sum((x / left) * (y / right), axis)


def _cosine_numpy(x: Array, y: Array, axis: int, eps: float) -> Array:
    left, right = (
        np.maximum(np.sqrt(np.sum(np.square(v), axis, keepdims=True)), eps) for v in (x, y)
    )
    return np.sum((x / left) * (y / right), axis)


def _cosine_vjp(g: Node, c: Node, x: Node, y: Node, axis: int, eps: float) -> tuple[Node, Node]:
    """With lengths |x| and |y|: dx = g (y / |y| - c x / |x|) / |x|, where a length that is bounded
    by `eps` is a number.
    """
    x, y = (astype(v, c.dtype) for v in (x, y))
    (left, free), (right, loose) = _lengths(x, axis, eps), _lengths(y, axis, eps)
    g, c = expand_dims(g, axis), expand_dims(c, axis)
    u, v = x / left, y / right
    return g * (v - where(free, c * u, 0)) / left, g * (u - where(loose, c * v, 0)) / right


_cosine_similarity = declare(
    Op("cosine_similarity", _cosine_type, Expand(_cosine_define), _cosine_numpy, _cosine_vjp)
)


@public
def cosine_similarity(x: Any, y: Any, axis: int = -1, eps: float = 1e-8) -> Node:
    """sum(x y) / (|x| |y|) along `axis`, lengths not below `eps`; the arguments broadcast.

    Floats, the axis gone. Raises ShapeError (G102, G103). Source: PyTorch's cosine_similarity.
    """
    left, right = graph_of(x, y).lift((x, y))
    shape = real(left.type, right.type).shape
    at = axis_of(axis, len(shape), shape)
    left, right = (expand_dims(v, tuple(range(len(shape) - v.ndim))) for v in (left, right))
    left, right = (_as_long(v, at, shape[at]) for v in (left, right))
    return _cosine_similarity(left, right, axis=at, eps=number(eps, "eps"))


def _as_long(v: Node, axis: int, size: Dim) -> Node:
    """An array that broadcasts along the axis has as many of its element there."""
    if v.shape[axis] == size:
        return v
    return broadcast_to(v, (*v.shape[:axis], size, *v.shape[axis + 1 :]))


@public
def cosine_embedding(
    x: Any, y: Any, target: Any, margin: float = 0.0, *, reduction: str = "mean"
) -> Node:
    """1 - cos(x, y) for pairs of target 1, max(0, cos(x, y) - margin) for those of target -1.

    `x` and `y` (..., width), targets (...). Raises ShapeError. Source: PyTorch's
    cosine_embedding_loss.
    """
    near = cosine_similarity(x, y)
    apart = relu(near - number(margin, "margin"))
    return reduced(where(equal(target, 1), 1 - near, apart), reduction)


# Distances


@public
def pairwise_distance(
    x: Any, y: Any, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False
) -> Node:
    """The p-norm of x - y + eps along the last axis; the arguments broadcast.

    Raises ShapeError. Source: PyTorch's pairwise_distance, with its `eps`, which keeps the gradient
    of equal rows finite.
    """
    return vector_norm(subtract(x, y) + number(eps, "eps"), axis=-1, keepdims=keepdims, ord=p)


@public
def cdist(x: Any, y: Any, p: float = 2.0) -> Node:
    """The p-norm of every row of `x` less every row of `y`: (..., n, width) and (..., m, width)
    give (..., n, m).

    Leading axes broadcast. The gradient of a distance 0 is 0. Raises ShapeError.
    """
    left, right = graph_of(x, y).lift((x, y))
    for v in (left, right):
        if v.ndim < 2:
            raise ShapeError(
                f"rows of vectors are wanted, not shape {shape_text(v.shape)}", code="G103"
            )
    return vector_norm(expand_dims(left, -2) - expand_dims(right, -3), axis=-1, ord=p)


@public
def triplet_margin(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Node:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the pairwise distance along the
    last axis; with `swap` the negative one is the nearer of d(anchor, negative) and d(positive,
    negative).

    All of shape (..., width). Raises ShapeError. Source: Balntas et al. 2016, "Learning local
    feature descriptors with triplets"; PyTorch's triplet_margin_loss.
    """
    near, far = (pairwise_distance(anchor, v, p, eps) for v in (positive, negative))
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced(relu(near - far + number(margin, "margin")), reduction)


# Signs and orders


_soft_margin = loss(
    "soft_margin",
    lambda x, t: softplus(-t * x),
    lambda x, t: np.logaddexp(0, -t * x),
    lambda x, t: (-t * sigmoid(-t * x), -x * sigmoid(-t * x)),
)
_hinge_embedding = loss(
    "hinge_embedding",
    lambda x, t, margin: where(equal(t, 1), x, maximum(margin - x, 0)),
    lambda x, t, margin: np.where(t == 1, x, np.maximum(margin - x, 0)),
    lambda x, t, margin: (
        astype(where(equal(t, 1), 1, where(greater(margin - x, 0), -1, 0)), x.dtype),
        None,
    ),
)


def _ranking_slopes(x: Node, y: Node, t: Node, margin: float) -> tuple[Node, Node, Node]:
    """-t, t and y - x, where the order is wrong."""
    wrong = greater(margin - t * (x - y), 0)
    pull = where(wrong, t, 0)
    return -pull, pull, where(wrong, y - x, 0)


_margin_ranking = loss(
    "margin_ranking",
    lambda x, y, t, margin: maximum(margin - t * (x - y), 0),
    lambda x, y, t, margin: np.maximum(margin - t * (x - y), 0),
    _ranking_slopes,
)


@public
def soft_margin(prediction: Node, target: Any, *, reduction: str = "mean") -> Node:
    """log(1 + exp(-t x)) for targets t of 1 or -1.

    Both have one shape, or the target is a scalar; raises ShapeError.
    """
    return _soft_margin(prediction, target, reduction=reduction_of(reduction))


@public
def hinge_embedding(
    distance: Node, target: Any, margin: float = 1.0, *, reduction: str = "mean"
) -> Node:
    """x for targets 1, max(0, margin - x) for those of -1: what is alike is to be near.

    Both have one shape, or the target is a scalar; raises ShapeError. Source: PyTorch's
    hinge_embedding_loss.
    """
    return _hinge_embedding(
        distance, target, margin=number(margin, "margin"), reduction=reduction_of(reduction)
    )


@public
def margin_ranking(
    x: Node, y: Any, target: Any, margin: float = 0.0, *, reduction: str = "mean"
) -> Node:
    """max(0, margin - t (x - y)): x is to be above y where the target is 1, below where it is -1.

    All have one shape, or `y` is a scalar; `target` broadcasts. Raises ShapeError. Source:
    PyTorch's margin_ranking_loss.
    """
    return _margin_ranking(
        x, y, target, margin=number(margin, "margin"), reduction=reduction_of(reduction)
    )
