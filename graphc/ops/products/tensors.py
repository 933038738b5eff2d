"""Products of vectors and tensors: tensordot, inner, vecdot, cross, chains of matrices, powers.

Sums over several axes are einsum's, so their gradients are.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import FUNCTIONS, Node, Op, declare, graph_of, public
from graphc.ops.axes import axis_of, stage
from graphc.ops.elementwise.arith import multiply, power
from graphc.ops.products.einsum import NOMINAL, einsum
from graphc.ops.products.linear import matmul
from graphc.ops.shaping.layout import expand_dims, flip, iota, squeeze
from graphc.ops.shaping.pieces import part, stack
from graphc.ops.spell import Expand
from graphc.types import Dim, Size, Type, as_dim, broadcast, promote, shape_text

__all__ = [
    "cross",
    "inner",
    "multi_dot",
    "tensordot",
    "vander",
    "vecdot",
]

# Sums over axes of two arrays


def _letters(count: int, start: int = 0) -> str:
    return ascii_letters[start : start + count]


@public
def tensordot(a: Any, b: Any, axes: Any = 2) -> Node:
    """The sum over axes of both: the last `axes` of `a` with the first of `b`, or the pairs that
    two lists of axes make. Shape: the other axes of `a`, then those of `b`. Raises ShapeError
    (G102, G103).
    """
    left, right = graph_of(a, b).lift((a, b))
    ours, theirs = _axis_pairs(left, right, axes)
    la = _letters(left.ndim)
    names = {t: la[o] for o, t in zip(ours, theirs, strict=True)}
    lb = "".join(names.get(i, c) for i, c in enumerate(_letters(right.ndim, left.ndim)))
    _check_same(left, right, ours, theirs)
    output = "".join(c for c in la + lb if (c in la) != (c in lb))
    return einsum(f"{la},{lb}->{output}", left, right)


def _axis_pairs(a: Node, b: Node, axes: Any) -> tuple[list[int], list[int]]:
    if isinstance(axes, (tuple, list)):
        lists = [list(x) if isinstance(x, (tuple, list)) else [x] for x in axes]
        if len(lists) != 2 or len(lists[0]) != len(lists[1]):
            raise ShapeError(f"axes {axes!r} are not two lists of one length", code="G103")
        return (
            [axis_of(i, a.ndim, a.shape) for i in lists[0]],
            [axis_of(i, b.ndim, b.shape) for i in lists[1]],
        )
    if not 0 <= axes <= min(a.ndim, b.ndim):
        raise ShapeError(f"{axes} axes are not in {a.type} and {b.type}", code="G103")
    return list(range(a.ndim - axes, a.ndim)), list(range(axes))


def _check_same(a: Node, b: Node, ours: Sequence[int], theirs: Sequence[int]) -> None:
    """Raise ShapeError (G101) where sizes differ: these axes do not broadcast."""
    for i, j in zip(ours, theirs, strict=True):
        if a.shape[i] != b.shape[j]:
            raise ShapeError(
                f"axis {i} of {shape_text(a.shape)} and axis {j} of {shape_text(b.shape)} "
                f"have sizes {a.shape[i]} and {b.shape[j]}",
                code="G101",
            )


@public
def inner(a: Any, b: Any) -> Node:
    """The sums over the last axes of both, for all others of `a`, then of `b`; a scalar
    multiplies. Raises ShapeError (G101).
    """
    left, right = graph_of(a, b).lift((a, b))
    if not left.ndim or not right.ndim:
        return multiply(left, right)
    return tensordot(left, right, ([-1], [-1]))


@public
def vecdot(a: Any, b: Any, axis: int = -1) -> Node:
    """The inner products of vectors along `axis`, other axes broadcast; raises ShapeError (G101,
    G102, G103).
    """
    left, right = graph_of(a, b).lift((a, b))
    left, right = (
        FUNCTIONS["moveaxis"](x, axis_of(axis, x.ndim, x.shape), -1) for x in (left, right)
    )
    _check_same(left, right, [left.ndim - 1], [right.ndim - 1])
    return einsum("...a,...a->...", left, right)


# The cross product


def _cross_type(a: Type, b: Type, axis: int) -> Type:
    shape = broadcast(a.shape, b.shape)
    for t in (a, b):
        at = axis - (len(shape) - t.rank)
        if at < 0 or t.shape[at] != 3:
            raise ShapeError(f"a cross product is of vectors of 3, not {a} and {b}", code="G101")
    return Type(promote(a.dtype, b.dtype), shape)


def _cross_define(a: Node, b: Node, axis: int) -> Node:
    rank = max(a.ndim, b.ndim)
    (a1, a2, a3), (b1, b2, b3) = (_components(x, axis - (rank - x.ndim)) for x in (a, b))
    return stack([a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1], axis)


def _components(x: Node, axis: int) -> list[Node]:
    shape = tuple(1 if i == axis else d for i, d in enumerate(x.shape))
    return [
        squeeze(part(x, tuple(k if i == axis else 0 for i in range(x.ndim)), shape), axis)
        for k in range(3)
    ]


_cross: Op = declare(
    Op(
        "cross",
        _cross_type,
        Expand(_cross_define),
        lambda a, b, axis: np.cross(a, b, axis=axis - max(a.ndim, b.ndim)),
        lambda g, y, a, b, axis: (_cross(b, g, axis=axis), _cross(g, a, axis=axis)),
    )
)


@public
def cross(a: Any, b: Any, axis: int = -1) -> Node:
    """a x b, for vectors of 3 along `axis`; other axes broadcast.

    Its gradients are b x g and g x a. Raises ShapeError (G101, G102, G103).
    """
    left, right = graph_of(a, b).lift((a, b))
    shape = broadcast(left.shape, right.shape)
    return _cross(left, right, axis=axis_of(axis, len(shape), shape))


# Chains of matrices


@public
def multi_dot(arrays: Sequence[Any]) -> Node:
    """The product of a chain of matrices, multiplied in the order of the fewest operations; the
    first and the last may be vectors. Source: Cormen et al., Introduction to Algorithms, 15.2.
    Raises ShapeError (G101), UsageError.
    """
    nodes = graph_of(*arrays).lift(arrays)
    if len(nodes) < 2:
        raise UsageError("a chain has two matrices or more")
    for x in nodes:
        if x.ndim not in ((1, 2) if x in (nodes[0], nodes[-1]) else (2,)):
            raise ShapeError(f"a chain is of matrices, not {x.type}", code="G101")
    left, right = nodes[0].ndim == 1, nodes[-1].ndim == 1
    chain = [expand_dims(nodes[0], 0) if left else nodes[0], *nodes[1:-1]]
    chain.append(expand_dims(nodes[-1], 1) if right else nodes[-1])
    found = _chained(chain, _cuts([*(x.shape[0] for x in chain), chain[-1].shape[1]]))
    gone = tuple(axis for axis, is_vector in enumerate((left, right)) if is_vector)
    return squeeze(found, gone) if gone else found


def _cuts(sizes: Sequence[Dim]) -> dict[tuple[int, int], int]:
    """Where the part of a chain from matrix i to matrix j is cut in two."""
    n = [NOMINAL if isinstance(d, Size) else d for d in sizes]
    costs: dict[tuple[int, int], int] = {(i, i): 0 for i in range(len(n) - 1)}
    cuts: dict[tuple[int, int], int] = {}
    for span in range(1, len(n) - 1):
        for i in range(len(n) - 1 - span):
            j = i + span
            found = {
                k: costs[i, k] + costs[k + 1, j] + n[i] * n[k + 1] * n[j + 1] for k in range(i, j)
            }
            cuts[i, j] = min(found, key=found.__getitem__)
            costs[i, j] = found[cuts[i, j]]
    return cuts


def _chained(chain: Sequence[Node], cuts: dict[tuple[int, int], int]) -> Node:
    def between(i: int, j: int) -> Node:
        if i == j:
            return chain[i]
        return matmul(between(i, cuts[i, j]), between(cuts[i, j] + 1, j))

    return between(0, len(chain) - 1)


# Powers of a vector


@public
def vander(x: Node, n: Any = None, *, increasing: bool = False) -> Node:
    """The powers of each element as a row, from n - 1 down to 0, or up if `increasing`.

    Shape (*x.shape, n); `n` is the last size of `x` unless told. Raises ShapeError (G103).
    """
    axis_of(0, stage(x).ndim, x.shape)
    count = x.shape[-1] if n is None else as_dim(n)
    exponents = iota(x, (count,), (0,))
    exponents = exponents if increasing else flip(exponents)
    return power(expand_dims(x, -1), exponents)
