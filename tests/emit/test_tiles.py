"""Products by tiles: what NumPy gives, however they are cut, and not a byte beyond the matrices."""

import ctypes
import mmap
import re
import sys
from typing import NamedTuple

import numpy as np
import pytest

from graphc.emit import prelude

if prelude.JIT_OFF:
    pytest.skip("there is nothing compiled to compare with", allow_module_level=True)

from graphc.emit.prelude import orders
from graphc.emit.prelude.cuts import Machine, most_rows
from graphc.plan.products import room

NARROW = Machine(16, 16)
PAGE = mmap.PAGESIZE
PANEL = 1 << 16


class Case(NamedTuple):
    """One product; sizes that are named in `late` are known at run time only."""

    m: int
    n: int
    k: int
    ta: int = 0
    tb: int = 0
    alpha: float = 1
    beta: float = 0
    depth: int = 0
    rows: int = 0
    late: str = ""
    apart: int = 0  # how much longer rows are in memory

    @property
    def shapes(self):
        """How A, B and C lie in memory."""
        a = (self.k, self.m) if self.ta else (self.m, self.k)
        return a, (self.n, self.k) if self.tb else (self.k, self.n), (self.m, self.n)


SIZES = [(1, 1, 1), (8, 8, 8), (7, 13, 17), (33, 65, 29), (1, 64, 64), (1, 37, 5), (64, 1, 64)]
SIZES += [(5, 1, 3), (4, 40, 9), (2, 3, 50), (3, 2, 4), (12, 5, 7), (6, 9, 1), (13, 24, 16)]
CASES = [Case(*size) for size in SIZES]
CASES += [Case(*size, ta, tb) for size in SIZES[2:8] for ta, tb in ((1, 0), (0, 1))]
CASES += [Case(*size, 1, 1) for size in SIZES[2:4]]
CASES += [Case(7, 13, 17, beta=1), Case(7, 17, 3, beta=0.5), Case(5, 6, 7, beta=1, alpha=-2.5)]
CASES += [Case(9, 25, 8, beta=0.25, alpha=3.5, apart=5), Case(1, 9, 8, beta=1)]
CASES += [Case(9, 1, 8, 1, beta=1, alpha=0.5, apart=3), Case(3, 5, 19, 0, 1, beta=1, alpha=2)]
CASES += [Case(29, 41, 50, ta, tb, depth=16, beta=1) for ta in (0, 1) for tb in (0, 1)]
CASES += [Case(29, 41, 50, ta, depth=16, rows=12, alpha=0.5) for ta in (0, 1)]
CASES += [Case(30, 7, 21, 0, 1, depth=32), Case(2, 17, 9, depth=9, apart=2)]
CASES += [Case(20, 19, 11, late="m"), Case(3, 19, 11, late="m", beta=1), Case(20, 29, 11, late="n")]
CASES += [Case(9, 23, 13, 1, late="k", apart=1), Case(3, 6, 21, 0, 1, late="k")]
CASES += [Case(20, 35, 40, late="mnk", depth=16, rows=12, beta=1), Case(20, 3, 7, 0, 1, late="n")]
CASES += [Case(5, 1, 6, late="m"), Case(5, 1, 6, 1, late="mk"), Case(1, 6, 9, 0, 1, late="n")]
CASES += [Case(4, 5, 0, beta=1), Case(4, 5, 0), Case(5, 2, 29, 0, 1), Case(1, 1, 13, 0, 1)]
FEW = [*CASES[2:4], *CASES[20:22], *CASES[30:33], CASES[36], CASES[44]]


def call(number, case, kind):
    """The text of a call: matrices lie at places[...] of w, late sizes come from sizes[...]."""
    at = 3 * number
    sizes = [f"i64(z[{at + n}])" if "mnk"[n] in case.late else f"{case[n]}" for n in range(3)]
    alpha, beta = (str(x) if x in (0, 1) else f"f{kind}({x})" for x in (case.alpha, case.beta))
    a, b, c = (
        f"at_f{kind}(w, i64(o[{at + n}])), {columns + case.apart}"
        for n, (_, columns) in enumerate(case.shapes)
    )
    head = f"{case.ta}, {case.tb}, {', '.join(sizes)}, {alpha}, {a}, {b}, {beta}, {c}"
    start = PANEL - room(case.depth, case.rows, kind // 8)
    return f"multiply({head}, at_f{kind}(w, {start}), {case.depth}, {case.rows})"


def compiled(cases, kind, machine=None):
    """f(memory, places, sizes), which makes all products; plain without a machine."""
    scope = {**(vars(prelude) if machine else prelude.PLAIN)}
    if machine:
        scope["multiply"] = orders.multiplier(machine)
    lines = ["@njit(**FLAGS)", "def f(memory, places, sizes):"]
    lines += ["    w, o, z = ptr(memory), ptr(places), ptr(sizes)"]
    lines += [f"    {call(n, case, kind)}" for n, case in enumerate(cases)]
    exec("\n".join(lines), scope)
    return scope["f"]


class Desk:
    """Every case's matrices, each at the end or at the beginning of pages of its own.

    Pages between them can be protected. The first ones are for packing: a product has the last
    bytes of them, as many as the plan gives it.
    """

    def __init__(self, cases, kind, at_end=True):
        self.cases, self.dtype = cases, np.dtype(f"f{kind // 8}")
        self.places, self.guards, end = [], [], PANEL
        for case in cases:
            for rows, columns in case.shapes:
                size = max(0, rows * (columns + case.apart) - case.apart) * self.dtype.itemsize
                pages = -(-size // PAGE) * PAGE
                self.guards.append(end)
                self.places.append(end + PAGE + (pages - size if at_end else 0))
                end += PAGE + pages
        self.guards.append(end)
        self.memory = np.frombuffer(mmap.mmap(-1, end + PAGE), np.uint8)
        self.memory[:] = 0xAB
        self.sizes = np.array([case[:3] for case in cases], np.int64)
        self.fill()

    def matrices(self, n, memory):
        """Views of A, B and C."""
        case, size = self.cases[n], self.dtype.itemsize
        return [
            np.ndarray(s, self.dtype, memory, place, ((s[1] + case.apart) * size, size))
            for s, place in zip(case.shapes, self.places[3 * n : 3 * n + 3], strict=True)
        ]

    def fill(self):
        """Random numbers; C is NaN where it does not count."""
        random = np.random.default_rng(0)
        for n, case in enumerate(self.cases):
            for matrix in self.matrices(n, self.memory):
                matrix[:] = random.standard_normal(matrix.shape)
            if not case.beta:
                matrix[:] = np.nan

    def protect(self, rights):
        start, protect = self.memory.ctypes.data, ctypes.CDLL(None).mprotect
        for place in self.guards:
            assert protect(ctypes.c_void_p(start + place), ctypes.c_size_t(PAGE), rights) == 0

    def check(self, function, guarded=False):
        """Run a function; each C is NumPy's, all other memory is as before."""
        old = self.memory.copy()
        if guarded:
            self.protect(0)
        function(self.memory, np.array(self.places), self.sizes)
        if guarded:
            self.protect(mmap.PROT_READ | mmap.PROT_WRITE)
        for n, case in enumerate(self.cases):
            a, b, c = self.matrices(n, old)
            a, b = a.T if case.ta else a, b.T if case.tb else b
            wanted = case.alpha * (a.astype("f8") @ b) + (case.beta * c if case.beta else 0)
            got, error = self.matrices(n, self.memory)[2], 64 * np.finfo(self.dtype).eps
            np.testing.assert_allclose(got, wanted, rtol=error, atol=error, err_msg=str(case))
            got[:] = c
        assert np.array_equal(self.memory[PANEL:], old[PANEL:]), "written beyond C"


@pytest.mark.skipif(sys.platform == "win32", reason="memory is protected by mprotect")
@pytest.mark.parametrize(
    ("cases", "kind", "machine"),
    [(CASES, 32, orders.HOST), (FEW, 64, orders.HOST), (FEW, 32, NARROW)],
)
def test_products_are_numpys_and_touch_nothing_but_their_matrices(cases, kind, machine):
    function = compiled(cases, kind, machine)
    for at_end in (True, False):
        Desk(cases, kind, at_end).check(function, guarded=True)


ALIKE = [c for c in CASES if c.k > 1 and c.beta in (0, 1)]
ALIKE += [Case(1, 1000, 40), Case(7, 40, 40), Case(1, 13, 200, 0, 1), Case(3, 5, 200, 0, 1)]
ALIKE += [Case(1, 31, 200, 0, 1, late="n"), Case(5, 23, 200, 0, 1, late="mn")]


@pytest.mark.parametrize("kind", [32, 64])
def test_every_element_is_added_up_in_one_order_wherever_it_is(kind):
    desk, function = Desk(ALIKE, kind), compiled(ALIKE, kind, orders.HOST)
    for n, case in enumerate(ALIKE):
        a, b, c = desk.matrices(n, desk.memory)
        line = np.random.default_rng(n).standard_normal((2, case.k))
        a[:] = line[0][:, None] if case.ta else line[0]
        b[:] = line[1] if case.tb else line[1][:, None]
        c[:] = 0.25
    function(desk.memory, np.array(desk.places), desk.sizes)
    for n, case in enumerate(ALIKE):
        c = desk.matrices(n, desk.memory)[2]
        assert (c == c[0, 0]).all(), case


@pytest.mark.parametrize(
    "case", [Case(45, 19, 9, late="m", beta=1), Case(45, 9, 40, 0, 1, late="m")]
)
def test_every_number_of_rows_that_comes_at_run_time_is_made_once(case):
    desk, function = Desk([case], 32), compiled([case], 32, orders.HOST)
    a, b, c = desk.matrices(0, desk.memory)
    old, wanted = c.copy(), a @ (b.T if case.tb else b) + (case.beta and c)
    for rows in range(case.m + 1):
        c[:] = old
        function(desk.memory, np.array(desk.places), np.array([[rows, case.n, case.k]]))
        np.testing.assert_allclose(c[:rows], wanted[:rows], rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(c[rows:], old[rows:])


def test_plain_twins_make_the_same_products():
    Desk(CASES, 32).check(compiled(CASES, 32))


def test_nan_and_infinity_reach_the_rows_that_they_are_in():
    case = Case(7, 13, 17)
    desk, function = Desk([case], 32), compiled([case], 32, orders.HOST)
    a, b, c = desk.matrices(0, desk.memory)
    a[2, 3], a[5, 16], b[:] = np.nan, np.inf, 1
    function(desk.memory, np.array(desk.places), desk.sizes)
    assert [r for r in range(7) if np.isnan(c[r]).all()] == [2]
    assert np.isfinite(np.delete(c, [2, 5], axis=0)).all()
    assert (c[5] == np.inf).all()


def test_equal_calls_share_a_function():
    function = compiled([Case(7, 13, 17)] * 3, 32, orders.HOST)
    Desk([Case(7, 13, 17)] * 3, 32).check(function)
    text = next(iter(function.inspect_llvm().values()))
    assert len(set(re.findall(r"graphc_tile_\w+", text))) == 1


def test_flags_and_strides_that_are_not_literal_are_refused():
    text = "@njit(**FLAGS)\ndef f(memory, n):\n    w = at_f32(ptr(memory), 0)\n"
    text += "    multiply(0, 0, 2, 2, 2, 1, w, n, w, 2, 0, w, 2, w, 0, 0)\n"
    scope = {**vars(prelude), "multiply": orders.multiply}
    exec(text, scope)
    with pytest.raises(TypeError, match="literal"):
        scope["f"](np.zeros(64, np.uint8), 2)


def test_registers_hold_a_tile_of_six_rows_and_two_vectors():
    assert [most_rows(vectors, 16) for vectors in (1, 2, 3, 4, 6, 12)] == [14, 6, 4, 3, 2, 1]
    assert most_rows(2, 32) == 14
