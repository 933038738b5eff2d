"""Fit a squiggle through three points: a dosage of 0, 0.5 and 1, an effect of 0, 1 and 0; first by
its last bias alone, then by all seven parameters at once.

Source: StatQuest, "Neural Networks: Backpropagation Main Ideas".
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

import graphc as gr

DATA = {"dosage": np.array([0, 0.5, 1]), "observed": np.array([0, 1.0, 0])}
FITTED = {"w1": 3.34, "b1": -1.43, "w2": -3.53, "b2": 0.57, "w3": -1.22, "w4": -2.30, "b3": 0}
START = {"w1": 2.74, "b1": 0, "w2": -1.13, "b2": 0, "w3": 0.36, "w4": 0.63, "b3": 0}

net = gr.Graph("squiggle")
dosage, observed = net.input("dosage", (3,)), net.input("observed", (3,))
w1, b1, w2, b2, w3, w4, b3 = (
    net.param(name, init=gr.init.constant(value)) for name, value in FITTED.items()
)
blue = gr.softplus(w1 * dosage + b1).named("blue")
orange = gr.softplus(w2 * dosage + b2).named("orange")
squiggle = (w3 * blue + w4 * orange + b3).named("squiggle")
ssr = gr.squared_error(squiggle, observed, reduction="sum").named("ssr")


class Descent(NamedTuple):
    """One step down: where b3 is, the sum of squared residuals and its slope there, the step."""

    b3: float
    ssr: float
    slope: float
    step: float


def fit_b3(lr: float = 0.1, close: float = 0.001, jit: bool = True) -> Iterator[Descent]:
    """Gradient descent on b3, from 0 until the step is close to 0."""
    program = gr.compile(ssr, wrt=[b3], jit=jit)
    step = np.inf
    while abs(step) > close:
        value, gradients = program(DATA)
        step = lr * gradients["b3"]
        yield Descent(float(program.params["b3"]), value, gradients["b3"], step)
        program.params["b3"] -= step


def fit_all(steps: int = 5000, lr: float = 0.1, jit: bool = True) -> list[float]:
    """The sum of squared residuals before each step of all seven parameters, from START."""
    step = gr.compile_step(ssr, optimizer=gr.optim.SGD(lr=lr), jit=jit)
    step.params.update(START)
    return [step(DATA) for _ in range(steps)]


if __name__ == "__main__":
    for at in fit_b3():
        print(f"b3 {at.b3:.2f}: SSR {at.ssr:.3g}, slope {at.slope:.3g}, step {at.step:.3g}")

    losses = fit_all()
    print("all seven at once, from", ", ".join(f"{name} {v}" for name, v in START.items()))
    print(f"SSR {losses[0]:.2f} -> {losses[-1]:.0e}")
