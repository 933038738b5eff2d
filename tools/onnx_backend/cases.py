"""The cases of ONNX's backend tests, sorted into the groups that the table counts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import TensorProto
from onnx.backend.base import Backend
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner

LEAST = 1800
"""Node cases that must be found: a loader that finds none would pass all of them."""

PROFILE = {TensorProto.FLOAT, TensorProto.DOUBLE}
PROFILE |= {TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL}

TRAINING = ("adagrad", "adagrad_multiple", "adam", "adam_multiple")
TRAINING += ("momentum", "momentum_multiple", "nesterov_momentum")

CATEGORIES = {
    "OnnxBackendNodeModelTest": "node",
    "OnnxBackendPyTorchConvertedModelTest": "pytorch-converted",
    "OnnxBackendPyTorchOperatorModelTest": "pytorch-operator",
    "OnnxBackendRealModelTest": "light networks",
    "OnnxBackendSimpleModelTest": "simple",
}


@dataclass(frozen=True)
class Case:
    """One case: its name, the groups it counts in, and the test that ONNX made of it."""

    name: str
    groups: tuple[str, ...]
    test: Any  # a unittest.TestCase


def cases(backend: type[Backend]) -> list[Case]:
    """Every case that runs on the CPU; raises RuntimeError where too few node cases are found."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runner = Runner(backend, __name__)
        types = {c.name: elements(c.model) for c in load_model_tests(kind="node")}
    if len(types) < LEAST:
        raise RuntimeError(f"{len(types)} node cases were found, fewer than {LEAST}")
    return list(_sorted(runner, types))


def _sorted(runner: Runner, types: dict[str, set[int]]) -> Iterator[Case]:
    for title, made in runner.test_cases.items():
        for method in sorted(m for m in vars(made) if m.endswith("_cpu")):
            name = method.removesuffix("_cpu")
            yield Case(name, _groups(CATEGORIES[title], name, types), made(method))


def _groups(category: str, name: str, types: dict[str, set[int]]) -> tuple[str, ...]:
    found = [category]
    if category == "node":
        found += ["node, f32 f64 i32 i64 bool"] if types[name] <= PROFILE else []
        found += ["training"] if name.removeprefix("test_") in TRAINING else []
    if name.startswith("test_gradient_of"):
        found.append("Gradient")
    return tuple(found)


def elements(model: onnx.ModelProto) -> set[int]:
    """The element types of a model's inputs and outputs; -1 for what is not an array."""
    values = [*model.graph.input, *model.graph.output]
    return {v.type.tensor_type.elem_type if v.type.HasField("tensor_type") else -1 for v in values}
