"""A linear classifier with the multi-class SVM loss and an L2 penalty.

Source: CS231n notes, "Linear Classification".
"""

import numpy as np

import graphc as gr

FEATURES, CLASSES, STRENGTH = 2, 3, 1e-3

model = gr.Graph("svm")
X = model.input("X", ("m", FEATURES))
y = model.input("y", ("m",), "int64")
W = model.param("W", (FEATURES, CLASSES), init=gr.init.normal(0.01))
b = model.param("b", (CLASSES,))
scores = (X @ W + b).named("scores")
data_loss = gr.hinge(scores, y, margin=1.0).named("data_loss")
loss = (data_loss + gr.l2(W, strength=STRENGTH)).named("loss")


def blobs(m: int = 90) -> dict[str, np.ndarray]:
    """Three blobs of points in the plane."""
    rng = np.random.default_rng(0)
    labels = np.arange(m) % CLASSES
    centres = np.array([[-1.0, -1.0], [1.0, -1.0], [0.0, 1.0]])
    return {"X": centres[labels] + 0.3 * rng.standard_normal((m, FEATURES)), "y": labels}


if __name__ == "__main__":
    data = blobs()
    step = gr.compile_step(loss, optimizer=gr.optim.SGD(lr=0.5), seed=0)
    losses = [step(data) for _ in range(200)]
    predict = step.compile(gr.argmax(scores, axis=-1))
    accuracy = np.mean(predict(data) == data["y"])
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}, training accuracy {accuracy:.2f}")
