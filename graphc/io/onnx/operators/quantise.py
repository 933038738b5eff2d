"""Quantisation: real numbers as small integers by a scale and a zero point, and products of such.

x = scale (q - zero). Products of integers are added up in f64, where they are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import graphc.ops as gr
from graphc.errors import DataError
from graphc.graph import Node
from graphc.io.onnx.elements import element
from graphc.io.onnx.operators.windows import conv
from graphc.io.onnx.rows import row
from graphc.types import DTYPES


def beside(v: Node, x: Node, axis: int, block: int) -> Node:
    """A scale or a zero point as it stands beside `x`: one number, one for each place on an axis,
    or one for each block of such.
    """
    if v.ndim == 0 or v.shape == (1,):
        return gr.reshape(v, ())
    axis %= x.ndim
    if v.ndim == 1 and not block:
        return gr.reshape(v, (*v.shape, *[1] * (x.ndim - axis - 1)))
    if v.ndim != x.ndim or block < 1:
        raise DataError(f"scales of {v.ndim} axes do not fit {x.ndim} axes in blocks of {block}")
    whole = [slice(None)] * x.ndim
    whole[axis] = slice(0, x.shape[axis])
    return gr.index(gr.repeat(v, block, axis), tuple(whole))


def rounded(x: Node, zero: Node | None, dtype: str) -> Node:
    """The nearest integers, even ones of two, moved by the zero point and kept in their type."""
    x = gr.round(x)
    x = x if zero is None else x + gr.astype(zero, x.dtype)
    limits = np.iinfo(DTYPES[dtype])
    return gr.astype(gr.clip(x, limits.min, limits.max), dtype)


@row("QuantizeLinear")
def quantize_linear(
    x: Node,
    y_scale: Node,
    y_zero_point: Node | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    precision: int = 0,
    saturate: int = 1,
) -> Node:
    asked = element(output_dtype) if output_dtype else "u8"
    zero = None if y_zero_point is None else beside(y_zero_point, x, axis, block_size)
    kind = element(precision) if precision else y_scale.dtype
    scale = gr.astype(beside(y_scale, x, axis, block_size), kind)
    return rounded(gr.astype(x, kind) / scale, zero, asked if zero is None else zero.dtype)


@row("DequantizeLinear")
def dequantize_linear(
    x: Node,
    x_scale: Node,
    x_zero_point: Node | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Node:
    kind = element(output_dtype) if output_dtype else x_scale.dtype
    zero = None if x_zero_point is None else beside(x_zero_point, x, axis, block_size)
    return gr.astype(_moved(x, zero, x_scale.dtype) * beside(x_scale, x, axis, block_size), kind)


def _moved(x: Node, zero: Node | None, dtype: str = "f64") -> Node:
    """q - zero, in a type of real numbers."""
    x = gr.astype(x, dtype)
    return x if zero is None else x - gr.astype(zero, dtype)


# Products


def _by_rows(v: Any) -> Any:
    """One number for each row of a left factor stands beside its columns."""
    return gr.expand_dims(v, -1) if v is not None and v.ndim == 1 and v.shape != (1,) else v


def _by_features(v: Any, w: Node) -> Any:
    """One number for each feature of a kernel stands beside all of its elements."""
    return v if v is None or v.ndim == 0 else gr.reshape(v, (-1, *[1] * (w.ndim - 1)))


@row("MatMulInteger")
def matmul_integer(
    a: Node, b: Node, a_zero_point: Node | None = None, b_zero_point: Node | None = None
) -> Node:
    y = gr.matmul(_moved(a, _by_rows(a_zero_point)), _moved(b, b_zero_point))
    return gr.astype(y, "i32")


@row("QLinearMatMul")
def qlinear_matmul(
    a: Node,
    a_scale: Node,
    a_zero_point: Node,
    b: Node,
    b_scale: Node,
    b_zero_point: Node,
    y_scale: Node,
    y_zero_point: Node,
) -> Node:
    y = gr.matmul(_moved(a, _by_rows(a_zero_point)), _moved(b, b_zero_point))
    factor = gr.astype(_by_rows(a_scale) * b_scale / _by_rows(y_scale), "f64")
    return rounded(y * factor, _by_rows(y_zero_point), y_zero_point.dtype)


@row("ConvInteger")
def conv_integer(
    x: Node,
    w: Node,
    x_zero_point: Node | None = None,
    w_zero_point: Node | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Node:
    kernel = _moved(w, _by_features(w_zero_point, w))
    by = {"auto_pad": auto_pad, "dilations": dilations, "pads": pads, "strides": strides}
    return gr.astype(conv(_moved(x, x_zero_point), kernel, group=group, **by), "i32")


@row("QLinearConv")
def qlinear_conv(
    x: Node,
    x_scale: Node,
    x_zero_point: Node,
    w: Node,
    w_scale: Node,
    w_zero_point: Node,
    y_scale: Node,
    y_zero_point: Node,
    bias: Node | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Node:
    kernel = _moved(w, _by_features(w_zero_point, w))
    more = None if bias is None else gr.astype(bias, "f64")
    by = {"auto_pad": auto_pad, "dilations": dilations, "pads": pads, "strides": strides}
    y = conv(_moved(x, x_zero_point), kernel, more, group=group, **by)
    factor = gr.astype(x_scale * w_scale / y_scale, "f64")
    wide = gr.reshape(factor, (-1, *[1] * (x.ndim - 2))) if factor.ndim else factor
    return rounded(y * wide, y_zero_point, y_zero_point.dtype)
