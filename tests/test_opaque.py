"""A user's functions of numbers or arrays are operations, which emitted code calls by name."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

import graphc as gr
from graphc.errors import GraphError, ShapeError, UsageError
from graphc.gates.gate import GATES
from graphc.graph import FUNCTIONS, OPS, Graph, Node, Op
from graphc.interpret import evaluate

WAYS: dict[str, dict[str, Any]] = {
    "fast": {"threads": 1},
    "two threads": {"threads": 2},
    "plain": {"form": "plain"},
    "no JIT": {"jit": False},
}
ways = pytest.mark.parametrize("options", WAYS.values(), ids=list(WAYS))
random = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    for name in list(GATES):
        del GATES[name], OPS[name], FUNCTIONS[name]


@numba.njit
def root(x: float) -> float:
    return math.sqrt(x * x + 0.01)


def root_back(g: float, y: float, x: float) -> float:
    return g * x / y


def softabs() -> Op:
    return gr.opaque("softabs", root, root_back)


def mixed(x: Any, a: Any, y: Any) -> None:
    for j in range(a.shape[1]):
        for i in range(a.shape[0]):
            y[j] += math.sin(x[i]) * a[i, j]


def mixed_back(g: Any, y: Any, x: Any, a: Any, d_x: Any, d_a: Any) -> None:
    for j in range(a.shape[1]):
        for i in range(a.shape[0]):
            d_x[i] += g[j] * math.cos(x[i]) * a[i, j]
            d_a[i, j] = g[j] * math.sin(x[i])


def sines() -> Op:
    return gr.opaque("sines", mixed, mixed_back, core="(n),(n,m)->(m)")


def value(node: Node, **feeds: Any) -> np.ndarray:
    return evaluate([node], {node.graph[n]: v for n, v in feeds.items()})[node]


def message(make: Callable[[], Any], kind: type[Exception] = UsageError) -> str:
    with pytest.raises(kind) as error:
        make()
    return str(error.value)


# Numbers


def net() -> tuple[Graph, Node]:
    """Gates of both precisions among other operations."""
    g = Graph("net")
    x, w = g.input("x", ("batch", 37)), g.input("w", (37,))
    z = g.input("z", ("batch", 37), "float32")
    gate = softabs()
    hidden = gate(gr.tanh(x) * w + 1) * 2
    return g, gr.mean(gr.square(hidden)) + gr.astype(gr.mean(gate(z) * 3), "float64")


def fed(rows: int) -> dict[str, np.ndarray]:
    x, z = random.normal(size=(2, rows, 37))
    return {"x": x, "w": np.linspace(-1, 1, 37), "z": z.astype("f4")}


@ways
def test_a_gate_of_numbers_among_other_operations(options: dict[str, Any]) -> None:
    _, loss = net()
    program = gr.compile(loss, wrt=["x", "w", "z"], **options)
    feeds = fed(600 if "jit" not in options else 5)
    found, slopes = program(feeds)
    x, w, z = feeds.values()
    inner = np.tanh(x) * w + 1
    small = np.sqrt(z * z + np.float32(0.01))
    assert found == pytest.approx(np.mean(4 * (inner**2 + 0.01)) + np.mean(small * 3), rel=1e-6)
    d_inner = 8 * inner / inner.size
    np.testing.assert_allclose(slopes["w"], np.sum(d_inner * np.tanh(x), 0), rtol=1e-9)
    np.testing.assert_allclose(slopes["x"], d_inner * w * (1 - np.tanh(x) ** 2), atol=1e-15)
    np.testing.assert_allclose(slopes["z"], 3 * z / small / z.size, rtol=1e-5, atol=1e-9)
    assert slopes["z"].dtype == np.float32


@pytest.mark.parametrize("form", ["fast", "plain"])
def test_it_is_one_call_in_a_fused_loop_and_its_text_stays_outside(form: str) -> None:
    _, loss = net()
    program = gr.compile(loss, wrt=["x", "w", "z"], form=form, jit=False)
    program(fed(2))
    source = program.source()
    assert "gates.softabs(add_x_ij)" in source
    assert "import graphc_gates as gates" in source
    assert "gates.softabs calls a function that was given to gr.opaque." in source
    assert "math.sqrt" not in source
    assert "root" not in source


def test_its_gradient_is_that_of_its_value() -> None:
    g = Graph()
    x = g.input("x", (4,))
    checked = gr.check_gradient(gr.sum(gr.exp(softabs()(x))), {"x": random.normal(size=4)})
    assert "ok" in str(checked)


def test_arguments_broadcast_and_each_has_a_term() -> None:
    mixture = gr.opaque("mixture", lambda a, b: a * b + 1, lambda g, y, a, b: (g * b, g * a))
    g = Graph()
    a, b = g.input("a", (2, 1)), g.input("b", (3,), "float32")
    y = mixture(a, b)
    assert str(y.type) == "f64[2,3]"
    feeds = {"a": [[1.0], [2.0]], "b": np.arange(3, dtype="f4")}
    found, slopes = gr.compile(gr.sum(y), wrt=[a, b])(feeds)
    assert found == 15
    assert slopes["a"].tolist() == [[3], [3]]
    assert slopes["b"].tolist() == [3, 3, 3]
    assert slopes["b"].dtype == np.float32


def test_a_tangent_and_an_axis_more_follow() -> None:
    g = Graph()
    x, t = g.input("x", (3,)), g.input("t", (3,))
    gate = softabs()
    feeds = {"x": [1.0, 2.0, -3.0], "t": [1.0, 0.0, 2.0]}
    slope = np.array(feeds["x"]) / value(gate(x), **feeds)
    np.testing.assert_allclose(value(gr.jvp(gate(x), [x], [t]), **feeds), slope * feeds["t"])
    assert value(gr.vmap(gate)(x), **feeds).tolist() == value(gate(x), **feeds).tolist()


def test_the_result_may_have_another_type() -> None:
    g = Graph()
    x = g.input("x", (5,))
    big = gr.opaque("big", lambda x: x > 1, dtype="bool")(x)
    whole = gr.opaque("whole", lambda x: x * x, dtype="int32")(x)
    found = gr.compile([big, whole])(x=np.arange(5) / 1.5)
    assert [f.dtype.name for f in found] == ["bool", "int32"]
    assert [f.tolist() for f in found] == [[False, False, True, True, True], [0, 0, 1, 4, 7]]


def test_a_gate_declared_again_is_another_function() -> None:
    g = Graph()
    x = g.input("x")
    first = gr.compile(gr.opaque("again", lambda x: x + 1)(x))
    assert first(x=1.0) == 2
    second = gr.compile(gr.opaque("again", lambda x: x + 10)(x))
    assert (first(x=1.0), second(x=1.0)) == (2, 11)


OTHER = """
import sys, numpy as np, graphc as gr
from graphc.runtime.load import compilations
more = float(sys.argv[1])
x = gr.Graph("stored").input("x", (3,))
program = gr.compile(gr.opaque("stored", lambda x: x + more)(x))
print(program(x=np.zeros(3)).tolist(), len(compilations))
"""


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled without the JIT")
def test_stored_code_calls_the_function_of_its_own_process(tmp_path: Path) -> None:
    def told(more: int) -> str:
        command = [sys.executable, "-c", OTHER, str(more)]
        environment = {**os.environ, "GRAPHC_CACHE_DIR": str(tmp_path)}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert told(1) == "[1.0, 1.0, 1.0] 1\n"
    assert told(2) == "[2.0, 2.0, 2.0] 0\n"


# Arrays


@ways
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_function_of_arrays_is_called_for_each_core(dtype: str, options: dict[str, Any]) -> None:
    g = Graph("arrays", dtype=dtype)
    x, a = g.input("x", ("batch", 3)), g.input("a", (3, 4))
    loss = gr.sum(gr.square(sines()(x * 2, a)))
    program = gr.compile(loss, wrt=[x, a], **options)
    for rows in (5, 2):
        xs, weights = random.normal(size=(rows, 3)).astype(dtype), np.eye(3, 4, dtype=dtype)
        found, slopes = program(x=xs, a=weights)
        y = np.sin(2 * xs) @ weights
        assert found == pytest.approx(np.sum(y * y), rel=1e-5)
        d_x = 4 * (y @ weights.T) * np.cos(2 * xs)
        np.testing.assert_allclose(slopes["x"], d_x, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(slopes["a"], 2 * np.sin(2 * xs).T @ y, rtol=1e-4, atol=1e-6)


def test_both_arguments_may_be_stacks() -> None:
    g = Graph()
    x, a = g.input("x", (2, 1, 3)), g.input("a", (5, 3, 4))
    y = sines()(x, a)
    assert str(y.type) == "f64[2,5,4]"
    feeds = {"x": random.normal(size=(2, 1, 3)), "a": random.normal(size=(5, 3, 4))}
    wanted = np.einsum("bzi,zij->bzj", np.sin(np.broadcast_to(feeds["x"], (2, 5, 3))), feeds["a"])
    np.testing.assert_allclose(value(y, **feeds), wanted)
    assert "ok" in str(gr.check_gradient(gr.sum(gr.square(y)), feeds))
    over = gr.vmap(sines(), in_axes=(0, None))(x, a)
    np.testing.assert_allclose(value(over, **feeds), wanted)


def test_a_function_of_arrays_has_a_tangent() -> None:
    g = Graph()
    x, a = g.input("x", ("batch", 2)), g.input("a", (2, 3))
    t, s = g.input("t", ("batch", 2)), g.input("s", (2, 3))
    feeds = dict(
        zip("xats", map(random.normal, 4 * [0], 4 * [1], [(4, 2), (2, 3)] * 2), strict=True)
    )
    found = value(gr.jvp(sines()(x, a), [x, a], [t, s]), **feeds)
    x_, a_, t_, s_ = feeds.values()
    np.testing.assert_allclose(found, (np.cos(x_) * t_) @ a_ + np.sin(x_) @ s_)


def both(x: Any, twice: Any, turned: Any) -> None:
    for i in range(len(x)):
        twice[i], turned[i] = 2 * x[i], x[-1 - i]


def both_back(g: Any, h: Any, twice: Any, turned: Any, x: Any, d_x: Any) -> None:
    for i in range(len(x)):
        d_x[i] = 2 * g[i] + h[-1 - i]


@pytest.mark.parametrize("jit", [True, False])
def test_a_function_of_arrays_may_have_several_results(jit: bool) -> None:
    gate = gr.opaque("both", both, both_back, core="(n)->(n),(n)")
    g = Graph()
    x = g.input("x", (3,))
    twice, turned = gate(x)
    one = gr.grad(gr.sum(gr.square(turned)), x)
    all_ = gr.grad(gr.sum(twice + gr.square(turned)), x)
    found = gr.compile([twice, turned, one, all_], jit=jit)(x=[1.0, 2.0, 3.0])
    wanted = [[2, 4, 6], [3, 2, 1], [2, 4, 6], [4, 6, 8]]
    assert [f.tolist() for f in found] == wanted


def test_whole_numbers_reach_a_function_of_arrays_as_they_are() -> None:
    def picked(x: Any, at: Any, y: Any) -> None:
        for i in range(len(at)):
            y[i] = x[at[i]]

    def back(g: Any, y: Any, x: Any, at: Any, d_x: Any, d_at: Any) -> None:
        for i in range(len(at)):
            d_x[at[i]] += g[i]

    gate = gr.opaque("picked", picked, back, core="(n),(k)->(k)")
    g = Graph()
    x, at = g.input("x", (3,)), g.input("at", (4,), "int64")
    y = gate(x, at)
    found, slopes = gr.compile(gr.sum(y), wrt=[x])(x=[1.0, 2.0, 3.0], at=[2, 0, 2, 2])
    assert found == 10
    assert slopes["x"].tolist() == [1, 0, 3]


def test_arguments_may_not_be_written_to_by_what_python_runs() -> None:
    def spoil(x: Any, y: Any) -> None:
        x[0] = 1

    x = Graph().input("x", (3,))
    with pytest.raises(ValueError, match="read-only"):
        value(gr.opaque("spoil", spoil, core="(n)->(n)")(x), x=[1, 2, 3])


# What is refused


def test_a_name_of_an_operation_is_taken() -> None:
    told = message(lambda: gr.opaque("exp", root), GraphError)
    assert told.startswith("[G505] graphc has an operation named 'exp' already")


@pytest.mark.parametrize("name", ["class", "x); import os", "🙂", "d_x", "2", "gates", "sum_lanes"])
def test_any_other_name_will_do(name: str) -> None:
    x = Graph().input("x", (3,)).named("gates")
    y = gr.opaque(name, lambda x: x + 1)(x)
    assert y.op.name == name
    assert gr.compile(y, jit=False)({"x": [1, 2, 3]}).tolist() == [2, 3, 4]


def test_what_is_no_function_is_told() -> None:
    told = message(lambda: gr.opaque("a", 3))  # type: ignore[arg-type]
    assert told == ("[G601] the function of a is a Python function or one of numba.njit, not int")
    told = message(lambda: gr.opaque("a", lambda *x: x))
    assert "has a fixed number of arguments, one at least, each by position" in told


def test_the_arguments_of_the_functions_are_counted() -> None:
    told = message(lambda: gr.opaque("a", lambda x: x, lambda g: g))
    assert told == (
        "[G601] the backward function of a takes 1 arguments, not 3: g, y and its arguments"
    )
    told = message(lambda: gr.opaque("a", lambda x: x, core="(n)->(n)"))
    assert "takes 1 arguments, not 2: the arguments, then what is to be filled" in told
    x = Graph().input("x")
    assert "it takes 1 arguments, not 2" in message(lambda: softabs()(x, x))


@pytest.mark.parametrize("core", ["n->n", "(n),()->(n)", "(n)->", "(n)->(n); x", 3])
def test_what_is_no_core_is_told(core: Any) -> None:
    assert "is not one" in message(lambda: gr.opaque("a", both, core=core))


def test_a_size_that_no_argument_has_is_told() -> None:
    told = message(lambda: gr.opaque("a", lambda x, y: None, core="(n)->(m)"))
    assert told == "[G601] the core '(n)->(m)' does not tell m, which no argument has"


def test_sizes_that_do_not_fit_are_told_with_the_line() -> None:
    g = Graph()
    x, a = g.input("x", (3,)), g.input("a", (4, 2))
    told = message(lambda: sines()(x, a), ShapeError)
    assert told.startswith("[G101] sines (test_opaque.py:")
    assert "n is 3 and 4" in told


@pytest.mark.parametrize("jit", [True, False])
def test_a_wrong_number_of_terms_is_told(jit: bool) -> None:
    gate = gr.opaque("short", lambda a, b: a * b, lambda g, y, a, b: (g,))
    g = Graph()
    a, b = g.input("a", (3,)), g.input("b", (3,))
    program = gr.compile(gr.sum(gate(a, b)), wrt=[a], jit=jit)
    told = message(lambda: program(a=np.ones(3), b=np.ones(3)))
    assert told == (
        "[G601] the backward function of short: "
        "it gives 1 terms of a gradient, not 2, one for each argument"
    )


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled without the JIT")
def test_what_numba_cannot_compile_is_one_sentence() -> None:
    x = Graph().input("x", (3,))
    program = gr.compile(gr.opaque("odd", lambda x: x.foo + 1)(x))
    told = message(lambda: program(x=np.ones(3)))
    assert told.startswith("[G604] the function of odd (test_opaque.py:")
    assert told.endswith("Numba cannot compile it for f64: Unknown attribute 'foo' of type float64")
    word = gr.compile(gr.opaque("word", lambda x: "abc")(x))
    assert "not a number" in message(lambda: word(x=np.ones(3)))


def test_without_backward_no_gradient_passes_and_the_error_says_so() -> None:
    x = Graph().input("x")
    gate = gr.opaque("closed", root)
    told = message(lambda: gr.grad(gate(x), x), GraphError)
    assert "closed (test_opaque.py:" in told
    assert "lets no gradient through" in told


def test_a_given_gradient_has_no_gradient_and_says_so() -> None:
    x = Graph().input("x")
    slope = gr.grad(softabs()(x) * x, x)
    told = message(lambda: gr.grad(slope, x), GraphError)
    assert told.startswith("[G521]")
    assert "hint: gr.gate" in told
