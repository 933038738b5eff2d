"""Programs called by several threads at once: right answers for all, a tape for each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from agreement import Case

import graphc as gr
from graphc.graph import Graph

THREADS = 4
ROUNDS = 25


def at_once(work: Callable[[int], None]) -> None:
    """Run `work(number)` in every thread, all of them beginning together."""
    ready = threading.Barrier(THREADS, timeout=60)

    def begin(number: int) -> None:
        ready.wait()
        work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(begin, n) for n in range(THREADS)]:
            done.result()


def net(title: str, width: int, jit: bool) -> Case:
    g = Graph(title)
    x, w = g.input("x", ("n", width)), g.param("w", (width, 3), init=gr.init.normal())
    return Case([gr.mean(gr.logsumexp(gr.tanh(x @ w), 1)), gr.softmax(x @ w)], [w, x], jit=jit)


def data(number: int, rows: int, width: int) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(number).standard_normal((rows, width))}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.filterwarnings("ignore::graphc.errors.RecompileWarning")
def test_one_program_answers_all_threads(jit: bool) -> None:
    case = net("shared", 8, jit)

    def work(number: int) -> None:
        for n in range(ROUNDS):
            case.check(data(100 * number + n, 16 - number, 8))

    at_once(work)


def test_programs_of_one_model_are_compiled_and_called_side_by_side() -> None:
    cases = [net("side by side", 4 + n % 2, jit=n < 2) for n in range(THREADS)]

    def work(number: int) -> None:
        for n in range(ROUNDS):
            case = cases[(number + n) % THREADS]
            case.check(data(n, 5, case.graph["x"].shape[1]))  # type: ignore[arg-type]

    at_once(work)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.filterwarnings("ignore::graphc.errors.RecompileWarning")
def test_every_thread_has_a_tape_of_its_own(jit: bool) -> None:
    case = net("tapes", 6, jit)
    turns = threading.Barrier(THREADS, timeout=60)

    def work(number: int) -> None:
        for n in range(ROUNDS):
            feeds = data(100 * number + n, 3 + number, 6)
            wanted = case.wanted(feeds)
            case.program.forward(feeds)
            turns.wait()  # all have gone forward before any goes back
            found = case.program.backward()
            case.compare(found.values(), wanted[2:], case.roots[2:])

    at_once(work)


def test_a_thread_without_a_forward_has_no_tape() -> None:
    case = net("none", 6, jit=False)
    case.program.forward(data(0, 3, 6))
    told: list[BaseException] = []

    def work() -> None:
        try:
            case.program.backward()
        except gr.GraphcError as error:
            told.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "of this thread" in str(told[0])


def test_scalars_are_answered_in_all_threads() -> None:
    g = Graph()
    x, y = g.input("x"), g.input("y")
    program = gr.compile(gr.sin(x) * y, wrt=[x, y])

    def work(number: int) -> None:
        for n in range(200):
            value, slopes = program(x=0.1 * n, y=float(number))
            assert value == pytest.approx(np.sin(0.1 * n) * number)
            assert slopes["y"] == pytest.approx(np.sin(0.1 * n))

    at_once(work)
