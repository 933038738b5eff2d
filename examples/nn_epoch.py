"""The course's two-layer net without biases, relu(X W1) W2, and an epoch of its mini-batches as one
call: `nn_epoch(X, y, W1, W2)` changes W1 and W2 in place.
"""

from __future__ import annotations

from functools import cache

import numpy as np

import graphc as gr


def two_layer_net(inputs: int, hidden: int, classes: int, dtype: str) -> gr.Graph:
    """The net; its loss is the mean cross-entropy of the softmax of its scores."""
    net = gr.Graph("two_layer_net", dtype=dtype)
    X = net.input("X", ("batch", inputs))
    y = net.input("y", ("batch",), "uint8")
    W1 = net.param("W1", (inputs, hidden), init=gr.init.he_normal())
    W2 = net.param("W2", (hidden, classes), init=gr.init.he_normal())
    Z1 = gr.relu(X @ W1).named("Z1")
    scores = (Z1 @ W2).named("scores")
    gr.cross_entropy(scores, y).named("loss")
    return net


@cache
def training(*sizes: int, dtype: str) -> gr.Step:
    """The training step of the net with these sizes, compiled once."""
    net = two_layer_net(*sizes, dtype)
    return gr.compile_step(net["loss"], optimizer=gr.optim.SGD(lr=0.1))


def nn_epoch(
    X: np.ndarray, y: np.ndarray, W1: np.ndarray, W2: np.ndarray, lr: float = 0.1, batch: int = 100
) -> None:
    """One epoch of stochastic gradient descent over the rows of X, in their order.

    X (m, inputs), labels y (m,), W1 (inputs, hidden) and W2 (hidden, classes), which change in
    place. A last batch that is smaller is divided by its own size.
    """
    step = training(*W1.shape, W2.shape[1], dtype=W1.dtype.name)
    step.lr = lr
    step.params.update(W1=W1, W2=W2)
    step.epoch({"X": X, "y": y}, batch_size=batch, shuffle=False)
    W1[...], W2[...] = step.params["W1"], step.params["W2"]


def in_numpy(
    X: np.ndarray, y: np.ndarray, W1: np.ndarray, W2: np.ndarray, lr: float = 0.1, batch: int = 100
) -> None:
    """The same epoch in NumPy."""
    for start in range(0, len(X), batch):
        rows, labels = X[start : start + batch], y[start : start + batch]
        Z1 = np.maximum(0, rows @ W1)
        e = np.exp(Z1 @ W2)
        G2 = e / e.sum(axis=1, keepdims=True)
        G2[np.arange(len(rows)), labels] -= 1
        G1 = (Z1 > 0) * (G2 @ W2.T)
        W1 -= lr * (rows.T @ G1) / len(rows)
        W2 -= lr * (Z1.T @ G2) / len(rows)


def data(rows: int = 2_000, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Random X (rows, 784), labels y of ten classes, and first weights W1 and W2."""
    rng = np.random.default_rng(seed)
    X = rng.random((rows, 784), "float32")
    y = rng.integers(0, 10, rows).astype("uint8")
    W1 = rng.standard_normal((784, 100), "float32") / 10
    W2 = rng.standard_normal((100, 10), "float32") / np.float32(np.sqrt(10))
    return X, y, W1, W2


if __name__ == "__main__":
    X, y, W1, W2 = data()
    V1, V2 = W1.copy(), W2.copy()
    for epoch in range(3):
        nn_epoch(X, y, W1, W2)
        in_numpy(X, y, V1, V2)
        apart = max(abs(W1 - V1).max(), abs(W2 - V2).max())
        print(f"after epoch {epoch + 1} the weights and NumPy's are {apart:.0e} apart")
