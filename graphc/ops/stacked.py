"""Operations over one axis more: rules for what an operation is where some of its arguments have a
new axis in front, as `Op.batch` takes them.

A rule is called with the operation, the arguments as they are now, which of them have the new axis,
its size, and the attributes as they were; its result has the new axis in front.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from graphc.errors import GraphError
from graphc.graph import FUNCTIONS, OPS, Node, Op
from graphc.ops.spell import Along
from graphc.ops.stack import signature
from graphc.types import Dim, Type, broadcast

Mapped = Sequence[bool]
Rule = Callable[..., Any]


# Arguments


def ranks(args: Sequence[Node], mapped: Mapped) -> list[int]:
    """How many axes each argument had before."""
    return [a.ndim - m for a, m in zip(args, mapped, strict=True)]


def raised(x: Node, mapped: bool, rank: int) -> Node:
    """`x` with axes of size 1 behind its new one, so that it broadcasts as it did before among
    arguments of `rank` axes.
    """
    missing = rank - (x.ndim - 1) if mapped else 0
    return FUNCTIONS["expand_dims"](x, tuple(range(1, 1 + missing))) if missing else x


def aligned(args: Sequence[Node], mapped: Mapped, rank: int | None = None) -> list[Node]:
    """The arguments so that they broadcast as they did before."""
    rank = max(ranks(args, mapped)) if rank is None else rank
    return [raised(a, m, rank) for a, m in zip(args, mapped, strict=True)]


def repeated(x: Node, mapped: bool, size: Dim) -> Node:
    """`x` with the new axis, along which it is the same where it had none."""
    return x if mapped else FUNCTIONS["broadcast_to"](x, (size, *x.shape))


def all_repeated(args: Sequence[Node], mapped: Mapped, size: Dim) -> list[Node]:
    """All arguments with the new axis."""
    return [repeated(a, m, size) for a, m in zip(args, mapped, strict=True)]


# Rules


def elementwise(op: Op, args: Sequence[Node], mapped: Mapped, size: Dim, /, **attrs: Any) -> Any:
    """Of what broadcasts: itself."""
    return op(*aligned(args, mapped), **attrs)


def repeating(op: Op, args: Sequence[Node], mapped: Mapped, size: Dim, /, **attrs: Any) -> Any:
    """Of what takes any number of leading axes, the same in all arguments: itself."""
    return op(*all_repeated(args, mapped, size), **attrs)


def shifting(op: Op, args: Sequence[Node], mapped: Mapped, size: Dim, /, **attrs: Any) -> Any:
    """Of what has an attribute `axis`, one or several: itself with each axis one further on."""
    return repeating(op, args, mapped, size, **{**attrs, "axis": next_axis(attrs["axis"])})


def next_axis(axis: Any) -> Any:
    """An axis, or several, counted with a new one in front."""
    return tuple(a + 1 for a in axis) if isinstance(axis, tuple) else axis + 1


def shaping(
    op: Op, args: Sequence[Node], mapped: Mapped, size: Dim, /, shape: tuple[Dim, ...], **attrs: Any
) -> Any:
    """Of what has an attribute `shape`, the result's: itself with the new size in front."""
    return op(*aligned(args, mapped, len(shape)), shape=(size, *shape), **attrs)


def reshaping(
    op: Op, args: Sequence[Node], mapped: Mapped, size: Dim, /, shape: tuple[Dim, ...], **attrs: Any
) -> Any:
    """Of one argument that becomes of another `shape`: itself with the new size in front."""
    return op(*args, shape=(size, *shape), **attrs)


def viewing(op: Op, args: Sequence[Node], mapped: Mapped, size: Dim, /, **attrs: Any) -> Any:
    """Of a view that takes any number of leading axes: itself.

    Raises GraphError (G520) for any other, which is to say itself what becomes of it.
    """
    (x,) = args
    old, new = Type(x.dtype, x.shape[1:]), x.type
    before = op.spell.index(old, op.infer(old, **attrs), **attrs)
    after = op.spell.index(new, op.infer(new, **attrs), **attrs)
    if after != (Along(0), *map(_further, before)):
        raise GraphError(
            "vmap does not know what becomes of its attributes", subject=op.name, code="G520"
        )
    return op(x, **attrs)


def _further(at: Along) -> Along:
    """The index with one more axis in front."""
    also = tuple((axis + 1, scale) for axis, scale in at.also)
    return at if at.axis is None else Along(at.axis + 1, at.scale, at.offset, also)


def placing(
    op: Op,
    args: Sequence[Node],
    mapped: Mapped,
    size: Dim,
    shape: tuple[Dim, ...],
    starts: Sequence[tuple[Dim, ...]],
    steps: Sequence[tuple[int, ...]],
) -> Any:
    """Of pieces laid into slices: each laid along the whole new axis."""
    return op(
        *all_repeated(args, mapped, size),
        shape=(size, *shape),
        starts=tuple((0, *s) for s in starts),
        steps=tuple((1, *s) for s in steps),
    )


def cored(op: Op, args: Sequence[Node], mapped: Mapped, size: Dim, /, **attrs: Any) -> Any:
    """Of what has a core signature: itself over stacks with one axis more."""
    cores = [len(axes) for axes in signature(op.core or "").args]
    lead = max(r - c for r, c in zip(ranks(args, mapped), cores, strict=True))
    given = zip(args, mapped, cores, strict=True)
    return op(*(raised(a, m, lead + c) for a, m, c in given), **attrs)


def gathering(op: Op, args: Sequence[Node], mapped: Mapped, size: Dim) -> Node:
    """x[indices] for each x: where x has the new axis, its own position there is an index more."""
    x, indices = args[0], _indices(args[1:], mapped[1:], size)
    return op(x, *(rows(indices[0], size) if mapped[0] else ()), *indices)


def scattering(
    op: Op, args: Sequence[Node], mapped: Mapped, size: Dim, shape: tuple[Dim, ...]
) -> Node:
    """Values added up at indices, each set in a part of its own."""
    rank = max(ranks(args[1:], mapped[1:]))
    indices = _indices(args[1:], mapped[1:], size)
    values = raised(args[0], mapped[0], rank + len(shape) - len(indices))
    return op(values, *rows(indices[0], size), *indices, shape=(size, *shape))


def _indices(indices: Sequence[Node], mapped: Mapped, size: Dim) -> list[Node]:
    """The indices in one shape with the new axis in front."""
    found = aligned(indices, mapped)
    shape = broadcast((size, *(1,) * max(ranks(indices, mapped))), *(i.shape for i in found))
    return [i if i.shape == shape else FUNCTIONS["broadcast_to"](i, shape) for i in found]


def rows(like: Node, size: Dim) -> Iterable[Node]:
    """The position along the first axis, in the shape of some indices."""
    yield like.graph.add(OPS["iota"], (), {"shape": like.shape, "axes": (0,)})
