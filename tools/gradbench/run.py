"""Problems in, what became of them out: how far graphc is from PyTorch, and how long each takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np

import graphc as gr
from graphc.graph import INPUT
from graphc.interpret import evaluate

from .problem import Arrays, Problem

LIMIT = 1e-8
"""The relative difference that is allowed."""

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
    references, known = reference(arrays), {}
    for what, stages in problem.programs(arrays).items():
        try:
            call = references[what]
            if call not in known:
                known[call] = timed(lambda call=call: flat(call()), budget)
            wanted, theirs = known[call]
            compiled = program(stages, arrays, way)
            far = distance(compiled(), wanted)
            ours = timed(compiled, budget)[1] if budget else None
            yield Outcome(name, size, what, far, ours, theirs if budget else None)
        except Exception as error:
            why = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            yield Outcome(name, size, what, why=why)


def program(stages: Sequence[gr.Node], arrays: Arrays, way: str) -> Callable[[], list[np.ndarray]]:
    """What runs the stages."""
    stages = list(stages)
    inputs = stages[0].graph.leaves(INPUT)
    if way == "interpret":
        values = evaluate(stages, {n: arrays[n.name] for n in inputs})
        return lambda: [np.asarray(values[n]) for n in stages]
    feeds = {n.name: arrays[n.name] for n in inputs}
    compiled = gr.compile(stages, jit=way == "jit")
    return lambda: [np.asarray(v) for v in compiled(**feeds)]


def timed(call: Callable[[], Any], budget: float) -> tuple[Any, float]:
    """What a call answers first, and the seconds of the fastest of those the budget has time for,
    which is one at least.
    """
    times: list[float] = []
    found = None
    while not times or (sum(times) < budget and len(times) < 1000):
        start = perf_counter()
        now = call()
        times.append(perf_counter() - start)
        found = now if found is None else found
    return found, min(times)


def flat(found: Any) -> list[np.ndarray]:
    """PyTorch's results, one or several, as arrays."""
    several = found if isinstance(found, (list, tuple)) else [found]
    return [np.array(t.detach()) for t in several]


def distance(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> float:
    """The largest relative difference of all results."""
    return max(relative(a, b) for a, b in zip(ours, theirs, strict=True))


TINY = 1e-6
"""Elements that are smaller than this part of the largest count as if they were so large."""


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference of two elements over PyTorch's; infinite for other shapes or NaN."""
    if ours.shape != theirs.shape or not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return float("inf")
    if not theirs.size:
        return 0.0
    size = np.abs(theirs)
    size = np.maximum(size, TINY * size.max())
    far = np.abs(ours - theirs)
    return float(np.max(np.divide(far, size, out=np.where(far > 0, np.inf, 0.0), where=size > 0)))
