"""Activations of straight pieces, PyTorch's by name: the hard forms of smooth ones, and shrinkage.

Each is one stage with the gradient that its formula has on paper: that of a piece within it, 0 at
the ends of a flat one. Integers are taken as floats; NaN stays NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import UsageError
from graphc.graph import Node, public
from graphc.ops.axes import stage
from graphc.ops.elementwise.activations import activation, number
from graphc.ops.elementwise.arith import abs, clip, logical_and, masked, where

__all__ = [
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "relu6",
    "softshrink",
    "threshold",
]


def _inside(x: Node, low: float, high: float) -> Node:
    return logical_and(x > low, x < high)


_hardtanh = activation(
    "hardtanh",
    lambda x, low, high: clip(x, low, high),
    lambda x, low, high: np.clip(x, low, high),
    lambda g, y, x, low, high: (masked(g, _inside(x, low, high)),),
)
relu6 = activation(
    "relu6",
    lambda x: clip(x, 0, 6),
    lambda x: np.clip(x, 0, 6),
    lambda g, y, x: (masked(g, _inside(x, 0, 6)),),
)
hardsigmoid = activation(
    "hardsigmoid",
    lambda x: clip(x + 3, 0, 6) * (1 / 6),
    lambda x: np.clip(x + 3, 0, 6) / 6,
    lambda g, y, x: (masked(g * (1 / 6), _inside(x, -3, 3)),),
)
hardswish = activation(
    "hardswish",
    lambda x: x * clip(x + 3, 0, 6) * (1 / 6),
    lambda x: x * np.clip(x + 3, 0, 6) / 6,
    lambda g, y, x: (masked(where(x < 3, g * (x * (1 / 3) + 0.5), g), x > -3),),
)
_threshold = activation(
    "threshold",
    lambda x, limit, value: where(x <= limit, value, x),
    lambda x, limit, value: np.where(x <= limit, x.dtype.type(value), x),
    lambda g, y, x, limit, value: (masked(g, x > limit),),
)
_softshrink = activation(
    "softshrink",
    lambda x, lambd: x - clip(x, -lambd, lambd),
    lambda x, lambd: np.sign(x) * np.maximum(np.abs(x) - lambd, 0),
    lambda g, y, x, lambd: (masked(g, abs(x) > lambd),),
)
_hardshrink = activation(
    "hardshrink",
    lambda x, lambd: where(abs(x) <= lambd, 0, x),
    lambda x, lambd: np.where(np.abs(x) <= lambd, x.dtype.type(0), x),
    lambda g, y, x, lambd: (masked(g, abs(x) > lambd),),
)


@public
def hardtanh(x: Node, min_val: float = -1.0, max_val: float = 1.0) -> Node:
    """x kept within min_val and max_val, where its gradient is zero; floats of x's shape.

    Raises UsageError for bounds that are no numbers or change places.
    """
    low, high = number(min_val, "min_val"), number(max_val, "max_val")
    if low > high:
        raise UsageError(f"min_val is at most max_val, not {low} over {high}")
    return _hardtanh(stage(x), low=low, high=high)


@public
def threshold(x: Node, threshold: float, value: float) -> Node:
    """x where it is greater than the threshold, `value` elsewhere; floats of x's shape.

    Raises UsageError for parameters that are no numbers.
    """
    limit, value = number(threshold, "threshold"), number(value, "value")
    return _threshold(stage(x), limit=limit, value=value)


@public
def softshrink(x: Node, lambd: float = 0.5) -> Node:
    """x brought nearer to 0 by lambd, 0 within; floats of x's shape.

    Raises UsageError for a lambd that is no number from 0 on.
    """
    return _softshrink(stage(x), lambd=_width(lambd))


@public
def hardshrink(x: Node, lambd: float = 0.5) -> Node:
    """x, but 0 where |x| <= lambd; floats of x's shape.

    Raises UsageError for a lambd that is no number from 0 on.
    """
    return _hardshrink(stage(x), lambd=_width(lambd))


def _width(lambd: Any) -> float:
    if number(lambd, "lambd") < 0:
        raise UsageError(f"lambd is a number from 0 on, not {lambd!r}")
    return float(lambd)
