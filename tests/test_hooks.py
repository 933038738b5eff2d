"""Hooks: stages that are what they are given, with another local gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import DTypeError, ShapeError, UsageError
from graphc.graph import Graph, Node
from graphc.interpret import evaluate


def at(node: Node, **feeds: Any) -> Any:
    """The value of a stage for values of named leaves."""
    return evaluate([node], {node.graph[n]: v for n, v in feeds.items()})[node].tolist()


@pytest.fixture
def v() -> Node:
    return Graph("g").input("v", (3,))


V = [3.0, -4.0, 0.0]
HOOKS = {
    "scale": (lambda v: gr.scale_gradient(v, 0.5), [3, -4, 0]),
    "reverse": (lambda v: gr.reverse_gradient(v), [-6, 8, 0]),
    "reverse by 2": (lambda v: gr.reverse_gradient(v, 2.0), [-12, 16, 0]),
    "clip": (lambda v: gr.clip_gradient(v, -1, 2), [2, -1, 0]),
    "clip above": (lambda v: gr.clip_gradient(v, high=2), [2, -8, 0]),
    "clip norm": (lambda v: gr.clip_gradient_norm(v, 1.0), [0.6, -0.8, 0]),
    "short enough": (lambda v: gr.clip_gradient_norm(v, 20.0), [6, -8, 0]),
    "any": (lambda v: gr.on_gradient(v, lambda g: g + 1), [7, -7, 1]),
    "straight": (lambda v: gr.straight_through(gr.sign(v), v), [2, -2, 0]),
}


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_changes_the_gradient_of_a_sum_of_squares(name: str, v: Node) -> None:
    hook, gradient = HOOKS[name]
    y = hook(v)
    assert at(gr.grad(gr.sum(y * y), v), v=V) == pytest.approx(gradient)
    assert at(y, v=V) == ([1, -1, 0] if name == "straight" else V)


def test_hooks_compile_to_nothing_but_their_gradient() -> None:
    g = Graph()
    v = g.input("v", (3,))
    losses = [gr.sum(hook(v) ** 2) for hook, _ in HOOKS.values()]
    program = gr.compile([gr.grad(f, v) for f in losses])
    for found, (_, wanted) in zip(program(v=V), HOOKS.values(), strict=True):
        np.testing.assert_allclose(found, wanted)


def test_a_stage_and_its_hook_are_two_stages(v: Node) -> None:
    f = gr.sum(v * gr.reverse_gradient(v))
    value, gradients = gr.compile(f, wrt=["v"])(v=V)
    assert (value, gradients["v"].tolist()) == (25, [0, 0, 0])


def test_a_hook_hands_a_program_its_scale_at_run_time(v: Node) -> None:
    s = v.graph.input("s")
    program = gr.compile(gr.sum(gr.reverse_gradient(v, s)), wrt=["v"])
    assert program(v=V, s=2.0)[1]["v"].tolist() == [-2, -2, -2]
    assert program(v=V, s=0.5)[1]["v"].tolist() == [-0.5] * 3


def test_hooks_work_for_each_example_under_vmap() -> None:
    X = Graph().input("X", ("batch", 2))
    y = gr.vmap(lambda x: gr.sum(gr.square(gr.clip_gradient_norm(x, 1.0))))(X)
    d = gr.grad(gr.sum(y), X)
    rows = np.array([[3.0, 4.0], [0.0, 0.1]])
    for found in (at(d, X=rows), gr.compile(d)(X=rows)):
        np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0.2]])


def test_tangents_follow_the_changed_gradient(v: Node) -> None:
    t = np.ones(3)
    assert at(gr.jvp(gr.scale_gradient(v, 0.5), v, t), v=V) == [0.5] * 3
    assert at(gr.jvp(gr.straight_through(gr.sign(v), v), v, t), v=V) == [1] * 3
    assert at(gr.jvp(gr.clip_gradient(v, -0.1, 0.1), v, t), v=V) == [1] * 3


def test_values_and_gradients_are_printed_where_the_graph_is_interpreted(
    v: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    y = gr.print_value(v, "v is")
    d = gr.grad(gr.sum(gr.print_gradient(y * y, "upstream")), v)
    at(d, v=V)
    assert capsys.readouterr().out.splitlines() == ["v is: [ 3. -4.  0.]", "upstream: [1. 1. 1.]"]


def test_compiled_code_refuses_to_print(v: Node) -> None:
    with pytest.raises(UsageError, match="compiled code does not print, and 'here' is to be"):
        gr.compile(gr.sum(gr.print_value(v, "here")))
    silent = gr.compile(gr.sum(gr.print_gradient(v, "there")))
    assert silent(v=V) == -1


def test_hooks_of_what_does_not_fit_are_told(v: Node) -> None:
    with pytest.raises(DTypeError, match="only float values have a gradient"):
        gr.scale_gradient(gr.argmax(v), 2.0)
    with pytest.raises(ShapeError, match=r"a number is wanted, not shape \(3,\)"):
        gr.scale_gradient(v, v)
    with pytest.raises(UsageError, match="a function of a stage is wanted, not int"):
        gr.on_gradient(v, 3)
    with pytest.raises(ShapeError, match=r"a gradient of shape \(3,\) and made shape \(\)"):
        gr.grad(gr.sum(gr.on_gradient(v, gr.sum)), v)
    with pytest.raises(ShapeError, match=r"the value has shape \(\) but its gradient would go to"):
        gr.straight_through(gr.sum(v), v)
