"""Stages in the place of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import DTypeError, GraphError, ShapeError
from graphc.graph import Graph, Node
from graphc.interpret import evaluate


def at(node: Node, **feeds: Any) -> Any:
    """The value of a stage for values of named leaves."""
    return evaluate([node], {node.graph[n]: v for n, v in feeds.items()})[node].tolist()


@pytest.fixture
def g() -> Graph:
    return Graph("g")


def test_a_stage_is_replaced_by_a_function_of_another(g: Graph) -> None:
    x, z = g.input("x"), g.input("z")
    y = gr.exp(x) * x
    assert at(gr.substitute(y, {x: 2 * z}), z=0.5) == pytest.approx(np.e)


def test_replacements_happen_at_once(g: Graph) -> None:
    a, b = g.input("a"), g.input("b")
    assert at(gr.substitute(a - b, {a: b, b: a}), a=1.0, b=5.0) == 4
    assert at(gr.substitute(a * a, {a: a + 1}), a=2.0) == 9


def test_what_does_not_read_it_is_shared(g: Graph) -> None:
    x, w = g.input("x"), g.input("w")
    e = gr.exp(w)
    y = gr.substitute(x * e, {"x": 3.0})
    assert y.args[1] is e


def test_an_inner_stage_may_be_replaced_by_a_number(g: Graph) -> None:
    x = g.input("x", (3,))
    h = gr.exp(x).named("h")
    y = gr.substitute(gr.sum(h * x), {"h": 2.0})
    assert at(y, x=[1, 2, 3]) == 12


def test_freezing_a_parameter_takes_its_gradient(g: Graph) -> None:
    w, v = g.param("w"), g.param("v")
    frozen = gr.substitute(w * v, {w: gr.stop_gradient(w)})
    d_w, d_v = gr.grad(frozen, [w, v], disconnected="zero")
    assert (at(d_w), at(d_v, w=3.0)) == (0, 3)


def test_names_stay_with_the_old_stages_and_lines_go_along(g: Graph) -> None:
    x = g.input("x")
    y = gr.exp(x).named("y")
    new = gr.substitute(y, {x: 1.0})
    assert (g["y"], new.name, new.where) == (y, None, y.where)


def test_several_outputs_come_as_a_list(g: Graph) -> None:
    x = g.input("x")
    first, second = gr.substitute([x + 1, x * 2], {x: 4.0})
    assert (at(first), at(second)) == (5, 8)


def test_what_does_not_fit_is_told(g: Graph) -> None:
    x, i = g.input("x", (3,)), g.input("i", (), "int64")
    y = gr.sum(x) * i
    with pytest.raises(ShapeError, match=r"shape \(2,\) cannot stand for one of shape \(3,\)"):
        gr.substitute(y, {x: np.ones(2)})
    with pytest.raises(ShapeError, match=r"shape \(2, 3\) cannot stand for one of shape \(3,\)"):
        gr.substitute(y, {x: np.ones((2, 3))})
    with pytest.raises(DTypeError, match="f64 cannot stand for i64"):
        gr.substitute(y, {i: 1.5})
    with pytest.raises(GraphError, match=r"input 'x' .*no output reads it"):
        gr.substitute(i + 1, {x: 0.0})
