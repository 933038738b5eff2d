"""Graphs from functions."""

from __future__ import annotations

import cProfile
import sys

import numpy as np
import pytest

import graphc.ops as gr
from graphc import define, init
from graphc.errors import UsageError
from graphc.graph import Graph, Node
from graphc.types import parse_type

VECTOR = parse_type("f64[3]")


@define.graph
def staged(x, y):
    sigy = gr.sigmoid(y)
    num = x + sigy
    xpy = x + y
    return num / (gr.sigmoid(x) + xpy**2)


def types(graph):
    return {n.name: str(n.type) for n in graph.nodes if n.name is not None}


def test_arguments_are_inputs_and_local_names_name_the_stages():
    assert isinstance(staged, Graph)
    assert staged.title == "staged"
    assert types(staged) == dict.fromkeys(("x", "y", "sigy", "num", "xpy", "staged"), "f64")
    assert [n.op.name for n in staged.nodes if n.is_leaf] == ["input", "input", "const"]


def test_stages_know_their_lines_in_the_function():
    lines = [staged[name].where[0].line for name in ("sigy", "num", "xpy", "staged")]
    assert lines == list(range(lines[0], lines[0] + 4))
    assert staged["num"].where[0].file == __file__


def test_a_named_result_is_an_output_by_its_name_and_an_unnamed_one_by_the_functions():
    @define.graph
    def named(x):
        f = gr.exp(x)
        return f

    assert list(staged.outputs) == ["staged"]
    assert list(named.outputs) == ["f"]


def test_several_results_are_outputs_by_name_or_number():
    @define.graph
    def several(x):
        a = gr.sin(x)
        return a, gr.cos(x), a, x

    assert list(several.outputs) == ["a", "out1", "out2", "x"]
    assert several.outputs["out2"] is several["a"]
    assert several["out1"].op.name == "cos"


def test_a_dict_of_results_says_their_names():
    @define.graph
    def model(x):
        h = gr.sin(x)
        return {"loss": gr.exp(h), "hidden": h}

    assert {k: n.name for k, n in model.outputs.items()} == {"loss": "loss", "hidden": "h"}


def test_annotations_and_defaults_give_types():
    @define.graph(dtype="float32")
    def net(
        a,
        b: "f32[batch,784]",  # noqa: F821, UP037
        c: float,
        d: np.float64,
        e: int,
        f: Node,
        g="u8[batch]",
        h=VECTOR,
    ):
        return a

    found = types(net)
    assert found == {
        "a": "f32", "b": "f32[batch,784]", "c": "f32", "d": "f64", "e": "i64", "f": "f32",
        "g": "u8[batch]", "h": "f64[3]",
    }  # fmt: skip


def test_a_type_may_be_an_annotation_itself():
    assert types(define.graph(_annotated(VECTOR)))["x"] == "f64[3]"


def _annotated(kind):
    def net(x):
        return x + x

    net.__annotations__["x"] = kind
    return net


def test_any_other_default_is_kept_and_numbers_become_constants():
    @define.graph
    def net(x: "f32[3]", scale=2.0, act=gr.tanh, offset: "f32[]" = 0.5):  # noqa: F722, F821, UP037
        y = act(x * scale) + offset
        return y

    assert types(net) == {"x": "f32[3]", "offset": "f32", "y": "f32[3]"}
    assert [n.value.item() for n in net.nodes if n.op.name == "const"] == [0.5, 2.0]
    assert any(n.op.name == "tanh" for n in net.nodes)


def test_params_are_declared_inside_and_the_last_binding_of_a_loop_wins():
    @define.graph(dtype="float32", title="deep")
    def net(x: "f32[batch,4]"):  # noqa: F821, UP037
        h = x
        for i in range(3):
            with define.scope(f"layer{i}"):
                w = define.param("W", (4, 4), init=init.he_normal())
                h = gr.relu(h @ w)
        seen = define.state("seen", (), "int64")
        bias = define.constant(1.0, "float32")
        return h + define.input("extra") + bias * gr.astype(seen, "float32")

    assert net.title == "deep"
    assert [n.name for n in net.nodes if n.op.name == "param"] == [f"layer{i}.W" for i in range(3)]
    assert net["h"] is [n for n in net.nodes if n.op.name == "relu"][-1]
    assert [n.name for n in net.nodes if n.op.name == "relu"] == [None, None, "h"]


def test_an_input_keeps_its_name_when_its_variable_is_bound_anew():
    @define.graph
    def net(x):
        x = gr.sin(x)
        return gr.exp(x)

    assert net["x"].op.name == "input"
    assert net["net"].args[0].name is None


def test_locals_that_are_no_stages_of_this_graph_are_left_alone():
    other = Graph()
    stray = other.input("x") + 1

    @define.graph
    def net(x):
        n, pair, _hidden, foreign = 3, (x, x), gr.sin(x), stray
        return gr.exp(_hidden) * n if pair and foreign is stray else None

    assert list(net.names) == ["x", "net"]
    assert stray.name is None


def test_a_function_that_calls_itself_is_named_by_its_outermost_call():
    def tower(x, n=2):
        y = gr.sin(x) if n == 0 else gr.exp(tower(x, n - 1))
        return y

    found = define.graph(tower)
    assert found["y"].op.name == "exp"
    assert len(found) == 4


def test_profilers_stay_in_force():
    def profiler(frame, event, value):
        calls.append(event)

    calls = []
    sys.setprofile(profiler)
    try:
        define.graph(lambda x: gr.exp(x))
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    profile = cProfile.Profile()
    profile.enable()
    found = define.graph(_annotated("f64"))
    sorted([3, 1])
    profile.disable()
    assert found.outputs
    assert any("sorted" in str(entry.code) for entry in profile.getstats())


def test_an_error_in_the_function_leaves_nothing_behind():
    with pytest.raises(ZeroDivisionError):
        define.graph(lambda x: x * (1 / 0))
    assert sys.getprofile() is None
    with pytest.raises(UsageError):
        define.param("W")


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (
            lambda: define.param("W", 3),
            "[G601] gr.param acts on the graph of a function under @gr.graph, "
            "and none is being built\n"
            '  hint: make a graph and write g.param(...): g = gr.Graph("net")',
        ),
        (
            lambda: define.graph(lambda x: 3.0),
            "[G601] <lambda> returned float where a stage is wanted\n"
            "  hint: return a stage, several in a tuple, or a dict of them",
        ),
        (
            lambda: define.graph(lambda *xs: xs[0]),
            "[G601] the argument '*xs' of <lambda> cannot be passed by its name\n"
            "  hint: write every input as an argument of its own",
        ),
        (
            lambda: define.graph(_annotated("f99[3]")),
            "[G601] the argument 'x' of net is annotated 'f99[3]', which is not a type\n"
            '  hint: write it as "f32[batch,784]"',
        ),
    ],
)
def test_misuse_is_refused_with_a_sentence(act, sentence):
    with pytest.raises(UsageError) as told:
        act()
    assert str(told.value) == sentence
