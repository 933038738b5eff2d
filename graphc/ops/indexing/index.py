"""Elements picked by integer indices: x[...], one_hot.

Negative indices count from the end, as in NumPy. Every index passes a check before memory is
touched; labels, which must not be negative, pass a stricter one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import DTypeError, LabelError, ShapeError, UsageError
from graphc.graph import Node, Op, declare, public
from graphc.ops.axes import stage
from graphc.ops.elementwise.arith import astype, equal
from graphc.ops.shaping.layout import (
    broadcast_to,
    expand_dims,
    iota,
    permute_dims,
    squeeze,
)
from graphc.ops.shaping.pieces import slice_
from graphc.ops.spell import Check, Expand, Gather, Scatter
from graphc.ops.stacked import repeating
from graphc.types import Dim, Size, Type, as_dim, broadcast, dtype_name, shape_text

__all__ = [
    "index",
    "one_hot",
]

# Checked indices


def integers(t: Type, what: str = "index") -> Type:
    if t.is_float or t.dtype == "bool":
        hint = (
            "gr.where(mask, x, 0) keeps the shape" if t.dtype == "bool" else "gr.astype(x, 'int64')"
        )
        raise DTypeError(
            f"an {what} is an integer, not {t}"
            if what == "index"
            else f"a {what} is an integer, not {t}",
            hint=hint,
        )
    return t


def outside(what: str, value: int, position: Sequence[int], low: int, high: int) -> str:
    """The sentence about an index or label that is not within low <= value < high."""
    at = position[0] if len(position) == 1 else tuple(position)
    where = f" at position {at}" if len(position) else ""
    return f"{what} {value}{where} is outside of {low}..{high - 1}"


def _check_numpy(indices: np.ndarray, low: int, high: int, what: str) -> np.ndarray:
    wrong = np.argwhere((indices < low) | (indices >= high))
    if len(wrong):
        at = tuple(map(int, wrong[0]))
        raise LabelError(outside(what, int(indices[at]), at, low, high))
    return indices


_check = declare(
    Op(
        "check",
        lambda t, low, high, what: integers(t, what),
        Check(),
        _check_numpy,
        effect="assert",
    )
)


def checked(indices: Node, count: Dim, what: str = "index") -> Node:
    """The indices as i64, after a check that each points into `count` elements; labels do not wrap
    around.
    """
    wraps = what == "index" and not indices.dtype.startswith("u")
    return astype(_check(indices, low=count * -1 if wraps else 0, high=count, what=what), "i64")


# Gather and scatter


def _gather_type(x: Type, *indices: Type) -> Type:
    if len(indices) > x.rank:
        raise ShapeError(
            f"{len(indices)} indices are too many for shape {shape_text(x.shape)}", code="G103"
        )
    spread = broadcast(*(integers(i).shape for i in indices))
    return Type(x.dtype, spread + x.shape[len(indices) :])


def scatter_type(g: Type, *indices: Type, shape: tuple[Dim, ...]) -> Type:
    picked = _gather_type(Type(g.dtype, shape), *indices).shape
    if broadcast(g.shape, picked) != picked:
        raise ShapeError(
            f"values of shape {shape_text(g.shape)} do not fit the picked {shape_text(picked)}",
            code="G102",
        )
    return Type(g.dtype, shape)


def _scatter_numpy(g: np.ndarray, *indices: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return scatter_add_numpy(np.zeros(shape, g.dtype), g, *indices)


def scatter_add_numpy(x: np.ndarray, values: np.ndarray, *indices: np.ndarray) -> np.ndarray:
    """np.add.at, with values broadcast first: that function reads astray when values have fewer
    axes than indices.
    """
    total = np.array(x, np.result_type(x, values))
    np.add.at(total, indices, np.broadcast_to(values, total[indices].shape))
    return total


def in_range(indices: Sequence[np.ndarray], shape: Sequence[int]) -> list[np.ndarray]:
    """The indices of the leading axes, checked."""
    return [_check_numpy(i, -n, n, "index") for i, n in zip(indices, shape, strict=False)]


def _no(indices: Sequence[Node]) -> tuple[None, ...]:
    return (None,) * len(indices)


gather: Op = declare(
    Op(
        "gather", _gather_type, Gather(), lambda x, *i: x[i],
        lambda g, y, x, *i: (scatter(g, *i, shape=x.shape), *_no(i)),
    )
)  # fmt: skip
scatter: Op = declare(
    Op(
        "scatter", scatter_type, Scatter(), _scatter_numpy,
        lambda g, y, values, *i, shape: (gather(g, *i), *_no(i)),
    )
)  # fmt: skip


def _spread(indices: Sequence[Node], dims: Sequence[Dim]) -> list[Node]:
    """Indices, checked against the axes they index and broadcast to one shape."""
    shape = broadcast(*(i.shape for i in indices))
    found = [checked(i, n) for i, n in zip(indices, dims, strict=False)]
    return [i if i.shape == shape else broadcast_to(i, shape) for i in found]


pick = declare(
    Op(
        "index", _gather_type,
        Expand(lambda x, *i: gather(x, *_spread(i, x.shape))),
        lambda x, *i: x[tuple(in_range(i, x.shape))],
        lambda g, y, x, *i: (index_add(g, *i, shape=x.shape), *_no(i)),
    )
)  # fmt: skip
"""x[i, j, ...] by integer arrays on the leading axes."""


def _index_add_define(g: Node, *indices: Node, shape: tuple[Dim, ...]) -> Node:
    picked = _gather_type(Type(g.dtype, shape), *(i.type for i in indices)).shape
    values = g if g.shape == picked else broadcast_to(g, picked)
    return scatter(values, *_spread(indices, shape), shape=shape)


index_add: Op = declare(
    Op(
        "index_add", scatter_type, Expand(_index_add_define),
        lambda g, *i, shape: _scatter_numpy(g, *in_range(i, shape), shape=shape),
        lambda g, y, values, *i, shape: (pick(g, *i), *_no(i)),
    )
)  # fmt: skip
"""zeros(shape) with values added up at x[i, j, ...]: the gradient of picking."""


# one_hot


def _one_hot_type(t: Type, num_classes: Dim, dtype: str) -> Type:
    return Type(dtype, (*integers(t, "label").shape, num_classes))


def _one_hot_define(t: Node, num_classes: Dim, dtype: str) -> Node:
    labels = expand_dims(checked(t, num_classes, "label"), -1)
    return astype(equal(labels, iota(t, (*t.shape, num_classes), (t.ndim,))), dtype)


def _one_hot_numpy(t: np.ndarray, num_classes: int, dtype: str) -> np.ndarray:
    labels = _check_numpy(t, 0, num_classes, "label").astype(np.int64)
    return labels[..., None] == np.arange(num_classes)


_one_hot = declare(
    Op("one_hot", _one_hot_type, Expand(_one_hot_define), _one_hot_numpy, batch=repeating)
)


@public
def one_hot(t: Node, num_classes: Any, dtype: Any = None) -> Node:
    """Rows of the unit matrix for integer labels, shape (*t.shape, num_classes); `dtype` is the
    graph's by default.

    Raises DTypeError for labels that are no integers; a label outside of 0..num_classes-1 raises
    LabelError in a call.
    """
    name = stage(t).graph.dtype if dtype is None else dtype_name(dtype)
    return _one_hot(t, num_classes=as_dim(num_classes), dtype=name)


# x[...]


@public
def index(x: Node, key: Any) -> Node:
    """What x[key] means: integers, slices, None and Ellipsis as in NumPy, and integer arrays
    broadcast together.

    A literal mask (an array of bools) picks where it is true. Raises ShapeError or LabelError for
    what does not fit the shape, UsageError for a mask that is a stage.
    """
    items = complete(key if isinstance(key, tuple) else (key,), stage(x).shape)
    new = tuple(i for i, item in enumerate(items) if item is None)
    x = expand_dims(x, new) if new else x
    items = [slice(None) if item is None else item for item in items]
    arrays = [i for i, item in enumerate(items) if not isinstance(item, (slice, int))]
    return _mixed(x, items, arrays) if arrays else _basic(x, items)


def complete(key: Sequence[Any], shape: Sequence[Dim]) -> list[Any]:
    """One item for each axis, beside None for new ones: Ellipsis and what is left out are whole
    slices.
    """
    items = [_item(i) for i in key]
    dots = [i for i, item in enumerate(items) if item is Ellipsis] or [len(items)]
    count = sum(map(_width, items))
    if len(dots) > 1 or count > len(shape):
        raise LabelError(f"{count} indices are too many for shape {shape_text(shape)}", code="G103")
    whole = [slice(None)] * (len(shape) - count)
    return _unmasked(items[: dots[0]] + whole + items[dots[0] + 1 :], shape)


def _is_mask(item: Any) -> bool:
    return isinstance(item, np.ndarray) and item.dtype == bool


def _width(item: Any) -> int:
    """How many axes an item of a key stands for."""
    return item.ndim if _is_mask(item) else int(item is not None and item is not Ellipsis)


def _unmasked(items: Sequence[Any], shape: Sequence[Dim]) -> list[Any]:
    """Every literal mask as the integer indices of its true elements."""
    found: list[Any] = []
    axis = 0
    for item in items:
        axes = tuple(shape[axis : axis + _width(item)])
        axis += len(axes)
        found += true_places(item, axes) if _is_mask(item) else [item]
    return found


def true_places(mask: np.ndarray, shape: Sequence[Dim]) -> list[np.ndarray]:
    """The indices of a literal mask's true elements; raises ShapeError (G102) unless it has
    `shape`.
    """
    if mask.shape != tuple(shape):
        texts = f"{shape_text(mask.shape)} does not fit {shape_text(shape)}"
        raise ShapeError(f"a mask of shape {texts}", code="G102")
    return list(np.nonzero(mask))


def _item(item: Any) -> Any:
    if item is None or item is Ellipsis or isinstance(item, slice):
        return item
    if isinstance(item, (int, np.integer)) and not isinstance(item, bool):
        return int(item)
    literal = None if isinstance(item, Node) else np.asarray(item)
    masks = literal is not None and literal.dtype == bool and literal.ndim > 0
    return literal if masks else as_index(item)


def as_index(indices: Any) -> Any:
    """A stage or an array of integers; raises UsageError for a mask or a float."""
    found = indices if isinstance(indices, Node) else np.asarray(indices)
    if not isinstance(found, Node) and not found.size:
        return found.astype(np.int64)
    dtype = dtype_name(found.dtype)
    if dtype == "bool":
        raise UsageError(
            "a boolean mask picks as many elements as it has true ones, which no shape can say",
            hint="gr.where(mask, x, 0) keeps the shape",
        )
    if dtype in ("f32", "f64"):
        raise DTypeError(f"an index is an integer, not {dtype}", hint="gr.astype(x, 'int64')")
    return found


def _basic(x: Node, items: Sequence[Any]) -> Node:
    runs = [
        span(item, n, axis, x.shape)
        for axis, (item, n) in enumerate(zip(items, x.shape, strict=True))
    ]
    lone = tuple(i for i, item in enumerate(items) if isinstance(item, int))
    if any(r != (0, n, 1) for r, n in zip(runs, x.shape, strict=True)):
        starts, stops, steps = zip(*runs, strict=True)
        x = slice_(x, starts=starts, stops=stops, steps=steps)
    return squeeze(x, lone) if lone else x


def span(item: Any, n: Dim, axis: int, shape: Sequence[Dim]) -> tuple[Dim, Dim, int]:
    """Start, stop and step of one axis, in numbers that wrap no more."""
    if isinstance(item, int):
        at = _position(item, n, axis, shape)
        return at, at + 1, 1
    given = (item.start, item.stop, item.step)
    if any(isinstance(v, Node) for v in given):
        raise UsageError(
            "the bounds of a slice are known before data comes, so they cannot be stages",
            hint="gr.take",
        )
    if isinstance(n, int) and not any(isinstance(v, Size) for v in given):
        found = range(*item.indices(n))
        return (found.start, found.stop, found.step) if len(found) else (0, 0, 1)
    step = 1 if item.step is None else int(item.step)
    first, last = (0, n) if step > 0 else (n - 1, -1)
    return _bound(item.start, n, first), _bound(item.stop, n, last), step


def _bound(value: Any, n: Dim, default: Dim) -> Dim:
    """One bound along a named size; negative numbers count from the end."""
    if value is None:
        return default
    return value + n if isinstance(value, int) and value < 0 else value


def _position(at: int, n: Dim, axis: int, shape: Sequence[Dim]) -> Dim:
    if isinstance(n, int) and not -n <= at < n:
        raise LabelError(
            f"index {at} is outside of axis {axis} of shape {shape_text(shape)}", code="G103"
        )
    return at + n if at < 0 else at


def _mixed(x: Node, items: list[Any], arrays: list[int]) -> Node:
    """Slices first, then arrays on axes brought to the front; Note [Where picked axes go]."""
    for axis, item in enumerate(items):
        if isinstance(item, int):
            _position(item, x.shape[axis], axis, x.shape)
            items[axis] = np.array(item, np.int64)
    axes = [i for i, item in enumerate(items) if not isinstance(item, slice)]
    x = _basic(x, [item if isinstance(item, slice) else slice(None) for item in items])
    rest = [i for i in range(x.ndim) if i not in axes]
    order = (*axes, *rest)
    found = pick(
        x if order == tuple(range(x.ndim)) else permute_dims(x, order), *(items[a] for a in axes)
    )
    together = axes == list(range(axes[0], axes[-1] + 1))
    return move_block(found, 0, found.ndim - len(rest), axes[0] if together else 0)


def move_block(x: Node, start: int, width: int, target: int) -> Node:
    """`x` with `width` neighbouring axes moved from `start` to `target`."""
    block = range(start, start + width)
    rest = [i for i in range(x.ndim) if i not in block]
    order = (*rest[:target], *block, *rest[target:])
    return x if order == tuple(range(x.ndim)) else permute_dims(x, order)


# Note [Where picked axes go]. NumPy puts the axes that index arrays make where the first of them
# stood if the arrays, with integers among them, stand side by side, and in front of all others if a
# slice or a new axis stands between them.
