"""Stages that are what they are given, with another local gradient: scaled, clipped, watched, taken
from elsewhere.

Each is a stage of the graph until the gradient is built, and costs nothing after it. No rule merges
it with its argument before that.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError, UsageError
from graphc.graph import Node, Op, declare, public
from graphc.ops.axes import stage
from graphc.ops.elementwise.arith import clip, square, where
from graphc.ops.elementwise.maths import sqrt
from graphc.ops.reductions.reduce import sum
from graphc.ops.spell import Expand
from graphc.ops.stacked import elementwise
from graphc.transforms.batching import whole
from graphc.types import Type, shape_text

__all__ = [
    "clip_gradient",
    "clip_gradient_norm",
    "on_gradient",
    "print_gradient",
    "print_value",
    "reverse_gradient",
    "scale_gradient",
    "straight_through",
]


def _itself(x: Type, *numbers: Type, **_: Any) -> Type:
    """The type of a float stage; what the hook reads besides are scalars."""
    if not x.is_float:
        raise DTypeError(f"only float values have a gradient, not {x}")
    for n in numbers:
        if n.shape:
            raise ShapeError(f"a number is wanted, not shape {shape_text(n.shape)}")
    return x


def _hook(name: str, vjp: Callable[..., Any]) -> Op:
    """An operation that is its first argument."""
    return declare(
        Op(name, _itself, Expand(lambda x, *_, **__: x), lambda x, *_, **__: x, vjp, batch=whole)
    )


def _shrunk(g: Node, y: Node, x: Node, limit: Node) -> tuple[Node, None]:
    """g, or its multiple that is `limit` long where it is longer."""
    squares = sum(square(g))
    long = squares > square(limit)
    return where(long, g * (limit / sqrt(where(long, squares, 1))), g), None


def _handed(g: Node, y: Node, x: Node, function: Callable[[Node], Node]) -> tuple[Node]:
    made = function(g)
    if not isinstance(made, Node) or made.shape != g.shape:
        what = f"shape {shape_text(made.shape)}" if isinstance(made, Node) else type(made).__name__
        raise ShapeError(
            f"the function was given a gradient of shape {shape_text(g.shape)} and made {what}",
            subject=y.label,
        )
    return (made,)


def _clipped(g: Node, y: Node, x: Node, low: Node, high: Node) -> tuple[Node, None, None]:
    return clip(g, low, high), None, None


_scale = _hook("scale_gradient", lambda g, y, x, scale: (g * scale, None))
_clip = _hook("clip_gradient", _clipped)
_clip_norm = _hook("clip_gradient_norm", _shrunk)
_on_gradient = _hook("on_gradient", _handed)


@public
def scale_gradient(x: Node, scale: Any) -> Node:
    """`x`, whose gradient is that from above times `scale`, a number or a scalar stage.

    Raises DTypeError for a stage that is not float, ShapeError for a scale that is no scalar.
    """
    return _scale(stage(x), scale)


@public
def reverse_gradient(x: Node, scale: Any = 1.0) -> Node:
    """`x`, whose gradient is that from above times -`scale`.

    Source: Ganin & Lempitsky 2015, "Unsupervised domain adaptation by backpropagation".
    """
    return _scale(stage(x), -scale)


@public
def clip_gradient(x: Node, low: Any = None, high: Any = None) -> Node:
    """`x`, each element of whose gradient is kept within `low` and `high`, either of which may be
    left out.
    """
    return _clip(stage(x), -inf if low is None else low, inf if high is None else high)


@public
def clip_gradient_norm(x: Node, limit: Any) -> Node:
    """`x`, whose gradient is scaled down to the length `limit` (the square root of the sum of its
    squares) where it is longer.

    Source: Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural
    networks", Algorithm 1.
    """
    return _clip_norm(stage(x), limit)


@public
def on_gradient(x: Node, function: Callable[[Node], Node]) -> Node:
    """`x`, whose gradient is what `function`, of a stage to a stage of the same shape, makes of
    that from above.

    The function is called when a gradient is built. Raises DTypeError for a stage that is not
    float, ShapeError where the function changes the shape.
    """
    if not callable(function):
        raise UsageError(f"a function of a stage is wanted, not {type(function).__name__}")
    return _on_gradient(stage(x), function=function)


# The value of one stage, the gradient to another


def _through_type(value: Type, x: Type) -> Type:
    if value.shape != x.shape:
        raise ShapeError(
            f"the value has shape {shape_text(value.shape)} "
            f"but its gradient would go to shape {shape_text(x.shape)}"
        )
    if not (value.is_float and x.is_float):
        raise DTypeError(
            f"float values are wanted, not {value} and {x}", hint="gr.astype(x, 'f64')"
        )
    return value


_straight_through = declare(
    Op(
        "straight_through",
        _through_type,
        Expand(lambda value, x: value),
        lambda value, x: value,
        lambda g, y, value, x: (None, g),
        jvp=lambda tangents, y, value, x: tangents[1],
        batch=whole,
    )
)


@public
def straight_through(value: Any, x: Node) -> Node:
    """`value`, whose gradient goes to `x` as if it were `x`: gr.straight_through(gr.sign(x), x) is
    a binary neuron that learns, gr.straight_through(gr.floor_divide(x, 1), x) a quantiser.

    Both have one shape and are float; raises ShapeError, DTypeError. Source: Bengio, Leonard &
    Courville 2013, "Estimating or propagating gradients through stochastic neurons".
    """
    return _straight_through(value, stage(x))


# Printed by what interprets the graph


def _no_print(x: Node, text: str) -> Node:
    raise UsageError(
        f"compiled code does not print, and {text!r} is to be printed",
        subject=x.label, code="G603",
        hint="take it out and ask for the stage as one more output, or print(prog.trace(...))",
    )  # fmt: skip


def _printed(x: np.ndarray, text: str) -> np.ndarray:
    print(f"{text}: {x}")
    return x


_print_value = declare(
    Op(
        "print_value",
        lambda x, text: x,
        Expand(_no_print),
        _printed,
        lambda g, y, x, text: (g,),
        effect="print",
        batch=elementwise,
    )
)
_print_gradient = _hook("print_gradient", lambda g, y, x, text: (_print_value(g, text=text),))


@public
def print_value(x: Node, text: str) -> Node:
    """`x`, which is printed after `text` wherever the graph is interpreted: prog.trace,
    gr.check_gradient.

    Compiled code does not print: compiling it raises UsageError (G603).
    """
    return _print_value(stage(x), text=str(text))


@public
def print_gradient(x: Node, text: str) -> Node:
    """`x`, the gradient of which is printed after `text` wherever the graph is interpreted.

    Compiled code does not print: compiling a gradient through it raises UsageError (G603).
    """
    return _print_gradient(stage(x), text=str(text))


HOOKS = (
    _scale, _clip, _clip_norm, _on_gradient, _straight_through, _print_value, _print_gradient,
)  # fmt: skip
"""The operations of this module."""


# Note [Forward mode through hooks]
#
# A tangent is what follows from the local gradient as it was changed: a scaled gradient gives a
# scaled tangent. Where the change is not linear, as clipping is, it is the one near zero: tangents
# are not clipped.
