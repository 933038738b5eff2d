"""What the passes make of graphs, as theorems; and what each of them leaves alone."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gr
from graphc.errors import GraphError
from graphc.grad import grad
from graphc.graph import Graph, Node, Op
from graphc.interpret import evaluate
from graphc.joint import Joint
from graphc.ops import (
    broadcast_to,
    cross_entropy,
    exp,
    log,
    log_softmax,
    logsumexp,
    matmul,
    mean,
    one_hot,
    relu,
    sigmoid,
    sin,
    softmax,
    softplus,
    square,
    sum,
    tanh,
    where,
)
from graphc.ops.spell import Expand
from graphc.rules.passes import expand, group, share, simplify, stabilise, take
from graphc.show import expression

PASSES = (take, group, stabilise, simplify, expand, share)


def _inputs(*shapes: tuple[int, ...]) -> list[Node]:
    g = Graph()
    return [g.input(name, shape) for name, shape in zip("xyz", shapes, strict=False)]


def _through(run, stage: Node) -> Node:
    return run(Joint(stage.graph, (stage,))).outputs[0]


def _same(a: Node, b: Node) -> bool:
    """Whether stages of two graphs are one expression over inputs of the same names."""
    return (
        (a.op, a.types, a.op.name == "input" and a.name)
        == (b.op, b.types, b.op.name == "input" and b.name)
        and (a.op.name != "const" or a.value.tobytes() == b.value.tobytes())
        and len(a.args) == len(b.args)
        and all(map(_same, a.args, b.args))
    )


# The tables at work


def test_a_sigmoid_written_out_is_one_stage():
    (x,) = _inputs(())
    assert _same(_through(group, 1 / (1 + exp(-x))), sigmoid(x))
    assert _same(_through(group, (1 + exp(-x)) ** -1), sigmoid(x))
    assert _same(_through(group, exp(x) / (exp(x) + 1)), sigmoid(x))


def test_a_tanh_written_out_is_one_stage_though_each_exponential_is_read_twice():
    (x,) = _inputs((3,))
    up, down = exp(x), exp(-x)
    assert _same(_through(group, (up - down) / (up + down)), tanh(x))


def test_a_gate_whose_part_is_an_output_stays_as_written():
    (x,) = _inputs(())
    e = exp(-x)
    joint = group(Joint(x.graph, (1 / (1 + e), e)))
    assert joint.outputs[0].op.name == "divide"
    assert joint.fired == ()


def test_a_gate_whose_part_another_stage_reads_stays_as_written():
    (x,) = _inputs(())
    e = exp(-x)
    assert "sigmoid" not in [n.op.name for n in _through(group, 1 / (1 + e) + sin(e)).graph.nodes]


def test_a_grouped_gate_keeps_its_name_and_swallows_those_of_its_parts():
    (x,) = _inputs(())
    den = (1 + exp(-x)).named("den")
    graph = _through(group, (1 / den).named("gate")).graph
    assert graph["gate"].op.name == "sigmoid"
    assert graph.merged == {"den": graph["gate"]}


def test_log_of_one_plus_exp_is_softplus_by_two_rows():
    (x,) = _inputs(())
    joint = stabilise(Joint(x.graph, (log(exp(x) + 1),)))
    assert _same(joint.outputs[0], softplus(x))
    assert [f.rule for f in joint.fired] == ["softplus"]


def test_log_of_one_minus_sigmoid_is_softplus():
    (x,) = _inputs(())
    assert _same(_through(simplify, _through(stabilise, log(1 - sigmoid(x)))), -softplus(x))


def test_cross_entropy_written_out_is_one_stage():
    (x,) = _inputs((5, 4))
    t = x.graph.input("t", 5, "u8")
    by_hand = -mean(sum(one_hot(t, 4) * log(softmax(x)), axis=-1))
    assert _same(_through(stabilise, by_hand), cross_entropy(x, t))


def test_softmax_written_out_with_its_shift_is_softmax():
    (x,) = _inputs(("batch", 4))
    e = exp(x - x.max(axis=1, keepdims=True))
    assert _same(_through(stabilise, e / sum(e, axis=1, keepdims=True)), softmax(x))


def test_logsumexp_written_out_is_logsumexp():
    (x,) = _inputs((5, 4))
    assert _same(_through(stabilise, log(sum(exp(x), axis=(0, 1)))), logsumexp(x))
    assert _same(_through(stabilise, x - log(sum(exp(x), axis=1, keepdims=True))), log_softmax(x))


def test_softmax_over_another_axis_than_the_maximum_stays():
    (x,) = _inputs((5, 4))
    assert (
        _through(stabilise, softmax(x - x.max(axis=0, keepdims=True))).args[0].op.name == "subtract"
    )


def test_rows_match_in_either_order_and_in_any_float_type():
    g = Graph(dtype="float32")
    x = g.input("x", 3)
    assert _through(simplify, 1 * x).name == "x"
    assert _through(simplify, np.float32(1) * x).name == "x"
    assert _through(simplify, x * np.ones(3, "f4")).name == "x"


def test_a_row_that_would_change_the_type_does_not_fire():
    g = Graph(dtype="float32")
    x = g.input("x", 3)
    assert str(_through(simplify, x * np.float64(1)).type) == "f64[3]"
    assert str(_through(simplify, x * np.ones((2, 1), "f4")).type) == "f32[2,3]"
    assert str(_through(simplify, g.input("n", 3, "i32") / 1).type) == "f64[3]"


def test_zeros_are_not_added_away():
    (x,) = _inputs(())
    assert _through(simplify, x + 0.0).op.name == "add"
    assert _through(simplify, x * 0.0).op.name == "multiply"
    assert _through(simplify, x - 0.0).name == "x"


def test_equal_expressions_written_twice_match_one_hole():
    x, y = _inputs((), ())
    assert _same(_through(group, exp(x * y) / (1 + exp(x * y))), sigmoid(x * y))


def test_double_transposes_casts_and_masks_vanish():
    x, y = _inputs((2, 3), (2, 3))
    assert _through(simplify, x.T.T).name == "x"
    assert _through(simplify, x.astype("f64")).name == "x"
    c = (x > 0).named("c")
    assert _same(_through(simplify, where(c, where(c, x, 0), y)), where(c, x, y))


# Arithmetic on constants


def test_arithmetic_on_constants_is_done_in_their_type():
    g = Graph(dtype="float32")
    x = g.input("x")
    third = g.constant(1, "f32") / g.constant(3, "f32")
    factor = _through(simplify, x * (third + 1)).args[1]
    assert factor.value == np.float32(1) / np.float32(3) + np.float32(1)
    assert factor.dtype == "f32"


def test_a_number_spread_over_an_array_is_not_folded_to_an_array():
    (x,) = _inputs((3,))
    assert (
        _through(simplify, x * broadcast_to(x.graph.constant(2.5), 3)).args[1].op.name
        == "broadcast_to"
    )


def test_what_is_taken_of_a_number_spread_over_a_batch_is_not_folded():
    graph = Graph()
    x = graph.input("x", ("batch",))
    spread = broadcast_to(graph.constant(2.0), x.shape)
    program = gr.compile(gr.take(spread, [1, 0]) + x[:1], jit=False)
    assert np.array_equal(program(x=np.ones(3)), [3, 3])


def test_a_check_of_constant_indices_is_not_folded():
    indexed = Graph().input("x", 4)[np.array([1, 9])]
    assert "check" in [n.op.name for n in _through(simplify, _through(expand, indexed)).graph.nodes]


def test_a_power_that_numpy_refuses_is_not_folded():
    g = Graph()
    assert _through(simplify, g.constant(2, "i64") ** g.constant(-1, "i64")).op.name == "power"


# Definitions


def test_expand_leaves_no_defined_operation_and_the_last_stage_stands_for_it():
    (x,) = _inputs(("batch", 4))
    t = x.graph.input("t", "batch", "u8")
    graph = _through(expand, cross_entropy(x, t).named("loss")).graph
    assert not [n for n in graph.nodes if isinstance(n.op.spell, Expand)]
    assert graph["loss"].op.name == "divide"


def test_parts_know_the_outermost_stage_that_they_are_of():
    (x,) = _inputs(("batch", 4))
    graph = _through(share, _through(expand, mean(softmax(x).named("s")).named("m"))).graph
    wholes = {n.op.name: whole.name for n, whole in graph.part_of.items()}
    assert wholes["exp"] == "s"
    assert wholes["max"] == "s"
    assert wholes["size"] == "m"
    assert graph["s"] not in graph.part_of


def test_a_part_equal_to_a_stage_of_the_users_is_that_stage():
    (x,) = _inputs((3, 4))
    top = x.max(axis=1, keepdims=True).named("top")
    joint = share(expand(Joint(x.graph, (softmax(x), top))))
    assert joint.outputs[1] not in joint.graph.part_of
    assert len([n for n in joint.graph.nodes if n.op.name == "max"]) == 1


def test_parts_of_a_gradient_belong_to_the_forward_stage():
    x, y = _inputs((3, 4), (4, 2))
    (d_x,) = grad(sum(matmul(x, y).named("product")), [x])
    joint = expand(Joint(x.graph, (d_x,)))
    assert {n.backward_of.name for n in joint.graph.nodes if n.backward_of is not None} == {
        "product",
        None,
    }


def test_an_operation_defined_by_itself_is_an_error():
    endless = Op("endless", lambda x: x, Expand(lambda x: x.graph.add(endless, (x,))), lambda x: x)
    (x,) = _inputs(())
    with pytest.raises(GraphError, match="an operation is defined by itself"):
        _through(expand, x.graph.add(endless, (x,)))


# Gradients through the passes


def test_a_gradient_simplified_to_an_input_keeps_a_stage_of_its_own():
    x, y = _inputs((), ())
    (d_x,) = grad(x * y, [x])
    done = simplify(take(Joint(x.graph, (d_x,), (x,), {x: d_x}))).outputs[0]
    assert (done.op.name, done.args[0].name) == ("alias", "y")
    assert [n.name for n in done.graph.gradients[done]] == ["x"]


def test_equal_stages_that_gradients_are_asked_for_stay_two():
    (x,) = _inputs(())
    a, b = sin(x), sin(x) * 1.0
    loss = a * b * b
    joint = Joint(x.graph, (loss,), (a, b), dict(zip((a, b), grad(loss, [a, b]), strict=True)))
    for run in PASSES:
        joint = run(joint)
    value = evaluate(joint.gradients.values(), {joint.graph["x"]: 0.5})
    s = np.sin(0.5)
    np.testing.assert_allclose([value[g] for g in joint.gradients.values()], [s * s, 2 * s * s])


def test_a_stage_that_a_gradient_is_asked_for_is_not_merged_into_what_it_equals():
    (x,) = _inputs(())
    a = log(exp(x))
    joint = stabilise(Joint(x.graph, (a * x,), (a,)))
    (d_a,) = grad(joint.outputs[0], joint.wrt)
    assert evaluate([d_a], {joint.graph["x"]: 3.0})[d_a] == 3.0


def test_what_fired_is_on_record_with_pass_row_and_the_users_stage():
    (x,) = _inputs(())
    joint = simplify(stabilise(Joint(x.graph, (log(1 + (x * 1.0)).named("f"),))))
    assert [(f.during, f.rule) for f in joint.fired] == [
        ("stabilise", "log1p"),
        ("simplify", "mul-one"),
    ]
    assert joint.fired[0].stage.startswith("log 'f' (test_passes.py:")


def _network() -> tuple[Joint, dict[str, np.ndarray]]:
    g, rng = Graph(), np.random.default_rng(3)
    x, t = g.input("x", ("batch", 5)), g.input("t", "batch", "u8")
    w, v = g.param("w", (5, 7)), g.param("v", (7, 4))
    gate = 1 / (1 + exp(-(x @ w)))
    scores = relu(gate * 1.0 - 0.2) @ v
    loss = cross_entropy(scores, t) + mean(log(1 + exp(scores))) + square(w).sum() * (2 * 0.05)
    joint = Joint(
        g, (loss, softmax(scores)), (w, v), dict(zip((w, v), grad(loss, [w, v]), strict=True))
    )
    feeds = {
        "x": rng.normal(size=(6, 5)),
        "t": np.array([0, 3, 1, 2, 2, 0]),
        "w": rng.normal(size=(5, 7)),
    }
    return joint, {**feeds, "v": rng.normal(size=(7, 4))}


def _values(joint: Joint, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    roots = (*joint.outputs, *joint.gradients.values())
    found = evaluate(roots, {joint.graph[name]: value for name, value in feeds.items()})
    return [found[root] for root in roots]


def test_every_pass_keeps_values_and_gradients_of_a_network():
    joint, feeds = _network()
    before = _values(joint, feeds)
    for run in PASSES:
        joint = run(joint)
        for value, old in zip(_values(joint, feeds), before, strict=True):
            np.testing.assert_allclose(value, old, rtol=1e-10, atol=1e-12, err_msg=run.__name__)


def test_passes_give_the_same_graph_each_time():
    joint, _ = _network()
    texts = []
    for _ in range(2):
        done = joint
        for run in PASSES:
            done = run(done)
        texts.append([(str(n), expression(n), [a.index for a in n.args]) for n in done.graph.nodes])
    assert texts[0] == texts[1]
