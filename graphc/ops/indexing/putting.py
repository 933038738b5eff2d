"""Values put at indices of a copy: put_along_axis and what is made of it; x[key] = values as a new
array.

Nothing is changed in place. Where several values meet at one place, the last one stays, and the
gradient goes to that one alone.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import Node, Op, declare, graph_of, public
from graphc.ops.axes import axis_of
from graphc.ops.elementwise.arith import astype, equal, masked, ones_like, where, zeros_like
from graphc.ops.indexing.index import as_index, checked, integers
from graphc.ops.indexing.picking import add_along, along_numpy, fitted, spread, spreads, take_along
from graphc.ops.shaping.layout import iota, move_axis, ravel, reshape
from graphc.ops.spell import Expand, Routine
from graphc.ops.stack import signature
from graphc.types import Type, promote, shape_text

__all__ = [
    "put_along_axis",
]

MODES = ("set", "add", "multiply", "max", "min")

# Lines of an array, one call for each

LINE = "(n),(k),(k)->(n),(n)"


def _line_types(x: Type, at: Type, values: Type, **_: Any) -> tuple[Type, ...]:
    return signature(LINE).types((x, at, values), x.dtype, "i64")


def _rows(x: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
    """Stacks of lines, their leading axes broadcast and made one."""
    lead = np.broadcast_shapes(*(a.shape[:-1] for a in (x, *others)))
    return tuple(
        np.broadcast_to(a, (*lead, a.shape[-1])).reshape(prod(lead), a.shape[-1])
        for a in (x, *others)
    )


def _lines_numpy(better: Callable[..., Any]) -> Callable[..., Any]:
    """What a routine means: `better` says whether a value takes the place of what is there."""

    def means(x: np.ndarray, at: np.ndarray, values: np.ndarray, **options: Any) -> Any:
        rows, places, news = _rows(x, at, values)
        found, winners = np.array(rows), np.full(rows.shape, -1)
        for row, won, indices, new in zip(found, winners, places, news, strict=True):
            for j, i in enumerate(indices):
                if better(new[j], row[i], **options):
                    row[i], won[i] = new[j], j
        lead = np.broadcast_shapes(x.shape[:-1], at.shape[:-1], values.shape[:-1])
        return found.reshape(*lead, x.shape[-1]), winners.reshape(*lead, x.shape[-1])

    return means


def _beyond(new: Any, held: Any, largest: int) -> bool:
    return bool((new > held if largest else new < held) or new != new) and held == held


put_set = declare(
    Op("put_set", _line_types, Routine("put_set"), _lines_numpy(lambda new, held: True), core=LINE)
)
"""Lines with values put into them, the last of those that meet; and which value, -1 for none."""

put_extreme = declare(
    Op(
        "put_extreme",
        _line_types,
        Routine("put_extreme", ("largest",)),
        _lines_numpy(_beyond),
        core=LINE,
    )
)
"""Lines in which the largest (or the smallest) stays; and which value, -1 for none."""


def _product_numpy(x: np.ndarray, at: np.ndarray, values: np.ndarray) -> np.ndarray:
    rows, places, news = _rows(x, at, values)
    found = np.array(rows)
    for row, indices, new in zip(found, places, news, strict=True):
        np.multiply.at(row, indices, new)
    lead = np.broadcast_shapes(x.shape[:-1], at.shape[:-1], values.shape[:-1])
    return found.reshape(*lead, x.shape[-1])


put_product = declare(
    Op(
        "put_product",
        lambda x, at, values: signature("(n),(k),(k)->(n)").types((x, at, values), x.dtype)[0],
        Routine("put_product"),
        _product_numpy,
        core="(n),(k),(k)->(n)",
    )
)
"""Lines multiplied by values at their places."""


# put_along_axis


def _put_type(x: Type, indices: Type, values: Type, axis: int, mode: str) -> Type:
    at = spread(x.shape, integers(indices).shape, axis)
    beside = (*at[:axis], x.shape[axis], *at[axis + 1 :])
    if beside != x.shape:
        texts = f"{shape_text(indices.shape)} do not fit {shape_text(x.shape)}"
        raise ShapeError(f"indices of shape {texts} beside axis {axis}", code="G102")
    if not spreads(values.shape, at):
        texts = f"{shape_text(values.shape)} do not fit the indices' {shape_text(at)}"
        raise ShapeError(f"values of shape {texts}", code="G102")
    return Type(promote(x.dtype, values.dtype), x.shape)


def _put_define(x: Node, indices: Node, values: Node, axis: int, mode: str) -> Node:
    dtype = promote(x.dtype, values.dtype)
    x, values = astype(x, dtype), astype(values, dtype)
    if mode == "add":
        shape = spread(x.shape, indices.shape, axis)
        return x + add_along(fitted(values, shape), indices, axis=axis, count=x.shape[axis])
    return move_axis(_put_lines(x, indices, values, axis, mode)[0], -1, axis)


def _put_lines(x: Node, indices: Node, values: Node, axis: int, mode: str) -> tuple[Node, ...]:
    """What stands in the end and which value it is, the axis moved to the last place."""
    shape = spread(x.shape, indices.shape, axis)
    at, values = fitted(checked(indices, x.shape[axis]), shape), fitted(values, shape)
    lines = [move_axis(v, axis, -1) for v in (x, at, values)]
    if mode == "multiply":
        return (put_product(*lines),)
    if mode == "set":
        return put_set(*lines)
    return put_extreme(*lines, largest=int(mode == "max"))


def _put_numpy(
    x: np.ndarray, indices: np.ndarray, values: np.ndarray, axis: int, mode: str
) -> np.ndarray:
    found = np.array(x, np.result_type(x, values))
    at = along_numpy(found, indices, axis)
    if mode == "set":
        found[at] = values
    else:
        AT_NUMPY[mode].at(found, at, np.broadcast_to(values, found[at].shape))
    return found


AT_NUMPY = {"add": np.add, "multiply": np.multiply, "max": np.maximum, "min": np.minimum}


def _put_vjp(
    g: Node, y: Node, x: Node, indices: Node, values: Node, axis: int, mode: str
) -> tuple[Any, None, Any]:
    """Who stands there in the end takes g, of a sum all; of a product see Note [Products]."""
    shape = spread(x.shape, indices.shape, axis)
    if mode == "add":
        return g, None, take_along(g, indices, axis=axis)
    if mode == "multiply":
        return _product_terms(g, x, indices, fitted(values, shape), axis)
    same = promote(x.dtype, values.dtype)
    lines = _put_lines(astype(x, same), indices, astype(values, same), axis, mode)
    winners = move_axis(lines[1], -1, axis)
    own = equal(take_along(winners, indices, axis=axis), iota(x, shape, (axis,)))
    return masked(g, winners < 0), None, masked(take_along(g, indices, axis=axis), own)


def _product_terms(
    g: Node, x: Node, indices: Node, values: Node, axis: int
) -> tuple[Node, None, Node]:
    def put(onto: Node, factors: Node, mode: str) -> Node:
        return _put(onto, indices, factors, axis=axis, mode=mode)

    zero = equal(values, 0)
    safe, none = where(zero, 1, values), astype(zero, "i64")
    zeros = take_along(put(astype(zeros_like(x), "i64"), none, "add"), indices, axis=axis)
    others = take_along(g * put(x, safe, "multiply"), indices, axis=axis) / safe
    return g * put(ones_like(x), values, "multiply"), None, where(zeros > none, 0, others)


_put = declare(Op("put_along_axis", _put_type, Expand(_put_define), _put_numpy, _put_vjp))


@public
def put_along_axis(
    x: Node, indices: Any, values: Any, axis: int | None = -1, *, mode: str = "set"
) -> Node:
    """A copy of `x` with values[..., j, ...] at indices[..., j, ...] along `axis` for each j.

    `indices` have as many axes as `x` and broadcast against it beside `axis`, `values` against
    `indices`; None means all elements in row-major order. `mode`: "set" (the last value stays where
    several meet), or "add", "multiply", "max", "min" with what is there. The gradient of "set",
    "max" and "min" goes to the one that stands there in the end, the first of equal ones. The
    element type is the promoted one. Raises ShapeError (G102), DTypeError, UsageError; an index
    that points outside raises LabelError in a call.
    """
    if mode not in MODES:
        raise UsageError(f"mode is one of {', '.join(map(repr, MODES))}, not {mode!r}")
    x, indices, values = graph_of(x, indices, values).lift((x, as_index(indices), values))
    shape = x.shape
    if axis is None:
        x, indices, axis = ravel(x), ravel(indices), 0
        values = ravel(values) if values.ndim else values
    found = _put(x, indices, values, axis=axis_of(axis, x.ndim, x.shape), mode=mode)
    return found if found.shape == shape else reshape(found, shape)


# Note [Products]. The gradient of a product with respect to one factor is the product of all others
# at its place: that of all but the zeros, divided by itself, where no other factor is zero, else 0.
