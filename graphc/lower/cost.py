"""Roughly what statements cost: whether a loop or a kernel is worth a team of threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from graphc.expr import Binary, Call, Expr, Name, Number
from graphc.kernel import If, Loop, Run, Stmt
from graphc.lower.blocks import within
from graphc.lower.parts import everything, exprs

WORTH = 4000
"""A loop of fewer operations than this is not shared."""


def operations(stmt: Stmt, capacity: Mapping[str, int]) -> int:
    """Roughly how many operations a statement takes; a register's counts as one."""
    if isinstance(stmt, Loop):
        turns, inside = max(1, value(stmt.hi, capacity) // stmt.step), within(stmt, capacity)
        return turns * sum(operations(s, inside) for s in stmt.body)
    if isinstance(stmt, If):
        return sum(operations(s, capacity) for s in stmt.body)
    if isinstance(stmt, Run) and stmt.call.function in PRODUCTS:
        m, n, k = (value(e, capacity) for e in stmt.call.args[2:5])
        return m * n * k // 8
    if isinstance(stmt, Run) and stmt.call.function == "fill":
        return value(stmt.call.args[1], capacity) // 8
    return 1 + sum(isinstance(p, Call) for e in exprs(stmt) for p in everything(e))


def is_large(stmt: Stmt, capacity: Mapping[str, int]) -> bool:
    """Whether sharing a statement among threads is worth it."""
    return isinstance(stmt, (Loop, Run)) and operations(stmt, capacity) >= WORTH


def value(e: Expr, capacity: Mapping[str, int]) -> int:
    """What a size is at most."""
    return VALUES[type(e)](e, capacity)


VALUES: dict[type, Callable[..., int]] = {
    Number: lambda e, capacity: int(e.value),
    Name: lambda e, capacity: capacity.get(e.text, 1),
    Binary: lambda e, capacity: {
        "+": int.__add__, "-": int.__sub__, "*": int.__mul__,
    }[e.op](value(e.left, capacity), value(e.right, capacity)),
}  # fmt: skip
PRODUCTS = ("gemm", "multiply")
