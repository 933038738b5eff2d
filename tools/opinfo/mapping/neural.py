"""Activations, softmax and losses."""

from __future__ import annotations

from typing import Any

from ..rows import Functions, Rows
from .forms import along, as_vector, ended, same, typed


def prelu(m: Functions, x: Any, weight: Any) -> Any:
    """PyTorch lets a scalar have a weight of size 1."""
    lone = x.ndim == 0 and tuple(weight.shape) == (1,)
    return m.prelu(x, m.reshape(weight, ()) if lone else weight)


def safe_softmax(m: Functions, x: Any, dim: int, dtype: Any = None) -> Any:
    """A softmax that is 0 where nothing is left."""
    nothing = m.all(m.equal(x, -float("inf")), axis=dim, keepdims=True)
    return m.where(nothing, 0.0, m.softmax(x, dim))


def gated(m: Functions, x: Any, lower: float = 1 / 8, upper: float = 1 / 3, **_: Any) -> Any:
    """rrelu at evaluation: the slope in the middle."""
    return m.where(x >= 0, x, (lower + upper) / 2 * x)


def without_inplace(name: str) -> Any:
    """An activation whose `inplace` says nothing about values."""
    return lambda m, x, *args, inplace=False, **kwargs: getattr(m, name)(x, *args, **kwargs)


def kept(m: Functions, x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of nothing: with p = 0 or at evaluation."""
    return m.dropout(x, p) if training and p else m.positive(x)


def normalized(
    m: Functions, x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12, **_: Any
) -> Any:
    """Divided by the norm."""
    return as_vector(m, x, lambda v: m.normalize(v, ord=p, axis=dim, eps=eps))


def cosine(m: Functions, a: Any, b: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors."""
    return m.cosine_similarity(a, b, axis=dim, eps=eps)


def pairwise(
    m: Functions, a: Any, b: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Any:  # fmt: skip
    """The norm of differences, eps beside every one."""
    return m.vector_norm(a - b + eps, axis=-1, keepdims=keepdim, ord=p)


# Losses


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


def attention(
    m: Functions, q: Any, k: Any, v: Any, attn_mask: Any = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: Any = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    """softmax(q k^T / sqrt(d)) v."""
    if enable_gqa:
        k, v = (m.repeat(x, q.shape[-3] // x.shape[-3], axis=-3) for x in (k, v))
    return m.scaled_dot_product_attention(q, k, v, mask=attn_mask, is_causal=is_causal, scale=scale)


def logsoftmax(m: Functions, x: Any, dim: int, **kwargs: Any) -> Any:
    """log_softmax along an axis."""
    return along("log_softmax")(m, x, dim, **kwargs)


def softmin(m: Functions, x: Any, dim: int, **kwargs: Any) -> Any:
    """The softmax of -x."""
    return along("softmax")(m, -typed(m, x, kwargs), dim)


# fmt: off
ROWS: Rows = {
    "nn.functional.relu": without_inplace("relu"),
    "nn.functional.leaky_relu": without_inplace("leaky_relu"),
    "nn.functional.elu": without_inplace("elu"),
    "nn.functional.celu": without_inplace("celu"),
    "nn.functional.selu": without_inplace("selu"),
    "nn.functional.gelu": lambda m, x, approximate="none": m.gelu(x, approximate=approximate),
    "nn.functional.silu": without_inplace("silu"),
    "nn.functional.mish": without_inplace("mish"),
    "nn.functional.hardswish": without_inplace("hardswish"),
    "nn.functional.hardsigmoid": without_inplace("hardsigmoid"),
    "nn.functional.hardtanh": without_inplace("hardtanh"),
    "nn.functional.relu6": without_inplace("relu6"),
    "nn.functional.hardshrink": same("hardshrink"),
    "nn.functional.softshrink": same("softshrink"),
    "nn.functional.tanhshrink": same("tanhshrink"),
    "nn.functional.threshold": without_inplace("threshold"),
    "nn.functional.softplus": lambda m, x, beta=1.0, threshold=20.0: m.softplus(x, beta, threshold),
    "nn.functional.softsign": same("softsign"),
    "nn.functional.logsigmoid": same("log_sigmoid"),
    "nn.functional.glu": lambda m, x, dim=-1: m.glu(x, axis=dim),
    "nn.functional.prelu": prelu,
    "nn.functional.rrelu": gated,
    "nn.functional.dropout": kept,
    "nn.functional.dropout2d": kept,
    "nn.functional.dropout3d": kept,
    "nn.functional.alpha_dropout": kept,
    "nn.functional.feature_alpha_dropout.with_train": kept,
    "nn.functional.feature_alpha_dropout.without_train": kept,
    "native_dropout_backward": lambda m, g, mask, scale: g * m.astype(mask, "float64") * scale,
    "softmax": along("softmax"),
    "softmax.with_dtype": along("softmax"),
    "torch.ops.aten._safe_softmax.default": safe_softmax,
    "log_softmax": logsoftmax,
    "log_softmax.with_dtype": logsoftmax,
    "nn.functional.softmin": softmin,
    "nn.functional.softmin.with_dtype": softmin,
    "nn.functional.normalize": normalized,
    "nn.functional.cosine_similarity": cosine,
    "nn.functional.pairwise_distance": pairwise,
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
    "nn.functional.scaled_dot_product_attention": attention,
}
# fmt: on
