"""Samples and their row -> one graph with all of them side by side, run and compared.

The loss is the sum of every result times its cotangent, so one backward sweep serves all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import graphc as gr
from graphc.graph import STATE
from graphc.interpret import evaluate

from .rows import Functions, Row
from .samples import Array, Expected, Sample, Tensor, as_array, translated, wants_gradient


@dataclass(frozen=True)
class Case:
    """A sample with what it should give, and how closely."""

    sample: Sample
    want: Expected
    tolerance: float

    @property
    def elements(self) -> int:
        """How many numbers its tensors have."""
        return sum(t.numel() for t in self.sample.tensors())


@dataclass(frozen=True)
class Placed:
    """A case within a graph."""

    case: Case
    results: list[gr.Node]
    wrt: list[gr.Node]


class Program:
    """Cases side by side in one graph."""

    def __init__(self) -> None:
        self.graph = gr.Graph("opinfo")
        self.feeds: dict[gr.Node, Array] = {}
        self.placed: list[Placed] = []
        self.loss = self.graph.constant(0.0)

    def build(self, row: Row, sample: Sample) -> tuple[list[gr.Node], dict[int, gr.Node]]:
        """The results of a sample's call, and its tensors' stages; raises what graphc raises."""
        stages: dict[int, gr.Node] = {}

        def stage(tensor: Tensor) -> gr.Node:
            if id(tensor) not in stages:
                dtype = str(tensor.dtype).removeprefix("torch.")
                node = self.graph.input(f"s{len(self.feeds)}", tuple(tensor.shape), dtype)
                stages[id(tensor)], self.feeds[node] = node, as_array(tensor)
            return stages[id(tensor)]

        args, kwargs = translated((sample.args, sample.kwargs), stage)
        found = row.call(Functions(self.graph, self.feeds), *args, **kwargs)
        return [self._as_stage(r) for r in flat(found)], stages

    def _as_stage(self, value: Any) -> gr.Node:
        return value if isinstance(value, gr.Node) else self.graph.constant(np.asarray(value))

    def add(self, row: Row, case: Case) -> None:
        """Build one case; raises what graphc raises, AssertionError for other results."""
        results, stages = self.build(row, case.sample)
        assert len(results) == len(case.want.values), f"{len(results)} results"
        for result, value in zip(results, case.want.values, strict=True):
            alike(result, value)
        wrt = [stages[id(t)] for t in case.sample.tensors() if wants_gradient(t)]
        for result, cotangent in zip(results, case.want.cotangents, strict=False):
            if cotangent is not None:
                self.loss = self.loss + gr.sum(result * self._fed(cotangent))
        self.placed.append(Placed(case, results, wrt if case.want.slopes else []))

    def _fed(self, array: Array) -> gr.Node:
        node = self.graph.input(f"s{len(self.feeds)}", array.shape, array.dtype)
        self.feeds[node] = array
        return node

    def failures(self, way: Way) -> dict[str, str]:
        """The cases that differ, and where; raises what graphc raises."""
        results = [r for p in self.placed for r in p.results]
        wrt = [w for p in self.placed for w in p.wrt]
        values, slopes = way(self, results, wrt)
        found: dict[str, str] = {}
        for p in self.placed:
            why = unlike("result", p.case.want.values, [values[r] for r in p.results], p.case)
            why = why or unlike("gradient", p.case.want.slopes, [slopes[w] for w in p.wrt], p.case)
            if why:
                found[str(p.case.sample)] = why
        return found


Values = dict[gr.Node, Array]
Way = Callable[[Program, list[gr.Node], list[gr.Node]], tuple[Values, Values]]


def interpreted(program: Program, results: list[gr.Node], wrt: list[gr.Node]) -> Any:
    """Values and gradients as operations mean them in NumPy."""
    slopes = gr.grad(program.loss, wrt, disconnected="zero") if wrt else []
    states = {s: np.zeros(s.type.shape, s.type.numpy) for s in program.graph.leaves(STATE)}
    found = evaluate([program.loss, *results, *slopes], program.feeds | states)
    return found, {w: found[s] for w, s in zip(wrt, slopes, strict=True)}


def compiled(program: Program, results: list[gr.Node], wrt: list[gr.Node], *, jit: bool) -> Any:
    """Values and gradients from the emitted module, with the JIT or as plain Python."""
    run = gr.compile([program.loss, *results], wrt=wrt or None, jit=jit, disconnected="zero")
    found = run({str(node.name): array for node, array in program.feeds.items()})
    values, slopes = found if wrt else (found, {})
    return dict(zip(results, values[1:], strict=True)), {w: slopes[str(w.name)] for w in wrt}


LARGE = 100_000
"""Numbers in a program's inputs that plain Python takes minutes for."""


def plain(program: Program, results: list[gr.Node], wrt: list[gr.Node]) -> Any:
    """As plain Python, unless that takes too long."""
    elements = sum(array.size for array in program.feeds.values())
    return compiled(program, results, wrt, jit=elements > 4 * LARGE)


WAYS: dict[str, Way] = {
    "interpret": interpreted,
    "plain": plain,
    "jit": partial(compiled, jit=True),
}


def flat(value: Any) -> Iterable[Any]:
    """The results one after another, without those that are None."""
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from flat(item)
    elif value is not None:
        yield value


KINDS = {"f": "a float", "i": "an integer", "u": "an integer", "b": "a bool"}


def alike(result: gr.Node, value: Array) -> None:
    """Raises AssertionError where shape or kind of element are not PyTorch's."""
    kind, wanted = KINDS[result.type.numpy.kind], KINDS.get(value.dtype.kind, "a complex number")
    assert result.shape == value.shape, f"shape {result.shape}, PyTorch's is {value.shape}"
    assert kind == wanted, f"{kind}, PyTorch's is {wanted}"


def unlike(what: str, wanted: list[Array], found: list[Array], case: Case) -> str:
    """Where the first array differs that does; nothing if none does."""
    for i, (theirs, ours) in enumerate(zip(wanted, found, strict=True)):
        close = np.isclose(ours, theirs, case.tolerance, case.tolerance, equal_nan=True)
        if not np.all(close):
            at = tuple(map(int, np.argwhere(~close)[0]))
            numbers = f"{np.asarray(ours)[at]} is not {theirs[at]}"
            return f"{what} {i} at {at} of {theirs.shape}: {numbers} ({np.sum(~close)} differ)"
    return ""
