"""Losses over class labels, hinge losses, and how often scores are right: each one stage of the
user's graph, with the gradient that its formula has on paper.

Labels are checked to be in range before they index. Means divide by the size at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError, UsageError
from graphc.graph import FUNCTIONS, OPS, Node, Op, declare, public
from graphc.ops.axes import stage
from graphc.ops.elementwise.arith import (
    astype,
    equal,
    greater,
    less,
    logical_and,
    logical_or,
    maximum,
    where,
)
from graphc.ops.indexing.index import checked, gather, one_hot
from graphc.ops.learning.neural import log_softmax_numpy, softmax
from graphc.ops.reductions.reduce import count, logsumexp, mean, sum
from graphc.ops.shaping.layout import expand_dims, iota
from graphc.ops.spell import Expand
from graphc.ops.stacked import Mapped, all_repeated, repeating
from graphc.types import Dim, Type, floating, promote, shape_text

__all__ = [
    "accuracy",
    "hinge",
    "multi_margin",
]

REDUCTIONS = ("mean", "sum", "none")
"""What becomes of the losses of all elements: their mean, their sum, or they stay as they are."""


def reduction_of(reduction: str) -> str:
    """The word itself; raises UsageError for one that is no reduction."""
    if reduction not in REDUCTIONS:
        raise UsageError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    return reduction


# Labels


def labelled(scores: Type, labels: Type) -> tuple[Dim, ...]:
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


def checked_numpy(labels: np.ndarray, classes: int) -> np.ndarray:
    return OPS["check"].numpy(labels, low=0, high=classes, what="label").astype(np.int64)


def _picked_numpy(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.take_along_axis(scores, checked_numpy(labels, scores.shape[-1])[..., None], -1)


def as_labels(labels: Any) -> Any:
    """A stage as it is, anything else as an array."""
    return labels if isinstance(labels, Node) else np.asarray(labels)


# The loss of each row, without weights


def _class_losses_type(logits: Type, labels: Type) -> Type:
    return Type(floating(logits.dtype), labelled(logits, labels))


def _class_losses_define(logits: Node, labels: Node) -> Node:
    logits = astype(logits, floating(logits.dtype))
    return logsumexp(logits, -1) - picked(logits, labels)


def _class_losses_numpy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return -_picked_numpy(log_softmax_numpy(logits, (-1,)), labels)[..., 0]


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


# Cross-entropy with labels, or with weights of rows


def _cross_entropy_type(logits: Type, labels: Type, weights: Type | None = None) -> Type:
    shape = labelled(logits, labels)
    if weights is not None:
        check_weights(weights, shape, f"labels of shape {shape_text(shape)}")
    return Type(floating(promote(logits.dtype, weights.dtype) if weights else logits.dtype))


def check_weights(weights: Type, shape: tuple[Dim, ...], what: str) -> None:
    if weights.shape != shape:
        raise ShapeError(f"weights of shape {shape_text(weights.shape)} do not fit {what}")


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


plain_cross_entropy = declare(
    Op(
        "cross_entropy",
        _cross_entropy_type,
        Expand(_cross_entropy_define),
        _cross_entropy_numpy,
        _cross_entropy_vjp,
        batch=_cross_entropy_batch,
    )
)


# Hinge losses


def _hinge_type(scores: Type, labels: Type, margin: float) -> Type:
    labelled(scores, labels)
    return Type(floating(scores.dtype))


def _excess(scores: Node, labels: Node, margin: float) -> tuple[Node, Node]:
    """scores - own score + margin, and which class is each row's own."""
    scores = astype(scores, floating(scores.dtype))
    classes = iota(scores, scores.shape, (scores.ndim - 1,))
    own = equal(classes, expand_dims(labels, -1))
    return scores - expand_dims(picked(scores, labels), -1) + margin, own


def _excess_numpy(scores: np.ndarray, labels: np.ndarray, margin: float) -> np.ndarray:
    excess = np.maximum(scores - _picked_numpy(scores, labels) + margin, 0)
    own = np.arange(scores.shape[-1]) == labels.astype(np.int64)[..., None]
    return np.where(own, 0, excess)


def _hinge_define(scores: Node, labels: Node, margin: float) -> Node:
    excess, own = _excess(scores, labels, margin)
    return mean(sum(where(own, 0, maximum(excess, 0)), -1))


def _hinge_numpy(scores: np.ndarray, labels: np.ndarray, margin: float) -> Any:
    return np.mean(np.sum(_excess_numpy(scores, labels, margin), axis=-1))


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
    return _hinge(scores, as_labels(labels), margin=float(margin))


def _margins_type(scores: Type, labels: Type, **_: Any) -> Type:
    return Type(floating(scores.dtype), labelled(scores, labels))


def _margins_define(scores: Node, labels: Node, margin: float, p: int) -> Node:
    excess, own = _excess(scores, labels, margin)
    return mean(where(own, 0, maximum(excess, 0) ** p), -1)


def _margins_numpy(scores: np.ndarray, labels: np.ndarray, margin: float, p: int) -> Any:
    return np.mean(_excess_numpy(scores, labels, margin) ** p, axis=-1)


def _margins_vjp(
    g: Node, y: Node, scores: Node, labels: Node, margin: float, p: int
) -> tuple[Node, None]:
    """p (excess)**(p - 1) / classes for each class above its margin, less their sum for the own."""
    excess, own = _excess(scores, labels, margin)
    inside = logical_and(excess > 0, ~own)
    over = where(inside, p * maximum(excess, 0) ** (p - 1), 0)
    pull = where(own, -sum(over, -1, keepdims=True), over)
    return pull * expand_dims(g / count(scores, (scores.ndim - 1,), g.dtype), -1), None


_margins = declare(
    Op("multi_margin", _margins_type, Expand(_margins_define), _margins_numpy, _margins_vjp)
)


@public
def multi_margin(
    scores: Node,
    labels: Any,
    p: int = 1,
    margin: float = 1.0,
    *,
    class_weights: Any = None,
    reduction: str = "mean",
) -> Node:
    """The mean over classes j != y of max(0, margin - s_y + s_j)**p, its sum divided by the number
    of all classes; p is 1 or 2.

    `scores` (..., classes), integer `labels` (...); `class_weights` (classes,) multiply a row by
    that of its class, and the mean divides by the number of rows. Raises ShapeError, DTypeError,
    UsageError; a label that is not one of the classes raises LabelError in a call. Source:
    PyTorch's torch.nn.functional.multi_margin_loss.
    """
    if p not in (1, 2):
        raise UsageError(f"p is 1 or 2, not {p!r}")
    labels = as_labels(labels)
    losses = _margins(scores, labels, margin=float(margin), p=p)
    if class_weights is not None:
        losses = losses * FUNCTIONS["take"](losses.graph.lift((class_weights,))[0], labels)
    return reduced(losses, reduction)


def reduced(losses: Node, reduction: str) -> Node:
    """Losses as they are, added up, or averaged; raises UsageError for another word."""
    return REDUCED[reduction_of(reduction)](losses)


REDUCED: dict[str, Callable[[Any], Any]] = {"mean": mean, "sum": sum, "none": lambda x: x}


# How often a model is right


def _accuracy_type(scores: Type, labels: Type, top: int) -> Type:
    labelled(scores, labels)
    return Type(floating(scores.dtype))


def _accuracy_define(scores: Node, labels: Node, top: int) -> Node:
    own = expand_dims(picked(scores, labels), -1)
    classes = iota(scores, scores.shape, (scores.ndim - 1,))
    before = logical_and(equal(scores, own), less(classes, expand_dims(labels, -1)))
    ahead = sum(astype(logical_or(greater(scores, own), before), "i64"), -1)
    return mean(astype(ahead < top, floating(scores.dtype)))


def _accuracy_numpy(scores: np.ndarray, labels: np.ndarray, top: int) -> Any:
    best = np.argsort(-scores, axis=-1, kind="stable")[..., :top]
    return np.mean(np.any(best == checked_numpy(labels, scores.shape[-1])[..., None], axis=-1))


_accuracy = declare(Op("accuracy", _accuracy_type, Expand(_accuracy_define), _accuracy_numpy))


@public
def accuracy(scores: Node, labels: Any, top: int = 1) -> Node:
    """The part of the rows whose own class is among the `top` highest scores, the first of equal
    ones before the others.

    `scores` (..., classes), integer `labels` (...); a scalar without gradient. Raises ShapeError,
    DTypeError; a label that is not one of the classes raises LabelError in a call.
    """
    return _accuracy(stage(scores), as_labels(labels), top=int(top))
