"""Convolution over one to three axes, and what is its gradient: each a product of matrices whose
columns are windows.

As everywhere in deep learning the kernel is not turned round: this is the correlation. Arrays are
(batch, channels, *lengths), kernels (features, channels / groups, *sizes). See Note [One form].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.graph import Node, Op, declare
from graphc.ops.elementwise.arith import add
from graphc.ops.products.linear import product
from graphc.ops.reductions.reduce import sum
from graphc.ops.shaping.layout import expand_dims, matrix_transpose, reshape, transpose
from graphc.ops.spell import Expand
from graphc.ops.windows.frames import columns, grouped, overlapped
from graphc.ops.windows.sliding import Ints, Pairs, count, literal, overlap_add, windows
from graphc.types import Dim, Type, promote, shape_text
from graphc.types import product as multiplied

__all__: list[str] = []

# Matrices


def _kernels(w: Node, groups: int) -> Node:
    """A kernel's features as the rows of a matrix, one for each group."""
    return reshape(w, (*grouped(w.shape[0], groups), multiplied(w.shape[1:])))


def _features(y: Node, groups: int) -> Node:
    """Outputs as a matrix of one row a feature, (features, batch * outputs), groups before it."""
    rows = transpose(y, (1, 0, *range(2, y.ndim)))
    return reshape(rows, (*grouped(y.shape[1], groups), multiplied(rows.shape[1:])))


def _images(found: Node, batch: Dim, features: Dim, outputs: Sequence[Dim]) -> Node:
    """A matrix of one row a feature as outputs: the inverse of `_features`."""
    rows = reshape(found, (features, batch, *outputs))
    return transpose(rows, (1, 0, *range(2, rows.ndim)))


def _is_pointwise(sizes: Sequence[Dim], stride: Ints, padding: Pairs) -> bool:
    """Whether each output sees one place alone, its own."""
    return {*sizes, *stride} == {1} and not any(map(any, padding))


# Types

Attrs = Any


def _dtype(*types: Type) -> str:
    if "bool" in (t.dtype for t in types):
        raise DTypeError(f"a convolution takes numbers, not {' and '.join(map(str, types))}")
    return promote(*(t.dtype for t in types))


def _fits(x: Type, w: Type, groups: int) -> None:
    """Whether a kernel fits the channels of what it slides over; raises ShapeError."""
    channels, features, *_ = literal((x.shape[1], *w.shape))
    if channels != w.shape[1] * groups:
        raise ShapeError(
            f"the input has {channels} channels, but a kernel of shape {shape_text(w.shape)} "
            f"in {groups} group{'s' * (groups > 1)} takes {w.shape[1] * groups}",
            hint="a kernel is (features, channels / groups, *sizes)",
        )
    if features % groups:
        raise ShapeError(f"{features} features do not make {groups} groups of one size")


def _conv_type(
    x: Type, w: Type, b: Type | None = None, *,
    stride: Ints, padding: Pairs, dilation: Ints, groups: int,
) -> Type:  # fmt: skip
    _fits(x, w, groups)
    given = (x, w) if b is None else (x, w, b)
    whole = (d + a + c for d, (a, c) in zip(x.shape[2:], padding, strict=True))
    outputs = map(count, whole, literal(w.shape[2:]), stride, dilation)
    return Type(_dtype(*given), (x.shape[0], _biased(w.shape[0], b), *outputs))


def _biased(features: Dim, b: Type | None) -> Dim:
    if b is not None and b.shape != (features,):
        raise ShapeError(f"a bias of shape {shape_text(b.shape)} does not fit {features} features")
    return features


def _transpose_type(
    y: Type, w: Type, b: Type | None = None, *,
    shape: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int,
) -> Type:  # fmt: skip
    if y.shape[1] != w.shape[0]:
        raise ShapeError(
            f"the input has {y.shape[1]} channels, "
            f"but a kernel of shape {shape_text(w.shape)} takes {w.shape[0]}",
            hint="a transposed kernel is (channels, features / groups, *sizes)",
        )
    features = w.shape[1] * groups
    given = (y, w) if b is None else (y, w, b)
    if min(literal(shape)) < 1:
        raise ShapeError(f"padding {padding} leaves nothing of {shape_text(shape)} outputs")
    found = Type(_dtype(*given), (y.shape[0], _biased(features, b), *shape))
    back = _conv_type(found, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    if back.shape != y.shape:
        raise ShapeError(f"{shape_text(shape)} outputs are not what {shape_text(y.shape)} makes")
    return found


def _weights_type(
    x: Type, y: Type, sizes: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> Type:
    return Type(_dtype(x, y), (y.shape[1], x.shape[1] // groups, *sizes))  # type: ignore[operator]


# The three maps as products


def _plus(y: Node, bias: tuple[Node, ...]) -> Node:
    return add(y, expand_dims(bias[0], tuple(range(1, y.ndim - 1)))) if bias else y


def _conv_define(x: Node, w: Node, *bias: Node, **a: Attrs) -> Node:
    sizes, groups, batch = w.shape[2:], a["groups"], x.shape[0]
    outputs = _conv_type(x.type, w.type, **a).shape[2:]
    if _is_pointwise(sizes, a["stride"], a["padding"]):
        rows = reshape(x, (batch, *grouped(x.shape[1], groups), multiplied(outputs)))
        found = product(_kernels(w, groups), rows)
        return _plus(reshape(found, (batch, w.shape[0], *outputs)), bias)
    found = product(_kernels(w, groups), columns(x, sizes, **a))  # type: ignore[arg-type]
    return _plus(_images(found, batch, w.shape[0], outputs), bias)


def _transpose_define(y: Node, w: Node, *bias: Node, shape: Ints, **a: Attrs) -> Node:
    sizes, groups, batch = w.shape[2:], a.pop("groups"), y.shape[0]
    whole, outputs = (batch, w.shape[1] * groups, *shape), y.shape[2:]
    turned = matrix_transpose(_kernels(w, groups))
    if _is_pointwise(sizes, a["stride"], a["padding"]):
        rows = reshape(y, (batch, *grouped(y.shape[1], groups), multiplied(outputs)))
        return _plus(reshape(product(turned, rows), whole), bias)
    found = product(turned, _features(y, groups))
    return _plus(overlapped(found, whole, sizes, outputs, **a), bias)  # type: ignore[arg-type]


def _weights_define(x: Node, y: Node, sizes: Ints, **a: Attrs) -> Node:
    seen = matrix_transpose(columns(x, sizes, **a))
    found = product(_features(y, a["groups"]), seen)
    return reshape(found, (y.shape[1], x.shape[1] // a["groups"], *sizes))


# What they mean in NumPy: sums over letters, windows seen by strides


def _letters(n: int) -> tuple[list[int], list[int]]:
    return list(range(10, 10 + n)), list(range(20, 20 + n))


BATCH, GROUP, FEATURE, CHANNEL = range(4)


def _seen_numpy(
    x: np.ndarray, sizes: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> np.ndarray:
    whole = np.pad(x, ((0, 0), (0, 0), *padding))
    seen = windows.numpy(whole, sizes, stride, dilation)
    return seen.reshape(x.shape[0], groups, x.shape[1] // groups, *seen.shape[2:])


def _by_group(v: np.ndarray, axis: int, groups: int) -> np.ndarray:
    return v.reshape(*v.shape[:axis], groups, v.shape[axis] // groups, *v.shape[axis + 1 :])


def _biased_numpy(y: np.ndarray, bias: Sequence[np.ndarray]) -> np.ndarray:
    return y + bias[0].reshape(-1, *(1 for _ in y.shape[2:])) if bias else y


def _conv_numpy(x: np.ndarray, w: np.ndarray, *bias: np.ndarray, **a: Attrs) -> np.ndarray:
    o, k = _letters(w.ndim - 2)
    seen, kernel = _seen_numpy(x, w.shape[2:], **a), _by_group(w, 0, a["groups"])
    y = np.einsum(
        seen, [BATCH, GROUP, CHANNEL, *o, *k], kernel, [GROUP, FEATURE, CHANNEL, *k],
        [BATCH, GROUP, FEATURE, *o],
    )  # fmt: skip
    return _biased_numpy(y.reshape(x.shape[0], w.shape[0], *y.shape[3:]), bias)


def _transpose_numpy(
    y: np.ndarray, w: np.ndarray, *bias: np.ndarray,
    shape: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int,
) -> np.ndarray:  # fmt: skip
    o, k = _letters(w.ndim - 2)
    g = np.einsum(
        _by_group(y, 1, groups), [BATCH, GROUP, FEATURE, *o],
        _by_group(w, 0, groups), [GROUP, FEATURE, CHANNEL, *k],
        [BATCH, GROUP, CHANNEL, *o, *k],
    )  # fmt: skip
    g = g.reshape(y.shape[0], groups * w.shape[1], *g.shape[3:])
    whole = tuple(d + a + b for d, (a, b) in zip(shape, padding, strict=True))
    total = overlap_add.numpy(g, (*g.shape[:2], *whole), stride, dilation)
    inside = (slice(a, a + d) for d, (a, _) in zip(shape, padding, strict=True))
    return _biased_numpy(total[(..., *inside)], bias)


def _weights_numpy(x: np.ndarray, y: np.ndarray, sizes: Ints, **a: Attrs) -> np.ndarray:
    o, k = _letters(len(sizes))
    w = np.einsum(
        _seen_numpy(x, sizes, **a), [BATCH, GROUP, CHANNEL, *o, *k],
        _by_group(y, 1, a["groups"]), [BATCH, GROUP, FEATURE, *o],
        [GROUP, FEATURE, CHANNEL, *k],
    )  # fmt: skip
    return w.reshape(y.shape[1], x.shape[1] // a["groups"], *sizes)


# Their gradients: see Note [One form]


def _d_bias(g: Node, bias: tuple[Node, ...]) -> tuple[Node, ...]:
    return (sum(g, (0, *range(2, g.ndim))),) if bias else ()


def _conv_vjp(g: Node, y: Node, x: Node, w: Node, *bias: Node, **a: Attrs) -> tuple[Node, ...]:
    """dx spreads g by the kernel, dw correlates x with g, db sums g over batch and outputs."""
    d_x = conv_transpose_(g, w, shape=x.shape[2:], **a)
    return d_x, conv_weights(x, g, sizes=w.shape[2:], **a), *_d_bias(g, bias)


def _transpose_vjp(
    g: Node, x: Node, y: Node, w: Node, *bias: Node, shape: Ints, **a: Attrs
) -> tuple[Node, ...]:
    """dy is the convolution of g, dw correlates g with y."""
    return conv_(g, w, **a), conv_weights(g, y, sizes=w.shape[2:], **a), *_d_bias(g, bias)


def _weights_vjp(g: Node, w: Node, x: Node, y: Node, sizes: Ints, **a: Attrs) -> tuple[Node, Node]:
    """dx spreads y by the kernel g, dy is the convolution of x with g."""
    return conv_transpose_(y, g, shape=x.shape[2:], **a), conv_(x, g, **a)


conv_: Op = declare(Op("conv", _conv_type, Expand(_conv_define), _conv_numpy, _conv_vjp))
conv_transpose_: Op = declare(
    Op(
        "conv_transpose",
        _transpose_type,
        Expand(_transpose_define),
        _transpose_numpy,
        _transpose_vjp,
    )
)
conv_weights: Op = declare(
    Op("conv_weights", _weights_type, Expand(_weights_define), _weights_numpy, _weights_vjp)
)
"""The kernel by which x becomes y, as far as that goes: its gradient, from x and that of y."""


# Note [One form]. Multiply a convolution's result by any y of its shape and add up: the sum over
# all w[f, c, k] x[n, c, s o + d k - p] y[n, f, o] is linear in each of x, w and y. What stands
# beside one of the three is its gradient: `conv` beside y, `conv_transpose` beside x,
# `conv_weights` beside w. So each of the three operations has the two others as its gradients, and
# gradients of any order need nothing else. As matrices, with `columns` X of x and one row a feature
# in W and Y: Y = W X, X' = W^T Y laid back over x, W' = Y X^T; one product for the whole batch.
