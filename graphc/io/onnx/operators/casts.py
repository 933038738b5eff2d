"""Element types changed."""

from __future__ import annotations

from typing import Any

import graphc.ops as gr
from graphc.graph import Node
from graphc.io.onnx.elements import element
from graphc.io.onnx.rows import row


@row("Cast")
def cast(x: Node, *, to: int, saturate: int = 1, round_mode: str = "up") -> Node:
    return gr.astype(x, element(to))


@row("CastLike")
def cast_like(x: Node, target: Node, *, saturate: int = 1, round_mode: str = "up") -> Node:
    return gr.astype(x, target.dtype)


@row("Identity")
def identity(x: Any) -> Any:
    return x
