"""What can be seen of a program: trace, plan, lines, and everything in a folder."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import graphc as gr


@pytest.fixture(scope="module")
def program():
    g = gr.Graph("seen", dtype="float32")
    x = g.input("x", ("batch", 80))
    W = g.param("W", (80, 60), init=gr.init.normal())
    h = gr.relu(x @ W).named("h")
    loss = gr.mean(h * h).named("loss")
    made = gr.compile(loss, wrt=["W"])
    made(x=np.ones((5, 80), "float32"))
    return made


def test_trace_has_value_gradient_and_local_gradients_of_every_stage():
    g = gr.Graph("q")
    x, y, z = g.input("x"), g.input("y"), g.input("z")
    q = (x + y).named("q")
    f = (q * z).named("f")
    trace = gr.compile(f, wrt=["x", "y", "z"], jit=False).trace(x=-2, y=5, z=-4)
    assert (trace["q"].value, trace["f"].value) == (3, -12)
    assert [trace[n].gradient for n in "fzqxy"] == [1, 3, -4, -4, -4]
    assert trace["f"].local == (-4, 3)
    assert "q = x + y" in str(trace)


def test_a_trace_leaves_the_functions_of_the_package_as_they_are():
    x = gr.Graph().input("x", (2, 2))
    gr.compile(gr.trace(x), jit=False).trace(x=np.eye(2))
    assert gr.compile(gr.trace(x), jit=False)(x=np.eye(2)) == 2


def test_trace_has_a_row_for_each_result_of_a_loop():
    x = gr.Graph("rows").input("x", (3,))
    last, every = gr.scan(lambda c, r: (c * r, c), 1.0, x)
    loss = (last + gr.sum(every)).named("loss")
    trace = gr.compile(loss, wrt=[x], jit=False).trace(x=[2.0, 3.0, 4.0])
    values = [w.value for w in trace.wires if w.text.startswith("scan")]
    assert values[0] == 24
    np.testing.assert_array_equal(values[1], [1, 2, 6])


def test_a_plan_counts_the_steps_of_a_loop():
    g = gr.Graph()
    x, W = g.input("x", (5, 2, 4)), g.param("W", (4, 4))
    last, _ = gr.scan(lambda h, row: (gr.tanh(row + h @ W), None), np.zeros((2, 4)), x)
    plan = str(gr.compile(last, jit=False, form="plain").plan)
    assert f"operations: forward {5 * (2 * 2 * 4 * 4 + 2 * 2 * 4)}" in plan
    assert "2 x 4 x 4  loops, 5 times" in plan


def test_trace_forms_no_jacobian(program):
    trace = program.trace(x=np.ones((5, 80), "float32"))
    assert trace["h"].value.shape == (5, 60)
    assert trace["loss"].local == ()


def test_plan_prints_stages_products_and_bytes(program):
    text = str(program.plan)
    assert "h = relu(x @ W)" in text
    assert "5 x 80 x 60  tile" in text
    assert "without reuse" in text
    assert [p.flops for p in program.plan.products] == [2 * 5 * 80 * 60] * 2


def test_lines_are_woven_in_on_demand_and_never_cached(program):
    assert "test_look.py" in program.source(lines=True)
    assert "test_look.py" not in Path(program.path).read_text()


def test_dump_writes_a_folder_whose_module_runs_by_itself(program, tmp_path, monkeypatch):
    paths = program.dump(tmp_path)
    names = {p.name for p in paths}
    assert {
        "plan.txt",
        "source_with_lines.py.txt",
        "forward_backward.ll",
        "forward_backward.s",
    } <= names
    assert any(name.endswith("differentiate.dot") for name in names)
    monkeypatch.syspath_prepend(tmp_path)
    module = next(p for p in paths if p.name.startswith("seen_"))
    try:
        assert "forward_backward" in runpy.run_path(str(module))
    finally:
        for name in [n for n in sys.modules if n.startswith("graphc_prelude")]:
            sys.modules.pop(name)
