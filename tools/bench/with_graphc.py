"""graphc, through its public names only; what else `gr.compile` is told goes through `options`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import graphc as gr

from .workloads import (
    ADAM_RATE,
    AXES,
    CALLS_STAGED,
    EPS_NORM,
    SGD_RATE,
    STAGES,
    Arrays,
    Case,
    Data,
    Prepare,
    chain,
    depth_of,
)


def staged(data: Data, **options: Any) -> Case:
    """Value and gradient from one call with keywords and Python floats."""
    g = gr.Graph("staged")
    x, y = g.input("x"), g.input("y")
    f = (x + gr.sigmoid(y)) / (gr.sigmoid(x) + (x + y) ** 2)
    prog = gr.compile(f, wrt=[x, y], **options)

    def run() -> Any:
        for _ in range(CALLS_STAGED):
            result = prog(x=3.0, y=-4.0)
        return result

    return Case(run, read_staged)


def read_staged(result: Any) -> Arrays:
    """The value and the two gradients by name."""
    value, grads = result
    return {"f": np.asarray(value), "dx": np.asarray(grads["x"]), "dy": np.asarray(grads["y"])}


def elementwise(data: Data, **options: Any) -> Case:
    """Value and gradient from one call."""
    fed = data.feeds["x"]
    g = gr.Graph("elementwise", dtype="float32")
    x = g.input("x", fed.shape)
    terms = gr.tanh(1.5 * x + 0.3) * gr.sigmoid(x) - gr.exp(-(x**2))
    prog = gr.compile(gr.mean(terms), wrt=[x], **options)
    return Case(
        lambda: prog(x=fed),
        lambda r: {"value": np.asarray(r[0]), "d_x": np.array(r[1]["x"])},
    )


def inputs(g: Any, data: Data) -> list[Any]:
    """An input for each array that is fed."""
    return [g.input(name, value.shape) for name, value in data.feeds.items()]


def softmax(data: Data, **options: Any) -> Case:
    """Value and gradient from one call."""
    g = gr.Graph("softmax", dtype="float32")
    x, u = inputs(g, data)
    prog = gr.compile(gr.sum(gr.softmax(x) * u), wrt=[x], **options)
    return Case(
        lambda: prog(**data.feeds),
        lambda r: {"value": np.asarray(r[0]), "d_x": np.array(r[1]["x"])},
    )


def layer_norm(data: Data, **options: Any) -> Case:
    """Value and three gradients from one call."""
    g = gr.Graph("layer_norm", dtype="float32")
    x, u, gamma, beta = inputs(g, data)
    centred = x - gr.mean(x, axis=1, keepdims=True)
    variance = gr.mean(centred * centred, axis=1, keepdims=True)
    y = centred / gr.sqrt(variance + EPS_NORM) * gamma + beta
    prog = gr.compile(gr.sum(y * u), wrt=[x, gamma, beta], **options)
    return Case(
        lambda: prog(**data.feeds),
        lambda r: {f"d_{name}": np.array(d) for name, d in r[1].items()},
    )


def reduction(data: Data, what: str, axis: int, **options: Any) -> Case:
    """One call."""
    g = gr.Graph("reduction", dtype="float32")
    (x,) = inputs(g, data)
    prog = gr.compile(getattr(gr, what)(x, axis=axis), **options)
    return Case(lambda: prog(**data.feeds), lambda r: {"value": np.array(r)})


def circuit(data: Data, stages: int, **options: Any) -> Case:
    """Value and gradient from one call with keywords and Python floats."""
    g = gr.Graph("circuit")
    x, y = g.input("x"), g.input("y")
    prog = gr.compile(chain(x, y, stages, gr.tanh), wrt=[x, y], **options)
    return Case(lambda: prog(x=3.0, y=-4.0), read_staged)


def net(data: Data) -> Any:
    """The loss of dense layers."""
    n = gr.Graph("net", dtype="float32")
    x = n.input("X", ("batch", data.feeds["X"].shape[1]))
    t = n.input("t", ("batch",), data.feeds["t"].dtype.name)
    params = {name: n.param(name, value.shape) for name, value in data.params.items()}
    depth = depth_of(data.params)
    for k in range(1, depth + 1):
        x = x @ params[f"W{k}"]
        x = x + params[f"b{k}"] if f"b{k}" in params else x
        x = gr.tanh(x) if k == data.smooth else gr.relu(x) if k < depth else x
    return gr.cross_entropy(x, t)


def sgd() -> Any:
    """Plain SGD."""
    return gr.optim.SGD(lr=SGD_RATE)


def adam() -> Any:
    """Adam with bias correction and the usual decay rates, which are its defaults."""
    return gr.optim.Adam(lr=ADAM_RATE)


def compiled_step(data: Data, optimizer: Any, **options: Any) -> Any:
    """The training step with its parameters set to the given ones."""
    step = gr.compile_step(net(data), optimizer=optimizer(), seed=0, **options)
    for name, value in data.params.items():
        step.params[name] = value
    return step


def epoch(data: Data, optimizer: Any, **options: Any) -> Case:
    """The whole epoch in one call."""
    step = compiled_step(data, optimizer, **options)

    def run() -> Any:
        step.epoch(data.feeds, batch_size=data.batch, shuffle=False)
        return step

    return Case(run, partial(weights, names=list(data.params)))


def first_step(data: Data, **options: Any) -> Case:
    """One step of the same net."""
    step = compiled_step(data, sgd, **options)

    def run() -> Any:
        step(**data.feeds)
        return step

    return Case(run, partial(weights, names=list(data.params)))


def weights(step: Any, names: list[str]) -> Arrays:
    """A snapshot, since later runs go on training."""
    return {name: np.array(step.params[name]) for name in names}


def _cases(**options: Any) -> dict[str, Prepare]:
    prepares: dict[str, Callable[..., Case]] = {
        "staged": staged,
        "elementwise": elementwise,
        "softmax": softmax,
        "layer_norm": layer_norm,
        **{name: partial(reduction, what=w, axis=axis) for name, (w, axis) in AXES.items()},
        **{f"circuit_{n}": partial(circuit, stages=n) for n in STAGES},
        "sgd_epoch": partial(epoch, optimizer=sgd),
        "adam_epoch": partial(epoch, optimizer=adam),
        "first_step": first_step,
    }
    return {name: partial(prepare, **options) for name, prepare in prepares.items()}


CASES: dict[str, dict[str, Prepare]] = {"graphc": _cases(), "graphc.plain": _cases(form="plain")}
