"""How accumulators grow: what they start from, and what joins them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graphc.expr import Binary, Call, Expr, Name
from graphc.kernel import Let, Stmt
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

TOTALS = {"+": "total", "maximum": "greatest", "minimum": "least"}
"""What joins the accumulators of a team's threads."""


def register_of(e: Call) -> str:
    """The register that a reduction over lanes is of."""
    return e.args[0].text if isinstance(e.args[0], Name) else ""


def is_register(start: Expr) -> bool:
    """Whether an accumulator starts as a register of lanes."""
    return isinstance(start, Call) and start.function.startswith("splat")


def joiner(name: str, stmt: Stmt) -> str:
    """By what an accumulator grows: `name = maximum(name, x)`."""
    e = stmt.expr if isinstance(stmt, Let) else None
    if isinstance(e, Call) and e.args and e.args[0] == Name(name):
        return e.function
    return "?"
