"""An operator without a row in, the function by which ONNX itself defines it out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import defs, helper

from graphc.errors import DataError
from graphc.io.onnx.elements import CODES, attribute_value
from graphc.io.onnx.values import Weight
from graphc.types import NAMES, Size


def defining(node: Any, domain: str, version: int, args: Sequence[Any]) -> Any:
    """The FunctionProto that defines the operator in this version, or None; its attributes that
    have defaults are entered where the node has none.
    """
    try:
        schema = defs.get_schema(node.op_type, version, domain)
    except defs.SchemaError:
        return None
    if schema.has_function:
        return schema.function_body
    if not schema.has_context_dependent_function:
        return None
    since = [v for v in schema.context_dependent_function_opset_versions if v <= version]
    types = [_type(a).SerializeToString() for a in args]
    written_in = max(since, default=schema.since_version)
    try:
        text = schema.get_context_dependent_function_with_opset_version(
            written_in, node.SerializeToString(), types
        )
    except RuntimeError:
        raise DataError("its inputs and attributes are not what it takes") from None
    found = onnx.FunctionProto()
    found.ParseFromString(text)
    return found


def defaults(node: Any, domain: str, version: int) -> dict[str, Any]:
    """What ONNX's schema says of attributes that a node leaves out."""
    schema = defs.get_schema(node.op_type, version, domain)
    said = {name: a.default_value for name, a in schema.attributes.items()}
    return {name: attribute_value(value) for name, value in said.items() if value.type}


def _type(value: Any) -> Any:
    """ONNX's word for the type of a value; an empty one for an input that is left out."""
    array = value.array if isinstance(value, Weight) else value
    if array is None or isinstance(array, list):
        return onnx.TypeProto()
    if isinstance(array, np.ndarray):
        name = "i64" if array.dtype == object else NAMES[array.dtype]
        return helper.make_tensor_type_proto(CODES[name], list(array.shape))
    shape = [None if isinstance(n, Size) else n for n in array.shape]
    return helper.make_tensor_type_proto(CODES[array.dtype], shape)
