"""Every operation on every sample: its value, its definition by others, its gradients of both
orders.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from oracles import NUMPY, TORCH, torch_namespace
from samples import KINKED, SAMPLES, Sample

import graphc.ops as ops
from graphc.gates.gate import GATES
from graphc.grad import grad
from graphc.graph import FUNCTIONS, LEAVES, OPS, Graph, Node, Op
from graphc.interpret import evaluate
from graphc.ops.shaping.layout import iota
from graphc.ops.spell import Expand, Result

TOLERANCE = {"f32": 2e-5, "f64": 1e-10}


def _is_defined(op: Op) -> bool:
    """Whether it is defined by other operations."""
    return isinstance(op.spell, Expand)


PRIMITIVES: dict[str, Any] = {
    name: OPS[name] for name in ("gather", "scatter", "index_add", "product", "class_losses")
}
PRIMITIVES |= {
    "alias": OPS["alias"],
    "copy": OPS["copy"],
    "others": lambda x, axis: OPS["others"](x, axis=axis),
    "check": lambda i: OPS["check"](i, low=0, high=3, what="index"),
    "place": lambda x: OPS["place"](x, shape=(4, 7), starts=((2, 1),), steps=((-1, 2),)),
    "iota": iota,
    "int32": "i32",
    "float32": "f32",
    "float64": "f64",
}
GRAPHC = SimpleNamespace(**{**FUNCTIONS, **PRIMITIVES})
FLAT = ("sign", "check")
DIFFERENTIABLE = sorted(
    n for n in SAMPLES if n not in FLAT and (n not in OPS or OPS[n].vjp is not None)
)
SMOOTH = [n for n in DIFFERENTIABLE if n not in KINKED]


class Built:
    """A sample as a graph with its arrays."""

    def __init__(self, sample: Sample, dtype: str, seed: int = 0) -> None:
        self.graph = Graph(dtype=dtype)
        self.arrays = sample.arrays(dtype, seed)
        shapes = [s.declared for s in sample.specs]
        self.inputs = [
            self.graph.input(f"x{i}", shape, a.dtype)
            for i, (shape, a) in enumerate(zip(shapes, self.arrays, strict=True))
        ]
        self.result: Node = sample.call(GRAPHC, *self.inputs)
        self.wrt = [x for x in self.inputs if x.type.is_float]

    def feeds(self, arrays: list[np.ndarray] | None = None) -> dict[Node, np.ndarray]:
        return dict(zip(self.inputs, arrays or self.arrays, strict=True))

    def value(self, node: Node, arrays: list[np.ndarray] | None = None) -> np.ndarray:
        return evaluate([node], self.feeds(arrays))[node]

    def weighted(self) -> Node:
        """A scalar that depends on every element of the result differently."""
        return self.along(
            self.result, np.random.default_rng(1).uniform(0.5, 1.5, self.value(self.result).shape)
        )

    def along(self, node: Node, weights: np.ndarray) -> Node:
        """The sum of a node's elements, each times its weight."""
        self.inputs.append(self.graph.input(f"w{len(self.inputs)}", node.shape, node.dtype))
        self.arrays.append(np.asarray(weights, node.type.numpy))
        return ops.sum(node * self.inputs[-1])

    def slope(self, node: Node, step: float, direction: list[np.ndarray]) -> float:
        """The central difference of a scalar along a direction, of fourth order."""

        def at(h: float) -> float:
            return float(
                self.value(node, [a + h * d for a, d in zip(self.arrays, direction, strict=True)])
            )

        return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)

    def direction(self, seed: int) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        moved = [x in self.wrt for x in self.inputs]
        return [
            rng.standard_normal(a.shape) if m else np.zeros(a.shape, a.dtype)
            for a, m in zip(self.arrays, moved, strict=True)
        ]


def numbered(name: str) -> Iterator[tuple[str, Sample]]:
    return ((f"{name}[{i}]", sample) for i, sample in enumerate(SAMPLES[name]))


HOOKS = {"clip_gradient", "clip_gradient_norm", "scale_gradient", "on_gradient"}
HOOKS |= {"straight_through", "print_value", "print_gradient"}
"""What has another gradient than its slope, on purpose, or no compiled form: test_hooks.py."""


def test_every_operation_has_samples() -> None:
    own = {name for name in OPS if name not in GATES} - HOOKS
    leaves = {op.name for op in LEAVES} | {"pack"}  # which passes alone make
    assert own - leaves - {name for name, found in SAMPLES.items() if found} == set()


@pytest.mark.parametrize("name", [n for n in SAMPLES if n in OPS])
def test_samples_reach_their_operation(name: str) -> None:
    for label, sample in numbered(name):
        built = Built(sample, "f64")
        reached = name in {n.op.name for n in built.graph.nodes} or built.result.is_leaf
        assert reached or _is_whole(sample, built), label


def _is_whole(sample: Sample, built: Built) -> bool:
    """Whether the call had nothing to do."""
    return built.result in built.inputs


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("name", SAMPLES)
def test_value_is_numpys(name: str, dtype: str) -> None:
    for label, sample in numbered(name):
        built = Built(sample, dtype)
        found = built.value(built.result)
        with np.errstate(all="ignore"):
            wanted = sample.call(NUMPY, *built.arrays)
        tolerance = TOLERANCE.get(built.result.dtype, 0)
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance, err_msg=label)
        assert found.shape == np.shape(wanted), label


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize(
    "name", [n for n in SAMPLES if n in OPS and isinstance(OPS[n].spell, Expand)]
)
def test_definition_is_the_meaning(name: str, dtype: str) -> None:
    for label, sample in numbered(name):
        built = Built(sample, dtype)
        wanted = built.value(built.result)
        expanded = expand(built.result)
        assert expanded.type == built.result.type, label
        tolerance = TOLERANCE.get(built.result.dtype, 0)
        np.testing.assert_allclose(
            built.value(expanded), wanted, rtol=tolerance, atol=tolerance, err_msg=label
        )


def expand(root: Node) -> Node:
    """The same value from operations of the planner's own forms."""
    while any(isinstance(n.op.spell, Expand) for n in root.graph.order(root)):
        root = _expanded_once(root)
    return root


def _expanded_once(root: Node) -> Node:
    done: dict[Node, Node] = {}
    for node in root.graph.order(root):
        args = tuple(done[a] for a in node.args)
        build = node.op.spell.define if isinstance(node.op.spell, Expand) else node.op
        if args == node.args and build is node.op:
            done[node] = node
        elif isinstance(node.op.spell, Result):
            done[node] = done[node.args[0]][node.attrs["index"]]
        else:
            done[node] = build(*args, **node.attrs)
    return done[root]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradient_is_the_slope(name: str) -> None:
    for label, sample in numbered(name):
        built = Built(sample, "f64")
        if not built.result.type.is_float or not built.wrt:
            continue
        loss = built.weighted()
        for seed in (3, 4):
            direction = built.direction(seed)
            slope = built.slope(loss, 1e-4, direction)
            assert _along(built, loss, direction) == pytest.approx(slope, rel=1e-6, abs=1e-7), label


def _gradients(built: Built, loss: Node) -> list[Node]:
    return grad(loss, built.wrt, disconnected="zero")


def _along(built: Built, loss: Node, direction: list[np.ndarray]) -> float:
    found = dict(zip(built.wrt, _gradients(built, loss), strict=True))
    pairs = [(found[x], d) for x, d in zip(built.inputs, direction, strict=True) if x in found]
    return sum(float(np.sum(built.value(g) * d)) for g, d in pairs)


@pytest.mark.parametrize("name", SMOOTH)
def test_second_derivative_is_the_slope_of_the_first(name: str) -> None:
    for label, sample in numbered(name):
        built = Built(sample, "f64")
        if not built.result.type.is_float or not built.wrt:
            continue
        found = _gradients(built, built.weighted())
        probes = [
            d for x, d in zip(built.inputs, built.direction(5), strict=True) if x in built.wrt
        ]
        first: Any = sum((built.along(g, d) for g, d in zip(found, probes, strict=True)), start=0.0)
        direction = built.direction(6)
        slope = built.slope(first, 1e-3, direction)
        assert _along(built, first, direction) == pytest.approx(slope, rel=1e-5, abs=1e-6), label


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if n in TORCH])
def test_value_and_gradient_are_torchs(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, the second oracle, is not installed")
    namespace = torch_namespace(torch)
    for label, sample in numbered(name):
        built = Built(sample, "f64")
        if not built.wrt or not built.result.type.is_float:
            continue
        tensors = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in built.arrays]
        try:
            value = sample.call(namespace, *tensors)
        except (TypeError, RuntimeError, IndexError, ValueError):
            continue
        np.testing.assert_allclose(
            built.value(built.result), value.detach(), rtol=1e-10, atol=1e-12, err_msg=label
        )
        value.backward(torch.ones_like(value))
        for x, g in zip(built.wrt, _gradients(built, ops.sum(built.result)), strict=True):
            wanted = tensors[built.inputs.index(x)].grad
            wanted = np.zeros(built.value(x).shape) if wanted is None else wanted
            np.testing.assert_allclose(built.value(g), wanted, rtol=1e-9, atol=1e-10, err_msg=label)
