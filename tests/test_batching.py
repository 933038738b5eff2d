"""vmap: functions of stages over one axis more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import GraphError, ShapeError, UsageError
from graphc.gates.gate import GATES
from graphc.graph import FUNCTIONS, OPS, Graph, Node, Op, declare
from graphc.interpret import evaluate


def at(node: Node, **feeds: Any) -> np.ndarray:
    """The value of a stage for values of named leaves."""
    return evaluate([node], {node.graph[n]: v for n, v in feeds.items()})[node]


@pytest.fixture
def X() -> Node:  # noqa: N802
    return Graph("g").input("X", ("batch", 3))


ROWS = np.arange(6.0).reshape(2, 3)


def test_a_function_of_a_row_becomes_one_of_all_rows(X: Node) -> None:
    y = gr.vmap(lambda x: gr.sum(x * x))(X)
    assert str(y.type) == "f64[batch]"
    assert at(y, X=ROWS).tolist() == [5, 50]


def test_axes_may_be_any_and_differ_for_each_argument(X: Node) -> None:
    w = X.graph.input("w", (3, 4))
    y = gr.vmap(lambda x, w: x @ w, in_axes=(None, 1), out_axes=-1)(X, w)
    assert y.shape == (X.shape[0], 4)
    W = np.arange(12.0).reshape(3, 4)
    assert np.array_equal(at(y, X=ROWS, w=W), ROWS @ W)


def test_stages_that_do_not_hang_on_the_axis_are_computed_once(X: Node) -> None:
    w = X.graph.param("w", (3,))
    y = gr.vmap(lambda x: x * gr.exp(w))(X)
    assert [n.shape for n in X.graph.order(y) if n.op.name == "exp"] == [(3,)]


def test_the_graph_holds_the_batched_stages_with_lines_and_names_and_no_others(X: Node) -> None:
    def net(x: Node) -> Node:
        h = gr.tanh(x).named("h")
        return gr.sum(h)

    y = gr.vmap(net)(X)
    assert len(X.graph) == 3
    assert X.graph["h"].shape == X.shape
    assert all("test_batching.py" in str(n.where[0]) for n in X.graph.nodes)
    assert y.args == (X.graph["h"],)


def test_results_keep_their_tuple_list_or_dict(X: Node) -> None:
    a, b = gr.vmap(lambda x: (x[0], {"twice": 2 * x}))(X)
    assert (a.shape, b["twice"].shape) == (X.shape[:1], X.shape)
    assert isinstance(gr.vmap(lambda x: [x])(X), list)


def test_arguments_may_be_arrays_and_dicts_of_stages(X: Node) -> None:
    once = gr.vmap(lambda p, s: p["x"] * s, in_axes=(0, None))({"x": X}, 2.0)
    assert np.array_equal(at(once, X=ROWS), 2 * ROWS)
    y = X.graph.input("y", (2,))
    each = gr.vmap(lambda p, s: p["y"] * s)({"y": y}, np.array([1.0, 2.0]))
    assert at(each, y=[3.0, 4.0]).tolist() == [3, 8]


def test_a_result_that_hangs_on_no_axis_is_repeated(X: Node) -> None:
    w = X.graph.param("w", (2,))
    assert gr.vmap(lambda x: w)(X).shape == (X.shape[0], 2)


def test_vmap_within_vmap_goes_along_two_axes() -> None:
    g = Graph()
    a, b = g.input("a", (2, 3)), g.input("b", (4, 3))
    outer = gr.vmap(lambda x: gr.vmap(lambda y: gr.sum(x * y))(b))(a)
    A, B = ROWS, np.arange(12.0).reshape(4, 3)
    assert np.array_equal(at(outer, a=A, b=B), A @ B.T)


def test_matrix_vector_products_become_products_of_matrices(X: Node) -> None:
    w, m = X.graph.param("w", (3, 5)), X.graph.param("m", (4, 3))
    for y in (gr.vmap(lambda x: x @ w)(X), gr.vmap(lambda x: m @ x)(X)):
        assert (y.op.name, [a.ndim for a in y.args]) == ("matmul", [2, 2])


def test_softmax_and_cross_entropy_stay_one_stage(X: Node) -> None:
    t = X.graph.input("t", ("batch",), "uint8")
    y = gr.vmap(lambda x, t: gr.cross_entropy(gr.softmax(x), t))(X, t)
    assert [n.op.name for n in X.graph.order(y) if not n.is_leaf] == ["softmax", "class_losses"]


def test_a_gradient_within_vmap_is_taken_for_each_example(X: Node) -> None:
    w = X.graph.param("w", (3,))
    d_w = gr.vmap(lambda x: gr.grad(gr.sum(x * w) ** 2 + gr.sum(w * w), w))(X)
    W = np.array([1.0, 2, 3])
    assert np.array_equal(at(d_w, X=ROWS, w=W), 2 * (ROWS @ W)[:, None] * ROWS + 2 * W)


def test_a_hessian_is_vmap_of_products_with_it() -> None:
    g = Graph()
    x = g.input("x", (3,))
    f = gr.sum(gr.exp(x)) * gr.sum(x)
    products = gr.vmap(lambda v: gr.hvp(f, x, v))(g.constant(np.eye(3)))
    np.testing.assert_allclose(at(products, x=ROWS[1]), at(gr.hessian(f, x), x=ROWS[1]))


def test_a_gate_keeps_its_own_gradient_under_vmap(X: Node) -> None:
    gate = gr.gate("odd", forward=lambda x: x * x, local_gradient=lambda g, y, x: 7 * g)
    try:
        y = gr.vmap(lambda x: gate(gr.sum(x)))(X)
        d = gr.grad(gr.sum(y), X)
        assert at(y, X=ROWS).tolist() == [9, 144]
        assert np.array_equal(at(d, X=ROWS), np.full((2, 3), 7.0))
        assert np.array_equal(gr.compile([y, d])(X=ROWS)[1], np.full((2, 3), 7.0))
    finally:
        del GATES["odd"], OPS["odd"], FUNCTIONS["odd"]


def test_indices_checked_under_vmap_are_told(X: Node) -> None:
    t = X.graph.input("t", ("batch",), "int64")
    y = gr.vmap(lambda x, t: gr.take(x, t))(X, t)
    assert at(y, X=ROWS, t=[2, 0]).tolist() == [2, 3]
    with pytest.raises(gr.GraphcError, match="index 5 at position 1 is outside"):
        at(y, X=ROWS, t=[2, 5])


def test_vmap_is_torchs() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, the second oracle, is not installed")
    g = Graph()
    a, b = g.input("a", (5, 3, 4)), g.input("b", (4, 6))
    y = gr.vmap(lambda a: gr.logsumexp(gr.tanh(a @ b).T, 0))(a)
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((5, 3, 4)), rng.standard_normal((4, 6))
    f = torch.vmap(lambda a: torch.logsumexp(torch.tanh(a @ torch.tensor(B)).T, 0))
    np.testing.assert_allclose(at(y, a=A, b=B), f(torch.tensor(A)), rtol=1e-12)


def test_batched_code_compiles_and_takes_any_batch(X: Node) -> None:
    w = X.graph.input("w", (3, 2))

    def f(x: Node) -> Node:
        return gr.max(gr.softmax(x @ w))

    program = gr.compile(gr.vmap(f)(X))
    W = np.linspace(-1, 1, 6).reshape(3, 2)
    for rows in (np.ones((5, 3)), ROWS, ROWS[:1]):
        e = np.exp(rows @ W)
        np.testing.assert_allclose(program(X=rows, w=W), (e / e.sum(1, keepdims=True)).max(1))


# Errors


def test_sizes_that_differ_are_told(X: Node) -> None:
    other = X.graph.input("other", (4,))
    with pytest.raises(ShapeError, match=r"along batch positions of one argument and 4 of another"):
        gr.vmap(lambda x, y: x * y)(X, other)


def test_axes_that_make_no_sense_are_told(X: Node) -> None:
    with pytest.raises(UsageError, match="no argument has an axis to go along"):
        gr.vmap(lambda x: x, in_axes=None)(X)
    with pytest.raises(UsageError, match="in_axes has 2 entries for 1 values"):
        gr.vmap(lambda x: x, in_axes=(0, 0))(X)
    with pytest.raises(ShapeError, match="axis 2 is out of range"):
        gr.vmap(lambda x: x, in_axes=2)(X)
    with pytest.raises(ShapeError, match="axis 2 is out of range"):
        gr.vmap(lambda x: x, out_axes=2)(X)
    with pytest.raises(UsageError, match="vmap takes a function of stages, not int"):
        gr.vmap(3)(X)
    with pytest.raises(UsageError, match="vmap takes a function of stages, and 'g' is a graph"):
        gr.vmap(X.graph)


def test_an_operation_without_a_rule_is_told(X: Node) -> None:
    odd = declare(Op("odd", lambda x: x, None, lambda x: x))
    try:
        with pytest.raises(GraphError, match=r"\[G520\] odd .*vmap knows no rule"):
            gr.vmap(lambda x: odd(x))(X)
    finally:
        del OPS["odd"], FUNCTIONS["odd"]
