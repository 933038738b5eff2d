"""Softmax, embeddings and penalties: each one stage of the user's graph, with the gradient that its
formula has on paper.

Ids are checked to be in range before they index, and do not count from the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import OPS, Node, Op, declare, public
from graphc.ops.axes import axes_of, axis_of, stage
from graphc.ops.elementwise.arith import astype, not_equal, square, where
from graphc.ops.elementwise.maths import exp, log
from graphc.ops.indexing.index import as_index, checked, gather, integers, scatter
from graphc.ops.reductions.reduce import max, mean, shifted, shifted_numpy, sum
from graphc.ops.shaping.layout import expand_dims
from graphc.ops.spell import Expand
from graphc.ops.stacked import shifting
from graphc.types import Type, floating, promote, shape_text

__all__ = [
    "embedding",
    "embedding_bag",
    "l2",
    "log_softmax",
    "softmax",
]

Axes = tuple[int, ...]


def _float(x: Type, axis: Axes) -> Type:
    return x.with_dtype(floating(x.dtype))


# Softmax


def _softmax_define(x: Node, axis: Axes) -> Node:
    _, e, _ = shifted(astype(x, floating(x.dtype)), axis)
    return e / sum(e, axis, keepdims=True).hinted("total")


def _log_softmax_define(x: Node, axis: Axes) -> Node:
    z, e, _ = shifted(astype(x, floating(x.dtype)), axis)
    return z - log(sum(e, axis, keepdims=True).hinted("total"))


def log_softmax_numpy(x: np.ndarray, axis: Axes) -> np.ndarray:
    z, _ = shifted_numpy(x, axis)
    return z - np.log(np.sum(np.exp(z), axis=axis, keepdims=True))


def _softmax_numpy(x: np.ndarray, axis: Axes) -> np.ndarray:
    return np.exp(log_softmax_numpy(x, axis))


_softmax = declare(
    Op(
        "softmax", _float, Expand(_softmax_define), _softmax_numpy,
        lambda g, y, x, axis: (y * (g - sum(g * y, axis, keepdims=True)),), batch=shifting,
    )
)  # fmt: skip
_log_softmax = declare(
    Op(
        "log_softmax", _float, Expand(_log_softmax_define), log_softmax_numpy,
        lambda g, y, x, axis: (g - exp(y) * sum(g, axis, keepdims=True),), batch=shifting,
    )
)  # fmt: skip


@public
def softmax(x: Node, axis: Any = -1) -> Node:
    """exp(x) / sum(exp(x)) along `axis`, without overflow."""
    return _softmax(x, axis=axes_of(axis, stage(x).shape))


@public
def log_softmax(x: Node, axis: Any = -1) -> Node:
    """log(softmax(x)) along `axis`, without overflow or the logarithm of 0."""
    return _log_softmax(x, axis=axes_of(axis, stage(x).shape))


# Embeddings


def _embedding_type(ids: Type, weight: Type, padding: int | None = None) -> Type:
    if weight.rank != 2:
        raise ShapeError(
            f"a table of embeddings is a matrix, not of shape {shape_text(weight.shape)}",
            code="G103",
            hint="(count, width): a row for each id",
        )
    return Type(weight.dtype, (*integers(ids, "id").shape, weight.shape[1]))


def _embedding_numpy(ids: np.ndarray, weight: np.ndarray, padding: int | None = None) -> np.ndarray:
    return weight[OPS["check"].numpy(ids, low=0, high=len(weight), what="id").astype(np.int64)]


def _embedding_vjp(
    g: Node, y: Node, ids: Node, weight: Node, padding: int | None = None
) -> tuple[None, Node]:
    """g added up at the rows of the ids; nothing of it at the row of `padding`."""
    if padding is not None:
        g = where(expand_dims(not_equal(ids, padding), -1), g, 0)
    return None, scatter(g, checked(ids, weight.shape[0], "id"), shape=weight.shape)


_embedding = declare(
    Op(
        "embedding",
        _embedding_type,
        Expand(
            lambda ids, weight, padding=None: gather(weight, checked(ids, weight.shape[0], "id"))
        ),
        _embedding_numpy,
        _embedding_vjp,
    )
)


@public
def embedding(ids: Any, weight: Node, padding: int | None = None) -> Node:
    """weight[ids]: a row of `weight` (count, width) for each integer of `ids` (...), shape (...,
    width).

    The row of the id `padding` (from the end where negative) takes no gradient. Raises ShapeError,
    DTypeError; an id that is not one of 0..count-1 raises LabelError in a call. Source: PyTorch's
    torch.nn.functional.embedding.
    """
    if padding is None:
        return _embedding(as_index(ids), weight)
    shape = stage(weight).shape
    row = axis_of(padding, shape[0], shape) if shape and isinstance(shape[0], int) else padding
    return _embedding(as_index(ids), weight, padding=int(row))


_BAGS = {"sum": sum, "mean": mean, "max": max}


@public
def embedding_bag(ids: Any, weight: Node, mode: str = "mean", weights: Any = None) -> Node:
    """The sum, mean or maximum of the rows that each bag of `ids` (..., bag) picks: (..., width).

    With `weights` (..., bag) each row is multiplied by its own first. Raises ShapeError,
    DTypeError, UsageError for another mode; an id that is not a row raises LabelError in a call.
    """
    if mode not in _BAGS:
        raise UsageError(f"mode is one of {', '.join(_BAGS)}, not {mode!r}")
    rows = embedding(ids, weight)
    if weights is not None:
        (factors,) = weight.graph.lift((weights,))
        rows = rows * expand_dims(factors, -1)
    return _BAGS[mode](rows, -2)


# Penalties


def _squares(*params: Node) -> Node:
    total = sum(square(params[0]))
    for p in params[1:]:
        total = total + sum(square(p))
    return total


_l2 = declare(
    Op(
        "l2",
        lambda *params: Type(floating(promote(*(p.dtype for p in params)))),
        Expand(_squares),
        lambda *params: np.sum([np.sum(np.square(p)) for p in params]),
        lambda g, y, *params: [g * (2 * p) for p in params],
    )
)


@public
def l2(*params: Node, strength: Any = 1.0) -> Node:
    """The L2 penalty strength * (sum(W1**2) + sum(W2**2) + ...) of one param or more.

    `strength` is a number or a stage. Source: the CS231n notes, "Linear Classification", without a
    factor 1/2.
    """
    if not params:
        raise UsageError("l2 takes one param or more")
    total = _l2(*params)
    return total if isinstance(strength, float) and strength == 1.0 else total * strength
