"""Activations, softmax and losses."""

from __future__ import annotations

from typing import Any

from ..rows import Functions, Rows
from .forms import along, as_vector, same, typed


def prelu(m: Functions, x: Any, weight: Any) -> Any:
    """PyTorch lets a scalar have a weight of size 1."""
    lone = x.ndim == 0 and tuple(weight.shape) == (1,)
    return m.prelu(x, m.reshape(weight, ()) if lone else weight)


def safe_softmax(m: Functions, x: Any, dim: int, dtype: Any = None) -> Any:
    """A softmax that is 0 where nothing is left."""
    nothing = m.all(m.equal(x, -float("inf")), axis=dim, keepdims=True)
    return m.where(nothing, 0.0, m.softmax(m.where(nothing, 0.0, x), dim))


def gated(m: Functions, x: Any, lower: float = 1 / 8, upper: float = 1 / 3, **_: Any) -> Any:
    """rrelu at evaluation: the slope in the middle."""
    return m.where(x >= 0, x, (lower + upper) / 2 * x)


def without_inplace(name: str) -> Any:
    """An activation whose `inplace` says nothing about values."""
    return lambda m, x, *args, inplace=False, **kwargs: getattr(m, name)(x, *args, **kwargs)


def dropped(name: str) -> Any:
    """Dropout, which draws nothing at evaluation, and where all or none are dropped."""

    def call(
        m: Functions, x: Any, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Any:
        return getattr(m, name)(x, p, training=training)

    return call


def normalized(
    m: Functions, x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12, **_: Any
) -> Any:
    """Divided by the norm."""
    return as_vector(m, x, lambda v: m.normalize(v, ord=p, axis=dim, eps=eps))


def cosine(m: Functions, a: Any, b: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors."""
    a, b = (x if x.ndim else m.reshape(x, (1,)) for x in (a, b))
    return m.cosine_similarity(a, b, axis=dim, eps=eps)


def pairwise(
    m: Functions, a: Any, b: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Any:
    """The norm of differences, eps beside every one."""
    return m.pairwise_distance(a, b, p, eps, keepdim)


def embedding(
    m: Functions, table: Any, index: Any, padding_idx: Any = None, max_norm: Any = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Any:  # fmt: skip
    """Rows of a table, which comes first in PyTorch's samples."""
    return m.embedding(index, table, padding_idx)


def sampled(
    m: Functions, x: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: Any = None,
) -> Any:  # fmt: skip
    """A picture seen at the places of a grid."""
    return m.grid_sample(x, grid, mode, padding_mode, bool(align_corners))


def sampled_by_number(m: Functions, x: Any, grid: Any, mode: int, padding: int, align: bool) -> Any:
    """The same with numbers for words."""
    word = ("bilinear", "nearest", "bicubic")[mode]
    return m.grid_sample(x, grid, word, ("zeros", "border", "reflection")[padding], align)


def attention(
    m: Functions, q: Any, k: Any, v: Any, attn_mask: Any = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: Any = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    """softmax(q k^T / sqrt(d)) v."""
    if enable_gqa:
        k, v = (m.repeat(x, q.shape[-3] // x.shape[-3], axis=-3) for x in (k, v))
    return m.scaled_dot_product_attention(q, k, v, attn_mask, causal=is_causal, scale=scale)


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
    "nn.functional.dropout": dropped("dropout"),
    "nn.functional.dropout2d": dropped("dropout2d"),
    "nn.functional.dropout3d": dropped("dropout2d"),
    "nn.functional.alpha_dropout": dropped("alpha_dropout"),
    "nn.functional.feature_alpha_dropout.with_train": dropped("dropout"),
    "nn.functional.feature_alpha_dropout.without_train": dropped("dropout"),
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
    "nn.functional.embedding": embedding,
    "nn.functional.grid_sample": sampled,
    "grid_sampler_2d": sampled_by_number,
    "nn.functional.scaled_dot_product_attention": attention,
}
# fmt: on
