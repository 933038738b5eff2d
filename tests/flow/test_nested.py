"""Derivatives within the functions of loops and branches, and derivatives of derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import GraphError
from graphc.graph import Graph, Node
from graphc.interpret import evaluate


def at(node: Node, **feeds: Any) -> np.ndarray:
    """The value of a stage for values of named leaves."""
    return evaluate([node], {node.graph[n]: v for n, v in feeds.items()})[node]


def cubic(x: Node) -> Node:
    return gr.sum(x**3)


def test_a_branch_takes_gradients_with_respect_to_what_it_is_handed() -> None:
    x = Graph().input("x", (2,))
    y = x * 2
    slope = gr.cond(
        x[0] > 0, lambda y: gr.grad(gr.sum(y * y), y), lambda y: gr.jacobian(cubic(y), y), y
    )
    assert at(slope, x=[1.0, 2.0]).tolist() == [4, 8]
    assert at(slope, x=[-1.0, 2.0]).tolist() == [12, 48]


def test_a_step_takes_gradients_with_respect_to_a_stage_around_it() -> None:
    x = Graph().input("x", (2,))
    found = gr.fori(0, 3, lambda i, s: s + gr.jvp(cubic(x), x, x * s), 1.0)
    assert at(found, x=[1.0, 2.0]) == pytest.approx(28**3)


def test_part_of_a_gradient_is_refused() -> None:
    x = Graph().input("x")
    twice = 2 * x
    with pytest.raises(GraphError, match="other stages around this function"):
        gr.cond(x > 0, lambda: gr.grad(x * twice, x), lambda: x)


def test_loops_and_branches_on_the_same_arguments_stay_apart() -> None:
    x = Graph().input("x", (2,))

    def grown(by: int) -> list[Node]:
        return gr.while_loop(lambda s: s[0][0] < 10, lambda s: (s[0] * by, s[1] + 1), (x, x))

    def chosen(by: int) -> list[Node]:
        return gr.cond(x[0] > 0, lambda x: (x * by, x + 1), lambda x: (x, x), x)

    ends = [*grown(2), *grown(3), *chosen(2), *chosen(5)]
    found = gr.compile(ends, jit=False)(x=np.array([1.0, 2.0]))
    assert [v[0] for v in found] == [16, 5, 27, 4, 2, 2, 5, 2]


def powers(x: Node) -> Node:
    """x^4 by a loop, and the sum of x, x^2, x^3 by a scan's rows."""
    fourth = gr.while_loop(lambda s: s[1] < 3, lambda s: (s[0] * x, s[1] + 1), (x, 0))[0]
    _, rows = gr.scan(lambda c: (c * x, c), x, length=3)
    return fourth + gr.sum(rows)


def test_tangents_of_tangents_run_along_loops() -> None:
    x = Graph().input("x")
    f = powers(x)
    for want in (16 + 2 + 4 + 8, 32 + 1 + 4 + 12, 48 + 2 + 12, 48 + 6):
        assert at(f, x=2.0) == pytest.approx(want)
        f = gr.jvp(f, x, 1.0)


@pytest.mark.parametrize("x", [0.5, -0.5])
def test_tangents_are_those_of_the_branch_that_is_taken(x: float) -> None:
    g = Graph()
    a, b = g.input("a"), g.input("b")
    y, z = gr.cond(a > 0, lambda a: (a**3, a), lambda a: (a * b, 1.0 + 0 * b), a)
    first = gr.jvp(y * y + z, [a, b], [1.0, 10.0])
    slope = gr.grad(y * y + z, [a, b], disconnected="zero")
    second = gr.jvp(first, a, 1.0)
    wanted = at(slope[0] + 10 * slope[1], a=x, b=3.0)
    twice = at(gr.grad(first, a), a=x, b=3.0)
    found = gr.compile([first, second], jit=False)(a=x, b=3.0)
    assert [float(v) for v in found] == pytest.approx([float(wanted), float(twice)])
    assert at(first, a=x, b=3.0) == pytest.approx(wanted)


def test_tangents_of_a_branch_within_a_loop_within_a_branch() -> None:
    x = Graph().input("x")

    def halved(x: Node) -> Node:
        def step(y: Node) -> Node:
            small, _ = gr.cond(y > 9, lambda y: (y / 3, y), lambda y: (y / 2, y), y)
            return small

        return gr.while_loop(lambda y: y > 1, step, x * x)

    f = gr.cond(x > 0, halved, lambda x: x, x)
    assert at(gr.jvp(f, x, 1.0), x=6.0) == pytest.approx(12 / 3 / 3 / 2 / 2)
