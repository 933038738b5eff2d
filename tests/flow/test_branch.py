"""`cond`, `while_loop` and `fori`: what they compute, and that only one branch does."""

from __future__ import annotations

from typing import Any

import networkx
import numpy as np
import pytest

import graphc as gr
from graphc.errors import DTypeError, GraphcError, GraphError, ShapeError

FORMS = [{"jit": False, "form": "plain"}, {"jit": False}, {}]


@pytest.mark.parametrize("options", FORMS, ids=str)
def test_cond_takes_one_branch_and_its_gradient(options: dict[str, Any]) -> None:
    g = gr.Graph()
    x, v = g.input("x"), g.input("v", (4,))
    y = gr.cond(x > 0, lambda: gr.sqrt(x) * v, lambda: v * v)
    program = gr.compile(gr.sum(y), wrt=[x, v], **options)
    row = np.array([1.0, 2.0, 3.0, 4.0])
    value, slopes = program(x=4.0, v=row)
    assert value == pytest.approx(20.0)
    assert slopes["x"] == pytest.approx(2.5)
    np.testing.assert_allclose(slopes["v"], [2, 2, 2, 2])
    value, slopes = program(x=-4.0, v=row)  # the root of -4 is never taken: no NaN anywhere
    assert value == pytest.approx(30.0)
    assert slopes["x"] == 0
    np.testing.assert_allclose(slopes["v"], 2 * row)


def test_what_a_branch_computes_stands_in_its_own_kernel() -> None:
    g = gr.Graph()
    x, v = g.input("x"), g.input("v", (4,))
    y = gr.cond(x > 0, lambda: gr.exp(v), lambda: gr.tanh(v))
    text = gr.compile(y, jit=False, form="plain").source("forward")
    then, otherwise, around = text.split("def ")[1:]
    assert "exp(" in then
    assert "tanh(" in otherwise
    assert "exp(" not in around
    assert "tanh(" not in around


@pytest.mark.parametrize("options", FORMS, ids=str)
def test_while_loop_runs_until_its_condition_fails(options: dict[str, Any]) -> None:
    g = gr.Graph()
    x, v = g.input("x"), g.input("v", (4,))
    count, size = gr.while_loop(lambda c: c[1] < 100.0, lambda c: (c[0] + 1, c[1] * x), (0, 1.5))
    grown = gr.while_loop(lambda c: gr.sum(c) < 50.0, lambda c: c * 2, v)
    program = gr.compile([count, size, grown], **options)
    found = program(x=3.0, v=np.ones(4))
    assert found[:2] == [4, 1.5 * 81]
    np.testing.assert_array_equal(found[2], np.full(4, 16.0))
    assert program(x=1000.0, v=np.full(4, 90.0))[:2] == [1, 1500.0]


def test_fori_counts_and_has_a_gradient() -> None:
    g = gr.Graph()
    x = g.input("x")
    power = gr.fori(0, 5, lambda i, c: c * x, 1.0)
    triangle = gr.fori(2, 5, lambda i, c: c + i, x)
    value, slopes = gr.compile(power, wrt=[x], jit=False)(x=2.0)
    assert (value, slopes["x"]) == (32.0, 80.0)
    assert gr.compile(triangle, jit=False)(x=1.0) == 10.0


def test_a_while_loop_lets_no_gradient_through_and_says_so() -> None:
    g = gr.Graph()
    x = g.input("x")
    y = gr.while_loop(lambda c: c < 10.0, lambda c: c * 2, x)
    for derivative in (lambda: gr.grad(y + x, x), lambda: gr.hessian(y, x)):
        with pytest.raises(GraphError, match=r"while_loop .* lets no gradient through"):
            derivative()
    assert gr.compile(gr.grad(gr.stop_gradient(y) + x, x), jit=False)(x=1.0) == 1.0


def test_branches_give_values_of_one_type() -> None:
    g = gr.Graph()
    x, v = g.input("x"), g.input("v", (4,))
    with pytest.raises(ShapeError, match=r"one branch gives f64, the other one f64\[4\]"):
        gr.cond(x > 0, lambda: x * 1, lambda: v * 1)
    with pytest.raises(DTypeError, match="bool without axes"):
        gr.cond(v > 0, lambda: x * 1, lambda: x * 2)


def test_a_number_takes_the_type_that_the_other_branch_gives() -> None:
    x = gr.Graph(dtype="float32").input("x")
    y = gr.cond(x > 0, lambda: gr.log(x), lambda: 0)
    assert y.dtype == "f32"
    assert gr.compile(y, jit=False)(x=-1.0) == 0
    with pytest.raises(DTypeError, match="one branch gives i64, the other one f64"):
        gr.cond(x > 0, lambda: gr.astype(x, "int64"), lambda: 0.5)


def test_control_flow_survives_a_file() -> None:
    g = gr.Graph()
    x, v = g.input("x"), g.input("v", (4,))
    y = gr.cond(x > 0, lambda: gr.sum(v) * x, lambda: x)
    z = gr.while_loop(lambda c: c < 10.0, lambda c: c * 2 + 1, y)
    total, _ = gr.scan(lambda c, row: (c * row + x, None), gr.stop_gradient(z), v)
    g.outputs["slope"] = gr.grad(total, v)
    text = "\n".join(networkx.generate_graphml(g.to_networkx()))
    again = gr.from_networkx(networkx.parse_graphml(text))
    assert again.hash == g.hash
    damages = {"carries": "-1", "rows": "7", "length": "5", "body": "graph: []"}
    for name, wrong in damages.items():
        plain = g.to_networkx()
        stage = next(n for n, said in plain.nodes(data=True) if said["op"] == "scan")
        plain.nodes[stage][name] = wrong
        with pytest.raises(GraphcError):
            gr.from_networkx(plain)
