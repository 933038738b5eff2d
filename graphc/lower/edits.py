"""Statements changed in one respect: who runs them, where they begin and end, on which buffers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from graphc.expr import Binary, Call, Expr, Item, Name, Number
from graphc.kernel import If, Let, Loop, Stmt, While
from graphc.lower.parts import mapped, rebuilt

ME, ZERO = Name("me"), Number(0, "i64")
FIRST = Binary("==", ME, ZERO)


def number(e: Expr) -> int:
    """The value of a literal."""
    assert isinstance(e, Number)
    return int(e.value)


def shifted(pointer: Expr, by: Name, stride: int) -> Expr:
    """A pointer so many rows on."""
    step = by * Number(stride, "i64") if stride != 1 else by
    if isinstance(pointer, Call) and pointer.function == "shift":
        return Call("shift", (pointer.args[0], Binary("+", pointer.args[1], step)))
    return Call("shift", (pointer, step))


def alone(stmt: Stmt) -> If:
    """A statement for thread 0 only."""
    return If(FIRST, (stmt,))


def grouped(lines: list[Stmt]) -> list[Stmt]:
    """Neighbouring lines of thread 0 under one condition."""
    found: list[Stmt] = []
    for line in lines:
        last = found[-1] if found else None
        if isinstance(line, If) and isinstance(last, If) and line.condition == last.condition:
            found[-1] = replace(last, body=last.body + line.body)
        else:
            found.append(line)
    return found


def apart(lines: Iterable[Stmt]) -> Iterator[Stmt]:
    """The lines with a condition of its own for each that thread 0 runs."""
    for line in lines:
        if isinstance(line, If) and line.condition == FIRST:
            yield from map(alone, line.body)
        else:
            yield line


def ending(stmt: Stmt, whole: Expr, end: Expr) -> Stmt:
    """A line of a loop that counts what is left, up to where the thread's share ends."""
    if isinstance(stmt, Let) and stmt.names == ("left",):
        return mapped(stmt, lambda e: rebuilt(e, lambda part: end if part == whole else None))
    return stmt


def renamed(stmt: Stmt, names: Mapping[str, str]) -> Stmt:
    """The statement with other buffers."""

    def change(e: Expr) -> Expr | None:
        if isinstance(e, Name) and e.text in names:
            return Name(names[e.text])
        if isinstance(e, Item) and e.buffer in names:
            return Item(names[e.buffer], rebuilt(e.index, change))
        return None

    if isinstance(stmt, (Loop, If, While)):
        stmt = replace(stmt, body=tuple(renamed(s, names) for s in stmt.body))
    return mapped(stmt, lambda e: rebuilt(e, change))
