"""The gradient of a matrix product: dW = dD X^T and dX = W^T dD, each of its matrix's own shape.

Source: CS231n notes, "Backpropagation, Intuitions", Gradients for vectorized operations.
"""

import numpy as np

import graphc as gr


@gr.graph
def product(W="f64[5,10]", X="f64[10,3]", dD="f64[5,3]"):
    """The gradient dD from above is given: f = sum(dD * D) has it at D."""
    D = W @ X
    f = gr.sum(dD * D)
    return f


def feeds() -> dict[str, np.ndarray]:
    """Random matrices W, X and dD."""
    rng = np.random.default_rng(0)
    shapes = {"W": (5, 10), "X": (10, 3), "dD": (5, 3)}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


if __name__ == "__main__":
    program = gr.compile(product, wrt=["W", "X"])
    given = feeds()
    _, d = program(given)
    by_hand = {"W": given["dD"] @ given["X"].T, "X": given["W"].T @ given["dD"]}
    for name, formula in (("W", "dD X^T"), ("X", "W^T dD")):
        error = abs(d[name] - by_hand[name]).max()
        print(
            f"d{name} = {formula} has the shape {d[name].shape}, as {name} has; off by {error:.0e}"
        )

    _, scaled = program({**given, "X": 1000 * given["X"]})
    print(f"inputs times 1000: gradients on the weights times {np.mean(scaled['W'] / d['W']):g}")
