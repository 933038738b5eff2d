"""Branches and loops: written out where the choice or a short count is known, else stages that run
graphs of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphc.ops as gr
from graphc.errors import DataError, GraphcError
from graphc.flow import cond, while_loop
from graphc.flow import scan as scan_stage
from graphc.graph import Node
from graphc.io.onnx.refusals import UnknownValue, Unsupported
from graphc.io.onnx.rows import integers, literal, row

SHORT = 16
"""Steps up to which a loop is written out: each step may then compute with known numbers."""


def _truth(known: Any) -> bool:
    return bool(np.ravel(known)[0])


@row("If")
def if_(condition: Any, *, then_branch: Any, else_branch: Any, scope: Any) -> tuple[Any, ...]:
    try:
        known = scope.known(condition, "the condition of a branch")
    except UnknownValue as unknown:
        return _branch(scope, condition, then_branch, else_branch, unknown)
    return tuple(scope.within(then_branch if _truth(known) else else_branch, []))


def _branch(
    scope: Any, condition: Node, one: Any, other: Any, unknown: UnknownValue
) -> tuple[Any, ...]:
    """A branch that is taken at run time; its results have the same types on both sides."""
    scope.declare(one), scope.declare(other)

    def side(graph: Any) -> Callable[[], tuple[Any, ...]]:
        return lambda: tuple(scope.stage(v) for v in scope.within(graph, []))

    try:
        return tuple(cond(gr.reshape(condition, ()), side(one), side(other)))
    except GraphcError:
        raise unknown from None


@row("Loop")
def loop(
    M: Any = None, condition: Any = None, *initial: Any, body: Any, scope: Any
) -> tuple[Any, ...]:
    try:
        count = None if M is None else integers(scope.known(M, "the count of a loop"))[0]
        going = condition is None or _truth(scope.known(condition, "the condition of a loop"))
    except UnknownValue as unknown:
        return _while(scope, M, condition, initial, body, unknown)
    if going and count is not None and count > SHORT:
        found = _long(scope, count, initial, body)
        if found is not None:
            return found
    return _written_out(scope, count, going, initial, body)


def _written_out(
    scope: Any, count: int | None, going: bool, initial: Sequence[Any], body: Any
) -> tuple[Any, ...]:
    carried, step = list(initial), 0
    stacked: list[list[Any]] = [[] for _ in range(len(body.output) - 1 - len(carried))]
    while going and (count is None or step < count):
        inputs = [np.array(step), np.array(True), *carried]
        goes_on, *results = scope.within(body, inputs)
        carried, rows = results[: len(carried)], results[len(carried) :]
        for kept, value in zip(stacked, rows, strict=True):
            kept.append(scope.stage(value))
        going, step = _truth(scope.known(goes_on, "the condition of a loop")), step + 1
    return *carried, *[_stack(rows, 0) for rows in stacked]


def _long(scope: Any, count: int, initial: Sequence[Any], body: Any) -> tuple[Any, ...] | None:
    """A loop of a known count as one stage; None where a step needs more than is known in it."""
    scope.declare(body)
    n = len(initial)

    def step(carry: tuple[Any, ...]) -> Any:
        index, *state = carry
        goes_on, *results = scope.within(body, [index, np.array(True), *state])
        if not _truth(scope.known(goes_on, "the condition of a loop")):
            raise Unsupported("a loop that ends before its count")
        found = [scope.stage(v) for v in results]
        return (index + 1, *found[:n]), tuple(found[n:])

    try:
        begin = (scope.stage(np.array(0)), *(scope.stage(v) for v in initial))
        (_, *carried), rows = scan_stage(step, begin, length=count)
    except GraphcError:
        return None
    return *carried, *rows


def _while(
    scope: Any, M: Any, condition: Any, initial: Sequence[Any], body: Any, unknown: UnknownValue
) -> tuple[Any, ...]:
    """A loop that ends when its data says so; it has no results that are stacked."""
    scope.declare(body)
    first = np.array(True) if condition is None else condition
    limit = None if M is None else gr.reshape(scope.stage(M), ())

    def going(carry: tuple[Any, ...]) -> Node:
        index, on, *_ = carry
        return on if limit is None else gr.logical_and(on, gr.less(index, limit))

    def step(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        index, on, *state = carry
        goes_on, *results = scope.within(body, [index, on, *state])
        return (index + 1, gr.reshape(scope.stage(goes_on), ()), *map(scope.stage, results))

    if len(body.output) - 1 != len(initial):
        raise unknown
    try:
        begin = [scope.stage(np.array(0)), gr.reshape(scope.stage(first), ())]
        _, _, *carried = while_loop(going, step, (*begin, *map(scope.stage, initial)))
    except GraphcError:
        raise unknown from None
    return tuple(carried)


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
    opset: int,
    scope: Any,
) -> tuple[Any, ...]:
    if opset < 9:
        raise Unsupported("the first version of Scan, with its batch axis, is not supported")
    split = len(values) - num_scan_inputs
    rows = [scope.stage(v) for v in values[split:]]
    axes, back = scan_input_axes or [0] * len(rows), scan_input_directions or [0] * len(rows)
    rows = [gr.moveaxis(x, a, 0) for x, a in zip(rows, axes, strict=True)]
    rows = [gr.flip(x, 0) if b else x for x, b in zip(rows, back, strict=True)]
    carried, stacked = _scanned(scope, list(values[:split]), rows, body)
    axes = scan_output_axes or [0] * len(stacked)
    back = scan_output_directions or [0] * len(stacked)
    stacked = [gr.flip(y, 0) if b else y for y, b in zip(stacked, back, strict=True)]
    moved = [gr.moveaxis(y, 0, a) for y, a in zip(stacked, axes, strict=True)]
    return *carried, *moved


def _scanned(
    scope: Any, carried: list[Any], rows: list[Node], body: Any
) -> tuple[list[Any], list[Node]]:
    """The last carry and what the steps leave: one stage, or all steps where that needs them."""
    scope.declare(body)
    n = len(carried)

    def step(carry: list[Any], row: list[Any]) -> Any:
        found = [scope.stage(v) for v in scope.within(body, [*carry, *row])]
        return found[:n], found[n:]

    try:
        return scan_stage(step, [scope.stage(v) for v in carried], rows)
    except UnknownValue:
        return _all_steps(scope, carried, rows, body)


def _all_steps(
    scope: Any, carried: list[Any], rows: list[Node], body: Any
) -> tuple[list[Any], list[Node]]:
    n, counts = len(carried), set(literal([x.shape[0] for x in rows], "Scan"))
    if len(counts) != 1:
        raise DataError(f"the scanned arrays have different lengths: {sorted(counts)}")
    stacked: list[list[Node]] = [[] for _ in range(len(body.output) - n)]
    for t in range(counts.pop()):
        results = scope.within(body, [*carried, *(gr.index(x, t) for x in rows)])
        carried = results[:n]
        for kept, value in zip(stacked, results[n:], strict=True):
            kept.append(scope.stage(value))
    return carried, [_stack(ys, 0) for ys in stacked]
