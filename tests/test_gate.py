"""A user's gate is an operation like any other; any operation is the lecture's object."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import graphc.ops as gr
from graphc.errors import GraphError, UsageError
from graphc.gates.gate import GATES, Gate, gate
from graphc.grad import grad
from graphc.graph import FUNCTIONS, OPS, Graph, Node, Op
from graphc.interpret import evaluate


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    for name in list(GATES):
        del GATES[name], OPS[name], FUNCTIONS[name]


def cube(c: float = 1.0) -> Op:
    return gate(
        "cube",
        forward=lambda x, c: c * x**3,
        local_gradient=lambda g, y, x, c: g * 3 * c * x**2,
        c=c,
    )


def value(node: Node, **feeds: object) -> np.ndarray:
    return evaluate([node], {node.graph[n]: v for n, v in feeds.items()})[node]


def test_a_gate_is_one_stage_of_the_graph() -> None:
    x = Graph().input("x", (3,))
    y = cube()(x)
    assert (y.op.name, y.args, str(y.type)) == ("cube", (x,), "f64[3]")
    assert value(y, x=[1, 2, 3]).tolist() == [1, 8, 27]


def test_a_gates_gradient_is_the_one_it_was_given() -> None:
    wrong = gate("wrong", forward=lambda x: x, local_gradient=lambda g, y, x: g * 7)
    x = Graph().input("x")
    assert value(grad(wrong(x), x), x=1.0) == 7


def test_a_gates_gradient_has_a_gradient() -> None:
    x = Graph().input("x")
    assert value(grad(grad(cube()(x), x), x), x=2.0) == 12


def test_constants_come_with_the_gate_or_with_the_call() -> None:
    x = Graph().input("x")
    twice = cube(c=2.0)
    assert value(twice(x), x=3.0) == 54
    assert value(twice(x, c=3.0), x=3.0) == 81
    assert value(grad(twice(x, c=3.0), x), x=3.0) == 81


def test_a_gate_of_two_arguments_gives_two_terms() -> None:
    mix = gate(
        "mix", forward=lambda a, b: a * b + 1, local_gradient=lambda g, y, a, b: (g * b, g * a)
    )
    g = Graph()
    a, b = g.input("a", (2, 1)), g.input("b", (3,))
    d_a, d_b = grad(gr.sum(mix(a, b)), [a, b])
    assert value(d_a, a=[[1], [2]], b=[1, 2, 3]).tolist() == [[6], [6]]
    assert value(d_b, a=[[1], [2]], b=[1, 2, 3]).tolist() == [3, 3, 3]


def test_none_lets_no_gradient_through() -> None:
    half = gate("half", forward=lambda a, b: a + b, local_gradient=lambda g, y, a, b: (g, None))
    g = Graph()
    a, b = g.input("a"), g.input("b")
    assert value(grad(half(a, b) * b, b), a=1.0, b=2.0) == 3


def test_a_wrong_number_of_terms_is_told() -> None:
    short = gate("short", forward=lambda a, b: a + b, local_gradient=lambda g, y, a, b: g)
    g = Graph()
    a = g.input("a")
    with pytest.raises(UsageError) as error:
        grad(short(a, a), a)
    assert (
        str(error.value)
        == "[G601] the gate 'short' has 2 arguments, but its local gradient has 1 terms"
    )


def test_a_gate_may_be_declared_again() -> None:
    cube()
    assert gate("cube", forward=lambda x: x, local_gradient=lambda g, y, x: g) is OPS["cube"]


@pytest.mark.parametrize("name", ["multiply", "mean", "clip", "input"])
def test_a_gate_cannot_take_an_operations_name(name: str) -> None:
    with pytest.raises(GraphError, match=f"graphc has an operation named '{name}' already"):
        gate(name, forward=lambda x: x, local_gradient=lambda g, y, x: g)


@pytest.mark.parametrize("name", ["class", "x); import os", "🙂", "d_x"])
def test_a_gate_may_have_any_other_name(name: str) -> None:
    x = Graph().input("x")
    assert gate(name, forward=gr.exp, local_gradient=lambda g, y, x: g * y)(x).op.name == name


def test_shapes_are_checked_inside_a_gate() -> None:
    g = Graph()
    both = gate("both", forward=lambda a, b: a @ b, local_gradient=lambda g, y, a, b: (g, g))
    with pytest.raises(ValueError, match="inner sizes 3 != 4"):
        both(g.input("a", (2, 3)), g.input("b", (4, 2)))


# The lecture's object


def test_multiply_gate_of_the_lecture() -> None:
    multiply = Gate("multiply")
    assert multiply.forward(4, -3) == -12
    assert multiply.backward(2.0) == [-6, 8]


def test_max_gate_routes_to_one_input() -> None:
    top = Gate("maximum")
    assert (top.forward(4, 2), top.backward(1.0)) == (4, [1, 0])
    assert (top.forward(3, 3), top.backward(1.0)) == (3, [1, 0])


def test_gate_undoes_broadcasting() -> None:
    add = Gate("add")
    assert add.forward(np.ones((2, 3)), np.ones(3)).shape == (2, 3)
    d_a, d_b = add.backward(np.full((2, 3), 2.0))
    assert (d_a.tolist(), d_b.tolist()) == ([[2] * 3] * 2, [4, 4, 4])


def test_gate_of_several_stages_and_of_a_users_gate() -> None:
    neuron = Gate(lambda w, x: gr.sigmoid(gr.sum(w * x)))
    neuron.forward(np.array([2.0, -3, -3]), np.array([-1.0, -2, 1]))
    assert np.round(neuron.backward()[0], 3).tolist() == [-0.197, -0.393, 0.197]
    own = Gate(cube(), c=2.0)
    assert (own.forward(2), own.backward(1)) == (16, [24])


def test_labels_take_no_gradient() -> None:
    loss = Gate("cross_entropy")
    assert loss.forward(np.zeros((1, 2)), np.array([0])) == pytest.approx(np.log(2))
    d_scores, d_labels = loss.backward()
    assert (d_scores.tolist(), d_labels) == ([[-0.5, 0.5]], None)


def test_backward_comes_after_forward() -> None:
    with pytest.raises(UsageError) as error:
        Gate("exp").backward(1.0)
    expected = "[G601] backward comes after forward, whose numbers it needs"
    assert str(error.value) == expected


def test_unknown_gate_is_told() -> None:
    with pytest.raises(UsageError, match="no operation is named 'mul'"):
        Gate("mul")
