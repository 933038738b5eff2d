"""Problems in, what became of them out: how far graphc is from PyTorch, and how long each takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from time import perf_counter
from typing import Any

import numpy as np

import graphc as gr
from graphc.graph import INPUT
from graphc.interpret import evaluate

from .problem import Arrays, Problem

LIMIT = 1e-8
"""The relative difference that is allowed."""

TINY = 1e-6
"""Elements that are smaller than this part of the largest count as if they were so large."""

Results = list[np.ndarray]
Reference = Callable[[Arrays], dict[str, Callable[[], Any]]]


@dataclass(frozen=True)
class Outcome:
    """What became of one program of a problem; times in seconds, none where none are taken."""

    problem: str
    size: str
    what: str
    difference: float = float("inf")
    ours: float | None = None
    theirs: float | None = None
    why: str = ""

    @property
    def passed(self) -> bool:
        """Whether the results are PyTorch's."""
        return self.difference <= LIMIT

    def record(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {**asdict(self), "passed": self.passed}


def run(
    name: str, problem: Problem, size: str, arrays: Arrays, reference: Reference, way: str,
    budget: float = 0.0,
) -> Iterator[Outcome]:  # fmt: skip
    """Each program of a problem; times are taken for so many seconds where there is a budget."""

    @cache  # one function of PyTorch's may be the reference of several programs
    def known(call: Callable[[], Any]) -> tuple[Results, float | None]:
        return timed(lambda: flat(call()), budget)

    references = reference(arrays)
    for what, stages in problem.programs(arrays).items():
        wanted, theirs = known(references[what])
        try:
            call = program(stages, arrays, way)
            if budget:
                call()  # this one compiles
            found, ours = timed(call, budget)
            yield Outcome(name, size, what, distance(found, wanted), ours, theirs)
        except Exception as error:
            why = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            yield Outcome(name, size, what, why=why)


def program(stages: Sequence[gr.Node], arrays: Arrays, way: str) -> Callable[[], Results]:
    """What runs the stages."""
    inputs = stages[0].graph.leaves(INPUT)
    if way == "interpret":
        values = {n: arrays[n.name] for n in inputs}
        return lambda: interpreted(stages, values)
    compiled = gr.compile(list(stages), jit=way == "jit")
    feeds = {n.name: arrays[n.name] for n in inputs}
    return lambda: [np.asarray(v) for v in compiled(**feeds)]


def interpreted(stages: Sequence[gr.Node], values: dict[gr.Node, np.ndarray]) -> Results:
    """The stages by their meanings in NumPy."""
    found = evaluate(stages, values)
    return [np.asarray(found[n]) for n in stages]


def timed(call: Callable[[], Results], budget: float) -> tuple[Results, float | None]:
    """What a call answers, and the seconds of the fastest of those that the budget has time for;
    none where there is no budget.
    """
    times: list[float] = []
    while not times or (sum(times) < budget and len(times) < 1000):
        start = perf_counter()
        found = call()
        times.append(perf_counter() - start)
    return found, min(times) if budget else None


def flat(found: Any) -> Results:
    """PyTorch's results, one or several, as arrays."""
    several = found if isinstance(found, (list, tuple)) else [found]
    return [np.array(t.detach()) for t in several]


def distance(ours: Results, theirs: Results) -> float:
    """The largest relative difference of all results."""
    return max(relative(a, b) for a, b in zip(ours, theirs, strict=True))


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference of two elements over PyTorch's; infinite for other shapes or NaN."""
    if ours.shape != theirs.shape or not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return float("inf")
    size = np.abs(theirs)
    size = np.maximum(size, TINY * np.max(size, initial=0.0))
    far = np.abs(ours - theirs)
    parts = np.divide(far, size, out=np.where(far > 0, np.inf, 0.0), where=size > 0)
    return float(np.max(parts, initial=0.0))
