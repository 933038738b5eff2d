"""Equations that look true and are not, each with an input that breaks it: no table has them.

They hold for real numbers. The numbers here are rounded, have infinities, NaN and a zero of each
sign, and some of these functions have a gradient that was chosen at a corner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, nan

from graphc.graph import Node
from graphc.ops import (
    exp,
    greater_equal,
    less,
    log,
    maximum,
    reciprocal,
    relu,
    sigmoid,
    sqrt,
    square,
    sum,
    where,
)  # fmt: skip
from graphc.rules.rule import PATTERNS, holes

x, y, z = holes("x y z")


@dataclass(frozen=True)
class Refused:
    """An equation, where it breaks, and why; `of` says what breaks: value or gradient."""

    left: Node
    right: Node
    breaks: Mapping[str, float]
    why: str
    of: str = "value"


def refuse(
    left: Node, right: Node | float, *, why: str, of: str = "value", **breaks: float
) -> Refused:
    """A row of REFUSED; holes and their values are given by name."""
    right = right if isinstance(right, Node) else PATTERNS.constant(right)
    return Refused(left, right, breaks, why, of)


# ruff: noqa: E501 - a row is one line
# fmt: off
REFUSED = (
    refuse(x + 0.0,             x,                          x=-0.0,                 why="-0 + 0 is +0"),
    refuse(sum(x),              x,                          x=-0.0,                 why="a sum starts at +0, also over one element"),
    refuse(0.0 - x,             -x,                         x=0.0,                  why="0 - 0 is +0 and -(0) is -0"),
    refuse(-(x - y),            y - x,                      x=1.0, y=1.0,           why="-(+0) is -0"),
    refuse(x * 0.0,             0.0,                        x=inf,                  why="inf * 0 is nan, and -1 * 0 is -0"),
    refuse(x - x,               0.0,                        x=inf,                  why="inf - inf is nan"),
    refuse(x / x,               1.0,                        x=0.0,                  why="0 / 0 is nan"),
    refuse((x + y) - y,         x,                          x=1e-20, y=1.0,         why="x is lost in the sum"),
    refuse((x * y) / y,         x,                          x=1e200, y=1e200,       why="the product overflows"),
    refuse((x + y) + z,         x + (y + z),                x=1.0, y=1e-16, z=1e-16, why="small terms are lost one by one"),
    refuse((x * y) * z,         x * (y * z),                x=1e200, y=1e200, z=1e-200, why="the first product overflows"),
    refuse(x * y + x * z,       x * (y + z),                x=1e308, y=10.0, z=-9.0, why="both products overflow, to inf - inf"),
    refuse(x / y,               x * reciprocal(y),          x=49.0, y=49.0,         why="1 / 49 is rounded"),
    refuse(reciprocal(reciprocal(x)), x,                    x=49.0,                 why="1 / 49 is rounded"),
    refuse(x ** y,              sqrt(x),                    x=-inf, y=0.5,          why="a power of -inf is inf, its root nan"),
    refuse(square(sqrt(x)),     x,                          x=-1.0,                 why="the root is nan"),
    refuse(exp(log(x)),         x,                          x=-1.0,                 why="the logarithm is nan"),
    refuse(exp(x) * exp(y),     exp(x + y),                 x=710.0, y=-710.0,      why="exp(710) is inf"),
    refuse(log(x ** 2.0),       2.0 * log(x),               x=-1.0,                 why="the square is positive"),
    refuse(log(x ** y),         y * log(x),                 x=-1.0, y=2.0,          why="the power is positive"),
    refuse(log(x * y),          log(x) + log(y),            x=-1.0, y=-1.0,         why="the product is positive"),
    refuse(sigmoid(-x),         1.0 - sigmoid(x),           x=40.0,                 why="1 - 1 has lost it"),
    refuse(~less(x, y),         greater_equal(x, y),        x=nan, y=0.0,           why="nan is neither"),
    refuse(maximum(x, y),       where(x > y, x, y),         x=nan, y=0.0,           why="nan is to stay, in the first argument too"),
    refuse(where(x > 0.0, x, 0.0), relu(x),                 x=nan,                  why="nan is not above 0, and relu keeps it"),
    refuse(maximum(x, 0.0),     relu(x),                    x=0.0,                  why="a tie gives its first argument all, relu' gives 0",
           of="gradient"),
)
# fmt: on
