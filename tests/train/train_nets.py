"""The little net that the tests of training share, and what it computes in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.train.optim import SGD
from graphc.train.step import Step, compile_step

ROWS, FEATURES, HIDDEN, CLASSES = 10, 4, 5, 3
_draw = np.random.default_rng(7)
X = _draw.standard_normal((ROWS, FEATURES))
T = _draw.integers(0, CLASSES, ROWS).astype(np.uint8)
DATA = {"X": X, "t": T}
NAMES = ("W1", "b1", "W2")

Arrays = dict[str, np.ndarray]


def net() -> gr.Graph:
    """Two layers, biases in the first; the loss, the logits and the accuracy are named."""
    g = gr.Graph("two_layers")
    x, t = g.input("X", ("batch", FEATURES)), g.input("t", ("batch",), "uint8")
    W1 = g.param("W1", (FEATURES, HIDDEN), init=gr.init.he_normal())
    b1 = g.param("b1", (HIDDEN,))
    W2 = g.param("W2", (HIDDEN, CLASSES), init=gr.init.he_normal())
    logits = (gr.relu(x @ W1 + b1) @ W2).named("logits")
    gr.cross_entropy(logits, t).named("loss")
    gr.mean(gr.astype(gr.equal(gr.argmax(logits, axis=1), t), "float64")).named("accuracy")
    return g


def gradients(p: Arrays, x: np.ndarray, t: np.ndarray) -> tuple[float, Arrays]:
    """The loss on a batch and its gradients, by hand."""
    z = x @ p["W1"] + p["b1"]
    h = np.maximum(z, 0)
    e = np.exp(h @ p["W2"])
    s = e / e.sum(axis=1, keepdims=True)
    own = s[np.arange(len(t)), t].copy()
    s[np.arange(len(t)), t] -= 1
    d_z = (s @ p["W2"].T) * (z > 0) / len(t)
    grads = {"W1": x.T @ d_z, "b1": d_z.sum(axis=0), "W2": h.T @ s / len(t)}
    return float(-np.log(own).mean()), grads


def epoch(p: Arrays, x: np.ndarray, t: np.ndarray, size: int, lr: float) -> float:
    """An epoch of gradient descent on these arrays, by hand; the mean loss over the rows."""
    total = 0.0
    for low in range(0, len(x), size):
        loss, grads = gradients(p, x[low : low + size], t[low : low + size])
        total += loss * len(t[low : low + size])
        for name, d in grads.items():
            p[name] -= lr * d
    return total / len(x)


def plain(loss: Any, **asked: Any) -> Step:
    """A step that runs as Python."""
    return compile_step(loss, optimizer=asked.pop("optimizer", SGD(0.5)), jit=False, **asked)


def weights(step: Step) -> Arrays:
    """A copy of the params."""
    return {name: step.params[name].copy() for name in NAMES}


def check_weights(step: Step, wanted: Arrays) -> None:
    """The params are those, but for rounding."""
    for name, array in wanted.items():
        np.testing.assert_allclose(step.params[name], array, rtol=1e-10, atol=1e-12)


def raises(kind: type[Exception], match: str, function: Callable[..., Any], *args: Any) -> None:
    """The call raises this, with such a sentence."""
    with pytest.raises(kind, match=match):
        function(*args)
