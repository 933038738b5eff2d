"""Arithmetic, comparisons and functions of single elements."""

from __future__ import annotations

from functools import reduce
from typing import Any

import graphc.ops as gr
from graphc.graph import Node
from graphc.io.onnx.rows import row, unary
from graphc.node import FUNCTIONS

# fmt: off
unary({
    "Abs": "abs", "Neg": "negative", "Sign": "sign", "Reciprocal": "reciprocal", "Sqrt": "sqrt",
    "Exp": "exp", "Log": "log", "Erf": "erf", "Floor": "floor", "Ceil": "ceil", "Round": "round",
    "Sin": "sin", "Cos": "cos", "Tan": "tan", "Asin": "asin", "Acos": "acos", "Atan": "atan",
    "Sinh": "sinh", "Cosh": "cosh", "Tanh": "tanh",
    "Asinh": "asinh", "Acosh": "acosh", "Atanh": "atanh",
    "IsNaN": "isnan", "Not": "logical_not", "BitwiseNot": "bitwise_invert",
})

BINARY = {
    "Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide", "Pow": "power",
    "Equal": "equal", "Greater": "greater", "GreaterOrEqual": "greater_equal",
    "Less": "less", "LessOrEqual": "less_equal",
    "And": "logical_and", "Or": "logical_or", "Xor": "logical_xor",
    "BitwiseAnd": "bitwise_and", "BitwiseOr": "bitwise_or", "BitwiseXor": "bitwise_xor",
}
VARIADIC = {"Max": "maximum", "Min": "minimum", "Sum": "add"}
# fmt: on


def aligned(a: Node, b: Node, axis: int | None) -> Node:
    """`b` with the axes behind it that versions before 7 align by `axis`."""
    if axis is None:
        return b
    behind = a.ndim - axis % a.ndim - b.ndim
    return gr.reshape(b, (*b.shape, *[1] * behind))


def binary(operator: str, name: str) -> None:
    """Enter an operator of two arguments, whose second may be aligned by an axis."""

    @row(operator)
    def build(a: Node, b: Node, *, axis: int | None = None, broadcast: int = 1) -> Node:
        meaning = OWN.get(operator, FUNCTIONS[name])
        return meaning(a, aligned(a, b, axis))


def variadic(operator: str, name: str) -> None:
    """Enter an operator that joins any number of arguments two by two."""

    @row(operator)
    def build(*xs: Node) -> Node:
        return reduce(FUNCTIONS[name], xs)


def divided(a: Node, b: Node) -> Node:
    """The quotient; of integers, rounded towards zero."""
    if a.type.is_float:
        return gr.divide(a, b)
    whole = gr.floor_divide(a, b)
    if a.dtype.startswith("u"):
        return whole
    inexact = gr.not_equal(gr.remainder(a, b), 0)
    apart = gr.logical_xor(gr.less(a, 0), gr.less(b, 0))
    return gr.astype(whole + gr.astype(gr.logical_and(inexact, apart), a.dtype), a.dtype)


def raised(x: Node, y: Node) -> Node:
    """The power, in the type of what is raised."""
    return gr.astype(gr.power(x, y), x.dtype)


OWN: dict[str, Any] = {"Div": divided, "Pow": raised}
"""Where ONNX means something else than NumPy."""

for _operator, _name in BINARY.items():
    binary(_operator, _name)
for _operator, _name in VARIADIC.items():
    variadic(_operator, _name)


@row("Mean")
def mean(*xs: Node) -> Node:
    return reduce(gr.add, xs) / len(xs)


@row("Mod")
def mod(a: Node, b: Node, *, fmod: int = 0) -> Node:
    if not fmod:
        return gr.remainder(a, b)
    return gr.fmod(a, b)


@row("BitShift")
def bit_shift(x: Node, y: Node, *, direction: str) -> Node:
    shift = {"LEFT": "bitwise_left_shift", "RIGHT": "bitwise_right_shift"}[direction]
    return FUNCTIONS[shift](x, y)


@row("Clip")
def clip(x: Node, min: Node | None = None, max: Node | None = None) -> Node:
    x = x if min is None else gr.maximum(x, min)
    return gr.astype(x if max is None else gr.minimum(x, max), x.dtype)


@row("Where")
def where(condition: Node, x: Node, y: Node) -> Node:
    return gr.where(condition, x, y)


@row("IsInf")
def is_inf(x: Node, *, detect_negative: int = 1, detect_positive: int = 1) -> Node:
    if detect_negative and detect_positive:
        return gr.isinf(x)
    if not detect_negative and not detect_positive:
        return gr.zeros_like(gr.isinf(x))
    return gr.isneginf(x) if detect_negative else gr.isposinf(x)
