"""Dropout: elements that are left out at random while a network is trained.

    h = gr.dropout(gr.relu(X @ W1), 0.2)
    logits = h @ W2
    step = gr.compile_step(gr.cross_entropy(logits, t), optimizer=gr.optim.Adam())
    step.fit(data, epochs=10, validation=held_out)   # drops in training, not in validation
    predict = step.compile(logits)                   # drops nothing
    sample = step.compile(logits, training=True)     # drops

Which it is, is known when a program is compiled: one that does not train has no trace of dropout.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from graphc.errors import DTypeError, ShapeError, UsageError
from graphc.graph import Node, graph_of, public
from graphc.ops import greater_equal, sqrt, when_training, where
from graphc.ops.axes import stage
from graphc.random.keys import drawn
from graphc.types import Dim, shape_text

ALPHA = 1.7580993408473766
"""The least that selu gives is -ALPHA. Source: Klambauer et al. 2017."""

Dropped = Callable[[Node, Any, Node], Node]
"""From x, the rate and where elements are kept to what is left."""


@public
def dropout(x: Node, rate: Any = 0.5, *, training: Any = None, key: Any = None) -> Node:
    """x / (1 - rate) where an element is kept, 0 where it is dropped, as `rate` of them are.

    In a training step it drops; in any other program it is `x` itself. `training` decides
    otherwise: True or False for both, or a bool stage for a choice at run time. `rate` is a number
    from 0 to 1 or a stage; `key` as in gr.random. The gradient is dropped at the same elements.
    Raises DTypeError unless `x` is float, UsageError for another rate. Source: Srivastava et al.
    2014.
    """
    return _dropping(_scaled, x, rate, stage(x).shape, training, key)


@public
def dropout2d(x: Node, rate: Any = 0.5, *, training: Any = None, key: Any = None) -> Node:
    """Dropout of whole channels of `x` (batch, channels, ...), with any number of axes behind.

    Raises ShapeError for fewer than two axes, and what `dropout` raises. Source: Tompson et al.
    2015.
    """
    if stage(x).ndim < 2:
        raise ShapeError(f"there is no axis of channels in shape {shape_text(x.shape)}")
    shape = (*x.shape[:2], *(1 for _ in x.shape[2:]))
    return _dropping(_scaled, x, rate, shape, training, key)


@public
def alpha_dropout(x: Node, rate: Any = 0.5, *, training: Any = None, key: Any = None) -> Node:
    """a x + b where an element is kept, b - a ALPHA where not: mean 0 and variance 1 stay so.

    a = 1 / sqrt((1 - rate) (1 + rate ALPHA^2)), b = a rate ALPHA, for layers of selu; the arguments
    are those of `dropout`. Source: Klambauer et al. 2017.
    """
    return _dropping(_normalized, x, rate, stage(x).shape, training, key)


def _dropping(
    dropped: Dropped, x: Node, rate: Any, shape: tuple[Dim, ...], training: Any, key: Any
) -> Node:
    _check(x, rate)
    if training is False or _is(rate, 0):
        return x
    where_to = graph_of(x, *(n for n in (key, rate) if isinstance(n, Node)))
    u = drawn((), shape, x.dtype, where_to, key).unit()
    left = dropped(x, rate, greater_equal(u, rate).hinted("kept"))
    if isinstance(training, Node):
        return where(training, left, x)
    return left if training else when_training(left, x)


def _check(x: Node, rate: Any) -> None:
    if not x.type.is_float:
        raise DTypeError(f"what drops elements takes floats, not {x.type}")
    if isinstance(rate, Node):
        return
    if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise UsageError(f"a rate is from 0 to 1, not {rate!r}")


def _is(rate: Any, number: float) -> bool:
    return isinstance(rate, (int, float)) and rate == number


def _scaled(x: Node, rate: Any, kept: Node) -> Node:
    scale = 0.0 if _is(rate, 1) else 1 / (1 - rate)
    return where(kept, x * scale, 0)


def _normalized(x: Node, rate: Any, kept: Node) -> Node:
    if _is(rate, 1):
        return x * 0.0
    spread = (1 - rate) * (1 + rate * ALPHA**2)
    a = 1 / (sqrt(spread) if isinstance(rate, Node) else math.sqrt(spread))
    return a * where(kept, x, -ALPHA) + a * rate * ALPHA
