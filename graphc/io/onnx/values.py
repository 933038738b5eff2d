"""What an ONNX value is while its graph is built: a stage, an array that is known before data
comes, a weight, or a list of those; and how one becomes another.

Sizes that have names stand in known arrays too, whose elements are then objects: exported models
compute shapes from shapes, and what reads the result wants the size, not a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.graph import CONST, PARAM, Graph, Node
from graphc.interpret import evaluate
from graphc.io.onnx.refusals import UnknownValue, Unsupported
from graphc.node import FUNCTIONS
from graphc.ops.shaping.layout import extent
from graphc.types import Dim, Size

LARGE = 4096
"""Elements from which a repeated number becomes a stage that repeats it, not a constant."""


@dataclass(frozen=True, eq=False)
class Weight:
    """A float array of the file, which becomes a param of that name when a stage reads it."""

    name: str
    array: np.ndarray


# As a stage


def stage(graph: Graph, array: np.ndarray) -> Node:
    """A known array as a stage of the graph; named sizes are what they are at run
    time.
    """
    if symbolic(array):
        parts = [FUNCTIONS["reshape"](extent(graph, n), (1,)) for n in array.ravel()]
        return FUNCTIONS["reshape"](FUNCTIONS["concat"](parts), array.shape)
    if array.size > LARGE and not any(array.strides):
        return FUNCTIONS["broadcast_to"](graph.constant(array.ravel()[0]), array.shape)
    return graph.constant(array)


# As something known


def known(value: Any, params: Mapping[Weight, Node], what: str) -> Any:
    """The array of a value; raises UnknownValue where it depends on what is fed, Unsupported where
    it depends on a size that has a name.
    """
    if isinstance(value, Weight):
        return value.array
    if not isinstance(value, Node):
        return value
    order = value.graph.order(value)
    fed = [str(n.name) for n in order if n.is_leaf and n.op not in (CONST, PARAM)]
    if fed or any(n.op.effect == "random" for n in order):
        raise UnknownValue(what, fed)
    for node in order:
        if named := [n for n in (*node.shape, node.attrs.get("dim")) if isinstance(n, Size)]:
            hint = "give the inputs' sizes: from_onnx(model, shapes={...})"
            raise Unsupported(f"{what} depends on the size {named[0]}, not known yet", hint=hint)
    return evaluate([value], {node: weight.array for weight, node in params.items()})[value]


def symbolic(value: Any) -> bool:
    """Whether a known array has named sizes among its elements."""
    return isinstance(value, np.ndarray) and value.dtype == object


def sizes(shape: tuple[Dim, ...]) -> np.ndarray:
    """A shape as a known vector."""
    if not any(isinstance(n, Size) for n in shape):
        return np.array(shape, np.int64)
    found = np.empty(len(shape), object)
    found[:] = shape
    return found


def shape_of(value: Any) -> tuple[Dim, ...]:
    """The sizes of a value of any kind but a list."""
    if isinstance(value, Weight):
        return value.array.shape
    if isinstance(value, (Node, np.ndarray)):
        return value.shape
    raise Unsupported("a sequence has no shape")


# Arithmetic of named sizes


def _slice(x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    step = 1 if steps is None else int(steps[0])
    return x[slice(int(starts[0]), int(ends[0]), step)]


def _reshape(x: Any, shape: Any, allowzero: int = 0) -> Any:
    return x.reshape([int(n) for n in shape])


def _where(condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition.astype(bool), x, y)


def _without(x: Any, axes: Any = None) -> Any:
    return np.squeeze(x, None if axes is None else tuple(int(a) for a in axes))


def _div(a: Any, b: Any) -> Any:
    return np.frompyfunc(_quotient, 2, 1)(a, b)


def _quotient(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    if isinstance(a, Size) and isinstance(b, int) and not _rest(a, b):
        return Size(tuple((name, c // b) for name, c in a.terms), a.const // b)
    raise Unsupported(f"the size ({a}) / ({b}) is not affine in the named sizes")


def _rest(a: Size, b: int) -> bool:
    return b == 0 or any(c % b for _, c in a.terms) or a.const % b != 0


# fmt: off
MEANINGS: dict[str, Any] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": _div,
    "Cast": lambda x, to, **_: x, "Identity": lambda x: x,
    "Concat": lambda *xs, axis: np.concatenate(xs),
    "Equal": lambda a, b: np.frompyfunc(lambda p, q: p == q, 2, 1)(a, b).astype(bool),
    "Gather": lambda x, indices, axis=0: np.asarray(x[indices.astype(np.int64)], object),
    "Reshape": _reshape, "Slice": _slice, "Squeeze": _without, "Where": _where,
    "Unsqueeze": lambda x, axes: np.expand_dims(x, tuple(int(a) for a in axes)),
}
# fmt: on
"""What operators that exported models compute shapes with mean for named sizes."""


def of_sizes(operator: str, args: list[Any], options: Mapping[str, Any]) -> np.ndarray | None:
    """What an operator makes of known sizes, some of them named; None where it is none of those."""
    if operator not in MEANINGS or not all(isinstance(a, np.ndarray) for a in args):
        return None
    found = np.asarray(MEANINGS[operator](*args, **options))
    if found.dtype == object and not any(isinstance(n, Size) for n in found.ravel()):
        return found.astype(np.int64)
    return found
