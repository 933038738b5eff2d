"""Norms, moments, cumulative functions and sorting: where they have kinks, what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import DTypeError, GraphcError, ShapeError, UsageError
from graphc.graph import Graph, Node
from graphc.interpret import evaluate


def slopes(build: Any, *arrays: Any) -> list[np.ndarray]:
    """The gradients of a scalar at these arrays."""
    g = Graph("g", dtype="float64")
    inputs = [g.input(f"x{i}", np.shape(a)) for i, a in enumerate(arrays)]
    wanted = gr.grad(build(*inputs), inputs)
    found = evaluate(wanted, dict(zip(inputs, map(np.asarray, arrays), strict=True)))
    return [found[w] for w in wanted]


def test_product_has_exact_gradients_at_zeros() -> None:
    (lone,) = slopes(gr.prod, [2.0, 0.0, 3.0])
    (two,) = slopes(gr.prod, [0.0, 5.0, 0.0])
    assert lone.tolist() == [0, 6, 0]
    assert two.tolist() == [0, 0, 0]


def test_cumulative_product_has_exact_gradients_at_zeros() -> None:
    (found,) = slopes(lambda x: gr.sum(gr.cumprod(x)), [2.0, 0.0, 3.0, 0.0, 5.0])
    assert found.tolist() == [1, 8, 0, 0, 0]


def test_norm_of_zeros_has_gradient_zero() -> None:
    for ord in (2, 3, 0.5):
        (found,) = slopes(lambda x, ord=ord: gr.vector_norm(x, ord=ord), [0.0, 0.0])
        assert found.tolist() == [0, 0]


def test_standard_deviation_of_equal_numbers_has_gradient_zero() -> None:
    (found,) = slopes(gr.std, [3.0, 3.0, 3.0])
    assert found.tolist() == [0, 0, 0]


def test_gradient_of_equal_elements_goes_to_the_first() -> None:
    (best,) = slopes(lambda x: gr.sum(gr.cummax(x)[0]), [1.0, 2.0, 2.0])
    (norm,) = slopes(lambda x: gr.vector_norm(x, ord=np.inf), [1.0, -2.0, 2.0])
    assert best.tolist() == [1, 2, 0]
    assert norm.tolist() == [0, -1, 0]


def test_gradient_of_the_median_goes_to_both_middle_elements() -> None:
    (found,) = slopes(gr.median, [9.0, 1.0, 3.0, 5.0])
    assert found.tolist() == [0, 0, 0.5, 0.5]


def test_logcumsumexp_keeps_its_gradient_where_exponentials_underflow() -> None:
    (found,) = slopes(lambda x: gr.sum(gr.logcumsumexp(x)), [-2000.0, -1000.0, -1000.0])
    assert found == pytest.approx([1, 1.5, 0.5])


def test_methods_of_numpys_names_build_the_operations() -> None:
    x = Graph("g").input("x", (2, 3))
    built = [x.std(0), x.var(), x.cumsum(1), x.cumprod(0), x.argsort(), x.any(), x.all(1)]
    assert [n.op.name for n in built] == [
        "std",
        "var",
        "cumsum",
        "cumprod",
        "argsort",
        "any",
        "all",
    ]


REFUSED: list[tuple[Any, type[GraphcError], str]] = [
    (gr.nonzero, UsageError, "nonzero gives as many indices as there are elements that are not 0"),
    (gr.argwhere, UsageError, "argwhere gives as many rows as there are elements"),
    (gr.unique, UsageError, "unique gives as many elements as there are different ones"),
    (lambda x: gr.topk(x, 4), ShapeError, "k is 4, but axis 1 of shape (2, 3) has 3 elements"),
    (lambda x: gr.kthvalue(x, 0), ShapeError, "k is 0, but axis 1 of shape (2, 3) has 3 elements"),
    (lambda x: gr.quantile(x, 1.5), UsageError, "q is a number from 0 to 1, or a sequence of such"),
    (
        lambda x: gr.quantile(x, 0.5, method="cubic"),
        UsageError,
        "the method is one of linear, lower",
    ),
    (lambda x: gr.median(x[:0]), ShapeError, "an array of shape (0, 3) has no quantile"),
    (lambda x: gr.searchsorted(x, x[0]), ShapeError, "values of shape (3,) cannot be searched"),
    (lambda x: gr.searchsorted(x[0], x, "mid"), UsageError, "side is 'left' or 'right', not 'mid'"),
    (
        lambda x: gr.matrix_norm(x, ord="spam"),
        UsageError,
        "the norm of a matrix is 'fro', 'nuc', 1",
    ),
    (lambda x: gr.vector_norm(x, ord="fro"), UsageError, "ord is a number, inf or -inf, not 'fro'"),
    (lambda x: gr.norm(x[None], 1), ShapeError, "a norm is taken along one axis or two, not 3"),
    (gr.cumulative_sum, ShapeError, "which of the 2 axes is it along?"),
    (lambda x: gr.cummax(x > 0, 0), DTypeError, "bool[2,3] has no order"),
    (lambda x: gr.diff(x, -1), UsageError, "n says how often differences are taken"),
]


@pytest.mark.parametrize(("call", "kind", "sentence"), REFUSED)
def test_what_cannot_be_is_refused_in_a_sentence(call: Any, kind: type, sentence: str) -> None:
    x: Node = Graph("g").input("x", (2, 3))
    with pytest.raises(kind) as told:
        call(x)
    assert sentence in str(told.value)
