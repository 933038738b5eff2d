"""The staged chain rule on graphs: forks, ties to stages, masks, orders, errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphc.ops as gr
from graphc.compile import compile
from graphc.errors import DTypeError, GraphError, ShapeError, UsageError
from graphc.grad import grad
from graphc.graph import Graph, Node
from graphc.interpret import evaluate


def at(node: Node, **feeds: Any) -> Any:
    """The value of a stage for values of named leaves."""
    return evaluate([node], {node.graph[n]: v for n, v in feeds.items()})[node].tolist()


@pytest.fixture
def x() -> Node:
    return Graph("g").input("x")


# Values


def test_the_circuit_of_the_lecture() -> None:
    g = Graph()
    x, y, z = g.input("x"), g.input("y"), g.input("z")
    q = x + y
    f = q * z
    found = [at(d, x=-2, y=5, z=-4) for d in (f, *grad(f, [x, y, z, q]))]
    assert found == [-12, -4, -4, 3, -4]


def test_the_staged_example_of_the_lecture() -> None:
    g = Graph()
    x, y = g.input("x"), g.input("y")
    f = (x + gr.sigmoid(y)) / (gr.sigmoid(x) + (x + y) ** 2)
    found = [at(d, x=3, y=-4) for d in (f, *grad(f, [x, y]))]
    assert found == pytest.approx([1.5456448841066441, 2.0595697955721652, 1.5922327514838093])


def test_terms_add_up_where_a_value_forks(x: Node) -> None:
    y = gr.exp(x)
    assert at(grad(y * x + y, x), x=1.0) == pytest.approx(3 * math.e)


def test_repeated_argument_gets_both_terms(x: Node) -> None:
    assert at(grad(x * x, x), x=3.0) == 6
    assert at(grad(x - x, x), x=3.0) == 0


def test_wrt_may_be_a_name_an_input_or_an_inner_stage(x: Node) -> None:
    y = gr.exp(x).named("y")
    d_x, d_y = grad(y**2, ["x", y])
    assert at(d_y, x=0.5) == pytest.approx(2 * math.exp(0.5))
    assert at(d_x, x=0.5) == pytest.approx(2 * math.exp(1.0))


def test_a_program_takes_one_wrt_alone_or_any_number_of_them() -> None:
    x = Graph().input("x")
    for wrt in (x, "x", [x, "x"]):
        assert compile(x * x, wrt=wrt, jit=False)(x=3.0) == (9, {"x": 6})
    for outputs, wrt in ((None, ()), (x, 5)):
        with pytest.raises(UsageError, match="are stages or their names, not"):
            compile(outputs, wrt=wrt, jit=False)


def test_an_inner_wrt_needs_no_gradient_below_it(x: Node) -> None:
    y = gr.exp(x)
    d_y = grad(y**2, y)
    assert not any(n.backward_of is y for n in d_y.graph.nodes)


def test_gradient_of_a_stage_with_respect_to_itself_is_one(x: Node) -> None:
    assert at(grad(x, x), x=5.0) == 1


def test_broadcasting_is_undone() -> None:
    g = Graph()
    w, b, s = g.input("w", (2, 3)), g.input("b", (3,)), g.input("s", (1, 1))
    d_b, d_s = grad(gr.sum(w * b * s), [b, s])
    assert at(d_b, w=[[1, 2, 3], [4, 5, 6]], b=[1, 1, 1], s=[[2]]) == [10, 14, 18]
    assert at(d_s, w=[[1, 2, 3], [4, 5, 6]], b=[1, 1, 1], s=[[2]]) == [[21]]


def test_gradients_have_the_type_of_their_wrt() -> None:
    g = Graph()
    a, b = g.input("a", (2,), "float32"), g.input("b", (2,))
    assert [d.dtype for d in grad(gr.sum(a * b), [a, b])] == ["f32", "f64"]


def test_products_of_a_batch_are_two_dimensional() -> None:
    g = Graph()
    x, w = g.input("x", ("batch", 7, 3)), g.input("w", (3, 2))
    d_w = grad(gr.sum(x @ w), w)
    product = next(n for n in g.order(d_w) if n.op.name == "matmul" and n.backward_of is not None)
    assert [a.ndim for a in product.args] == [2, 2]
    assert at(d_w, x=np.ones((4, 7, 3)), w=np.ones((3, 2))) == [[28, 28]] * 3


# Orders


@pytest.mark.parametrize(
    ("f", "derivatives"),
    [
        (lambda x: x**4, (4 * 8, 12 * 4, 24 * 2)),
        (gr.exp, (math.e**2,) * 3),
        (gr.log, (1 / 2, -1 / 4, 2 / 8)),
        (gr.sin, (math.cos(2), -math.sin(2), -math.cos(2))),
        (lambda x: 1 / x, (-1 / 4, 2 / 8, -6 / 16)),
        (gr.sqrt, (0.5 * 2**-0.5, -0.25 * 2**-1.5, 0.375 * 2**-2.5)),
    ],
)
def test_third_derivatives(x: Node, f: Any, derivatives: tuple[float, ...]) -> None:
    stage, found = f(x), []
    for _ in range(3):
        stage = grad(stage, x)
        found.append(at(stage, x=2.0))
    assert found == pytest.approx(derivatives)


def test_third_derivative_of_tanh_is_polynomial_in_tanh(x: Node) -> None:
    third = grad(grad(grad(gr.tanh(x), x), x), x)
    t = math.tanh(0.3)
    assert at(third, x=0.3) == pytest.approx((6 * t**2 - 2) * (1 - t**2))


def test_mixed_second_derivatives_agree() -> None:
    g = Graph()
    x, y = g.input("x"), g.input("y")
    f = gr.sigmoid(x * y) * gr.exp(x - y**2)
    d_x, d_y = grad(f, [x, y])
    assert at(grad(d_x, y), x=0.3, y=0.7) == pytest.approx(at(grad(d_y, x), x=0.3, y=0.7))


def test_products_have_all_derivatives_at_zero() -> None:
    x = Graph().input("x", (3,))
    first = grad(gr.prod(x), x)
    second = grad(first[0], x)
    third = grad(second[1], x)
    assert at(first, x=[0.0, 2.0, 3.0]) == [6, 0, 0]
    assert at(second, x=[0.0, 0.0, 3.0]) == [0, 3, 0]
    assert at(third, x=[0.0, 0.0, 0.0]) == [0, 0, 1]


# Ties, kinks and masks


def test_relu_and_abs_have_no_slope_at_their_kink(x: Node) -> None:
    assert at(grad(gr.relu(x), x), x=0.0) == 0
    assert at(grad(abs(x), x), x=0.0) == 0


@pytest.mark.parametrize(("f", "ties"), [(gr.maximum, (1, 0)), (gr.minimum, (1, 0))])
def test_a_tie_of_two_goes_to_the_first(f: Any, ties: tuple[int, int]) -> None:
    g = Graph()
    a, b = g.input("a"), g.input("b")
    assert tuple(at(d, a=2.0, b=2.0) for d in grad(f(a, b), [a, b])) == ties


@pytest.mark.parametrize(
    ("axis", "wanted"),
    [
        (None, [[0, 1, 0], [0, 0, 0]]),
        (0, [[1, 1, 0], [0, 0, 1]]),
        (1, [[0, 1, 0], [0, 1, 0]]),
        ((0, 1), [[0, 1, 0], [0, 0, 0]]),
    ],
)
def test_a_tie_in_a_maximum_goes_to_the_first_index(axis: Any, wanted: list[list[int]]) -> None:
    x = Graph().input("x", (2, 3))
    d = grad(gr.sum(gr.max(x, axis)), x)
    assert at(d, x=[[1, 5, 1], [0, 5, 5]]) == wanted
    d = grad(gr.sum(gr.min(-x, axis)), x)
    assert at(d, x=[[1, 5, 1], [0, 5, 5]]) == (-np.array(wanted)).tolist()


def test_the_first_nan_takes_the_gradient_of_a_maximum() -> None:
    x = Graph().input("x", (3,))
    assert at(grad(gr.max(x), x), x=[1.0, np.nan, np.nan]) == [0, 1, 0]


BRANCHES = {
    "log": lambda x: gr.log(x),
    "log and a sum": lambda x: 2 - (gr.log(x) + 1),
    "log, used twice": lambda x: (lambda y: y * y)(gr.log(x)),
    "root": lambda x: gr.sqrt(x) * gr.log(x),
    "quotient": lambda x: gr.exp(-1 / x),
    "power": lambda x: x**-1.5,
    "nested": lambda x: gr.where(x > -5, gr.log(x), gr.sqrt(x)),
    "relu": lambda x: gr.relu(gr.log(x)),
}


@pytest.mark.parametrize("branch", BRANCHES)
def test_an_untaken_branch_gives_no_nan(branch: str) -> None:
    x = Graph().input("x", (3,))
    y = gr.sum(gr.where(x > 0, BRANCHES[branch](x), 0))
    first = grad(y, x)
    second = grad(gr.sum(first), x)
    for stage in (first, second):
        found = at(stage, x=[0.0, -1.0, 2.0])
        assert found[:2] == [0, 0]
        assert math.isfinite(found[2])


def test_a_maximum_over_log_gives_no_nan_at_zero() -> None:
    x = Graph().input("x", (3,))
    assert at(grad(gr.max(gr.log(x)), x), x=[0.0, 2.0, 1.0]) == [0, 0.5, 0]


def test_extreme_scores_have_finite_losses_and_gradients() -> None:
    g = Graph()
    x, t = g.input("x", (2, 3)), g.input("t", (2,), "int64")
    loss = gr.cross_entropy(x, t)
    scores, labels = [[1e4, -1e4, 0], [-np.inf, 3, 3]], [0, 1]
    assert at(loss, x=scores, t=labels) == pytest.approx(math.log(2) / 2)
    found = at(grad(loss, x), x=scores, t=labels)
    np.testing.assert_allclose(found, [[0, 0, 0], [0, -0.25, 0.25]], atol=1e-12)


# Terms and their stages


def test_every_term_is_tied_to_the_stage_it_came_through(x: Node) -> None:
    y = gr.exp(x)
    z = y * x
    d_x = grad(z, x)
    through = {n.backward_of for n in z.graph.order(d_x) if n.backward_of is not None}
    assert through == {y, z}


def test_a_gradient_knows_what_it_is_the_gradient_of(x: Node) -> None:
    y = gr.exp(x)
    d_y, d_x = grad(y**2, [y, x])
    assert (x.graph.gradients[d_y], x.graph.gradients[d_x]) == ((y,), (x,))


def test_backward_stages_have_the_lines_of_their_forward_stages(x: Node) -> None:
    y = gr.exp(x)
    d_x = grad(y, x)
    assert d_x.where == y.where


def test_the_stages_a_user_wrote_are_left_as_they_are(x: Node) -> None:
    y = gr.exp(x) + gr.exp(x)
    before = x.graph.nodes
    grad(y, x)
    assert x.graph.nodes[: len(before)] == before


def test_ten_thousand_stages_are_differentiated_without_recursion(x: Node) -> None:
    y = x
    for _ in range(5_000):
        y = gr.sin(y) + 1
    assert len(grad(y, x).graph) < 60_000


# Errors


def test_a_stage_that_is_no_scalar_has_no_gradient() -> None:
    v = Graph().input("v", (3,))
    y = gr.exp(v).named("y")
    with pytest.raises(ShapeError) as error:
        grad(y, v)
    assert str(error.value) == (
        f"[G105] exp 'y' (test_grad.py:{y.where[0].line}): "
        "a gradient is defined for a scalar; this stage has shape (3,)\n"
        "  hint: take gr.mean(...) or gr.sum(...) of it"
    )


def test_integers_have_no_gradient() -> None:
    g = Graph()
    x, k = g.input("x"), g.input("k", (), "int32")
    with pytest.raises(DTypeError) as error:
        grad(x * k, k)
    assert str(error.value) == (
        f"[G202] input 'k' (test_grad.py:{k.where[0].line}): "
        "a gradient needs float values; this stage is i32\n"
        "  hint: declare it float32 or float64, or take gr.astype(x, 'float64')"
    )


def test_a_disconnected_parameter_is_an_error() -> None:
    g = Graph()
    x, b = g.input("x"), g.param("b3")
    y = (x * x).named("loss")
    with pytest.raises(GraphError) as error:
        grad(y, b)
    assert str(error.value) == (
        f"[G506] param 'b3' (test_grad.py:{b.where[0].line}): "
        "it does not influence 'loss', so its gradient would be zero\n"
        "  hint: leave it out of wrt, or allow it with disconnected='zero'"
    )


@pytest.mark.parametrize(
    ("wall", "name"),
    [
        (lambda w: gr.argmax(w), "argmax"),
        (lambda w: gr.stop_gradient(w)[0], "stop_gradient"),
        (lambda w: gr.astype(w, "int32")[0], "astype"),
        (lambda w: gr.where(w[0] > 0, 1.0, 2.0), "greater"),
    ],
)
def test_what_blocks_a_gradient_is_told(wall: Any, name: str) -> None:
    g = Graph()
    x, w = g.input("x"), g.param("w", (3,))
    y = (x * wall(w)).named("loss")
    with pytest.raises(GraphError) as error:
        grad(y, [w, x])
    blocked = next(n for n in g.nodes if n.op.name == name)
    assert f"would be zero; {blocked.label} lets no gradient through\n" in str(error.value)


def test_zeros_may_be_asked_for() -> None:
    g = Graph()
    x, b = g.input("x"), g.param("b", (2,))
    assert at(grad(x * x, b, disconnected="zero")) == [0, 0]
    with pytest.raises(UsageError, match="disconnected is 'zeros'"):
        grad(x * x, x, disconnected="zeros")


def test_another_graphs_stage_is_told() -> None:
    x, y = Graph("one").input("x"), Graph("two").input("y")
    with pytest.raises(GraphError, match="belongs to another graph, 'two'"):
        grad(x * x, y)
