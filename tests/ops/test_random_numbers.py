"""Random numbers: their distributions, that they are the same wherever they should be and others
wherever they should be, dropout, and what is refused.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import GraphcError, UsageError
from graphc.graph import Graph, Node
from graphc.interpret import evaluate

MANY = 20000
SOME = 2000
FORMS: list[dict[str, Any]] = [{"jit": False, "form": "plain"}, {"jit": False}]
FORMS += [{"form": "plain"}, {"threads": 1}, {"threads": 2}]


def values(*nodes: Node, seed: int = 0, calls: int = 0, **feeds: Any) -> list[np.ndarray]:
    """What a call gives, by what the operations mean."""
    graph = nodes[0].graph
    known = {"random.seed": seed, "random.calls": calls, **feeds}
    found = evaluate(nodes, {graph[name]: value for name, value in known.items()})
    return [found[n] for n in nodes]


# Distributions


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distributions_are_those_of_their_names(dtype: str) -> None:
    stats = pytest.importorskip("scipy.stats", reason="SciPy has the distributions")
    g = Graph("g", dtype=dtype)
    rows = [
        (gr.random.uniform(MANY, -1, 3, graph=g), stats.uniform(-1, 4)),
        (gr.random.normal(MANY, 2, 3, graph=g), stats.norm(2, 3)),
        (gr.random.truncated_normal(MANY, -1, 2, graph=g), stats.truncnorm(-1, 2)),
        (gr.random.exponential(MANY, 2.0, graph=g), stats.expon(scale=2)),
        (gr.random.gumbel(MANY, 1, 2, graph=g), stats.gumbel_r(1, 2)),
        (gr.random.laplace(MANY, 0, 2, graph=g), stats.laplace(0, 2)),
        (gr.random.logistic(MANY, graph=g), stats.logistic()),
    ]
    drawn = values(*(node for node, _ in rows), seed=7)
    for (node, distribution), found in zip(rows, drawn, strict=True):
        assert found.dtype == dtype
        assert stats.kstest(found, distribution.cdf).pvalue > 0.01, str(node)
    assert np.abs(np.corrcoef(drawn) - np.eye(len(rows))).max() < 4 / MANY**0.5


def test_choices_have_their_probabilities() -> None:
    g = Graph("g")
    logits = g.input("logits", (3,))
    some = gr.random.bernoulli(0.3, MANY, graph=g)
    whole = gr.random.randint(-1, 2, MANY, graph=g, dtype="int8")
    picked = gr.random.categorical(logits, shape=MANY)
    found = values(some, whole, picked, logits=np.log([0.1, 0.2, 0.7]))
    assert found[0].mean() == pytest.approx(0.3, abs=0.01)
    assert np.bincount(found[1] + 1) / MANY == pytest.approx([1 / 3] * 3, abs=0.012)
    assert np.bincount(found[2]) / MANY == pytest.approx([0.1, 0.2, 0.7], abs=0.012)


def test_categorical_goes_along_an_axis() -> None:
    g = Graph("g")
    (found,) = values(gr.random.categorical(g.constant(50 * np.eye(3)[[2, 0]].T), axis=0))
    assert found.tolist() == [2, 0]


def test_permutation_has_every_element_once() -> None:
    g = Graph("g")
    x = g.input("x", (50, 2))
    numbers, rows = gr.random.permutation(50, graph=g), gr.random.permutation(x)
    given = np.arange(100.0).reshape(50, 2)
    order, shuffled = values(numbers, rows, x=given)
    assert sorted(order) == list(range(50)) != list(order)
    assert sorted(shuffled[:, 0]) == list(given[:, 0])
    assert np.array_equal(shuffled[:, 1], shuffled[:, 0] + 1)


def test_multivariate_normal_has_its_covariance() -> None:
    g = Graph("g")
    mean, cov = g.constant([1.0, -1.0]), g.constant([[2.0, 0.6], [0.6, 0.5]])
    (found,) = values(gr.random.multivariate_normal(mean, cov, MANY))
    assert found.mean(0) == pytest.approx([1, -1], abs=0.03)
    assert np.cov(found.T) == pytest.approx(np.array([[2, 0.6], [0.6, 0.5]]), abs=0.05)


def test_single_numbers_are_the_double_ones_rounded_down() -> None:
    single, double = Graph("g", dtype="float32"), Graph("g")
    (a,), (b,) = (values(gr.random.uniform(100, graph=g)) for g in (single, double))
    assert np.array_equal(a, np.floor(b * 2**24) / 2**24)


# The same numbers, and others


def noisy() -> Graph:
    """Draws of two precisions with gradients, some in a loop with what is fed, some alone."""
    g = Graph("noisy", dtype="float32")
    x = g.input("x", ("batch", 5))
    z = gr.random.normal(("batch", 5), mean=x, std=2.0).named("z")
    kept = gr.random.bernoulli(0.7, ("batch", 5), graph=g)
    u = gr.random.uniform((3, 70), dtype="float64", graph=g).named("u")
    loss = gr.mean(gr.where(kept, z * x, 0)) + gr.astype(gr.mean(u), "float32")
    a, b = (gr.random.uniform(301, graph=g) for _ in range(2))
    g.outputs = {
        "loss": loss,
        "z": z,
        "u": u,
        "inside": gr.mean(gr.astype(a * a + b * b < 1, "f4")),
    }
    return g


ROWS = np.random.default_rng(0).standard_normal((33, 5)).astype(np.float32)


@pytest.mark.parametrize("options", FORMS, ids=str)
def test_numbers_are_the_same_in_every_form_and_on_any_number_of_threads(
    options: dict[str, Any],
) -> None:
    g = noisy()
    program = gr.compile(list(g.outputs.values()), wrt=["x"], seed=3, **options)
    for call in range(2):
        wanted = values(*g.outputs.values(), seed=3, calls=call, x=ROWS)
        (loss, z, u, inside), _ = program(x=ROWS)
        assert np.array_equal(u, wanted[2])
        np.testing.assert_allclose(inside, wanted[3], rtol=1e-6)
        np.testing.assert_allclose(z, wanted[1], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(loss, wanted[0], rtol=1e-5)


@pytest.mark.parametrize("keep", ["all", "auto", 3000])
def test_backward_sweep_is_of_the_numbers_of_its_forward_sweep(keep: Any) -> None:
    g = noisy()
    program = gr.compile(g.outputs["loss"], wrt=["x"], jit=False, keep=keep)
    loss, slopes = program(x=ROWS)
    other = program.forward(x=ROWS)
    program.seed = 0
    assert other != loss == pytest.approx(program.forward(x=ROWS), rel=1e-6)
    for _ in range(2):
        np.testing.assert_allclose(program.backward()["x"], slopes["x"], rtol=1e-5, atol=1e-7)


def test_every_call_draws_anew_and_a_seed_begins_again() -> None:
    g = Graph("g")
    program = gr.compile(gr.random.normal(4, graph=g), seed=5, jit=False)
    first, second = program(), program()
    assert [program.seed, program.params["random.calls"]] == [5, 2]
    program.seed = 5
    assert np.array_equal([program(), program()], [first, second])
    program.seed = -(2**70)
    assert not {*program()} & {*first, *second}


@pytest.mark.parametrize("seed", [-1, 2**70, np.int32(3)])
def test_any_whole_number_is_a_seed_and_nothing_else(seed: Any) -> None:
    noise = gr.random.normal(4, graph=Graph("g"))
    program = gr.compile(noise, seed=seed, jit=False)
    first = program()
    program.seed = seed
    assert np.array_equal(program(), first)
    for wrong in ("1", 1.5):
        with pytest.raises(UsageError, match="a seed is a whole number, not"):
            gr.compile(noise, seed=wrong, jit=False)


def test_two_draws_differ_and_one_that_is_read_twice_is_one_value() -> None:
    g = Graph("g")
    a, b = (gr.random.uniform(8, graph=g) for _ in range(2))
    same, other = gr.compile([a - a, a - b], jit=False)()
    assert not same.any()
    assert other.all()


def test_draws_survive_a_file() -> None:
    g = noisy()
    h = gr.from_networkx(g.to_networkx())
    gr.random.normal(3, graph=h)
    ours, theirs = (values(graph["z"], x=ROWS)[0] for graph in (g, h))
    assert np.array_equal(ours, theirs)
    assert h["random.key5"].graph is h


def test_a_draw_has_gradients_through_what_shifts_and_scales_it() -> None:
    g = Graph("g")
    mean, std = g.input("mean", (3,)), g.input("std", (3,))
    z = gr.random.normal(mean=mean, std=std)
    shift, scale = gr.grad(gr.sum(z), [mean, std])
    found = values(z, shift, scale, mean=np.ones(3), std=np.full(3, 2.0))
    assert found[1].tolist() == [1, 1, 1]
    assert found[0] == pytest.approx(1 + 2 * found[2])


def test_threads_that_share_a_program_draw_different_numbers() -> None:
    g = Graph("g")
    program = gr.compile(gr.random.bits(graph=g))
    program()
    found: list[int] = []
    calls = lambda: found.extend(program() for _ in range(200))  # noqa: E731
    work = [threading.Thread(target=calls) for _ in range(2)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert len(set(found)) == 400


# Keys


def test_keys_make_the_steps_of_a_loop_differ() -> None:
    g = Graph("walk")
    keys = gr.random.bits((6,), graph=g)

    def walk(x: Any, key: Any) -> Any:
        x = x + gr.random.normal((2,), key=key)
        return x, x

    _, path = gr.scan(walk, g.constant(np.zeros(2)), keys)
    one = gr.random.normal((2,), key=keys[4])
    found, step = gr.compile([path, one], jit=False)()
    assert np.diff(found, axis=0)[3] == pytest.approx(step)
    assert len(np.unique(np.diff(found, axis=0))) == 10


def test_folding_a_number_into_a_key_gives_another() -> None:
    g = Graph("g")
    key = gr.random.bits(graph=g)
    draws = [gr.random.uniform(4, key=gr.random.fold(key, n)) for n in (0, 1, 0)]
    first, second, again = values(*draws)
    assert np.array_equal(first, again)
    assert not np.isin(first, second).any()


def test_vmap_over_keys_draws_for_each_example() -> None:
    g = Graph("g")
    keys = gr.random.bits((3,), graph=g)
    each = gr.vmap(lambda key: gr.random.uniform((2,), key=key))(keys)
    (found,) = values(each)
    assert len(np.unique(found)) == 6


# Dropout


def net() -> tuple[Node, Node]:
    g = Graph("net", dtype="float32")
    x, t = g.input("X", ("batch", 6)), g.input("t", ("batch",), "uint8")
    W, V = (g.param(n, s, init=gr.init.he_normal()) for n, s in (("W", (6, 40)), ("V", (40, 3))))
    hidden = gr.dropout(gr.relu(x @ W), 0.4).named("hidden")
    logits = (hidden @ V).named("logits")
    return logits, gr.cross_entropy(logits, t).named("loss")


def batch(rows: int = 50) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((rows, 6)).astype(np.float32)
    return {"X": X, "t": (X.sum(1) > 0).astype(np.uint8)}


def test_dropout_scales_what_it_keeps_and_its_gradient_likewise() -> None:
    g = Graph("g")
    x = g.input("x", (MANY,))
    y = gr.dropout(x, 0.25, training=True)
    (slope,) = gr.grad(gr.sum(y), [x])
    found, slopes = values(y, slope, x=np.full(MANY, 3.0))
    assert np.array_equal(found, 3 * slopes)
    assert set(np.unique(slopes)) == {0, 1 / 0.75}
    assert (slopes == 0).mean() == pytest.approx(0.25, abs=0.01)


def test_dropout_acts_in_training_alone() -> None:
    logits, loss = net()
    step = gr.compile_step(loss, optimizer=gr.optim.SGD(lr=0.0), outputs=[logits], jit=False)
    data = batch()
    predict, sample = step.compile(logits), step.compile(logits, training=True)
    W, V = step.params["W"], step.params["V"]
    plain = np.maximum(data["X"] @ W, 0) @ V
    np.testing.assert_allclose(predict(X=data["X"]), plain, rtol=1e-5, atol=1e-5)
    assert "uniform" not in predict.source()
    assert predict.params["random.calls"] == 0
    assert not np.allclose(step(data)[1], plain)
    assert not np.allclose(sample(X=data["X"]), plain)
    assert predict.params["random.calls"] == 2


def test_dropout_can_be_switched_at_run_time_and_left_out() -> None:
    g = Graph("g")
    x, rate, on = g.input("x", (SOME,)), g.input("rate"), g.input("on", (), "bool")
    assert x is gr.dropout(x, 0) is gr.dropout(x, training=False)
    y = gr.dropout(x, rate, training=on)
    program = gr.compile(gr.sum(gr.astype(gr.equal(y, 0), "int64")), jit=False)
    assert program(x=np.ones(SOME), rate=0.1, on=False) == 0
    assert program(x=np.ones(SOME), rate=0.1, on=True) == pytest.approx(SOME / 10, rel=0.2)
    (none,) = values(gr.dropout(x, 1, training=True), x=np.full(SOME, np.inf), rate=0, on=True)
    assert not none.any()


def test_alpha_dropout_keeps_mean_and_variance_and_dropout2d_whole_channels() -> None:
    g = Graph("g")
    x = g.input("x", (100, 50, 2, 2))
    given = np.random.default_rng(0).standard_normal((100, 50, 2, 2))
    y, z = gr.alpha_dropout(x, 0.3, training=True), gr.dropout2d(x, 0.3, training=True)
    found, channels = values(y, z, x=given)
    assert found.mean() == pytest.approx(0, abs=0.03)
    assert found.var() == pytest.approx(1, abs=0.03)
    dropped = (channels == 0).reshape(100, 50, 4)
    assert np.array_equal(dropped.all(2), dropped.any(2))
    assert dropped.mean() == pytest.approx(0.3, abs=0.02)


def test_when_training_may_stand_in_a_gradient_of_the_users() -> None:
    g = Graph("g")
    x = g.input("x")
    (slope,) = gr.grad(gr.when_training(x * 3, x * 2), [x])
    found = [gr.compile(slope, jit=False, training=t)(x=1.0) for t in (True, False)]
    assert found == [3, 2]


def test_every_batch_of_an_epoch_drops_others_compiled_and_step_by_step() -> None:
    _, loss = net()
    data, steps = batch(50), []
    for options in ({}, {"jit": False, "form": "plain"}):
        step = gr.compile_step(loss, optimizer=gr.optim.SGD(lr=0.1), seed=2, **options)
        steps.append(step)
    steps[0].epoch(data, batch_size=20)
    for lo in (0, 20, 40):
        steps[1]({name: rows[lo : lo + 20] for name, rows in data.items()})
    assert [int(s.params["random.calls"]) for s in steps] == [3, 3]
    np.testing.assert_allclose(steps[0].params["W"], steps[1].params["W"], rtol=1e-4, atol=1e-5)


def test_training_goes_on_from_a_file_bit_for_bit(tmp_path: Any) -> None:
    _, loss = net()
    make = lambda: gr.compile_step(loss, optimizer=gr.optim.Adam(), jit=False, seed=2)  # noqa: E731
    step, other, data = make(), make(), batch()
    step.epoch(data, batch_size=20)
    step.save(tmp_path / "half.npz")
    other.seed = 9
    other.load(tmp_path / "half.npz")
    assert other.seed == 2
    losses = [s.epoch(data, 20, shuffle=True) for s in (step, other)]
    assert losses[0] == losses[1]
    assert np.array_equal(step.params["W"], other.params["W"])


# What is refused

REFUSED: list[tuple[Any, str]] = [
    (lambda x: gr.random.normal((3,)), "nothing tells the graph to draw in"),
    (lambda x: gr.random.normal((2,), mean=x), "(3,) and (2,) do not broadcast at axis 0"),
    (lambda x: gr.random.normal((2, 1), mean=x), "(3,), which does not broadcast to (2, 1)"),
    (lambda x: gr.random.uniform(low=x, dtype="int32"), "what is drawn is f32 or f64"),
    (lambda x: gr.random.normal((2,), key=x), "a key is one i64, not f64[3]"),
    (lambda x: gr.random.bernoulli(1.5, graph=x.graph), "a probability is from 0 to 1, not 1.5"),
    (lambda x: gr.random.randint(3, 3, graph=x.graph), "there is no i64 from 3 to below 3"),
    (lambda x: gr.random.randint(0, 999, graph=x.graph, dtype="int8"), "there is no i8 from 0 to"),
    (lambda x: gr.random.truncated_normal(3, 2, 1, graph=x.graph), "low is 2, which is not below"),
    (
        lambda x: gr.random.multivariate_normal(x, x),
        "a mean of shape (3,) does not fit covariances",
    ),
    (lambda x: gr.dropout(x, 1.5), "a rate is from 0 to 1, not 1.5"),
    (lambda x: gr.dropout(gr.astype(x, "int32")), "what drops elements takes floats, not i32[3]"),
    (lambda x: gr.dropout2d(x), "there is no axis of channels in shape (3,)"),
    (lambda x: gr.when_training(x, x[0]), "both have one type, and these are f64[3] and f64"),
    (lambda x: gr.compile(x, jit=False).params.seed, "nothing is drawn in this graph"),
    (
        lambda x: gr.scan(lambda h: (h + gr.random.normal((), graph=x.graph),) * 2, x, length=3),
        "a draw inside of a loop or a branch would give the same numbers at each step",
    ),
    (
        lambda x: gr.gate("shaky", forward=drawing, local_gradient=lambda g, y, x: g)(x),
        "what a gate computes is a function of its arguments, and this draws random numbers",
    ),
]


def drawing(x: Node) -> Node:
    return x + gr.random.normal(mean=x)


@pytest.mark.parametrize(("call", "sentence"), REFUSED)
def test_what_cannot_be_is_refused_in_a_sentence(call: Any, sentence: str) -> None:
    x = Graph("g").input("x", (3,))
    with pytest.raises(GraphcError) as told:
        call(x)
    assert sentence in str(told.value)


def test_a_seed_is_a_whole_number() -> None:
    program = gr.compile(gr.random.normal(3, graph=Graph("g")), jit=False)
    with pytest.raises(GraphcError, match="a seed is a whole number, not str"):
        program.seed = "one"
