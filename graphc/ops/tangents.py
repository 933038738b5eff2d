"""Forward mode, operation by operation: rules for the tangent of a stage, as `Op.jvp` takes them.

A rule is called with the arguments' tangents, None for one that is zero; it answers None, a stage
that broadcasts to the shape of the result, or a tuple of those for several results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.graph import FUNCTIONS, Node

Tangents = Sequence[Node | None]


def first(tangents: Tangents, y: Node, /, *args: Node, **attrs: Any) -> Node:
    """Of what is linear in its first argument: itself of the tangent."""
    return y.op(tangents[0], *args[1:], **attrs)


def all_at_once(tangents: Tangents, y: Node, /, *args: Node, **attrs: Any) -> Node:
    """Of what is linear in all its arguments together: itself of all tangents."""
    given = (
        FUNCTIONS["zeros_like"](a) if t is None else t for t, a in zip(tangents, args, strict=True)
    )
    return y.op(*given, **attrs)


def bilinear(tangents: Tangents, y: Node, a: Node, b: Node, **attrs: Any) -> Node:
    """Of a product: d(ab) = da b + a db."""
    d_a, d_b = tangents
    terms = []
    terms += [] if d_a is None else [y.op(d_a, b, **attrs)]
    terms += [] if d_b is None else [y.op(a, d_b, **attrs)]
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]
