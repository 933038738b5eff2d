"""Every operation on every sample, forward mode against reverse mode, and vmap against one example
after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from samples import SAMPLES, Sample
from test_ops import DIFFERENTIABLE, GRAPHC, Built, numbered

import graphc.ops as ops
from graphc.grad import grad, vjp
from graphc.graph import Graph, Node
from graphc.interpret import evaluate
from graphc.transforms.batching import vmap
from graphc.transforms.forward import jvp


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_tangents_and_cotangents_agree(name: str) -> None:
    for label, sample in numbered(name):
        built = Built(sample, "f64")
        if built.result.type.is_float and built.wrt:
            above, along = transposes(built)
            assert above == pytest.approx(along, rel=1e-9, abs=1e-10), label


def transposes(built: Built) -> tuple[float, float]:
    """c . (J t) by forward mode and (J^T c) . t by reverse mode."""
    rng = np.random.default_rng(7)
    graph, y, wrt = built.graph, built.result, built.wrt
    c = graph.input("c", y.shape, y.dtype)
    ts = [graph.input(f"t{i}", x.shape, x.dtype) for i, x in enumerate(wrt)]
    terms = vjp([y], wrt, [c], disconnected="zero")
    backward = [ops.sum(term * t) for term, t in zip(terms, ts, strict=True)]
    forward = ops.sum(c * jvp([y], wrt, ts, disconnected="zero")[0])
    feeds = built.feeds()
    shapes = evaluate([y, *wrt], feeds)
    feeds |= {c: rng.standard_normal(shapes[y].shape)}
    feeds |= {t: rng.standard_normal(shapes[x].shape) for t, x in zip(ts, wrt, strict=True)}
    values = evaluate([forward, *backward], feeds)
    return float(values[forward]), float(sum(values[b] for b in backward))


@pytest.mark.parametrize("name", SAMPLES)
def test_vmap_is_a_loop_over_examples(name: str) -> None:
    for label, sample in numbered(name):
        if sample.specs:
            check_vmap(sample, lambda *xs, call=sample.call: call(GRAPHC, *xs), label)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_vmap_of_a_gradient_is_a_gradient_for_each_example(name: str) -> None:
    for label, sample in numbered(name):
        built = Built(sample, "f64")
        if built.result.type.is_float and built.wrt:
            moved = [x in built.wrt for x in built.inputs]

            def gradients(*xs: Node, call: Any = sample.call, moved: Any = moved) -> Any:
                wrt = [x for x, m in zip(xs, moved, strict=True) if m]
                return grad(ops.sum(ops.square(call(GRAPHC, *xs))), wrt, disconnected="zero")

            check_vmap(sample, gradients, label)


def check_vmap(sample: Sample, function: Callable[..., Any], label: str) -> None:
    """The function of all arguments with a new axis, and of the last of them alone."""
    count = len(sample.specs)
    patterns = {(True,) * count, (False,) * (count - 1) + (True,)}
    examples = [sample.arrays("f64", seed) for seed in (0, 1)]
    for mapped in patterns:
        arrays = [np.stack(a) if m else a[0] for *a, m in zip(*examples, mapped, strict=True)]
        found = values(sample, function, arrays, mapped)
        rows = ([a[i] if m else a for a, m in zip(arrays, mapped, strict=True)] for i in (0, 1))
        wanted = [values(sample, function, row) for row in rows]
        for k, value in enumerate(found):
            stacked = np.stack([row[k] for row in wanted])
            np.testing.assert_allclose(value, stacked, rtol=1e-9, atol=1e-10, err_msg=label)


def values(
    sample: Sample, function: Callable[..., Any], arrays: Any, mapped: Any = None
) -> list[np.ndarray]:
    """What the function makes of arrays, under vmap along the first axes of those that are
    mapped.
    """
    graph, inputs = Graph(), []
    for i, (spec, array) in enumerate(zip(sample.specs, arrays, strict=True)):
        lead = (2,) if mapped and mapped[i] else ()
        inputs.append(graph.input(f"x{i}", (*lead, *spec.declared), array.dtype))
    if mapped:
        function = vmap(function, tuple(0 if m else None for m in mapped))
    made = function(*inputs)
    made = made if isinstance(made, list) else [made]
    found = evaluate(made, dict(zip(inputs, arrays, strict=True)))
    return [found[n] for n in made]
