"""Losses, each with its reduction."""

from __future__ import annotations

from typing import Any

from ..rows import Functions, Rows
from .forms import ended


def plain(name: str) -> Any:
    """A loss of graphc's; PyTorch's oldest names of the reduction say nothing new."""

    def call(
        m: Functions, *args: Any, size_average: Any = None, reduce: Any = None, **kwargs: Any
    ) -> Any:
        return getattr(m, name)(*args, **kwargs)

    return call


def weighed(name: str) -> Any:
    """A loss whose elements may have weights."""

    def call(
        m: Functions, x: Any, t: Any, weight: Any = None, reduction: str = "mean", **kwargs: Any
    ) -> Any:
        if weight is None:
            return getattr(m, name)(x, t, reduction=reduction, **kwargs)
        return ended(m, getattr(m, name)(x, t, reduction="none", **kwargs) * weight, reduction)

    return call


def binary(
    m: Functions, x: Any, t: Any, weight: Any = None, reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:  # fmt: skip
    """The cross entropy of logits of one class."""
    return m.binary_cross_entropy(x, t, weight, pos_weight=pos_weight, reduction=reduction)


def gaussian(
    m: Functions, x: Any, t: Any, var: Any, full: bool = False, eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """The likelihood of numbers with their variances, of which there may be one a row."""
    x, t = m.broadcast_arrays(x, t)
    if tuple(var.shape) != tuple(x.shape) and var.ndim == x.ndim - 1:
        var = m.expand_dims(var, -1)
    return m.gaussian_nll(x, t, var, full, eps, reduction=reduction)


def triplet(
    m: Functions, a: Any, p: Any, n: Any, *, distance_function: Any = None, **kwargs: Any
) -> Any:
    """A pair nearer than another one; the distances of PyTorch's samples are the usual ones."""
    norm = {"p": kwargs.pop("p")} if "p" in kwargs else {}
    return m.triplet_margin(a, p, n, **norm, **kwargs)


def multi_margin(
    m: Functions, x: Any, t: Any, p: int = 1, margin: float = 1.0, weight: Any = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """Margins of all classes but the right one."""
    x = x if x.ndim > t.ndim else m.reshape(x, (*t.shape, -1))
    return m.multi_margin(x, t, p, margin, class_weights=weight, reduction=reduction)


def soft_labels(m: Functions, x: Any, t: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """The mean over classes of binary cross entropies."""
    return m.multilabel_soft_margin(x, t, weight, reduction=reduction)


def classes_last(m: Functions, x: Any) -> Any:
    """PyTorch has classes on the second axis, graphc on the last one."""
    return m.moveaxis(x, 1, -1) if x.ndim > 2 else x


def nll(
    m: Functions, x: Any, t: Any, weight: Any = None, ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """Minus the logarithm that belongs to the label."""
    given = {"class_weights": weight, "ignore": ignore_index, "reduction": reduction}
    return m.nll(classes_last(m, x), t, **given)


def cross_entropy(
    m: Functions, x: Any, t: Any, weight: Any = None, ignore_index: int = -100,
    reduction: str = "mean", label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    """The cross entropy of logits with labels, or with probabilities, which have classes too."""
    given = {"class_weights": weight, "smoothing": label_smoothing, "reduction": reduction}
    if t.type.is_float:
        return m.cross_entropy(classes_last(m, x), classes_last(m, t), **given)
    return m.cross_entropy(classes_last(m, x), t, ignore=ignore_index, **given)


# fmt: off
ROWS: Rows = {
    "nn.functional.mse_loss": weighed("squared_error"),
    "nn.functional.l1_loss": weighed("l1"),
    "nn.functional.huber_loss": plain("huber"),
    "nn.functional.smooth_l1_loss": plain("smooth_l1"),
    "nn.functional.soft_margin_loss": plain("soft_margin"),
    "nn.functional.hinge_embedding_loss": plain("hinge_embedding"),
    "nn.functional.margin_ranking_loss": plain("margin_ranking"),
    "nn.functional.cosine_embedding_loss": plain("cosine_embedding"),
    "nn.functional.triplet_margin_loss": triplet,
    "nn.functional.triplet_margin_with_distance_loss": triplet,
    "nn.functional.multi_margin_loss": multi_margin,
    "nn.functional.multilabel_soft_margin_loss": soft_labels,
    "nn.functional.kl_div": plain("kl_divergence"),
    "nn.functional.poisson_nll_loss": plain("poisson_nll"),
    "nn.functional.gaussian_nll_loss": gaussian,
    "nn.functional.binary_cross_entropy": weighed("bernoulli_nll"),
    "nn.functional.binary_cross_entropy_with_logits": binary,
    "nn.functional.nll_loss": nll,
    "nn.functional.cross_entropy": cross_entropy,
}
# fmt: on
