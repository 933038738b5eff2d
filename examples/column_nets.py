"""Nets of two and three layers with biases on column vectors, an example a column: Z = W A + b and
A = tanh(Z), in the last layer A = sigmoid(Z).

The gradients are the lecture's: dZ = A - Y in the last layer and dZ = W^T dZ * (1 - A**2) in those
before, a layer's W in the next one's dZ; then dW = dZ A^T / m and db = sum(dZ) / m.
"""

from itertools import pairwise

import numpy as np

import graphc as gr


def column_net(*sizes: int) -> gr.Graph:
    """The net with these layer sizes, inputs first; one output for labels 0 and 1."""
    net = gr.Graph(f"{len(sizes) - 1}_layers")
    A = net.input("X", (sizes[0], "m"))
    Y = net.input("Y", (sizes[-1], "m"))
    for layer, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        W = net.param(f"W{layer}", (outputs, inputs), init=gr.init.normal(0.5))
        b = net.param(f"b{layer}", (outputs, 1))
        Z = (W @ A + b).named(f"Z{layer}")
        last = layer == len(sizes) - 1
        A = (gr.sigmoid if last else gr.tanh)(Z).named(f"A{layer}")
    gr.binary_cross_entropy(Z, Y).named("loss")
    return net


def rings(m: int = 60) -> dict[str, np.ndarray]:
    """Points in the plane, labelled 1 outside the unit circle."""
    points = np.random.default_rng(0).standard_normal((2, m))
    return {"X": points, "Y": (np.sum(points**2, axis=0, keepdims=True) > 1) * 1.0}


if __name__ == "__main__":
    data = rings()
    for sizes in ((2, 8, 1), (2, 8, 4, 1)):
        net = column_net(*sizes)
        step = gr.compile_step(net["loss"], optimizer=gr.optim.SGD(lr=0.5), seed=0)
        losses = [step(data) for _ in range(1000)]
        print(f"{len(sizes) - 1} layers {sizes}: loss {losses[0]:.3f} -> {losses[-1]:.3f}")
