"""Where elements stand: shapes, pieces, copies, triangles, paddings."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rows import Functions, Rows
from .forms import same, sizes


def resized(m: Functions, x: Any, *shape: Any) -> Any:
    """Another shape of as many elements."""
    return m.reshape(x, sizes(shape))


def expanded(m: Functions, x: Any, *shape: Any) -> Any:
    """A broadcast, where -1 keeps a size."""
    wanted = sizes(shape)
    extra = len(wanted) - x.ndim
    return m.broadcast_to(
        x, tuple(x.shape[i - extra] if n == -1 else n for i, n in enumerate(wanted))
    )


def squeezed(m: Functions, x: Any, dim: Any = None) -> Any:
    """Without axes of size 1; others that are named stay."""
    if dim is None:
        return m.squeeze(x)
    named = dim if isinstance(dim, (list, tuple)) else [dim]
    ones = tuple(d for d in named if x.ndim and x.shape[d] == 1)
    return m.squeeze(x, ones) if ones else x


def swapped(m: Functions, x: Any, first: int, second: int) -> Any:
    """Two axes exchanged."""
    return m.swapaxes(x, first, second) if x.ndim else x


def rolled(m: Functions, x: Any, shifts: Any, dims: Any = None) -> Any:
    """Elements moved round."""
    given = tuple(dims) if isinstance(dims, (list, tuple)) else dims
    given = None if given == () else given
    shifts = tuple(shifts) if isinstance(shifts, (list, tuple)) else shifts
    return m.roll(x, shifts, axis=given)


def tiled(m: Functions, x: Any, *counts: Any) -> Any:
    """Copies side by side."""
    return m.tile(x, sizes(counts))


def repeated(
    m: Functions, x: Any, repeats: Any, dim: Any = None, *, output_size: Any = None
) -> Any:  # fmt: skip
    """Every element several times in a row."""
    counts = m.literal(repeats)
    x = x if x.ndim or dim is None else m.reshape(x, (1,))
    return m.repeat(x, counts, axis=dim)


def joined(name: str) -> Any:
    """Arrays in a list."""
    return lambda m, xs, *args, **kwargs: getattr(m, name)(tuple(xs), *args, **kwargs)


def catenated(m: Functions, xs: Any, dim: int = 0, **kwargs: Any) -> Any:
    """Arrays one after another; PyTorch leaves out empty vectors."""
    return m.concat(tuple(xs), axis=dim)


def atleast(rank: int) -> Any:
    """atleast_1d to 3d of one array or several."""

    def call(m: Functions, x: Any, *more: Any) -> Any:
        given = (*x,) if isinstance(x, (list, tuple)) else (x, *more)
        return getattr(m, f"atleast_{rank}d")(*given)

    return call


def split(m: Functions, x: Any, size: Any, dim: int = 0) -> Any:
    """Pieces of a size, or of sizes."""
    n = x.shape[dim]
    if isinstance(size, int):
        return m.split(x, list(range(size, n, size)), axis=dim)
    return m.split(x, [int(b) for b in np.cumsum(size)[:-1]], axis=dim)


def tensor_split(m: Functions, x: Any, parts: Any, dim: int = 0) -> Any:
    """NumPy's array_split."""
    parts = m.literal(parts)
    parts = parts if isinstance(parts, int) else [int(p) for p in parts]
    return m.array_split(x, parts, axis=dim)


def lead(dim: int, item: Any) -> Any:
    """An index that takes `item` of one axis and all of the others."""
    whole = slice(None)
    return (whole,) * dim + (item,) if dim >= 0 else (..., item) + (whole,) * (-dim - 1)


def narrow(m: Functions, x: Any, dim: int, start: Any, length: int) -> Any:
    """A run along an axis."""
    start = start if getattr(start, "ndim", 0) else m.literal(start)
    first = start + x.shape[dim] if x.ndim and start < 0 else start
    return x[lead(dim, slice(first, first + length))]


def select(m: Functions, x: Any, dim: int, index: int) -> Any:
    """One slice along an axis."""
    return x[lead(dim, index)]


def sliced(
    m: Functions, x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Any:  # fmt: skip
    """A slice along an axis."""
    return x[lead(dim, slice(start, end, step))]


def diagonal(m: Functions, x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal of two axes."""
    return m.diagonal(x, offset=offset, axis1=dim1, axis2=dim2)


def matrix_diagonal(
    m: Functions, x: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1
) -> Any:
    """The diagonal of the last two axes."""
    return m.diagonal(x, offset=offset, axis1=dim1, axis2=dim2)


def embedded(m: Functions, x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The last axis as a diagonal of two new ones."""
    return m.diag_embed(x, offset=offset, axis1=dim1, axis2=dim2)


def pad_pairs(x: Any, pad: Any) -> list[tuple[int, int]]:
    """PyTorch's numbers, last axis first, as pairs for all axes."""
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return [(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1]


PADDING = {"reflect": "reflect", "replicate": "edge"}


def padded(m: Functions, x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    """Borders; negative ones are cut off."""
    pairs = pad_pairs(x, pad)
    if mode == "constant":
        return m.pad(x, pairs, value=0 if value is None else value)
    if mode == "circular":
        inner = zip(pairs, x.shape, strict=True)
        x = x[tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in inner)]
        return m.pad(x, [(max(a, 0), max(b, 0)) for a, b in pairs], mode="wrap")
    wide = m.pad(x, [(max(a, 0), max(b, 0)) for a, b in pairs], mode=PADDING[mode])
    kept = zip(pairs, wide.shape, strict=True)
    return wide[tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in kept)]


def cartesian(m: Functions, *xs: Any) -> Any:
    """All tuples of elements."""
    found = [m.ravel(g) for g in m.meshgrid(*xs, indexing="ij")]
    return found[0] if len(found) == 1 else m.stack(found, axis=1)


def combinations(m: Functions, x: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """All choices of r elements, by their positions."""
    from itertools import combinations as once
    from itertools import combinations_with_replacement as again

    rows = list((again if with_replacement else once)(range(x.shape[0]), r))
    return m.take(x, np.array(rows, np.int64).reshape(-1, r), axis=0)


def meshgrid(m: Functions, *xs: Any, indexing: str = "ij") -> Any:
    """Coordinates of a grid; PyTorch takes scalars as vectors of one."""
    given = xs[0] if isinstance(xs[0], (list, tuple)) else xs
    return m.meshgrid(*(x if x.ndim else m.reshape(x, (1,)) for x in given), indexing=indexing)


def windows(m: Functions, x: Any, dimension: int, size: int, step: int) -> Any:
    """Overlapping runs along an axis, on a new last axis."""
    if not x.ndim:
        return m.reshape(x, (1,)) if size else m.zeros((0,), like=x)
    at = dimension % x.ndim
    starts = np.arange(0, x.shape[at] - size + 1, step)
    return m.moveaxis(m.take(x, starts[:, None] + np.arange(size), axis=at), at + 1, -1)


def sum_to_size(m: Functions, x: Any, *shape: Any) -> Any:
    """Sums over what was broadcast."""
    wanted = sizes(shape)
    extra = x.ndim - len(wanted)
    over = [
        *range(extra),
        *(i + extra for i, n in enumerate(wanted) if n == 1 != x.shape[i + extra]),
    ]
    return m.reshape(m.sum(x, axis=tuple(over)) if over else x, wanted)


def triangle(name: str) -> Any:
    """tril and triu."""
    return lambda m, x, diagonal=0: getattr(m, name)(x, k=diagonal)


def made(name: str) -> Any:
    """Arrays from numbers alone, by the functions that graphc shares with NumPy."""

    def call(m: Functions, *args: Any, dtype: Any = None, end: Any = None, **kwargs: Any) -> Any:
        for name_ in ("device", "layout", "requires_grad", "pin_memory"):
            kwargs.pop(name_, None)
        args = args if end is None else (*args, end)
        given = {} if dtype is None else {"dtype": dtype}
        return getattr(m, name)(*args, like=m.graph, **given, **kwargs)

    return call


def logspace(
    m: Functions, start: Any, end: Any, steps: int, base: Any = 10.0, **kwargs: Any
) -> Any:
    """Powers of a base."""
    return made("logspace")(m, start, end, steps, base=base, **kwargs)


def exactly(call: Any) -> Any:
    """The same of ends in full precision, as PyTorch computes with them."""

    def wrapped(m: Functions, start: Any, end: Any, *args: Any, **kwargs: Any) -> Any:
        numbers = (m.graph.constant(v) if isinstance(v, float | int) else v for v in (start, end))
        return call(m, *(m.astype(v, "float64") for v in numbers), *args, **kwargs)

    return wrapped


def like(name: str) -> Any:
    """Arrays of another one's element type."""

    def call(m: Functions, x: Any, shape: Any, *value: Any, dtype: Any = None, **_: Any) -> Any:
        return made(name)(m, tuple(shape), *value, dtype=dtype or x.dtype)

    return call


# fmt: off
ROWS: Rows = {
    "broadcast_to": lambda m, x, shape: expanded(m, x, shape),
    "broadcast_tensors": lambda m, *xs: m.broadcast_arrays(*xs),
    "expand": expanded,
    "expand_copy": expanded,
    "expand_as": lambda m, x, y: m.broadcast_to(x, y.shape),
    "sum_to_size": sum_to_size,
    "reshape": resized,
    "view": resized,
    "view_copy": resized,
    "reshape_as": lambda m, x, y: m.reshape(x, y.shape),
    "view_as": lambda m, x, y: m.reshape(x, y.shape),
    "ravel": lambda m, x: m.ravel(x),
    "flatten": lambda m, x, start_dim=0, end_dim=-1: m.flatten(x, start_dim, end_dim),
    "unflatten": lambda m, x, dim, sizes: m.unflatten(x, dim, tuple(sizes)),
    "squeeze": squeezed,
    "squeeze.multiple": squeezed,
    "squeeze_copy": squeezed,
    "unsqueeze": lambda m, x, dim: m.expand_dims(x, dim),
    "unsqueeze_copy": lambda m, x, dim: m.expand_dims(x, dim),
    "transpose": swapped,
    "transpose_copy": swapped,
    "T": lambda m, x: m.transpose(x),
    "H": same("transpose"),
    "t": same("transpose"),
    "t_copy": same("transpose"),
    "mT": lambda m, x: m.matrix_transpose(x),
    "mH": lambda m, x: m.matrix_transpose(x) if x.ndim else x,
    "permute": lambda m, x, dims: m.permute_dims(x, dims),
    "permute_copy": lambda m, x, dims: m.permute_dims(x, dims),
    "movedim": lambda m, x, source, target: m.moveaxis(x, source, target),
    "flip": lambda m, x, dims: m.flip(x, tuple(dims)) if dims and x.ndim else x,
    "fliplr": same("fliplr"),
    "flipud": same("flipud"),
    "rot90": lambda m, x, k=1, dims=(0, 1): m.rot90(x, k, axes=tuple(dims)),
    "roll": rolled,
    "tile": tiled,
    "repeat": tiled,
    "repeat_interleave": repeated,
    "cat": catenated,
    "stack": lambda m, xs, dim=0: m.stack(tuple(xs), axis=dim),
    "hstack": joined("hstack"),
    "vstack": joined("vstack"),
    "dstack": joined("dstack"),
    "column_stack": joined("column_stack"),
    "atleast_1d": atleast(1),
    "atleast_2d": atleast(2),
    "atleast_3d": atleast(3),
    "split": split,
    "split.list_args": split,
    "split_with_sizes": split,
    "split_with_sizes_copy": split,
    "unsafe_split": split,
    "chunk": lambda m, x, chunks, dim=0: m.chunk(x, chunks, axis=dim),
    "unsafe_chunk": lambda m, x, chunks, dim=0: m.chunk(x, chunks, axis=dim),
    "tensor_split": tensor_split,
    "hsplit": same("hsplit"),
    "vsplit": same("vsplit"),
    "dsplit": same("dsplit"),
    "unbind": lambda m, x, dim=0: m.unstack(x, axis=dim),
    "unbind_copy": lambda m, x, dim=0: m.unstack(x, axis=dim),
    "narrow": narrow,
    "narrow_copy": narrow,
    "select": select,
    "slice": sliced,
    "diag": lambda m, x, diagonal=0: m.diag(x, k=diagonal),
    "diagflat": lambda m, x, offset=0: m.diagflat(x, k=offset),
    "diagonal": diagonal,
    "diagonal_copy": diagonal,
    "linalg.diagonal": matrix_diagonal,
    "diag_embed": embedded,
    "trace": same("trace"),
    "tril": triangle("tril"),
    "triu": triangle("triu"),
    "constant_pad_nd": lambda m, x, pad, value=0: padded(m, x, pad, "constant", value),
    "nn.functional.pad.constant": padded,
    "nn.functional.pad.reflect": padded,
    "nn.functional.pad.replicate": padded,
    "nn.functional.pad.replicate_negative": padded,
    "nn.functional.pad.circular": padded,
    "block_diag": same("block_diag"),
    "cartesian_prod": cartesian,
    "combinations": combinations,
    "meshgrid.variadic_tensors": meshgrid,
    "meshgrid.list_of_tensors": meshgrid,
    "unfold": windows,
    "unfold_copy": windows,
    "nn.functional.pixel_shuffle": same("pixel_shuffle"),
    "nn.functional.pixel_unshuffle": same("pixel_unshuffle"),
    "nn.functional.channel_shuffle": same("channel_shuffle"),
    "arange": made("arange"),
    "linspace": made("linspace"),
    "logspace": logspace,
    "linspace.tensor_overload": exactly(made("linspace")),
    "logspace.tensor_overload": exactly(logspace),
    "eye": made("eye"),
    "full": made("full"),
    "zeros": made("zeros"),
    "ones": made("ones"),
    "new_zeros": like("zeros"),
    "new_ones": like("ones"),
    "new_full": like("full"),
}
# fmt: on
