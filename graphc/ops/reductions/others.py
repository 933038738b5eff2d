"""The product of all elements but one along axes, for each of them: the gradient of a product.

It is exact where elements are 0, and closed under differentiation.
"""

from __future__ import annotations

import numpy as np

from graphc.graph import Node, Op, declare
from graphc.ops.elementwise.arith import equal, logical_and, where
from graphc.ops.reductions.reduce import Axes, prod, sum
from graphc.ops.shaping.layout import expand_dims, iota, transpose
from graphc.ops.spell import Expand
from graphc.ops.stacked import shifting

__all__: list[str] = []


def _others_define(x: Node, axis: Axes) -> Node:
    """Division where nothing is zero, else only the lone zero's element has a product: Note
    [Others].
    """
    zero = equal(x, 0)
    safe = where(zero, 1, x)
    zeros, whole = sum(zero, axis, keepdims=True), prod(safe, axis, keepdims=True)
    return where(equal(zeros, 0), whole / safe, where(logical_and(zero, equal(zeros, 1)), whole, 0))


def _others_numpy(x: np.ndarray, axis: Axes) -> np.ndarray:
    zeros = np.sum(x == 0, axis=axis, keepdims=True)
    safe = np.where(x == 0, 1, x)
    whole = np.prod(safe, axis=axis, keepdims=True)
    return np.where(zeros == 0, whole / safe, np.where((x == 0) & (zeros == 1), whole, 0))


def _others_vjp(g: Node, y: Node, x: Node, axis: Axes) -> tuple[Node]:
    """Row i of `pairs` is x with element i replaced by 1, so that its `others` leave out two; Note
    [Others].
    """
    n = len(axis)
    rows = tuple(x.shape[a] for a in axis)
    lead, inner = tuple(range(n)), tuple(n + a for a in axis)
    shape = (*rows, *x.shape)
    own = equal(iota(x, shape, lead), iota(x, shape, inner))
    pairs = _others(where(own, 1, x), axis=inner)
    upstream = transpose(g, (*axis, *(i for i in range(x.ndim) if i not in axis)))
    upstream = expand_dims(upstream, inner)
    return (sum(where(own, 0, upstream * pairs), lead),)


_others = declare(
    Op(
        "others",
        lambda x, axis: x,
        Expand(_others_define),
        _others_numpy,
        _others_vjp,
        batch=shifting,
    )
)
"""For each element, the product of all others along `axis`: the gradient of a product, exact where
elements are 0.
"""


# Note [Others]. The gradient of a product with respect to x[i] is the product of all x[j], j != i.
# That is y / x[i] only where x[i] is not 0. With one zero among the elements, only that element has
# a product of others that is not 0; with two or more, none has. So one division and one count of
# zeros give the gradient in linear time. Its own gradient needs products that leave out two
# elements: they are the `others` of rows in which one element is replaced by 1, which is quadratic,
# but exact and closed under differentiation.
