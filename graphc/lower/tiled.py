"""Products by BLAS turned into products by tiles of our own, where the cost model says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from graphc.expr import Call, Expr, Name, Number
from graphc.kernel import If, Kernel, Let, Loop, Param, Run, Stmt, While
from graphc.lower.blocks import counted
from graphc.lower.cost import value
from graphc.lower.edits import number
from graphc.lower.scope import Scope
from graphc.lower.touch import pointed
from graphc.plan.follow import of_block
from graphc.plan.products import Choice, choose
from graphc.types import DTYPES


@dataclass
class Tiled:
    """A kernel whose products are chosen, and the bytes in which a thread packs."""

    kernel: Kernel
    panel: int = 0


def tiled(kernel: Kernel, capacity: Mapping[str, int], threads: int) -> Tiled:
    """The kernel with every product made as the cost model chooses for so many threads.

    What a product packs lies at `mine`, which who calls this defines.
    """
    scope = Scope.of(kernel)
    for stmt in kernel.body:
        if isinstance(stmt, Let):
            scope.note(stmt)
    found = Tiled(kernel)
    body = tuple(_chosen(s, found, scope, capacity, threads) for s in kernel.body)
    found.kernel = replace(kernel, body=body)
    return found


def _chosen(
    stmt: Stmt, found: Tiled, scope: Scope, capacity: Mapping[str, int], threads: int, high: int = 0
) -> Stmt:
    """A statement with its products chosen; in a loop by blocks of `high` rows, if it is not 0."""
    if isinstance(stmt, (Loop, If, While)):
        if isinstance(stmt, Loop) and (count := counted(stmt)):
            capacity = {**capacity, count.names[0]: value(stmt.hi, capacity)}
            high = stmt.step
        body = tuple(_chosen(s, found, scope, capacity, threads, high) for s in stmt.body)
        return replace(stmt, body=body)
    if not isinstance(stmt, Run) or stmt.call.function != "gemm":
        return stmt
    args = stmt.call.args
    ta, tb = number(args[0]), number(args[1])
    m, n, k = (value(e, capacity) for e in args[2:5])
    dtype = scope.types[pointed(args[11])[0]]
    choice = choose(bool(ta), bool(tb), m, n, k, DTYPES[dtype].name, threads)
    choice = of_block(choice, high, DTYPES[dtype].itemsize) if high else choice
    found.panel = max(found.panel, choice.panel)
    return replace(stmt, call=Call("multiply", _arguments(args, choice)))


def _arguments(args: tuple[Expr, ...], choice: Choice) -> tuple[Expr, ...]:
    """A call's arguments, factors 0 and 1 as plain numbers, and how to pack."""
    plain = [_plain(e) if n in (5, 10) else e for n, e in enumerate(args)]
    panel = Name("mine") if choice.panel else Number(0, "i64")
    return (*plain, panel, Number(choice.depth, "i64"), Number(choice.rows, "i64"))


def _plain(factor: Expr) -> Expr:
    """A factor as the type of number that is known when the tile is made."""
    if isinstance(factor, Number) and factor.value in (0, 1):
        return Number(int(factor.value), "i64")
    return factor


def packing(kernel: Kernel, work: int) -> Kernel:
    """A kernel of one thread with the place where its products pack, behind `work`."""
    params = kernel.params
    if not any(p.name == "work" for p in params):
        params = (*params, Param("work", "array", "u8", 1))
    mine = Let(
        ("mine",), Call("shift", (Name("work"), Number(work, "i64"))), None, "where products pack"
    )
    return replace(kernel, params=params, body=(mine, *kernel.body))
