"""Losses over numbers: each one stage of the user's graph, with the gradient that its formula has
on paper.

Every loss is a formula for one element; `reduction` says what becomes of all of them: their mean,
their sum, or "none" for the losses as they are. Names are those of torch.nn.functional.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import Node, Op, declare, public
from graphc.ops.elementwise.activations import number
from graphc.ops.elementwise.arith import (
    abs,
    astype,
    clip,
    less_equal,
    power,
    sign,
    square,
    where,
)
from graphc.ops.elementwise.maths import sigmoid, softplus, tanh
from graphc.ops.indexing.picking import spreads
from graphc.ops.learning.classes import reduced, reduction_of
from graphc.ops.reductions.reduce import count, mean
from graphc.ops.spell import Expand
from graphc.types import DTYPES, FLOATS, NAMES, Type, floating, promote, shape_text

__all__ = [
    "binary_cross_entropy",
    "focal",
    "huber",
    "l1",
    "log_cosh",
    "multilabel_soft_margin",
    "smooth_l1",
    "squared_error",
]

Array = np.ndarray[Any, Any]

# A loss from a formula for one element


def _loss_type(x: Type, t: Type, *more: Type, reduction: str, **_: Any) -> Type:
    """One shape, or a scalar target; broadcasting (n,) against (n, 1) would hide a mistake."""
    if t.shape not in (x.shape, ()):
        texts = f"{shape_text(x.shape)} but the target has shape {shape_text(t.shape)}"
        raise ShapeError(
            f"the prediction has shape {texts}", hint="reshape one of them: target[:, None]"
        )
    for other in more:
        if not spreads(other.shape, x.shape):
            texts = f"{shape_text(other.shape)} does not broadcast to {shape_text(x.shape)}"
            raise ShapeError(f"a further argument of shape {texts}", code="G102")
    dtype = common(x.dtype, t.dtype, *(a.dtype for a in more))
    return Type(dtype, x.shape if reduction == "none" else ())


def common(*dtypes: str) -> str:
    """The element type of a loss: that of its floats together; labels and counts take it too."""
    floats = [d for d in dtypes if d in FLOATS]
    return promote(*floats) if floats else floating(promote(*dtypes))


MEANS: dict[str, Callable[[Any], Any]] = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}
"""What reductions mean in NumPy."""


def _share(g: Node, like: Node, reduction: str) -> Node:
    """The upstream gradient of one element."""
    return g / count(like, tuple(range(like.ndim)), g.dtype) if reduction == "mean" else g


def loss(
    name: str,
    define: Callable[..., Node],
    means: Callable[..., Any],
    slopes: Callable[..., Sequence[Any]],
) -> Op:
    """Declare a loss by its formula for elements, in graphc and in NumPy, and its local gradients,
    which are given floats.
    """

    def expanded(*args: Node, reduction: str, **attrs: Any) -> Node:
        return reduced(define(*_floats(args), **attrs), reduction)

    def numpy(*args: Array, reduction: str, **attrs: Any) -> Any:
        dtype = DTYPES[common(*(NAMES[a.dtype] for a in args))]
        losses = means(*(a.astype(dtype) for a in args), **attrs)
        return MEANS[reduction](np.broadcast_to(losses, args[0].shape))

    def vjp(g: Node, y: Node, *args: Node, reduction: str, **attrs: Any) -> list[Any]:
        share = _share(g, args[0], reduction)
        return [None if s is None else s * share for s in slopes(*_floats(args), **attrs)]

    return declare(Op(name, _loss_type, Expand(expanded), numpy, vjp))


def _floats(args: Sequence[Node]) -> list[Node]:
    dtype = common(*(a.dtype for a in args))
    return [astype(a, dtype) for a in args]


def residual(
    name: str,
    define: Callable[..., Node],
    means: Callable[..., Any],
    slope: Callable[..., Node],
) -> Op:
    """Declare a loss of the residual r = x - t."""

    def slopes(x: Node, t: Node, **attrs: Any) -> tuple[Node, Node]:
        found = slope(x - t, **attrs)
        return found, -found

    return loss(
        name,
        lambda x, t, **attrs: define(x - t, **attrs),
        lambda x, t, **attrs: means(x - t, **attrs),
        slopes,
    )


# Of the residual


def _huber_define(r: Node, delta: float) -> Node:
    far = abs(r)
    return where(less_equal(far, delta), 0.5 * square(r), delta * (far - 0.5 * delta))


def _huber_numpy(r: Array, delta: float) -> Array:
    far = np.abs(r)
    return np.where(far <= delta, 0.5 * r * r, delta * (far - 0.5 * delta))


_squared_error = residual("squared_error", square, np.square, lambda r: 2 * r)
_l1 = residual("l1", abs, np.abs, sign)
_huber = residual("huber", _huber_define, _huber_numpy, lambda r, delta: clip(r, -delta, delta))
_smooth_l1 = residual(
    "smooth_l1",
    lambda r, beta: _huber_define(r, beta) / beta,
    lambda r, beta: _huber_numpy(r, beta) / beta,
    lambda r, beta: clip(r / beta, -1, 1),
)
_log_cosh = residual(
    "log_cosh",
    lambda r: r + softplus(-2 * r) - math.log(2),
    lambda r: np.logaddexp(r, -r) - math.log(2),
    tanh,
)


@public
def squared_error(prediction: Node, target: Any, *, reduction: str = "mean") -> Node:
    """(prediction - target)**2, its mean over all elements or, with reduction="sum", its sum (the
    SSR).

    Both have one shape, or the target is a scalar; raises ShapeError.
    """
    return _squared_error(prediction, target, reduction=reduction_of(reduction))


@public
def l1(prediction: Node, target: Any, *, reduction: str = "mean") -> Node:
    """|prediction - target|; the gradient is 0 where they are equal.

    Both have one shape, or the target is a scalar; raises ShapeError.
    """
    return _l1(prediction, target, reduction=reduction_of(reduction))


@public
def huber(prediction: Node, target: Any, delta: float = 1.0, *, reduction: str = "mean") -> Node:
    """r**2 / 2 for residuals |r| <= delta, delta (|r| - delta / 2) beyond: a line that goes on from
    the square.

    Both have one shape, or the target is a scalar; raises ShapeError, UsageError for a delta that
    is not positive. Source: Huber 1964.
    """
    return _huber(
        prediction, target, delta=_positive(delta, "delta"), reduction=reduction_of(reduction)
    )


@public
def smooth_l1(prediction: Node, target: Any, beta: float = 1.0, *, reduction: str = "mean") -> Node:
    """r**2 / (2 beta) for residuals |r| <= beta, |r| - beta / 2 beyond; l1 for beta 0.

    Both have one shape, or the target is a scalar; raises ShapeError, UsageError. Source: Girshick
    2015, "Fast R-CNN".
    """
    if isinstance(beta, (int, float)) and beta == 0:
        return l1(prediction, target, reduction=reduction)
    return _smooth_l1(
        prediction, target, beta=_positive(beta, "beta"), reduction=reduction_of(reduction)
    )


@public
def log_cosh(prediction: Node, target: Any, *, reduction: str = "mean") -> Node:
    """log(cosh(prediction - target)), without overflow; its gradient is tanh of the residual.

    Both have one shape, or the target is a scalar; raises ShapeError.
    """
    return _log_cosh(prediction, target, reduction=reduction_of(reduction))


def _positive(value: Any, name: str) -> float:
    found = number(value, name)
    if not found > 0:
        raise UsageError(f"{name} is {value!r}, and has to be above 0")
    return found


# Of two classes


def _weights(more: Sequence[Any], by: Sequence[str]) -> tuple[Any, Any]:
    """The weights of elements and of the positive class; 1 for what is not given."""
    given = dict(zip(by, more, strict=True))
    return given.get("weights", 1), given.get("positive", 1)


def _terms(x: Node, t: Node, positive: Any) -> Node:
    return (1 - t) * softplus(x) + positive * t * softplus(-x)


def _binary_define(x: Node, t: Node, *more: Node, by: Sequence[str] = ()) -> Node:
    weights, positive = _weights(more, by)
    return _terms(x, t, positive) * weights if by else softplus(x) - x * t


def _binary_numpy(x: Array, t: Array, *more: Array, by: Sequence[str] = ()) -> Array:
    weights, positive = _weights(more, by)
    return ((1 - t) * np.logaddexp(0, x) + positive * t * np.logaddexp(0, -x)) * weights


def _binary_slopes(x: Node, t: Node, *more: Node, by: Sequence[str] = ()) -> list[Any]:
    """sigmoid(x) - t, and -x; with weights w and p, w ((1 - t) sigmoid(x) - p t sigmoid(-x))."""
    if not by:
        return [sigmoid(x) - t, -x]
    weights, positive = _weights(more, by)
    d_x = (1 - t) * sigmoid(x) - positive * t * sigmoid(-x)
    d_t = positive * softplus(-x) - softplus(x)
    d = {"weights": _terms(x, t, positive), "positive": weights * t * softplus(-x)}
    return [d_x * weights, d_t * weights, *(d[name] for name in by)]


_binary_cross_entropy = loss("binary_cross_entropy", _binary_define, _binary_numpy, _binary_slopes)


@public
def binary_cross_entropy(
    logits: Node,
    target: Any,
    weights: Any = None,
    *,
    pos_weight: Any = None,
    reduction: str = "mean",
) -> Node:
    """-t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)) for logits x and targets t from 0 to 1.

    Both have one shape, or the target is a scalar. `weights` multiply the losses, `pos_weight`
    their first term; both broadcast, and the mean divides by the number of elements. Raises
    ShapeError. Source: PyTorch's binary_cross_entropy_with_logits.
    """
    given = {"weights": weights, "positive": pos_weight}
    by = tuple(name for name, w in given.items() if w is not None)
    told = {"by": by} if by else {}
    more = (given[name] for name in by)
    return _binary_cross_entropy(logits, target, *more, **told, reduction=reduction_of(reduction))


def _focal_parts(x: Node, t: Node, alpha: float | None) -> tuple[Node, Node, Any]:
    """The cross-entropy, 1 - p_t, and alpha_t."""
    p = sigmoid(x)
    wrong = p + t - 2 * p * t
    return softplus(x) - x * t, wrong, 1 if alpha is None else alpha * t + (1 - alpha) * (1 - t)


def _focal_define(x: Node, t: Node, alpha: float | None, gamma: float) -> Node:
    ce, wrong, share = _focal_parts(x, t, alpha)
    return ce * power(wrong, gamma) * share


def _focal_numpy(x: Array, t: Array, alpha: float | None, gamma: float) -> Array:
    p = np.exp(-np.logaddexp(0, -x))
    ce = np.logaddexp(0, x) - x * t
    share = 1 if alpha is None else alpha * t + (1 - alpha) * (1 - t)
    return ce * (1 - (p * t + (1 - p) * (1 - t))) ** gamma * share


def _focal_slopes(x: Node, t: Node, alpha: float | None, gamma: float) -> tuple[Node, Node]:
    """With q = 1 - p_t and c the cross-entropy: alpha_t (q**gamma (p - t) + gamma q**(gamma - 1) c
    dq), where dq/dx = (1 - 2 t) p (1 - p) and dq/dt = 1 - 2 p.
    """
    ce, q, share = _focal_parts(x, t, alpha)
    p, factor = sigmoid(x), power(q, gamma)
    steep = ce * (gamma * power(q, gamma - 1)) if gamma else 0
    d_x = (factor * (p - t) + steep * ((1 - 2 * t) * p * (1 - p))) * share
    d_t = (steep * (1 - 2 * p) - factor * x) * share
    return d_x, d_t if alpha is None else d_t + ce * factor * (2 * alpha - 1)


_focal = loss("focal", _focal_define, _focal_numpy, _focal_slopes)


@public
def focal(
    logits: Node,
    target: Any,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    *,
    reduction: str = "mean",
) -> Node:
    """-alpha_t (1 - p_t)**gamma log(p_t), where p_t is the probability sigmoid(logits) gives what
    is the case: binary cross-entropy that counts what is right already for less.

    Targets from 0 to 1; alpha_t is `alpha` for 1 and 1 - alpha for 0, or always 1 for None. Both
    have one shape, or the target is a scalar; raises ShapeError. Source: Lin et al. 2017, "Focal
    Loss for Dense Object Detection".
    """
    balance = None if alpha is None else number(alpha, "alpha")
    return _focal(
        logits, target, alpha=balance, gamma=number(gamma, "gamma"),
        reduction=reduction_of(reduction),
    )  # fmt: skip


@public
def multilabel_soft_margin(
    logits: Node, target: Any, class_weights: Any = None, *, reduction: str = "mean"
) -> Node:
    """The mean over classes, the last axis, of binary cross-entropies.

    Targets 0 or 1 of the shape of `logits`; `class_weights` (classes,) multiply them. Raises
    ShapeError. Source: PyTorch's torch.nn.functional.multilabel_soft_margin_loss.
    """
    losses = binary_cross_entropy(logits, target, class_weights, reduction="none")
    return reduced(mean(losses, -1), reduction)
