"""Losses and attention at their edges: rows that do not count, queries without keys, mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import DTypeError, GraphcError, LabelError, ShapeError, UsageError
from graphc.interpret import evaluate

LABELS = np.array([0, -100, 2])


def test_a_row_that_is_ignored_gives_nothing_even_where_it_is_not_a_number() -> None:
    g = gr.Graph()
    x, t = g.input("x", (3, 4)), g.input("t", (3,), "int64")
    loss = gr.cross_entropy(x, t, ignore=-100)
    logits = np.zeros((3, 4))
    logits[1] = np.nan
    value, slopes = gr.compile(loss, wrt=[x], jit=False)(x=logits, t=LABELS)
    assert value == pytest.approx(np.log(4))
    assert not slopes["x"][1].any()
    np.testing.assert_allclose(slopes["x"][0], [-0.375, 0.125, 0.125, 0.125])


def test_a_label_that_is_nobodys_is_reported() -> None:
    g = gr.Graph()
    x, t = g.input("x", (3, 4)), g.input("t", (3,), "int64")
    for loss in (gr.cross_entropy(x, t, smoothing=0.1), gr.nll(x, t), gr.embedding(t, x)):
        with pytest.raises(LabelError, match="-100"):
            gr.compile(loss, jit=False)(x=np.zeros((3, 4)), t=LABELS)


def test_the_row_of_the_padding_takes_no_gradient() -> None:
    g = gr.Graph()
    ids, W = g.input("ids", (4,), "int64"), g.input("W", (3, 2))
    slope = gr.grad(gr.sum(gr.embedding(ids, W, padding=-1)), W)
    found = evaluate([slope], {ids: [0, 2, 0, 1], W: np.zeros((3, 2))})[slope]
    np.testing.assert_array_equal(found, [[2, 2], [1, 1], [0, 0]])


def test_a_query_that_sees_no_key_gives_zeros_and_takes_no_gradient() -> None:
    g = gr.Graph()
    q, mask = g.input("q", (2, 3)), g.input("mask", (2, 2), "bool")
    y = gr.scaled_dot_product_attention(q, q, q, mask)
    program = gr.compile([gr.sum(y * y), y], wrt=[q], jit=False)
    (_, values), slopes = program(q=np.eye(2, 3), mask=[[False, False], [True, False]])
    np.testing.assert_array_equal(values, [[0, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(slopes["q"], [[2, 0, 0], [0, 0, 0]])


MISTAKES = [
    (lambda x, t: gr.cross_entropy(x, t, smoothing=2), UsageError, "from 0 to 1, not 2"),
    (lambda x, t: gr.cross_entropy(x, t, reduction="max"), UsageError, "'mean', 'sum' or 'none'"),
    (lambda x, t: gr.cross_entropy(x, x, ignore=0), UsageError, "these are probabilities"),
    (lambda x, t: gr.cross_entropy(x, t, class_weights=[1.0]), ShapeError, r"of shape \(4,\)"),
    (lambda x, t: gr.nll(x, x), DTypeError, "class labels are integers"),
    (lambda x, t: gr.huber(x, t), ShapeError, r"\(3, 4\) but the target has shape \(3,\)"),
    (lambda x, t: gr.huber(x, 0.0, delta=0), UsageError, "delta is 0, and has to be above 0"),
    (lambda x, t: gr.margin_ranking(x, x, t), ShapeError, r"\(3,\) does not broadcast to \(3, 4\)"),
    (lambda x, t: gr.multi_margin(x, t, p=3), UsageError, "p is 1 or 2, not 3"),
    (lambda x, t: gr.embedding(t, x[0]), ShapeError, "a table of embeddings is a matrix"),
    (lambda x, t: gr.embedding_bag(t, x, "min"), UsageError, "one of sum, mean, max, not 'min'"),
    (lambda x, t: gr.rotary_embedding(x[:, :3]), ShapeError, "even width, not 3"),
    (
        lambda x, t: gr.scaled_dot_product_attention(x, x[:, 1:], x),
        ShapeError, r"queries and keys of shapes \(3, 4\) and \(3, 3\) have other widths",
    ),
    (
        lambda x, t: gr.scaled_dot_product_attention(x, x, x, np.ones((2, 3), bool)),
        ShapeError, r"a mask of shape \(2, 3\) does not broadcast to \(3, 3\)",
    ),
    (lambda x, t: gr.scaled_dot_product_attention(x, x, x, t), DTypeError, "mask is bool or float"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), MISTAKES)
def test_a_mistake_is_told_in_a_sentence(call: Any, error: type[GraphcError], text: str) -> None:
    g = gr.Graph()
    with pytest.raises(error, match=text):
        call(g.input("x", (3, 4)), g.input("t", (3,), "int64"))
