"""Statements that a kernel repeats with other buffers, as a deep net's equal layers do, are written
once, as a function, and called.

A run of top-level statements is repeated where it reads the same but for names. Every name that it
has from outside is an argument; one whose variables are read behind it stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from graphc.expr import Call, Expr, Item, Name
from graphc.kernel import Add, If, Kernel, Let, Loop, Param, Return, Run, Stmt, While
from graphc.lower.parts import everything, exprs, mapped, rebuilt
from graphc.lower.touch import flat

LEAST = 3
"""So many repeats are worth a function."""

LONGEST = 64
"""The statements of a layer, at the most."""

MOST_ARGUMENTS, MOST_TRIED = 30, 16

Fresh = Callable[[str], str]


@dataclass(frozen=True)
class Repeat:
    """`count` times `length` statements, one behind the other, from `start` on."""

    start: int
    length: int
    count: int

    @property
    def saved(self) -> int:
        """The statements that need not be written."""
        return self.length * (self.count - 1)


def outlined(kernel: Kernel, fresh: Fresh) -> tuple[Kernel, list[Kernel]]:
    """The kernel with calls in place of what it repeats, and the functions that it calls."""
    functions: list[Kernel] = []
    body = list(kernel.body)
    while (found := _best(body)) is not None:
        body = _called(body, found, functions, fresh)
    return replace(kernel, body=tuple(body)), functions


# Finding repeats


def _best(body: list[Stmt]) -> Repeat | None:
    """The repeat that saves most, of those that may be a function."""
    shapes = [_shape(s) for s in body]
    found = [r for p in range(1, min(LONGEST, len(body) // LEAST) + 1) for r in _runs(shapes, p)]
    reads = _reads(body)
    for each in sorted(found, key=lambda r: (-r.saved, r.length))[:MOST_TRIED]:
        fitting = _fitting(body, each, reads)
        if fitting is not None:
            return fitting
    return None


def _shape(stmt: Stmt) -> str | None:
    """What a statement is without its names; None for one that stays where it is."""
    view = isinstance(stmt, Let) and isinstance(stmt.expr, Call) and stmt.expr.function[:3] == "at_"
    leaves = any(isinstance(s, Return) for s in flat([stmt]))
    return None if view or leaves else repr(_bare(stmt, {}, always="?"))


def _runs(shapes: Sequence[str | None], period: int) -> Iterator[Repeat]:
    """Stretches in which each statement is like the one a period before."""
    start = 0
    for at in range(len(shapes) + 1):
        alike = at + period < len(shapes) and shapes[at] == shapes[at + period]
        if alike and shapes[at] is not None:
            continue
        count = (at - start) // period + 1
        if count >= LEAST and any(map(_is_work, shapes[start:at])):
            yield Repeat(start, period, count)
        start = at + 1


def _is_work(shape: str | None) -> bool:
    """Whether a statement is more than a scalar line."""
    return shape is not None and ("Loop(" in shape or "'multiply'" in shape or "'gemm'" in shape)


def _fitting(body: list[Stmt], repeat: Repeat, reads: Counter[str]) -> Repeat | None:
    """The longest part of a repeat whose turns are the same up to names, at its best beginning."""
    n = repeat.length
    for shift in range(min(n, repeat.length)):
        start = repeat.start + shift
        count = (repeat.length * repeat.count - shift) // n
        keys = [_unit(body[start + turn * n :][:n], reads) for turn in range(count)]
        first = next((k for k, key in enumerate(keys) if key is not None), None)
        if first is None:
            continue
        alike = next((k for k in range(first, count) if keys[k] != keys[first]), count)
        if alike - first >= LEAST:
            return Repeat(start + first * n, n, alike - first)
    return None


def _unit(unit: list[Stmt], reads: Counter[str]) -> str | None:
    """What a run of statements says but for its names; None where it cannot be a function: `reads`
    has how often each name is read in all of the kernel.
    """
    own, mine = _defined(unit), _reads(unit)
    if any(reads[name] > mine[name] for name in own) or len(_arguments(unit)) > MOST_ARGUMENTS:
        return None
    names = _numbered(unit)
    return repr([_bare(s, names) for s in unit])


# Names


def _names(unit: Sequence[Stmt]) -> list[str]:
    """All names in the order of their first appearance."""
    found: dict[str, None] = {}
    for stmt in flat(unit):
        found.update(dict.fromkeys(n for e in _expressions(stmt) for n in _of(e)))
        found.update(dict.fromkeys(getattr(stmt, "names", ())))
        if isinstance(stmt, Loop):
            found[stmt.index] = None
    return list(found)


def _of(e: Expr) -> Iterator[str]:
    for part in everything(e):
        if isinstance(part, Name):
            yield part.text
        elif isinstance(part, Item):
            yield part.buffer


def _expressions(stmt: Stmt) -> list[Expr]:
    more = [getattr(stmt, name, None) for name in ("lo", "hi", "condition")]
    return [*exprs(stmt), *getattr(stmt, "exprs", ()), *(e for e in more if isinstance(e, Expr))]


def _defined(unit: Sequence[Stmt]) -> set[str]:
    """The variables that the statements give values to, outside of loops."""
    assigned = {n for s in unit if isinstance(s, Let) for n in s.names}
    targets = (getattr(s, "target", None) for s in flat(unit) if isinstance(s, Add))
    return assigned | {t.text for t in targets if isinstance(t, Name)} - _local(unit)


def _local(unit: Sequence[Stmt]) -> set[str]:
    """The variables of loops, and those that only they know."""
    inner = [s for stmt in unit if isinstance(stmt, (Loop, If, While)) for s in flat([stmt])]
    names = {n for s in inner if isinstance(s, Let) for n in s.names}
    return names | {s.index for s in inner if isinstance(s, Loop)}


def _reads(body: Sequence[Stmt]) -> Counter[str]:
    """How often each name is read."""
    return Counter(n for stmt in flat(body) for e in _expressions(stmt) for n in _of(e))


def _arguments(unit: Sequence[Stmt]) -> list[str]:
    """The names that the statements have from outside."""
    own = {n for s in unit if isinstance(s, Let) for n in s.names} | _local(unit)
    return [n for n in _names(unit) if n not in own]


def _numbered(unit: Sequence[Stmt]) -> dict[str, str]:
    return {name: f"?{n}" for n, name in enumerate(_names(unit))}


def _bare(stmt: Stmt, names: dict[str, str], always: str = "") -> Stmt:
    """The statement under other names, without what it says of stages."""

    def new(name: str) -> str:
        return always or names.get(name, name)

    def change(e: Expr) -> Expr | None:
        if isinstance(e, Name):
            return Name(new(e.text))
        return Item(new(e.buffer), rebuilt(e.index, change)) if isinstance(e, Item) else None

    changed = mapped(stmt, lambda e: rebuilt(e, change))
    fields: dict[str, object] = {"tag": None} if hasattr(stmt, "tag") else {}
    bounds = ((n, getattr(stmt, n, None)) for n in ("lo", "hi", "condition"))
    fields |= {n: rebuilt(e, change) for n, e in bounds if e is not None}
    fields |= {"names": tuple(map(new, stmt.names)), "note": ""} if isinstance(stmt, Let) else {}
    fields |= {"index": new(stmt.index)} if isinstance(stmt, Loop) else {}
    inner = getattr(stmt, "body", None)
    fields |= {"body": tuple(_bare(s, names, always) for s in inner)} if inner is not None else {}
    return replace(changed, **fields)  # type: ignore[arg-type]


# Calls


def _called(body: list[Stmt], repeat: Repeat, functions: list[Kernel], fresh: Fresh) -> list[Stmt]:
    """The body with a repeat written as calls of a new function."""
    turns = [
        body[at : at + repeat.length]
        for at in range(repeat.start, repeat.start + repeat.length * repeat.count, repeat.length)
    ]
    name = fresh(_title(turns[0]))
    params = tuple(Param(n, "any", "") for n in _arguments(turns[0]))
    doc = f"One of {repeat.count} equal parts, written as for the first."
    functions.append(Kernel(name, doc, params, tuple(turns[0])))
    calls = [_call(name, unit) for unit in turns]
    end = repeat.start + repeat.length * repeat.count
    return [*body[: repeat.start], *calls, *body[end:]]


def _call(name: str, unit: Sequence[Stmt]) -> Stmt:
    tag = next((s.tag for s in flat(unit) if getattr(s, "tag", None)), None)  # type: ignore[union-attr]
    return Run(Call(name, tuple(Name(n) for n in _arguments(unit))), tag)


def _title(unit: Sequence[Stmt]) -> str:
    """What a layer is called, by the sweep that it belongs to."""
    tags = {t.direction for s in flat(unit) if (t := getattr(s, "tag", None))}
    return "layer" if "forward" in tags else "d_layer" if "backward" in tags else "update_layer"
