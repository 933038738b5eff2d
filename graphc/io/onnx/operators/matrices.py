"""Products of matrices, and what is asked of one."""

from __future__ import annotations

import graphc.ops as gr
from graphc.graph import Node
from graphc.io.onnx.rows import row, unary

unary({"Det": "det"})


@row("MatMul")
def matmul(a: Node, b: Node) -> Node:
    return gr.matmul(a, b)


@row("Gemm")
def gemm(
    a: Node,
    b: Node,
    c: Node | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    broadcast: int = 1,
) -> Node:
    y = gr.matmul(a.T if transA else a, b.T if transB else b)
    y = y if alpha == 1.0 else gr.astype(y * alpha, a.dtype)
    if c is None or beta == 0.0:
        return y
    return y + (c if beta == 1.0 else gr.astype(c * beta, a.dtype))


@row("Einsum")
def einsum(*xs: Node, equation: str) -> Node:
    return gr.einsum(equation.replace(" ", ""), *xs)
