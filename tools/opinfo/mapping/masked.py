"""Reductions of what a mask lets through: the rest is what changes nothing."""

from __future__ import annotations

from typing import Any

from ..rows import Functions, Rows
from .forms import along, axes, typed

INF = float("inf")


def masked(name: str, rest: float, **fixed: Any) -> Any:
    """A reduction of what the mask lets through, `rest` elsewhere."""

    def call(
        m: Functions, x: Any, *_: Any, mask: Any = None, dim: Any = None, keepdim: Any = False,
        **kwargs: Any,
    ) -> Any:  # fmt: skip
        x = x if mask is None else m.where(mask, x, rest)
        x = typed(m, x, kwargs)
        return getattr(m, name)(x, axis=axes(x, dim), keepdims=bool(keepdim), **fixed)

    return call


def masked_mean(
    m: Functions, x: Any, *, mask: Any = None, dim: Any = None, keepdim: bool = False, **kwargs: Any
) -> Any:  # fmt: skip
    """The sum of what the mask lets through over how many that are."""
    given = {"mask": mask, "dim": dim, "keepdim": keepdim}
    count = masked("sum", 0.0)(m, m.ones_like(x), **given)
    return masked("sum", 0.0)(m, x, **given, **kwargs) / count


def masked_norm(
    m: Functions, x: Any, ord: Any, *, mask: Any = None, dim: Any = None, keepdim: Any = False,
    **kwargs: Any,
) -> Any:  # fmt: skip
    """The norm of what the mask lets through: the rest adds nothing."""
    x = x if mask is None else m.where(mask, x, INF if ord < 0 else 0.0)
    return m.vector_norm(typed(m, x, kwargs), axis=axes(x, dim), keepdims=bool(keepdim), ord=ord)


def masked_logaddexp(
    m: Functions, x: Any, y: Any, *, input_mask: Any = None, other_mask: Any = None
) -> Any:
    """log(exp(x) + exp(y)) of what the masks let through."""
    x = x if input_mask is None else m.where(input_mask, x, -INF)
    return m.logaddexp(x, y if other_mask is None else m.where(other_mask, y, -INF))


def masked_position(name: str, rest: float) -> Any:
    """Where the extreme is, in PyTorch's unusual element type: the input's."""
    return lambda m, x, **kwargs: m.astype(masked(name, rest)(m, x, **kwargs), x.dtype)


def masked_along(name: str, rest: float) -> Any:
    """A function along an axis of what the mask lets through."""

    def call(m: Functions, x: Any, dim: int, *, mask: Any = None, **kwargs: Any) -> Any:
        x = x if mask is None else m.where(mask, x, rest)
        return along(name)(m, x, dim, **kwargs)

    return call


# fmt: off
ROWS: Rows = {
    "masked.sum": masked("sum", 0.0),
    "masked.prod": masked("prod", 1.0),
    "masked.amax": masked("max", -INF),
    "masked.amin": masked("min", INF),
    "masked.mean": masked_mean,
    "masked.norm": masked_norm,
    "masked.argmax": masked_position("argmax", -INF),
    "masked.argmin": masked_position("argmin", INF),
    "masked.logsumexp": masked("logsumexp", -INF),
    "masked.cumsum": masked_along("cumulative_sum", 0.0),
    "masked.cumprod": masked_along("cumulative_prod", 1.0),
    "masked.softmax": masked_along("softmax", -INF),
    "masked.log_softmax": masked_along("log_softmax", -INF),
    "masked.softmin": lambda m, x, dim, **k: masked_along("softmax", -INF)(m, -x, dim, **k),
    "masked.logaddexp": masked_logaddexp,
}
# fmt: on
