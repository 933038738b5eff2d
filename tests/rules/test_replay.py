"""A replayed graph is the old one again: values, names, lines, scopes, forward stages."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import GraphError
from graphc.grad import grad
from graphc.graph import Graph, Node, Op
from graphc.interpret import evaluate
from graphc.joint import Joint
from graphc.ops import exp, sin, square, sum
from graphc.rules.passes import expand, share, take
from graphc.rules.replay import Walk, replay
from graphc.types import Type


def _neuron() -> tuple[Graph, Node]:
    g = Graph("neuron", dtype="float32")
    x, w = g.input("x", 3), g.param("w", 3)
    with g.scope("layer1"):
        z = sum(x * w).named("z")
    return g, square(z).named("f")


def test_replay_copies_each_stage_in_order():
    g, f = _neuron()
    copied = replay(Joint(g, (f,))).graph
    assert copied is not g
    assert list(map(str, copied.nodes)) == list(map(str, g.nodes))
    assert (copied.title, copied.dtype) == ("neuron", "f32")


def test_replay_keeps_names_scopes_and_lines():
    g, f = _neuron()
    copied = replay(Joint(g, (f,))).graph
    assert list(copied.names) == ["x", "w", "layer1.z", "f"]
    assert [n.scope for n in copied.nodes] == [n.scope for n in g.nodes]
    assert [n.where for n in copied.nodes] == [n.where for n in g.nodes]


def test_take_leaves_out_what_no_root_needs_and_leaves_the_graph_alone():
    g, f = _neuron()
    sin(g["x"]).named("unused")
    before = g.nodes
    taken = take(Joint(g, (f,))).graph
    assert "unused" not in taken
    assert g.nodes == before


def test_replay_keeps_an_input_that_is_only_asked_for():
    g, f = _neuron()
    y = g.input("y")
    joint = take(Joint(g, (f,), wrt=(y,)))
    assert joint.wrt == (joint.graph["y"],)


def test_replay_maps_outputs_gradients_and_updates():
    g, f = _neuron()
    s = g.state("s")
    (d_w,) = grad(f, ["w"])
    g.outputs = {"loss": f}
    joint = replay(Joint(g, (f,), (g["w"],), {g["w"]: d_w}, {s: s + f}))
    new = joint.graph
    assert new.outputs == {"loss": new["f"]}
    assert joint.gradients[new["w"]].type == d_w.type
    assert joint.updates[new["s"]].args == (new["s"], new["f"])


def test_every_gradient_stage_still_knows_its_forward_stage():
    g, f = _neuron()
    (d_w,) = grad(f, ["w"])
    new = replay(Joint(g, (f,), (g["w"],), {g["w"]: d_w})).graph
    old_stages = [n.backward_of.index for n in g.order(f, d_w) if n.backward_of is not None]
    assert [n.backward_of.index for n in new.nodes if n.backward_of is not None] == old_stages
    assert {i.name for into in new.gradients.values() for i in into} >= {"w", "layer1.z"}


def test_forward_stage_stays_though_only_its_gradient_is_computed():
    g = Graph()
    x, y = g.input("x"), g.input("y")
    total = (x + y).named("total")
    (d_x,) = grad(total, [x])
    joint = take(Joint(g, (d_x,)))
    assert joint.graph["total"] not in joint.graph.order(*joint.roots)
    assert joint.outputs[0].backward_of is joint.graph["total"]


def test_shared_stages_become_one_with_the_names_and_lines_of_all():
    g = Graph()
    x = g.input("x")
    a = exp(x).named("a")
    b = exp(x).named("b")
    joint = share(Joint(g, (a, b)))
    (one,) = set(joint.outputs)
    assert joint.graph.names_of(one) == ("a", "b")
    assert one.where == (*a.where, *b.where)


def test_sharing_keeps_inputs_of_one_type_apart():
    g = Graph()
    joint = share(Joint(g, (g.input("x") + g.input("y"),)))
    assert len(set(joint.outputs[0].args)) == 2


def test_equal_constants_are_one_but_zeros_of_two_signs_are_two():
    g = Graph()
    x = g.input("x")
    joint = share(Joint(g, ((x + 0.0) * (x - 0.0) * (x + -0.0),)))
    assert len([n for n in joint.graph.nodes if n.op.name == "const"]) == 2


def test_random_and_asserting_stages_are_never_shared():
    g, noise = Graph(), Op("noise", lambda x: x, None, lambda x: x, effect="random")
    x = g.input("x")
    joint = share(Joint(g, (g.add(noise, (x,)) + g.add(noise, (x,)),)))
    assert len(set(joint.outputs[0].args)) == 2


def test_an_asserting_stage_stays_though_nobody_reads_it():
    g, check = Graph(), Op("positive?", lambda x: x, None, lambda x: x, effect="assert")
    x = g.input("x")
    g.add(check, (x,))
    kept = share(Joint(g, (square(x),))).graph
    assert [n.op.name for n in kept.nodes] == ["input", "positive?", "square"]


def _looped() -> tuple[Graph, Node, Op]:
    body = Graph("body")
    s, _ = body.input("s"), body.input("unread")
    body.outputs["s"] = exp(s) + exp(s)
    loop = Op("loop", lambda x, body: x, None, lambda x, body: x)
    g = Graph()
    return g, g.add(loop, (g.input("x"),), {"body": body}), loop


def test_a_pass_goes_into_regions():
    g, looped, _ = _looped()
    body = share(Joint(g, (looped,))).outputs[0].attrs["body"]
    assert [n.op.name for n in body.nodes] == ["input", "input", "exp", "add"]
    assert body.outputs["s"].op.name == "add"
    assert len(looped.attrs["body"]) == 5


def test_expand_goes_into_regions():
    g, _, loop = _looped()
    vector = Graph("vector")
    vector.outputs["s"] = vector.input("s", 3).mean()
    joint = expand(Joint(g, (g.add(loop, (g["x"],), {"body": vector}),)))
    assert [n.op.name for n in joint.outputs[0].attrs["body"].nodes] == [
        "input",
        "sum",
        "const",
        "divide",
    ]


def test_a_stage_of_several_results_is_replayed_whole():
    pair = Op("pair", lambda x: (x, Type("bool", x.shape)), None, lambda x: (x, x > 0))
    g = Graph()
    joint = replay(Joint(g, (g.add(pair, (g.input("x", 2),)),)))
    assert list(map(str, joint.outputs[0].types)) == ["f64[2]", "bool[2]"]


def test_a_stage_can_be_replaced_and_what_it_alone_read_is_gone():
    g = Graph()
    x = g.input("x")
    f = square(sin(x).named("inner")).named("f")

    def visit(walk: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
        return exp(walk.to[x]) if node is f else None

    joint = replay(Joint(g, (f,)), visit)
    assert [n.op.name for n in joint.graph.nodes] == ["input", "exp"]
    assert joint.graph["f"] is joint.outputs[0]
    assert joint.graph.merged == {"inner": joint.outputs[0]}
    assert set(joint.outputs[0].where) == {*f.where, *f.args[0].where}


def test_a_replacement_of_another_type_is_an_error():
    g = Graph()
    f = square(g.input("x"))
    with pytest.raises(GraphError, match="a pass would replace f64 by bool"):
        replay(Joint(g, (f,)), lambda walk, node, args: args[0] > 0 if node is f else None)


def test_ten_thousand_stages_are_replayed_without_recursion():
    g = Graph()
    x = y = g.input("x")
    for _ in range(5000):
        y = sin(y) * 0.5
    joint = share(take(Joint(g, (y,))))
    assert len(joint.graph) == 10_002
    value = evaluate(joint.outputs, {joint.graph["x"]: 0.3})[joint.outputs[0]]
    assert value == evaluate([y], {x: 0.3})[y]
    assert np.isfinite(value)
