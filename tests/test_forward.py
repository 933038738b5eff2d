"""Forward mode: tangents of stages, by declared rules, by form, and by transposing twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc.ops as gr
from graphc.errors import DTypeError, GraphError, ShapeError, UsageError
from graphc.gates.gate import GATES, gate
from graphc.grad import grad, vjp
from graphc.graph import FUNCTIONS, OPS, Graph, Node
from graphc.interpret import evaluate
from graphc.transforms.forward import jvp


def at(node: Node, **feeds: Any) -> Any:
    """The value of a stage for values of named leaves."""
    return evaluate([node], {node.graph[n]: v for n, v in feeds.items()})[node].tolist()


@pytest.fixture
def x() -> Node:
    return Graph("g").input("x")


@pytest.fixture
def v() -> Node:
    return Graph("g").input("v", (3,))


def test_a_tangent_is_the_slope_along_a_direction(v: Node) -> None:
    t = jvp(gr.sum(gr.exp(v)), v, np.array([1.0, 0.0, 2.0]))
    assert at(t, v=[0.0, 1.0, 0.0]) == pytest.approx(3.0)


def test_tangents_of_several_inputs_add_up() -> None:
    g = Graph()
    a, b = g.input("a"), g.input("b")
    assert at(jvp(a * b, [a, b], [2.0, 3.0]), a=5.0, b=7.0) == 2 * 7 + 3 * 5
    assert at(jvp(a * b, [a, b], [None, 3.0]), a=5.0, b=7.0) == 15


def test_several_outputs_share_one_sweep(x: Node) -> None:
    y = gr.exp(x)
    once = len(x.graph)
    first, second = jvp([y, y * y], [x], [1.0])
    assert [at(first, x=0.0), at(second, x=0.0)] == [1, 2]
    assert len(x.graph) - once <= 6


def test_what_flows_into_an_inner_wrt_is_added_to_its_own_tangent(x: Node) -> None:
    y = gr.square(x).named("y")
    z = y * x
    d_x, d_y = grad(z, [x, y])
    wanted = at(d_x, x=3.0) * 2 + at(d_y, x=3.0) * 5
    assert at(jvp(z, [x, y], [2.0, 5.0]), x=3.0) == wanted


def test_a_tangent_has_the_type_of_its_stage() -> None:
    g = Graph()
    a, b = g.input("a", (2,), "float32"), g.input("b", (1,))
    y = gr.astype(a * b, "f32") + a
    assert str(jvp(y, [a, b], [np.ones(2), np.ones(1)]).type) == "f32[2]"


def test_tangents_leave_nothing_behind_but_what_they_need(v: Node) -> None:
    y = gr.sum(v * gr.softmax(v))
    t = jvp(y, v, np.ones(3))
    assert set(v.graph.nodes) == set(v.graph.order(y, t))


def test_tangents_keep_the_lines_of_their_stages(x: Node) -> None:
    y = gr.exp(x)
    assert jvp(y, x, 1.0).where == y.where


def test_an_untaken_branch_gives_no_nan(x: Node) -> None:
    y = gr.where(x > 0, gr.log(gr.where(x > 0, x, 1)), 0.0)
    assert at(jvp(y, x, 1.0), x=-1.0) == 0


def test_ties_go_to_the_first_argument_as_in_reverse_mode() -> None:
    g = Graph()
    a, b = g.input("a"), g.input("b")
    assert at(jvp(gr.maximum(a, b), [a, b], [3.0, 5.0]), a=1.0, b=1.0) == 3


def test_a_gate_has_the_tangent_of_the_gradient_it_was_given(x: Node) -> None:
    wrong = gate("wrong", forward=lambda x: x, local_gradient=lambda g, y, x: g * 7)
    try:
        assert at(jvp(wrong(x), x, 2.0), x=1.0) == 14
    finally:
        del GATES["wrong"], OPS["wrong"], FUNCTIONS["wrong"]


def test_forward_over_forward_is_the_second_derivative(x: Node) -> None:
    first = jvp(gr.sin(x), x, 1.0)
    assert at(jvp(first, x, 1.0), x=0.5) == pytest.approx(-np.sin(0.5))


def test_reverse_over_forward_is_forward_over_reverse(x: Node) -> None:
    f = gr.tanh(x) * gr.exp(x)
    one = at(grad(jvp(f, x, 1.0), x), x=0.3)
    assert one == pytest.approx(at(jvp(grad(f, x), x, 1.0), x=0.3))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forward_mode_is_torchs() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, the second oracle, is not installed")
    g = Graph()
    x, w = g.input("x", (4, 3)), g.input("w", (3, 2))
    y = gr.softmax(gr.tanh(x @ w)) * gr.logsumexp(x)
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in ((4, 3), (3, 2), (4, 3), (3, 2))]
    X, W, dX, dW = map(torch.tensor, arrays)

    def f(x: Any, w: Any) -> Any:
        return torch.softmax(torch.tanh(x @ w), -1) * torch.logsumexp(x.ravel(), 0)

    _, wanted = torch.func.jvp(f, (X, W), (dX, dW))
    found = at(jvp(y, [x, w], arrays[2:]), x=arrays[0], w=arrays[1])
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


# Errors


def test_an_output_that_no_tangent_reaches_is_an_error_unless_zeros_will_do(v: Node) -> None:
    y = gr.stop_gradient(v)
    with pytest.raises(GraphError, match=r"no tangent of 'v' reaches it"):
        jvp(y, v, np.ones(3))
    assert at(jvp(y, v, np.ones(3), disconnected="zero"), v=[1, 2, 3]) == [0, 0, 0]


def test_tangents_that_do_not_fit_are_told(v: Node) -> None:
    with pytest.raises(ShapeError, match=r"input 'v' .*its tangent has shape \(2,\), not \(3,\)"):
        jvp(gr.exp(v), v, np.ones(2))
    with pytest.raises(UsageError, match="1 tangents are wanted, one for each stage, not 2"):
        jvp([gr.exp(v)], [v], [np.ones(3), np.ones(3)])
    with pytest.raises(DTypeError, match="needs float values"):
        jvp(gr.argmax(v), v, np.ones(3))


# vjp


def test_vjp_takes_a_cotangent_for_each_output(v: Node) -> None:
    found = vjp([gr.exp(v), v * v], [v], [np.array([1.0, 0, 0]), np.array([0, 1.0, 0])])
    assert at(found[0], v=[0.0, 3.0, 1.0]) == [1, 6, 0]


def test_vjp_of_a_scalar_is_the_gradient(v: Node) -> None:
    f = gr.sum(v * v)
    assert at(vjp(f, v), v=[1.0, 2, 3]) == at(grad(f, v), v=[1.0, 2, 3])
    assert at(vjp(f, v, 2.0), v=[1.0, 2, 3]) == [4, 8, 12]


def test_vjp_of_an_output_that_another_reads_adds_both(x: Node) -> None:
    y = gr.exp(x)
    assert at(vjp([y, y * y], x, [3.0, 1.0]), x=0.0) == 5


def test_vjp_wants_a_cotangent_for_what_is_no_scalar(v: Node) -> None:
    with pytest.raises(ShapeError, match="a gradient is defined for a scalar"):
        vjp(v * v, v)
    with pytest.raises(ShapeError, match=r"its cotangent has shape \(\), not \(3,\)"):
        vjp(v * v, v, 1.0)
