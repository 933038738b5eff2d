"""JAX: everything under jit, an epoch as one lax.scan, the state's buffers donated."""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
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
    chain,
    depth_of,
)

Tree = Any


def staged(data: Data) -> Case:
    """In float64, the arguments already on the device."""
    jax.config.update("jax_enable_x64", True)
    x, y = (jnp.asarray(v) for v in data.feeds.values())

    @jax.jit
    @partial(jax.value_and_grad, argnums=(0, 1))
    def function(x: Any, y: Any) -> Any:
        return (x + jax.nn.sigmoid(y)) / (jax.nn.sigmoid(x) + (x + y) ** 2)

    def run() -> Any:
        for _ in range(CALLS_STAGED):
            result = jax.block_until_ready(function(x, y))
        return result

    return Case(run, lambda r: {"f": array(r[0]), "dx": array(r[1][0]), "dy": array(r[1][1])})


def elementwise(data: Data) -> Case:
    """Value and gradient in one compiled call."""
    x = jnp.asarray(data.feeds["x"])

    @jax.jit
    @jax.value_and_grad
    def function(x: Any) -> Any:
        return jnp.mean(jnp.tanh(1.5 * x + 0.3) * jax.nn.sigmoid(x) - jnp.exp(-x * x))

    return Case(
        lambda: jax.block_until_ready(function(x)),
        lambda r: {"value": array(r[0]), "d_x": array(r[1])},
    )


def softmax(data: Data) -> Case:
    """Value and gradient in one compiled call."""
    x, u = (jnp.asarray(v) for v in data.feeds.values())
    function = jax.jit(jax.value_and_grad(lambda x, u: jnp.sum(jax.nn.softmax(x) * u)))
    return Case(
        lambda: jax.block_until_ready(function(x, u)),
        lambda r: {"value": array(r[0]), "d_x": array(r[1])},
    )


def layer_norm(data: Data) -> Case:
    """Value and three gradients in one compiled call."""
    x, u, gamma, beta = (jnp.asarray(v) for v in data.feeds.values())

    def total(x: Any, gamma: Any, beta: Any, u: Any) -> Any:
        centred = x - jnp.mean(x, axis=1, keepdims=True)
        variance = jnp.mean(centred * centred, axis=1, keepdims=True)
        return jnp.sum((centred / jnp.sqrt(variance + EPS_NORM) * gamma + beta) * u)

    function = jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2)))
    return Case(
        lambda: jax.block_until_ready(function(x, gamma, beta, u)),
        lambda r: {f"d_{n}": array(d) for n, d in zip(("x", "gamma", "beta"), r[1], strict=True)},
    )


def reduction(data: Data, what: str, axis: int) -> Case:
    """One compiled call."""
    x = jnp.asarray(data.feeds["x"])
    function = jax.jit(partial(getattr(jnp, what), axis=axis))
    return Case(lambda: jax.block_until_ready(function(x)), lambda r: {"value": array(r)})


def circuit(data: Data, stages: int) -> Case:
    """In float64, the arguments already on the device."""
    jax.config.update("jax_enable_x64", True)
    x, y = (jnp.asarray(v) for v in data.feeds.values())
    both = jax.value_and_grad(partial(chain, stages=stages, tanh=jnp.tanh), argnums=(0, 1))
    function = jax.jit(both)
    return Case(
        lambda: jax.block_until_ready(function(x, y)),
        lambda r: {"f": array(r[0]), "dx": array(r[1][0]), "dy": array(r[1][1])},
    )


def loss_of(params: Tree, x: Any, t: Any, smooth: int) -> Any:
    """Mean cross-entropy of dense layers."""
    depth = depth_of(params)
    for k in range(1, depth + 1):
        x = x @ params[f"W{k}"]
        x = x + params[f"b{k}"] if f"b{k}" in params else x
        x = jnp.tanh(x) if k == smooth else jax.nn.relu(x) if k < depth else x
    logs = jax.nn.log_softmax(x)
    return -jnp.mean(jnp.take_along_axis(logs, t[:, None], axis=1))


def sgd(state: Tree, grads: Tree) -> Tree:
    """One SGD update."""
    return {"params": jax.tree.map(lambda p, g: p - SGD_RATE * g, state["params"], grads)}


def adam(state: Tree, grads: Tree) -> Tree:
    """One Adam update with bias correction."""
    step = state["step"] + 1
    m = jax.tree.map(lambda m, g: ADAM_BETA1 * m + (1 - ADAM_BETA1) * g, state["m"], grads)
    v = jax.tree.map(lambda v, g: ADAM_BETA2 * v + (1 - ADAM_BETA2) * g * g, state["v"], grads)
    rate = ADAM_RATE / (1 - ADAM_BETA1**step)
    scale = 1 / (1 - ADAM_BETA2**step)
    params = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v * scale) + ADAM_EPS), state["params"], m, v
    )
    return {"params": params, "m": m, "v": v, "step": step}


def state_of(data: Data, update: Callable[..., Tree]) -> Tree:
    """The parameters, with moments and a step counter where the update keeps them."""
    state: Tree = {"params": jax.tree.map(jnp.array, data.params)}
    if update is adam:
        moments = {m: jax.tree.map(jnp.zeros_like, state["params"]) for m in ("m", "v")}
        state |= moments | {"step": jnp.float32(0)}
    return state


def epoch(data: Data, update: Callable[..., Tree]) -> Case:
    """All mini-batches in one compiled call."""
    cut = {k: v.reshape(-1, data.batch, *v.shape[1:]) for k, v in data.feeds.items()}
    x, t = jnp.asarray(cut["X"]), jnp.asarray(cut["t"], jnp.int32)
    state = state_of(data, update)

    def step(state: Tree, batch: Any) -> tuple[Tree, Any]:
        loss, grads = jax.value_and_grad(loss_of)(state["params"], *batch, data.smooth)
        return update(state, grads), loss

    @partial(jax.jit, donate_argnums=0)
    def all_steps(state: Tree, x: Any, t: Any) -> tuple[Tree, Any]:
        return jax.lax.scan(step, state, (x, t))

    def run() -> Tree:
        nonlocal state
        state, _ = jax.block_until_ready(all_steps(state, x, t))
        return state["params"]

    return Case(run, arrays)


def first_step(data: Data) -> Case:
    """One step of the same net, compiled by itself."""
    params = jax.tree.map(jnp.array, data.params)
    x, t = jnp.asarray(data.feeds["X"]), jnp.asarray(data.feeds["t"], jnp.int32)

    @partial(jax.jit, donate_argnums=0)
    def step(params: Tree, x: Any, t: Any) -> tuple[Tree, Any]:
        loss, grads = jax.value_and_grad(loss_of)(params, x, t, data.smooth)
        return sgd({"params": params}, grads)["params"], loss

    return Case(lambda: jax.block_until_ready(step(params, x, t))[0], arrays)


def array(value: Any) -> np.ndarray:
    """A copy as a NumPy array, since a later run is given the buffer."""
    return np.array(value)


def arrays(params: Tree) -> Arrays:
    """A snapshot of all parameters."""
    return {name: array(value) for name, value in params.items()}


CASES: dict[str, dict[str, Prepare]] = {
    "jax": {
        "staged": staged,
        "elementwise": elementwise,
        "softmax": softmax,
        "layer_norm": layer_norm,
        **{name: partial(reduction, what=w, axis=axis) for name, (w, axis) in AXES.items()},
        **{f"circuit_{n}": partial(circuit, stages=n) for n in STAGES},
        "sgd_epoch": partial(epoch, update=sgd),
        "adam_epoch": partial(epoch, update=adam),
        "first_step": first_step,
    },
}
