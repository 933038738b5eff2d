"""LSE: the logarithm of a sum of exponentials, from its parts, and its gradient."""

from __future__ import annotations

import numpy as np

import graphc as gr
from graphc import Node

from .problem import Arrays, Programs, declared


def drawn(rng: np.random.Generator, n: int) -> Arrays:
    """A vector."""
    return {"x": rng.uniform(-100, 100, n)}


def programs(arrays: Arrays) -> Programs:
    """The function and its gradient."""
    (x,) = declared(gr.Graph("lse"), arrays, "x")
    f = log_sum_exp(x)
    return {"value": [f], "derivative": [gr.grad(f, x)]}


def log_sum_exp(x: Node) -> Node:
    """log(sum(exp(x))), its largest term taken out."""
    top = gr.max(x)
    return top + gr.log(gr.sum(gr.exp(x - top)))
