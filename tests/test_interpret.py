"""The interpreter: NumPy's meaning of a graph, stage by stage."""

from __future__ import annotations

import numpy as np
import pytest

import graphc.ops as gr
from graphc.errors import FeedError, LabelError, ShapeError
from graphc.graph import Graph
from graphc.interpret import evaluate


def test_all_stages_have_their_values_and_types() -> None:
    g = Graph(dtype="float32")
    x = g.input("x", (2,))
    y = gr.exp(x) * 2
    found = evaluate([y], {x: [0.0, 1.0]})
    assert set(found) == set(g.nodes)
    assert all(found[n].dtype == n.type.numpy for n in g.nodes)


def test_named_sizes_come_from_the_feeds() -> None:
    g = Graph()
    x = g.input("x", ("2*n+1", 3))
    y = gr.sum(x) / gr.size(x, 0)
    assert evaluate([y], {x: np.ones((5, 3))})[y] == 3


def test_a_feed_of_another_shape_is_told() -> None:
    g = Graph()
    x, z = g.input("x", ("n", 3)), g.input("z", ("n",))
    with pytest.raises(ShapeError, match=r"shape \(4,\) was fed where \(n,\) is declared"):
        evaluate([x, z], {x: np.ones((5, 3)), z: np.ones(4)})


def test_a_missing_feed_is_told() -> None:
    x = Graph().input("x")
    with pytest.raises(FeedError, match="there is no value for input 'x'"):
        evaluate([gr.exp(x)], {})


def test_an_inner_stage_may_be_fed() -> None:
    x = Graph().input("x")
    y = gr.exp(x)
    assert evaluate([y + 1], {x: 0.0, y: np.array(5.0)})[y] == 5


def test_half_precision_never_comes_in() -> None:
    x = Graph().input("x", (), "int8")
    y = gr.exp(x)
    assert evaluate([y], {x: 3})[y] == pytest.approx(np.exp(3), rel=1e-7)


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ([0, 3, 1], "label 3 at position 1 is outside of 0..2"),
        ([0, 1, -1], "label -1 at position 2 is outside of 0..2"),
    ],
)
def test_a_label_out_of_range_is_told(label: list[int], sentence: str) -> None:
    g = Graph()
    x, t = g.input("x", (3, 3)), g.input("t", (3,), "int8")
    with pytest.raises(LabelError, match=sentence):
        evaluate([gr.cross_entropy(x, t)], {x: np.ones((3, 3)), t: label})


def test_an_index_out_of_range_is_told() -> None:
    g = Graph()
    x, i = g.input("x", (3,)), g.input("i", (2, 2), "int64")
    y = gr.sum(x[i - 2])
    with pytest.raises(IndexError) as error:
        evaluate([y], {x: np.ones(3), i: [[-1, 0], [1, 9]]})
    assert "index 7 at position (1, 1) is outside of -3..2" in str(error.value)


def test_a_chain_of_ten_thousand_stages_needs_no_recursion() -> None:
    x = y = Graph().input("x")
    for _ in range(10_000):
        y = y + 1
    assert evaluate([y], {x: 0.0})[y] == 10_000
