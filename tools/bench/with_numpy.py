"""NumPy: both sweeps written out by hand; on float64 data it is the oracle of all the others."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from .workloads import (
    ADAM_BETA1,
    ADAM_BETA2,
    ADAM_EPS,
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
    depth_of,
)


def staged(data: Data) -> Case:
    """f = (x + sigmoid(y)) / (sigmoid(x) + (x + y)^2), stage by stage and back."""
    x, y = data.feeds["x"].item(), data.feeds["y"].item()

    def run() -> tuple[float, float, float]:
        for _ in range(CALLS_STAGED):
            result = staged_gradient(x, y)
        return result

    return Case(run, lambda r: dict(zip(("f", "dx", "dy"), map(np.asarray, r), strict=True)))


def staged_gradient(x: float, y: float) -> tuple[float, float, float]:
    """The value and its two derivatives."""
    sigy = 1 / (1 + np.exp(-y))
    num = x + sigy
    sigx = 1 / (1 + np.exp(-x))
    xpy = x + y
    den = sigx + xpy * xpy
    d_num = 1 / den
    f = num * d_num
    d_den = -d_num * f
    d_xpy = 2 * xpy * d_den
    d_x = d_num + d_xpy + (1 - sigx) * sigx * d_den
    d_y = d_xpy + (1 - sigy) * sigy * d_num
    return f, d_x, d_y


def elementwise(data: Data) -> Case:
    """The mean and its gradient, as array expressions."""
    x = data.feeds["x"]

    def run() -> tuple[float, np.ndarray]:
        t = np.tanh(1.5 * x + 0.3)
        s = 1 / (1 + np.exp(-x))
        e = np.exp(-x * x)
        value = np.mean(t * s - e)
        d_x = (1.5 * (1 - t * t) * s + t * s * (1 - s) + 2 * x * e) / len(x)
        return value, d_x

    return Case(run, lambda r: {"value": np.asarray(r[0]), "d_x": r[1]})


def softmax(data: Data) -> Case:
    """The rows' softmax, weighed and added up, and the gradient."""
    x, u = data.feeds["x"], data.feeds["u"]

    def run() -> tuple[float, np.ndarray]:
        e = np.exp(x - x.max(1, keepdims=True))
        p = e / e.sum(1, keepdims=True)
        weighed = p * u
        return weighed.sum(), weighed - p * weighed.sum(1, keepdims=True)

    return Case(run, lambda r: {"value": np.asarray(r[0]), "d_x": r[1]})


def layer_norm(data: Data) -> Case:
    """The three gradients of sum(norm(x) gamma u + beta u)."""
    x, u, gamma = (data.feeds[name] for name in ("x", "u", "gamma"))

    def run() -> Arrays:
        centred = x - x.mean(1, keepdims=True)
        root = np.sqrt((centred * centred).mean(1, keepdims=True) + x.dtype.type(EPS_NORM))
        unit, d = centred / root, u * gamma
        d_x = (d - d.mean(1, keepdims=True) - unit * (d * unit).mean(1, keepdims=True)) / root
        return {"d_x": d_x, "d_gamma": (u * unit).sum(0), "d_beta": u.sum(0)}

    return Case(run, lambda r: r)


def reduction(data: Data, what: str, axis: int) -> Case:
    """One call of NumPy's."""
    x = data.feeds["x"]
    return Case(lambda: getattr(np, what)(x, axis=axis), lambda r: {"value": np.asarray(r)})


def circuit(data: Data, stages: int) -> Case:
    """Stage by stage and back, in Python's floats."""
    x, y = data.feeds["x"].item(), data.feeds["y"].item()
    return Case(
        lambda: circuit_gradient(x, y, stages // 3),
        lambda r: dict(zip(("f", "dx", "dy"), map(np.asarray, r), strict=True)),
    )


def circuit_gradient(x: float, y: float, turns: int) -> tuple[float, float, float]:
    """The value of the chain and its two derivatives."""
    values = [x]
    for _ in range(turns):
        values.append(math.tanh(values[-1] * x + y))
    d_h, d_x, d_y = 1.0, 0.0, 0.0
    for h, before in zip(values[:0:-1], values[-2::-1], strict=True):
        d_z = d_h * (1 - h * h)
        d_x, d_y, d_h = d_x + d_z * before, d_y + d_z, d_z * x
    return values[-1], d_x + d_h, d_y


def gradients(params: Arrays, x: np.ndarray, t: np.ndarray, smooth: int) -> Arrays:
    """Gradients of the mean cross-entropy of a net of dense layers."""
    depth = depth_of(params)
    inputs = [x]
    for k in range(1, depth):
        z = dense(params, k, inputs[-1])
        inputs.append(np.tanh(z, out=z) if k == smooth else np.maximum(z, 0, out=z))
    e = np.exp(dense(params, depth, inputs[-1]))
    d_z = e / e.sum(1, keepdims=True)
    d_z[np.arange(len(t)), t] -= 1
    d_z /= len(t)
    grads: Arrays = {}
    for k in range(depth, 0, -1):
        grads[f"W{k}"] = inputs[k - 1].T @ d_z
        if f"b{k}" in params:
            grads[f"b{k}"] = d_z.sum(0)
        if k > 1:
            a = inputs[k - 1]
            d_z = (1 - a * a if k - 1 == smooth else a > 0) * (d_z @ params[f"W{k}"].T)
    return grads


def dense(params: Arrays, k: int, x: np.ndarray) -> np.ndarray:
    """Layer k before its activation."""
    z = x @ params[f"W{k}"]
    if f"b{k}" in params:
        z += params[f"b{k}"]
    return z


def sgd_epoch(data: Data) -> Case:
    """Mini-batches in order, every parameter updated in place."""
    params = {name: value.copy() for name, value in data.params.items()}
    x, t = data.feeds["X"], data.feeds["t"]

    def run() -> Arrays:
        for s in range(0, len(x), data.batch):
            rows = slice(s, s + data.batch)
            grads = gradients(params, x[rows], t[rows], data.smooth)
            for name, grad in grads.items():
                params[name] -= SGD_RATE * grad
        return params

    return Case(run, copied)


def adam_epoch(data: Data) -> Case:
    """Adam with bias correction (Kingma & Ba 2015, algorithm 1)."""
    params = {name: value.copy() for name, value in data.params.items()}
    first = {name: np.zeros_like(value) for name, value in params.items()}
    second = {name: np.zeros_like(value) for name, value in params.items()}
    x, t = data.feeds["X"], data.feeds["t"]
    steps = 0

    def run() -> Arrays:
        nonlocal steps
        for s in range(0, len(x), data.batch):
            steps += 1
            rows = slice(s, s + data.batch)
            grads = gradients(params, x[rows], t[rows], data.smooth)
            for name, grad in grads.items():
                adam_update(params[name], first[name], second[name], grad, steps)
        return params

    return Case(run, copied)


def adam_update(p: np.ndarray, m: np.ndarray, v: np.ndarray, grad: np.ndarray, step: int) -> None:
    """Moves one parameter and its two moments in place."""
    m *= ADAM_BETA1
    m += (1 - ADAM_BETA1) * grad
    v *= ADAM_BETA2
    v += (1 - ADAM_BETA2) * np.square(grad)
    root = np.sqrt(v / (1 - ADAM_BETA2**step))
    root += ADAM_EPS
    p -= ADAM_RATE / (1 - ADAM_BETA1**step) * m / root


def copied(params: Arrays) -> Arrays:
    """A snapshot, since later runs go on training."""
    return {name: value.copy() for name, value in params.items()}


def reference(case: str, data: Data) -> Arrays:
    """The result of a case in float64 (a first step is an epoch of one batch)."""
    exact = data._replace(feeds=_float64(data.feeds), params=_float64(data.params))
    ready = CASES["numpy"][case](exact)
    return ready.read(ready.run())


def _float64(arrays: Arrays) -> Arrays:
    return {k: v.astype(np.float64) if v.dtype.kind == "f" else v for k, v in arrays.items()}


CASES: dict[str, dict[str, Prepare]] = {
    "numpy": {
        "staged": staged,
        "elementwise": elementwise,
        "softmax": softmax,
        "layer_norm": layer_norm,
        **{name: partial(reduction, what=w, axis=axis) for name, (w, axis) in AXES.items()},
        **{f"circuit_{n}": partial(circuit, stages=n) for n in STAGES},
        "sgd_epoch": sgd_epoch,
        "adam_epoch": adam_epoch,
        "first_step": sgd_epoch,
    },
}
