"""What runs along the last axis, each element with all before it: sums, products, extremes, linear
recurrences; one routine each.

Recurrences are their own gradient, run the other way.
"""

from __future__ import annotations

import numpy as np

from graphc.graph import Node, Op, declare
from graphc.ops.shaping.pieces import part, place
from graphc.ops.spell import Routine
from graphc.types import Type, promote

__all__: list[str] = []


def _reversed(x: np.ndarray, reverse: bool) -> np.ndarray:
    return x[..., ::-1] if reverse else x


running_sum = declare(
    Op(
        "running_sum",
        lambda x, reverse: x,
        Routine("running_sum", ("reverse",)),
        lambda x, reverse: _reversed(np.add.accumulate(_reversed(x, reverse), -1), reverse),
        core="(n)->(n)",
    )
)
running_product = declare(
    Op(
        "running_product",
        lambda x: x,
        Routine("running_product"),
        lambda x: np.multiply.accumulate(x, -1),
        core="(n)->(n)",
    )
)
running_logsumexp = declare(
    Op(
        "running_logsumexp",
        lambda x: x,
        Routine("running_logsumexp"),
        lambda x: np.logaddexp.accumulate(x, -1),
        core="(n)->(n)",
    )
)


def best_numpy(x: np.ndarray, least: bool, axis: int = -1) -> np.ndarray:
    """Where the first greatest (least) element so far stands along an axis."""
    if not x.shape[axis]:
        return np.zeros(x.shape, np.int64)
    x = np.moveaxis(x, axis, -1)
    run = (np.minimum if least else np.maximum).accumulate(x, -1)
    new = ~((run[..., 1:] == run[..., :-1]) | np.isnan(run[..., :-1].astype(float)))
    at = np.zeros(x.shape, np.int64)
    at[..., 1:] = np.where(new, np.arange(1, x.shape[-1]), 0)
    return np.moveaxis(np.maximum.accumulate(at, -1), -1, axis)


running_best = declare(
    Op(
        "running_best",
        lambda x, least: x.with_dtype("i64"),
        Routine("running_best", ("least",)),
        best_numpy,
        core="(n)->(n)",
    )
)
"""Where the first greatest element so far stands, or the least."""


# Linear recurrences


def _recurrence_numpy(factors: np.ndarray, x: np.ndarray, reverse: bool) -> np.ndarray:
    factors, found = _reversed(factors, reverse), np.array(_reversed(x, reverse))
    for k in range(1, x.shape[-1]):
        found[..., k] += factors[..., k] * found[..., k - 1]
    return _reversed(found, reverse)


def shifted(x: Node, reverse: bool) -> Node:
    """Each element's neighbour before it, behind it if reversed; 0 where there is none."""
    n = x.shape[-1]
    if n == 0:
        return x
    lead = (0,) * (x.ndim - 1)
    start, target = (1, 0) if reverse else (0, 1)
    inner = part(x, (*lead, start), (*x.shape[:-1], n - 1))
    return place(inner, shape=x.shape, starts=((*lead, target),), steps=((1,) * x.ndim,))


def _recurrence_vjp(g: Node, y: Node, factors: Node, x: Node, reverse: bool) -> tuple[Node, Node]:
    """A recurrence the other way, whose factors are the neighbours'."""
    back = recurrence(shifted(factors, not reverse), g, reverse=not reverse)
    return back * shifted(y, reverse), back


recurrence: Op = declare(
    Op(
        "recurrence",
        lambda factors, x, reverse: Type(promote(factors.dtype, x.dtype), x.shape),
        Routine("recurrence", ("reverse",)),
        _recurrence_numpy,
        _recurrence_vjp,
        core="(n),(n)->(n)",
    )
)
"""y[0] = x[0], y[k] = factors[k] y[k - 1] + x[k]; from the end if reversed. Both of one shape."""
