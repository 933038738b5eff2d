"""Files of other programs, in and out: ONNX models.

What a format needs beside graphc is imported when the format is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from graphc.graph import Graph

__all__ = ["from_onnx"]


def from_onnx(
    model: Any,
    *,
    values: Mapping[str, Any] | None = None,
    shapes: Mapping[str, Any] | None = None,
) -> Graph:
    """The graph of an ONNX model: a path, its bytes, or a ModelProto; see graphc.io.onnx.load.

    Raises DataError for a file that is broken, UsageError when the package onnx is missing,
    graphc.io.onnx.Unsupported for what graphc has no words for.
    """
    found: Graph = import_module("graphc.io.onnx").load(model, values=values, shapes=shapes)
    return found
