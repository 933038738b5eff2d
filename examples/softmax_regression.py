"""Softmax regression: with the probabilities S and the one-hot labels I_y, the gradient on the
scores is S - I_y, a row's share of it 1/m, and on the weights X^T (S - I_y) / m.

Source: CS231n notes, "Linear Classification" and "Minimal neural network case study".
"""

import numpy as np

import graphc as gr

FEATURES, CLASSES = 4, 3

model = gr.Graph("softmax_regression")
X = model.input("X", ("m", FEATURES))
y = model.input("y", ("m",), "int64")
W = model.param("W", (FEATURES, CLASSES), init=gr.init.normal(0.1))
scores = (X @ W).named("scores")
loss = gr.cross_entropy(scores, y).named("loss")


def flowers(m: int = 150) -> dict[str, np.ndarray]:
    """Rows around three centres, and which centre each belongs to."""
    rng = np.random.default_rng(0)
    labels = np.arange(m) % CLASSES
    centres = rng.standard_normal((CLASSES, FEATURES))
    return {"X": centres[labels] + 0.3 * rng.standard_normal((m, FEATURES)), "y": labels}


def surplus(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """S - I_y in NumPy."""
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) - np.eye(CLASSES)[labels]


if __name__ == "__main__":
    data = flowers()
    program = gr.compile([loss, scores], wrt=[scores, W])
    (_, s), d = program(data)
    S_I = surplus(s, data["y"])
    print("gradient on the scores, off by", abs(d["scores"] * len(s) - S_I).max())
    print("gradient on the weights, off by", abs(d["W"] - data["X"].T @ S_I / len(s)).max())
    print(program.plan)

    step = gr.compile_step(loss, optimizer=gr.optim.SGD(lr=1.0), seed=0)
    losses = [step(data) for _ in range(300)]
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}")
