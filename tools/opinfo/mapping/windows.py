"""Convolutions, pools, normalisations over channels, other sizes of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rows import Functions, Row, Rows
from .forms import same


def of_rank(rank: int, value: Any) -> Any:
    """A number for every axis, where a list of one stands for all."""
    if isinstance(value, (list, tuple)):
        return tuple(value) * (rank if len(value) == 1 else 1)
    return value if isinstance(value, str) else (value,) * rank


def conv(rank: int) -> Any:
    """A convolution."""

    def call(
        m: Functions, x: Any, w: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1,
    ) -> Any:  # fmt: skip
        given = {"stride": stride, "padding": padding, "dilation": dilation}
        given = {k: of_rank(rank, v) for k, v in given.items()}
        return getattr(m, f"conv{rank}d")(x, w, bias, groups=groups, **given)

    return call


def conv_transpose(rank: int) -> Any:
    """A transposed convolution."""

    def call(
        m: Functions, x: Any, w: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
    ) -> Any:  # fmt: skip
        given = {
            "stride": stride,
            "padding": padding,
            "output_padding": output_padding,
            "dilation": dilation,
        }
        given = {k: of_rank(rank, v) for k, v in given.items()}
        return getattr(m, f"conv_transpose{rank}d")(x, w, bias, groups=groups, **given)

    return call


def avg_pool(rank: int) -> Any:
    """Means of windows."""

    def call(
        m: Functions, x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
        ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: Any = None,
    ) -> Any:  # fmt: skip
        stride = kernel_size if stride in (None, (), []) else stride
        given = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
        given = {k: of_rank(rank, v) for k, v in given.items()}
        if divisor_override is not None:
            given["divisor_override"] = divisor_override
        return m.avg_pool(x, ceil_mode=ceil_mode, count_include_pad=count_include_pad, **given)

    return call


def max_pool(rank: int) -> Any:
    """The largest of windows, and where they stand."""

    def call(
        m: Functions, x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
        dilation: Any = 1, ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        stride = kernel_size if stride in (None, (), []) else stride
        given = {
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
        }
        given = {k: of_rank(rank, v) for k, v in given.items()}
        if return_indices:
            given["return_indices"] = True
        return m.max_pool(x, ceil_mode=ceil_mode, **given)

    return call


def adaptive(name: str, rank: int) -> Any:
    """Windows chosen so that so many results come out; None keeps a size."""

    def call(m: Functions, x: Any, output_size: Any, return_indices: bool = False) -> Any:
        sizes = enumerate(of_rank(rank, output_size))
        wanted = tuple(x.shape[i - rank] if s is None else s for i, s in sizes)
        return getattr(m, f"adaptive_{name}_pool")(x, wanted)

    return call


def values(found: Any) -> Any:
    """Of values and indices the values: graphc's adaptive pools give no indices."""
    return found[0] if isinstance(found, tuple) else found


def unpool(rank: int) -> Any:
    """Values put back where a pool took them; all else is 0."""

    def call(
        m: Functions, x: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
        output_size: Any = None,
    ) -> Any:  # fmt: skip
        steps = of_rank(rank, kernel_size if stride is None else stride)
        each = x.shape[-rank:], steps, of_rank(rank, kernel_size), of_rank(rank, padding)
        usual = [(n - 1) * s + k - 2 * p for n, s, k, p in zip(*each, strict=True)]
        sizes = tuple(output_size or usual)[-rank:]
        lead = tuple(x.shape[:-rank])
        empty = m.zeros((*lead, int(np.prod(sizes))), like=x)
        rows = (m.reshape(v, (*lead, -1)) for v in (indices, x))
        return m.reshape(m.put_along_axis(empty, *rows, axis=-1), (*lead, *sizes))

    return call


def layer_norm(
    m: Functions, x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:  # fmt: skip
    """Over the last axes."""
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    return m.layer_norm(x, axes, weight, bias, eps)


def rms_norm(m: Functions, x: Any, shape: Any, weight: Any = None, eps: Any = None) -> Any:
    """Over the last axes, by the root of the mean square."""
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    return m.rms_norm(x, axes, weight, eps)


def group_norm(
    m: Functions, x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:  # fmt: skip
    """Over groups of channels."""
    return m.group_norm(x, groups, weight, bias, eps=eps)


def batch_norm(
    m: Functions, x: Any, mean: Any, var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Over the batch, by its own statistics or those that are given."""
    if training:
        return m.batch_norm_train(x, weight, bias, eps=eps)[0]
    return m.batch_norm(x, mean, var, weight, bias, eps=eps)


def instance_norm(
    m: Functions, x: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None,
    bias: Any = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Over each picture's channels."""
    return m.instance_norm(x, weight, bias, eps=eps)


def interpolate(
    m: Functions, x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: Any = None, recompute_scale_factor: Any = None, antialias: bool = False,
) -> Any:  # fmt: skip
    """Another size of a picture."""
    rank = x.ndim - 2
    size = None if size is None else of_rank(rank, size)
    scale = None if scale_factor is None else of_rank(rank, scale_factor)
    return m.interpolate(
        x, size=size, scale_factor=scale, mode=mode, align_corners=bool(align_corners),
        recompute_scale_factor=bool(recompute_scale_factor),
    )  # fmt: skip


def upsample(mode: str, align_corners: bool = False) -> Any:
    """interpolate by its older names."""

    def call(m: Functions, x: Any, size: Any = None, scale_factor: Any = None) -> Any:
        return interpolate(m, x, size, scale_factor, mode, align_corners)

    return call


# fmt: off
ROWS: Rows = {
    **{f"nn.functional.conv{r}d": conv(r) for r in (1, 2, 3)},
    **{f"nn.functional.conv_transpose{r}d": conv_transpose(r) for r in (1, 2, 3)},
    **{f"nn.functional.avg_pool{r}d": avg_pool(r) for r in (1, 2, 3)},
    **{f"nn.functional.max_pool{r}d": max_pool(r) for r in (1, 2, 3)},
    **{f"nn.functional.adaptive_avg_pool{r}d": adaptive("avg", r) for r in (1, 2, 3)},
    **{f"nn.functional.adaptive_max_pool{r}d": Row(adaptive("max", r), values) for r in (1, 2, 3)},
    "nn.functional.layer_norm": layer_norm,
    "nn.functional.rms_norm": rms_norm,
    "nn.functional.group_norm": group_norm,
    "nn.functional.batch_norm": batch_norm,
    "nn.functional.instance_norm": instance_norm,
    "nn.functional.local_response_norm": same("local_response_norm"),
    **{f"nn.functional.interpolate.{mode}": interpolate for mode in (
        "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area")},
    **{f"nn.functional.max_unpool{r}d": unpool(r) for r in (1, 2, 3)},
    **{f"nn.functional.max_unpool{r}d.grad": unpool(r) for r in (1, 2, 3)},
    "nn.functional.unfold": same("unfold"),
    "nn.functional.upsample_nearest": upsample("nearest"),
    "nn.functional.upsample_bilinear": upsample("bilinear", align_corners=True),
}
# fmt: on
