"""GMM: the log posterior of a mixture of Gaussians with a Wishart prior, and its gradient.

The precision matrix of a Gaussian is Q^T Q, where Q has exp(q) on its diagonal and l below it,
column by column.
"""

from __future__ import annotations

from math import lgamma, log, pi
from pathlib import Path

import numpy as np

import graphc as gr
from graphc import Node

from .problem import Arrays, Programs, declared

WRT = "alpha mu q l"


def drawn(rng: np.random.Generator, d: int, k: int, n: int) -> Arrays:
    """n points in d dimensions, and k Gaussians."""
    return {
        "x": rng.standard_normal((n, d)),
        "alpha": rng.standard_normal(k),
        "mu": rng.random((k, d)),
        "q": rng.standard_normal((k, d)),
        "l": rng.standard_normal((k, d * (d - 1) // 2)),
        "m": np.int64(0),
        "gamma": np.float64(1),
    }


def read(path: Path) -> Arrays:
    """ADBench's file: d, k, n; alpha; mu; q and l; x; gamma and m."""
    words = path.read_text(encoding="ascii").split()
    d, k, n = map(int, words[:3])
    sizes = {"alpha": (k,), "mu": (k, d), "icf": (k, d + d * (d - 1) // 2), "x": (n, d)}
    numbers, found, at = np.array(words[:-1], np.float64), {}, 3
    for name, shape in sizes.items():
        found[name] = numbers[at : at + np.prod(shape)].reshape(shape)
        at += np.prod(shape)
    icf = found.pop("icf")
    own = {"q": icf[:, :d], "l": icf[:, d:]}
    return {**found, **own, "gamma": numbers[at], "m": np.int64(words[-1])}


def programs(arrays: Arrays) -> Programs:
    """The log posterior, and its gradient with respect to all that is fitted."""
    x, *wrt = declared(gr.Graph("gmm"), arrays, f"x {WRT}")
    f = log_posterior(x, *wrt, m=int(arrays["m"]), gamma=float(arrays["gamma"]))
    return {"value": [f], "derivative": gr.grad(f, wrt)}


def log_posterior(
    x: Node, alpha: Node, mu: Node, q: Node, l: Node, m: int, gamma: float  # noqa: E741
) -> Node:  # fmt: skip
    """log p(x | alpha, mu, Q) + log p(Q)."""
    n, d = x.shape
    Q, total = factors(q, l), gr.sum(q, axis=1)
    away = gr.einsum("kij,nkj->nki", Q, x[:, None, :] - mu)
    beta = alpha + total - gr.sum(away**2, axis=2) / 2
    likelihood = gr.sum(gr.logsumexp(beta, axis=1)) - n * gr.logsumexp(alpha)
    prior = m * gr.sum(total) - gamma**2 / 2 * gr.sum(Q**2)
    constant = -n * d / 2 * log(2 * pi) + alpha.shape[0] * wishart_constant(d, m, gamma)
    return likelihood + prior + constant


def factors(q: Node, l: Node) -> Node:  # noqa: E741
    """The matrices Q, (k, d, d)."""
    g, d = q.graph, q.shape[1]
    column, row = np.triu_indices(d, 1)
    place, below = np.zeros((d, d), np.int64), np.zeros((d, d), bool)
    place[row, column], below[row, column] = np.arange(len(row)), True
    lower = gr.take(l, g.constant(place), axis=1)
    return gr.where(g.constant(below), lower, 0.0) + gr.diag_embed(gr.exp(q))


def wishart_constant(d: int, m: int, gamma: float) -> float:
    """What the logarithm of the prior of one Gaussian has beside what depends on Q."""
    n = d + m + 1
    gammas = sum(lgamma((n - j) / 2) for j in range(d)) + d * (d - 1) / 4 * log(pi)
    return n * d * log(gamma / 2**0.5) - gammas
