"""graphc, through its public names only."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import graphc as gr

from .workloads import (
    ADAM_RATE,
    CALLS_CIRCUIT,
    CALLS_STAGED,
    EPS_NORM,
    SGD_RATE,
    Arrays,
    Case,
    Data,
    Prepare,
    chain,
    depth_of,
)


def staged(data: Data) -> Case:
    """Value and gradient from one call with keywords and Python floats."""
    g = gr.Graph("staged")
    x, y = g.input("x"), g.input("y")
    f = (x + gr.sigmoid(y)) / (gr.sigmoid(x) + (x + y) ** 2)
    prog = gr.compile(f, wrt=[x, y])

    def run() -> Any:
        for _ in range(CALLS_STAGED):
            result = prog(x=3.0, y=-4.0)
        return result

    return Case(run, read_staged)


def read_staged(result: Any) -> Arrays:
    """The value and the two gradients by name."""
    value, grads = result
    return {"f": np.asarray(value), "dx": np.asarray(grads["x"]), "dy": np.asarray(grads["y"])}


def elementwise(data: Data) -> Case:
    """Value and gradient from one call."""
    fed = data.feeds["x"]
    g = gr.Graph("elementwise", dtype="float32")
    x = g.input("x", fed.shape)
    chain = gr.tanh(1.5 * x + 0.3) * gr.sigmoid(x) - gr.exp(-(x**2))
    prog = gr.compile(gr.mean(chain), wrt=[x])
    return Case(
        lambda: prog(x=fed),
        lambda r: {"value": np.asarray(r[0]), "d_x": np.array(r[1]["x"])},
    )


def inputs(g: Any, data: Data) -> list[Any]:
    """An input for each array that is fed."""
    return [g.input(name, value.shape) for name, value in data.feeds.items()]


def softmax(data: Data) -> Case:
    """Value and gradient from one call."""
    g = gr.Graph("softmax", dtype="float32")
    x, u = inputs(g, data)
    prog = gr.compile(gr.sum(gr.softmax(x) * u), wrt=[x])
    return Case(
        lambda: prog(**data.feeds),
        lambda r: {"value": np.asarray(r[0]), "d_x": np.array(r[1]["x"])},
    )


def layer_norm(data: Data) -> Case:
    """Value and three gradients from one call."""
    g = gr.Graph("layer_norm", dtype="float32")
    x, u, gamma, beta = inputs(g, data)
    centred = x - gr.mean(x, axis=1, keepdims=True)
    variance = gr.mean(centred * centred, axis=1, keepdims=True)
    y = centred / gr.sqrt(variance + EPS_NORM) * gamma + beta
    prog = gr.compile(gr.sum(y * u), wrt=[x, gamma, beta])
    return Case(
        lambda: prog(**data.feeds),
        lambda r: {f"d_{name}": np.array(d) for name, d in r[1].items()},
    )


def reduction(data: Data, what: str, axis: int) -> Case:
    """One call."""
    g = gr.Graph("reduction", dtype="float32")
    (x,) = inputs(g, data)
    prog = gr.compile(getattr(gr, what)(x, axis=axis))
    return Case(lambda: prog(**data.feeds), lambda r: {"value": np.array(r)})


def circuit(data: Data, stages: int, calls: int) -> Case:
    """Value and gradient from one call with keywords and Python floats."""
    g = gr.Graph("circuit")
    x, y = g.input("x"), g.input("y")
    prog = gr.compile(chain(x, y, stages, gr.tanh), wrt=[x, y])

    def run() -> Any:
        for _ in range(calls):
            result = prog(x=3.0, y=-4.0)
        return result

    return Case(run, read_staged)


def net(data: Data) -> Any:
    """The loss of dense layers with relu between them."""
    n = gr.Graph("net", dtype="float32")
    x = n.input("X", ("batch", data.feeds["X"].shape[1]))
    t = n.input("t", ("batch",), data.feeds["t"].dtype.name)
    params = {name: n.param(name, value.shape) for name, value in data.params.items()}
    depth = depth_of(data.params)
    for k in range(1, depth + 1):
        x = x @ params[f"W{k}"]
        x = x + params[f"b{k}"] if f"b{k}" in params else x
        x = gr.relu(x) if k < depth else x
    return gr.cross_entropy(x, t)


def sgd() -> Any:
    """Plain SGD."""
    return gr.optim.SGD(lr=SGD_RATE)


def adam() -> Any:
    """Adam with bias correction and the usual decay rates, which are its defaults."""
    return gr.optim.Adam(lr=ADAM_RATE)


def compiled_step(data: Data, optimizer: Any) -> Any:
    """The training step with its parameters set to the given ones."""
    step = gr.compile_step(net(data), optimizer=optimizer(), seed=0)
    for name, value in data.params.items():
        step.params[name] = value
    return step


def epoch(data: Data, optimizer: Any) -> Case:
    """The whole epoch in one call."""
    step = compiled_step(data, optimizer)

    def run() -> Any:
        step.epoch(data.feeds, batch_size=data.batch, shuffle=False)
        return step

    return Case(run, partial(weights, names=list(data.params)))


def first_step(data: Data) -> Case:
    """One step of the same net."""
    step = compiled_step(data, sgd)

    def run() -> Any:
        step(**data.feeds)
        return step

    return Case(run, partial(weights, names=list(data.params)))


def weights(step: Any, names: list[str]) -> Arrays:
    """A snapshot, since later runs go on training."""
    return {name: np.array(step.params[name]) for name in names}


CASES: dict[str, dict[str, Prepare]] = {
    "graphc": {
        "staged": staged,
        "elementwise": elementwise,
        "softmax": softmax,
        "layer_norm": layer_norm,
        **{f"{w}_{a}": partial(reduction, what=w, axis=a) for w in ("sum", "max") for a in (0, 1)},
        **{f"circuit_{n}": partial(circuit, stages=n, calls=CALLS_CIRCUIT) for n in (100, 1000)},
        "circuit_first": partial(circuit, stages=1000, calls=1),
        "sgd_epoch": partial(epoch, optimizer=sgd),
        "adam_epoch": partial(epoch, optimizer=adam),
        "first_step": first_step,
    },
}
