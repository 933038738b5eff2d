"""ONNX models read as graphs: what they compute, and what stays named."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from onnx_models import I64, NET, RESHAPE, W, info, model, node, values

import graphc as gr
from graphc.errors import DataError, UsageError
from graphc.io import from_onnx

onnx = pytest.importorskip("onnx", reason="ONNX models need the package onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from graphc.io.onnx import UnknownValue, Unsupported  # noqa: E402


def test_model_computes_compiles_and_has_gradients_with_respect_to_its_weights():
    x = np.array([[1, -1, 1], [2, 0, -3]], np.float32)
    prog = gr.compile(from_onnx(NET)["loss"], wrt=["W"], jit=False)
    loss, grads = prog(x=x)
    z = x @ W
    assert loss == np.maximum(z, 0).sum()
    np.testing.assert_array_equal(grads["W"], x.T @ (z > 0).astype(np.float32))


def test_names_of_values_are_names_of_stages_and_open_sizes_keep_theirs():
    graph = from_onnx(NET)
    assert list(graph.names) == ["x", "W", "z", "h", "loss"]
    assert str(graph["x"].type) == "f32[batch,3]"
    assert list(graph.outputs) == ["loss"]


def test_names_that_are_no_names_run():
    bad = ["x); import os", "d_x", "a/b:0", "range"]
    nodes = [node("Neg", "-", "-")] * 3
    for i in range(3):
        nodes[i] = helper.make_node("Neg", [bad[i]], [bad[i + 1]])
    graph = from_onnx(model(nodes, [info(bad[0], [2])], [info(bad[3])]))
    prog = gr.compile(graph, jit=False)
    np.testing.assert_array_equal(prog({bad[0]: np.ones(2, np.float32)}), [-1, -1])


def test_shapes_computed_from_shapes_keep_their_named_sizes():
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape zero", "n"),
        node("Unsqueeze", "n axes", "n1"),
        node("Concat", "n1 rest", "wanted", axis=0),
        node("Reshape", "x wanted", "y"),
    ]
    weights = {"zero": np.int64(0), "axes": np.array([0]), "rest": np.array([-1])}
    graph = from_onnx(model(nodes, [info("x", ["n", 2, 3])], [info("y")], weights=weights))
    assert str(graph["y"].type) == "f32[n,6]"
    assert len(graph) == 2


def test_named_size_as_a_number_is_what_the_data_has():
    graph = from_onnx(model([node("Shape", "x", "y")], [info("x", ["n", 3])], [info("y")]))
    assert values(graph, x=np.zeros((5, 3), np.float32))[0].tolist() == [5, 3]


def test_constants_repetition_and_resizing_leave_a_named_batch_alone():
    nodes = [
        node("Shape", "x", "s", end=1),
        node("Concat", "s two", "shape", axis=0),
        node("ConstantOfShape", "shape", "ones", value=numpy_helper.from_array(np.float32([1]))),
        node("Concat", "s one", "times", axis=0),
        node("Tile", "row times", "rows"),
        node("Resize", "x - scales", "wide", mode="nearest"),
        node("Sum", "ones rows wide", "y"),
    ]
    weights = {"two": np.array([2]), "one": np.array([1]), "row": np.float32([[10, 20]])}
    weights["scales"] = np.float32([1, 2])
    graph = from_onnx(model(nodes, [info("x", ["n", 1])], [info("y")], weights=weights))
    assert str(graph["y"].type) == "f32[n,2]"
    (y,) = (gr.compile(graph, jit=False)(x=np.float32([[1], [2], [3]])),)
    np.testing.assert_array_equal(y, [[12, 22], [13, 23], [14, 24]])


def test_number_that_hangs_on_a_named_size_is_refused():
    nodes = [node("Shape", "x", "s"), node("ReduceSum", "s", "k"), node("TopK", "x k", "y at")]
    with pytest.raises(Unsupported, match=r"depends on the size n, not known yet\n.*shapes="):
        from_onnx(model(nodes, [info("x", ["n", 3])], [info("y")]))


def test_what_is_known_is_computed_while_reading():
    nodes = [node("Mul", "a a", "b"), node("Reshape", "x b", "y")]
    graph = from_onnx(model(nodes, [info("x", [4])], [info("y")], weights={"a": np.array([2, 1])}))
    assert [n.op.name for n in graph.nodes] == ["input", "reshape"]


def test_shape_that_is_fed_has_to_be_given_as_a_value():
    with pytest.raises(UnknownValue, match="depends on 's', whose value is not known yet") as told:
        from_onnx(RESHAPE)
    assert told.value.inputs == ("s",)
    assert "values={'s': ...}" in str(told.value)
    assert from_onnx(RESHAPE, values={"s": [2, -1]})["y"].shape == (2, 3)


def test_input_that_the_model_has_not_is_an_error():
    with pytest.raises(UsageError, match="no input 't'; it has x, s"):
        from_onnx(RESHAPE, values={"t": 1})


def test_older_versions_give_as_attributes_what_are_inputs_now():
    nodes = [
        node("Slice", "x", "a", starts=[1], ends=[9], axes=[1]),
        node("Clip", "a", "y", max=4.0),
    ]
    graph = from_onnx(model(nodes, [info("x", [2, 3])], [info("y")], opset=6))
    (y,) = values(graph, x=np.arange(6, dtype=np.float32).reshape(2, 3))
    np.testing.assert_array_equal(y, [[1, 2], [4, 4]])


def test_function_of_the_model_is_written_out_with_its_attributes():
    inner = node("LeakyRelu", "a", "b")
    inner.attribute.add(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    opsets = [helper.make_opsetid("", 20)]
    function = helper.make_function("own", "Leak", ["a"], ["b"], [inner], opsets, ["slope"])
    graph = from_onnx(
        model([node("Leak", "x", "y", domain="own", slope=0.5)], [info("x", [2])], [info("y")],
              functions=[function])
    )  # fmt: skip
    (y,) = values(graph, x=np.array([-2, 2], np.float32))
    np.testing.assert_array_equal(y, [-1, 2])


def test_function_that_calls_itself_is_refused():
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    again = node("F", "a", "b", domain="own")
    function = helper.make_function("own", "F", ["a"], ["b"], [again], opsets)
    nodes = [node("F", "x", "y", domain="own")]
    with pytest.raises(DataError, match="more than 64 functions or graphs stand within each other"):
        from_onnx(model(nodes, [info("x", [2])], [info("y")], functions=[function]))


def test_loop_of_a_known_count_is_written_out():
    nodes = [node("Add", "v x", "w"), node("Identity", "go", "on")]
    body = helper.make_graph(
        nodes, "body",
        [info("i", [], I64), info("go", [], TensorProto.BOOL), info("v", [2])],
        [info("on", [], TensorProto.BOOL), info("w", [2])],
    )  # fmt: skip
    loop = node("Loop", "count - x", "y", body=body)
    graph = from_onnx(model([loop], [info("x", [2])], [info("y")], weights={"count": np.int64(3)}))
    (y,) = values(graph, x=np.array([1, 2], np.float32))
    np.testing.assert_array_equal(y, [4, 8])


def test_loop_that_never_ends_is_refused(monkeypatch):
    body = helper.make_graph(
        [node("Identity", "go", "on")], "body",
        [info("i", [], I64), info("go", [], TensorProto.BOOL)], [info("on", [], TensorProto.BOOL)],
    )  # fmt: skip
    monkeypatch.setattr("graphc.io.onnx.scope.STAGES", 1000)
    weights, loop = {"true": np.array(True)}, node("Loop", "- true", "", body=body)
    with pytest.raises(DataError, match="more than 1,000 operators"):
        from_onnx(model([loop], [info("x", [2])], [info("x")], weights=weights))


BODY = helper.make_graph(
    [node("Mul", "h W", "new"), node("Add", "new row", "h1"), node("Identity", "h1", "y1")],
    "step", [info("h", [2]), info("row", [2])], [info("h1", [2]), info("y1", [2])],
)  # fmt: skip


def test_scan_is_one_stage_that_reads_weights_around_it():
    scan = node("Scan", "h0 x", "last y", body=BODY, num_scan_inputs=1)
    weights = {"W": np.array([2, 3], np.float32), "h0": np.array([1, 1], np.float32)}
    outputs = [info("last"), info("y")]
    graph = from_onnx(model([scan], [info("x", [100, 2])], outputs, weights=weights))
    assert [n.op.name for n in graph.nodes].count("scan") == 1
    last, y = values(graph, x=np.zeros((100, 2), np.float32))
    np.testing.assert_array_equal(last, np.float32([2**100, np.inf]))
    np.testing.assert_array_equal(y[:2], [[2, 3], [4, 9]])


def test_branch_that_data_chooses_is_taken_at_run_time():
    sides = [helper.make_graph([node(op, "x", "v")], op, [], [info("v")]) for op in ("Neg", "Exp")]
    choice = node("If", "c", "y", then_branch=sides[0], else_branch=sides[1])
    graph = from_onnx(model(
        [node("ReduceSum", "x", "s", keepdims=0), node("Greater", "s zero", "c"), choice],
        [info("x", [2])], [info("y")], weights={"zero": np.float32(0)},
    ))  # fmt: skip
    assert values(graph, x=np.ones(2, np.float32))[0].tolist() == [-1, -1]
    np.testing.assert_allclose(values(graph, x=-np.ones(2, np.float32))[0], np.exp([-1, -1]), 1e-6)


def test_gradient_of_a_stage_is_graphc_s_own():
    nodes = [
        node("Mul", "a b", "y"),
        node("Gradient", "a b", "da db", domain="ai.onnx.preview.training", xs=["a", "b"], y="y"),
    ]
    graph = from_onnx(model(nodes, [info("a"), info("b")], [info("da"), info("db")]))
    assert values(graph, a=np.float32(3), b=np.float32(4)) == [4, 3]


def test_quantised_weights_are_the_numbers_that_they_stand_for():
    weights = {"q": W.astype(np.int8), "s": np.float32([0.5, 2]), "z": np.int8([1, 0])}
    nodes = [node("DequantizeLinear", "q s z", "W", axis=1), node("MatMul", "x W", "y")]
    graph = from_onnx(model(nodes, [info("x", [1, 3])], [info("y")], weights=weights))
    (y,) = values(graph, x=np.ones((1, 3), np.float32))
    np.testing.assert_array_equal(y, [[3, 24]])


def test_what_is_quantised_is_rounded_to_even_and_kept_in_its_type():
    nodes = [node("QuantizeLinear", "x s z", "y")]
    weights = {"s": np.float32(2), "z": np.int8(0)}
    graph = from_onnx(model(nodes, [info("x", [5])], [info("y")], weights=weights))
    (y,) = values(graph, x=np.float32([1, 3, 5, 1000, -1000]))
    assert (y.dtype, y.tolist()) == (np.int8, [0, 2, 2, 127, -128])


def test_region_s_samples_beyond_the_image_are_nothing():
    roi = node("RoiAlign", "x rois batch", "y", sampling_ratio=1, output_width=2, output_height=1)
    weights = {"rois": np.float32([[0, 0, 2, 1], [9, 9, 9, 9]]), "batch": np.array([0, 0])}
    graph = from_onnx(model([roi], [info("x", [1, 1, 2, 2])], [info("y")], weights=weights))
    (y,) = values(graph, x=np.float32([[[[1, 2], [3, 4]]]]))
    np.testing.assert_array_equal(y, [[[[1, 2]]], [[[0, 0]]]])


def test_places_of_what_is_known_not_to_be_zero_are_known():
    nodes = [node("NonZero", "w", "at"), node("Gather", "x at", "y")]
    weights = {"w": np.array([0, 5, 7])}
    graph = from_onnx(model(nodes, [info("x", [3])], [info("y")], weights=weights))
    assert values(graph, x=np.float32([1, 2, 3]))[0].tolist() == [[2, 3]]


def test_numbers_that_only_settings_read_are_no_params():
    weights = {"scales": np.array([1, 2], np.float32)}
    nodes = [node("Resize", "x - scales", "y", mode="linear")]
    graph = from_onnx(model(nodes, [info("x", [1, 2])], [info("y")], weights=weights))
    assert [n.name for n in graph.nodes if n.op.name == "param"] == []
    assert graph["y"].shape == (1, 4)


def test_missing_package_says_what_to_install(monkeypatch):
    for name in [m for m in sys.modules if m.startswith("graphc.io.onnx")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"pip install graphc\[onnx\]"):
        from_onnx("net.onnx")


def test_refusals_are_errors_that_callers_expect():
    assert issubclass(Unsupported, NotImplementedError)
    with pytest.raises(UsageError, match="a path, its bytes or a ModelProto, not list"):
        from_onnx([])
