"""Whatever a user calls inputs, stages and sizes: the emitted module computes the same."""

from __future__ import annotations

import numpy as np
import pytest
from agreement import Case

import graphc as gr
from graphc.graph import Graph

_TEXT = """
    d_x f32 range class x);_import_os 😀 work batch i j k l feed data state out lo rows size exp
    select fill report outside gemm nan inf step forward backward ptr np math njit FLAGS boolean
    x.y _ __import__ sum_0 value_0 panel_x bad copy é σ True None lambda order panel
"""
WORDS = [*_TEXT.split(), "x); import os", 'x"""', "a\nb", "a b", "1x", "\\"]


def test_names_may_be_any_text() -> None:
    g = Graph('a """ title \\ \n')
    inputs = [g.input(word, () if n % 4 else (2,)) for n, word in enumerate(WORDS)]
    params = [g.param(x.name + "'", x.shape, init=np.full(x.shape, 0.5)) for x in inputs]
    stages = [gr.exp(x * w).named(x.name + "*") for x, w in zip(inputs, params, strict=True)]
    loss = sum((gr.sum(s * t) for s, t in zip(stages[1:], stages, strict=False)), gr.sum(stages[0]))
    feeds = {x.name or "": np.full(x.shape, 0.01 * n) for n, x in enumerate(inputs)}
    for jit in (False, True):
        Case([loss, *stages[:5]], [*inputs[:9], *params, *stages[:9]], jit=jit).check(feeds)


@pytest.mark.parametrize("word", [word for word in WORDS if word.isidentifier()])
def test_sizes_may_have_any_name(word: str) -> None:
    g = Graph()
    x, y = g.input("x", (word, 4)), g.input("y", (f"2*{word}",))
    row = gr.exp(x @ g.constant(np.eye(4)))
    case = Case([gr.mean(row * row[::-1]) + gr.sum(y[1:]) * gr.size(x)], [x, y])
    for n in (3, 2):
        case.check({"x": np.full((n, 4), 0.1), "y": np.arange(2.0 * n)})


def test_compiled_sizes_may_be_called_like_the_loops() -> None:
    g = Graph()
    sizes = ("i", "j", "range", "work")
    xs = [g.input(f"x_{s}", (s, 2)) for s in sizes]
    loss = sum((gr.sum(gr.sin(x[::-1] * x)) for x in xs[1:]), gr.sum(xs[0]))
    case = Case([loss], xs, jit=True)
    case.check({x.name or "": np.full((n + 1, 2), 0.3) for n, x in enumerate(xs)})


def test_only_ascii_reaches_the_code() -> None:
    g = Graph("σ")
    x = g.input("😀", ("größe", 3))
    case = Case([gr.sum((x * 2).named("é\n"))], [x])
    case.check({"😀": np.ones((2, 3))})
    assert case.program.source().isascii()
