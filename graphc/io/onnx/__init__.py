"""ONNX models read as graphs: a table of operators, a file a family, built from graphc's own
functions.

The package `onnx` is an extra: without it, importing this raises UsageError.
"""

from __future__ import annotations

from importlib.util import find_spec

from graphc.errors import UsageError

if find_spec("onnx") is None:
    raise UsageError("ONNX models need the package onnx", hint="pip install graphc[onnx]")

from graphc.io.onnx.load import inputs_of as inputs_of
from graphc.io.onnx.load import load as load
from graphc.io.onnx.operators import FAMILIES as FAMILIES
from graphc.io.onnx.refusals import UnknownValue as UnknownValue
from graphc.io.onnx.refusals import Unsupported as Unsupported

__all__ = ["UnknownValue", "Unsupported", "inputs_of", "load"]
