"""A net of L layers, Z[i+1] = sigma(Z[i] W[i]), whose gradients are two products a layer:

    dA[i] = G[i+1] * sigma'(Z[i] W[i])    grad W[i] = Z[i]^T dA[i]    G[i] = dA[i] W[i]^T

With L products forward and no gradient on the data, its training step holds 3L - 1 products.
"""

from collections.abc import Callable, Sequence

import numpy as np

import graphc as gr

Sigma = Callable[[gr.Node], gr.Node]

SLOPES: dict[Sigma, Callable[[np.ndarray], np.ndarray]] = {
    gr.relu: lambda a: (a > 0) * 1.0,
    gr.sigmoid: lambda a: np.exp(-a) / (1 + np.exp(-a)) ** 2,
    gr.tanh: lambda a: 1 - np.tanh(a) ** 2,
    gr.softplus: lambda a: 1 / (1 + np.exp(-a)),
}
"""The derivative of each sigma."""


def deep_net(sigmas: Sequence[Sigma], width: int = 6) -> gr.Graph:
    """A net with one layer for each of `sigmas`; its loss is half the summed squared error."""
    net = gr.Graph("deep_net")
    Z = net.input("Z1", ("batch", width))
    Y = net.input("Y", ("batch", width))
    for i, sigma in enumerate(sigmas, start=1):
        W = net.param(f"W{i}", (width, width), init=gr.init.he_normal())
        A = (Z @ W).named(f"A{i}")
        Z = sigma(A).named(f"Z{i + 1}")
    (gr.squared_error(Z, Y, reduction="sum") / 2).named("loss")
    return net


def by_hand(
    sigmas: Sequence[Sigma], Z: Sequence[np.ndarray], A: Sequence[np.ndarray],
    W: Sequence[np.ndarray], Y: np.ndarray,
) -> tuple[list[np.ndarray], list[np.ndarray]]:  # fmt: skip
    """grad W[i] and G[i] in NumPy, both from the last layer to the first."""
    G, grads, upstream = Z[-1] - Y, [], []
    for i in reversed(range(len(sigmas))):
        dA = G * SLOPES[sigmas[i]](A[i])
        G = dA @ W[i].T
        grads.append(Z[i].T @ dA)
        upstream.append(G)
    return grads, upstream


def feeds(width: int = 6, batch: int = 4) -> dict[str, np.ndarray]:
    """Random rows and what the net is to make of them."""
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal((batch, width)) for name in ("Z1", "Y")}


def compare(sigmas: Sequence[Sigma], jit: bool = True) -> tuple[int, float]:
    """How many products the plan holds, and how far the compiled gradients are from those by hand,
    relative to each one's largest element.
    """
    net, layers = deep_net(sigmas), range(1, len(sigmas) + 1)
    W, G = [f"W{i}" for i in layers], [f"Z{i}" for i in layers[1:]]
    stages = [f"{kind}{i}" for kind in "ZA" for i in layers]
