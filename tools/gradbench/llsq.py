"""LLSq: half the squared distance between a polynomial and the sign function on [-1, 1]."""

from __future__ import annotations

import numpy as np

import graphc as gr
from graphc import Node

from .problem import Arrays, Programs, declared


def drawn(rng: np.random.Generator, n: int, m: int) -> Arrays:
    """m coefficients, lowest first; n points."""
    return {"x": rng.random(m), "n": np.int64(n)}


def programs(arrays: Arrays) -> Programs:
    """The function and its gradient with respect to the coefficients."""
    (x,) = declared(gr.Graph("llsq"), arrays, "x")
    f = half_squares(x, int(arrays["n"]))
    return {"value": [f], "derivative": [gr.grad(f, x)]}


def half_squares(x: Node, n: int) -> Node:
    """sum((sign(t) - x0 - x1 t - x2 t² - ...)²) / 2 over n points t, by Horner's scheme."""
    t = x.graph.constant(np.linspace(-1, 1, n))

    def horner(value: Node, coefficient: Node) -> tuple[Node, None]:
        return value * t + coefficient, None

    value, _ = gr.scan(horner, gr.zeros_like(t), x, reverse=True)
    return gr.sum((gr.sign(t) - value) ** 2) / 2
