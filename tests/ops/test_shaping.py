"""Picking, putting, padding, repeating and contracting: what goes to whom, what NumPy's own
functions build, and every sentence.
"""

# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc.ops as gr
from graphc.errors import DTypeError, GraphcError, LabelError, ShapeError, UsageError
from graphc.grad import grad
from graphc.graph import OPS, Graph, Node
from graphc.interpret import evaluate
from graphc.ops.spell import Product

# What goes to whom


def put(mode: str, x: Any, at: Any, values: Any) -> tuple[list[float], list[float], list[float]]:
    """The copy, and the gradients of the sum of its elements times 1, 2, 3, ..."""
    g = Graph()
    n, v = g.input("x", (len(x),)), g.input("v", (len(values),))
    y = gr.put_along_axis(n, np.array(at), v, mode=mode)
    loss = gr.sum(y * gr.arange(1, len(x) + 1, like=g))
    wanted = (y, *grad(loss, [n, v]))
    found = evaluate(wanted, {n: np.asarray(x, float), v: np.asarray(values, float)})
    y, dx, dv = (found[node].tolist() for node in wanted)
    return y, dx, dv


def test_the_last_of_several_values_at_one_place_stays_and_takes_the_gradient() -> None:
    y, dx, dv = put("set", [0, 0, 0], [1, 1, -2], [5, 6, 7])
    assert (y, dx, dv) == ([0, 7, 0], [1, 0, 3], [0, 0, 2])


def test_the_first_of_equal_ones_takes_the_gradient_of_an_extreme() -> None:
    assert put("max", [4, 4], [0, 1, 1], [4, 9, 9]) == ([4, 9], [1, 0], [0, 2, 0])
    assert put("min", [4, 4], [0, 1, 1], [4, 1, 1]) == ([4, 1], [1, 0], [0, 2, 0])


def test_the_gradient_of_a_product_is_exact_where_a_factor_is_zero() -> None:
    y, dx, dv = put("multiply", [3, 2], [0, 0, 1], [0, 5, 0])
    assert (y, dx, dv) == ([0, 0], [0, 0], [15, 0, 4])


def test_nan_is_the_extreme_that_is_put() -> None:
    y, _, dv = put("max", [1, 1], [0, 0], [np.nan, 5])
    assert np.isnan(y[0])
    assert dv == [1, 0]


def test_a_border_of_a_reflection_adds_up_where_it_came_from() -> None:
    g = Graph()
    x = g.input("x", (3,))
    d = grad(gr.sum(gr.pad(x, (2, 0), "reflect")), x)
    assert evaluate([d], {x: np.zeros(3)})[d].tolist() == [1, 2, 2]


# What a user would write


def test_numpys_functions_build_the_graph() -> None:
    g = Graph()
    x = g.input("x", (2, 3))
    built = [
        np.tile(x, 2), np.roll(x, 1, 0), np.pad(x, 1), np.tril(x), np.trace(x), np.einsum("ij->j", x),
        np.vstack([x, x]), np.moveaxis(x, 0, 1), np.take_along_axis(x, np.array([[0], [1]]), 1),
        np.split(x, 3, 1)[1], np.tensordot(x, x, ((0, 1), (0, 1))), np.kron(x, x),
    ]  # fmt: skip
    values = np.arange(6.0).reshape(2, 3)
    found = evaluate(built, {x: values})
    assert found[built[2]].shape == (4, 5)
    assert found[built[5]].tolist() == values.sum(0).tolist()
    assert found[built[10]] == np.sum(values**2)


def test_a_literal_mask_picks_and_its_shape_is_known() -> None:
    g = Graph()
    x = g.input("x", ("batch", 3))
    assert x[:, [True, False, True]].shape == (x.shape[0], 2)


def test_arrays_of_a_formula_take_no_memory_as_constants() -> None:
    g = Graph(dtype="float32")
    x = g.input("x", (1000, 1000))
    made = [gr.eye(1000, like=x), gr.arange(10**6, like=g), gr.linspace(0, 1, 1000, like=g)]
    assert [n.dtype for n in made] == ["f32", "i64", "f32"]
    assert max(n.value.size for n in g.nodes if n.op.name == "const") == 1


def test_a_range_may_go_to_a_named_size() -> None:
    g = Graph()
    x = g.input("x", ("batch", 2))
    at = gr.arange("batch", like=x)
    assert evaluate([at], {x: np.zeros((3, 2))})[at].tolist() == [0, 1, 2]


# Contraction


def products(y: Node) -> list[Node]:
    """The products of matrices that a stage is defined by."""
    made = OPS["einsum"].spell.define(*y.args, **y.attrs)
    return [n for n in y.graph.order(made) if isinstance(n.op.spell, Product)]


def test_a_pair_of_arrays_is_one_product_of_matrices() -> None:
    g = Graph()
    q, k = g.input("q", ("batch", 5, 2, 4)), g.input("k", ("batch", 7, 2, 4))
    scores = gr.einsum("bqhd,bkhd->bhqk", q, k)
    (product,) = products(scores)
    assert scores.shape == (*q.shape[:1], 2, 5, 7)
    assert product.type == scores.type


def test_the_order_of_a_contraction_is_the_cheapest() -> None:
    g = Graph()
    a, b, c = g.input("a", (100, 2)), g.input("b", (2, 100)), g.input("c", (100, 3))
    first, _ = products(gr.einsum("ij,jk,kl->il", a, b, c))
    assert first.shape == (2, 3)
    left, _ = products(gr.einsum("ij,jk,kl->il", a, b, c, optimize=False))
    assert left.shape == (100, 100)
    assert gr.multi_dot([a, b, c]).args[1].shape == (2, 3)


def test_sums_over_one_array_are_taken_before_it_is_multiplied() -> None:
    g = Graph()
    a, b = g.input("a", (2, 3, 50)), g.input("b", (3, 4))
    (product,) = products(gr.einsum("ijx,jk->ik", a, b))
    assert product.args[0].shape == (2, 3)


# Sentences


@pytest.fixture
def n() -> dict[str, Node]:
    g = Graph("net")
    return {
        "X": g.input("X", (2, 3)),
        "v": g.input("v", (3,)),
        "i": g.input("i", (2, 2), "int64"),
        "b": g.input("b", (3,), "bool"),
        "B": g.input("B", ("batch", 3)),
    }


Nodes = dict[str, Node]
CASES: list[tuple[Callable[[Nodes], Any], type[GraphcError], str]] = [
    (lambda n: n["X"][[[True, False]]], ShapeError, "a mask of shape (1, 2) does not fit (2, 3)"),
    (lambda n: gr.compress(n["b"], n["X"], 1), UsageError, "a boolean mask picks as many elements as it has true ones, which no shape can say"),
    (lambda n: gr.take_along_axis(n["v"], n["i"], 0), ShapeError, "indices along an axis have as many axes as the array, not (2, 2) for (3,)"),
    (lambda n: gr.take_along_axis(n["X"], n["X"], 0), DTypeError, "an index is an integer, not f64"),
    (lambda n: gr.put_along_axis(n["X"], n["i"], n["v"], 1), ShapeError, "values of shape (3,) do not fit the indices' (2, 2)"),
    (lambda n: gr.put_along_axis(n["X"], n["i"], 0.0, 0), ShapeError, "indices of shape (2, 2) do not broadcast against (2, 3) beside axis 0"),
    (lambda n: gr.put_along_axis(n["X"], n["i"], 0.0, mode="mean"), UsageError, "mode is one of 'set', 'add', 'multiply', 'max', 'min', not 'mean'"),
    (lambda n: gr.index_set(n["X"], 0, np.ones(2)), ShapeError, "values of shape (2,) do not fit the picked (3,)"),
    (lambda n: gr.index_set(n["X"], 5, 0.0), LabelError, "index 5 is outside of axis 0 of shape (2, 3)"),
    (lambda n: gr.index_set(n["v"], n["b"], n["v"]), UsageError, "a mask that is a stage takes one number, since nobody knows how many it picks"),
    (lambda n: gr.scatter_nd(n["v"], n["i"], 0.0), ShapeError, "tuples of 2 do not index shape (3,)"),
    (lambda n: gr.pad(n["X"], ((1, 1),) * 3), ShapeError, "3 pairs of widths do not fit f64[2,3]"),
    (lambda n: gr.pad(n["X"], ((0, 0), (-2, -2))), ShapeError, "widths ((0, 0), (-2, -2)) cut more off (2, 3) than there is"),
    (lambda n: gr.pad(n["X"], 1, "circular"), UsageError, "mode is one of 'constant', 'reflect', 'edge', 'symmetric', 'wrap', not 'circular'"),
    (lambda n: gr.pad(n["B"], 1, "edge"), ShapeError, "mode 'edge' goes along literal sizes, not batch (axis 0)"),
    (lambda n: gr.pad(n["X"], n["v"]), UsageError, "widths are integers, known before data comes"),
    (lambda n: gr.tile(n["X"], -1), UsageError, "counts are integers from 0 up, known before data comes"),
    (lambda n: gr.repeat(n["v"], [1, 2]), ShapeError, "2 counts do not fit axis 0 of shape (3,)"),
    (lambda n: gr.roll(n["v"], 0.5), UsageError, "a shift is an integer, known before data comes"),
    (lambda n: gr.split(n["v"], 2), ShapeError, "axis 0 of (3,) has no 2 equal parts"),
    (lambda n: gr.split(n["v"], "abc"), UsageError, "the number of parts is an integer, known before data comes"),
    (lambda n: gr.rot90(n["X"], 1, (0,)), ShapeError, "a plane has two axes, not (0,)"),
    (lambda n: gr.roll(n["X"], (1, 2, 3), (0, 1)), UsageError, "3 shifts do not fit 2 axes"),
    (lambda n: gr.unstack(n["B"]), ShapeError, "axis 0 of (batch, 3) has a named size, so it cannot be taken apart"),
    (lambda n: gr.diag(n["v"][0]), ShapeError, "diag takes a vector or a matrix, not shape ()"),
    (lambda n: gr.diagonal(n["B"]), ShapeError, "the length of a diagonal of (batch, 3) is not affine in its sizes"),
    (lambda n: gr.diagonal(n["X"], 0, 1, -1), ShapeError, "a diagonal has two axes, not axis 1 twice"),
    (lambda n: gr.tril(n["v"]), ShapeError, "a triangle has a matrix, not shape (3,)"),
    (lambda n: gr.eye(3), UsageError, "an array of a formula belongs to a graph, and nothing here tells which"),
    (lambda n: gr.arange(n["v"][0]), UsageError, "the bounds of a range are known before data comes, so they cannot be stages"),
    (lambda n: gr.flatten(n["X"], 1, 0), ShapeError, "axis 1 does not come before axis 0"),
    (lambda n: gr.moveaxis(n["X"], (0, 1), 0), ShapeError, "axes (0, 1) and 0 do not pair one by one"),
    (lambda n: gr.hstack(n["X"]), UsageError, "a sequence of one array or more is wanted here"),
    (lambda n: gr.einsum("ij,jk", n["X"]), UsageError, "'ij,jk' is about 2 arrays, not 1"),
    (lambda n: gr.einsum("ij,j->ik", n["X"], n["v"]), UsageError, "the result in 'ij,j->ik' has 'k', which it cannot have there"),
    (lambda n: gr.einsum("i1->i", n["X"]), UsageError, "'i1' in 'i1->i' is not letters"),
    (lambda n: gr.einsum("i->i", n["X"]), ShapeError, "'i' in 'i->i' is no array of 2 axes"),
    (lambda n: gr.einsum("ij,i->j", n["X"], n["v"]), ShapeError, "the axes called 'i' in 'ij,i->j' have sizes 2 and 3"),
    (lambda n: gr.einsum("ii", n["X"]), ShapeError, "the axes called 'i' in 'ii->' have sizes 2 and 3"),
    (lambda n: gr.einsum("i,i->", n["b"], n["b"]), DTypeError, "a sum of products has numbers, not bools"),
    (lambda n: gr.einsum("i", n["v"], optimize="best"), UsageError, "optimize is 'greedy', 'optimal' or False, not 'best'"),
    (lambda n: gr.tensordot(n["X"], n["X"], 1), ShapeError, "axis 1 of (2, 3) and axis 0 of (2, 3) have sizes 3 and 2"),
    (lambda n: gr.cross(n["X"], n["X"], 0), ShapeError, "a cross product is of vectors of 3, not f64[2,3] and f64[2,3]"),
    (lambda n: gr.multi_dot([n["v"]]), UsageError, "a chain has two matrices or more"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(CASES)))
def test_misuse_is_one_sentence(number: int, n: dict[str, Node]) -> None:
    call, error, sentence = CASES[number]
    with pytest.raises(error) as caught:
        call(n)
    assert f"): {sentence}" in str(caught.value)


def test_an_index_outside_tells_which_and_where() -> None:
    g = Graph()
    x, i = g.input("x", (2, 3)), g.input("i", (2, 1), "int64")
    y = gr.take_along_axis(x, i, 1)
    with pytest.raises(LabelError, match=r"index 3 at position \(1, 0\) is outside of -3\.\.2"):
        evaluate([y], {x: np.zeros((2, 3)), i: np.array([[0], [3]])})
