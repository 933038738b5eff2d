"""PyTensor: compiled updates of shared float32 state, through Numba (its default) and through C."""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

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
    chain,
    depth_of,
)

Updates = list[tuple[Any, Any]]
f32 = np.float32


def compiled(inputs: list[Any], outputs: Any, mode: str, updates: Updates | None = None) -> Any:
    """A function that takes its arguments unchecked."""
    return pytensor.function(inputs, outputs, updates=updates, mode=mode, trust_input=True)


def staged(data: Data, mode: str) -> Case:
    """Value and gradient from one function."""
    x, y = pt.dscalar("x"), pt.dscalar("y")
    f = (x + pt.sigmoid(y)) / (pt.sigmoid(x) + (x + y) ** 2)
    function = compiled([x, y], [f, *pt.grad(f, [x, y])], mode)
    fed = [np.asarray(v) for v in data.feeds.values()]

    def run() -> Any:
        for _ in range(CALLS_STAGED):
            result = function(*fed)
        return result

    return Case(run, point)


def point(result: list[Any]) -> Arrays:
    """The value and the two gradients by name."""
    return dict(zip(("f", "dx", "dy"), map(np.array, result), strict=True))


def circuit(data: Data, stages: int, mode: str) -> Case:
    """Value and gradient from one function."""
    x, y = pt.dscalar("x"), pt.dscalar("y")
    f = chain(x, y, stages, pt.tanh)
    function = compiled([x, y], [f, *pt.grad(f, [x, y])], mode)
    fed = [np.asarray(v) for v in data.feeds.values()]
    return Case(lambda: function(*fed), point)


def elementwise(data: Data, mode: str) -> Case:
    """Value and gradient from one function."""
    x = pt.fvector("x")
    value = pt.mean(pt.tanh(1.5 * x + 0.3) * pt.sigmoid(x) - pt.exp(-pt.sqr(x)))
    function = compiled([x], [value, pt.grad(value, x)], mode)
    fed = data.feeds["x"]
    return Case(lambda: function(fed), lambda r: {"value": np.array(r[0]), "d_x": np.array(r[1])})


def softmax(data: Data, mode: str) -> Case:
    """Value and gradient from one function."""
    x, u = pt.fmatrix("x"), pt.fmatrix("u")
    value = pt.sum(pt.special.softmax(x, axis=1) * u)
    function = compiled([x, u], [value, pt.grad(value, x)], mode)
    fed = [data.feeds["x"], data.feeds["u"]]
    return Case(lambda: function(*fed), lambda r: {"value": np.array(r[0]), "d_x": np.array(r[1])})


def layer_norm(data: Data, mode: str) -> Case:
    """Three gradients from one function."""
    x, u, gamma, beta = pt.fmatrix("x"), pt.fmatrix("u"), pt.fvector("gamma"), pt.fvector("beta")
    centred = x - pt.mean(x, axis=1, keepdims=True)
    variance = pt.mean(pt.sqr(centred), axis=1, keepdims=True)
    y = centred / pt.sqrt(variance + f32(EPS_NORM)) * gamma + beta
    function = compiled([x, u, gamma, beta], pt.grad(pt.sum(y * u), [x, gamma, beta]), mode)
    fed = [data.feeds[name] for name in ("x", "u", "gamma", "beta")]
    names = ("d_x", "d_gamma", "d_beta")
    return Case(lambda: function(*fed), lambda r: dict(zip(names, map(np.array, r), strict=True)))


def reduction(data: Data, what: str, axis: int, mode: str) -> Case:
    """One call."""
    x, fed = pt.fmatrix("x"), data.feeds["x"]
    function = compiled([x], getattr(pt, what)(x, axis=axis), mode)
    return Case(lambda: function(fed), lambda r: {"value": np.array(r)})


def loss_of(params: dict[str, Any], x: Any, t: Any, smooth: int) -> Any:
    """Mean cross-entropy of dense layers."""
    depth = depth_of(params)
    for k in range(1, depth + 1):
        x = x @ params[f"W{k}"]
        x = x + params[f"b{k}"] if f"b{k}" in params else x
        x = pt.tanh(x) if k == smooth else pt.maximum(x, f32(0)) if k < depth else x
    logs = pt.special.log_softmax(x, axis=1)
    return -pt.mean(logs[pt.arange(t.shape[0]), t])


def sgd(params: dict[str, Any], grads: list[Any]) -> Updates:
    """Plain SGD."""
    return [(p, p - f32(SGD_RATE) * g) for p, g in zip(params.values(), grads, strict=True)]


def adam(params: dict[str, Any], grads: list[Any]) -> Updates:
    """Adam with bias correction; its moments and step counter are shared state too."""
    count = pytensor.shared(f32(0), "step")
    step = count + f32(1)
    rate = f32(ADAM_RATE) / (1 - f32(ADAM_BETA1) ** step)
    scale = 1 / (1 - f32(ADAM_BETA2) ** step)
    updates: Updates = [(count, step)]
    for p, g in zip(params.values(), grads, strict=True):
        m, v = (pytensor.shared(np.zeros_like(p.get_value())) for _ in range(2))
        new_m = f32(ADAM_BETA1) * m + f32(1 - ADAM_BETA1) * g
        new_v = f32(ADAM_BETA2) * v + f32(1 - ADAM_BETA2) * pt.sqr(g)
        moved = p - rate * new_m / (pt.sqrt(new_v * scale) + f32(ADAM_EPS))
        updates += [(m, new_m), (v, new_v), (p, moved)]
    return updates


def epoch(data: Data, mode: str, optimizer: Callable[..., Updates]) -> Case:
    """One compiled step with updates, called for each mini-batch in order."""
    params = {name: pytensor.shared(value, name) for name, value in data.params.items()}
    x, t = pt.fmatrix("x"), pt.lvector("t")
    loss = loss_of(params, x, t, data.smooth)
    updates = optimizer(params, pt.grad(loss, list(params.values())))
    step = compiled([x, t], loss, mode, updates)
    fed, labels = data.feeds["X"], data.feeds["t"].astype(np.int64)

    def run() -> dict[str, Any]:
        for s in range(0, len(fed), data.batch):
            step(fed[s : s + data.batch], labels[s : s + data.batch])
        return params

    return Case(run, arrays)


def arrays(params: dict[str, Any]) -> Arrays:
    """A snapshot, since later runs go on training."""
    return {name: value.get_value() for name, value in params.items()}


def _cases(mode: str) -> dict[str, Prepare]:
    return {
        "staged": partial(staged, mode=mode),
        "elementwise": partial(elementwise, mode=mode),
        "softmax": partial(softmax, mode=mode),
        "layer_norm": partial(layer_norm, mode=mode),
        **{n: partial(reduction, what=w, axis=a, mode=mode) for n, (w, a) in AXES.items()},
        **{f"circuit_{n}": partial(circuit, stages=n, mode=mode) for n in STAGES},
        "sgd_epoch": partial(epoch, mode=mode, optimizer=sgd),
        "adam_epoch": partial(epoch, mode=mode, optimizer=adam),
        "first_step": partial(epoch, mode=mode, optimizer=sgd),
    }


CASES: dict[str, dict[str, Prepare]] = {
    "pytensor": _cases("NUMBA"),
    "pytensor.c": _cases("CVM"),
}
