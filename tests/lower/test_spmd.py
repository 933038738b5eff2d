"""Kernels that a team of threads runs: the same results at every number of threads."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import graphc as gr
from graphc.errors import LabelError

rng = np.random.default_rng(0)
X = rng.standard_normal((300, 64)).astype(np.float32)
T = rng.integers(0, 10, 300)


def net() -> gr.Graph:
    """Two layers with biases and a norm, wide enough for a team."""
    n = gr.Graph("net", dtype="float32")
    x, t = n.input("x", ("batch", 64)), n.input("t", ("batch",), "int64")
    w1, b1 = n.param("w1", (64, 128), init=gr.init.he_normal()), n.param("b1", (128,))
    w2 = n.param("w2", (128, 10), init=gr.init.he_normal())
    h = gr.tanh(x @ w1 + b1)
    h = h - gr.mean(h, axis=0)
    gr.cross_entropy(h @ w2, t).named("loss")
    return n


def trained(threads: int, **options) -> dict[str, np.ndarray]:
    step = gr.compile_step(
        net()["loss"], optimizer=gr.optim.Adam(lr=0.01), seed=0, threads=threads, **options
    )
    losses = [step(x=X[:120], t=T[:120]), step(x=X[:7], t=T[:7])]
    losses.append(step.epoch({"x": X, "t": T}, batch_size=90))
    losses.append(step.epoch({"x": X, "t": T}, batch_size=90, shuffle=True))
    return {"losses": np.array(losses), **{k: np.array(v) for k, v in step.params.items()}}


def test_a_team_of_any_size_trains_as_one_thread_does():
    alone = trained(1)
    for threads in (2, 3):
        for name, value in trained(threads).items():
            np.testing.assert_allclose(value, alone[name], rtol=2e-3, atol=2e-5, err_msg=name)


def test_a_team_gives_the_same_bits_each_time():
    first, again = trained(2), trained(2)
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_deterministic_results_are_the_same_for_every_number_of_threads():
    two, three = (trained(n, deterministic=True) for n in (2, 3))
    assert all(np.array_equal(two[name], three[name]) for name in two)


def test_the_plain_source_of_a_team_is_one_thread():
    plain = trained(2, jit=False)
    for name, value in trained(1).items():
        np.testing.assert_allclose(plain[name], value, rtol=2e-3, atol=2e-5, err_msg=name)


def test_python_threads_that_call_at_once_get_their_own_results():
    g = gr.Graph("rows", dtype="float32")
    x = g.input("x", ("n", 200))
    program = gr.compile([gr.sum(gr.exp(x), axis=1), gr.sum(x)], threads=2)
    feeds = [rng.standard_normal((500, 200)).astype(np.float32) for _ in range(4)]
    wanted = [program(x=f) for f in feeds]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: program(x=feeds[n % 4]), range(40)))
    for n, (rows, total) in enumerate(found):
        np.testing.assert_allclose(rows, wanted[n % 4][0], rtol=1e-6)
        assert total == pytest.approx(wanted[n % 4][1], rel=1e-5)


def source(outputs, **feeds) -> str:
    program = gr.compile(outputs, threads=2, jit=False)
    program(**feeds)
    return program.source("forward")


def test_small_kernels_stay_on_one_thread():
    g = gr.Graph("small", dtype="float32")
    x = g.input("x", ("n",))
    assert "team" not in source(gr.sum(gr.exp(x)), x=X[0])


def test_threads_wait_where_one_reads_what_another_wrote():
    g = gr.Graph("turned", dtype="float32")
    x = g.input("x", (300, 300))
    y = gr.exp(x).named("y")
    written = source([gr.sum(y, axis=1), gr.transpose(y) * 2.0, y], x=np.ones((300, 300), "f4"))
    lines = [s.strip() for s in written.splitlines()]
    transposed = next(i for i, s in enumerate(lines) if re.search(r"y\[j\*300|y\[.*j.*300", s))
    assert "barrier(team, me)" in lines[:transposed]


def test_rows_that_each_thread_makes_and_reads_need_no_waiting():
    g = gr.Graph("rows", dtype="float32")
    x = g.input("x", ("n", 300))
    written = source(gr.softmax(x), x=np.ones((300, 300), "f4"))
    assert written.count("barrier(") == 1  # at the end


def wide() -> gr.Graph:
    """Three layers whose gradients are made by blocks of rows, the last block smaller."""
    n = gr.Graph("wide", dtype="float32")
    h, t = n.input("x", ("batch", 64)), n.input("t", ("batch",), "int64")
    for i, (rows, columns) in enumerate([(64, 256), (256, 250), (250, 128)]):
        w = n.param(f"w{i}", (rows, columns), init=gr.init.he_normal())
        h = gr.tanh(h @ w + n.param(f"b{i}", (columns,)))
    gr.cross_entropy(h, t).named("loss")
    return n


def stepped(threads: int, batch: int = 40, **options) -> dict[str, np.ndarray]:
    step = gr.compile_step(
        wide()["loss"], optimizer=gr.optim.Adam(lr=0.01), seed=0, threads=threads, **options
    )
    losses = [step(x=X[:batch], t=T[:batch]), step(x=X[:7], t=T[:7])]
    losses.append(step.epoch({"x": X, "t": T}, batch_size=batch, shuffle=True))
    assert ("by blocks of" in str(step.plan)) == (options.get("form") != "plain")
    return {"losses": np.array(losses), **{k: np.array(v) for k, v in step.params.items()}}


def test_gradients_by_blocks_train_as_plain_loops_do():
    plain = stepped(1, form="plain")
    for threads in (1, 2, 3):
        for name, value in stepped(threads).items():
            np.testing.assert_allclose(value, plain[name], rtol=2e-3, atol=2e-5, err_msg=name)


def test_gradients_by_blocks_are_the_same_for_every_number_of_threads():
    two, three = (stepped(n, deterministic=True) for n in (2, 3))
    assert all(np.array_equal(two[name], three[name]) for name in two)


def test_sums_over_threads_are_added_up_where_threads_wait_anyway():
    step = gr.compile_step(wide()["loss"], optimizer=gr.optim.Adam(lr=0.01), threads=2, jit=False)
    step(x=X[:40], t=T[:40])
    lines = [s.strip() for s in step.source("step").splitlines()]
    sums = [i for i, line in enumerate(lines) if line.startswith("add_up(")]
    assert len(sums) == 3
    assert all(lines[i - 1] == "barrier(team, me)" for i in sums)
    assert lines.count("barrier(team, me)") <= 10


def test_a_wrong_label_is_told_by_the_whole_team():
    step = gr.compile_step(net()["loss"], optimizer=gr.optim.SGD(lr=0.1), threads=2)
    wrong = T.copy()
    wrong[250] = 11
    before = {k: np.array(v) for k, v in step.params.items()}
    with pytest.raises(LabelError, match="11"):
        step(x=X[:120], t=wrong[150:270])
    assert all(np.array_equal(before[k], v) for k, v in step.params.items())
    step(x=X[:120], t=T[:120])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_small_loop_that_stores_hands_its_extremes_and_sums_to_all(dtype):
    """The softmax and the norm of one row behind a product that a team shares: small loops that
    both store and accumulate, which one thread runs."""
    g = gr.Graph(dtype=dtype)
    x, w, b = g.input("x", (1, 600)), g.param("w", (600, 700)), g.param("b", (700,))
    w = w + 0.001
    row = gr.reshape(x @ w + b, (700,))
    loss = gr.sum(gr.square(gr.softmax(row * gr.arange(700, like=g) / 700.0))) + gr.sum(row**2)
    program = gr.compile([loss, row], wrt=["b"])
    assert "barrier" in program.source("forward_backward")
    fed = np.random.default_rng(1).standard_normal((1, 600)).astype(dtype)
    (value, _), slopes = program(x=fed)
    (wanted, _), gradients = gr.compile([loss, row], wrt=["b"], jit=False, form="plain")(x=fed)
    np.testing.assert_allclose(value, wanted, rtol=1e-4)
    np.testing.assert_allclose(slopes["b"], gradients["b"], rtol=1e-3, atol=1e-6)
