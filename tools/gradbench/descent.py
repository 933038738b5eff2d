"""A cost and its slope -> where gradient descent ends, as stages; and loops that end by themselves.

The loop is the one of Pearlmutter and Siskind 2008, "Using Programming Language Theory to Make
Automatic Differentiation Sound and Efficient": the rate doubles after ten steps that went well, and
halves after one that did not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as gr
from graphc import Node

NEAR = 1e-5
"""A slope, or a step, that is no longer than this ends the descent."""

Cost = Callable[[Node], Node]
Slope = Callable[[Cost, Node], Node]
Loop = Callable[[Callable[..., Any], Callable[..., Any], Any], Any]


def reverse(cost: Cost, x: Node) -> Node:
    """The gradient of a cost at x, by reverse mode."""
    x = +x  # a stage of its own: what else the cost reads of x is held
    return gr.grad(cost(x), x, disconnected="zero")


def forward(cost: Cost, x: Node) -> Node:
    """The gradient of a cost at x, by forward mode: one tangent for each direction."""
    x = +x
    return gr.jacobian(cost(x), x, "forward", disconnected="zero")


SLOPES: dict[str, Slope] = {"r": reverse, "f": forward}


def bounded(most: int) -> Loop:
    """A loop that reverse mode passes through: it has room for so many steps, and those after its
    end do nothing.
    """

    def loop(going: Callable[..., Any], step: Callable[..., Any], init: Any) -> Any:
        def one(state: Any) -> tuple[Any, None]:
            return gr.cond(going(state), step, lambda state: state, state), None

        return gr.scan(one, init, length=most)[0]

    return loop


def argmin(cost: Cost, slope: Slope, start: Node, rate: float, loop: Loop = gr.while_loop) -> Node:
    """Where gradient descent from `start` ends, its first steps at `rate`."""

    def step(state: Any) -> Any:
        new, x, fx, gx, rate, count, _ = state
        f_new = cost(new)
        x, fx, gx, rate, count = gr.cond(
            f_new < fx,
            lambda new: (new, f_new, slope(cost, new), rate, count + 1),
            lambda _: (x, fx, gx, rate / 2, 0 * count),
            new,
        )
        rate, count = gr.where(count < 10, rate, 2 * rate), count % 10
        new = x - rate * gx
        going = (length(gx) > NEAR) & (length(new - x) > NEAR)
        return new, x, fx, gx, rate, count, going

    begin = (start, start, np.inf, gr.zeros_like(start), rate, -1, True)
    return loop(lambda state: state[-1], step, begin)[1]


def argmax(cost: Cost, slope: Slope, start: Node, rate: float, loop: Loop = gr.while_loop) -> Node:
    """Where gradient ascent from `start` ends."""
    return argmin(lambda x: -cost(x), slope, start, rate, loop)


def length(x: Node) -> Node:
    """The Euclidean norm of a vector."""
    return gr.sqrt(gr.sum(x * x))
