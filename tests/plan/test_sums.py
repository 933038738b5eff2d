"""Sums of products: what is added to what, where it lies, and what it comes to."""

from __future__ import annotations

import re

import numpy as np
import pytest

import graphc as gr

draw = np.random.default_rng(0)
SHAPES = {"x": (50, 40), "y": (50, 24), "r": (50, 32), "a": (40, 32), "b": (24, 32), "c": (40, 32)}
FEEDS = {k: draw.standard_normal(s).astype(np.float32) for k, s in SHAPES.items()}


def net() -> tuple[dict[str, gr.Node], gr.Node]:
    """The inputs, of which x and y have rows that are counted when data comes, and a sum."""
    g = gr.Graph("sums", dtype="float32")
    rows = {"x", "y", "r"}
    given = {k: g.input(k, ("n", s[1]) if k in rows else s) for k, s in SHAPES.items()}
    x, y, a, b, c = (given[k] for k in "xyabc")
    return given, (x @ a + y @ b) + x @ c


def wanted() -> np.ndarray:
    x, y, a, b, c = (FEEDS[k].astype(np.float64) for k in "xyabc")
    return x @ a + y @ b + x @ c


def onto(program: gr.Program) -> list[str]:
    return re.findall(r", onto (.*)", "\n".join(map(str, program.plan.products)))


@pytest.mark.parametrize("options", [{}, {"jit": False}, {"threads": 2}, {"without": ["reuse"]}])
def test_products_are_added_where_the_first_one_lies(options):
    given, total = net()
    program = gr.compile([gr.tanh(total), total * given["r"]], **options)
    for found, ours in zip(
        program(**FEEDS), (np.tanh(wanted()), wanted() * FEEDS["r"]), strict=True
    ):
        np.testing.assert_allclose(found, ours, rtol=2e-4, atol=2e-4)
    assert len(onto(program)) == 2
    slots = next(iter(program.plan.parts.values())).slots
    assert len({slots[n].offset for n in slots if n.op.name in ("matmul", "add")}) == 1


def test_a_result_may_be_such_a_sum():
    program = gr.compile(net()[1])
    np.testing.assert_allclose(program(**FEEDS), wanted(), rtol=2e-4, atol=2e-4)
    assert onto(program) == ["x @ a", "x @ a + y @ b"]


def test_gradients_of_siblings_are_added_up_by_their_products():
    n = gr.Graph("siblings", dtype="float32")
    x = n.input("x", ("n", 40))
    w = [n.input(f"w{k}", (40, 32)) for k in range(3)]
    h = gr.tanh(x)
    q, k, v = (h @ each for each in w)
    program = gr.compile(gr.sum(q * k * v), wrt=["x"], jit=False)
    values = {f"w{k}": FEEDS[name] for k, name in enumerate("aca")}
    _, grads = program(x=FEEDS["x"], **values)
    h = np.tanh(FEEDS["x"].astype(np.float64))
    q, k, v = (h @ values[f"w{n}"] for n in range(3))
    parts = [(k * v, "w0"), (q * v, "w1"), (q * k, "w2")]
    d_h = sum(d @ values[name].T for d, name in parts)
    np.testing.assert_allclose(grads["x"], d_h * (1 - h * h), rtol=2e-3, atol=2e-3)
    assert len(onto(program)) == 2


def test_siblings_stand_side_by_side_with_their_updates_behind_them():
    n = gr.Graph("siblings", dtype="float32")
    x, t = n.input("x", ("n", 40)), n.input("t", ("n",), "int64")
    h = gr.tanh(x @ n.param("w", (40, 40), init=gr.init.he_normal()))
    w = [n.param(f"w{k}", (40, 32), init=gr.init.he_normal()) for k in range(3)]
    q, k, v = (h @ each for each in w)
    step = gr.compile_step(
        gr.cross_entropy(q * k + v, t), optimizer=gr.optim.SGD(lr=0.1), jit=False, seed=0
    )
    step(x=FEEDS["x"], t=np.arange(50) % 32)
    backward = step.source("step").split("# backward sweep")[1]
    flags = re.findall(r"multiply\((\d), (\d)", backward)
    assert flags == [("0", "1")] * 3 + [("1", "0")] * 4
    beside = re.findall(", beside (.*)", "\n".join(map(str, step.plan.products)))
    assert beside == ["tanh(…) @ w0", "tanh(…) @ w1", "d_w1", "d_w2"]


def test_what_is_named_or_wanted_elsewhere_stays_a_value_of_its_own():
    given, _ = net()
    p, q = given["x"] @ given["a"], (given["y"] @ given["b"]).named("q")
    r = given["x"] @ given["c"]
    program = gr.compile([p + q, r + p * 2.0, r], jit=False)
    program(**FEEDS)
    assert onto(program) == []
