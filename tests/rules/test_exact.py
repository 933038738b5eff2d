"""What is rounded after a division is the rounding of the correctly rounded quotient."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gr
from graphc.emit import prelude
from graphc.joint import Joint
from graphc.rules.exact import exact


def _quotients(dtype: str) -> gr.Graph:
    g = gr.Graph("q", dtype=dtype)
    x, s = g.input("x", (64,)), g.input("s")
    at = {"floor": gr.floor(x / s), "trunc": gr.trunc(x / 49.0), "cast": gr.astype(x / s, "i64")}
    at |= {"rest": gr.remainder(x / s, 2), "one": gr.equal(x / x, 1)}
    g.outputs.update(at, frac=gr.frac(x / s), near=gr.round(x / s + 1.0), half=gr.ceil(1 / (s / x)))
    _, rows = gr.scan(lambda c, row: (c, gr.floor(row / c)), s, x)
    g.outputs["steps"] = rows
    return g


@pytest.mark.skipif(prelude.JIT_OFF, reason="plain Python divides exactly anyway")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whole_quotients_are_whole_when_they_are_rounded(dtype):
    graph = _quotients(dtype)
    compiled, plain = gr.compile(graph), gr.compile(graph, jit=False)
    for s in (49.0, 0.1, 41.0):
        x = (np.arange(1, 65) * s).astype(dtype)
        for a, b in zip(compiled(x=x, s=s), plain(x=x, s=s), strict=True):
            np.testing.assert_array_equal(a, b)


def test_only_quotients_that_are_rounded_are_divided_exactly():
    g = gr.Graph("q")
    x = g.input("x", (4,))
    roots = (x / 3, gr.floor(gr.maximum(x / 7, 0)), gr.astype(1 / x, "i32"))
    graph = exact(Joint(g, roots)).graph
    divided = {n.op.name for n in graph.readers(graph["x"])}
    assert divided == {"divide", "quotient"}
    assert [n.op.name for n in graph.nodes].count("quotient") == 2
