"""Optional values: there or not while the graph is built, so what is asked of them is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import DataError
from graphc.io.onnx.rows import row


@row("Optional")
def optional(x: Any = None, *, type: Any = None) -> Any:
    return x


@row("OptionalHasElement")
def has_element(x: Any = None) -> np.ndarray:
    return np.array(x is not None)


@row("OptionalGetElement")
def get_element(x: Any = None) -> Any:
    if x is None:
        raise DataError("the optional value is not there")
    return x
