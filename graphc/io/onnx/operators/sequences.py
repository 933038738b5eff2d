"""Sequences of arrays: lists while the graph is built, so their lengths are known."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphc.ops as gr
from graphc.graph import Node
from graphc.io.onnx.operators.layout import pieces
from graphc.io.onnx.rows import Known, integers, literal, row


@row("SequenceEmpty")
def empty(*, dtype: int = 1) -> list[Any]:
    return []


@row("SequenceConstruct")
def construct(*items: Any) -> list[Any]:
    return list(items)


@row("SequenceInsert")
def insert(items: Any, item: Any, position: Known | None = None) -> list[Any]:
    at = len(items) if position is None else integers(position)[0]
    return [*items[:at], item, *items[at:]]


@row("SequenceErase")
def erase(items: Any, position: Known | None = None) -> list[Any]:
    at = range(len(items))[-1 if position is None else integers(position)[0]]
    return [*items[:at], *items[at + 1 :]]


@row("SequenceAt")
def at(items: Any, position: Known) -> Any:
    return items[integers(position)[0]]


@row("SequenceLength")
def length(items: Any) -> Any:
    return np.array(len(items))


@row("SplitToSequence")
def split_to_sequence(
    x: Node, split: Known | None = None, *, axis: int = 0, keepdims: int = 1
) -> list[Node]:
    (count,) = literal([x.shape[axis]], "SplitToSequence")
    if split is None:
        cut = pieces(x, axis, [1] * count)
        return cut if keepdims else [gr.squeeze(c, axis) for c in cut]
    return pieces(x, axis, integers(split) if split.ndim else _chunks(count, integers(split)[0]))


def _chunks(count: int, size: int) -> list[int]:
    return [min(size, count - start) for start in range(0, count, size)]


@row("ConcatFromSequence")
def concat_from_sequence(items: Any, *, axis: int, new_axis: int = 0, scope: Any) -> Node:
    arrays = [scope.stage(item) for item in items]
    return gr.stack(arrays, axis) if new_axis else gr.concat(arrays, axis)
