"""PyTorch: eager with fused optimisers, and the same model through torch.compile as a row of its own."""

# mypy: disable-error-code="import-not-found,import-untyped,no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from .workloads import (
    ADAM_BETA1,
    ADAM_BETA2,
    ADAM_EPS,
    ADAM_RATE,
    CALLS_STAGED,
    SGD_RATE,
    Arrays,
    Case,
    Data,
    Prepare,
    depth_of,
)

Tensors = dict[str, Any]
compiled = partial(torch.compile, fullgraph=True, dynamic=False)


def eager(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is."""
    return function


def circuit(x: Any, y: Any) -> Any:
    """The staged example."""
    return (x + torch.sigmoid(y)) / (torch.sigmoid(x) + (x + y) ** 2)


def staged(data: Data, form: Callable[..., Any]) -> Case:
    """Leaves made once; a forward and a backward sweep a call."""
    leaves = [torch.tensor(float(v), dtype=torch.float64, requires_grad=True)
              for v in data.feeds.values()]
    function = form(circuit)

    def run() -> tuple[Any, ...]:
        for _ in range(CALLS_STAGED):
            f = function(*leaves)
            grads = torch.autograd.grad(f, leaves)
        return f, *grads

    return Case(run, lambda r: {k: array(v) for k, v in zip(("f", "dx", "dy"), r, strict=True)})


def mean_of_chain(x: Any) -> Any:
    """The elementwise chain and its mean."""
    return torch.mean(torch.tanh(1.5 * x + 0.3) * torch.sigmoid(x) - torch.exp(-x * x))


def elementwise(data: Data, form: Callable[..., Any]) -> Case:
    """A forward and a backward sweep."""
    x = torch.tensor(data.feeds["x"], requires_grad=True)
    function = form(mean_of_chain)

    def run() -> tuple[Any, Any]:
        value = function(x)
        return value, *torch.autograd.grad(value, [x])

    return Case(run, lambda r: {"value": array(r[0]), "d_x": array(r[1])})


def loss_of(params: Tensors, x: Any, t: Any, depth: int) -> Any:
    """Mean cross-entropy of dense layers with relu between them."""
    for k in range(1, depth + 1):
        weight, bias = params[f"W{k}"], params.get(f"b{k}")
        x = x @ weight if bias is None else torch.addmm(bias, x, weight)
        x = torch.relu(x) if k < depth else x
    return functional.cross_entropy(x, t)


def sgd(params: list[Any]) -> Any:
    """Plain SGD, one fused kernel for all parameters."""
    return torch.optim.SGD(params, lr=SGD_RATE, fused=True)


def adam(params: list[Any]) -> Any:
    """Adam, one fused kernel for all parameters."""
    betas = (ADAM_BETA1, ADAM_BETA2)
    return torch.optim.Adam(params, lr=ADAM_RATE, betas=betas, eps=ADAM_EPS, fused=True)


def epoch(data: Data, form: Callable[..., Any], optimizer: Callable[..., Any]) -> Case:
    """Mini-batches in order, as the tutorials write it."""
    params = {name: torch.tensor(v, requires_grad=True) for name, v in data.params.items()}
    X, t = torch.from_numpy(data.feeds["X"]), torch.from_numpy(data.feeds["t"]).long()
    loss, update = form(partial(loss_of, depth=depth_of(data.params))), optimizer(params.values())

    def run() -> Tensors:
        for s in range(0, len(X), data.batch):
            update.zero_grad(set_to_none=True)
            loss(params, X[s : s + data.batch], t[s : s + data.batch]).backward()
            update.step()
        return params

    return Case(run, arrays)


def array(value: Any) -> np.ndarray:
    """A copy as a NumPy array."""
    return value.detach().numpy().copy()


def arrays(params: Tensors) -> Arrays:
    """A snapshot, since later runs go on training."""
    return {name: array(value) for name, value in params.items()}


def _cases(form: Callable[..., Any]) -> dict[str, Prepare]:
    return {
        "staged": partial(staged, form=form),
        "elementwise": partial(elementwise, form=form),
        "sgd_epoch": partial(epoch, form=form, optimizer=sgd),
        "adam_epoch": partial(epoch, form=form, optimizer=adam),
    }


CASES: dict[str, dict[str, Prepare]] = {
    "torch": _cases(eager),
    "torch.compile": _cases(compiled)
    | {"first_step": partial(epoch, form=compiled, optimizer=sgd)},
}
