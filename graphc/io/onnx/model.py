"""A path, bytes or a ModelProto in, a ModelProto with all its tensors out.

A file is not trusted: tensors stored beside the model lie within its folder, are no links out of
it, and are as long as they say; a broken file is one DataError.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError, Message
from onnx import external_data_helper

from graphc.errors import DataError, UsageError
from graphc.io.onnx.elements import check_size, element
from graphc.types import DTYPES


def read(model: Any) -> onnx.ModelProto:
    """The model with every tensor in memory; raises DataError for a file that is broken."""
    if isinstance(model, onnx.ModelProto):
        return _complete(model, None)
    if isinstance(model, (bytes, bytearray)):
        return _complete(_parsed(bytes(model), "the model"), None)
    if not isinstance(model, (str, os.PathLike)):
        raise UsageError(
            f"an ONNX model is a path, its bytes or a ModelProto, not {type(model).__name__}"
        )
    path = Path(model)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    return _complete(_parsed(data, path.name), path.resolve().parent)


def _parsed(data: bytes, name: str) -> onnx.ModelProto:
    found = onnx.ModelProto()
    try:
        found.ParseFromString(data)
    except (DecodeError, RuntimeError):
        raise DataError(f"{name} is not an ONNX model: its bytes are no such message") from None
    if not found.HasField("graph"):
        raise DataError(f"{name} is not an ONNX model: it holds no graph")
    if any(isinstance(text, bytes) for text in _texts(found)):
        raise DataError(f"{name} is not an ONNX model: a name in it is not text")
    return found


def _texts(message: Any) -> Iterator[Any]:
    """The names in a message and all within it but tensors: bytes where they are no text."""
    for field, value in message.ListFields():
        one = isinstance(value, (str, bytes, Message))
        if field.type == field.TYPE_STRING:
            yield from [value] if one else value
        elif field.type == field.TYPE_MESSAGE and field.message_type.name != "TensorProto":
            for inner in [value] if one else value:
                yield from _texts(inner)


def _complete(model: onnx.ModelProto, folder: Path | None) -> onnx.ModelProto:
    """The same model with the tensors that are stored beside it."""
    outside = [t for t in tensors(model) if external_data_helper.uses_external_data(t)]
    if not outside:
        return model
    if folder is None:
        raise DataError("the model's tensors are stored beside it", hint="give the file's path")
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    for tensor in tensors(whole):
        if external_data_helper.uses_external_data(tensor):
            _fill(tensor, folder)
    return whole


def _fill(tensor: onnx.TensorProto, folder: Path) -> None:
    said = {entry.key: entry.value for entry in tensor.external_data}
    what, path = f"the tensor {tensor.name!r}", _inside(folder, said.get("location", ""))
    check_size(tuple(tensor.dims), what)
    count = DTYPES[element(tensor.data_type)].itemsize
    for n in tensor.dims:
        count *= n
    offset, length = _number(said, "offset", 0), _number(said, "length", count)
    if length != count or offset + length > path.stat().st_size:
        raise DataError(f"{what} has {count} bytes, but {length} at {offset} are said to hold it")
    with path.open("rb") as file:
        file.seek(offset)
        tensor.raw_data = file.read(length)
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]


def _number(said: dict[str, str], key: str, default: int) -> int:
    text = said.get(key, str(default))
    if not text.isdecimal() or len(text) > 18:
        raise DataError(f"the {key} {text!r} of a stored tensor is not a number")
    return int(text)


def _inside(folder: Path, location: str) -> Path:
    """The file of that name within the folder; raises DataError for one outside of it."""
    path = (folder / location).resolve()
    if not location or not path.is_relative_to(folder):
        raise DataError(f"a tensor is stored at {location!r}, which is not in the model's folder")
    if not path.is_file():
        raise DataError(f"a tensor is stored at {location!r}, where there is no file")
    return path


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of a model, also those in attributes and inner graphs."""
    graphs = [model.graph]
    nodes = [node for function in model.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from graph.initializer
            nodes += graph.node
            continue
        for attribute in nodes.pop().attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            graphs += [attribute.g] if attribute.HasField("g") else []
            graphs += attribute.graphs
