"""For each row with loose operations, what its left side matches: input shapes and a call.

The input t holds class labels, c a condition; the others are drawn in the element type under test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from graphc.graph import OPS, Node
from graphc.ops import (
    astype,
    broadcast_to,
    exp,
    expand_dims,
    log,
    log_softmax,
    logsumexp,
    max,
    mean,
    min,
    one_hot,
    permute_dims,
    prod,
    reshape,
    softmax,
    squeeze,
    sum,
)  # fmt: skip


class Example(NamedTuple):
    """Inputs by name with their shapes, and the stage written over them."""

    shapes: dict[str, tuple[int, ...]]
    write: Callable[..., Node]


def _x(*shape: int, write: Callable[..., Node]) -> Example:
    return Example({"x": shape}, write)


def _labelled(write: Callable[..., Node]) -> Example:
    return Example({"x": (5, 4), "t": (5,)}, write)


def _likelihood(x: Node, t: Node) -> Node:
    return sum(one_hot(t, 4, x.dtype) * log_softmax(x), axis=1)


# ruff: noqa: E501 - a row is one line
# fmt: off
EXAMPLES = {
    "cast-same":          _x(3,       write=lambda x: OPS["astype"](x, dtype=x.dtype)),
    "cast-twice":         Example({"c": (3,)}, lambda c: astype(astype(c, "i32"), "i64")),
    "reshape-same":       _x(2, 3,    write=lambda x: reshape(x, (2, 3))),
    "reshape-twice":      _x(2, 3,    write=lambda x: reshape(reshape(x, 6), (3, 2))),
    "broadcast-same":     _x(2, 3,    write=lambda x: broadcast_to(x, (2, 3))),
    "broadcast-twice":    _x(3,       write=lambda x: broadcast_to(broadcast_to(x, (2, 3)), (4, 2, 3))),
    "transpose-undone":   _x(2, 3,    write=lambda x: x.T.T),
    "transpose-twice":    _x(2, 3, 4, write=lambda x: permute_dims(permute_dims(x, (1, 2, 0)), (1, 0, 2))),
    "squeeze-expand":     _x(3,       write=lambda x: squeeze(expand_dims(x, 1), 1)),
    "expand-squeeze":     _x(3, 1,    write=lambda x: expand_dims(squeeze(x, 1), 1)),
    "prod-of-one":        _x(3, 1,    write=lambda x: prod(x, 1)),
    "max-of-one":         _x(1, 3,    write=lambda x: max(x, 0, keepdims=True)),
    "min-of-one":         _x(1, 3, 1, write=lambda x: min(x, (0, 2))),
    "logsumexp":          _x(5, 4,    write=lambda x: log(sum(exp(x), axis=1))),
    "logsumexp-shifted":  _x(5, 4,    write=lambda x: max(x, 1, keepdims=True) + logsumexp(x - max(x, 1, keepdims=True), 1, keepdims=True)),
    "softmax":            _x(5, 4,    write=lambda x: exp(x) / sum(exp(x), axis=1, keepdims=True)),
    "softmax-shifted":    _x(5, 4,    write=lambda x: softmax(x - max(x, 1, keepdims=True), 1)),
    "log-softmax":        _x(5, 4,    write=lambda x: log(softmax(x))),
    "minus-logsumexp":    _x(5, 4,    write=lambda x: x - logsumexp(x, 1, keepdims=True)),
    "cross-entropy":      _labelled(lambda x, t: mean(-_likelihood(x, t))),
    "cross-entropy-minus": _labelled(lambda x, t: -mean(_likelihood(x, t))),
}
# fmt: on
