"""How accumulators grow: what they start from, and what joins them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graphc.expr import Binary, Call, Expr
from graphc.types import DTYPES


@dataclass(frozen=True)
class Reduction:
    """How an accumulator grows: what its lanes start from, and what joins the lanes."""

    neutral: Callable[[str], object]
    over: str
    join: Callable[[Expr, Expr], Expr]


def _least(dtype: str) -> object:
    info = DTYPES[dtype]
    return -float("inf") if dtype in ("f32", "f64") else _range(info)[0]


def _most(dtype: str) -> object:
    info = DTYPES[dtype]
    return float("inf") if dtype in ("f32", "f64") else _range(info)[1]


def _range(dtype: object) -> tuple[int, int]:
    found = np.iinfo(dtype)  # type: ignore[call-overload]
    return int(found.min), int(found.max)


# fmt: off
REDUCTIONS: dict[str, Reduction] = {
    "+":       Reduction(lambda t: 0,     "sum_lanes",  lambda a, b: Binary("+", a, b)),
    "*":       Reduction(lambda t: 1,     "prod_lanes", lambda a, b: Binary("*", a, b)),
    "maximum": Reduction(_least,          "max_lanes",  lambda a, b: Call("maximum", (a, b))),
    "minimum": Reduction(_most,           "min_lanes",  lambda a, b: Call("minimum", (a, b))),
    "|":       Reduction(lambda t: False, "any_lanes",  lambda a, b: Binary("|", a, b)),
    "&":       Reduction(lambda t: True,  "all_lanes",  lambda a, b: Binary("&", a, b)),
}
# fmt: on
