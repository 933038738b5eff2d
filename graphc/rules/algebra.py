"""Equations that hold bit for bit, for every input: NaN, infinities and signs of zeros included.

What holds only for real numbers stands in refused.py with an input that breaks it.
"""

from __future__ import annotations

import numpy as np

from graphc.graph import Node
from graphc.ops import (
    abs,
    astype,
    broadcast_to,
    logical_and,
    logical_or,
    maximum,
    minimum,
    permute_dims,
    positive,
    reciprocal,
    relu,
    reshape,
    square,
    where,
)  # fmt: skip
from graphc.rules.rule import Found, Rule, Table, holes, loose, rule

x, y, z = holes("x y z")
c, d = holes("c d", "bool")


def _same_type(found: Found) -> bool:
    return found["x"].type == found["root"].type


def _signed(found: Found) -> bool:
    return found["x"].type.numpy.kind in "if"


def _undone(found: Found) -> bool:
    """Whether two transpositions put every axis back."""
    order = _composed(found)
    return order == tuple(range(len(order)))


def _composed(found: Found) -> tuple[int, ...]:
    inner, outer = found["inner"].attrs["axes"], found["root"].attrs["axes"]
    return tuple(inner[axis] for axis in outer)


def _same_axis(found: Found) -> bool:
    return bool(found["inner"].attrs["axis"] == found["root"].attrs["axis"])


def _lossless(found: Found) -> bool:
    """Whether the first of two casts keeps every value apart, in a type of the same kind."""
    start, middle = found["x"].type.numpy, found["inner"].type.numpy
    kinds = (start.kind == middle.kind or start.kind == "b") and found[
        "root"
    ].type.is_float == found["x"].type.is_float
    return kinds and np.can_cast(start, middle, "safe")


def _cast(found: Found) -> Node:
    return astype(found["x"], found["root"].dtype)


def _of_one(name: str) -> Rule:
    """A reduction along axes of size 1, whose start value changes nothing."""
    return rule(
        f"{name}-of-one",
        loose(name, x),
        lambda found: reshape(found["x"], found["root"].shape),
        when=lambda found: (
            [found["x"].shape[a] for a in found["root"].attrs["axis"]] == [1] * _axes(found)
        ),
    )


def _axes(found: Found) -> int:
    return len(found["root"].attrs["axis"])


# ruff: noqa: E501 - a row is one line
# fmt: off
ALGEBRA = Table("algebra",
    rule("mul-one",             x * 1.0,                        x),
    rule("mul-minus-one",       x * -1.0,                       -x),
    rule("div-one",             x / 1.0,                        x),
    rule("div-minus-one",       x / -1.0,                       -x),
    rule("sub-zero",            x - 0.0,                        x),
    rule("add-minus-zero",      x + -0.0,                       x),
    rule("neg-neg",             -(-x),                          x),  # noqa: B002 - no decrement
    rule("add-neg",             x + -y,                         x - y),
    rule("sub-neg",             x - -y,                         x + y),
    rule("mul-neg-neg",         (-x) * (-y),                    x * y),
    rule("div-neg-neg",         (-x) / (-y),                    x / y),
    rule("positive",            positive(x),                    x),
    rule("power-one",           x ** 1.0,                       x),
    rule("power-two",           x ** 2.0,                       square(x)),
    rule("power-minus-one",     x ** -1.0,                      reciprocal(x)),
    rule("square-neg",          square(-x),                     square(x)),
    rule("square-abs",          square(abs(x)),                 square(x)),
    rule("abs-neg",             abs(-x),                        abs(x),                 when=_signed),
    rule("abs-abs",             abs(abs(x)),                    abs(x)),
    rule("relu-relu",           relu(relu(x)),                  relu(x)),
    rule("max-same",            maximum(x, x),                  x),
    rule("min-same",            minimum(x, x),                  x),

    rule("not-not",             ~(~c),                          c),
    rule("and-same",            logical_and(c, c),              c),
    rule("or-same",             logical_or(c, c),               c),
    rule("where-same",          where(c, x, x),                 x,                      mixed=True),
    rule("where-not",           where(~c, x, y),                where(c, y, x),         mixed=True),
    rule("where-twice",         where(c, where(c, x, y), z),    where(c, x, z),         mixed=True),
    rule("where-else-twice",    where(c, x, where(c, y, z)),    where(c, x, z),         mixed=True),

    rule("cast-same",           loose("astype", x),                                 x,      when=_same_type),
    rule("cast-twice",          loose("astype", loose("astype", x, called="inner")), _cast, when=_lossless, mixed=True),
    rule("reshape-same",        loose("reshape", x),                                x,      when=_same_type),
    rule("reshape-twice",       loose("reshape", loose("reshape", x, called="inner")),
         lambda found: reshape(found["x"], found["root"].shape)),
    rule("broadcast-same",      loose("broadcast_to", x),                           x,      when=_same_type),
    rule("broadcast-twice",     loose("broadcast_to", loose("broadcast_to", x, called="inner")),
         lambda found: broadcast_to(found["x"], found["root"].shape)),
    rule("transpose-undone",    loose("transpose", loose("transpose", x, called="inner")),  x, when=_undone),
    rule("transpose-twice",     loose("transpose", loose("transpose", x, called="inner")),
         lambda found: permute_dims(found["x"], _composed(found))),
    rule("squeeze-expand",      loose("squeeze", loose("expand_dims", x, called="inner")),  x, when=_same_axis),
    rule("expand-squeeze",      loose("expand_dims", loose("squeeze", x, called="inner")),  x, when=_same_axis),
    *map(_of_one, ("prod", "max", "min")),
)
# fmt: on
