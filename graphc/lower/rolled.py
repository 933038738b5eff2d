"""Calls one behind the other whose arguments move on by equal steps, as a loop over the layers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from graphc.expr import Binary, Call, Expr, Item, Name, Number
from graphc.kernel import Let, Loop, Stmt, Store
from graphc.lower.family import Argument, Family, Filling, View, as_expr, called, marked

LEAST = 4
"""So many calls are worth a loop."""

Fresh = Callable[[str], str]
Span = tuple[int, int]


@dataclass(frozen=True)
class Positions:
    """Where buffers lie in their arenas and scalars on the tape, which is called `tape`."""

    views: Mapping[str, View]
    scalars: Mapping[str, int]
    tape: str = ""

    def of(self, filling: Filling) -> tuple[object, int]:
        """What an argument is, and where."""
        if isinstance(filling, Number):
            whole = filling.dtype == "i64"
            return (("number",), int(filling.value)) if whole else (filling, 0)
        if filling in self.scalars:
            return ("tape",), self.scalars[filling]
        view = self.views.get(filling)
        return ((view.base, view.call, view.note), view.offset) if view else (filling, 0)


def spans(family: Family, starts: Sequence[int], positions: Positions) -> Iterator[Span]:
    """Which runs are one loop, or one call."""
    first = 0
    while first < len(starts):
        last = _end(family, starts, positions, first)
        last = last if last - first >= LEAST else first + 1
        yield first, last
        first = last


def _end(family: Family, starts: Sequence[int], positions: Positions, first: int) -> int:
    """How far calls from `first` on are neighbours and move on by equal steps."""
    length, last = len(family.runs[0]), first + 1
    given = [a.given for a in family.arguments]
    while last < len(starts) and starts[last] == starts[last - 1] + length:
        if not all(_even(each, first, last, positions) for each in given):
            break
        if not all(_placed(names, first, last, positions) for names in family.results):
            break
        last += 1
    return last


def _even(given: Sequence[Filling], first: int, last: int, positions: Positions) -> bool:
    """Whether the step to `last` is the one from `first` on."""
    if given[first] == given[last] == given[last - 1]:
        return True
    (kind, at), (_, second), (_, before), (other, end) = (
        positions.of(given[n]) for n in (first, first + 1, last - 1, last)
    )
    return kind == other and second - at == end - before


def _placed(names: Sequence[str], first: int, last: int, positions: Positions) -> bool:
    """Whether a result is always the same variable, or moves on along the tape."""
    taped = names[first] in positions.scalars and names[last] in positions.scalars
    return names[first] == names[last] or (taped and _even(names, first, last, positions))


def moving(family: Family, span: Span) -> Iterator[str]:
    """The names that the calls of a loop take and leave one after the other."""
    first, last = span
    for names in (*(a.given for a in family.arguments), *family.results):
        if names[first] != names[last - 1]:
            yield from (n for n in names[first:last] if isinstance(n, str))


def loop(family: Family, name: str, span: Span, positions: Positions, fresh: Fresh) -> Loop:
    """The calls of a span as a loop."""
    return _Writer(family, span, positions, Name(fresh("layer")), fresh).loop(name)


@dataclass(frozen=True)
class _Writer:
    family: Family
    span: Span
    positions: Positions
    layer: Name
    fresh: Fresh

    def loop(self, name: str) -> Loop:
        first, last = self.span
        lines: list[Stmt] = []
        args = tuple(self._passed(a, lines) for a in self.family.arguments)
        lines += self._results(Call(name, args))
        return Loop(self.layer.text, ZERO, Number(last - first, "i64"), 1, tuple(lines))

    def _results(self, call: Call) -> Iterator[Stmt]:
        """The call, and what it gives back into its places."""
        first, last = self.span
        tag = marked([line for run in self.family.runs[first:last] for line in run])
        places = [self._place(names) for names in self.family.results]
        if len(places) == 1 and places[0] is not None:
            yield Store(places[0], call, tag)
            return
        pairs = list(zip(self.family.results, places, strict=True))
        names = tuple(self._own(n[first]) if place else n[first] for n, place in pairs)
        yield called(call, names, tag)
        for own, (_, place) in zip(names, pairs, strict=True):
            if place is not None:
                yield Store(place, Name(own))

    def _place(self, given: Sequence[Filling]) -> Item | None:
        moved = self._moved(given)
        return Item(self.positions.tape, moved) if moved is not None else None

    def _passed(self, argument: Argument, lines: list[Stmt]) -> Expr:
        """An argument of all calls; a buffer that moves on has a line of its own."""
        given = argument.given[self.span[0]]
        place = self._moved(argument.given)
        if place is None or not isinstance(given, str):
            return as_expr(given) if place is None else place
        view = self.positions.views.get(given)
        if view is None:
            return Item(self.positions.tape, place)
        name = self._own(given)
        lines.append(Let((name,), Call(view.call, (Name(view.base), place)), None, view.note))
        return Name(name)

    def _own(self, name: str) -> str:
        """A name for what one turn has."""
        return self.fresh(f"{self.layer.text}_{re.sub(r'_?[0-9]+$', '', name) or name}")

    def _moved(self, given: Sequence[Filling]) -> Expr | None:
        """Where an argument is in a turn of the loop; None if it stays."""
        (_, start), (_, second) = (self.positions.of(given[self.span[0] + n]) for n in (0, 1))
        step = second - start
        by = Binary("*", self.layer, Number(abs(step), "i64")) if abs(step) > 1 else self.layer
        if not step:
            return None
        return Binary("+" if step > 0 else "-", Number(start, "i64"), by) if start else by


ZERO = Number(0, "i64")
