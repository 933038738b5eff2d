"""ONNX models that are refused: each with one sentence, about the operator or the file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx_models import NET, W, info, model, node, values

import graphc as gr
from graphc.errors import DataError
from graphc.io import from_onnx

onnx = pytest.importorskip("onnx", reason="ONNX models need the package onnx")

from onnx import TensorProto  # noqa: E402


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
    "operator": (node("Unique", "x", "y"), {}, "[G711] Unique 'y': the operator Unique is not supported"),
    "domain": (node("F", "x", "y", domain="d"), {}, "[G711] F 'y': the operator F of d is not supported"),
    "attribute": (node("Relu", "x", "y", name="r", z=1), {}, "[G711] Relu 'r': the attribute 'z' is not supported"),
    "element type": (node("Cast", "x", "y", to=HALF), {}, "the element type float16 is none of graphc's"),
    "inputs": (node("MatMul", "x", "y"), {}, "[G701] MatMul 'y': its input 'b' is left out"),
    "missing": (node("Conv", "x -", "y"), {}, "[G701] Conv 'y': its input 'w' is left out"),
    "too many": (node("Neg", "x x", "y"), {}, "[G701] Neg 'y': 2 inputs are too many"),
    "setting": (node("Einsum", "x", "y"), {}, "[G701] Einsum 'y': its attribute 'equation' is left out"),
    "kind": (node("Elu", "x", "y", alpha="a"), {}, "[G701] Elu 'y': its attribute 'alpha' is not a number"),
    "parts": (node("Split", "x", "y", num_outputs=2**31), {}, "a list of parts has 2,147,483,648 elements"),
    "pads": (node("MaxPool", "x3", "y", kernel_shape=[2], pads=[2**31, 0]), known(x3=np.zeros((1, 1, 4), "f")), "a window"),
    "data": (node("NonZero", "x", "y"), {}, "[G711] NonZero 'y': the size of its result depends on data"),
    "version 99": (node("Neg", "x", "y"), {"opset": 99}, "[G711] the model is written in version 99 of ONNX's operators"),
    "version 0": (node("Neg", "x", "y"), {"opset": 0}, "[G701] version 0 of ONNX's operators is none"),
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


def test_file_that_cannot_be_read_is_one_sentence(tmp_path):
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(DataError, match=f"{path} cannot be read: "):
            from_onnx(path)


def test_name_that_is_no_text_is_refused():
    data = NET.SerializeToString().replace(b"batch", b"b\xfftch")
    with pytest.raises(DataError, match="a name in it is not text"):
        from_onnx(data)


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
