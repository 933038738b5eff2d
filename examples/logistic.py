"""Logistic regression: the probability sigmoid(X w + b), and the mean cross-entropy with labels 0
and 1; the gradient on w is X^T (p - y) / m.
"""

import numpy as np

import graphc as gr

FEATURES = 2

model = gr.Graph("logistic")
X = model.input("X", ("m", FEATURES))
y = model.input("y", ("m",))
w = model.param("w", (FEATURES,))
b = model.param("b")
score = (X @ w + b).named("score")
p = gr.sigmoid(score).named("p")
loss = gr.binary_cross_entropy(score, y).named("loss")


def halves(m: int = 200) -> dict[str, np.ndarray]:
    """Points in the plane, labelled by a line with some noise."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((m, FEATURES))
    return {"X": points, "y": (points @ [2, -1] + 0.3 * rng.standard_normal(m) > 0.5) * 1.0}


if __name__ == "__main__":
    data = halves()
    step = gr.compile_step(loss, optimizer=gr.optim.SGD(lr=1.0))
    losses = [step(data) for _ in range(300)]
    found = step.compile(p)(data) > 0.5
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}, accuracy {np.mean(found == data['y']):.2f}")
    print("w =", step.params["w"].round(2), "b =", step.params["b"].round(2))
