"""Statements that a kernel repeats with other buffers, as a deep net's equal layers do, are written
once, as a function, and called; neighbouring calls become a loop.

A run of top-level statements is repeated where it says the same of other names. What it needs from
outside are arguments; what is read behind it are results. The same operations are done in the same
order, on the same memory. A kernel that would hardly compile faster stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from graphc.expr import Call, Name, Number
from graphc.kernel import Kernel, Let, Loop, Remark, Return, Run, Stmt, While
from graphc.lower.cost import PRODUCTS
from graphc.lower.family import Family, Line, View, pattern, title, told
from graphc.lower.holes import NUMBER, READ, WRITE, Hole, skeleton
from graphc.lower.repeats import Repeat, repeats
from graphc.lower.rolled import rolled
from graphc.lower.touch import flat

COST = {"line": 2.5, "loop": 25.0, "product": 10.0, "call": 6.0, "result": 1.5, "function": 40.0}
"""Milliseconds that Numba takes, roughly: for a line, a loop, a product, a call of a function, each
of its results, and the function."""

WORTH = 250.0
"""So many milliseconds are worth a function."""

LEAST = 15.0
"""A run that costs less than this is not looked at."""

Fresh = Callable[[str], str]


def outlined(kernel: Kernel, fresh: Fresh) -> tuple[Kernel, list[Kernel]]:
    """The kernel with calls in place of what it repeats, and the functions that it calls."""
    reader = Reader.of(kernel)
    if sum(line.cost for line in reader.lines) < WORTH:
        return kernel, []
    new, functions = _Outliner(reader, fresh).outlined()
    inner = [outlined(f, fresh) for f in functions]
    return new, [k for function, called in inner for k in (*called, function)]


# Reading a kernel


@dataclass
class Reader:
    """A kernel as views at its head and lines behind them."""

    kernel: Kernel
    views: dict[str, View] = field(default_factory=dict)
    head: list[Let] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    @classmethod
    def of(cls, kernel: Kernel) -> Reader:
        """Read a kernel."""
        reader = cls(kernel)
        known = {p.name for p in kernel.params}
        bases = set(known)
        keys: dict[Stmt, int] = {}
        for stmt in kernel.body:
            if isinstance(stmt, Let) and (view := _view(stmt, bases)):
                reader.head.append(stmt)
                reader.views.update(dict.fromkeys(stmt.names, view))
            else:
                reader.lines.append(_line(stmt, keys, known))
            known |= set(getattr(stmt, "names", ()))
        return reader

    def alive(self) -> list[frozenset[str]]:
        """Before each line, and at the end: the names that are read from there on."""
        found: list[frozenset[str]] = [frozenset()]
        for line in reversed(self.lines):
            found.append(found[-1] | line.reads if line.reads - found[-1] else found[-1])
        return found[::-1]

    def with_lines(self, stmts: Sequence[Stmt]) -> Kernel:
        """The kernel with other lines, and the views that they still need."""
        used = {str(h.filling) for s in stmts for h in skeleton(s)[1] if h.mode == READ}
        head = [replace(s, names=tuple(n for n in s.names if n in used)) for s in self.head]
        return replace(self.kernel, body=(*(s for s in head if s.names), *stmts))


def _view(stmt: Let, bases: set[str]) -> View | None:
    """A literal place in an argument."""
    e = stmt.expr
    if not (isinstance(e, Call) and e.function.startswith("at_")):
        return None
    base, offset = e.args
    if not (isinstance(base, Name) and base.text in bases and isinstance(offset, Number)):
        return None
    return View(base.text, int(offset.value), e.function, stmt.note)


def _line(stmt: Stmt, keys: dict[Stmt, int], known: set[str]) -> Line:
    bare, holes = skeleton(stmt)
    stays = isinstance(stmt, Remark) or any(isinstance(s, Return) for s in flat([stmt]))
    key = -1 if stays else keys.setdefault(bare, len(keys))
    return Line(stmt, key, holes, frozenset(_reads(holes, known)), _cost(stmt))


def _reads(holes: Iterable[Hole], known: set[str]) -> Iterator[str]:
    """The names that a statement needs from before; one that it may leave as it was is among
    them.
    """
    written: set[str] = set()
    for name, mode, nested in holes:
        if mode == NUMBER or name in written:
            continue
        assert isinstance(name, str)
        if mode == READ or (nested and name in known):
            yield name
        if mode == WRITE:
            written.add(name)


def _cost(stmt: Stmt) -> float:
    return sum(COST[_kind(s)] for s in flat([stmt]))


def _kind(stmt: Stmt) -> str:
    if isinstance(stmt, Run) and stmt.call.function in PRODUCTS:
        return "product"
    return "loop" if isinstance(stmt, (Loop, While)) else "line"


# Writing functions


@dataclass
class _Outliner:
    reader: Reader
    fresh: Fresh

    def __post_init__(self) -> None:
        self.lines, self.alive = self.reader.lines, self.reader.alive()
        self.patterns: dict[tuple[int, int], tuple[int, ...]] = {}
        self.places: dict[int, tuple[int, tuple[Stmt, ...]]] = {}

    def outlined(self) -> tuple[Kernel, list[Kernel]]:
        """The kernel with calls, and the functions."""
        keys, costs = [line.key for line in self.lines], [line.cost for line in self.lines]
        found = repeats(keys, costs, self._worth, LEAST)
        functions = [f for repeat in found for f in self._functions(repeat)]
        if not functions:
            return self.reader.kernel, []
        return self.reader.with_lines(list(self._stmts())), functions

    def _worth(self, length: int, starts: Sequence[int]) -> float:
        """The milliseconds that a function saves, beyond what makes it worth its text."""
        return max((self._saved(length, s) for s in self._alike(length, starts)), default=0) - WORTH

    def _saved(self, length: int, starts: Sequence[int]) -> float:
        family = self._family(length, starts) if len(starts) > 1 else None
        if family is None or not family.fits:
            return 0
        each = sum(line.cost for line in family.runs[0])
        alone = sum(a + length != b for a, b in pairwise(starts)) + 1
        calls = alone * COST["call"] + len(starts) * COST["result"] * len(family.results)
        return each * (len(starts) - 1) - calls - COST["function"]

    def _alike(self, length: int, starts: Sequence[int]) -> list[list[int]]:
        """The runs that can be one function."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for start in starts:
            groups.setdefault(self._pattern(start, length), []).append(start)
        return list(groups.values())

    def _pattern(self, start: int, length: int) -> tuple[int, ...]:
        at = start, length
        if at not in self.patterns:
            self.patterns[at] = pattern(self.lines[start : start + length])
        return self.patterns[at]

    def _family(self, length: int, starts: Sequence[int]) -> Family:
        runs = [self.lines[s : s + length] for s in starts]
        alive = [self.alive[s + length] for s in starts]
        first = [p.name for p in self.reader.kernel.params]
        return Family(runs, alive, self.reader.views, first)

    def _functions(self, repeat: Repeat) -> Iterator[Kernel]:
        for starts in self._alike(repeat.length, repeat.starts):
            if self._saved(repeat.length, starts) >= WORTH:
                yield self._function(repeat.length, starts)

    def _function(self, length: int, starts: list[int]) -> Kernel:
        """The function of some runs; its calls take their places."""
        family = self._family(length, starts)
        name = self.fresh(title(family.runs[0]))
        differing = [a for a in family.arguments if not a.name]
        numbers = [self.fresh("number") for _ in differing]
        for calls in rolled(family, starts, name, self.fresh):
            end = starts[calls.last - 1] + length
            self.places[starts[calls.first]] = end, calls.stmts
        doc = f"Stages {told(family.runs[0])}; {len(starts) - 1} times more with other values."
        return family.function(name, doc, numbers)

    def _stmts(self) -> Iterator[Stmt]:
        at = 0
        while at < len(self.lines):
            end, stmts = self.places.get(at, (at + 1, (self.lines[at].stmt,)))
            yield from stmts
            at = end
