"""The short two-layer net: sigmoids twice, four rows of XOR with a column of ones for the bias.

Half the summed squared error has the gradient (out - y) out (1 - out) on the last scores, the one
that the net's eleven lines of NumPy write by hand.
"""

import numpy as np

import graphc as gr

net = gr.Graph("xor")
X = net.input("X", ("rows", 3))
y = net.input("y", ("rows", 1))
W1 = net.param("W1", (3, 4), init=gr.init.uniform(-1, 1))
W2 = net.param("W2", (4, 1), init=gr.init.uniform(-1, 1))
hidden = gr.sigmoid(X @ W1).named("hidden")
out = gr.sigmoid(hidden @ W2).named("out")
loss = (gr.squared_error(out, y, reduction="sum") / 2).named("loss")

ROWS = {
    "X": np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], "float64"),
    "y": np.array([[0], [1], [1], [0]], "float64"),
}


if __name__ == "__main__":
    step = gr.compile_step(loss, optimizer=gr.optim.SGD(lr=1.0), seed=0)
    losses = [step(ROWS) for _ in range(10_000)]
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    print("out =", step.compile(out)(ROWS).ravel().round(2), "for", ROWS["y"].ravel())
