"""Element types, tensors and attributes of ONNX, as NumPy and Python have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import AttributeProto, TensorProto, numpy_helper

from graphc.errors import DataError
from graphc.io.onnx.refusals import Unsupported
from graphc.types import DTYPES

LIMIT = 2**31
"""Elements that one value may have: what declares more is taken for a broken or hostile file."""

NAMES = {"FLOAT": "f32", "DOUBLE": "f64", "BOOL": "bool"}
NAMES |= {f"INT{bits}": f"i{bits}" for bits in (8, 16, 32, 64)}
NAMES |= {f"UINT{bits}": f"u{bits}" for bits in (8, 16, 32, 64)}

ELEMENTS: dict[int, str] = {TensorProto.DataType.Value(n): dtype for n, dtype in NAMES.items()}
CODES = {name: code for code, name in ELEMENTS.items()}

Attr = AttributeProto
FIELDS: dict[int, str] = {Attr.FLOAT: "f", Attr.INT: "i", Attr.STRING: "s", Attr.GRAPH: "g"}
FIELDS |= {Attr.TENSOR: "t", Attr.FLOATS: "floats", Attr.INTS: "ints", Attr.STRINGS: "strings"}
FIELDS |= {Attr.TYPE_PROTO: "tp"}


def element(code: int) -> str:
    """The short name of an ONNX element type; raises Unsupported for one that graphc has not."""
    if code not in ELEMENTS:
        known = code in TensorProto.DataType.values()
        name = TensorProto.DataType.Name(code).lower() if known else f"number {code}"
        raise Unsupported(f"the element type {name} is none of graphc's", hint=", ".join(DTYPES))
    return ELEMENTS[code]


HELD = 2**28
"""Elements that an array may have which is computed while a model is read."""


def check_size(shape: tuple[int, ...], what: str, limit: int = LIMIT) -> None:
    """Raise DataError where a shape has a negative size, or more elements than anybody means."""
    if any(n < 0 for n in shape):
        raise DataError(f"{what} has the negative size {min(shape)}")
    count = 1
    for n in shape:
        count *= n
    if count > limit:
        raise DataError(f"{what} has {count:,} elements, more than {limit:,}")


def array(tensor: TensorProto, what: str = "") -> np.ndarray:
    """The array of a tensor; raises DataError where its sizes and its data disagree."""
    what = what or f"the tensor {tensor.name!r}"
    dtype = element(tensor.data_type)
    check_size(tuple(tensor.dims), what)
    try:
        found = np.ascontiguousarray(numpy_helper.to_array(tensor)).reshape(tuple(tensor.dims))
    except (ValueError, TypeError) as error:
        raise DataError(f"{what} does not hold what it declares: {error}") from None
    return found.astype(DTYPES[dtype], copy=False)


def attributes(node: Any, outer: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of an ONNX node as Python values; `outer` holds those of the function that it
    stands in. Raises Unsupported for kinds that graphc has no use for.
    """
    found = {}
    for attribute in node.attribute:
        if attribute.ref_attr_name:
            if attribute.ref_attr_name in outer:
                found[attribute.name] = outer[attribute.ref_attr_name]
            continue
        found[attribute.name] = attribute_value(attribute)
    return found


def attribute_value(attribute: AttributeProto) -> Any:
    """A number, a text, an array, a list of the first two, or an inner graph."""
    field = FIELDS.get(attribute.type)
    if field is None:
        raise Unsupported(f"the attribute {attribute.name!r} is of a kind that graphc has not")
    value = getattr(attribute, field)
    if field in ("s", "strings"):
        return _text(value, attribute.name) if field == "s" else [_text(v, "") for v in value]
    if field == "t":
        return array(value, f"the attribute {attribute.name!r}")
    return list(value) if field in ("ints", "floats") else value


def _text(value: bytes, name: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"the attribute {name!r} is not text") from None


def plain_domain(domain: str) -> str:
    """The domain as tables have it: the main one is empty."""
    return "" if domain == "ai.onnx" else domain


def opset_versions(of: Any) -> dict[str, int]:
    """The versions of the operators that a model or a function is written in, by domain."""
    return {plain_domain(o.domain): o.version for o in of.opset_import}
