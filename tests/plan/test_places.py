"""Where values lie: no buffer is written while it is needed, whatever shares its memory or loop."""

from __future__ import annotations

import numpy as np
import pytest
from agreement import Case

import graphc as gr
from graphc.graph import Graph, Node

RNG = np.random.default_rng(6)


def numbers(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def test_a_value_is_not_overwritten_while_another_stage_reads_it_across() -> None:
    g = Graph()
    x, b = g.input("x", (1, 4)), g.input("b", (4,))
    a = gr.exp(x).named("a")
    across = a + b[:, None]  # row i reads all of `a`
    twice = (a * 2).named("twice")  # its place i would be that of a[i]
    Case([across, gr.sum(gr.flip(twice, 1) * x)]).check({"x": numbers(1, 4), "b": numbers(4)})


def test_a_number_that_is_returned_keeps_its_place_to_the_end() -> None:
    g = Graph()
    x = g.input("x", (4,))
    first = x[0] * 1
    loss = gr.sum(gr.outer(x, x) ** 2) + gr.sin(first) + gr.sum(x)
    Case([loss, first], [first, x]).check({"x": numbers(4)})


def test_results_may_be_leaves_views_constants_and_one_another() -> None:
    g = Graph()
    x, w = g.input("x", (2, 3)), g.param("w", (3,), init=numbers(3))
    y = gr.exp(x)
    results = [gr.sum(y * w), x, w, y, y.T, y[0], y, g.constant([1.0, 2.0]), x, gr.sum(w), w[::-1]]
    Case(results, [x, w, y]).check({"x": numbers(2, 3)})


def test_results_are_apart_from_the_arrays_fed() -> None:
    x = Graph().input("x", (3,))
    fed = np.ones(3)
    kept = Case([x]).program(x=fed)[0]
    fed[:] = 2
    np.testing.assert_array_equal(kept, 1)


@pytest.mark.parametrize("shape", [(0,), (1,), (1, 1), (0, 3), (3, 0), (1, 3, 1), ()])
def test_axes_of_no_or_one_element_are_like_others(shape: tuple[int, ...]) -> None:
    g = Graph()
    x, w = g.input("x", shape), g.param("w", shape, init=numbers(*shape))
    y = gr.tanh(x * w)
    whole = gr.concat([gr.ravel(y), gr.ravel(y.T)])
    outputs = [gr.sum(whole**2) + gr.sum(w), gr.sum(y, axis=()), whole, gr.prod(y)]
    outputs += [gr.flip(y, 0), gr.cos(y[:1]), y[::-2]] if shape else []
    Case(outputs, [x, w, y]).check({"x": numbers(*shape)})


# Picking


def test_an_axis_of_one_element_is_passed_over_by_its_index() -> None:
    g = Graph()
    x, i, j = g.input("x", (1, 3, 2)), g.input("i", (4,), "int32"), g.input("j", (4,), "int32")
    Case([gr.sum(x[i, j] ** 2)], [x]).check(
        {"x": numbers(1, 3, 2), "i": [0] * 4, "j": [2, 0, -1, 1]}
    )


def test_labels_of_a_single_class_pick_what_is_there() -> None:
    g = Graph()
    x, t = g.input("x", (1, 1)), g.input("t", (3,), "uint8")
    Case([gr.hinge(gr.broadcast_to(x, (3, 1)), t)], [x]).check({"x": [[0.5]], "t": [0] * 3})


@pytest.mark.parametrize("source", [[5.0], [[5.0, 2.0]]], ids=["one number", "one row"])
def test_constants_may_be_picked_from(source: list[float]) -> None:
    g = Graph()
    i = g.input("i", (3,), "int64")
    Case([gr.take(g.constant(source), i, axis=0)]).check({"i": [0, -1, 0]})


@pytest.mark.filterwarnings("ignore::graphc.errors.RecompileWarning")
def test_a_size_may_be_an_index() -> None:
    g = Graph()
    x, table = g.input("x", ("n",)), g.input("table", (9, 2))
    row = gr.take(table, gr.size(x), axis=0) + gr.take(table, gr.size(x) - 1, axis=0)
    case = Case([gr.sum(row**2)], [table])
    case.check({"x": numbers(5), "table": numbers(9, 2)})
    case.check_apart({"x": numbers(3), "table": numbers(9, 2)})


# Named sizes


def outer(g: Graph) -> tuple[Node, Node, Node]:
    a, b = g.input("a", ("n",)), g.input("b", ("m",))
    return a, b, gr.exp(a[:, None] * b * 0.3)


BEHIND = {
    "sum": lambda o: gr.sum(o, axis=0),
    "slice": lambda o: o[1:, :-1],
    "flip": lambda o: gr.flip(o, 1),
    "join": lambda o: gr.concat([o, o * 2], axis=1),
    "product": lambda o: o @ o.T,
    "transposed product": lambda o: o.T @ o,
    "softmax": lambda o: gr.softmax(o, 1),
}


@pytest.mark.parametrize("stage", BEHIND.values(), ids=BEHIND)
def test_two_sizes_may_shrink_behind_one_another(stage: object) -> None:
    a, b, both = outer(Graph())
    case = Case([gr.sum(gr.sin(stage(both)))], [a, b])  # type: ignore[operator]
    for n, m in ((5, 4), (2, 4), (5, 3), (3, 2), (5, 4)):
        case.check({"a": numbers(n), "b": numbers(m)})
        case.check_apart({"a": numbers(n), "b": numbers(m)})


@pytest.mark.filterwarnings("ignore::graphc.errors.RecompileWarning")
def test_indices_behind_a_size_are_checked_as_far_as_they_reach() -> None:
    g = Graph()
    x, i = g.input("x", (5,)), g.input("i", ("batch", 3), "int64")
    case = Case([gr.sum(x[i.T] ** 2)], [x])
    with pytest.raises(IndexError):
        case.program(x=numbers(5), i=np.full((7, 3), 9))
    for n in (7, 2, 0, 9):
        case.check({"x": numbers(5), "i": RNG.integers(-5, 5, (n, 3))})


def test_many_sizes_take_no_more_arguments_than_a_call_may_have() -> None:
    g = Graph()
    xs = [g.input(f"x{n}", (f"n{n}", 2)) for n in range(18)]
    total = sum((gr.sum(gr.sin(x)) for x in xs[1:]), gr.sum(xs[0]))
    case = Case([total], xs)
    case.check({x.name: numbers(n % 3 + 1, 2) for n, x in enumerate(xs)})
    assert len(case.program.plan.sizes.running) == 5


# Numbers


def test_narrow_integers_wrap_around_with_the_jit_and_without() -> None:
    g = Graph()
    x, y = g.input("x", (), "uint8"), g.input("y", (), "int32")
    u, v = x + x, y * y
    outputs = [gr.astype(u, "f64"), u // 3, -x, x - 250, v // 7, gr.maximum(v, 0), v + gr.size(v)]
    for jit in (True, False):
        Case(outputs, jit=jit).check({"x": 200, "y": 2**31 - 5})


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_plain_source_divides_by_zero_as_compiled_source_does() -> None:
    g = Graph()
    x, y, none = g.input("x"), g.input("y"), g.input("none", (0,))
    outputs = [x / y, 1 / gr.sum(none), gr.mean(none), gr.log(y), x / 0.0]
    with np.errstate(all="ignore"):
        Case(outputs, [x, y], without=["simplify"]).check({"x": 1.0, "y": 0.0, "none": []})


def test_constants_may_be_infinite_or_no_numbers() -> None:
    g = Graph()
    x = g.input("x", (3,))
    far = gr.where(x > 0, float("inf"), x) + g.constant([np.nan, 1.0, -np.inf])
    Case([gr.sum(gr.where(gr.isnan(far), 0, gr.tanh(far))), far, x * float("-inf")], [x]).check(
        {"x": [1.0, 2.0, -3.0]}
    )


def test_bools_are_bytes_in_memory_and_bits_elsewhere() -> None:
    g = Graph()
    x, y, t = g.input("x", (4,), "bool"), g.input("y", (4,), "bool"), g.input("t", (), "bool")
    truths = [x & y, x | y, x ^ y, ~x, gr.any(x & t), gr.all(x), x[::-1], x + y, t, ~t]
    truths += [gr.sum(x), gr.where(x, 1.5, y), gr.concat([x, y]), gr.astype(t, "f32")]
    feeds = {"x": [True, False, True, False], "y": [True, True, False, False], "t": True}
    for jit in (False, True):
        Case(truths, jit=jit).check({name: np.array(v) for name, v in feeds.items()})
