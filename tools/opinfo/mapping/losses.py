"""Losses, each with its reduction; those without a function in graphc are their formulas."""

from __future__ import annotations

from typing import Any

from ..rows import Functions, Rows
from .forms import ended
from .neural import pairwise


def weighed(m: Functions, loss: Any, weight: Any, reduction: str) -> Any:
    """A loss by elements with weights."""
    return ended(m, loss if weight is None else loss * weight, reduction)


def bce(m: Functions, p: Any, t: Any, weight: Any = None, reduction: str = "mean", **_: Any) -> Any:
    """The cross entropy of probabilities, logarithms bounded at -100."""
    logs = m.maximum(m.log(p), -100.0), m.maximum(m.log1p(-p), -100.0)
    return weighed(m, -(t * logs[0] + (1 - t) * logs[1]), weight, reduction)


def bce_logits(
    m: Functions, x: Any, t: Any, weight: Any = None, reduction: str = "mean",
    pos_weight: Any = None, **_: Any,
) -> Any:  # fmt: skip
    """The cross entropy of logits."""
    more = 1.0 if pos_weight is None else pos_weight
    loss = (1 - t) * m.softplus(x) + more * t * m.softplus(-x)
    return weighed(m, loss, weight, reduction)


def simple(formula: Any) -> Any:
    """A loss that is a formula of two arrays."""

    def call(
        m: Functions, x: Any, y: Any, *args: Any, reduction: str = "mean", weight: Any = None,
        size_average: Any = None, reduce: Any = None, **kwargs: Any,
    ) -> Any:  # fmt: skip
        return weighed(m, formula(m, x, y, *args, **kwargs), weight, reduction)

    return call


def huber(m: Functions, x: Any, y: Any, delta: float = 1.0) -> Any:
    """A square near 0, a line away from it."""
    far = m.abs(x - y)
    return m.where(far <= delta, 0.5 * m.square(x - y), delta * (far - 0.5 * delta))


def smooth_l1(m: Functions, x: Any, y: Any, beta: float = 1.0) -> Any:
    """Huber's loss over beta."""
    return huber(m, x, y, beta) / beta if beta else m.abs(x - y)


def kl_div(
    m: Functions, x: Any, t: Any, reduction: str = "mean", log_target: bool = False, **_: Any
) -> Any:
    """The divergence from x, given as logarithms."""
    loss = m.exp(t) * (t - x) if log_target else xlogx(m, t) - t * x
    return m.sum(loss) / x.shape[0] if reduction == "batchmean" else ended(m, loss, reduction)


def xlogx(m: Functions, t: Any) -> Any:
    """t log(t), 0 at 0."""
    return m.where(m.equal(t, 0), 0.0, t * m.log(m.where(m.equal(t, 0), 1.0, t)))


def poisson(
    m: Functions, x: Any, t: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8
) -> Any:  # fmt: skip
    """The likelihood of counts."""
    loss = m.exp(x) - t * x if log_input else x - t * m.log(x + eps)
    if not full:
        return loss
    safe = m.where(t > 1, t, 1.0)
    stirling = safe * m.log(safe) - safe + 0.5 * m.log(2 * 3.141592653589793 * safe)
    return loss + m.where(t > 1, stirling, 0.0)


def gaussian(
    m: Functions, x: Any, t: Any, var: Any, full: bool = False, eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """The likelihood of numbers with their variances, which carry no gradient of their bound."""
    if tuple(var.shape) != tuple(x.shape) and var.ndim == x.ndim - 1:
        var = m.expand_dims(var, -1)
    bounded = var + m.stop_gradient(m.maximum(var, eps) - var)
    loss = 0.5 * (m.log(bounded) + m.square(x - t) / bounded)
    return ended(m, loss + 0.9189385332046727 if full else loss, reduction)


def hinge_embedding(m: Functions, x: Any, t: Any, margin: float = 1.0) -> Any:
    """x where t is 1, the rest of the margin where it is -1."""
    far = m.where(m.not_equal(t, 1), m.maximum(margin - x, 0.0), 0.0)
    return far + m.where(m.not_equal(t, -1), x, 0.0)


def ranking(
    m: Functions, a: Any, b: Any, t: Any, margin: float = 0.0, reduction: str = "mean", **_: Any
) -> Any:  # fmt: skip
    """The order of pairs."""
    return ended(m, m.relu(-t * (a - b) + margin), reduction)


def cosine_embedding(
    m: Functions, a: Any, b: Any, t: Any, margin: float = 0.0, reduction: str = "mean", **_: Any
) -> Any:  # fmt: skip
    """Angles of pairs that belong together or do not."""
    eps, last = 1e-12, -1
    top = m.sum(a * b, axis=last)
    size = m.sqrt((m.sum(m.square(a), axis=last) + eps) * (m.sum(m.square(b), axis=last) + eps))
    near = top / size
    loss = m.where(m.equal(t, 1), 1 - near, 0.0) + m.where(
        m.equal(t, -1), m.relu(near - margin), 0.0
    )
    return ended(m, loss, reduction)


def triplet(
    m: Functions, a: Any, p: Any, n: Any, margin: float = 1.0, eps: float = 1e-6,
    swap: bool = False, reduction: str = "mean", distance_function: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """A pair nearer than another one."""
    order = kwargs.get("p", 2.0)
    far = pairwise(m, a, n, order, eps)
    far = m.minimum(far, pairwise(m, p, n, order, eps)) if swap else far
    return ended(m, m.relu(pairwise(m, a, p, order, eps) - far + margin), reduction)


def multi_margin(
    m: Functions, x: Any, t: Any, p: int = 1, margin: float = 1.0, weight: Any = None,
    reduction: str = "mean", **_: Any,
) -> Any:  # fmt: skip
    """Margins of all classes but the right one."""
    rows = x if x.ndim == 2 else m.reshape(x, (1, -1))
    labels = t if t.ndim else m.reshape(t, (1,))
    right = m.take_along_axis(rows, m.expand_dims(labels, 1), axis=1)
    terms = m.relu(margin - right + rows) ** p
    terms = terms if weight is None else terms * m.expand_dims(m.take(weight, labels, axis=0), 1)
    terms = m.where(m.one_hot(labels, rows.shape[1]) > 0, 0.0, terms)
    loss = m.sum(terms, axis=1) / rows.shape[1]
    return ended(m, loss if t.ndim else m.reshape(loss, ()), reduction)


def multilabel_soft(
    m: Functions, x: Any, t: Any, weight: Any = None, reduction: str = "mean", **_: Any
) -> Any:  # fmt: skip
    """The mean over classes of binary cross entropies."""
    loss = t * m.softplus(-x) + (1 - t) * m.softplus(x)
    loss = loss if weight is None else loss * weight
    return ended(m, m.mean(loss, axis=-1), reduction)


def nll(
    m: Functions, x: Any, t: Any, weight: Any = None, ignore_index: int = -100,
    reduction: str = "mean", **_: Any,
) -> Any:  # fmt: skip
    """Minus the logarithm that belongs to the label."""
    return m.nll_loss(x, t, weight, ignore_index=ignore_index, reduction=reduction)


def cross_entropy(
    m: Functions, x: Any, t: Any, weight: Any = None, ignore_index: int = -100,
    reduction: str = "mean", label_smoothing: float = 0.0, **_: Any,
) -> Any:  # fmt: skip
    """The cross entropy of logits with labels or probabilities."""
    given = {"reduction": reduction, "label_smoothing": label_smoothing}
    return m.cross_entropy(x, t, weight=weight, ignore_index=ignore_index, **given)


# fmt: off
ROWS: Rows = {
    "nn.functional.binary_cross_entropy": bce,
    "nn.functional.binary_cross_entropy_with_logits": bce_logits,
    "nn.functional.mse_loss": simple(lambda m, x, y: m.square(x - y)),
    "nn.functional.l1_loss": simple(lambda m, x, y: m.abs(x - y)),
    "nn.functional.huber_loss": simple(huber),
    "nn.functional.smooth_l1_loss": simple(smooth_l1),
    "nn.functional.soft_margin_loss": simple(lambda m, x, t: m.softplus(-t * x)),
    "nn.functional.kl_div": kl_div,
    "nn.functional.poisson_nll_loss": simple(poisson),
    "nn.functional.gaussian_nll_loss": gaussian,
    "nn.functional.hinge_embedding_loss": simple(hinge_embedding),
    "nn.functional.margin_ranking_loss": ranking,
    "nn.functional.cosine_embedding_loss": cosine_embedding,
    "nn.functional.triplet_margin_loss": triplet,
    "nn.functional.triplet_margin_with_distance_loss": triplet,
    "nn.functional.multi_margin_loss": multi_margin,
    "nn.functional.multilabel_soft_margin_loss": multilabel_soft,
    "nn.functional.nll_loss": nll,
    "nn.functional.cross_entropy": cross_entropy,
}
# fmt: on
