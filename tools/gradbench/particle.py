"""Particle: where a charge must stand so that a particle it repels passes through the origin.

Another charge stands at (10, 0), this one at (10, 10 - w). Euler's steps follow the particle, which
the gradient of the potential accelerates, until it would cross the axis; descent along w makes the
square of where it does cross small. The slope along w is named first, then that of the potential.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import graphc as gr
from graphc import Node

from .descent import SLOPES, Loop, Slope, argmin, bounded, length
from .problem import Arrays, Programs, declared


def drawn(rng: np.random.Generator, rate: float, tick: float, most: int) -> Arrays:
    """gradbench's start; the first rate of descent; the time of Euler's steps and room for them."""
    numbers = {"rate": np.float64(rate), "tick": np.float64(tick), "most": np.int64(most)}
    return {"start": np.zeros(1), **numbers}


def programs(arrays: Arrays) -> Programs:
    """w for each pair of modes."""
    return {f"{o}{i}": [particle(arrays, o, i)] for o in SLOPES for i in SLOPES}


def particle(arrays: Arrays, outer: str, inner: str) -> Node:
    """w; a gradient is asked of the loop of steps only by mode r."""
    g = gr.Graph(f"particle_{outer}{inner}")
    (start,) = declared(g, arrays, "start")
    loop = bounded(int(arrays["most"])) if outer == "r" else gr.while_loop

    def miss(w: Node) -> Node:
        return crossing(w, SLOPES[inner], float(arrays["tick"]), loop) ** 2

    return argmin(miss, SLOPES[outer], start, float(arrays["rate"]))


def crossing(w: Node, slope: Slope, tick: float, loop: Loop) -> Node:
    """Where the particle crosses the axis, on a straight line from its last step above it."""
    g = w.graph
    charges = (gr.concat([g.constant([10.0]), 10 - w]), g.constant([10.0, 0.0]))

    def potential(x: Node) -> Node:
        return sum(1 / length(x - charge) for charge in charges)

    def step(state: Any) -> Any:
        x, v, _ = state
        new = x + tick * v

        def moved(x: Node, v: Node) -> Any:
            return new, v - tick * slope(potential, x), True

        return gr.cond(new[1] > 0, moved, lambda x, v: (x, v, False), x, v)

    start = (g.constant([0.0, 8.0]), g.constant([0.75, 0.0]), True)
    x, v, _ = loop(lambda state: state[-1], step, start)
    return x[0] - x[1] / v[1] * v[0]
