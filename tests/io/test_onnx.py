"""ONNX models read as graphs: what they compute, what stays named, and what is refused."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import DataError, UsageError
from graphc.interpret import evaluate
from graphc.io import from_onnx

onnx = pytest.importorskip("onnx", reason="ONNX models need the package onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from graphc.io.onnx import UnknownValue, Unsupported  # noqa: E402

F32, I64 = TensorProto.FLOAT, TensorProto.INT64


def info(name: str, shape: Any = (), kind: int = F32) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes: Any, inputs: Any, outputs: Any, opset: int = 20, **more: Any) -> Any:
    """A model; `weights` are its initializers by name."""
    weights = more.pop("weights", {})
    tensors = [numpy_helper.from_array(np.asarray(a), n) for n, a in weights.items()]
    graph = helper.make_graph(nodes, "net", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], **more)


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    """An operator; inputs and outputs are names parted by spaces, `-` for one left out."""
    names = ["" if n == "-" else n for n in inputs.split()]
    return helper.make_node(op, names, outputs.split(), **attributes)


def values(graph: gr.Graph, **feeds: Any) -> list[np.ndarray]:
    """The outputs, by NumPy's meaning of each stage."""
    draw = np.random.default_rng(0)
    fed = {graph[n]: v for n, v in feeds.items()}
    params = [n for n in graph.nodes if n.op.name == "param"]
    fed |= {p: p.attrs["init"](draw, p.shape, p.type.numpy) for p in params}
    found = evaluate(list(graph.outputs.values()), fed)
    return [found[n] for n in graph.outputs.values()]


W = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
NET = model(
    [
        node("MatMul", "x W", "z"),
        node("Relu", "z", "h"),
        node("ReduceSum", "h", "loss", keepdims=0),
    ],
    [info("x", ["batch", 3])],
    [info("loss")],
    weights={"W": W},
)
RESHAPE = model([node("Reshape", "x s", "y")], [info("x", [6]), info("s", [2], I64)], [info("y")])


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


def test_numbers_that_only_settings_read_are_no_params():
    weights = {"scales": np.array([1, 2], np.float32)}
    nodes = [node("Resize", "x - scales", "y", mode="linear")]
    graph = from_onnx(model(nodes, [info("x", [1, 2])], [info("y")], weights=weights))
    assert [n.name for n in graph.nodes if n.op.name == "param"] == []
    assert graph["y"].shape == (1, 4)


def refused(nodes: Any, **more: Any) -> str:
    """What is said about a model of one input x: f32[2]."""
    with pytest.raises(gr.GraphcError) as told:
        from_onnx(model(nodes, [info("x", [2])], [info("y")], **more))
    return str(told.value)


def known(**weights: Any) -> dict[str, Any]:
    return {"weights": {name: np.asarray(value) for name, value in weights.items()}}


HUGE, LONG = "more than 2,147,483,648", "more than 268,435,456"
HALF = TensorProto.FLOAT16

# fmt: off
REFUSED: dict[str, Any] = {
    "operator": (node("NonZero", "x", "y"), {}, "[G711] NonZero 'y': the operator NonZero is not supported"),
    "domain": (node("F", "x", "y", domain="d"), {}, "[G711] F 'y': the operator F of d is not supported"),
    "attribute": (node("Relu", "x", "y", name="r", z=1), {}, "[G711] Relu 'r': the attribute 'z' is not supported"),
    "element type": (node("Cast", "x", "y", to=HALF), {}, "the element type float16 is none of graphc's"),
    "inputs": (node("MatMul", "x", "y"), {}, "[G701] MatMul 'y': its inputs are not what it takes"),
    "order": (node("Neg", "z", "y"), {}, "the value 'z' is read, but nothing before makes it"),
    "shapes": (node("MatMul", "x W", "y"), known(W=W), "[G101] MatMul 'y': x has shape (2,) but W has shape (3, 2)"),
    "range": (node("Range", "a b c", "y"), known(a=0, b=2**62, c=1), LONG),
    "constant": (node("ConstantOfShape", "s", "y"), known(s=[2**40, 2**40]), HUGE),
    "tile": (node("Tile", "a n", "y"), known(a=[1, 2], n=[2**40]), LONG),
}
# fmt: on


@pytest.mark.parametrize("what", REFUSED)
def test_refusal_is_one_sentence_with_the_operator(what):
    operator, more, said = REFUSED[what]
    assert said in refused([operator], **more)


def test_input_of_a_huge_size_is_refused():
    with pytest.raises(DataError, match="'x' has 1,152,921,504,606,846,976 elements"):
        from_onnx(model([], [info("x", [2**30, 2**30])], [info("x")]))


@pytest.mark.parametrize("data", [b"", b"no model", NET.SerializeToString()[:-9]])
def test_broken_file_is_one_sentence(tmp_path, data):
    (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises(DataError, match=r"net\.onnx is not an ONNX model"):
        from_onnx(tmp_path / "net.onnx")


def test_tensor_that_declares_more_than_it_holds_is_refused():
    broken = onnx.ModelProto()
    broken.CopyFrom(NET)
    broken.graph.initializer[0].dims[0] = 2**20
    with pytest.raises(DataError, match="the tensor 'W' does not hold what it declares"):
        from_onnx(broken)


# Tensors in files of their own


def stored(folder: Any, location: str, **entries: str) -> Any:
    """NET in a folder, its weights said to be at a location beside it."""
    found = onnx.ModelProto()
    found.CopyFrom(NET)
    tensor = found.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    (folder / "net.onnx").write_bytes(found.SerializeToString())
    return folder / "net.onnx"


def test_tensor_beside_the_model_is_read(tmp_path):
    (tmp_path / "weights").write_bytes(b"xx" + W.tobytes())
    graph = from_onnx(stored(tmp_path, "weights", offset="2", length="24"))
    (loss,) = values(graph, x=np.ones((1, 3), np.float32))
    assert loss == W.sum()


def test_tensor_outside_of_the_model_s_folder_is_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(W.tobytes())
    (folder / "link").symlink_to(tmp_path / "secret")
    for location in ("../secret", str(tmp_path / "secret"), "link", ""):
        with pytest.raises(DataError, match="is not in the model's folder"):
            from_onnx(stored(folder, location))


def test_tensor_whose_file_is_missing_or_short_is_refused(tmp_path):
    (tmp_path / "weights").write_bytes(W.tobytes())
    with pytest.raises(DataError, match="where there is no file"):
        from_onnx(stored(tmp_path, "nothing"))
    with pytest.raises(DataError, match="has 24 bytes, but 24 at 8 are said to hold it"):
        from_onnx(stored(tmp_path, "weights", offset="8"))
    with pytest.raises(DataError, match="'-3' of a stored tensor is not a number"):
        from_onnx(stored(tmp_path, "weights", offset="-3"))


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
