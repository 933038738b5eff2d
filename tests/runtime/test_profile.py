"""Where the time of a call goes: rows by stage, with operations and bytes that a hand can count."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gr
from graphc.emit.instrument import sections
from graphc.errors import LabelError, UsageError
from graphc.expr import Call, Name, Number
from graphc.kernel import Let, Loop, Run, Tag
from graphc.plan.table import flops
from graphc.train.optim import SGD
from graphc.train.step import compile_step

BATCH = 4
X = np.random.default_rng(3).standard_normal((BATCH, 6))


def net() -> gr.Graph:
    """Six inputs, five hidden, three outputs, the sum of their squares."""
    g = gr.Graph("hand")
    x = g.input("X", ("batch", 6))
    W1 = g.param("W1", (6, 5), init=gr.init.normal())
    W2 = g.param("W2", (5, 3), init=gr.init.normal())
    z = (x @ W1).named("z")
    h = gr.relu(z).named("h")
    o = (h @ W2).named("o")
    gr.sum(o * o).named("loss")
    return g


@pytest.fixture(scope="module")
def profile():
    program = gr.compile(net()["loss"], wrt=["W1", "W2"], jit=False)
    return program.profile(X=X, repeats=3)


@pytest.fixture(scope="module")
def step():
    return compile_step(net()["loss"], optimizer=SGD(0.1))


def row(found, *stages):
    """The row of these stages."""
    return next(r for r in found.rows if r.stages == stages)


def test_rows_cover_every_stage_of_both_sweeps_in_order_of_execution(profile):
    marks = [mark for r in profile.rows for mark in r.stages]
    assert marks == ["(1)", "(2)", "(3)", "(4)", "d(4)", "d(3)", "d(2)", "d(1)"]
    assert [r.what for r in profile.rows][:2] == ["z = X @ W1", "h = relu(z)"]


def test_operations_are_those_counted_by_hand(profile):
    assert [row(profile, mark).flops for mark in ("(1)", "(2)", "(3)")] == [
        2 * BATCH * 6 * 5,
        BATCH * 5,
        2 * BATCH * 5 * 3,
    ]
    assert row(profile, "(4)", "d(4)").flops == 3 * BATCH * 3  # o * o, its sum; 2 o
    assert row(profile, "d(3)").flops == 2 * (2 * BATCH * 5 * 3)
    assert row(profile, "d(2)").flops == 2 * BATCH * 5  # a comparison, a choice
    assert row(profile, "d(1)").flops == 2 * BATCH * 6 * 5


def test_bytes_are_of_arrays_read_and_written_once(profile):
    x, w1, w2, hidden, o = (8 * n for n in (BATCH * 6, 6 * 5, 5 * 3, BATCH * 5, BATCH * 3))
    assert row(profile, "(1)").bytes == x + w1 + hidden
    assert row(profile, "(2)").bytes == hidden + hidden
    assert row(profile, "(4)", "d(4)").bytes == o + o
    assert row(profile, "d(3)").bytes == (o + w2 + hidden) + (hidden + o + w2)


def test_sums_are_those_of_the_rows(profile):
    assert profile.total.flops == sum(r.flops for r in profile.rows) == 936
    assert profile.total.bytes == sum(r.bytes for r in profile.rows)
    assert profile.total.ms == pytest.approx(sum(r.ms for r in profile.rows))
    assert sum(r.share for r in profile.rows) == pytest.approx(1)
    assert profile.total.ms == pytest.approx(sum(profile.total.sweeps.values()))


def test_backward_to_forward_divides_shared_loops_by_operations(profile):
    forward, backward = 240 + 20 + 120 + 24, 12 + 240 + 40 + 240
    assert profile.backward_to_forward.flops == pytest.approx(backward / forward)
    assert profile.backward_to_forward.time > 0


def test_text_has_a_line_a_row_and_no_limits_where_python_runs(profile):
    text = str(profile)
    assert text.startswith("profile of hand: forward_backward, batch = 4; 3 calls")
    assert "loss = sum(o * o)" in text
    assert "backward to forward" in text
    assert profile.limits is None
    assert all(r.of_limit is None for r in profile.rows)
    assert "<pre>" in profile._repr_html_()


def test_what_runs_is_the_same_source_with_ticks_between():
    program = gr.compile(net()["loss"], wrt=["W1", "W2"], jit=False)
    timed = program.profile(X=X, repeats=1).source.splitlines()
    kept = [line.replace(", ticks)", ")") for line in timed if "tick(" not in line]
    assert "\n".join(kept) == program.source("forward_backward").rstrip("\n")


def test_profile_of_a_step_counts_updates_and_trains_nothing(step):
    step(X=X)
    before = {name: np.copy(value) for name, value in step.params.items()}
    found = step.profile(X=X, repeats=5)
    assert all(np.array_equal(before[name], value) for name, value in step.params.items())
    assert any("u" in mark for r in found.rows for mark in r.stages)
    assert found.total.flops == 936 + 2 * (6 * 5 + 5 * 3) + 1  # W -= lr * d_W; steps
    assert all(r.of_limit is None or r.of_limit > 0 for r in found.rows)
    assert found.limits is None or "GFLOP/s in f32" in str(found)


def test_a_failing_profile_leaves_state_as_it_was():
    g = gr.Graph("labels")
    x, t = g.input("x", ("batch", 3)), g.input("t", ("batch",), "uint8")
    logits = x @ g.param("W", (3, 4), init=gr.init.normal())
    step = compile_step(gr.cross_entropy(logits, t), optimizer=SGD(0.1), jit=False, graph=g)
    before = step.params["W"].copy()
    with pytest.raises(LabelError):
        step.profile(x=np.ones((2, 3)), t=[1, 9], repeats=1)
    assert np.array_equal(before, step.params["W"])
    assert step.steps == 0


def test_a_smaller_batch_counts_its_own_rows(step):
    step(X=X)
    assert row(step.profile(X=X[:2], repeats=1), "(1)").flops == 2 * 2 * 6 * 5


def test_scalar_stages_have_rows_of_their_own():
    g = gr.Graph("scalars")
    x, y = g.input("x"), g.input("y")
    a = gr.exp(x).named("a")
    gr.sin(a * y).named("f")
    found = gr.compile(g["f"], wrt=[x], jit=False).profile(x=0.3, y=2.0)
    assert {("(1)",), ("d(1)",)} <= {r.stages for r in found.rows}
    assert found.total.bytes == 0


def test_a_program_of_one_sweep_has_no_ratio():
    found = gr.compile(net()["loss"], jit=False).profile(X=X, repeats=1)
    assert found.backward_to_forward is None
    assert "backward to forward" not in str(found)


def test_the_plan_counts_as_many_operations_as_the_profile(profile):
    plan = gr.compile(net()["loss"], wrt=["W1", "W2"], jit=False)
    plan.profile(X=X, repeats=1)
    counted = flops(plan.plan, plan.plan.parts["forward_backward"])
    assert sum(counted.values()) == profile.total.flops


def test_threads_of_a_team_are_waited_for(monkeypatch):
    monkeypatch.setenv("GRAPHC_NUM_THREADS", "2")
    g = gr.Graph("wide", dtype="float32")
    x = g.input("x", ("batch", 100))
    h = gr.tanh(x @ g.param("W", (100, 100), init=gr.init.normal()))
    program = gr.compile(gr.sum(h @ g.param("V", (100, 100))), wrt=["W"], graph=g, jit=False)
    found = program.profile(x=np.ones((64, 100), "float32"), repeats=1)
    assert any(r.what == "waiting for other threads" for r in found.rows)
    assert found.threads == 1  # as Python runs it


def test_repeats_below_one_are_an_error():
    with pytest.raises(UsageError, match="repeats is 0"):
        gr.compile(net()["loss"], jit=False).profile(X=X, repeats=0)


def test_an_input_may_be_called_repeats_or_ticks():
    g = gr.Graph("words")
    f = (g.input("repeats") * g.input("ticks")).named("tick")
    found = gr.compile(f, jit=False).profile({"repeats": 2.0, "ticks": 3.0}, repeats=2)
    assert found.repeats == 2
    assert found.total.flops == 1


ONE, TWO = Tag(1), Tag(2)
FIVE = Number(5, "i64")


def test_short_lines_are_timed_with_the_loop_that_has_their_stage():
    start = Let(("s",), Number(0.0, "f64"), ONE)
    loop = Loop("i", Number(0, "i64"), FIVE, 1, (Let(("t",), Name("i"), ONE),))
    product = Run(Call("gemm", ()), TWO)
    found = sections([start, loop, product])
    assert [s.body for s in found] == [(start, loop), (product,)]
    assert found[0].tags == (ONE,)


def test_report_is_a_page_of_what_the_compiler_did(step):
    step(X=X)
    text = step.report()
    for words in ("report of hand", "4 stages", "step", "6 x 4 x 5", "bytes of work", step.path):
        assert words in text
    assert "plan" in text
    assert len(text.splitlines()) < 60


def test_rewrites_that_fired_are_in_the_report():
    g = gr.Graph("ones")
    x = g.input("x")
    text = gr.compile((x * 1.0 + 0.0).named("f"), jit=False).report()
    assert "simplify" in text
    assert "as Python" in text
