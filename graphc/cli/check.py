"""A model in; random numbers for its inputs and the check of its gradient at them out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np

from graphc.check import check_gradient
from graphc.cli.model import Model, find, loss_of
from graphc.cli.tell import report, seed
from graphc.errors import GraphcError, UsageError
from graphc.graph import INPUT, PARAM, Node
from graphc.interpret import evaluate
from graphc.runtime.arena import State, leaves_of
from graphc.runtime.program import Program
from graphc.train.step import Step
from graphc.types import Type, bind_shape, dim_names

Arrays = dict[str, np.ndarray]
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

SIZES = (4, 24)  # of the first named size, the next is one more: equal sizes would hide a mix-up
BOUNDS = (10, 5, 3, 2, 1)  # integers are drawn below this, being labels or indices as a rule


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of both signs."""
    return np.asarray(rng.standard_normal(shape))


def away_from_zero(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers that have a logarithm and a root."""
    return np.asarray(rng.uniform(0.5, 1.5, shape))


def fill(parser: argparse.ArgumentParser) -> None:
    """The options of `graphc check`."""
    parser.add_argument("model", metavar="MODEL.py:NAME", help="a stage, Graph, Program or Step")
    parser.add_argument("--seed", type=seed, default=0, help="of the random numbers (0)")


def run(options: argparse.Namespace) -> int:
    """Print the table of the check; 1 where a gradient is wrong."""
    loss, wrt, held = _meant(find(options.model), options.seed)
    sample = sample_of(loss, held, options.seed)
    found = check_gradient(loss, sample.feeds, wrt or None, seed=options.seed, params=sample.params)
    if not found.rows:
        raise UsageError("it reads no floating param or input", subject=loss.label)
    facts = {"ok": found.ok, "model": options.model, "seed": options.seed, "sizes": sample.sizes}
    sizes = "".join(f", {name} = {n}" for name, n in sample.sizes.items())
    report(options, facts | asdict(found), f"{loss.label} at random numbers{sizes}\n{found}")
    return 0 if found.ok else 1


def _meant(found: Model, seed: int) -> tuple[Node, tuple[Node, ...], Mapping[str, np.ndarray]]:
    """The loss, what to differentiate by where that is said, and the values of what is kept."""
    if isinstance(found, Step):
        found = found.program
    if isinstance(found, Program):
        joint = found.after["take"]
        return joint.outputs[0], joint.wrt, found.params
    loss = loss_of(found)
    return loss, (), State(leaves_of(loss.graph), seed)


# Random numbers


@dataclass(frozen=True)
class Sample:
    """Numbers at which a stage has a finite value."""

    sizes: dict[str, int]
    feeds: Arrays
    params: Arrays


def sample_of(loss: Node, held: Mapping[str, np.ndarray], seed: int) -> Sample:
    """Random inputs of small sizes, and the kept values with zeros moved a little.

    The first of several kinds at which the stage is finite. Raises what graphc says of the last
    kind, or UsageError when none will do.
    """
    leaves = [n for n in loss.graph.order(loss) if n.op is INPUT or n.name in held]
    failed: Exception | None = None
    for size, bound, draw in product(SIZES, BOUNDS, (normal, away_from_zero)):
        sample = _drawn(leaves, held, size, bound, draw, np.random.default_rng(seed))
        try:
            if _is_finite(loss, leaves, sample):
                return sample
        except (GraphcError, ValueError, IndexError) as error:
            failed = error
    if isinstance(failed, GraphcError):
        raise failed
    hint = "check it with feeds of your own: gr.check_gradient(loss, {'x': ...})"
    raise UsageError("no random numbers give it a finite value", subject=loss.label, hint=hint)


def _drawn(
    leaves: list[Node], held: Mapping[str, np.ndarray], size: int, bound: int, draw: Draw,
    rng: np.random.Generator,
) -> Sample:  # fmt: skip
    inputs = [n for n in leaves if n.op is INPUT]
    sizes = {name: size + i for i, name in enumerate(_size_names(inputs))}
    feeds = {n.name or "": _array(n.type, sizes, bound, draw, rng) for n in inputs}
    params = {n.name or "": _moved(n, held, rng) for n in leaves if n.op is not INPUT}
    return Sample(sizes, feeds, params)


def _size_names(inputs: Iterable[Node]) -> list[str]:
    """The named sizes of some inputs, in order."""
    return list(dict.fromkeys(s for n in inputs for dim in n.shape for s in dim_names(dim)))


def _array(
    kind: Type, sizes: Mapping[str, int], bound: int, draw: Draw, rng: np.random.Generator
) -> np.ndarray:
    shape = bind_shape(kind.shape, sizes)
    if kind.is_float:
        return draw(rng, shape).astype(kind.numpy)
    drawn: Any = rng.integers(0, 2 if kind.dtype == "bool" else bound, shape)
    return np.asarray(drawn, kind.numpy)


def _moved(leaf: Node, held: Mapping[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """A kept value; a param of zeros is moved, since relu(x @ 0) sits on its kink."""
    value = np.array(held[leaf.name or ""])
    if leaf.op is not PARAM or not leaf.type.is_float or value.any():
        return value
    return np.asarray(0.1 * rng.standard_normal(value.shape), value.dtype)


def _is_finite(loss: Node, leaves: list[Node], sample: Sample) -> bool:
    given = {**sample.feeds, **sample.params}
    value = evaluate([loss], {n: given[n.name or ""] for n in leaves}, sample.sizes)[loss]
    return bool(np.isfinite(value).all())
