"""Whether the turns of a loop touch memory of their own, so that threads may share them."""

from __future__ import annotations

import numpy as np

import graphc as gr
from graphc.expr import Expr, Item, Name, Number
from graphc.graph import OPS
from graphc.interpret import evaluate
from graphc.kernel import Add, Loop
from graphc.lower.touch import apart, touches

i, j = Name("i"), Name("j")


def number(n: int) -> Number:
    return Number(n, "i64")


def adding(index: Expr, outer: int, inner: int) -> Loop:
    """for i in range(outer): for j in range(inner): y[index] += 1"""
    line = Add(Item("y", index), Number(1, "f64"))
    return Loop("i", number(0), number(outer), 1, (
        Loop("j", number(0), number(inner), 1, (line,)),
    ))  # fmt: skip


def test_rows_that_do_not_overlap_are_apart() -> None:
    loop = adding(i * number(4) + j, 9, 4)
    assert apart(touches(loop), loop)


def test_windows_that_overlap_are_not_apart() -> None:
    loop = adding(i * number(2) + j, 9, 3)
    assert not apart(touches(loop), loop)


def test_a_turn_that_begins_in_the_next_row_touches_no_row_of_its_own() -> None:
    first, later = adding(i * number(4) + j, 9, 4), adding(i * number(4) + j + number(4), 9, 4)
    assert [t.row(first) for t in touches(first)] == [4]
    assert [t.row(later) for t in touches(later)] == [None]


def test_what_comes_from_data_stays_in_its_row_if_it_counts_along_an_inner_axis() -> None:
    along, across = adding(i * number(4) + Name("label"), 9, 1), adding(i + Name("label"), 9, 1)
    assert [t.row(along) for t in touches(along)] == [4]
    assert [t.row(across) for t in touches(across)] == [None]


def test_a_team_adds_up_and_reads_overlapping_windows_as_one_thread_does() -> None:
    g = gr.Graph("windows")
    x = g.input("x", (40_000, 3))
    total = OPS["overlap_add"](x, shape=(40_002,), strides=(1,), dilations=(1,))
    seen = OPS["windows"](gr.sin(total), sizes=(3,), strides=(1,), dilations=(1,))
    found = [total, gr.max(seen, axis=1)]
    values = np.random.default_rng(0).standard_normal((40_000, 3))
    wanted = evaluate(found, {x: values})
    for array, node in zip(gr.compile(found, threads=3)(x=values), found, strict=True):
        np.testing.assert_allclose(array, wanted[node], rtol=1e-12, atol=1e-12)
