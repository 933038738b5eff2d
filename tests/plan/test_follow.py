"""Gradients that are made by blocks of rows, each read by its update at once."""

from __future__ import annotations

import numpy as np
import pytest
from agreement import Stepped

import graphc as gr
from graphc.graph import Graph, Node
from graphc.ops.spell import Product
from graphc.plan.plan import Plan

RNG = np.random.default_rng(7)
ROWS, COLUMNS, BATCH = 250, 100, 30


def numbers(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def weight(g: Graph, name: str = "w") -> Node:
    return g.state(name, (ROWS, COLUMNS), init=numbers(ROWS, COLUMNS))


def slope(g: Graph, rows: int | str = BATCH) -> Node:
    """A product of two inputs, as large as a weight."""
    return g.input("x", (rows, ROWS)).T @ g.input("e", (rows, COLUMNS))


def feeds(rows: int = BATCH) -> dict[str, np.ndarray]:
    return {"x": numbers(rows, ROWS), "e": numbers(rows, COLUMNS)}


def momentum(g: Graph, d_w: Node) -> dict[Node, Node]:
    """The heavy ball's new values."""
    w, v = weight(g), weight(g, "v")
    new = 0.9 * v + d_w
    return {w: w - 0.1 * new, v: new}


def heights(plan: Plan) -> list[int]:
    """The rows of a block of each product; 0 where it is stored whole."""
    nest = plan.parts["step"].nest
    return [nest.height(t) for t in nest.tasks.order if isinstance(t.node.op.spell, Product)]


def blocked(updates: dict[Node, Node], outputs: tuple[Node, ...] = (), **options) -> bool:
    """Whether one product is made by blocks; the step is right in any case."""
    step = Stepped(updates, outputs, **options)
    step.check(feeds())
    return any(heights(step.program.plan))


def test_memory_has_no_more_of_a_gradient_than_a_block_of_rows() -> None:
    g = Graph()
    step = Stepped(momentum(g, slope(g)))
    step.check(feeds())
    plan = step.program.plan
    assert heights(plan) == [60]
    assert plan.work_bytes < ROWS * COLUMNS * 8 / 3
    assert "by blocks of 60 rows, into the update" in str(plan)
    source = step.program.source("step")
    assert "for row in range(" in source
    assert "high = min(60, " in source


@pytest.mark.parametrize("seen", ["output", "sum", "column"])
def test_a_gradient_that_others_read_too_is_stored_whole(seen: str) -> None:
    g = Graph()
    d_w = slope(g)
    norm = gr.sum(d_w * d_w)
    change = d_w / norm if seen == "sum" else d_w - d_w[:1] if seen == "column" else d_w
    assert not blocked(momentum(g, change), (d_w,) if seen == "output" else ())


def test_a_product_of_a_state_that_changes_stays_where_it_is() -> None:
    g = Graph()
    x, a = g.input("x", (BATCH, ROWS)), g.state("a", (BATCH, COLUMNS), init=numbers(BATCH, COLUMNS))
    g.input("e", (BATCH, COLUMNS))
    assert not blocked({**momentum(g, x.T @ a), a: a * 2})


def test_an_update_waits_for_who_reads_the_old_parameter() -> None:
    g = Graph()
    d_w, w = slope(g), weight(g)
    assert blocked({w: w * 0.9 - d_w}, (gr.sum(gr.sin(g["x"] @ w)),))


def test_an_update_waits_for_checks_of_data() -> None:
    g = Graph()
    d_w, i = slope(g), g.input("i", (2,), "int64")
    step = Stepped(momentum(g, d_w), (gr.sum(g["e"][i]),))
    before = np.array(step.state["w"])
    with pytest.raises(IndexError):
        step.program({**feeds(), "i": np.array([0, BATCH])})
    np.testing.assert_array_equal(step.state["w"], before)
    step.check({**feeds(), "i": np.array([0, 3])})


def test_the_plain_form_and_a_plan_without_fusing_have_no_blocks() -> None:
    for options in ({"form": "plain"}, {"without": ["fuse"]}):
        g = Graph()
        assert not blocked(momentum(g, slope(g)), **options)


def test_several_gradients_share_one_block() -> None:
    g = Graph()
    first = slope(g)
    second = gr.sin(g["x"]).T @ g["e"]
    a, b = weight(g, "a"), weight(g, "b")
    step = Stepped({a: a * 0.5 - first, b: b * 0.5 - second})
    step.check(feeds())
    slots = [s for s in step.program.plan.parts["step"].slots.values() if s.rows]
    assert len(slots) == 2
    assert len({s.offset for s in slots}) == 1
