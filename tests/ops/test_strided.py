"""Operations on arguments that do not lie in order, and on many elements: the same as in order, and
as few.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from samples import SAMPLES, Sample
from test_agree import TOGETHER, close
from test_ops import GRAPHC

import graphc as gr
from graphc.graph import OPS, Graph, Node
from graphc.interpret import evaluate
from graphc.ops.spell import Each

MANY = 4099
"""A prime: no register, block or share of a thread comes out even."""


def matrices(name: str) -> list[Sample]:
    """The first samples of an operation with a float argument of two axes or more."""
    found = [s for s in SAMPLES[name] if any(_is_matrix(a) for a in s.arrays("f64"))]
    return found[:2]


def _is_matrix(array: np.ndarray) -> bool:
    return array.ndim > 1 and array.dtype.kind == "f" and array.size > 1


@pytest.mark.parametrize("name", [n for n in SAMPLES if matrices(n)])
def test_arguments_may_lie_in_any_order(name: str) -> None:
    """Each matrix comes as the transpose of the transposed, a row more at its end cut off."""
    for sample in matrices(name):
        arrays = sample.arrays("f64")
        graph, straight = Graph(), Graph()
        feeds: dict[Node, np.ndarray] = {}
        args = [_askew(graph, i, a, feeds) for i, a in enumerate(arrays)]
        plain = [straight.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
        wanted = sample.call(GRAPHC, *plain)
        result = sample.call(GRAPHC, *args)
        found = gr.compile([result], jit=False)({n.name: a for n, a in feeds.items()})
        close([name], found, [evaluate([wanted], dict(zip(plain, arrays, strict=True)))[wanted]])


def _askew(graph: Graph, i: int, array: np.ndarray, feeds: dict[Node, np.ndarray]) -> Node:
    """An input that the array is a transposed slice of, and that slice."""
    if not _is_matrix(array):
        plain = graph.input(f"x{i}", array.shape, array.dtype)
        feeds[plain] = array
        return plain
    turned = np.concatenate([array.T, array.T[:1]])
    whole = graph.input(f"x{i}", turned.shape, array.dtype)
    feeds[whole] = turned
    return gr.transpose(whole[:-1])


def rows() -> list[tuple[str, Sample]]:
    """For each elementwise operation a sample whose arguments may as well be longer."""
    found = []
    for name, samples in SAMPLES.items():
        alike = [s for s in samples if _is_row(s)]
        if name in OPS and isinstance(OPS[name].spell, Each) and alike:
            found.append((name, alike[-1]))
    return found


def _is_row(sample: Sample) -> bool:
    shapes = {spec.shape for spec in sample.specs if spec.shape}
    return len(shapes) == 1 and len(next(iter(shapes))) == 1 and shapes != {(0,)}


ROWS = rows()


@pytest.mark.parametrize("number", range(-(-len(ROWS) // TOGETHER)))
def test_many_elements_are_as_few(number: int) -> None:
    chosen = ROWS[number * TOGETHER : (number + 1) * TOGETHER]
    dtype = ("f32", "f64")[number % 2]
    graph = Graph(dtype=dtype)
    feeds: dict[Node, np.ndarray] = {}
    results = [_stretched(graph, name, sample, dtype, feeds) for name, sample in chosen]
    wanted = evaluate(results, feeds)
    found = gr.compile(results)({n.name: a for n, a in feeds.items()})
    close([name for name, _ in chosen], found, [wanted[n] for n in results])


def _stretched(graph: Graph, name: str, sample: Sample, dtype: str, feeds: dict[Node, Any]) -> Node:
    args = []
    for i, array in enumerate(sample.arrays(dtype)):
        long = np.resize(array, MANY) if array.ndim else array
        args.append(graph.input(f"{name}.{i}", long.shape, long.dtype))
        feeds[args[-1]] = long
    return sample.call(GRAPHC, *args)
