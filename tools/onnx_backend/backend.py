"""graphc as ONNX's tests see a backend: a model goes in, what runs it comes out.

What graphc lacks raises SkipTest. Inputs that shapes are computed from are fixed to what the first
run feeds, and no others: the model is read again for other values or sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest import SkipTest

import numpy as np
from onnx import ModelProto
from onnx.backend.base import Backend, BackendRep

import graphc as gr
from graphc.interpret import evaluate
from graphc.io.onnx import UnknownValue, Unsupported, inputs_of, load


class GraphcRep(BackendRep):
    """A model that is read when the first arrays come, and then runs."""

    def __init__(self, model: ModelProto, way: str) -> None:
        self.model, self.way = model, way
        self.names = [i.name for i in inputs_of(model)]
        self.fixed: set[str] = set()
        self.readings: dict[Any, Reading] = {}

    def run(self, inputs: Sequence[np.ndarray], **_: Any) -> tuple[np.ndarray, ...]:
        """The model's results, in order; raises SkipTest for what graphc lacks."""
        feeds = {n: _array(n, v) for n, v in zip(self.names, inputs, strict=False)}
        try:
            return self.reading(feeds).run(feeds)
        except Unsupported as lack:
            raise SkipTest(str(lack)) from None

    def reading(self, feeds: dict[str, np.ndarray]) -> Reading:
        """The graph for arrays of these shapes, and these values of what must be known."""
        key = self._key(feeds)
        while key not in self.readings:
            try:
                self.readings[key] = self._read(feeds)
            except UnknownValue as unknown:
                if not set(unknown.inputs) - self.fixed:
                    raise
                self.fixed |= set(unknown.inputs)
                key = self._key(feeds)
        return self.readings[key]

    def _key(self, feeds: dict[str, np.ndarray]) -> Any:
        shapes = tuple(v.shape for v in feeds.values())
        return shapes, *(feeds[n].tobytes() for n in sorted(self.fixed))

    def _read(self, feeds: dict[str, np.ndarray]) -> Reading:
        fixed = {name: feeds[name] for name in self.fixed}
        shapes = {name: v.shape for name, v in feeds.items() if name not in fixed}
        return Reading(load(self.model, values=fixed, shapes=shapes), self.way)


def _array(name: str, value: Any) -> np.ndarray:
    """An array or a number as an array; raises SkipTest for a sequence or an absent optional."""
    if not isinstance(value, (np.ndarray, np.generic)):
        raise SkipTest(f"the input {name!r} is a {type(value).__name__}, not an array")
    return np.asarray(value)


class Reading:
    """A graph, ready to run."""

    def __init__(self, graph: gr.Graph, way: str) -> None:
        self.graph, self.outputs = graph, list(graph.outputs.values())
        self.program = None if way == "interpret" else gr.compile(self.outputs, jit=way == "jit")

    def run(self, feeds: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The results for these arrays."""
        declared = {n.name for n in self.graph.nodes if n.op.name == "input"}
        fed = {n: v for n, v in feeds.items() if n in declared}
        if self.program is not None:
            found = zip(self.program(fed), self.outputs, strict=True)
            return tuple(np.asarray(v, node.type.numpy) for v, node in found)
        leaves = {self.graph[n]: v for n, v in fed.items()} | self.weights()
        values = evaluate(self.outputs, leaves)
        return tuple(values[node] for node in self.outputs)

    def weights(self) -> dict[gr.Node, np.ndarray]:
        """The params, as the file has them."""
        params = [n for n in self.graph.nodes if n.op.name == "param"]
        draw = np.random.default_rng(0)
        return {n: n.attrs["init"](draw, n.shape, n.type.numpy) for n in params}


class GraphcBackend(Backend):
    """ONNX's door to graphc; `way` says how graphs run: "plain", "interpret" or "jit"."""

    way = "plain"

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """The CPU alone."""
        return device == "CPU"

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **_: Any) -> GraphcRep:
        """What runs the model; it is read when it is known what it runs on."""
        return GraphcRep(model, cls.way)


def backend(way: str) -> type[GraphcBackend]:
    """A backend whose graphs run in this way."""
    return type(f"Graphc{way.title()}", (GraphcBackend,), {"way": way})
