"""Graphs as text, data and drawings."""

from __future__ import annotations

import json

import numpy as np
import pytest

import graphc.ops as gr
from graphc import init, show
from graphc.errors import GraphError
from graphc.grad import grad
from graphc.graph import Graph
from graphc.show import expression

G = Graph("symbols")
A, B, C = G.input("a"), G.input("b"), G.input("c")
M = G.input("M", "f64[2,3]")
V = G.input("v", "f64[n]")


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ((A + B) * C, "(a + b) * c"),
        (A + B * C, "a + b * c"),
        (A - (B - C), "a - (b - c)"),
        (A - B - C, "a - b - c"),
        (A / (B * C), "a / (b * c)"),
        (-(A + B), "-(a + b)"),
        (-(-A), "-(-a)"),  # noqa: B002
        ((-A) ** 2, "(-a)**2"),
        (-(A**2), "-a**2"),
        (A**-B, "a**-b"),
        ((A**B) ** C, "(a**b)**c"),
        (A ** (B**C), "a**b**c"),
        (A * -1, "a * -1"),
        (1 / (1 + gr.exp(-A)), "1 / (1 + exp(-a))"),
        (gr.reciprocal(A + B), "1 / (a + b)"),
        (gr.square(A + B), "(a + b)**2"),
        (abs(A - B), "abs(a - b)"),
        ((A > 0) & ~(B <= C), "(a > 0) & ~(b <= c)"),
        (M @ M.T + 1, "M @ M.T + 1"),
        ((M + M).T, "(M + M).T"),
        (M[1:, ::2], "M[1:, ::2]"),
        (M[:, 1] * 2, "M[:, 1] * 2"),
        (M[-1, 0] + 1, "M[1, 0] + 1"),
        (M[1:], "M[1:]"),
        (M[0], "M[0]"),
        (V[::-1] + 0.5, "v[::-1] + 0.5"),
        (gr.index(M, np.array([1, 0])), "M[[1, 0]]"),
        (gr.sum(M), "sum(M)"),
        (gr.sum(M, axis=1), "sum(M, axis=1)"),
        (gr.max(M, axis=0, keepdims=True), "max(M, axis=0, keepdims=True)"),
        (gr.softmax(M), "softmax(M)"),
        (gr.softmax(M, axis=0), "softmax(M, axis=0)"),
        (gr.mean(gr.tanh(V - A)), "mean(tanh(v - a))"),
        (gr.squared_error(M, 0.0), "squared_error(M, 0)"),
        (gr.squared_error(M, 0.0, reduction="sum"), "squared_error(M, 0, reduction='sum')"),
        (gr.reshape(M, (3, 2)), "reshape(M, shape=(3, 2))"),
        (gr.broadcast_to(A, ("n",)), "broadcast_to(a, shape=n)"),
        (gr.where(A > B, A, B), "where(a > b, a, b)"),
        (gr.maximum(A, np.float64(2.5)), "maximum(a, 2.5)"),
        (A + np.zeros((2, 3)), "a + array(f64[2,3])"),
    ],
)
def test_a_stage_is_written_as_its_user_would(node, text):
    assert expression(node) == text


def test_named_arguments_are_called_by_their_names():
    g = Graph()
    x = g.input("x")
    z = gr.relu((x + 1).named("shifted") * 2)
    assert expression(z) == "relu(shifted * 2)"
    assert expression(z.args[0].args[0]) == "x + 1"


def test_leaves_say_what_they_are():
    g = Graph()
    nodes = [g.input("x"), g.param("w", 3, init=init.normal(0.1)), g.state("n"), g.constant(2.0)]
    assert [expression(n) for n in nodes] == ["input", "param normal(0.1)", "state", "2"]


def test_a_deep_stage_is_cut_at_the_depth():
    node = A
    for _ in range(10):
        node = gr.sin(node)
    assert expression(node, depth=3) == "sin(sin(sin(…)))"


def test_a_long_stage_is_written_less_deep_and_in_the_end_cut():
    g = Graph()
    x = g.input("a_rather_long_name_for_an_input")
    less = expression(gr.exp(gr.sin(x) + gr.cos(x)) * (x + 1.5))
    assert less == "exp(… + …) * (a_rather_long_name_for_an_input + 1.5)"
    wide = gr.concat([gr.reshape(x, (1,)).named(f"piece_{i}") for i in range(30)])
    assert expression(wide) == "concat(piece_0, piece_1, piece_2, piece_3, piece_4, piece_5…"
    assert len(expression(wide)) == 60


def test_a_wide_stage_names_its_first_arguments_and_its_last():
    g = Graph()
    wide = gr.concat([g.input(f"x{i}", 1) for i in range(30)])
    assert expression(wide) == "concat(x0, x1, x2, x3, x4, x5, …, x29)"


# The graph


def net():
    g = Graph("net", dtype="float32")
    x, t = g.input("X", ("batch", 784)), g.input("t", ("batch",), "uint8")
    w1, b1 = g.param("W1", (784, 100), init=init.he_normal()), g.param("b1", 100)
    h = gr.relu(x @ w1 + b1)
    loss = gr.cross_entropy(h @ g.param("W2", (100, 10)), t)
    g.name(h=h, loss=loss)
    g.outputs["loss"] = loss
    return g


def lines(graph):
    """The text without the places, whose line numbers are this file's."""
    return [line.partition("  # test_show.py:")[0].rstrip() for line in str(graph).splitlines()]


def test_the_text_has_one_line_a_stage():
    assert lines(net()) == [
        "net: 2 inputs, 3 params, 5 stages",
        "X: f32[batch,784] = input",
        "t: u8[batch] = input",
        "W1: f32[784,100] = param he_normal()",
        "b1: f32[100] = param",
        "h: f32[batch,100] = relu(X @ W1 + b1)",
        "W2: f32[100,10] = param",
        "loss: f32 = cross_entropy(h @ W2, t)",
        "outputs: loss",
    ]


def test_every_line_says_where_its_stage_was_written():
    assert all("  # test_show.py:" in line for line in str(net()).splitlines()[1:-1])


def test_a_value_that_is_read_twice_has_a_line_and_a_number():
    g = Graph("twice")
    x = g.input("x")
    s = gr.sin(x)
    (s * gr.cos(s)).named("y")
    (x * x).named("z")
    assert lines(g)[2:] == ["%1: f64 = sin(x)", "y: f64 = %1 * cos(%1)", "z: f64 = x * x"]


def test_a_long_chain_without_names_loses_nothing():
    g = Graph("chain")
    y = g.input("x")
    for _ in range(100):
        y = gr.sin(y)
    text = str(g)
    assert "…" not in text
    assert text.count("sin(") == 100
    assert max(map(len, text.splitlines())) < 100


def test_gradients_are_called_after_what_they_belong_to():
    g = Graph("fork")
    x = g.input("x")
    f = (x * gr.sin(x)).named("f")
    grad(f, [x])
    assert lines(g)[-2:] == ["d_%1: f64 = d_f * x", "d_x: f64 = d_f * %1 + d_%1 * cos(x)"]


def test_names_stay_on_their_line():
    g = Graph("a\nb")
    gr.exp(g.input("x\ny")).named("z\x1b")
    assert lines(g) == ["a\\nb: 1 input, 1 stage", "x\\ny: f64 = input", "z\\x1b: f64 = exp(x\\ny)"]


def test_an_empty_graph_prints():
    assert str(Graph("nothing")) == "nothing: empty"


# Data and drawings


def test_the_dict_is_ready_for_json():
    data = json.loads(json.dumps(show.as_dict(net())))
    assert data["outputs"] == {"loss": 9}
    assert data["nodes"][6]["expression"] == "relu(X @ W1 + b1)"
    assert data["nodes"][2]["attrs"] == {"init": "he_normal()"}


def nasty():
    g = Graph('t"itle\\')
    gr.exp(g.input('<b>{x|"y"}\\')).named("a]--> b;`c`\n#")
    return g


def test_dot_has_a_box_a_node_and_an_arrow_a_slot():
    g = Graph("staged")
    x = g.input("x")
    (x * x).named("f")
    assert show.dot(g, values={"x": 3, g["f"]: np.float64(9)}, gradients={"x": 6.0}) == "\n".join(
        [
            'digraph "staged" {',
            "  rankdir=LR;",
            '  node [shape=record, fontname="monospace"];',
            '  n0 [label="{x | f64 | value 3 | gradient 6}", style=filled, fillcolor=lightgrey];',
            '  n1 [label="{f = x * x | f64 | value 9}"];',
            '  n0 -> n1 [headlabel="0"];',
            '  n0 -> n1 [headlabel="1"];',
            "}",
        ]
    )


def test_dot_escapes_what_users_write():
    text = show.dot(nasty())
    assert 'digraph "t\\"itle\\\\" {' in text
    assert r'n0 [label="{\<b\>\{x\|\"y\"\}\\ | f64}"' in text
    assert r'n1 [label="{a]--\> b;`c`\\n# = exp(' in text


def test_mermaid_escapes_what_users_write():
    text = show.mermaid(nasty())
    assert text.splitlines()[1] == '  n0(["#60;b#62;#123;x#124;#34;y#34;#125;#92;<br/>f64"])'
    assert text.splitlines()[-1] == "  n0 --> n1"
    assert text.count("#96;c#96;#92;n#35; = exp(") == 1


def test_values_of_no_node_are_refused():
    with pytest.raises(GraphError, match="no stage is named 'w'"):
        show.dot(net(), values={"w": 1.0})


def test_a_notebook_gets_a_table_and_for_small_graphs_a_drawing():
    g = nasty()
    table = g._repr_html_()
    assert "<b>" not in table
    assert "<td><code>&lt;b&gt;{x|&quot;y&quot;}\\</code></td><td><code>f64</code></td>" in table
    assert set(g._repr_mimebundle_()) == {"text/vnd.mermaid"}
    for _ in range(70):
        gr.exp(g.nodes[0])
    assert g._repr_mimebundle_() == {}
