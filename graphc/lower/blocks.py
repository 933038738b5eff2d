"""A loop over the rows of a product to one by blocks of rows, each made right before it is read.

    for row in range(0, 256, 24):
        high = min(24, 256 - row)
        gemm(...)                      # rows from `row` on, `high` of them
        for i in range(high): ...      # what reads them

The block lies in memory of its own from its first row on; all else is touched at row + i.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

from graphc.expr import Binary, Call, Expr, Item, Name, Number
from graphc.kernel import If, Let, Loop, Run, Stmt, While
from graphc.lower.edits import number, shifted
from graphc.lower.parts import mapped, rebuilt

ZERO = Number(0, "i64")


def by_blocks(loop: Loop, height: int, row: Name, high: Name, blocks: Container[str]) -> Loop:
    """The loop by blocks of `height` rows; its first statement makes them in one of the buffers
    `blocks`, which have no more than a block.
    """
    product, *rest = loop.body
    assert isinstance(product, Run)
    count = Let((high.text,), rows_left(height, loop.hi, row))
    body = tuple(_later(s, loop.index, row, blocks) for s in rest)
    inner = Loop(loop.index, ZERO, high, 1, body)
    return Loop(row.text, ZERO, loop.hi, height, (count, _from(product, row, high), inner))


def rows_left(height: int, end: Expr, row: Name) -> Call:
    """The rows of a block: fewer where the last one ends."""
    return Call("min", (Number(height, "i64"), Binary("-", end, row)))


def counted(loop: Loop) -> Let | None:
    """The line of a loop by blocks that counts a block's rows; None for any other loop."""
    first = loop.body[0] if loop.body else None
    if not isinstance(first, Let) or loop.step == 1:
        return None
    return first if first.expr == rows_left(loop.step, loop.hi, Name(loop.index)) else None


def within(loop: Loop, capacity: Mapping[str, int]) -> Mapping[str, int]:
    """What sizes are at most inside of a loop."""
    count = counted(loop)
    return capacity if count is None else {**capacity, count.names[0]: loop.step}


def until(loop: Loop, end: Expr) -> tuple[Stmt, ...]:
    """The body of a loop by blocks where it ends elsewhere."""
    count = counted(loop)
    assert count is not None
    left = rows_left(loop.step, end, Name(loop.index))
    return (replace(count, expr=left), *loop.body[1:])


def _from(product: Run, row: Name, high: Name) -> Run:
    """A product of these rows alone."""
    args = list(product.call.args)
    args[2] = high
    args[6] = shifted(args[6], row, 1 if number(args[0]) else number(args[7]))
    return replace(product, call=Call(product.call.function, tuple(args)))


def _later(stmt: Stmt, index: str, row: Name, blocks: Container[str]) -> Stmt:
    """A statement that counts rows from `row` on, but for those of a block."""

    def change(e: Expr) -> Expr | None:
        if isinstance(e, Item) and e.buffer in blocks:
            return e
        return Binary("+", row, e) if e == Name(index) else None

    if isinstance(stmt, (Loop, If, While)):
        body = tuple(_later(s, index, row, blocks) for s in stmt.body)
        stmt = replace(stmt, body=body)
    return mapped(stmt, lambda e: rebuilt(e, change))
