"""A joint with gradients goes in, one with the new values of parameters and of the optimiser comes
out.

An optimiser is written as a graph. Its numbers and its memory are state, so changing them never
compiles, and its formula is what stands here. Note: [Numbers in float64].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import ClassVar

from graphc import init
from graphc.errors import GraphError, UsageError
from graphc.graph import Graph, Node
from graphc.joint import Joint
from graphc.ops import astype, sqrt

Values = tuple[Node, ...]

COUNTER = "steps"
"""The state that counts the steps taken."""

# The formulas, PyTorch's: p is the parameter, d_p its gradient, t counts the steps from 1


def sgd(p: Node, d_p: Node, lr: Node) -> Node:
    """Gradient descent."""
    return p - lr * d_p


def momentum(p: Node, d_p: Node, v: Node, lr: Node, momentum: Node) -> Values:
    """The heavy ball (Polyak 1964)."""
    v = momentum * v + d_p
    return p - lr * v, v


def nesterov(p: Node, d_p: Node, v: Node, lr: Node, momentum: Node) -> Values:
    """Nesterov's momentum in the form of Sutskever et al. 2013."""
    v = momentum * v + d_p
    return p - lr * (d_p + momentum * v), v


def adam(p: Node, d_p: Node, m: Node, v: Node, rate: Node, eps: Node, a1: Node, a2: Node) -> Values:
    """Adam (Kingma & Ba 2015); its last four arguments come from adam_once."""
    m = m + a1 * (d_p - m)
    v = v + a2 * (d_p * d_p - v)
    return p - rate * m / (sqrt(v) + eps), m, v


def adam_once(t: Node, lr: Node, b1: Node, b2: Node, eps: Node, **rest: Node) -> dict[str, Node]:
    """What Adam computes once a step: m and v begin at zero, which `rate` and `eps` make up for."""
    root = sqrt(1 - b2**t)
    rate, eps = lr * root / (1 - b1**t), eps * root
    return {"rate": rate, "eps": eps, "a1": 1 - b1, "a2": 1 - b2, **rest}


def penalised(p: Node, d_p: Node, weight_decay: Node) -> Node:
    """The gradient, and that of the penalty weight_decay / 2 * sum(p**2)."""
    return d_p + weight_decay * p


# The optimisers


@dataclass(frozen=True)
class Optimizer:
    """How a parameter changes. Its numbers become state; what is True or False is fixed.

    `slots` names what is kept for each parameter: of its type, zeros to begin with. A new kind of
    optimiser is a dataclass with an `update`, and where it needs one with a `once`.
    """

    slots: ClassVar[tuple[str, ...]] = ()

    def numbers(self) -> dict[str, float]:
        """The hyperparameters by name, without a weight decay of 0; raises UsageError for text."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in found.items():
            if not isinstance(value, Real):
                kind = type(value).__name__
                raise UsageError(f"{name} of {type(self).__name__} is a number, not {kind}")
        plain = {n: float(v) for n, v in found.items() if not isinstance(v, bool)}
        return {n: v for n, v in plain.items() if v or n != "weight_decay"}

    def once(self, t: Node, **numbers: Node) -> dict[str, Node]:
        """What `update` needs besides, computed once a step from the numbers, in float64."""
        return numbers

    def update(self, p: Node, d_p: Node, *slots: Node, **once: Node) -> Values:
        """The new values of a parameter and of its slots; d_p has the penalty's part already."""
        raise NotImplementedError


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, p - lr * d_p; `weight_decay` is an L2 penalty's."""

    lr: float = 0.01
    weight_decay: float = 0.0

    def update(self, p: Node, d_p: Node, *slots: Node, **once: Node) -> Values:
        """See sgd."""
        return (sgd(p, d_p, **once),)


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Gradient descent with momentum, or Nesterov's; `weight_decay` is an L2 penalty's."""

    slots = ("v",)
    lr: float = 0.01
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0

    def update(self, p: Node, d_p: Node, *slots: Node, **once: Node) -> Values:
        """See momentum and nesterov."""
        return (nesterov if self.nesterov else momentum)(p, d_p, *slots, **once)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam; `weight_decay` is an L2 penalty's, for the other kind there is AdamW."""

    slots = ("m", "v")
    lr: float = 1e-3
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def once(self, t: Node, **numbers: Node) -> dict[str, Node]:
        """See adam_once."""
        return adam_once(t, **numbers)

    def update(self, p: Node, d_p: Node, *slots: Node, **once: Node) -> Values:
        """See adam."""
        return adam(p, d_p, *slots, **once)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam whose weight decay acts on the parameter, apart from the gradient (Loshchilov & Hutter
    2019).
    """

    weight_decay: float = 1e-2

    def numbers(self) -> dict[str, float]:
        """All of them, a decay of 0 as well; raises UsageError for text."""
        return {**super().numbers(), "weight_decay": float(self.weight_decay)}

    def once(self, t: Node, **numbers: Node) -> dict[str, Node]:
        """Adam's, and the factor by which a parameter shrinks."""
        shrink = 1 - numbers["lr"] * numbers.pop("weight_decay")
        return adam_once(t, **numbers, shrink=shrink)

    def update(self, p: Node, d_p: Node, *slots: Node, **once: Node) -> Values:
        """Adam's, from the shrunken parameter."""
        return adam(p * once.pop("shrink"), d_p, *slots, **once)


# The pass


def updating(optimizer: Optimizer, scope: str) -> Callable[[Joint], Joint]:
    """The pass that turns gradients into new values; names of the optimiser's state begin with
    `scope`.
    """

    def update(joint: Joint) -> Joint:
        with joint.graph.told((), None):
            found = _Rule(optimizer, joint.graph, scope).updates(joint.gradients)
        return replace(joint, gradients={}, updates={**joint.updates, **found})

    return update


def told(optimizer: Optimizer, scope: str) -> str:
    """The pass as text that tells it from others; empty for an optimiser that is not graphc's."""
    return f"{scope} {optimizer!r}" if type(optimizer).__module__ == __name__ else ""


class _Rule:
    """An optimiser at work on one graph."""

    def __init__(self, optimizer: Optimizer, graph: Graph, scope: str) -> None:
        self.optimizer, self.graph, self.scope = optimizer, graph, scope
        self.near: dict[str, dict[str, Node]] = {}
        numbers = {n: self._number(n, v) for n, v in optimizer.numbers().items()}
        self.steps = graph.state(f"{scope}.{COUNTER}", (), "int64")
        self.taken = self._called(COUNTER, self.steps + 1)
        self.once = optimizer.once(astype(self.taken, "float64"), **numbers)

    def _number(self, name: str, value: float) -> Node:
        return self.graph.state(f"{self.scope}.{name}", (), "float64", init=init.constant(value))

    def updates(self, gradients: Mapping[Node, Node]) -> dict[Node, Node]:
        """The new value of every parameter, of what is kept for it, and of the counter."""
        found = {self.steps: self.taken}
        for p, d_p in gradients.items():
            found |= self._of(p, d_p)
        return found

    def _of(self, p: Node, d_p: Node) -> dict[Node, Node]:
        once = dict(self._once_near(p))
        if "weight_decay" in once:
            d_p = penalised(p, d_p, once.pop("weight_decay"))
        names = [f"{p.name}.{slot}" for slot in self.optimizer.slots]
        slots = [self.graph.state(f"{self.scope}.{name}", p.type) for name in names]
        value, *kept = self.optimizer.update(p, d_p, *slots, **once)
        kept = [self._called(name, node) for name, node in zip(names, kept, strict=True)]
        new = zip([p, *slots], [value, *kept], strict=True)
        return {leaf: stored(leaf, node) for leaf, node in new}

    def _once_near(self, p: Node) -> dict[str, Node]:
        """What is computed once, in the parameter's element type."""
        if p.dtype not in self.near:
            near = {name: astype(node, p.dtype) for name, node in self.once.items()}
            self.near[p.dtype] = {name: self._called(name, node) for name, node in near.items()}
        return self.near[p.dtype]

    def _called(self, name: str, node: Node) -> Node:
        """The node under a name for its lines in the emitted code, unless that is taken."""
        return node if node.name or name in self.graph else node.named(name)


def stored(leaf: Node, value: Node) -> Node:
    """A new value as the leaf can take it; raises GraphError when it has another type."""
    if value.type == leaf.type:
        return value
    raise GraphError(f"its new value is {value.type}, it is {leaf.type}", subject=leaf.label)


# Note [Numbers in float64]
#
# A learning rate of 0.1 is to be read back as 0.1, and 1 - 0.999 loses four digits in float32. So
# the hyperparameters and what is computed of them once a step are float64, and only the results
# are brought to the parameter's type, as PyTorch does with its Python numbers.
