"""Equal runs of statements to one function, and what each of them passes to it.

Buffers that share a place in every run are one argument. A name that a run changes and that is read
behind it is returned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from graphc.expr import Call, Expr, Name, Number
from graphc.kernel import Kernel, Let, Marks, Param, Return, Run, Stmt, Tag, Unpack
from graphc.lower.holes import NUMBER, READ, WRITE, Hole, refilled
from graphc.lower.touch import flat

MOST = 30
"""Arguments of a function, and results: more would take long to compile."""

MANY = 4
"""Of so many stages a comment names the first and the last."""


@dataclass(frozen=True)
class View:
    """A line `name = at_f32(state, 64)` at the head of a kernel."""

    base: str
    offset: int
    call: str
    note: str

    @property
    def place(self) -> tuple[str, int, str]:
        """Which memory it is."""
        return self.base, self.offset, self.call


@dataclass(frozen=True)
class Line:
    """A statement at the top of a kernel: what it says (a number), what fills its holes, what it
    needs from before, and what it costs to compile.
    """

    stmt: Stmt
    key: int
    holes: tuple[Hole, ...]
    reads: frozenset[str]
    cost: float

    @property
    def writes(self) -> Iterator[str]:
        """The names that it gives values to."""
        return (str(h.filling) for h in self.holes if h.mode == WRITE)


Filling = str | Number


@dataclass(frozen=True)
class Argument:
    """What a function calls an argument, and what each run passes; `also` are other names of it."""

    name: str
    given: tuple[Filling, ...]
    also: tuple[str, ...] = ()


def needs(lines: Iterable[Line]) -> list[str]:
    """The names that a run needs from before, in the order of reading."""
    found: dict[str, None] = {}
    written: set[str] = set()
    for line in lines:
        here = [str(h.filling) for h in line.holes if h.filling in line.reads]
        found.update(dict.fromkeys(n for n in here if n not in written))
        written.update(line.writes)
    return list(found)


def pattern(lines: Sequence[Line]) -> tuple[int, ...]:
    """Which holes of a run have the same name where the run changes it: equal for runs that can be
    one function.
    """
    written = {n for line in lines for n in line.writes}
    outside = set(needs(lines))
    first: dict[Filling, int] = {}
    found = []
    for n, hole in enumerate(h for line in lines for h in line.holes):
        at = first.setdefault(hole.filling, n) if hole.filling in written else -1
        found.append(2 * at + (hole.filling in outside) if at >= 0 else -1)
    return tuple(found)


class Family:
    """Runs with one pattern: the arguments and results of their function."""

    def __init__(
        self,
        runs: Sequence[Sequence[Line]],
        ends: Sequence[int],
        last: Mapping[str, int],
        views: Mapping[str, View],
        first: Sequence[str] = (),
    ) -> None:
        """`ends`: the line behind each run; `last`: the last line that reads each name; `first`:
        names that are passed first.
        """
        self.runs, self.views = runs, views
        columns = zip(*([h for line in run for h in line.holes] for run in runs), strict=True)
        self.columns = [tuple(column) for column in columns]
        clear = self._clear()
        self.is_clear, self.at = clear is not None, clear or 0
        self.model = runs[self.at]
        self.written = {n for line in self.model for n in line.writes}
        self.results = tuple(self._results(ends, last))
        self.arguments = tuple(sorted(self._arguments(), key=lambda a: _turn(a, first)))

    def _clear(self) -> int | None:
        """The first run in which what may differ has names that differ."""
        reads = {tuple(h.filling for h in c) for c in self.columns if c[0].mode != NUMBER}
        each = (at for at in range(len(self.runs)) if len({r[at] for r in reads}) == len(reads))
        return next(each, None)

    @property
    def fits(self) -> bool:
        """Whether it can be a function."""
        few = self.is_clear and len(self.arguments) <= MOST and len(self.results) <= MOST
        return few and all(self._sure(r[self.at]) for r in self.results)

    def _sure(self, name: str) -> bool:
        """Whether a result has a value in any case."""
        holes = (h for line in self.model for h in line.holes if h.filling == name)
        inside = all(h.nested for h in holes if h.mode == WRITE)
        return not inside or name in needs(self.model)

    def _results(self, ends: Sequence[int], last: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
        """The names that each run gives values to for later, one result after the other."""
        seen: dict[tuple[str, ...], None] = {}
        for column in self.columns:
            names = tuple(str(h.filling) for h in column)
            later = (last.get(n, -1) >= end for n, end in zip(names, ends, strict=True))
            if column[0].mode == WRITE and any(later):
                seen[names] = None
        yield from seen

    def _arguments(self) -> Iterator[Argument]:
        outside = set(needs(self.model))
        found: dict[object, list[tuple[Filling, ...]]] = {}
        for column in self.columns:
            given = tuple(h.filling for h in column)
            if column[0].mode == NUMBER and len(set(given)) > 1:
                found[object()] = [given]
            elif column[0].mode == READ and given[self.at] in outside:
                known = found.setdefault(self._memory(given), [])
                known += [given] if given not in known else []
        yield from map(self._argument, found.values())

    @cached_property
    def _words(self) -> set[str]:
        """The words that the stages of the first run are told in."""
        return {w for text in texts(self.model) for w in re.findall(r"\w+", text)}

    def _memory(self, given: tuple[Filling, ...]) -> object:
        """What an argument is: a place in memory for each run, or else a name."""
        views = [self.views.get(str(g)) for g in given]
        if given[self.at] in self.written or None in views:
            return given
        return tuple(v.place for v in views if v)

    def _argument(self, known: list[tuple[Filling, ...]]) -> Argument:
        names = list(dict.fromkeys(str(given[self.at]) for given in known))
        if isinstance(known[0][self.at], Number):
            return Argument("", known[0])
        name = next((n for n in reversed(names) if n in self._words), names[0])
        given = next(g for g in known if g[self.at] == name)
        return Argument(name, given, tuple(n for n in names if n != name))

    # The function and its calls

    def function(self, name: str, doc: str, numbers: Sequence[str]) -> Kernel:
        """The function, written as for the first run; `numbers` are names for numbers that
        differ.
        """
        fresh = iter(numbers)
        names = [a.name or next(fresh) for a in self.arguments]
        params = tuple(Param(n, "any", "") for n in names)
        also = [Let(a.also, Name(a.name)) for a in self.arguments if a.also]
        body = [*also, *self._body(iter(numbers))]
        if self.results:
            body.append(Return(tuple(Name(r[self.at]) for r in self.results)))
        return Kernel(name, doc, params, tuple(body), tuple(r[self.at] for r in self.results))

    def _body(self, fresh: Iterator[str]) -> Iterator[Stmt]:
        columns = iter(c for c in self.columns if c[0].mode == NUMBER)
        for line in self.model:
            own = [next(columns) for h in line.holes if h.mode == NUMBER]
            filled = [
                Name(next(fresh)) if len({h.filling for h in c}) > 1 else c[0].filling for c in own
            ]
            yield refilled(line.stmt, iter(filled)) if own else line.stmt

    def call(self, name: str, turn: int) -> Stmt:
        """The call in place of a run."""
        args = tuple(as_expr(a.given[turn]) for a in self.arguments)
        results = tuple(r[turn] for r in self.results)
        return called(Call(name, args), results, marked(self.runs[turn]))


def _turn(argument: Argument, first: Sequence[str]) -> int:
    """Where an argument stands: what is the same in all runs before what differs."""
    if len(set(argument.given)) > 1:
        return len(first) + 1
    return first.index(argument.name) if argument.name in first else len(first)


def as_expr(filling: Filling) -> Expr:
    """What fills a hole, as an expression."""
    return Name(filling) if isinstance(filling, str) else filling


def called(call: Call, results: tuple[str, ...], tag: Tag | None) -> Stmt:
    """A call and the names that its results get."""
    if not results:
        return Run(call, tag)
    return Let(results, call, tag) if len(results) == 1 else Unpack(results, call, tag)


# What is said of stages


def tags(run: Iterable[Line]) -> list[Tag]:
    """The stages that a run computes."""
    stmts = flat([line.stmt for line in run])
    return [t for s in stmts if (t := getattr(s, "tag", None)) is not None]


def told(run: Iterable[Line]) -> str:
    """The stages of a run as a comment names them, updates last."""
    parts = [p for t in tags(run) for p in str(t).split()]
    unique = [p for p in dict.fromkeys(parts) if p not in ("u", "...")]
    stages = unique if len(unique) < MANY else [unique[0], "...", unique[-1]]
    return " ".join([*stages, *(["u"] if "u" in parts else [])])


def marked(run: Iterable[Line]) -> Tag:
    """What a call says of the stages that it computes."""
    run = list(run)
    return Marks(0, direction(run), marks=told(run))


def direction(run: Iterable[Line]) -> str:
    """The sweep that a run belongs to: the one that it mostly is; updates are a part of it."""
    found = [t.direction for t in tags(run)]
    found = [d for d in found if d != "update"] or found
    return max(("forward", "backward", "update"), key=found.count)


def texts(run: Iterable[Line]) -> list[str]:
    """What the stages of a run are."""
    return [t.text for t in tags(run) if t.text]


def title(run: Sequence[Line]) -> str:
    """A name for what a run computes: `relu_layer`, `d_relu_layer`."""
    names = [n for text in texts(run) for n in re.findall(r"(\w+)\(", text)]
    large = any(hasattr(s, "body") or isinstance(s, Run) for s in (line.stmt for line in run))
    words = {"forward": "", "backward": "d_", "update": "update_"}
    word = f"{names[-1]}_" if names and direction(run) != "update" else ""
    return f"{words[direction(run)]}{word}{'layer' if large else 'stage'}"
