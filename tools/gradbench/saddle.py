"""Saddle: min over x of max over y of (x0² + x1²) - (y0² + y1²), by descent within descent.

The slope of the outer descent is the derivative of what the inner one ends with. Each of the two is
taken by forward (f) or by reverse mode (r), the outer one named first.
"""

from __future__ import annotations

import numpy as np

import graphc as gr
from graphc import Node

from .descent import SLOPES, argmax, argmin, bounded
from .problem import Arrays, Programs, declared


def drawn(rng: np.random.Generator, rate: float, most: int) -> Arrays:
    """gradbench's start; the first rate of descent and the room for the steps of the inner one."""
    return {"start": np.ones(2), "rate": np.float64(rate), "most": np.int64(most)}


def programs(arrays: Arrays) -> Programs:
    """x and y of the saddle point for each pair of modes."""
    return {f"{o}{i}": [saddle(arrays, o, i)] for o in SLOPES for i in SLOPES}


def saddle(arrays: Arrays, outer: str, inner: str) -> Node:
    """x and y one after the other; a gradient is asked of the inner loop only by mode r."""
    g = gr.Graph(f"saddle_{outer}{inner}")
    (start,) = declared(g, arrays, "start")
    rate, most = float(arrays["rate"]), int(arrays["most"])
    loop = bounded(most) if outer == "r" else gr.while_loop
    around, within = SLOPES[outer], SLOPES[inner]

    def highest(x: Node) -> Node:
        return height(x, argmax(lambda y: height(x, y), within, start, rate, loop))

    x = argmin(highest, around, start, rate)
    y = argmax(lambda y: height(x, y), around, start, rate)
    return gr.concat([x, y])


def height(x: Node, y: Node) -> Node:
    """The function with the saddle."""
    return gr.sum(x**2) - gr.sum(y**2)
