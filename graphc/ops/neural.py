"""Softmax and losses: each one stage of the user's graph, with the gradient that its formula has on
paper.

Class labels are checked to be in range before they index. Means divide by the size at run time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError, UsageError
from graphc.graph import OPS, Node, Op, declare, public
from graphc.ops.arith import astype, equal, logical_and, maximum, square, where
from graphc.ops.axes import axes_of, stage
from graphc.ops.index import checked, gather, one_hot
from graphc.ops.layout import expand_dims, iota
from graphc.ops.maths import exp, log, sigmoid, softplus
from graphc.ops.reduce import count, logsumexp, mean, shifted, shifted_numpy, sum
from graphc.ops.spell import Expand
from graphc.ops.stacked import Mapped, all_repeated, repeating, shifting
from graphc.types import Dim, Type, floating, promote, shape_text

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "hinge",
    "l2",
    "log_softmax",
    "softmax",
    "squared_error",
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


def _log_softmax_numpy(x: np.ndarray, axis: Axes) -> np.ndarray:
    z, _ = shifted_numpy(x, axis)
    return z - np.log(np.sum(np.exp(z), axis=axis, keepdims=True))


def _softmax_numpy(x: np.ndarray, axis: Axes) -> np.ndarray:
    return np.exp(_log_softmax_numpy(x, axis))


_softmax = declare(
    Op(
        "softmax", _float, Expand(_softmax_define), _softmax_numpy,
        lambda g, y, x, axis: (y * (g - sum(g * y, axis, keepdims=True)),), batch=shifting,
    )
)  # fmt: skip
_log_softmax = declare(
    Op(
        "log_softmax", _float, Expand(_log_softmax_define), _log_softmax_numpy,
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


# Losses over class labels


def _labelled(scores: Type, labels: Type) -> tuple[Dim, ...]:
    """The shape of the labels, which is that of the scores without classes; raises ShapeError,
    DTypeError.
    """
    if labels.is_float or labels.dtype == "bool":
        raise DTypeError(
            f"class labels are integers, not {labels}", hint="gr.astype(labels, 'int64')"
        )
    if not scores.rank or scores.shape[:-1] != labels.shape:
        raise ShapeError(
            f"scores of shape {shape_text(scores.shape)} do not fit "
            f"labels of shape {shape_text(labels.shape)}",
            hint="labels have one axis less, the one of the classes",
        )
    return labels.shape


def picked(scores: Node, labels: Node) -> Node:
    """The score of each row's own class."""
    rows = (iota(labels, labels.shape, (axis,)) for axis in range(labels.ndim))
    return gather(scores, *rows, checked(labels, scores.shape[-1], "label")).hinted("own")


def _picked_numpy(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    labels = OPS["check"].numpy(labels, low=0, high=scores.shape[-1], what="label")
    return np.take_along_axis(scores, labels.astype(np.int64)[..., None], -1)


def _class_losses_type(logits: Type, labels: Type) -> Type:
    return Type(floating(logits.dtype), _labelled(logits, labels))


def _class_losses_define(logits: Node, labels: Node) -> Node:
    logits = astype(logits, floating(logits.dtype))
    return logsumexp(logits, -1) - picked(logits, labels)


def _class_losses_numpy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return -_picked_numpy(_log_softmax_numpy(logits, (-1,)), labels)[..., 0]


def _class_losses_vjp(g: Node, y: Node, logits: Node, labels: Node) -> tuple[Node, None]:
    return expand_dims(g, -1) * _surplus(logits, labels), None


def _surplus(logits: Node, labels: Node) -> Node:
    """S - I_y: the probabilities, less 1 at each row's own class."""
    s = softmax(logits)
    return s - one_hot(labels, logits.shape[-1], s.dtype)


_class_losses = declare(
    Op(
        "class_losses",
        _class_losses_type,
        Expand(_class_losses_define),
        _class_losses_numpy,
        _class_losses_vjp,
        batch=repeating,
    )
)
"""-log softmax(logits) at each row's own class."""


def _cross_entropy_type(logits: Type, labels: Type, weights: Type | None = None) -> Type:
    shape = _labelled(logits, labels)
    if weights is not None and weights.shape != shape:
        raise ShapeError(
            f"weights of shape {shape_text(weights.shape)} do not fit "
            f"labels of shape {shape_text(shape)}"
        )
    return Type(floating(promote(logits.dtype, weights.dtype) if weights else logits.dtype))


def _weighted(losses: Node, weights: Node | None) -> Node:
    return mean(losses) if weights is None else sum(weights * losses) / sum(weights)


def _cross_entropy_define(logits: Node, labels: Node, weights: Node | None = None) -> Node:
    return _weighted(_class_losses_define(logits, labels), weights)


def _cross_entropy_numpy(logits: np.ndarray, labels: np.ndarray, weights: Any = None) -> Any:
    losses = _class_losses_numpy(logits, labels)
    return np.mean(losses) if weights is None else np.sum(weights * losses) / np.sum(weights)


def _cross_entropy_vjp(
    g: Node, y: Node, logits: Node, labels: Node, weights: Node | None = None
) -> tuple[Any, ...]:
    """(S - I_y) g / m; with weights, each row times its share of them."""
    surplus = _surplus(logits, labels)
    if weights is None:
        share = g / count(labels, tuple(range(labels.ndim)), g.dtype)
        return surplus * share.hinted("share"), None
    share = g / sum(weights)
    losses = _class_losses(logits, labels)
    return surplus * expand_dims(share * weights, -1), None, share * (losses - y)


def _cross_entropy_batch(op: Op, args: Sequence[Node], mapped: Mapped, size: Dim) -> Node:
    """The losses of all rows, averaged behind the new axis."""
    logits, labels, *weights = all_repeated(args, mapped, size)
    losses, axes = _class_losses(logits, labels), tuple(range(1, labels.ndim))
    if weights:
        return sum(weights[0] * losses, axes) / sum(weights[0], axes)
    return mean(losses, axes) if axes else losses


_cross_entropy = declare(
    Op(
        "cross_entropy",
        _cross_entropy_type,
        Expand(_cross_entropy_define),
        _cross_entropy_numpy,
        _cross_entropy_vjp,
        batch=_cross_entropy_batch,
    )
)


@public
def cross_entropy(logits: Node, labels: Any, weights: Any = None) -> Node:
    """The mean of -log softmax(logits) at integer `labels`; with `weights` w of the rows, sum(w l)
    / sum(w).

    `logits` (..., classes), `labels` and `weights` (...). Raises ShapeError or DTypeError for what
    does not fit; a label that is not one of the classes raises LabelError in a call.
    """
    return _cross_entropy(logits, _labels(labels), *(() if weights is None else (weights,)))


def _labels(labels: Any) -> Any:
    return labels if isinstance(labels, Node) else np.asarray(labels)


# The multi-class hinge loss


def _hinge_type(scores: Type, labels: Type, margin: float) -> Type:
    _labelled(scores, labels)
    return Type(floating(scores.dtype))


def _excess(scores: Node, labels: Node, margin: float) -> tuple[Node, Node]:
    """scores - own score + margin, and which class is each row's own."""
    scores = astype(scores, floating(scores.dtype))
    classes = iota(scores, scores.shape, (scores.ndim - 1,))
    own = equal(classes, expand_dims(labels, -1))
    return scores - expand_dims(picked(scores, labels), -1) + margin, own


def _hinge_define(scores: Node, labels: Node, margin: float) -> Node:
    excess, own = _excess(scores, labels, margin)
    return mean(sum(where(own, 0, maximum(excess, 0)), -1))


def _hinge_numpy(scores: np.ndarray, labels: np.ndarray, margin: float) -> Any:
    excess = np.maximum(scores - _picked_numpy(scores, labels) + margin, 0)
    own = np.arange(scores.shape[-1]) == labels.astype(np.int64)[..., None]
    return np.mean(np.sum(np.where(own, 0, excess), axis=-1))


def _hinge_vjp(g: Node, y: Node, scores: Node, labels: Node, margin: float) -> tuple[Node, None]:
    """Each class above its margin takes 1/m, the row's own class minus their number."""
    excess, own = _excess(scores, labels, margin)
    over = astype(logical_and(excess > 0, ~own), g.dtype)
    pull = where(own, -sum(over, -1, keepdims=True), over)
    return pull * (g / count(labels, tuple(range(labels.ndim)), g.dtype)), None


_hinge = declare(Op("hinge", _hinge_type, Expand(_hinge_define), _hinge_numpy, _hinge_vjp))


@public
def hinge(scores: Node, labels: Any, margin: float = 1.0) -> Node:
    """The multi-class SVM loss: the mean over rows of sum over j != y of max(0, s_j - s_y +
    margin).

    `scores` (..., classes), integer `labels` (...). Source: Weston & Watkins 1999, as in the CS231n
    notes, "Linear Classification". Raises ShapeError, DTypeError; a label that is not one of the
    classes raises LabelError in a call.
    """
    return _hinge(scores, _labels(labels), margin=float(margin))


# Losses over numbers, and penalties


def _paired(prediction: Type, target: Type) -> Type:
    """One shape, or a scalar target; broadcasting (n,) against (n, 1) would hide a mistake."""
    if target.shape not in (prediction.shape, ()):
        texts = (
            f"{shape_text(prediction.shape)} but the target has shape {shape_text(target.shape)}"
        )
        raise ShapeError(
            f"the prediction has shape {texts}", hint="reshape one of them: target[:, None]"
        )
    return Type(floating(promote(prediction.dtype, target.dtype)))


def _reduced(losses: Node, reduction: str) -> Node:
    return mean(losses) if reduction == "mean" else sum(losses)


def _share(g: Node, like: Node, reduction: str) -> Node:
    """The upstream gradient of one element."""
    return g / count(like, tuple(range(like.ndim)), g.dtype) if reduction == "mean" else g


def _squared_error_vjp(g: Node, y: Node, a: Node, b: Node, reduction: str) -> tuple[Node, Node]:
    d = (2 * (a - b)) * _share(g, a, reduction)
    return d, -d


_squared_error = declare(
    Op(
        "squared_error",
        lambda a, b, reduction: _paired(a, b),
        Expand(lambda a, b, reduction: _reduced(square(a - b), reduction)),
        lambda a, b, reduction: getattr(np, reduction)(np.square(a - b)),
        _squared_error_vjp,
    )
)


@public
def squared_error(prediction: Node, target: Any, *, reduction: str = "mean") -> Node:
    """(prediction - target)**2, its mean over all elements or, with reduction="sum", its sum (the
    SSR).

    Both have one shape, or the target is a scalar; raises ShapeError.
    """
    return _squared_error(prediction, target, reduction=_mean_or_sum(reduction))


def _mean_or_sum(reduction: str) -> str:
    if reduction not in ("mean", "sum"):
        raise UsageError(f"reduction is 'mean' or 'sum', not {reduction!r}")
    return reduction


def _binary_vjp(g: Node, y: Node, x: Node, t: Node, reduction: str) -> tuple[Node, Node]:
    share = _share(g, x, reduction)
    return (sigmoid(x) - t) * share, -x * share


def _binary_numpy(x: np.ndarray, t: np.ndarray, reduction: str) -> Any:
    return getattr(np, reduction)(np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x))))


_binary_cross_entropy = declare(
    Op(
        "binary_cross_entropy",
        lambda x, t, reduction: _paired(x, t),
        Expand(lambda x, t, reduction: _reduced(softplus(x) - x * t, reduction)),
        _binary_numpy,
        _binary_vjp,
    )
)


@public
def binary_cross_entropy(logits: Node, target: Any, *, reduction: str = "mean") -> Node:
    """-t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)) for logits x and targets t from 0 to 1, its
    mean or its sum.

    Both have one shape, or the target is a scalar; raises ShapeError.
    """
    return _binary_cross_entropy(logits, target, reduction=_mean_or_sum(reduction))


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
