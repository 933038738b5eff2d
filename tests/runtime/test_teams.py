"""Threads that run kernels together: how many, and what happens to them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import graphc as gr
from graphc.errors import UsageError
from graphc.runtime.team import cores, threads

NET = """
    import sys
    import numpy as np
    import graphc as gr
    g = gr.Graph("rows", dtype="float32")
    x = g.input("x", ("n", 200))
    program = gr.compile(gr.sum(gr.exp(x)), threads=2)
    ones = np.zeros((1000, 200), "f4")
    assert program(x=ones) == 200_000
"""


def run(text: str, **environment: str) -> str:
    """What a Python process of its own prints."""
    script = textwrap.dedent(NET) + textwrap.dedent(text)
    return subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **environment}, check=True, timeout=120,
        capture_output=True, text=True,
    ).stdout  # fmt: skip


def test_the_argument_goes_before_the_environment_and_that_before_the_machine(monkeypatch):
    monkeypatch.delenv("GRAPHC_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert threads() == cores()
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert threads() == 5
    monkeypatch.setenv("GRAPHC_NUM_THREADS", "3")
    assert threads() == 3
    assert threads(7) == 7


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "two", True])
def test_what_is_no_number_of_threads_is_told(wrong):
    with pytest.raises(UsageError, match=r"threads is .* whole number above 0"):
        threads(wrong)


def test_a_wrong_variable_is_told_by_its_name(monkeypatch):
    monkeypatch.setenv("GRAPHC_NUM_THREADS", "many")
    with pytest.raises(UsageError, match="GRAPHC_NUM_THREADS is 'many'"):
        threads()


def test_a_process_ends_while_its_workers_sleep():
    assert run("print('done')") == "done\n"


def test_a_warm_start_of_a_team_imports_no_numba():
    run("")
    assert run("print('numba' in sys.modules)") == "False\n"


def test_idle_workers_burn_no_processor_time():
    used = run("""
        import time
        time.sleep(0.1)
        before = time.process_time()
        time.sleep(0.4)
        print(time.process_time() - before)
    """)
    assert float(used) < 0.2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_a_team_of_its_own():
    told = run("""
        import os
        child = os.fork()
        if child == 0:
            ok = program(x=ones) == 200_000
            os._exit(0 if ok else 1)
        print(os.waitpid(child, 0)[1], program(x=ones))
    """)
    assert told == "0 200000.0\n"


def test_more_threads_than_cores_get_on():
    g = gr.Graph("rows", dtype="float32")
    x = g.input("x", ("n", 200))
    y = gr.exp(x)
    program = gr.compile([gr.sum(y, axis=0), gr.sum(y)], threads=2 * cores())
    columns, total = program(x=np.zeros((500, 200), np.float32))
    assert np.array_equal(columns, np.full(200, 500, np.float32))
    assert total == 100_000
