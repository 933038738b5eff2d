"""Values that stand in the model itself, or follow from sizes alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import graphc.ops as gr
from graphc.errors import DataError
from graphc.graph import Node
from graphc.io.onnx.elements import HELD, check_size, element
from graphc.io.onnx.rows import Known, dims, integers, literal, number, row
from graphc.io.onnx.values import symbolic
from graphc.types import DTYPES


@row("Constant")
def constant(
    *,
    value: np.ndarray | None = None,
    value_int: int | None = None,
    value_ints: Sequence[int] | None = None,
    value_float: float | None = None,
    value_floats: Sequence[float] | None = None,
) -> np.ndarray:
    if value is not None:
        return value
    if value_int is not None or value_ints is not None:
        return np.asarray(value_ints if value_int is None else value_int, np.int64)
    return np.asarray(value_floats if value_float is None else value_float, np.float32)


@row("ConstantOfShape")
def constant_of_shape(shape: Known, *, value: np.ndarray | None = None, scope: Any) -> Any:
    sizes = dims(shape)
    check_size(tuple(n for n in sizes if isinstance(n, int)), "a constant")
    one = np.zeros((), np.float32) if value is None else value.reshape(())
    if symbolic(shape):
        return gr.broadcast_to(scope.stage(one), sizes)
    return np.broadcast_to(one, integers(shape))


@row("Range")
def range_(start: Known, limit: Known, delta: Known) -> np.ndarray:
    first, last, step = (np.ravel(v)[0] for v in (start, limit, delta))
    if step == 0:
        raise DataError("the step of a range is 0")
    count = max(0, int(np.ceil((float(last) - float(first)) / float(step))))
    check_size((count,), "a range", HELD)
    return (first + np.arange(count) * step).astype(start.dtype)


@row("EyeLike")
def eye_like(x: Node, *, dtype: int | None = None, k: int = 0) -> np.ndarray:
    n, m = literal(x.shape, "EyeLike")
    check_size((n, m), "a unit matrix", HELD)
    return np.eye(n, m, k, dtype=DTYPES[x.dtype if dtype is None else element(dtype)])


@row("Trilu")
def trilu(x: Node, k: Known | None = None, *, upper: int = 1) -> Node:
    offset = int(number(k, 0))
    return gr.triu(x, offset) if upper else gr.tril(x, offset)
