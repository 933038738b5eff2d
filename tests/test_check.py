"""Gradients against central differences, as a report."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gr


def test_small_values_are_moved_along_every_coordinate_and_large_along_directions():
    g = gr.Graph("g", dtype="float32")
    x = g.input("x", ("batch", 30))
    W = g.param("W", (30, 10), init=gr.init.normal())
    b = g.param("b", (10,))
    loss = gr.mean(gr.tanh(x @ W + b) ** 2)
    report = gr.check_gradient(loss, {"x": np.random.default_rng(0).random((5, 30))})
    assert [row.along for row in report.rows] == ["8 directions", "10 coordinates"]
    assert [row.evaluations for row in report.rows] == [16, 20]
    assert report


def test_a_wrong_local_gradient_is_found_in_its_row():
    half = gr.gate(
        "half_right", forward=lambda a, b: a * b, local_gradient=lambda g, y, a, b: (g * b, g)
    )
    g = gr.Graph("g")
    a, b = g.input("a"), g.input("b")
    report = gr.check_gradient(half(a, b), {"a": 2.0, "b": 3.0}, wrt=["a", "b"])
    assert [row.ok for row in report.rows] == [True, False]
    assert not report
    assert "WRONG" in str(report)


def test_tangents_are_checked_in_forward_mode():
    g = gr.Graph("g")
    x = g.input("x", ("batch", 3))
    w = g.param("w", (3,), init=gr.init.normal(1.0))
    loss = gr.mean(gr.logsumexp(x * w, -1))
    feeds = {"x": np.arange(6.0).reshape(2, 3)}
    assert gr.check_gradient(loss, feeds, mode="forward")
    wrong = gr.mean(gr.on_gradient(x * w, lambda g: 2 * g))
    assert not gr.check_gradient(wrong, feeds, mode="forward")
    with pytest.raises(gr.GraphcError, match="mode is 'sideways'"):
        gr.check_gradient(loss, feeds, mode="sideways")
