"""Convolutions as a user calls them, over one to three axes: settings go in, one stage comes out.

Names and the order of arguments are PyTorch's (torch.nn.functional).
"""

from __future__ import annotations

from typing import Any

from graphc.errors import ShapeError, UsageError
from graphc.graph import Node, graph_of, public
from graphc.ops.shaping.layout import squeeze
from graphc.ops.windows.convolve import conv_, conv_transpose_
from graphc.ops.windows.frames import batched, edges, pairs_of, per_axis
from graphc.ops.windows.sliding import padded, reach
from graphc.types import shape_text

__all__ = [
    "conv",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]


def _both(x: Any, w: Any, bias: Any, rank: int | None, what: str) -> tuple[Any, ...]:
    """The stages of a convolution over `rank` axes, and whether x had no batch."""
    given = (x, w) if bias is None else (x, w, bias)
    left, kernel, *rest = graph_of(*given).lift(given)
    n = kernel.ndim - 2
    if n < 1 or (rank is not None and n != rank):
        raise ShapeError(
            f"a kernel of shape {shape_text(kernel.shape)} has no {rank or 'one or more'} sizes "
            "behind features and channels",
            code="G103",
        )  # fmt: skip
    left, alone = batched(left, n, what)
    return left, kernel, rest, n, alone


def _convolved(
    rank: int | None, x: Any, w: Any, bias: Any, stride: Any, padding: Any, dilation: Any,
    groups: Any,
) -> Node:  # fmt: skip
    left, kernel, rest, n, alone = _both(x, w, bias, rank, "a convolution")
    steps, far = per_axis(stride, n, "stride"), per_axis(dilation, n, "dilation")
    pairs = edges(padding, left.shape[2:], kernel.shape[2:], steps, far)
    (count_,) = per_axis(groups, 1, "groups")
    y = conv_(left, kernel, *rest, stride=steps, padding=pairs, dilation=far, groups=count_)
    return squeeze(y, 0) if alone else y


def _spread(
    rank: int | None, x: Any, w: Any, bias: Any, stride: Any, padding: Any, output_padding: Any,
    groups: Any, dilation: Any,
) -> Node:  # fmt: skip
    y, kernel, rest, n, alone = _both(x, w, bias, rank, "a transposed convolution")
    steps, far = per_axis(stride, n, "stride"), per_axis(dilation, n, "dilation")
    pairs, more = pairs_of(padding, n), per_axis(output_padding, n, "output_padding", 0)
    if any(m >= max(s, f) for m, s, f in zip(more, steps, far, strict=True)):
        raise UsageError(
            f"output_padding {more} is not smaller than the stride {steps} or the dilation {far}"
        )
    (count_,) = per_axis(groups, 1, "groups")
    sizes = zip(y.shape[2:], kernel.shape[2:], steps, far, pairs, more, strict=True)
    shape = tuple((d - 1) * s + reach(k, f) + m - a - b for d, k, s, f, (a, b), m in sizes)
    # a whole stride more has room for one more window, of zeros
    y = padded(y, tuple((0, m // s) for m, s in zip(more, steps, strict=True)))
    found = conv_transpose_(
        y, kernel, *rest, shape=shape, stride=steps, padding=pairs, dilation=far, groups=count_
    )
    return squeeze(found, 0) if alone else found


@public
def conv(
    x: Any, w: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: Any = 1,
) -> Node:  # fmt: skip
    """y[n, f, o] = bias[f] + sum over c, k of w[f, c, k] x[n, c, stride * o + dilation * k -
    padding], the kernel not turned round, over as many axes as `w` has sizes.

    `x` (batch, channels, *lengths), or without batch; `w` (features, channels / groups, *sizes);
    `bias` (features,); the result (batch, features, *outputs), where outputs = (length + padding -
    dilation * (size - 1) - 1) // stride + 1. Each group of features sees its own channels.
    `stride`, `padding`, `dilation`: a number, or one an axis; padding also a pair an axis, "same"
    (outputs = ceil(length / stride)) or "valid" (none). Raises ShapeError for channels that
    disagree and a kernel larger than the padded input, UsageError for other settings. Source:
    Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning"; CS231n notes,
    "Convolutional Networks".
    """
    return _convolved(None, x, w, bias, stride, padding, dilation, groups)


@public
def conv1d(
    x: Any, w: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: Any = 1,
) -> Node:  # fmt: skip
    """`conv` over one axis: x (batch, channels, length), w (features, channels / groups, size)."""
    return _convolved(1, x, w, bias, stride, padding, dilation, groups)


@public
def conv2d(
    x: Any, w: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: Any = 1,
) -> Node:  # fmt: skip
    """`conv` over two axes: x (batch, channels, height, width)."""
    return _convolved(2, x, w, bias, stride, padding, dilation, groups)


@public
def conv3d(
    x: Any, w: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: Any = 1,
) -> Node:  # fmt: skip
    """`conv` over three axes: x (batch, channels, depth, height, width)."""
    return _convolved(3, x, w, bias, stride, padding, dilation, groups)


@public
def conv_transpose(
    x: Any, w: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: Any = 1, dilation: Any = 1,
) -> Node:  # fmt: skip
    """The gradient of a convolution with respect to its input, as a layer: each element of `x`
    adds its multiple of the kernel to the outputs that it reaches.

    `x` (batch, channels, *lengths), or without batch; `w` (channels, features / groups, *sizes);
    outputs = (length - 1) * stride - padding + dilation * (size - 1) + output_padding + 1, where
    output_padding is smaller than the stride or the dilation. Raises ShapeError, UsageError.
    Source: Dumoulin & Visin 2016.
    """
    return _spread(None, x, w, bias, stride, padding, output_padding, groups, dilation)


@public
def conv_transpose1d(
    x: Any, w: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: Any = 1, dilation: Any = 1,
) -> Node:  # fmt: skip
    """`conv_transpose` over one axis."""
    return _spread(1, x, w, bias, stride, padding, output_padding, groups, dilation)


@public
def conv_transpose2d(
    x: Any, w: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: Any = 1, dilation: Any = 1,
) -> Node:  # fmt: skip
    """`conv_transpose` over two axes."""
    return _spread(2, x, w, bias, stride, padding, output_padding, groups, dilation)


@public
def conv_transpose3d(
    x: Any, w: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: Any = 1, dilation: Any = 1,
) -> Node:  # fmt: skip
    """`conv_transpose` over three axes."""
    return _spread(3, x, w, bias, stride, padding, output_padding, groups, dilation)
