"""Graphs to plain networkx and back, through memory, JSON and GraphML."""

from __future__ import annotations

import io
import json

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphc.ops as gr
from graphc import init
from graphc.errors import GraphError
from graphc.exchange.plain import from_networkx, to_networkx
from graphc.grad import backward
from graphc.graph import Graph, Op
from graphc.interpret import evaluate
from graphc.types import named

# Exact round trips


def facts(graph):
    """All that a graph holds, in terms that two graphs can share."""
    at = {node: node.index for node in graph.nodes}
    return {
        "title": (graph.title, graph.dtype),
        "names": {name: at[n] for name, n in graph.names.items()},
        "outputs": [(name, at[n]) for name, n in graph.outputs.items()],
        "updates": {at[n]: at[new] for n, new in graph.updates.items()},
        "hints": {at[n]: hint for n, hint in graph.hints.items()},
        "gradients": {at[n]: tuple(at[i] for i in into) for n, into in graph.gradients.items()},
        "nodes": [node_facts(node, at) for node in graph.nodes],
    }


def node_facts(node, at):
    attrs = {name: attribute_facts(value) for name, value in node.attrs.items()}
    behind = None if node.backward_of is None else at[node.backward_of]
    named_by = node.graph.names_of(node)
    args = tuple(at[a] for a in node.args)
    return (node.op, args, attrs, node.types, named_by, node.where, node.scope, behind)


def attribute_facts(value):
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.tobytes(), value.flags.writeable
    return type(value), repr(value)


def through_memory(plain):
    return plain


def through_json(plain):
    return nx.node_link_graph(json.loads(json.dumps(nx.node_link_data(plain))))


def through_graphml(plain):
    file = io.BytesIO()
    nx.write_graphml(plain, file)
    return nx.read_graphml(io.BytesIO(file.getvalue()))


DOORS = [through_memory, through_json, through_graphml]


def net():
    g = Graph("two layer net", dtype="float32")
    x, t = g.input("X", ("batch", 784)), g.input("t", ("batch",), "uint8")
    with g.scope("layer1"):
        w1 = g.param("W", (784, 4), init=init.he_normal())
        h = gr.relu(x @ w1 + g.param("b", 4, init=[0.5, -0.0, 1e-30, 3.0])).named("h")
    w2 = g.param("W2", (4, 10), init=init.normal(0.1))
    loss = gr.cross_entropy(h @ w2, t).named("loss").named("J")
    steps = g.state("steps", (), "int64")
    g.updates[steps] = (steps + 1).hinted("later")
    g.outputs["loss"] = loss
    backward(loss, [w1, w2])
    return g


def odd():
    g = Graph("f(x) = \N{SNOWMAN}\n")
    x = g.input("x); import os", (3, "n"))
    y = g.input("class\n", (2 * named("n") + 1,))
    payload = np.frombuffer(b"\x01\x00\xc0\x7f\x00\x00\x00\x80", "float32")
    g.name(**{"2": x + 1.0, "true": x * x, "\N{FIRE}": x - np.float32(0.1)})
    g.constant(payload).named("payload")
    g.constant(np.arange(40.0).reshape(4, 10))
    g.constant([[float("nan"), -0.0], [float("inf"), 5e-324]])
    g.constant(2**64 - 1, "uint64")
    gr.sum(x[::2, 1:], axis=0, keepdims=True)
    gr.reshape(x, ("n", 3)), gr.transpose(x), gr.where(x > 0, x, -x), gr.astype(x, "int8")
    gr.concat([x, x], axis=0), gr.one_hot(gr.argmax(x, 1), 7), y[0], gr.stack([y, y])
    return g


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("make", [net, odd])
def test_a_graph_comes_back_attribute_for_attribute(make, door):
    graph = make()
    assert facts(from_networkx(door(graph.to_networkx()))) == facts(graph)


@given(st.lists(st.text(min_size=1, max_size=5), unique=True, min_size=1, max_size=6))
def test_any_text_is_a_name_that_survives_a_file(names):
    g = Graph(names[0])
    x = g.input(names[0])
    for name in [*names[1:], "self", "mul_1"]:
        if name not in g:
            x = (x * x).named(name)
    for door in DOORS:
        assert facts(from_networkx(door(g.to_networkx()))) == facts(g)


@pytest.mark.parametrize("word", ["updates", "gradients"])
def test_what_are_no_pairs_is_told(word):
    plain = net().to_networkx()
    plain.graph[word] = "('loss', 'h', 'X')"
    with pytest.raises(GraphError, match=rf"\[G517\] its {word} are not pairs of stages"):
        from_networkx(plain)


def test_what_is_exported_is_strings_only():
    plain = net().to_networkx()
    said = [
        plain.graph,
        *(d for _, d in plain.nodes(data=True)),
        *(d for *_, d in plain.edges(data=True)),
    ]
    assert {type(v) for d in said for v in d.values()} == {str}
    assert {type(key) for key in plain} == {str}
    assert plain.nodes["layer1.W"]["init"] == "he_normal()"
    assert plain.nodes["X"]["type"] == "f32[batch,784]"


def test_repeated_argument_is_one_edge_with_two_slots():
    g = Graph()
    x = g.input("x")
    (x * x).named("y")
    assert g.to_networkx().edges["x", "y"] == {"slots": "0,1"}


def test_a_constant_that_comes_back_is_shared_with_later_ones():
    g = Graph()
    (g.input("x") + 2.0).named("y")
    back = from_networkx(g.to_networkx())
    before = len(back)
    assert (back["y"] * 2.0).args[1] is back["y"].args[1]
    assert len(back) == before + 1


def test_an_exported_node_and_one_added_by_hand_stand_side_by_side():
    g = Graph()
    (g.input("x") + 2.0).named("y")
    plain = g.to_networkx()
    plain.add_node("z", op="sqrt")
    plain.add_edge("y", "z")
    back = from_networkx(plain)
    assert evaluate([back["z"]], {back["x"]: 7.0})[back["z"]] == 3.0


def test_an_attribute_without_text_is_refused():
    g = Graph()
    x = g.input("x")
    g.add(Op("opaque", lambda x, f: x, None, lambda x, f: x), (x,), {"f": print}).named("z")
    with pytest.raises(GraphError) as told:
        to_networkx(g)
    assert str(told.value).startswith("[G518] opaque 'z' (test_exchange.py:")
    assert str(told.value).endswith(
        "its attribute 'f' cannot be exported: "
        "a value of type builtin_function_or_method cannot be written as text"
    )
