"""`scan`: what it computes, its gradient, and what it says of bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import DTypeError, GraphcError, ShapeError, UsageError
from graphc.graph import Graph
from graphc.interpret import evaluate

RNG = np.random.default_rng(0)
DRAWN = {"x": RNG.standard_normal((6, 3)), "h0": RNG.standard_normal(3)}
WEIGHT = 0.5 * RNG.standard_normal((3, 3))


def recurrent(reverse: bool = False) -> dict[str, Any]:
    """A small recurrent net, its last state, all its states, a loss and the gradients."""
    g = gr.Graph("recurrent")
    x, h0 = g.input("x", (6, 3)), g.input("h0", (3,))
    W = g.param("W", (3, 3), init=WEIGHT)

    def cell(h: Any, row: Any) -> Any:
        new = gr.tanh(row + h @ W)
        return new, new * 2

    last, every = gr.scan(cell, h0, x, reverse=reverse)
    loss = gr.sum(gr.square(last)) + gr.sum(every**3)
    return {"x": x, "h0": h0, "W": W, "last": last, "every": every, "loss": loss}


def by_hand(W: np.ndarray, x: np.ndarray, h0: np.ndarray, reverse: bool = False) -> list[Any]:
    h, every = h0, np.zeros((6, 3))
    for t in reversed(range(6)) if reverse else range(6):
        h = np.tanh(x[t] + h @ W)
        every[t] = 2 * h
    return [h, every, np.sum(h**2) + np.sum(every**3)]


FORMS = [{"jit": False, "form": "plain"}, {"jit": False}, {"form": "plain"}, {}]


@pytest.mark.parametrize("options", FORMS, ids=str)
def test_a_recurrence_is_what_a_loop_gives(options: dict[str, Any]) -> None:
    net = recurrent()
    program = gr.compile([net["last"], net["every"], net["loss"]], **options)
    for found, wanted in zip(program(DRAWN), by_hand(WEIGHT, **DRAWN), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("options", FORMS, ids=str)
def test_both_sweeps_give_the_slopes_together_and_apart(options: dict[str, Any]) -> None:
    net = recurrent()
    program = gr.compile(net["loss"], wrt=["W", "x", "h0"], **options)
    values = {"W": WEIGHT, **DRAWN}
    _, slopes = program(DRAWN)
    program.forward(DRAWN)
    for name, again in program.backward().items():
        direction, step = RNG.standard_normal(values[name].shape), 1e-6
        ahead, behind = (
            by_hand(**{**values, name: values[name] + h * direction})[2] for h in (step, -step)
        )
        found = np.sum(slopes[name] * direction)
        assert found == pytest.approx((ahead - behind) / (2 * step), rel=1e-6)
        np.testing.assert_allclose(again, slopes[name])


def test_reverse_begins_at_the_last_row() -> None:
    net = recurrent(reverse=True)
    program = gr.compile([net["last"], net["every"]], jit=False)
    for found, wanted in zip(program(DRAWN), by_hand(WEIGHT, **DRAWN, reverse=True), strict=False):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_the_steps_run_once_though_their_gradient_keeps_more_of_them() -> None:
    net = recurrent()
    text = gr.compile(net["loss"], wrt=["W"], jit=False).source("forward_backward")
    assert text.count("def cell_step") == 1
    assert text.count("def d_cell_step") == 1


def test_gradients_of_gradients_go_through_a_scan() -> None:
    g = gr.Graph()
    a, v = g.input("a"), g.input("v", (4,))
    product, _ = gr.scan(lambda c, row: (c * row * a, None), 1.0, v)  # a**4 times all of v
    slope = gr.grad(product, a)
    curve = gr.grad(slope, a)
    found = evaluate([slope, curve], {a: 1.5, v: np.array([1.0, 2.0, 3.0, 4.0])})
    assert found[slope] == pytest.approx(24 * 4 * 1.5**3)
    assert found[curve] == pytest.approx(24 * 12 * 1.5**2)


def test_a_mask_stops_sequences_where_they_end() -> None:
    g = gr.Graph()
    x, mask = g.input("x", (3, 2)), g.input("mask", (3, 2), "bool")
    total, seen = gr.scan(lambda c, row: (c + row, c), np.zeros(2), x, mask=mask)
    rows = np.arange(6.0).reshape(3, 2)
    going = np.array([[True, True], [True, False], [False, False]])
    found = gr.compile([total, seen], jit=False)(x=rows, mask=going)
    np.testing.assert_array_equal(found[0], [2.0, 1.0])
    np.testing.assert_array_equal(found[1], [[0, 0], [0, 0], [0, 0]])


def test_a_carry_may_be_a_structure_and_the_length_a_name() -> None:
    g = gr.Graph()
    x = g.input("x", ("steps",))
    carry = {"sum": 0.0, "count": 0}
    last, _ = gr.scan(
        lambda c, row: ({"sum": c["sum"] + row, "count": c["count"] + 1}, None), carry, x
    )
    program = gr.compile([last["sum"], last["count"]])
    assert program(x=np.arange(5.0)) == [10.0, 5]
    assert program(x=np.arange(3.0)) == [3.0, 3]


def test_a_scan_inside_a_scan_has_its_gradient() -> None:
    g = gr.Graph()
    x = g.input("x", (2, 3))

    def row_sum(total: Any, row: Any) -> Any:
        inner, _ = gr.scan(lambda c, v: (c + v * v, None), 0.0, row)
        return total + gr.sqrt(inner), None

    norms, _ = gr.scan(row_sum, 0.0, x)
    rows = np.array([[3.0, 4.0, 0.0], [0.0, 5.0, 12.0]])
    for options in ({"jit": False}, {}):
        value, slopes = gr.compile(norms, wrt=[x], **options)(x=rows)
        assert value == pytest.approx(18.0)
        np.testing.assert_allclose(slopes["x"], rows / np.array([[5.0], [13.0]]))


def test_a_training_step_runs_a_scan_and_its_gradient() -> None:
    g = gr.Graph(dtype="float32")
    x, y = g.input("x", (5, 4, 2)), g.input("y", (4, 3))
    W, U = (g.param(n, s, init=gr.init.normal(0.5)) for n, s in (("W", (2, 3)), ("U", (3, 3))))
    zeros = np.zeros((4, 3), "f4")
    last, _ = gr.scan(lambda h, row: (gr.tanh(row @ W + h @ U), None), zeros, x)
    step = gr.compile_step(gr.squared_error(last, y), optimizer=gr.optim.SGD(lr=0.5), seed=1)
    rows, goal = RNG.standard_normal((5, 4, 2), "f4"), np.tanh(RNG.standard_normal((4, 3), "f4"))
    losses = [step(x=rows, y=goal) for _ in range(100)]
    assert losses[-1] < 0.5 * losses[0]


def test_a_wrong_index_inside_a_step_is_reported() -> None:
    g = gr.Graph()
    table, ids = g.input("table", (4,)), g.input("ids", (3,), "int64")
    total, _ = gr.scan(lambda c, i: (c + table[i], None), 0.0, ids)
    program = gr.compile(total)
    assert program(table=np.arange(4.0), ids=[1, 2, 3]) == 6.0
    with pytest.raises(GraphcError, match="= 7, but there are indices"):
        program(table=np.arange(4.0), ids=[1, 7, 3])


def both(c: Any, r: Any) -> Any:
    return (c, c), None


def kept(c: Any, r: Any) -> Any:
    return c, r


@pytest.mark.parametrize("options", FORMS, ids=str)
def test_a_step_picks_by_the_indices_of_its_own_row(options: dict[str, Any]) -> None:
    g = gr.Graph()
    table, ids = g.input("table", (4, 2)), g.input("ids", (3, 2), "int64")
    total, rows = gr.scan(lambda c, k: (c + gr.sum(table[k]), table[k]), 0.0, ids)
    data, picks = np.arange(8.0).reshape(4, 2), np.array([[0, 1], [3, -1], [2, 2]])
    program = gr.compile([total + gr.sum(rows), rows], wrt=[table], **options)
    (value, stacked), slopes = program(table=data, ids=picks)
    assert value == 2 * data[picks].sum()
    np.testing.assert_array_equal(stacked, data[picks])
    np.testing.assert_array_equal(slopes["table"], 2 * np.array([[1, 1], [1, 1], [2, 2], [2, 2]]))


def test_a_step_may_read_one_of_several_results() -> None:
    S = Graph().input("S", (3, 2, 2))
    total, _ = gr.scan(lambda c, s: (c + gr.sum(gr.eigh(s @ s.T)[0] ** 2), None), 0.0, S)
    rows = RNG.standard_normal((3, 2, 2))
    value, slopes = gr.compile(total, wrt=[S], jit=False)(S=rows)
    grams = rows @ np.swapaxes(rows, 1, 2)  # the squares of eigenvalues add up to those of elements
    assert value == pytest.approx(np.sum(grams**2))
    np.testing.assert_allclose(slopes["S"], 4 * grams @ rows)


Mistake = tuple[Any, type[GraphcError], str]
MISTAKES: list[Mistake] = [
    (lambda x: gr.scan(lambda c, r: c + r, 0.0, x), UsageError, "returns two things"),
    (lambda x: gr.scan(lambda c, r: (r, None), 0.0, x), ShapeError, "as f64 and comes out as f64"),
    (lambda x: gr.scan(lambda c, r: (c + 0.5, None), 0, x), DTypeError, "goes in as i64 and comes"),
    (lambda x: gr.scan(lambda c, r: ((c, c), None), 0.0, x), UsageError, "another structure"),
    (lambda x: gr.scan(lambda c, r: (c, None), 0.0, (x, x[1:])), ShapeError, "first axes of"),
    (lambda x: gr.scan(lambda c: (c, None), x), UsageError, "needs its length"),
    (lambda x: gr.scan(lambda c, r: (c + gr.param("W"), None), 0.0, x), UsageError, "outside"),
    (lambda x: gr.scan(lambda c, r: (0.5, None), 0, x), DTypeError, "goes in as i64 and comes"),
    (lambda x: gr.scan(lambda c: (c, None), 0, x), UsageError, "is called with 2 arguments"),
    (lambda x: gr.scan(0, 0, x), UsageError, "a function of stages is wanted, not int"),
    (lambda x: gr.scan(both, 0, x, mask=x[:, 0] > 0), UsageError, "another structure"),
    (lambda x: gr.scan(kept, x[0], x, checkpoint=-1), UsageError, "checkpoint is -1"),
    (lambda x: gr.scan(kept, x[0], x, checkpoint="all"), UsageError, "checkpoint is 'all'"),
    (lambda x: gr.fori(0.5, 2, lambda i, c: c, x), UsageError, "at a whole number, not 0.5"),
]


@pytest.mark.parametrize(("call", "error", "text"), MISTAKES)
def test_a_mistake_is_told_in_a_sentence(call: Any, error: type[GraphcError], text: str) -> None:
    g = gr.Graph()
    with pytest.raises(error, match=text):
        call(g.input("x", (4, 3)))


@pytest.mark.parametrize("reverse", [False, True])
def test_blocks_give_the_same_and_keep_less(reverse: bool) -> None:
    def trained(checkpoint: bool | int) -> tuple[Any, Any]:
        g = gr.Graph()
        x, W = g.input("x", (400, 3)), g.param("W", (3, 3), init=WEIGHT)
        last, _ = gr.scan(
            lambda h, row: (gr.tanh(row + gr.sin(gr.exp(gr.sin(h))) @ W), None),
            np.ones(3), x, checkpoint=checkpoint, reverse=reverse,
        )  # fmt: skip
        program = gr.compile(gr.sum(last), wrt=[W], jit=False)
        return program(x=np.tile(DRAWN["x"], (67, 1))[:400]), program.plan.parts

    (value, slopes), parts = trained(False)
    for checkpoint in (True, 16):
        (again, less), blocks = trained(checkpoint)
        assert again == pytest.approx(value)
        np.testing.assert_allclose(less["W"], slopes["W"])
        assert blocks["forward_backward"].work < 0.4 * parts["forward_backward"].work


def test_blocks_within_a_step_may_begin_with_what_is_around_it() -> None:
    x, w = (Graph().input("x", (4, 3)), 0.5)
    start = gr.sum(x)

    def rows(total: Any, row: Any) -> Any:
        end, _ = gr.scan(lambda c, v: (c * w + gr.sin(v), None), start, row, checkpoint=2)
        return total + end, None

    total, _ = gr.scan(rows, 0.0, x)
    data = DRAWN["x"][:4]
    value, slopes = gr.compile(total, wrt=[x], jit=False)(x=data)
    weights = w ** np.arange(2, -1, -1)
    assert value == pytest.approx(4 * data.sum() * w**3 + (np.sin(data) @ weights).sum())
    np.testing.assert_allclose(slopes["x"], 4 * w**3 + np.cos(data) * weights)


def test_the_interpreter_knows_the_sizes_around_a_step() -> None:
    x = Graph().input("x", ("rows", 2))
    for length in (0, 2):
        _, ys = gr.scan(lambda c: (c, gr.broadcast_to(c, ("rows",))), x[0, 0], length=length)
        assert evaluate([ys], {x: np.ones((3, 2))})[ys].shape == (length, 3)


def test_the_page_of_a_loop_has_the_names_of_its_function() -> None:
    g = Graph()
    x, going, w = g.input("x", (4, 3)), g.input("going", (4,), "bool"), g.input("w")

    def cell(h: Any, row: Any) -> Any:
        energy = gr.sum(h * row)
        return gr.tanh(h + row), energy

    def grown(turn: Any, total: Any) -> Any:
        return total * w

    last, energies = gr.scan(cell, np.zeros(3), x, mask=going, reverse=True)
    loss = gr.fori(0, 3, grown, gr.sum(last)) + gr.sum(energies)
    source = gr.compile(loss, wrt=[x], jit=False, form="plain").source()
    for text in ("def cell_step(t, row, going", "h = at_f64", "d_h = at_f64", "kept_h", "last_h"):
        assert text in source
    for text in ("def grown_step(", "total_", "every_energy", "cell_step(3 - turn"):
        assert text in source
    assert "*-" not in source


def test_a_limit_on_what_is_kept_puts_a_long_scan_into_blocks() -> None:
    g = gr.Graph()
    x, W = g.input("x", (400, 3)), g.param("W", (3, 3), init=WEIGHT)
    last, _ = gr.scan(lambda h, row: (gr.tanh(row + gr.sin(h) @ W), None), np.ones(3), x)
    rows = np.tile(DRAWN["x"], (67, 1))[:400]
    value, slopes = gr.compile(gr.sum(last), wrt=[W], jit=False)(x=rows)
    program = gr.compile(gr.sum(last), wrt=[W], keep=20_000, jit=False)
    again, less = program(x=rows)
    assert again == pytest.approx(value)
    np.testing.assert_allclose(less["W"], slopes["W"])
    assert "in range(20)" in program.source()
