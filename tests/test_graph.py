"""Building graphs: what was written is what is there, with names, lines and NumPy's rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from inspect import currentframe
from typing import Any

import networkx as nx
import numpy as np
import pytest

import graphc.ops as gr
from graphc.errors import DTypeError, GraphError, ShapeError, UsageError
from graphc.graph import CONST, FUNCTIONS, OPS, Graph, Node
from graphc.node import METHODS


@pytest.fixture
def g() -> Graph:
    return Graph("net")


def here() -> int:
    """The line that calls."""
    frame = currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


# What was written


def test_the_graph_holds_what_was_written(g: Graph) -> None:
    x = g.input("x")
    first, second = gr.exp(x), gr.exp(x)
    y = first + second
    assert [n.op.name for n in g.nodes] == ["input", "exp", "exp", "add"]
    assert (y.args, y.index) == ((first, second), 3)


def test_networkx_holds_the_graph(g: Graph) -> None:
    x = g.input("x")
    y = gr.exp(x) * x
    assert nx.ancestors(g.nx, y) == {x, y.args[0]}
    with pytest.raises(nx.NetworkXError):
        g.nx.remove_node(x)


def test_repeated_argument_is_one_edge_with_two_slots(g: Graph) -> None:
    x = g.input("x")
    y = x * x
    assert g.nx.edges[x, y]["slots"] == (0, 1)
    assert g.nx.number_of_edges() == 1


def test_a_node_knows_its_line(g: Graph) -> None:
    x, line = g.input("x"), here()
    y, next_line = gr.mean(x + 1), here()
    assert (x.where[0].line, y.where[0].line) == (line, next_line)
    assert str(x.where[0]) == f"test_graph.py:{line}"


def test_nodes_are_equal_only_to_themselves(g: Graph) -> None:
    x = g.input("x")
    assert x != gr.exp(x)
    assert gr.equal(x, x).type.dtype == "bool"


def test_types_are_written_in_many_ways(g: Graph) -> None:
    a = g.input("a", ("batch", 784), "float32")
    b = g.input("b", "f32[batch,784]")
    assert a.type == b.type
    assert str(g.input("c").type) == "f64"
    assert str(Graph(dtype="float32").input("c", 3).type) == "f32[3]"


def test_constants_are_one_node_for_each_type_and_bits(g: Graph) -> None:
    assert g.constant(1.0) is g.constant(1.0)
    assert g.constant(1.0) is not g.constant(1.0, "float32")
    assert g.constant(0.0) is not g.constant(-0.0)
    assert not g.constant([1, 2]).value.flags.writeable


# Promotion


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint8", "int64", "bool"])
@pytest.mark.parametrize("other", [2, 2.5, True, np.float64(2), np.float32(2), np.int16(2)])
@pytest.mark.parametrize("call", [lambda a, b: a + b, lambda a, b: b * a])
def test_numbers_promote_as_in_numpy(
    g: Graph, dtype: str, other: Any, call: Callable[..., Any]
) -> None:
    found = call(g.input("x", (2,), dtype), other).type.numpy
    wanted = call(np.ones(2, dtype), other).dtype
    assert found == ("int64" if wanted == "bool" else wanted)


def test_a_number_that_does_not_fit_is_told(g: Graph) -> None:
    x = g.input("x", (), "int8")
    with pytest.raises(DTypeError) as error:
        x + 300
    assert str(error.value) == "[G201] the number 300 does not fit i8"


# NumPy's functions and operators

ARRAY = np.arange(6.0).reshape(2, 3)
CALLS: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp,
    "sum": lambda x: np.sum(x, axis=0),
    "mean": lambda x: np.mean(x, axis=-1, keepdims=True),
    "max": np.max,
    "where": lambda x: np.where(x > 2, x, 0),
    "concatenate": lambda x: np.concatenate([x, ARRAY]),
    "stack": lambda x: np.stack((x, x)),
    "reshape": lambda x: np.reshape(x, (3, -1)),
    "transpose": np.transpose,
    "clip": lambda x: np.clip(x, 1, 3),
    "take": lambda x: np.take(x, [2, 0], axis=1),
    "matmul": lambda x: np.matmul(x, ARRAY.T),
    "left matmul": lambda x: ARRAY.T @ x,
    "scalar": lambda x: np.float64(2) * x,
    "methods": lambda x: x.sum(axis=1).reshape(2, 1).max() - x.T.mean(0)[0],
    "operators": lambda x: -(2 - x) / (x + 1) ** 2 // 1 % 3,
    "reflected": lambda x: 2 ** (1 / (x + 1)) - abs(3 - x),
    "comparisons": lambda x: ((x > 1) & (x <= 4)) | ~(x < 3) ^ (x >= 2),
    "indexing": lambda x: x[..., ::-1][1:, None, [0, 2]],
}


@pytest.mark.parametrize("name", CALLS)
def test_numpys_functions_build_the_graph(g: Graph, name: str) -> None:
    from graphc.interpret import evaluate

    x = g.input("x", (2, 3))
    y = CALLS[name](x)
    assert isinstance(y, Node)
    np.testing.assert_allclose(evaluate([y], {x: ARRAY})[y], CALLS[name](ARRAY))


def test_every_public_name_is_an_operation_or_a_function() -> None:
    assert {name for name in gr.__all__ if name not in FUNCTIONS} == set()
    assert {name for name in METHODS if name not in FUNCTIONS} == set()
    assert all(OPS[name].name == name for name in OPS)


# Names


def test_nodes_are_named_in_three_ways(g: Graph) -> None:
    x = g.input("x")
    y = gr.exp(x).named("y")
    g.name(z=y, w=y)
    assert (g["x"], g["y"], g["z"]) == (x, y, y)
    assert g.names_of(y) == ("y", "z", "w")
    assert y.name == "y"


def test_scopes_keep_names_apart(g: Graph) -> None:
    for layer in ("one", "two"):
        with g.scope(layer), g.scope("dense"):
            w = g.param("W", (2,))
    assert (w.name, w.scope) == ("two.dense.W", "two.dense")
    assert "one.dense.W" in g


def test_a_name_twice_is_told_with_both_lines(g: Graph) -> None:
    g.input("W")
    first = here() - 1
    with pytest.raises(GraphError) as error:
        g.param("W")
    assert str(error.value) == (
        f"[G502] two nodes are named 'W' (test_graph.py:{first} and test_graph.py:{first + 3})\n"
        "  hint: with g.scope('layer2'): keeps them apart"
    )


def test_an_unknown_name_is_told_with_a_close_one(g: Graph) -> None:
    g.input("images")
    with pytest.raises(GraphError) as error:
        g["imgaes"]
    assert str(error.value) == ("[G503] no stage is named 'imgaes'\n  hint: did you mean 'images'?")


@pytest.mark.parametrize("name", ["d_x", "f32", "range", "class", "x); import os", "🙂", "a b"])
def test_any_text_is_a_name(g: Graph, name: str) -> None:
    assert g[name] is g.input(name) if name in g else g.input(name).name == name


def test_only_own_stages_are_named(g: Graph) -> None:
    with pytest.raises(GraphError, match="'y' would name float, not a stage of this graph"):
        g.name(y=1.0)
    with pytest.raises(GraphError, match="'y' would name Node, not a stage of this graph"):
        g.name(y=Graph().input("x"))


# Errors


def raised(kind: type[Exception], call: Callable[[], Any]) -> str:
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def test_math_functions_are_told(g: Graph) -> None:
    x = g.input("x")
    assert raised(TypeError, lambda: math.exp(x)) == (
        f"[G601] input 'x' (test_graph.py:{x.where[0].line}): "
        "a stage is not a number, so float() and the math module cannot take it\n"
        "  hint: write gr.exp(x) or np.exp(x) in place of math.exp(x)"
    )


def test_a_branch_on_a_stage_is_told(g: Graph) -> None:
    condition = g.input("x") > 0
    assert raised(UsageError, lambda: 1 if condition else 0) == (
        f"[G601] greater (test_graph.py:{condition.where[0].line}): "
        "a stage has no truth value while the graph is built, so `if` and `and` cannot ask for it\n"
        "  hint: write gr.where(condition, a, b), gr.logical_and(a, b), or compare with `is`"
    )


def test_shapes_that_do_not_broadcast_are_told(g: Graph) -> None:
    a, b = g.input("a", (32, 10)), g.input("b", (32, 9))
    line = here() + 1
    text = raised(ShapeError, lambda: a + b)
    assert text == (
        f"[G102] add (test_graph.py:{line}): "
        "(32, 10) and (32, 9) do not broadcast at axis 1 (10 vs 9)"
    )


def test_a_function_on_a_list_of_no_stage_is_told() -> None:
    assert raised(UsageError, lambda: gr.add(1, 2)) == (
        "[G601] an operation needs at least one stage of a graph among its arguments"
    )


def test_a_wrong_number_of_arguments_is_told(g: Graph) -> None:
    x, line = g.input("x"), here() + 1
    assert raised(UsageError, lambda: gr.exp(x, x)) == (
        f"[G601] exp (test_graph.py:{line}): it takes 1 argument, not 2"
    )


def test_arguments_of_two_graphs_are_told(g: Graph) -> None:
    x, y = g.input("x"), Graph("other").input("y")
    assert raised(GraphError, lambda: x + y) == (
        "[G504] the arguments belong to two graphs, 'net' and 'other'"
    )


def test_numpy_cannot_make_an_array_of_a_stage(g: Graph) -> None:
    x = g.input("x", (3,))
    assert "a stage is not an array" in raised(UsageError, lambda: np.asarray(x))
    assert "np.fft has no meaning for a stage" in raised(UsageError, lambda: np.fft.fft(x))
    assert "np.add has no meaning" in raised(UsageError, lambda: np.add.reduce(x))


def test_only_literal_sizes_are_iterated(g: Graph) -> None:
    assert len(list(g.input("v", (3, 2)))) == 3
    x = g.input("x", ("batch", 2))
    assert "only a stage with a literal first size" in raised(UsageError, lambda: list(x))


def test_an_init_has_the_shape_it_draws(g: Graph) -> None:
    w = g.param("W", (2, 2), init=[[1, 2], [3, 4]])
    init = w.attrs["init"]
    assert init(np.random.default_rng(0), (2, 2), "float32").tolist() == [[1, 2], [3, 4]]
    assert g.leaves(CONST) == []


def test_a_name_that_is_taken_is_told_with_both_lines() -> None:
    x = Graph().input("x")
    with pytest.raises(GraphError, match="two nodes are named 'x'"):
        (x + 1).named("x")
