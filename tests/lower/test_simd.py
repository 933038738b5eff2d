"""Loops over scalars turned into loops over registers: which may be, and what is written."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

import graphc as gr
from graphc.emit.printer import source
from graphc.expr import Binary, Call, Item, Name, Number
from graphc.kernel import Add, Kernel, Let, Loop, Param, Run, Store
from graphc.lower.simd import vectorised

i, j, ZERO = Name("i"), Name("j"), Number(0, "i64")


def number(n):
    return Number(n, "i64")


def item(buffer, *terms):
    index = terms[0]
    for term in terms[1:]:
        index = Binary("+", index, term)
    return Item(buffer, index)


def run(*body, hi=64, index="i"):
    """The statements of a kernel with one loop, after the pass."""
    params = tuple(Param(name, "array", "f32", 1) for name in "xyz")
    names = (f"_{n}" for n in count())
    loop = Loop(index, ZERO, hi if not isinstance(hi, int) else number(hi), 1, body)
    kernel = Kernel("f", "", params, (loop,))
    return vectorised(kernel, 32, lambda name: name + next(names)).body


def test_neighbours_are_loaded_and_stored_eight_at_a_time():
    (loop,) = run(Store(item("y", i), Binary("*", item("x", i), Number(2, "f32"))))
    assert (loop.hi, loop.step) == (number(64), 8)
    assert source(loop.body[0].call) == "store(y, i, load8(x, i) * f32(2))"


def test_a_rest_of_elements_is_loaded_in_part():
    (loop,) = run(Store(item("y", i), item("x", i)), hi=Name("n"))
    left, store = loop.body
    assert source(left.expr) == "n - i"
    assert source(store.call) == "store_part(y, i, part8(x, i, left), left)"


def test_what_is_the_same_at_each_turn_stays_a_number():
    (loop,) = run(Store(item("y", i), Binary("*", item("x", ZERO), item("z", i))))
    assert source(loop.body[0].call) == "store(y, i, x[0] * load8(z, i))"


@pytest.mark.parametrize(
    "body",
    [
        (Store(item("y", Binary("*", i, number(2))), item("x", i)),),  # every other element
        (Store(item("y", ZERO), item("x", i)),),  # the last one stays
        (Store(item("x", Binary("+", i, number(1))), item("x", i)),),  # each from the one before
        (Store(item("y", i), Item("x", Item("z", i))),),  # picked
        (Let(("p",), Call("i64", (item("z", i),))), Store(item("y", i), item("x", Name("p"), i))),
        (Run(Call("fill", (Name("x"), number(3), Number(0, "f32")))),),
    ],
)
def test_other_loops_stay_as_they_are(body):
    (loop,) = run(*body)
    assert loop.step == 1
    assert loop.body == body


def test_short_loops_stay_as_they_are():
    (loop,) = run(Store(item("y", i), item("x", i)), hi=3)
    assert loop.step == 1


def test_two_loops_in_order_become_one():
    at = item("x", Binary("*", i, number(10)), j)
    inner = Loop("j", ZERO, number(10), 1, (Store(replace_buffer(at, "y"), at),))
    (loop,) = run(inner, hi=Name("n"))
    assert source(loop.hi) == "n * 10"
    assert source(loop.body[-1].call) == "store_part(y, i, part8(x, i, left), left)"


def replace_buffer(e, buffer):
    return Item(buffer, e.index)


def test_sums_grow_lane_by_lane():
    params = (Param("x", "array", "f32", 1),)
    start = Let(("s",), Number(0, "f64"))
    grow = Add(Name("s"), Call("f64", (item("x", i),)))
    loop = Loop("i", ZERO, number(40), 1, (grow,))
    body = vectorised(Kernel("f", "", params, (start, loop)), 32, lambda n: n).body
    lanes, loop, total = body
    assert source(lanes.expr) == "splat8(0.0)"
    assert source(loop.body[0].expr) == "to_f64(load8(x, i))"
    assert source(total.expr) == "sum_lanes(s_lanes)"


def test_functions_are_computed_two_registers_at_a_time_where_the_last_ones_are_as_full():
    smooth = Store(item("y", i), Call("tanh", (item("x", i),)))
    steps = {n: run(smooth, hi=n)[0].step for n in (32, 64, 72, 100)}
    assert steps == {32: 8, 64: 16, 72: 8, 100: 16}
    assert run(Store(item("y", i), item("x", i)))[0].step == 8


SIZES = (0, 1, 3, 4, 7, 8, 9, 16, 31, 100)


def every_kind(x, y):
    """Loops of every kind over a matrix and a row."""
    rows = gr.sum(gr.exp(x) * y, axis=1)
    columns = gr.max(x, axis=0)
    wrong = gr.where(x > y, x, -y)
    least = gr.min(x - y)
    return [rows, columns, wrong, least, gr.softmax(x), gr.any(x > 1, axis=1), gr.all(x < 1)]


@pytest.mark.filterwarnings("ignore::graphc.errors.RecompileWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_kind_of_loop_gives_what_scalars_give_at_every_size(dtype):
    rng = np.random.default_rng(0)
    programs = []
    for form in ("plain", "fast"):
        g = gr.Graph("kinds", dtype=dtype)
        x, y = g.input("x", ("m", "n")), g.input("y", ("n",))
        programs.append(gr.compile(every_kind(x, y), jit=False, form=form))
    for n in SIZES[1:]:
        x, y = rng.standard_normal((3, n)).astype(dtype), rng.standard_normal(n).astype(dtype)
        for plain, fast in zip(*(p(x=x, y=y) for p in programs), strict=True):
            np.testing.assert_allclose(fast, plain, rtol=1e-6 if dtype == "float32" else 1e-14)


def test_reading_behind_the_end_does_not_happen():
    """An input that ends where its memory ends, as a memory-mapped file does."""
    import mmap

    page = mmap.PAGESIZE
    memory = np.frombuffer(mmap.mmap(-1, page), np.float32)
    g = gr.Graph("sum", dtype="float32")
    program = gr.compile(gr.sum(gr.sqrt(g.input("x", ("n",)))))
    for n in (13, 8, 5, 1):
        x = memory[-n:]
        assert program(x=x) == 0.0
