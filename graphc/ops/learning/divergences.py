"""How far a distribution is from what was seen: negative log likelihoods of numbers, and the
divergence of Kullback and Leibler; each one stage with the gradient that its formula has on paper.

They are losses of elements; `reduction` is as for those of graphc.ops.learning.losses.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.graph import Node, public
from graphc.ops.axes import stage
from graphc.ops.elementwise.activations import number
from graphc.ops.elementwise.arith import equal, greater, maximum, square, where
from graphc.ops.elementwise.maths import exp, log, log1p
from graphc.ops.elementwise.special import xlogy
from graphc.ops.learning.classes import reduction_of
from graphc.ops.learning.losses import Array, loss
from graphc.ops.reductions.reduce import count
from graphc.ops.shaping.layout import expand_dims

__all__ = [
    "bernoulli_nll",
    "gaussian_nll",
    "kl_divergence",
    "poisson_nll",
]

# Of a coin

LEAST_LOG = -100.0


def _bernoulli_slopes(p: Node, t: Node) -> tuple[Node, Node]:
    """(p - t) / (p (1 - p)), and log(1 - p) - log(p)."""
    d_t = maximum(log1p(-p), LEAST_LOG) - maximum(log(p), LEAST_LOG)
    return (p - t) / maximum(p * (1 - p), 1e-12), d_t


_bernoulli_nll = loss(
    "bernoulli_nll",
    lambda p, t: -(t * maximum(log(p), LEAST_LOG) + (1 - t) * maximum(log1p(-p), LEAST_LOG)),
    lambda p, t: (
        -(t * np.maximum(np.log(p), LEAST_LOG) + (1 - t) * np.maximum(np.log1p(-p), LEAST_LOG))
    ),
    _bernoulli_slopes,
)


@public
def bernoulli_nll(p: Node, target: Any, *, reduction: str = "mean") -> Node:
    """-t log(p) - (1 - t) log(1 - p) for probabilities p, logarithms not below -100.

    Both have one shape, or the target is a scalar; raises ShapeError. Of logits, take
    `binary_cross_entropy`. Source: PyTorch's torch.nn.functional.binary_cross_entropy.
    """
    return _bernoulli_nll(p, target, reduction=reduction_of(reduction))


# Of counts


def _stirling(t: Node) -> Node:
    """t log(t) - t + log(2 pi t) / 2 for t > 1, nearly log(t!), else 0."""
    safe = where(greater(t, 1), t, 1.0)
    about = safe * log(safe) - safe + 0.5 * log(2 * math.pi * safe)
    return where(greater(t, 1), about, 0.0)


def _stirling_numpy(t: Array) -> Array:
    safe = np.where(t > 1, t, 1.0)
    return np.where(t > 1, safe * np.log(safe) - safe + 0.5 * np.log(2 * np.pi * safe), 0.0)


def _poisson_define(x: Node, t: Node, logarithms: bool, full: bool, eps: float) -> Node:
    found = exp(x) - t * x if logarithms else x - t * log(x + eps)
    return found + _stirling(t) if full else found


def _poisson_numpy(x: Array, t: Array, logarithms: bool, full: bool, eps: float) -> Array:
    found = np.exp(x) - t * x if logarithms else x - t * np.log(x + eps)
    return found + _stirling_numpy(t) if full else found


def _poisson_slopes(
    x: Node, t: Node, logarithms: bool, full: bool, eps: float
) -> tuple[Node, Node]:
    """exp(x) - t and -x, of a rate 1 - t / (x + eps) and -log(x + eps)."""
    d_x = exp(x) - t if logarithms else 1 - t / (x + eps)
    d_t = -x if logarithms else -log(x + eps)
    if full:
        safe = where(greater(t, 1), t, 1.0)
        d_t = d_t + where(greater(t, 1), log(safe) + 0.5 / safe, 0.0)
    return d_x, d_t


_poisson_nll = loss("poisson_nll", _poisson_define, _poisson_numpy, _poisson_slopes)


@public
def poisson_nll(
    log_rate: Node,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    *,
    reduction: str = "mean",
) -> Node:
    """exp(x) - t x for the logarithm x of a rate and counts t; with log_input=False, x - t log(x +
    eps) for the rate itself.

    `full` adds Stirling's t log(t) - t + log(2 pi t) / 2 for counts above 1. Both have one shape,
    or the target is a scalar; raises ShapeError. Source: PyTorch's poisson_nll_loss.
    """
    return _poisson_nll(
        log_rate, target, logarithms=bool(log_input), full=bool(full), eps=number(eps, "eps"),
        reduction=reduction_of(reduction),
    )  # fmt: skip


# Of numbers with a spread


def _gaussian_define(x: Node, t: Node, var: Node, full: bool, eps: float) -> Node:
    v = maximum(var, eps)
    found = 0.5 * (log(v) + square(x - t) / v)
    return found + 0.5 * math.log(2 * math.pi) if full else found


def _gaussian_numpy(x: Array, t: Array, var: Array, full: bool, eps: float) -> Array:
    v = np.maximum(var, eps)
    found = 0.5 * (np.log(v) + np.square(x - t) / v)
    return found + 0.5 * math.log(2 * math.pi) if full else found


def _gaussian_slopes(
    x: Node, t: Node, var: Node, full: bool, eps: float
) -> tuple[Node, Node, Node]:
    """With r = (x - t) / var: r, -r, (1 / var - r**2) / 2; `eps` bounds var, not its gradient."""
    v = maximum(var, eps)
    r = (x - t) / v
    return r, -r, 0.5 * (1 / v - square(r))


_gaussian_nll = loss("gaussian_nll", _gaussian_define, _gaussian_numpy, _gaussian_slopes)


@public
def gaussian_nll(
    prediction: Node,
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    *,
    reduction: str = "mean",
) -> Node:
    """(log(var) + (prediction - target)**2 / var) / 2, var not below `eps`; `full` adds log(2 pi) /
    2.

    Prediction and target have one shape, or the target is a scalar; `var` broadcasts to it, or has
    all axes but the last. Raises ShapeError. Source: Nix & Weigend 1994; PyTorch's
    gaussian_nll_loss.
    """
    (var,) = stage(prediction).graph.lift((var,))
    if var.ndim and var.shape != prediction.shape and var.shape == prediction.shape[:-1]:
        var = expand_dims(var, -1)
    return _gaussian_nll(
        prediction, target, var, full=bool(full), eps=number(eps, "eps"),
        reduction=reduction_of(reduction),
    )  # fmt: skip


# Between two distributions


def _kl_define(x: Node, t: Node, logarithms: bool) -> Node:
    return exp(t) * (t - x) if logarithms else xlogy(t, t) - t * x


def _kl_numpy(x: Array, t: Array, logarithms: bool) -> Array:
    if logarithms:
        return np.exp(t) * (t - x)
    return np.where(t > 0, t * np.log(np.where(t > 0, t, 1)), 0) - t * x


def _kl_slopes(x: Node, t: Node, logarithms: bool) -> tuple[Node, Node]:
    """-t, and log(t) + 1 - x, 0 where t is 0; of logarithms -exp(t), and exp(t) (t + 1 - x)."""
    if logarithms:
        return -exp(t), exp(t) * (t + 1 - x)
    return -t, where(equal(t, 0), 0, log(where(equal(t, 0), 1, t)) + 1 - x)


_kl_divergence = loss("kl_divergence", _kl_define, _kl_numpy, _kl_slopes)


@public
def kl_divergence(
    logp: Node, target: Any, *, log_target: bool = False, reduction: str = "mean"
) -> Node:
    """t (log(t) - x) for the logarithms x of probabilities, and probabilities t, or their
    logarithms with log_target=True: the divergence of x from t, element by element.

    `reduction` may also be "batchmean", which divides the sum by the first size: the divergence
    itself, averaged over a batch. Both have one shape, or the target is a scalar; raises
    ShapeError. Source: Kullback & Leibler 1951; PyTorch's torch.nn.functional.kl_div.
    """
    by_batch = reduction == "batchmean" and stage(logp).ndim > 0
    word = "sum" if by_batch else reduction_of(reduction)
    found = _kl_divergence(logp, target, logarithms=bool(log_target), reduction=word)
    return found / count(logp, (0,), found.dtype) if by_batch else found
