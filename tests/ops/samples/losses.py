"""Samples of losses, distances and embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from specs import Sample, batch, given, integer, labelled, labels, one, pair, positive, real

from samples.convolve import functional

ENDS = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}


def signs(*shape: int) -> Any:
    """1 or -1."""
    return real(*shape)._replace(draw=lambda rng, s, dtype: np.where(rng.random(s) < 0.5, 1, -1))


def chances(*shape: int) -> Any:
    """Numbers from 0.1 to 0.9."""
    return positive(*shape)._replace(
        draw=lambda rng, s, dtype: np.asarray(
            rng.uniform(0.1, 0.9, s), f"f{dtype[1:]}"[:1] + {"f32": "4", "f64": "8"}[dtype]
        )
    )


# What the names mean in NumPy


def reduced(formula: Callable[..., Any]) -> Callable[..., Any]:
    """A loss from a formula for one element."""

    def loss(x: Any, *args: Any, reduction: str = "mean", **options: Any) -> Any:
        return ENDS[reduction](np.broadcast_to(formula(x, *args, **options), np.shape(x)))

    return loss


def rows(
    logs: Any, target: Any, weights: Any = None, *, class_weights: Any = None,
    ignore: Any = None, smoothing: float = 0.0, reduction: str = "mean",
) -> Any:  # fmt: skip
    """Likelihoods of classes, a row at a time."""
    k, found, divisor = logs.shape[-1], [], 0.0
    by_label = target.dtype.kind != "f"
    w = np.ones(k) if class_weights is None else class_weights
    r = np.ones(logs.shape[:-1]) if weights is None else weights
    for at in np.ndindex(logs.shape[:-1]):
        if by_label and target[at] == ignore:
            found.append(0.0)
            continue
        sharp = np.eye(k)[target[at]] if by_label else target[at]
        aim = w * ((1 - smoothing) * sharp + smoothing / k)
        found.append(-r[at] * np.sum(aim * logs[at]))
        divisor += r[at] * (w[target[at]] if by_label else 1)
    if reduction == "none":
        return np.reshape(found, logs.shape[:-1])
    return np.sum(found) / (divisor if reduction == "mean" else 1)


def log_softmax(x: Any) -> Any:
    return x - np.log(np.sum(np.exp(x), -1, keepdims=True))


def bce(x: Any, t: Any, weights: Any = 1, *, pos_weight: Any = 1) -> Any:
    p = 1 / (1 + np.exp(-x))
    return -weights * (pos_weight * t * np.log(p) + (1 - t) * np.log(1 - p))


def focal(x: Any, t: Any, alpha: Any = 0.25, gamma: float = 2.0) -> Any:
    p = 1 / (1 + np.exp(-x))
    share = 1 if alpha is None else alpha * t + (1 - alpha) * (1 - t)
    return share * (p + t - 2 * p * t) ** gamma * bce(x, t)


def huber(x: Any, t: Any, delta: float = 1.0) -> Any:
    r = np.abs(x - t)
    return np.where(r <= delta, r**2 / 2, delta * (r - delta / 2))


def poisson(x: Any, t: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8) -> Any:
    more = t * np.log(t) - t + 0.5 * np.log(2 * np.pi * t) if full else 0
    return (np.exp(x) - t * x if log_input else x - t * np.log(x + eps)) + np.where(t > 1, more, 0)


def gaussian(x: Any, t: Any, var: Any, full: bool = False) -> Any:
    var = var[..., None] if np.ndim(var) and np.ndim(var) < np.ndim(x) else var
    return 0.5 * (np.log(var) + (x - t) ** 2 / var) + (0.5 * np.log(2 * np.pi) if full else 0)


def kl(x: Any, t: Any, *, log_target: bool = False, reduction: str = "mean") -> Any:
    loss = np.exp(t) * (t - x) if log_target else t * (np.log(np.where(t > 0, t, 1)) - x)
    return np.sum(loss) / len(x) if reduction == "batchmean" else ENDS[reduction](loss)


def margins(
    s: Any, t: Any, p: int = 1, margin: float = 1.0, *, class_weights: Any = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    own = np.take_along_axis(s, t[..., None].astype(int), -1)
    terms = np.where(np.eye(s.shape[-1])[t] > 0, 0, np.maximum(0, margin - own + s) ** p)
    w = 1 if class_weights is None else class_weights[t]
    return ENDS[reduction](w * terms.mean(-1))


def cosine(x: Any, y: Any, axis: int = -1, eps: float = 1e-8) -> Any:
    x, y = np.broadcast_arrays(x, y)
    lengths = [np.maximum(np.sqrt((v**2).sum(axis)), eps) for v in (x, y)]
    return (x * y).sum(axis) / (lengths[0] * lengths[1])


def cosine_embedding(
    x: Any, y: Any, t: Any, margin: float = 0.0, *, reduction: str = "mean"
) -> Any:
    c = cosine(x, y)
    return ENDS[reduction](np.where(t == 1, 1 - c, np.maximum(0, c - margin)))


def distance(x: Any, y: Any, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> Any:
    return np.linalg.vector_norm(x - y + eps, axis=-1, ord=p, keepdims=keepdims)


def triplet(
    a: Any, p: Any, n: Any, margin: float = 1.0, order: float = 2.0, swap: bool = False,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    far = distance(a, n, order)
    far = np.minimum(far, distance(p, n, order)) if swap else far
    return ENDS[reduction](np.maximum(0, distance(a, p, order) - far + margin))


def bags(ids: Any, w: Any, mode: str = "mean", weights: Any = None) -> Any:
    picked = w[ids] if weights is None else w[ids] * weights[..., None]
    return {"sum": np.sum, "mean": np.mean, "max": np.max}[mode](picked, -2)


def accuracy(s: Any, t: Any, top: int = 1) -> Any:
    best = np.argsort(-s, axis=-1, kind="stable")[..., :top]
    return np.mean((best == t[..., None]).any(-1))


NUMPY: dict[str, Callable[..., Any]] = {
    "squared_error": reduced(lambda x, t: (x - t) ** 2),
    "l1": reduced(lambda x, t: np.abs(x - t)),
    "huber": reduced(huber),
    "smooth_l1": reduced(
        lambda x, t, beta=1.0: huber(x, t, beta) / beta if beta else np.abs(x - t)
    ),
    "log_cosh": reduced(lambda x, t: np.log(np.cosh(x - t))),
    "binary_cross_entropy": reduced(bce),
    "focal": reduced(focal),
    "multilabel_soft_margin": lambda x, t, w=1, *, reduction="mean": ENDS[reduction](
        bce(x, t, w).mean(-1)
    ),
    "bernoulli_nll": reduced(lambda p, t: -t * np.log(p) - (1 - t) * np.log(1 - p)),
    "poisson_nll": reduced(poisson),
    "gaussian_nll": reduced(gaussian),
    "kl_divergence": kl,
    "soft_margin": reduced(lambda x, t: np.log(1 + np.exp(-t * x))),
    "hinge_embedding": reduced(
        lambda x, t, margin=1.0: np.where(t == 1, x, np.maximum(0, margin - x))
    ),
    "margin_ranking": reduced(lambda x, y, t, margin=0.0: np.maximum(0, margin - t * (x - y))),
    "cross_entropy": lambda x, *args, **options: rows(log_softmax(x), *args, **options),
    "nll": rows,
    "multi_margin": margins,
    "accuracy": accuracy,
    "cosine_similarity": cosine,
    "cosine_embedding": cosine_embedding,
    "pairwise_distance": distance,
    "cdist": lambda x, y, p=2.0: distance(x[..., :, None, :], y[..., None, :, :], p, 0),
    "triplet_margin": triplet,
    "embedding": lambda ids, w, padding=None: w[ids],
    "embedding_bag": bags,
}


# And in PyTorch


def torch_rows(name: str) -> Callable[..., Any]:
    """Classes on the second axis, where PyTorch has them; weights of rows are not its own."""

    def loss(
        x: Any, t: Any, weights: Any = None, *, class_weights: Any = None, ignore: int = -100,
        smoothing: float = 0.0, reduction: str = "mean",
    ) -> Any:  # fmt: skip
        import torch

        probabilities = t.is_floating_point()
        flat = x.reshape(-1, x.shape[-1])
        target = t.reshape(flat.shape) if probabilities else t.long().ravel()
        if isinstance(class_weights, torch.Tensor):
            raise TypeError("PyTorch's class weights take no gradient")
        w = None if class_weights is None else torch.tensor(class_weights, dtype=x.dtype)
        more = {} if name == "nll_loss" else {"label_smoothing": smoothing}
        more |= {} if probabilities else {"ignore_index": ignore}
        function = getattr(torch.nn.functional, name)
        if weights is None and reduction != "none":
            return function(flat, target, w, reduction=reduction, **more)
        losses = function(flat, target, w, reduction="none", **more).reshape(x.shape[:-1])
        losses = losses if weights is None else losses * weights
        return losses if reduction == "none" else losses.sum() / weights.sum()

    return loss


def spread(name: str) -> Callable[..., Any]:
    """A loss whose target may be a scalar."""
    call = functional(name)
    return lambda x, t, *args, **options: call(x, t.expand_as(x), *args, **options)


ENDS_OF_KL = {
    "mean": lambda x: x.mean(),
    "none": lambda x: x,
    "batchmean": lambda x: x.sum() / len(x),
}

TORCH: dict[str, Callable[..., Any]] = {
    "squared_error": spread("mse_loss"),
    "l1": spread("l1_loss"),
    "huber": lambda x, t, delta=1.0, **o: spread("huber_loss")(x, t, delta=delta, **o),
    "smooth_l1": lambda x, t, beta=1.0, **o: spread("smooth_l1_loss")(x, t, beta=beta, **o),
    "binary_cross_entropy": spread("binary_cross_entropy_with_logits"),
    "multilabel_soft_margin": functional("multilabel_soft_margin_loss"),
    "bernoulli_nll": spread("binary_cross_entropy"),
    "poisson_nll": spread("poisson_nll_loss"),
    "gaussian_nll": functional("gaussian_nll_loss"),
    "kl_divergence": lambda x, t, *, log_target=False, reduction="mean": ENDS_OF_KL[reduction](functional("kl_div")(x, t, log_target=log_target, reduction="none")),
    "soft_margin": functional("soft_margin_loss"),
    "hinge_embedding": functional("hinge_embedding_loss"),
    "margin_ranking": functional("margin_ranking_loss"),
    "cross_entropy": torch_rows("cross_entropy"),
    "weighted_cross_entropy": torch_rows("cross_entropy"),
    "nll": torch_rows("nll_loss"),
    "multi_margin": lambda s, t, *a, **o: functional("multi_margin_loss")(s, t.long(), *a, **o),
    "cosine_similarity": functional("cosine_similarity"),
    "cosine_embedding": functional("cosine_embedding_loss"),
    "pairwise_distance": lambda x, y, p=2.0, eps=1e-6, keepdims=False: functional("pairwise_distance")(x, y, p, eps, keepdims),
    "cdist": lambda x, y, p=2.0: functional("pairwise_distance")(x[..., :, None, :], y[..., None, :, :], p, 0),
    "triplet_margin": functional("triplet_margin_loss"),
    "embedding": lambda ids, w, padding=None: functional("embedding")(ids.long(), w, padding),
    "embedding_bag": lambda ids, w, mode="mean", weights=None: functional("embedding_bag")(ids.long(), w, mode=mode, per_sample_weights=weights),
}  # fmt: skip

CLASS_WEIGHTS = np.array([0.5, 2.0, 1.0], "f4")
CERTAIN = np.array([[0.0, 1.0], [0.5, 0.5], [0.0, 0.25]])


def literal(m: Any, values: Any) -> Any:
    """An array for graphc and NumPy, a tensor for PyTorch."""
    return m.from_numpy(values) if hasattr(m, "from_numpy") else values


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    # the residual
    "squared_error":  [*pair("squared_error"), one(lambda m, x, t: m.squared_error(x, t, reduction="none"), batch(3, 2), real(3, 2)._replace(named=True))],
    "l1":             [one(lambda m, x, t: m.l1(x, t), real(5), positive(5)), one(lambda m, x, t: m.l1(x, t, reduction="none"), real(2, 3), positive()), one(lambda m, x, t: m.l1(x, t, reduction="sum"), real(0), positive())],
    "huber":          [one(lambda m, x, t: m.huber(x, t, 0.7), real(7), positive(7)), one(lambda m, x, t: m.huber(x, t, reduction="sum"), batch(4, 2), positive())],
    "smooth_l1":      [one(lambda m, x, t: m.smooth_l1(x, t, 0.5), real(7), positive(7)), one(lambda m, x, t: m.smooth_l1(x, t, reduction="none"), real(), positive())],
    "log_cosh":       [one(lambda m, x, t: m.log_cosh(x, t), real(7), positive(7)), one(lambda m, x, t: m.log_cosh(x, t, reduction="none"), batch(3, 2), positive())],
    # two classes
    "binary_cross_entropy": [
        *pair("binary_cross_entropy"),
        one(lambda m, x, t, w: m.binary_cross_entropy(x, t, w), real(3, 4), positive(3, 4), positive(4)),
        one(lambda m, x, t, w, p: m.binary_cross_entropy(x, t, w, pos_weight=p, reduction="none"), real(3, 4), positive(3, 4), positive(3, 1), positive(4)),
        one(lambda m, x, t, p: m.binary_cross_entropy(x, t, pos_weight=p, reduction="sum"), real(3, 4), chances(3, 4), positive()),
    ],
    "focal":          [one(lambda m, x, t: m.focal(x, t), real(5), chances(5)), one(lambda m, x, t: m.focal(x, t, None, 0.0), real(2, 3), chances()), one(lambda m, x, t: m.focal(x, t, 0.6, 1.5, reduction="none"), batch(3, 2), chances())],
    "multilabel_soft_margin": [one(lambda m, x, t: m.multilabel_soft_margin(x, t), real(3, 4), chances(3, 4)), one(lambda m, x, t, w: m.multilabel_soft_margin(x, t, w, reduction="none"), real(3, 4), chances(3, 4), positive(4))],
    # distributions
    "bernoulli_nll":  [one(lambda m, p, t: m.bernoulli_nll(p, t), chances(5), chances(5)), one(lambda m, p, t: m.bernoulli_nll(p, t, reduction="none"), chances(2, 3), chances())],
    "poisson_nll":    [one(lambda m, x, t: m.poisson_nll(x, t), real(5), positive(5)), one(lambda m, x, t: m.poisson_nll(x, t, False, reduction="none"), positive(2, 3), positive(2, 3)), one(lambda m, x, t: m.poisson_nll(x, t, full=True, reduction="sum"), real(4), given([0.4, 1.5, 2.5, 6.0]))],
    "gaussian_nll":   [one(lambda m, x, t, v: m.gaussian_nll(x, t, v), real(3, 4), real(3, 4), positive(3)), one(lambda m, x, t, v: m.gaussian_nll(x, t, v, full=True, reduction="none"), batch(3, 2), real(3, 2)._replace(named=True), positive())],
    "kl_divergence":  [one(lambda m, x, t: m.kl_divergence(x, t), real(3, 4), chances(3, 4)), one(lambda m, x: m.kl_divergence(x, literal(m, CERTAIN), reduction="batchmean"), real(3, 2)), one(lambda m, x, t: m.kl_divergence(x, t, log_target=True, reduction="none"), real(3), real(3))],
    # signs and orders
    "soft_margin":    [one(lambda m, x, t: m.soft_margin(x, t), real(5), signs(5)), one(lambda m, x, t: m.soft_margin(x, t, reduction="none"), real(2, 3), real(2, 3))],
    "hinge_embedding": [one(lambda m, x, t: m.hinge_embedding(x, t), real(7), signs(7)), one(lambda m, x, t: m.hinge_embedding(x, t, 0.4, reduction="sum"), real(2, 3), signs(2, 3))],
    "margin_ranking": [one(lambda m, x, y, t: m.margin_ranking(x, y, t, 0.3), real(7), real(7), signs(7)), one(lambda m, x, y, t: m.margin_ranking(x, y, t, reduction="none"), real(2, 3), real(2, 3), signs(2, 3))],
    # classes
    "cross_entropy":  [*labelled("cross_entropy"), one(lambda m, x, t, w: m.cross_entropy(x, t, w), real(5, 3), integer(5, dtype="u8"), positive(5))],
    "weighted_cross_entropy": [
        one(lambda m, x, t: m.cross_entropy(x, t, ignore=1, smoothing=0.1), batch(6, 3), labels(6)),
        one(lambda m, x, t: m.cross_entropy(x, t, class_weights=CLASS_WEIGHTS, ignore=-100, smoothing=0.1), real(4, 3), given([0, 2, -100, 1], "i64")),
        one(lambda m, x, t, r, w: m.cross_entropy(x, t, r, class_weights=w, smoothing=0.2, ignore=2), real(6, 3), integer(6), positive(6), positive(3)),
        one(lambda m, x, t, r, w: m.cross_entropy(x, t, r, class_weights=w, reduction="none"), real(2, 3, 4), integer(2, 3, dtype="i64"), positive(2, 3), positive(4)),
        one(lambda m, x, p: m.cross_entropy(x, p, smoothing=0.1), batch(3, 4), chances(3, 4)._replace(named=True)),
        one(lambda m, x, p, r, w: m.cross_entropy(x, p, r, class_weights=w), real(3, 4), chances(3, 4), positive(3), positive(4)),
        one(lambda m, x, t: m.cross_entropy(x, t, reduction="sum"), real(4), integer()),
    ],
    "nll":            [
        one(lambda m, x, t: m.nll(x, t), batch(5, 3), labels(5)),
        one(lambda m, x, t, w: m.nll(x, t, class_weights=w, ignore=0), real(2, 3, 3), integer(2, 3), positive(3)),
        one(lambda m, x, t, r: m.nll(x, t, r, reduction="none"), real(5, 3), integer(5), positive(5)),
    ],
    "multi_margin":   [
        one(lambda m, x, t: m.multi_margin(x, t), batch(5, 3), labels(5)),
        one(lambda m, x, t: m.multi_margin(x, t, 2, 0.5, reduction="none"), real(5, 3), integer(5)),
        one(lambda m, x, t, w: m.multi_margin(x, t, class_weights=w, reduction="sum"), real(5, 3), integer(5), positive(3)),
    ],
    "accuracy":       [one(lambda m, x, t: m.accuracy(x, t), batch(5, 3), labels(5)), one(lambda m, x, t: m.accuracy(x, t, 2), given([[1, 1, 1], [0, 2, 1], [3, 1, 2]]), given([1, 0, 0], "i8"))],
    # angles and distances
    "cosine_similarity": [one(lambda m, x, y: m.cosine_similarity(x, y), batch(3, 4), real(4)), one(lambda m, x, y: m.cosine_similarity(x, y, 1), real(3, 2, 1), real(1, 4)), one(lambda m, x, y: m.cosine_similarity(x, y, eps=5.0), real(3), real(3))],
    "cosine_embedding": [one(lambda m, x, y, t: m.cosine_embedding(x, y, t, 0.1), real(5, 3), real(5, 3), signs(5))],
    "pairwise_distance": [one(lambda m, x, y: m.pairwise_distance(x, y), batch(3, 4), real(4)), one(lambda m, x, y: m.pairwise_distance(x, y, 1.0, keepdims=True), real(2, 3), real(2, 3))],
    "cdist":          [one(lambda m, x, y: m.cdist(x, y), real(2, 3, 4), real(5, 4)), one(lambda m, x, y: m.cdist(x, y, 3.0), real(3, 2), real(2, 2))],
    "triplet_margin": [one(lambda m, a, p, n: m.triplet_margin(a, p, n), real(5, 3), real(5, 3), real(5, 3)), one(lambda m, a, p, n: m.triplet_margin(a, p, n, swap=True, reduction="none"), real(5, 3), real(5, 3), real(5, 3))],
    # embeddings
    "embedding":      [one(lambda m, i, w: m.embedding(i, w), integer(4, dtype="i64"), real(3, 2)), one(lambda m, i, w: m.embedding(i, w), labels(2, 3), real(3, 4)), one(lambda m, i, w: m.embedding(i, w), integer(), real(3, 1))],
    "embedding_bag":  [one(lambda m, i, w, mode=mode: m.embedding_bag(i, w, mode), integer(2, 3), real(3, 4)) for mode in ("sum", "mean", "max")]
                      + [one(lambda m, i, w, r: m.embedding_bag(i, w, "sum", weights=r), integer(2, 3), real(3, 4), positive(2, 3))],
}
# fmt: on

KINKED = {
    "l1",
    "huber",
    "smooth_l1",
    "hinge_embedding",
    "margin_ranking",
    "multi_margin",
    "accuracy",
}
KINKED |= {"cosine_embedding", "triplet_margin", "embedding_bag", "kl_divergence"}
