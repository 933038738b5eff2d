"""Statements that a kernel repeats with other buffers, as a deep net's equal layers do, are written
once, as a function, and called; neighbouring calls become a loop.

A run of top-level statements is repeated where it says the same of other names. What it needs from
outside are arguments; what is read behind it are results. The same operations are done in the same
order, on the same memory. A kernel that would hardly compile faster stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from graphc.expr import Call, Name, Number
from graphc.kernel import Invoke, Kernel, Let, Loop, Remark, Return, Run, Stmt, While
from graphc.lower.cost import PRODUCTS
from graphc.lower.edits import apart, grouped
from graphc.lower.family import Family, Line, View, pattern, title, told
from graphc.lower.holes import NUMBER, READ, WRITE, Hole, skeleton
from graphc.lower.repeats import Repeat, repeats
from graphc.lower.rolled import Positions, loop, moving, spans
from graphc.lower.tape import LONGEST, laid, single
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
        for stmt in apart(kernel.body):
            if isinstance(stmt, Let) and (view := _view(stmt, bases)):
                reader.head.append(stmt)
                reader.views.update(dict.fromkeys(stmt.names, view))
            else:
                reader.lines.append(_line(stmt, keys, known))
            known |= set(getattr(stmt, "names", ()))
        return reader

    def last(self) -> dict[str, int]:
        """The last line that reads each name."""
        return {name: at for at, line in enumerate(self.lines) for name in line.reads}

    def with_lines(self, stmts: Sequence[Stmt]) -> Kernel:
        """The kernel with other lines, and the views that they still need."""
        used = {str(h.filling) for s in stmts for h in skeleton(s)[1] if h.mode == READ}
        head = [replace(s, names=tuple(n for n in s.names if n in used)) for s in self.head]
        body = [*(s for s in head if s.names), *stmts]
        return replace(self.kernel, body=tuple(grouped(body)))


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
    stays = isinstance(stmt, Remark) or any(isinstance(s, (Invoke, Return)) for s in flat([stmt]))
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
        self.lines, self.last = self.reader.lines, self.reader.last()
        made = single(self.reader.kernel, self.lines, self.reader.views)
        self.likely = Positions(self.reader.views, made)
        self.patterns: dict[tuple[int, int], tuple[int, ...]] = {}
        self.places: dict[int, tuple[int, Stmt]] = {}

    def outlined(self) -> tuple[Kernel, list[Kernel]]:
        """The kernel with calls, and the functions."""
        keys, costs = [line.key for line in self.lines], [line.cost for line in self.lines]
        found = repeats(keys, costs, self._worth, LEAST)
        families = [f for repeat in found for f in self._families(repeat)]
        if not families:
            return self.reader.kernel, []
        positions = self._positions(families)
        functions = [self._function(f, starts, positions) for f, starts in families]
        stmts = list(laid(self._stmts(), positions.tape, positions.scalars))
        if positions.tape:
            gap = [] if stmts[:1] == [Remark()] else [Remark()]
            stmts = [_tape(positions), *gap, *stmts]
        return self.reader.with_lines(stmts), functions

    def _worth(self, length: int, starts: Sequence[int]) -> float:
        """The milliseconds that a function saves, beyond what makes it worth its text."""
        return max((self._saved(length, s) for s in self._alike(length, starts)), default=0) - WORTH

    def _saved(self, length: int, starts: Sequence[int]) -> float:
        family = self._family(length, starts) if len(starts) > 1 else None
        if family is None or not family.fits:
            return 0
        each = sum(line.cost for line in family.runs[0])
        call = COST["call"] + COST["result"] * len(family.results)
        calls = sum(
            call + (COST["loop"] if last - first > 1 else 0)
            for first, last in spans(family, starts, self.likely)
        )
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
        ends = [s + length for s in starts]
        first = [p.name for p in self.reader.kernel.params]
        return Family(runs, ends, self.last, self.reader.views, first)

    def _families(self, repeat: Repeat) -> Iterator[tuple[Family, list[int]]]:
        for starts in self._alike(repeat.length, repeat.starts):
            if self._saved(repeat.length, starts) >= WORTH:
                yield self._family(repeat.length, starts), starts

    def _positions(self, families: Sequence[tuple[Family, list[int]]]) -> Positions:
        """The places of scalars that loops take from a tape: those of a family side by side."""
        taped = {
            name
            for family, starts in families
            for span in spans(family, starts, self.likely)
            for name in moving(family, span)
            if name in self.likely.scalars
        }
        rows = [r for family, _ in families for r in family.results if taped & set(r)]
        alone = sorted(taped, key=self.likely.scalars.__getitem__)
        order = dict.fromkeys(n for n in (*(n for r in rows for n in r), *alone) if n in taped)
        slots = {name: at for at, name in enumerate(order)} if len(order) <= LONGEST else {}
        return Positions(self.reader.views, slots, self.fresh("values") if slots else "")

    def _function(self, family: Family, starts: list[int], positions: Positions) -> Kernel:
        """The function of some runs; its calls take their places."""
        name = self.fresh(title(family.model))
        differing = [a for a in family.arguments if not a.name]
        numbers = [self.fresh("number") for _ in differing]
        for first, last in spans(family, starts, positions):
            single = last - first == 1
            call = (
                family.call(name, first)
                if single
                else loop(family, name, (first, last), positions, self.fresh)
            )
            self.places[starts[first]] = starts[last - 1] + len(family.runs[0]), call
        doc = f"Stages {told(family.model)}; {len(starts) - 1} times more with other values."
        function = family.function(name, doc, numbers)
        return replace(function, body=tuple(grouped(list(function.body))))

    def _stmts(self) -> Iterator[Stmt]:
        at = 0
        while at < len(self.lines):
            at, stmt = self.places.get(at, (at + 1, self.lines[at].stmt))
            yield stmt


def _tape(positions: Positions) -> Let:
    size = Number(len(positions.scalars), "i64")
    return Let((positions.tape,), Call("tape", (size,)), None, f"f64[{size.value}]")
