"""Calls one behind the other whose arguments move on by equal steps, as a loop over the layers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from graphc.expr import Binary, Call, Expr, Name, Number
from graphc.kernel import Let, Loop, Stmt
from graphc.lower.family import Argument, Family, Filling, as_expr, called, marked

LEAST = 4
"""So many calls are worth a loop."""

Fresh = Callable[[str], str]


@dataclass(frozen=True)
class Calls:
    """What stands in place of the runs `first` to `last - 1`."""

    first: int
    last: int
    stmts: tuple[Stmt, ...]


def rolled(family: Family, starts: list[int], name: str, fresh: Fresh) -> Iterator[Calls]:
    """The calls of a function, those that can be in loops."""
    length, first = len(family.runs[0]), 0
    while first < len(starts):
        last = _end(family, starts, length, first)
        if last - first >= LEAST:
            yield Calls(first, last, _loop(family, name, first, last, fresh))
        else:
            last = first + 1
            yield Calls(first, last, (family.call(name, first),))
        first = last


def _end(family: Family, starts: list[int], length: int, first: int) -> int:
    """How far calls from `first` on are neighbours and move on by equal steps."""
    last = first + 1
    while last < len(starts) and starts[last] == starts[last - 1] + length:
        if not all(_even(family, a.given, first, last) for a in family.arguments):
            break
        if any(r[last] != r[first] for r in family.results):
            break
        last += 1
    return last


def _even(family: Family, given: tuple[Filling, ...], first: int, last: int) -> bool:
    """Whether an argument's step to `last` is the one from `first` on."""
    kinds = {_position(family, given[n])[0] for n in (first, last)}
    at = [_position(family, given[n])[1] for n in (first, first + 1, last - 1, last)]
    return len(kinds) == 1 and at[1] - at[0] == at[3] - at[2]


def _position(family: Family, filling: Filling) -> tuple[object, int]:
    """What an argument is, and where."""
    if isinstance(filling, Number):
        whole = filling.dtype == "i64"
        return (("number",), int(filling.value)) if whole else (filling, 0)
    view = family.views.get(filling)
    return ((view.base, view.call, view.note), view.offset) if view else (filling, 0)


def _loop(family: Family, name: str, first: int, last: int, fresh: Fresh) -> tuple[Stmt, ...]:
    layer = fresh("layer")
    lines: list[Stmt] = []
    args: list[Expr] = []
    for argument in family.arguments:
        args.append(_passed(family, argument, first, Name(layer), lines, fresh))
    tag = marked([line for run in family.runs[first:last] for line in run])
    results = tuple(r[first] for r in family.results)
    lines.append(called(Call(name, tuple(args)), results, tag))
    count = Number(last - first, "i64")
    return (Loop(layer, Number(0, "i64"), count, 1, tuple(lines)),)


def _passed(
    family: Family, argument: Argument, first: int, layer: Name, lines: list[Stmt], fresh: Fresh
) -> Expr:
    """An argument of all calls of a loop; a buffer that moves on has a line of its own."""
    given = argument.given[first]
    _, start = _position(family, given)
    step = _position(family, argument.given[first + 1])[1] - start
    view = family.views.get(str(given))
    if not step:
        return as_expr(given)
    place = _moved(start, step, layer)
    if view is None:
        return place
    word = re.sub(r"_?\d+$", "", str(given)) or str(given)
    name = fresh(f"{layer.text}_{word}")
    lines.append(Let((name,), Call(view.call, (Name(view.base), place)), None, view.note))
    return Name(name)


def _moved(start: int, step: int, layer: Name) -> Expr:
    by = Binary("*", layer, Number(abs(step), "i64"))
    return Binary("+" if step > 0 else "-", Number(start, "i64"), by)
