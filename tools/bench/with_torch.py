"""PyTorch with fused optimisers: eager, and with both sweeps compiled as a column of its own."""

# mypy: disable-error-code="import-not-found,import-untyped,no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.func import grad_and_value
from torch.nn import functional

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

Leaves = tuple[Any, ...]
Function = Callable[..., Any]


class Form(NamedTuple):
    """How a function of leaves becomes its gradients and value; whether the leaves have a tape;
    how a function runs as it is.
    """

    taped: bool
    both: Callable[[Function], Callable[..., tuple[Leaves, Any]]]
    alone: Callable[[Function], Function]

    def leaf(self, value: np.ndarray) -> Any:
        """A tensor of its own to differentiate by."""
        return torch.tensor(value, requires_grad=self.taped)


def on_tape(function: Function) -> Callable[..., tuple[Leaves, Any]]:
    """A forward sweep that records, and a backward sweep."""

    def both(leaves: Leaves, *rest: Any) -> tuple[Leaves, Any]:
        value = function(leaves, *rest)
        return torch.autograd.grad(value, leaves), value

    return both


def compiled(function: Function) -> Callable[..., tuple[Leaves, Any]]:
    """Both sweeps as one graph for torch.compile, which beats a compiled loss on an eager tape."""
    return one_graph(grad_and_value(function))


def one_graph(function: Function) -> Function:
    """A function compiled whole, for the sizes that it is given."""
    made: Function = torch.compile(function, fullgraph=True, dynamic=False)
    return made


def as_it_is(function: Function) -> Function:
    """An eager function."""
    return function


EAGER, COMPILED = Form(True, on_tape, as_it_is), Form(False, compiled, one_graph)


def quotient(leaves: Leaves) -> Any:
    """The staged example."""
    x, y = leaves
    return (x + torch.sigmoid(y)) / (torch.sigmoid(x) + (x + y) ** 2)


def staged(data: Data, form: Form) -> Case:
    """Leaves made once; a forward and a backward sweep a call."""
    leaves = tuple(form.leaf(value) for value in data.feeds.values())
    function = form.both(quotient)

    def run() -> Leaves:
        for _ in range(CALLS_STAGED):
            grads, f = function(leaves)
        return f, *grads

    return Case(run, point)


def point(result: Leaves) -> Arrays:
    """The value and the two gradients by name."""
    return {name: array(v) for name, v in zip(("f", "dx", "dy"), result, strict=True)}


def circuit(data: Data, stages: int, form: Form) -> Case:
    """Leaves made once; a forward and a backward sweep a call."""
    leaves = tuple(form.leaf(value) for value in data.feeds.values())

    def last(leaves: Leaves) -> Any:
        x, y = leaves
        return chain(x, y, stages, torch.tanh)

    function = form.both(last)
    return Case(lambda: function(leaves), lambda r: point((r[1], *r[0])))


def mean_of_chain(leaves: Leaves) -> Any:
    """The elementwise chain and its mean."""
    (x,) = leaves
    return torch.mean(torch.tanh(1.5 * x + 0.3) * torch.sigmoid(x) - torch.exp(-x * x))


def elementwise(data: Data, form: Form) -> Case:
    """A forward and a backward sweep."""
    leaves = (form.leaf(data.feeds["x"]),)
    function = form.both(mean_of_chain)
    return Case(lambda: function(leaves), lambda r: {"value": array(r[1]), "d_x": array(r[0][0])})


def softmax(data: Data, form: Form) -> Case:
    """A forward and a backward sweep."""
    leaves, u = (form.leaf(data.feeds["x"]),), torch.from_numpy(data.feeds["u"])
    function = form.both(lambda leaves, u: torch.sum(torch.softmax(leaves[0], 1) * u))
    return Case(
        lambda: function(leaves, u), lambda r: {"value": array(r[1]), "d_x": array(r[0][0])}
    )


def layer_norm(data: Data, form: Form) -> Case:
    """A forward and a backward sweep over PyTorch's own layer norm."""
    names = ("x", "gamma", "beta")
    leaves = tuple(form.leaf(data.feeds[name]) for name in names)
    u = torch.from_numpy(data.feeds["u"])

    def total(leaves: Leaves, u: Any) -> Any:
        x, gamma, beta = leaves
        return torch.sum(functional.layer_norm(x, x.shape[1:], gamma, beta, EPS_NORM) * u)

    function = form.both(total)
    return Case(
        lambda: function(leaves, u),
        lambda r: {f"d_{n}": array(d) for n, d in zip(names, r[0], strict=True)},
    )


def reduction(data: Data, what: str, axis: int, form: Form) -> Case:
    """One call."""
    functions: dict[str, Function] = {"sum": torch.sum, "max": torch.amax}
    x, function = torch.from_numpy(data.feeds["x"]), form.alone(partial(functions[what], dim=axis))
    return Case(lambda: function(x), lambda r: {"value": array(r)})


def loss_of(leaves: Leaves, x: Any, t: Any, names: tuple[str, ...], smooth: int) -> Any:
    """Mean cross-entropy of dense layers."""
    params = dict(zip(names, leaves, strict=True))
    depth = depth_of(names)
    for k in range(1, depth + 1):
        weight, bias = params[f"W{k}"], params.get(f"b{k}")
        x = x @ weight if bias is None else torch.addmm(bias, x, weight)
        x = torch.tanh(x) if k == smooth else torch.relu(x) if k < depth else x
    return functional.cross_entropy(x, t)


def sgd(params: Leaves) -> Any:
    """Plain SGD, one fused kernel for all parameters."""
    return torch.optim.SGD(params, lr=SGD_RATE, fused=True)


def adam(params: Leaves) -> Any:
    """Adam, one fused kernel for all parameters."""
    betas = (ADAM_BETA1, ADAM_BETA2)
    return torch.optim.Adam(params, lr=ADAM_RATE, betas=betas, eps=ADAM_EPS, fused=True)


def epoch(data: Data, form: Form, optimizer: Callable[[Leaves], Any]) -> Case:
    """Mini-batches in order, from slices of tensors that are there already."""
    names = tuple(data.params)
    leaves = tuple(form.leaf(value) for value in data.params.values())
    x, t = torch.from_numpy(data.feeds["X"]), torch.from_numpy(data.feeds["t"]).long()
    function = form.both(partial(loss_of, names=names, smooth=data.smooth))
    update = optimizer(leaves)

    def run() -> Leaves:
        for s in range(0, len(x), data.batch):
            grads, _ = function(leaves, x[s : s + data.batch], t[s : s + data.batch])
            for leaf, grad in zip(leaves, grads, strict=True):
                leaf.grad = grad
            update.step()
        return leaves

    return Case(run, lambda r: {name: array(leaf) for name, leaf in zip(names, r, strict=True)})


def array(value: Any) -> np.ndarray:
    """A copy as a NumPy array, since later runs go on training."""
    copy: np.ndarray = value.detach().numpy().copy()
    return copy


def _cases(form: Form) -> dict[str, Prepare]:
    return {
        "staged": partial(staged, form=form),
        "elementwise": partial(elementwise, form=form),
        "softmax": partial(softmax, form=form),
        "layer_norm": partial(layer_norm, form=form),
        **{n: partial(reduction, what=w, axis=a, form=form) for n, (w, a) in AXES.items()},
        **{f"circuit_{n}": partial(circuit, stages=n, form=form) for n in STAGES},
        "sgd_epoch": partial(epoch, form=form, optimizer=sgd),
        "adam_epoch": partial(epoch, form=form, optimizer=adam),
        "first_step": partial(epoch, form=form, optimizer=sgd),
    }


CASES: dict[str, dict[str, Prepare]] = {"torch": _cases(EAGER), "torch.compile": _cases(COMPILED)}
