"""Branches and loops, written out where the choice or the count is known before data comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import graphc.ops as gr
from graphc.errors import DataError
from graphc.graph import Node
from graphc.io.onnx.refusals import Unsupported
from graphc.io.onnx.rows import Known, integers, literal, row
from graphc.io.onnx.values import shape_of


@row("If")
def if_(condition: Known, *, then_branch: Any, else_branch: Any, scope: Any) -> tuple[Any, ...]:
    taken = then_branch if bool(np.ravel(condition)[0]) else else_branch
    return tuple(scope.within(taken, []))


@row("Loop")
def loop(
    M: Known | None = None,
    condition: Known | None = None,
    *initial: Any,
    body: Any,
    scope: Any,
) -> tuple[Any, ...]:
    carried, count = list(initial), None if M is None else integers(M)[0]
    going = condition is None or bool(np.ravel(condition)[0])
    stacked: list[list[Any]] = [[] for _ in range(len(body.output) - 1 - len(carried))]
    step = 0
    while going and (count is None or step < count):
        goes_on, *results = scope.within(body, [np.array(step), np.array(True), *carried])
        carried, rows = results[: len(carried)], results[len(carried) :]
        for kept, value in zip(stacked, rows, strict=True):
            kept.append(scope.stage(value))
        going, step = bool(np.ravel(scope.known(goes_on, "the condition of a loop"))[0]), step + 1
    return *carried, *[_stack(rows, 0) for rows in stacked]


def _stack(rows: Sequence[Node], axis: int) -> Node:
    if not rows:
        raise Unsupported("a loop that runs no step has results of no shape")
    return gr.stack(list(rows), axis)


@row("Scan")
def scan(
    *values: Any,
    body: Any,
    num_scan_inputs: int,
    scan_input_axes: Sequence[int] = (),
    scan_output_axes: Sequence[int] = (),
    scan_input_directions: Sequence[int] = (),
    scan_output_directions: Sequence[int] = (),
    directions: Sequence[int] = (),
    opset: int,
    scope: Any,
) -> tuple[Any, ...]:
    if opset < 9:
        raise Unsupported("the first version of Scan, with its batch axis, is not supported")
    split = len(values) - num_scan_inputs
    carried, scanned = list(values[:split]), [scope.stage(v) for v in values[split:]]
    axes = list(scan_input_axes) or [0] * num_scan_inputs
    back = list(scan_input_directions) or [0] * num_scan_inputs
    count = _steps([shape_of(x)[a] for x, a in zip(scanned, axes, strict=True)])
    stacked: list[list[Node]] = [[] for _ in range(len(body.output) - split)]
    for step in range(count):
        at = [count - 1 - step if b else step for b in back]
        rows = [gr.take(x, i, a) for x, i, a in zip(scanned, at, axes, strict=True)]
        results = scope.within(body, [*carried, *rows])
        carried = results[:split]
        for kept, value in zip(stacked, results[split:], strict=True):
            kept.append(scope.stage(value))
    flips = list(scan_output_directions) or [0] * len(stacked)
    outs = list(scan_output_axes) or [0] * len(stacked)
    joined = [_stack(r[::-1] if f else r, a) for r, f, a in zip(stacked, flips, outs, strict=True)]
    return *carried, *joined


def _steps(sizes: Sequence[Any]) -> int:
    counts = set(literal(sizes, "Scan"))
    if len(counts) != 1:
        raise DataError(f"the scanned arrays have different lengths: {sorted(counts)}")
    return counts.pop()
