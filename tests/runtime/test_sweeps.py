"""The two sweeps apart: what a forward sweep leaves is all that a backward sweep needs, as often as
it is asked.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from agreement import Case

import graphc as gr
from graphc.errors import LabelError, UsageError
from graphc.graph import Graph, Node

RNG = np.random.default_rng(7)
X, I = RNG.standard_normal((5, 3)), np.array([0, 4, -1, 2])  # noqa: E741

LOSSES: dict[str, Callable[[Node, Node], Node]] = {
    "reads a size": lambda x, i: gr.sum(x * gr.size(x, 0)),
    "reads a count": lambda x, i: gr.mean(x),
    "where the maximum is": lambda x, i: gr.sum(gr.max(x, 1) ** 2) + gr.sum(gr.argmax(x, 1)),
    "picks": lambda x, i: gr.sum(x[i] ** 2),
    "picks at computed indices": lambda x, i: gr.sum(gr.take(x, (i + 5) % 3, axis=1) ** 2),
    "picks at a constant index": lambda x, i: gr.sum(gr.take(x, 2, axis=0) ** 2),
    "picks at one of the indices": lambda x, i: gr.sum(x[i[1]] ** 2),
    "picks twice": lambda x, i: gr.sum(x[i] * x[i[::-1]] + x[i[0]]),
    "has labels": lambda x, i: gr.cross_entropy(x[:4], i % 3) + gr.hinge(x[i], i % 3),
    "is linear": lambda x, i: gr.sum(x) * 3,
    "sums in two stages": lambda x, i: gr.sum(gr.sum(x, 0) * gr.mean(x, 0)),
    "sorts into classes": lambda x, i: gr.sum(gr.scatter_add(x, i, 2.0 * x[:4]) ** 2),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("without", [[], ["share", "fuse"]], ids=["all passes", "apart"])
def test_the_sweeps_apart_are_both_at_once(
    loss: Callable[[Node, Node], Node], without: list[str]
) -> None:
    g = Graph()
    x, i = g.input("x", ("n", 3)), g.input("i", (4,), "int64")
    case = Case([loss(x, i)], [x], without=without)
    case.check({"x": X, "i": I})
    case.check_apart({"x": X, "i": I})


def test_compiled_sweeps_apart_are_both_at_once() -> None:
    g = Graph()
    x, i = g.input("x", ("n", 3)), g.input("i", (4,), "int64")
    some = list(LOSSES.values())[2:9:2]
    total = sum((loss(x, i) for loss in some), gr.mean(gr.exp(x)))
    case = Case([total], [x], jit=True)
    case.check({"x": X, "i": I})
    case.check_apart({"x": X, "i": I})


def square() -> tuple[Case, Node]:
    g = Graph()
    x = g.input("x", ("n",))
    return Case([gr.sum(x * gr.exp(x))], [x]), x


def test_a_call_between_the_sweeps_leaves_the_tape_alone() -> None:
    case, _ = square()
    _, slopes = case.program(x=[1.0, 2.0])
    case.program.forward(x=[1.0, 2.0])
    case.program(x=[3.0, 4.0])
    np.testing.assert_array_equal(case.program.backward()["x"], slopes["x"])


@pytest.mark.filterwarnings("ignore::graphc.errors.RecompileWarning")
def test_the_tape_is_the_latest_forwards_whatever_its_sizes() -> None:
    case, _ = square()
    for n in (2, 5, 3, 9):
        case.check_apart({"x": RNG.standard_normal(n)})


def test_backward_wants_a_forward_that_went_well() -> None:
    g = Graph()
    x, i = g.input("x", (5, 3)), g.input("i", (4,), "int64")
    program = gr.compile(gr.sum(x[i] ** 2), wrt=[x], jit=False)
    with pytest.raises(UsageError, match="needs a forward"):
        program.backward()
    program.forward(x=X, i=I)
    with pytest.raises(LabelError):
        program.forward(x=X, i=I + 5)
    with pytest.raises(UsageError, match="needs a forward"):
        program.backward()


def test_an_output_that_gradients_read_is_a_fresh_array() -> None:
    g = Graph()
    x = g.input("x", (3,))
    y = gr.exp(x)
    program = gr.compile([gr.sum(y * y), y], wrt=[x, y], jit=False)
    first = program.forward(x=[1.0, 2.0, 3.0])[1]
    slopes = program.backward()
    first[:] = 0
    program.forward(x=[4.0, 5.0, 6.0])
    np.testing.assert_allclose(slopes["x"], 2 * np.exp([2.0, 4.0, 6.0]))
    np.testing.assert_array_equal(first, 0)


def test_many_gradients_come_in_an_arena_and_few_in_registers() -> None:
    for count in (3, 45):
        g = Graph()
        xs = [g.input(f"x{n}") for n in range(count)]
        outputs = [gr.prod(gr.sin(gr.stack(xs)) + 1.5), *(gr.exp(x) for x in xs[: count // 2])]
        case = Case(outputs, [*xs, outputs[1]])
        feeds = {x.name or "": 0.01 * n for n, x in enumerate(xs)}
        case.check(feeds)
        case.check_apart(feeds)
