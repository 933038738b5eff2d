"""Every operation on every sample: the emitted source, with the JIT and without, gives what the
interpreter gives, values and gradients.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from samples import SAMPLES, Sample
from test_ops import GRAPHC

import graphc as gr
from graphc.graph import OPS, Graph, Node
from graphc.interpret import evaluate
from graphc.ops.spell import Each, Fold

TOLERANCE = {"f32": 2e-5, "f64": 1e-10}
TOGETHER = 40
"""Samples in one program that is compiled."""

Labelled = tuple[str, Sample]


class Many:
    """Samples side by side in one graph, with their arrays and one loss over all results."""

    def __init__(self, samples: Iterable[Labelled], dtype: str) -> None:
        self.graph = Graph("many", dtype=dtype)
        self.labels: list[str] = []
        self.feeds: dict[Node, np.ndarray] = {}
        self.results: list[Node] = []
        self.terms: list[Node] = [self.graph.constant(0.0, dtype)]
        for label, sample in samples:
            self._add(label, sample, dtype)
        self.loss = self.terms[0]
        for term in self.terms[1:]:
            self.loss = self.loss + term

    def _add(self, label: str, sample: Sample, dtype: str) -> None:
        arrays = sample.arrays(dtype)
        nodes = [
            self.graph.input(f"{label}.{i}", shape, array.dtype)
            for i, (shape, array) in enumerate(zip(shapes(sample), arrays, strict=True))
        ]
        self.labels.append(label)
        self.feeds |= dict(zip(nodes, arrays, strict=True))
        self.results.append(sample.call(GRAPHC, *nodes))
        if self.results[-1].type.is_float:
            self.terms.append(gr.astype(weighted(self.results[-1]), dtype))

    @property
    def wrt(self) -> list[Node]:
        """The inputs that take a gradient."""
        return [x for x in self.feeds if x.type.is_float]

    def check(self, jit: bool) -> None:
        """Compile all, run it, and compare with the interpreter."""
        outputs = [self.loss, *self.results]
        gradients = gr.grad(self.loss, self.wrt, disconnected="zero") if self.wrt else []
        wanted = evaluate([*outputs, *gradients], self.feeds)
        program = gr.compile(outputs, wrt=self.wrt, jit=jit, disconnected="zero")
        found = program({x.name: array for x, array in self.feeds.items()})
        values, slopes = found if self.wrt else (found, {})
        close(["loss", *self.labels], values, [wanted[n] for n in outputs])
        close([f"d {x.name}" for x in self.wrt], slopes.values(), [wanted[g] for g in gradients])


def shapes(sample: Sample) -> list[tuple[Any, ...]]:
    """The shapes as inputs declare them, a named size called by its number."""
    return [(f"n{s.shape[0]}", *s.shape[1:]) if s.named else s.shape for s in sample.specs]


def weighted(node: Node) -> Node:
    """A scalar that depends on every element differently, and not linearly."""
    counts = GRAPHC.iota(node, node.shape, tuple(range(node.ndim)))
    return gr.sum(gr.sin(node) * (0.5 + 0.1 * counts))


def close(labels: Sequence[str], found: Iterable[Any], wanted: Iterable[np.ndarray]) -> None:
    for label, ours, theirs in zip(labels, found, wanted, strict=True):
        tolerance = TOLERANCE["f32" if theirs.dtype == np.float32 else "f64"]
        np.testing.assert_allclose(ours, theirs, tolerance, tolerance, err_msg=label)
        assert np.shape(ours) == theirs.shape, label
        assert np.ndim(ours) == 0 or ours.dtype == theirs.dtype, label


def labelled(name: str) -> list[Labelled]:
    return [(f"{name}{i}", sample) for i, sample in enumerate(SAMPLES[name])]


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("name", SAMPLES)
def test_plain_source_gives_what_the_interpreter_gives(name: str, dtype: str) -> None:
    Many(labelled(name), dtype).check(jit=False)


def some() -> list[Labelled]:
    """The samples to compile. Those of elementwise operations and reductions differ in shapes
    alone: each of these operations takes its turn at other shapes.
    """
    found: list[Labelled] = []
    for turn, name in enumerate(SAMPLES):
        step = STEPS.get(type(OPS[name].spell), 1) if name in OPS else 1
        samples = labelled(name)
        found += samples[turn % step :: step] or samples[:1]
    return found


STEPS = {Each: 3, Fold: 2}
COMPILED = some()
PROGRAMS = range(-(-len(COMPILED) // TOGETHER))


@pytest.mark.parametrize("number", PROGRAMS)
def test_compiled_source_gives_what_the_interpreter_gives(number: int) -> None:
    samples = COMPILED[number :: len(PROGRAMS)]
    Many(samples, ("f32", "f64")[number % 2]).check(jit=True)
