"""Graphs built by hand with networkx, and what is refused of them."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

import graphc.ops
from graphc import init
from graphc.errors import GraphcError
from graphc.exchange.plain import from_networkx
from graphc.interpret import evaluate
from graphc.place import Place

assert graphc.ops, "the operations enter their names"


def built(nodes, edges, kind=nx.DiGraph):
    """A networkx graph from {key: attributes} and (source, user, attributes)."""
    plain = kind()
    for key, says in nodes.items():
        plain.add_node(key, **says)
    for source, user, *says in edges:
        plain.add_edge(source, user, **(says[0] if says else {}))
    return plain


def scalars(*names):
    return {name: {"op": "input", "type": "f64"} for name in names}


def evaluate_by_name(graph, name, **feeds):
    node = graph[name]
    return evaluate([node], {graph[k]: v for k, v in feeds.items()})[node].item()


def test_the_net_of_the_design_is_built_by_hand():
    nodes = {
        "X": {"op": "input", "type": "f32[batch,784]"},
        "W1": {"op": "param", "type": "f32[784,100]", "init": "he_normal"},
        "z": {"op": "matmul"},
    }
    g = from_networkx(built(nodes, [("X", "z", {"slot": 0}), ("W1", "z", {"slot": 1})]))
    assert str(g["z"].type) == "f32[batch,100]"
    assert [a.name for a in g["z"].args] == ["X", "W1"]
    assert g["W1"].attrs["init"] == init.he_normal()
    assert g.dtype == "f32"
    assert g["z"].where[0].file.endswith("test_handbuilt.py")


def test_slots_may_be_left_out_where_order_cannot_matter():
    nodes = scalars("x", "y") | {"q": {"op": "+"}, "f": {"op": "*"}, "g": {"op": "neg"}}
    g = from_networkx(built(nodes, [("y", "q"), ("x", "q"), ("q", "f"), ("x", "f"), ("f", "g")]))
    assert evaluate_by_name(g, "g", x=-2.0, y=5.0) == 6.0


@pytest.mark.parametrize("slots", [{"slots": "0,1"}, {"slots": (0, 1)}, {"slots": [0, 1]}])
def test_one_edge_fills_two_slots(slots):
    g = from_networkx(built(scalars("x") | {"y": {"op": "div"}}, [("x", "y", slots)]))
    assert [a.name for a in g["y"].args] == ["x", "x"]


def test_parallel_edges_are_one_argument_twice():
    plain = built(scalars("x") | {"y": {"op": "multiply"}}, [("x", "y")] * 2, nx.MultiDiGraph)
    assert evaluate_by_name(from_networkx(plain), "y", x=3.0) == 9.0


def test_an_addition_of_many_terms_is_a_chain_whose_last_stage_has_the_name():
    nodes = scalars("a", "b", "c", "d") | {"s": {"op": "add"}, "p": {"op": "mul"}}
    edges = [(k, "s", {"slot": str(3 - i)}) for i, k in enumerate("abcd")] + [
        (k, "p") for k in "abcd"
    ]
    g = from_networkx(built(nodes, edges))
    assert evaluate_by_name(g, "s", a=1, b=2, c=3, d=4) == 10
    assert evaluate_by_name(g, "p", a=1, b=2, c=3, d=4) == 24
    assert g["s"].args[1].name == "a"
    assert len(g) == 4 + 3 + 3


def test_attributes_are_plain_text():
    x = {"x": {"op": "input", "type": "f64[2,3]"}}
    ops = {
        "s": {"op": "sum", "axis": "1", "keepdims": "true"},
        "r": {"op": "reshape", "shape": "(3, 2)"},
        "t": {"op": "T"},
        "i": {"op": "astype", "dtype": "int32"},
        "m": {"op": "mean"},
        "k": {"op": "index", "key": "(slice(0, 1), 2)"},
        "c": {"op": "clip", "low": "0", "high": "1"},
    }
    g = from_networkx(built(x | ops, [("x", key) for key in ops]))
    types = [str(g[key].type) for key in ops]
    assert types == ["f64[2,1]", "f64[3,2]", "f64[3,2]", "i32[2,3]", "f64", "f64[1]", "f64[2,3]"]


def test_sequences_of_arguments_come_in_the_order_of_their_slots():
    nodes = {k: {"op": "input", "type": f"f64[{n}]"} for k, n in (("a", 1), ("b", 2))}
    edges = [("a", "c", {"slot": 1}), ("b", "c", {"slot": 0})]
    g = from_networkx(built(nodes | {"c": {"op": "concat", "axis": 0}}, edges))
    assert [a.name for a in g["c"].args] == ["b", "a"]


def test_a_constant_without_a_type_is_a_weak_number():
    nodes = {"x": {"op": "input", "type": "i64"}, "w": {"op": "input", "type": "f32"}}
    nodes |= {"two": {"op": "const", "value": "2"}, "i": {"op": "mul"}, "f": {"op": "mul"}}
    g = from_networkx(built(nodes, [("x", "i"), ("two", "i"), ("w", "f"), ("two", "f")]))
    assert (str(g["i"].type), str(g["f"].type), str(g["two"].type)) == ("i64", "f32", "i64")


def test_constants_and_initial_values_are_numbers_texts_or_arrays():
    nodes = {
        "c": {"op": "const", "value": "3.0", "type": "f32"},
        "d": {"op": "const", "value": "(1, 2)", "type": "u8[2]"},
        "e": {"op": "constant", "value": np.ones(3, "float32")},
        "w": {"op": "param", "type": "f64[2]", "init": "normal(std=0.1)"},
        "v": {"op": "param", "type": "f64[2]", "init": "0.5"},
        "u": {"op": "state", "type": "f64[2]", "init": "(1.0, 2.0)"},
        "n": {"op": "const", "value": "nan"},
    }
    g = from_networkx(built(nodes, []))
    inits = [g[k].attrs["init"] for k in "wvu"]
    assert inits == [init.normal(0.1), init.constant(0.5), init.array([1.0, 2.0])]
    assert [str(g[k].type) for k in "cden"] == ["f32", "u8[2]", "f64[3]", "f64"]
    assert np.isnan(g["n"].value)


def test_any_hashable_key_is_a_name_and_drawing_attributes_are_left_alone():
    plain = built(
        {1: {"op": "input", "type": "f64", "pos": (0, 1)}, (2, 3): {"op": "exp", "label": "e"}},
        [(1, (2, 3))],
    )
    g = from_networkx(plain)
    assert list(g.names) == ["1", "(2, 3)"]


def test_lines_outputs_and_title_may_be_said():
    plain = built(scalars("x") | {"y": {"op": "exp", "where": "net.py:14"}}, [("x", "y")])
    plain.graph |= {"name": "mine", "outputs": "y"}
    g = from_networkx(plain)
    assert (g.title, list(g.outputs), g["y"].where) == ("mine", ["y"], (Place("net.py", 14),))


def test_nodes_may_be_added_in_any_order():
    nodes = {"f": {"op": "exp"}, "e": {"op": "exp"}} | scalars("x")
    g = from_networkx(built(nodes, [("e", "f"), ("x", "e")]))
    assert [n.name for n in g.nodes] == ["x", "e", "f"]


# What is refused

E, XY = {"op": "exp"}, scalars("x", "y")
REFUSED = [
    (
        built({"h1": E, "h2": E}, [("h1", "h2"), ("h2", "h1")]),
        "[G501] the graph has a cycle: h1 -> h2 -> h1",
    ),
    (built({"h": E}, [("h", "h")]), "[G501] the graph has a cycle: h -> h"),
    (
        built(XY | {"z": {"op": "matmull"}}, [("x", "z"), ("y", "z")]),
        "[G510] 'z': no operation is named 'matmull'\n  hint: did you mean 'matmul'?",
    ),
    (
        built({"z": {}}, []),
        "[G510] 'z': it has no operation\n  hint: G.add_node('z', op='input', type='f64')",
    ),
    (
        built(XY | {"z": {"op": "sub"}}, [("x", "z"), ("y", "z")]),
        "[G511] subtract 'z': the edge from 'x' does not say which argument it is\n"
        "  hint: G.add_edge('x', 'z', slot=0)",
    ),
    (
        built(XY | {"z": {"op": "add"}}, [("x", "z", {"slot": 0}), ("y", "z")]),
        "[G511] add 'z': the edge from 'y' does not say which argument it is\n"
        "  hint: G.add_edge('y', 'z', slot=0)",
    ),
    (
        built(XY | {"z": {"op": "sub"}}, [("x", "z", {"slot": 1})]),
        "[G511] subtract 'z': slot 0 of subtract is not filled",
    ),
    (built(XY | {"z": {"op": "add"}}, [("x", "z")]), "[G511] add 'z': slot 1 of add is not filled"),
    (built(XY | {"z": E}, []), "[G511] exp 'z': slot 0 of exp is not filled"),
    (
        built(XY | {"z": E}, [("x", "z", {"slot": "first"})]),
        "[G511] exp 'z': the edge from 'x' has slot 'first', not a number",
    ),
    (
        built(XY | {"z": {"op": "sub"}}, [("x", "z", {"slot": 0}), ("y", "z", {"slot": 0})]),
        "[G512] subtract 'z': slot 0 is filled twice, by 'x' and by 'y'",
    ),
    (
        built(XY | {"z": {"op": "sub"}}, [("x", "z", {"slot": 0}), ("y", "z", {"slots": "1,2"})]),
        "[G513] subtract 'z': slot 2 is filled by 'y', but subtract takes 2 arguments",
    ),
    (
        built(XY | {"z": {"op": "sum"}}, [("x", "z", {"slot": 0}), ("y", "z", {"slot": 1})]),
        "[G513] sum 'z': slot 1 is filled by 'y', but sum takes 1 argument",
    ),
    (
        built(scalars("1") | {1: {"op": "input", "type": "f64"}}, []),
        "[G502] two nodes are named '1'",
    ),
    (
        built({"x": {"op": "input"}}, []),
        "[G514] input 'x': it has no type\n  hint: write it as type=\"f32[batch,784]\"",
    ),
    (
        built({"c": {"op": "const"}}, []),
        "[G514] const 'c': it has no value\n  hint: write it as value=\"3.0\"",
    ),
    (
        built({"c": {"op": "const", "value": "three"}}, []),
        "[G517] const 'c': its value is not an array of numbers",
    ),
    (
        built(XY, [("x", "y")]),
        "[G515] input 'y': an edge leads into it from 'x', but it takes no arguments",
    ),
    (nx.DiGraph(), "[G516] the graph is empty"),
    (
        nx.Graph([("x", "y")]),
        "[G516] the edges have no direction\n  hint: build an nx.DiGraph, argument -> user",
    ),
    (
        built(XY | {"z": {"op": "sum", "axes": "0"}}, [("x", "z")]),
        "[G517] sum 'z': sum has no attribute 'axes'\n  hint: it has axis, dtype, keepdims",
    ),
    (
        built(XY | {"z": E | {"axis": "0"}}, [("x", "z")]),
        "[G517] exp 'z': exp has no attribute 'axis'",
    ),
    (
        built({"x": {"op": "input", "type": "f64", "shape": "3"}}, []),
        "[G517] input 'x': input has no attribute 'shape'",
    ),
    (
        built(XY | {"z": {"op": "reshape"}}, [("x", "z")]),
        "[G517] reshape 'z': reshape needs an attribute 'shape'",
    ),
    (
        built({"w": {"op": "param", "type": "f64", "init": "kaiming"}}, []),
        "[G517] param 'w': 'kaiming' is not an initial value\n"
        f"  hint: one of {', '.join(kind for kind in init.KINDS if kind != 'array')}",
    ),
    (
        built(XY | {"z": E | {"type": "f32"}}, [("x", "z")]),
        "[G501] exp 'z': it is said to be f32, but it is f64",
    ),
    (
        built({"x": {"op": "input", "type": "f16"}}, []),
        "[G201] input 'x': 'f16' is not an element type of graphc\n"
        "  hint: one of f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, bool",
    ),
]


@pytest.mark.parametrize(("plain", "sentence"), REFUSED, ids=[s[1:5] for _, s in REFUSED])
def test_what_is_not_clear_is_refused_with_a_sentence(plain, sentence):
    with pytest.raises(GraphcError) as told:
        from_networkx(plain)
    assert str(told.value) == sentence


def test_an_error_of_an_operation_names_the_node():
    nodes = {k: {"op": "input", "type": t} for k, t in (("x", "f64[2,3]"), ("y", "f64[4,5]"))}
    plain = built(nodes | {"z": {"op": "@"}}, [("x", "z", {"slot": 0}), ("y", "z", {"slot": 1})])
    with pytest.raises(GraphcError, match=r"^\[G101\] matmul 'z': "):
        from_networkx(plain)
