"""Pieces laid into an array: zeros come first only where the pieces leave some."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import graphc as gr


def _source(build: Callable[[gr.Node, gr.Node], gr.Node]) -> tuple[str, np.ndarray]:
    g = gr.Graph("pieces")
    x, y = g.input("x", ("batch", 3)), g.input("y", ("batch", 4))
    program = gr.compile(build(x, y), form="plain", jit=False)
    return program.source("forward"), program(x=np.ones((2, 3)), y=2 * np.ones((2, 4)))


def test_pieces_that_cover_everything_are_laid_without_zeros() -> None:
    text, value = _source(lambda x, y: gr.concat([x, y], axis=1))
    assert "fill(" not in text
    assert np.array_equal(value, [[1, 1, 1, 2, 2, 2, 2]] * 2)


def test_pieces_that_leave_a_border_get_zeros_first() -> None:
    text, value = _source(lambda x, y: gr.pad(y, ((0, 0), (1, 0))))
    assert "fill(" in text
    assert np.array_equal(value, [[0, 2, 2, 2, 2]] * 2)
