"""Det: a determinant by expansion by minors, and its gradient.

A minor of the last k rows is needed for every set of k columns. Each is computed once, all of one k
together, which takes n 2^(n-1) products where the recursion as it is written takes n!.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

import graphc as gr
from graphc import Node

from .problem import Arrays, Programs, declared


def drawn(rng: np.random.Generator, n: int) -> Arrays:
    """A square matrix."""
    return {"A": rng.random((n, n))}


def programs(arrays: Arrays) -> Programs:
    """The determinant and its gradient."""
    (A,) = declared(gr.Graph("det"), arrays, "A")
    f = by_minors(A)
    return {"value": [f], "derivative": [gr.grad(f, A)]}


def by_minors(A: Node) -> Node:
    """The determinant, expanded along the first row of what is left."""
    n, g = A.shape[0], A.graph
    minors = A[-1]
    for k in range(2, n + 1):
        columns, smaller = expansion(n, k)
        signs = g.constant(np.resize([1.0, -1.0], k))
        row = gr.take(A[n - k], g.constant(columns))
        minors = gr.sum(signs * row * gr.take(minors, g.constant(smaller)), axis=1)
    return minors[0]


def expansion(n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """For each set of k of n columns its members, and for each of these the place of the set
    without it among the sets of k - 1.
    """
    places = {columns: i for i, columns in enumerate(combinations(range(n), k - 1))}
    sets = list(combinations(range(n), k))
    smaller = [[places[s[:j] + s[j + 1 :]] for j in range(k)] for s in sets]
    return np.array(sets), np.array(smaller)
