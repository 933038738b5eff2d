"""Where elements stand: reshape, transpose, broadcast, flip, and the indices and sizes themselves.

All but `iota` and `size` are views or reshapes: they cost nothing, and their gradients are of their
own kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.expr import Number
from graphc.graph import Graph, Node, Op, declare, public
from graphc.ops.axes import axes_of, axis_of, quotient, stage
from graphc.ops.spell import Along, Each, Extent, Reshape, View, as_they_are
from graphc.ops.stacked import next_axis, shaping, shifting
from graphc.types import Dim, Size, Type, as_dim, as_shape, broadcast, product, shape_text

__all__ = [
    "broadcast_to",
    "expand_dims",
    "flip",
    "matrix_transpose",
    "permute_dims",
    "ravel",
    "reshape",
    "size",
    "squeeze",
    "transpose",
]


def _view(
    name: str, infer: Callable[..., Type], index: Callable[..., Any], numpy: Any, vjp: Any,
    batch: Any = shifting,
) -> Op:  # fmt: skip
    return declare(Op(name, infer, View(index), numpy, vjp, batch=batch))


# Reshape


def _same_count(old: Sequence[Dim], new: Sequence[Dim]) -> bool:
    left, right = _uncommon(old, new)
    return product(left) == product(right)


def _uncommon(old: Sequence[Dim], new: Sequence[Dim]) -> tuple[list[Dim], list[Dim]]:
    """Both shapes without the named sizes that they share, so that their products stay affine."""
    left, right = list(old), []
    for dim in new:
        left.remove(dim) if isinstance(dim, Size) and dim in left else right.append(dim)
    return left, right


def _reshape_type(x: Type, shape: tuple[Dim, ...]) -> Type:
    if not _same_count(x.shape, shape):
        old, new = map(shape_text, (x.shape, shape))
        raise ShapeError(
            f"{old} cannot be reshaped to {new}: "
            f"{product(x.shape)} elements are not {product(shape)}",
            code="G104",
        )
    return Type(x.dtype, shape)


_reshape: Op = declare(
    Op(
        "reshape",
        _reshape_type,
        Reshape(),
        lambda x, shape: np.reshape(x, shape),
        lambda g, y, x, shape: (_reshape(g, shape=x.shape),),
    )
)


@public
def reshape(x: Node, shape: Any, *more: Any) -> Node:
    """The elements of `x` in row-major order under another shape, of which one size may be -1.

    Raises ShapeError (G104) when the sizes do not multiply to the same count.
    """
    dims = (shape, *more) if more or not isinstance(shape, (tuple, list)) else tuple(shape)
    return _reshape(x, shape=_filled(stage(x).shape, dims))


def _filled(old: tuple[Dim, ...], dims: Sequence[Any]) -> tuple[Dim, ...]:
    """The sizes asked for, -1 replaced by what is left over."""
    open_ = [i for i, d in enumerate(dims) if isinstance(d, (int, np.integer)) and d == -1]
    sizes = [1 if i in open_ else as_dim(d) for i, d in enumerate(dims)]
    if len(open_) > 1:
        raise ShapeError("only one size of a shape may be -1", code="G104")
    if open_:
        left, right = _uncommon(old, sizes)
        rest = quotient(product(left), product(right))
        if rest is None:
            given = shape_text([-1 if i in open_ else d for i, d in enumerate(sizes)])
            raise ShapeError(f"{shape_text(old)} cannot be reshaped to {given}", code="G104")
        sizes[open_[0]] = rest
    return tuple(sizes)


@public
def ravel(x: Node) -> Node:
    """All elements of `x` in row-major order, shape (size,)."""
    return reshape(x, -1)


# Axes in another order, more or fewer of them

_transpose: Op = _view(
    "transpose",
    lambda x, axes: Type(x.dtype, tuple(x.shape[a] for a in axes)),
    lambda x, y, axes: tuple(Along(axes.index(i)) for i in range(x.rank)),
    lambda x, axes: np.transpose(x, axes),
    lambda g, y, x, axes: (_transpose(g, axes=_inverse(axes)),),
    lambda op, args, mapped, size, axes: op(*args, axes=(0, *next_axis(axes))),
)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axes.index(i) for i in range(len(axes)))


@public
def transpose(x: Node, axes: Any = None, *more: Any) -> Node:
    """`x` with its axes in the order `axes`, reversed when None; a scalar or a vector reversed is
    `x` itself.

    Raises ShapeError (G103) when `axes` does not name each axis once.
    """
    rank = stage(x).ndim
    if axes is None:
        return x if rank < 2 else _transpose(x, axes=tuple(reversed(range(rank))))
    given = (axes, *more) if more or not isinstance(axes, (tuple, list)) else tuple(axes)
    order = tuple(axis_of(a, rank, x.shape) for a in given)
    if sorted(order) != list(range(rank)):
        raise ShapeError(
            f"axes {given} do not name each axis of {shape_text(x.shape)} once", code="G103"
        )
    return _transpose(x, axes=order)


@public
def permute_dims(x: Node, axes: Any) -> Node:
    """`x` with its axes in the order `axes` (the Array API's name for transpose)."""
    return transpose(x, tuple(axes))


@public
def matrix_transpose(x: Node) -> Node:
    """`x` with its last two axes exchanged; raises ShapeError (G103) for fewer than two axes."""
    if stage(x).ndim < 2:
        raise ShapeError(
            f"a matrix has two axes or more, not shape {shape_text(x.shape)}", code="G103",
            hint="make a column of a vector: x[:, None]",
        )  # fmt: skip
    return move_axis(x, -1, -2)


def move_axis(x: Node, source: int, target: int) -> Node:
    """`x` with one axis moved to another place."""
    rest = [i for i in range(x.ndim) if i != source % x.ndim]
    rest.insert(target % x.ndim, source % x.ndim)
    return x if rest == sorted(rest) else _transpose(x, axes=tuple(rest))


def _widened(x: Type, axis: tuple[int, ...]) -> Type:
    dims = iter(x.shape)
    return Type(x.dtype, tuple(1 if i in axis else next(dims) for i in range(x.rank + len(axis))))


_expand_dims: Op = _view(
    "expand_dims",
    _widened,
    lambda x, y, axis: tuple(Along(i) for i in range(y.rank) if i not in axis),
    lambda x, axis: np.expand_dims(x, axis),
    lambda g, y, x, axis: (_squeeze(g, axis=axis),),
)


@public
def expand_dims(x: Node, axis: Any) -> Node:
    """`x` with new axes of size 1 at `axis` of the result; raises ShapeError (G103)."""
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    axes = axes_of(axis, stage(x).shape, x.ndim + count)
    return _expand_dims(x, axis=axes) if axes else x


def _squeeze_type(x: Type, axis: tuple[int, ...]) -> Type:
    for a in axis:
        if x.shape[a] != 1:
            raise ShapeError(
                f"axis {a} of {shape_text(x.shape)} has size {x.shape[a]}, not 1", code="G103"
            )
    return Type(x.dtype, tuple(d for i, d in enumerate(x.shape) if i not in axis))


def _squeeze_index(x: Type, y: Type, axis: tuple[int, ...]) -> tuple[Along, ...]:
    kept = iter(range(y.rank))
    return tuple(Along(None) if i in axis else Along(next(kept)) for i in range(x.rank))


_squeeze: Op = _view(
    "squeeze",
    _squeeze_type,
    _squeeze_index,
    lambda x, axis: np.squeeze(x, axis),
    lambda g, y, x, axis: (_expand_dims(g, axis=axis),),
)


@public
def squeeze(x: Node, axis: Any = None) -> Node:
    """`x` without the axes `axis`, which have size 1; None drops all of those. Raises ShapeError
    (G103).
    """
    ones = tuple(i for i, d in enumerate(stage(x).shape) if d == 1)
    axes = ones if axis is None else axes_of(axis, x.shape)
    return _squeeze(x, axis=axes) if axes else x


# Broadcasting


def _broadcast_type(x: Type, shape: tuple[Dim, ...]) -> Type:
    if broadcast(x.shape, shape) != shape:
        raise ShapeError(
            f"{shape_text(x.shape)} does not broadcast to {shape_text(shape)}", code="G102"
        )
    return Type(x.dtype, shape)


def _broadcast_index(x: Type, y: Type, shape: tuple[Dim, ...]) -> tuple[Along, ...]:
    extra = y.rank - x.rank
    return tuple(Along(None) if d == 1 else Along(extra + i) for i, d in enumerate(x.shape))


_broadcast_to = _view(
    "broadcast_to", _broadcast_type, _broadcast_index, np.broadcast_to, lambda g, y, x, shape: (g,),
    shaping,
)  # fmt: skip


@public
def broadcast_to(x: Node, shape: Any) -> Node:
    """`x` repeated along new axes and along those of size 1; raises ShapeError (G102)."""
    return _broadcast_to(x, shape=as_shape(shape))


_flip: Op = _view(
    "flip",
    lambda x, axis: x,
    lambda x, y, axis: tuple(
        Along(i, -1, d - 1) if i in axis else Along(i) for i, d in enumerate(x.shape)
    ),
    lambda x, axis: np.flip(x, axis),
    lambda g, y, x, axis: (_flip(g, axis=axis),),
)


@public
def flip(x: Node, axis: Any = None) -> Node:
    """`x` with the order of elements along `axis` reversed, along all axes for None; raises
    ShapeError (G103).
    """
    axes = axes_of(axis, stage(x).shape)
    return _flip(x, axis=axes) if axes else x


# Indices and sizes


def _spell_iota(at: Sequence[Any], shape: Sequence[Dim], axes: tuple[int, ...]) -> Any:
    if not axes:
        return Number(0)
    linear = at[axes[0]]
    for a in axes[1:]:
        linear = linear * shape[a] + at[a]
    return linear


def _iota_numpy(shape: tuple[int, ...], axes: tuple[int, ...]) -> np.ndarray:
    counts = np.arange(np.prod([shape[a] for a in axes], dtype=np.int64)).reshape(
        [shape[a] for a in axes]
    )
    lone = tuple(i for i in range(len(shape)) if i not in axes)
    return np.broadcast_to(np.expand_dims(counts, lone), shape)


_iota = declare(
    Op(
        "iota",
        lambda shape, axes: Type("i64", shape),
        Each(_spell_iota, as_they_are, indices=True),
        _iota_numpy,
    )
)


def iota(like: Node, shape: Sequence[Dim], axes: tuple[int, ...]) -> Node:
    """The position of each element, counted in row-major order over `axes` alone, in the graph of
    `like`.
    """
    return like.graph.add(_iota, (), {"shape": tuple(shape), "axes": axes})


_size = declare(Op("size", lambda dim: Type("i64"), Extent(), lambda dim: np.int64(dim)))


def extent(graph: Graph, dim: Dim) -> Node:
    """A size as a stage of the graph, an i64: a constant where it is literal."""
    return (
        graph.add(_size, (), {"dim": dim})
        if isinstance(dim, Size)
        else graph.constant(np.int64(dim))
    )


@public
def size(x: Node, axis: int | None = None) -> Node:
    """How many elements `x` has, in all or along one axis, as it is at run time: an i64 scalar."""
    dims = stage(x).shape if axis is None else (x.shape[axis_of(axis, x.ndim, x.shape)],)
    return extent(x.graph, product(dims))
