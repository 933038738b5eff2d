"""ODE: y0' = x0, yi' = xi y(i-1) from y = 0 at 0 to 2, by the classical Runge-Kutta method."""

from __future__ import annotations

import numpy as np

import graphc as gr
from graphc import Node

from .problem import Arrays, Programs, declared

END = 2.0
"""The time at which y is wanted."""


def drawn(rng: np.random.Generator, n: int, s: int) -> Arrays:
    """n factors, and the number of steps."""
    return {"x": rng.random(n), "s": np.int64(s)}


def programs(arrays: Arrays) -> Programs:
    """y at the end, and the gradient of its last element."""
    (x,) = declared(gr.Graph("ode"), arrays, "x")
    y = runge_kutta(x, int(arrays["s"]))
    return {"value": [y], "derivative": [gr.grad(y[-1], x)]}


def runge_kutta(x: Node, steps: int) -> Node:
    """y after so many steps of equal size."""
    h, one = END / steps, x.graph.constant(np.ones(1))

    def slope(y: Node) -> Node:
        return x * gr.concat([one, y[:-1]])

    def step(y: Node) -> tuple[Node, None]:
        k1 = slope(y)
        k2 = slope(y + h / 2 * k1)
        k3 = slope(y + h / 2 * k2)
        k4 = slope(y + h * k3)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

    return gr.scan(step, gr.zeros_like(x), length=steps)[0]
