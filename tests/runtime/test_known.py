"""What the cache knows of a program: it runs without being compiled, and is the same program."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import RecompileWarning
from graphc.runtime.layout import Face, Layout

ROOT = Path(__file__).parents[2]

NET = """
import sys
import numpy as np
import graphc as gr

g = gr.Graph("net", dtype="float32")
x, t = g.input("x", ("batch", 5)), g.input("t", ("batch",), "uint8")
w = g.param("w", (5, 3), init=gr.init.he_normal())
step = gr.compile_step(gr.cross_entropy(x @ w, t).named("loss"), optimizer=gr.optim.Adam(lr=0.5))
rows = np.arange(35, dtype="f4").reshape(7, 5) / 35
print(step(x=rows, t=np.zeros(7, "u1")), step.epoch({"x": rows, "t": np.ones(7, "u1")}, 3))
print(step.params["w"].tolist(), step.lr, step.steps)
print(sorted(m for m in sys.modules if m.startswith(("graphc", "numba"))))
try:
    step(x=rows, t=np.full(7, 9, "u1"))
except gr.GraphcError as error:
    print(error)
print(step.source("step"), step.report().count("stages"), step.plan.title)
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that knows nothing."""
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path))
    return tmp_path


def run(text: str) -> list[str]:
    """What a process of its own prints."""
    command = [sys.executable, "-c", text]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def square(title: str = "square", name: str = "y", shape: Any = ()) -> gr.Graph:
    """A graph of one stage over one input."""
    g = gr.Graph(title)
    x = g.input("x", shape)
    g.outputs[name] = gr.sum(x * x).named(name)
    return g


def is_recalled(program: gr.Program) -> bool:
    """Whether no pass has run for it."""
    return program.maker.recipe._done is None  # type: ignore[attr-defined]


def test_a_second_process_runs_what_the_first_compiled_without_the_compiler(cache: Path) -> None:
    first, second = run(NET), run(NET)
    assert second[:2] == first[:2]
    assert "'graphc.plan.plan'" in first[2]
    named = set(re.findall(r"'([\w.]+)'", second[2]))
    for folder in ("graphc.lower", "graphc.rules", "graphc.made", "graphc.emit.module", "numba"):
        assert not [name for name in named if name.startswith(folder)]


def test_what_is_looked_at_later_is_as_if_it_had_been_compiled(cache: Path) -> None:
    first, second = run(NET), run(NET)
    assert "but there are 3 classes" in second[3]
    assert second[3:] == first[3:]


def test_an_equal_graph_is_known_and_one_that_differs_is_not(cache: Path) -> None:
    program = gr.compile(square(), wrt=["x"])
    assert program(x=3.0) == (9.0, {"x": 6.0})
    again = gr.compile(square(), wrt=["x"])
    assert again(x=4.0) == (16.0, {"x": 8.0})
    assert is_recalled(again)
    assert again.source() == program.source()
    others = [square("round"), square(name="z"), square(shape=(2,))]
    assert not any(is_recalled(gr.compile(g, wrt=["x"])) for g in others)
    assert not is_recalled(gr.compile(square()))
    assert not is_recalled(gr.compile(square(), wrt=["x"], form="plain"))


def test_initial_values_are_the_graphs_own_whatever_the_cache_knows(cache: Path) -> None:
    def scaled(init: Any) -> gr.Program:
        g = gr.Graph("scaled")
        return gr.compile((g.input("x", (3,)) * g.param("w", (3,), init=init)).named("y"))

    found = [scaled(init) for init in (gr.init.ones(), None, np.array([1.0, 2.0, 3.0]))]
    assert [p(x=np.ones(3)).tolist() for p in found] == [[1, 1, 1], [0, 0, 0], [1, 2, 3]]
    assert all(map(is_recalled, found[1:]))
    assert not found[0].maker.recipe.face.states  # type: ignore[attr-defined]


def test_both_sweeps_of_a_known_program_go_apart(cache: Path) -> None:
    gr.compile(square(), wrt=["x"]).forward(x=2.0)
    program = gr.compile(square(), wrt=["x"])
    assert program.forward(x=5.0) == 25.0
    assert program.backward(2.0) == {"x": 20.0}
    assert is_recalled(program)
    assert str(program.trace(x=5.0))


def test_constants_and_grown_sizes_are_known_as_well(cache: Path) -> None:
    def fresh() -> gr.Program:
        g = gr.Graph("scaled")
        x = g.input("x", ("n", 3))
        return gr.compile(x * np.array([1.0, 2.0, 3.0]))

    def results(program: gr.Program) -> list[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RecompileWarning)
            return [program(x=np.ones((n, 3))).tolist() for n in (1, 2, 5)]

    first, second = fresh(), fresh()
    assert results(second) == results(first) == [[[1.0, 2.0, 3.0]] * n for n in (1, 2, 5)]
    third = fresh()
    assert results(third) == results(first)
    assert is_recalled(third)


def test_damaged_and_foreign_records_are_written_again(cache: Path) -> None:
    gr.compile(square())(x=2.0)
    records = [*cache.glob("*.face.*"), *cache.glob("*.layout.*")]
    contents = [path.read_bytes() for path in records]
    assert len(records) == 2
    for path in records:
        path.write_bytes(path.read_bytes()[:-20] + b"\0" * 20)
    assert gr.compile(square())(x=3.0) == 9.0
    assert [path.read_bytes() for path in records] == contents


def test_a_gate_or_an_optimiser_of_the_users_is_never_known(cache: Path) -> None:
    class Halving(gr.optim.SGD):
        def update(self, p: gr.Node, *_: gr.Node, **__: gr.Node) -> tuple[gr.Node, ...]:
            return (p * 0.5,)

    def programs(factor: float) -> tuple[float, float]:
        g = gr.Graph("own")
        twice = gr.gate("known twice", forward=lambda x: factor * x, local_gradient=lambda g, *_: g)
        x, w = g.input("x"), g.param("w", init=gr.init.ones())
        step = gr.compile_step(x * w, optimizer=Halving())
        return gr.compile(twice(x))(x=1.0), step(x=1.0)

    assert programs(2.0) == (2.0, 1.0)
    assert programs(3.0) == (3.0, 1.0)
    assert not [*cache.glob("*.face.*")]


def test_a_name_given_after_compiling_is_not_remembered(cache: Path) -> None:
    g = gr.Graph("late")
    y = gr.exp(g.input("x")) + 1.0
    program = gr.compile(y)
    y.args[0].named("growth")
    program(x=0.0)
    assert not [*cache.glob("*.layout.*")]


def test_records_go_to_json_and_come_back_equal(cache: Path) -> None:
    g = gr.Graph("net")
    x, w = g.input("x", ("n", 4)), g.param("w", (4,), init=gr.init.ones())
    step = gr.compile_step(gr.mean(x[1:] @ w), optimizer=gr.optim.Adam())
    step(x=np.ones((3, 4)))
    special, face = step.program._specials[0], step.program.maker.recipe.face  # type: ignore[attr-defined]
    assert Layout.from_json(json.loads(json.dumps(special.layout.to_json()))) == special.layout
    assert face.needs
    assert Face.from_json(json.loads(json.dumps(face.to_json()))) == face


def test_the_hash_of_a_graph_tells_contents_not_lines() -> None:
    def graph(value: float, axis: int, name: str) -> gr.Graph:
        g = gr.Graph("g")
        x = g.input("x", (2, 3))
        (gr.sum(x, axis=axis) * value).named(name)
        return g

    base = graph(2.0, 0, "y")
    same = graph(2.0, 0, "y")
    assert base.hash == same.hash
    others = {graph(*row).hash for row in ((2.0, 1, "y"), (2.5, 0, "y"), (2.0, 0, "z"))}
    assert len({base.hash, *others}) == 4
