"""ONNX models written by hand, for the tests of reading them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.interpret import evaluate

onnx = pytest.importorskip("onnx", reason="ONNX models need the package onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

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
