"""New values of states: all made of the old ones, wherever they are computed and stored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from agreement import Stepped

import graphc as gr
from graphc.graph import Graph, Node

RNG = np.random.default_rng(5)


def numbers(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def state(g: Graph, name: str, *shape: int) -> Node:
    return g.state(name, shape, init=numbers(*shape))


ELSEWHERE: dict[str, Callable[[Node], Node]] = {
    "flipped": lambda a: gr.flip(a) + 1,
    "transposed": lambda a: a.T * 2,
    "first row": lambda a: a + a[0],
    "last row": lambda a: a + a[-1],
    "picked": lambda a: gr.take(a, [3, 0, 2, 1], axis=0) * 2,
    "mean": lambda a: a - gr.mean(a),
    "softmax": lambda a: gr.softmax(a, 0),
    "scattered": lambda a: gr.scatter_add(a, [0, 0, 2], gr.sin(a[:3])),
    "itself": lambda a: a,
    "constant": lambda a: gr.zeros_like(a) + 2,
}


@pytest.mark.parametrize("change", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_state_that_reads_itself_elsewhere_reads_its_old_value(
    change: Callable[[Node], Node],
) -> None:
    g = Graph()
    a = state(g, "a", 4, 4)
    Stepped({a: change(a)}, [gr.sum(a), a]).check()


@pytest.mark.parametrize("shape", [(), (4,)])
def test_states_may_be_exchanged(shape: tuple[int, ...]) -> None:
    g = Graph()
    a, b = state(g, "a", *shape), state(g, "b", *shape)
    Stepped({a: b, b: a}, [a, b]).check()


def test_states_may_be_made_of_one_another() -> None:
    g = Graph()
    a, b, c = (state(g, name, 3, 2) for name in "abc")
    both = a * b
    Stepped({a: b + 1, b: a * 2 + c, c: c * 0.9 + gr.exp(a)}, [both]).check()


def test_two_states_may_take_one_value() -> None:
    g = Graph()
    a, b = state(g, "a", 3), state(g, "b", 3)
    both = gr.sin(a) * b
    Stepped({a: both, b: both}, [both]).check()


def test_factors_of_a_product_move_at_once() -> None:
    g = Graph()
    u, v = state(g, "u", 20, 30), state(g, "v", 30, 20)
    error = g.input("error", (20, 20))
    step = Stepped({u: u - 0.1 * (error @ v.T), v: v - 0.1 * (u.T @ error)})
    step.check({"error": numbers(20, 20)})


def test_a_product_of_the_state_itself_is_not_added_to_it_in_place() -> None:
    g = Graph()
    a, x = state(g, "a", 20, 20), g.input("x", (20, 20))
    Stepped({a: a - 0.1 * (a @ x)}).check({"x": numbers(20, 20)})


@pytest.mark.parametrize("seen", ["product", "step", "named"])
def test_a_product_that_is_seen_is_stored(seen: str) -> None:
    g = Graph()
    a, x = state(g, "a", 20, 20), g.input("x", (20, 20))
    product = x @ x
    change = 0.1 * product
    if seen == "named":
        g.name(change=change)
    outputs = {"product": [product], "step": [change], "named": []}[seen]
    Stepped({a: a - change}, outputs).check({"x": numbers(20, 20)})


def test_a_product_that_nobody_sees_is_added_to_the_state_at_once() -> None:
    g = Graph()
    a, x = state(g, "a", 20, 20), g.input("x", (20, 20))
    step = Stepped({a: a - 0.1 * (x @ x)})
    step.check({"x": numbers(20, 20)})
    (task,) = step.program.plan.parts["step"].nest.tasks.order
    assert task.absorbs is not None


def test_the_factor_of_an_update_may_be_computed_and_may_change() -> None:
    g = Graph()
    a, b, rate = state(g, "a", 1, 1), state(g, "b", 20, 20), state(g, "rate")
    x, y = g.input("x", ("n", 1)), g.input("y", (20, 20))
    new = {rate: rate * 0.9, a: a - (rate * 0.5) * (x.T @ x), b: b + gr.sum(y) * (y @ y)}
    step = Stepped(new)
    for _ in range(2):
        step.check({"x": numbers(3, 1), "y": numbers(20, 20)})


def test_a_label_out_of_range_changes_no_state() -> None:
    g = Graph()
    a, i = state(g, "a", 5), g.input("i", (2,), "int64")
    step = Stepped({a: a + gr.sum(gr.sin(a)[i])})
    before = step.state["a"].copy()
    with pytest.raises(IndexError):
        step.program(i=[0, 5])
    np.testing.assert_array_equal(step.state["a"], before)
    step.check({"i": [0, 4]})
