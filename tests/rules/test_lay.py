"""Gradients of parts of an array are laid side by side, where nothing else is added to them."""

from __future__ import annotations

import numpy as np

import graphc as gr


def _program(**options: object) -> gr.Program:
    g = gr.Graph("rates")
    rates, x = g.param("rates", (4,), init=np.arange(1.0, 5.0)), g.input("x")
    a, b, c, d = (rates[k] for k in range(4))
    f = ((a - b * x) * x + (c * x - d) * a).named("f")
    return gr.compile(f, wrt=["rates"], jit=False, form="plain", **options)


def test_elements_of_a_vector_send_their_gradients_to_it_one_by_one() -> None:
    program = _program()
    text = program.source("forward_backward")
    assert [f"d_rates[{k}] = d_rates_at_{k} " in text for k in range(4)] == [True] * 4
    assert "fill(" not in text
    assert np.array_equal(program(x=2.0)[1]["rates"], [4, -4, 2, -1])


def test_the_gradients_are_the_same_without_it() -> None:
    apart = _program(without=["lay"])
    assert "fill(" in apart.source("forward_backward")
    assert np.array_equal(apart(x=2.0)[1]["rates"], [4, -4, 2, -1])


def test_parts_that_share_elements_are_added_up() -> None:
    x = gr.Graph().input("x", (5,))
    f = gr.sum(gr.sin(x[:3])) + gr.sum(x[2:] ** 2) + gr.sum(x[::2])
    found = gr.compile(f, wrt=["x"], jit=False)(x=np.arange(5.0))[1]["x"]
    expected = np.cos([0, 1, 2, 0, 0]) * [1, 1, 1, 0, 0] + [1, 0, 5, 6, 9]
    assert np.allclose(found, expected)


def test_pieces_beside_a_whole_gradient_are_laid_once_and_added_to_it() -> None:
    x = gr.Graph().input("x", (3,))
    f = gr.sum(x * x) + x[0] * x[1]
    program = gr.compile(f, wrt=["x"], jit=False, form="plain")
    assert np.array_equal(program(x=[1, 2, 3])[1]["x"], [4, 5, 6])
    assert program.source("forward_backward").count("fill(") == 1
