"""What statements touch: which buffers they read and write, and how far an element moves from one
turn of a loop to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from graphc.expr import Binary, Call, Expr, Item, Name
from graphc.kernel import Add, If, Loop, Run, Stmt, Store, While
from graphc.lower.blocks import within
from graphc.lower.cost import value
from graphc.lower.linear import linear
from graphc.lower.parts import everything, exprs

EMPTY: Mapping[str, int] = MappingProxyType({})
LOADS = ("load", "part", "gather")
STORES = ("store", "store_part")


@dataclass(frozen=True)
class Touch:
    """A buffer that is read or written; `index` None means anywhere in it.

    `adds`: something is added to what is there. `most`: the largest index of each loop around.
    """

    buffer: str
    index: Expr | None
    writes: bool = False
    adds: bool = False
    most: Mapping[str, int] = field(default_factory=dict, compare=False)

    def factor(self, variable: str) -> int | None:
        """How many elements it moves when the variable grows by one; None if that varies."""
        terms = linear(self.index) if self.index is not None else None
        if terms is None or terms.inside(variable):
            return None
        return terms.of(variable)

    def beside(self, variable: str) -> tuple[int, int, int]:
        """The least and the largest index where the variable and what is not known are 0; and the
        largest factor of what is not known.
        """
        terms = linear(self.index) if self.index is not None else None
        assert terms is not None
        low = high = terms.const
        largest = 0
        for e, factor in terms.without(variable).factors:
            name = e.text if isinstance(e, Name) else ""
            largest = max(largest, 0 if name in self.most else abs(factor))
            last = factor * self.most.get(name, 0)
            low, high = low + min(last, 0), high + max(last, 0)
        return low, high, largest

    def row(self, loop: Loop) -> int | None:
        """The distance of rows where turn i of a loop touches row i alone; None where it may not.

        An index that comes from data stays within its axis, so one along an inner axis in its row.
        """
        factor = self.factor(loop.index)
        if not factor:
            return factor
        low, high, other = self.beside(loop.index)
        inside = low >= 0 and max(high, other) < abs(factor) * loop.step
        return factor if inside else None


def apart(found: Iterable[Touch], loop: Loop) -> bool:
    """Whether no turn of a loop touches what another one does; all move by one factor."""
    found = list(found)
    factor = found[0].factor(loop.index)
    spans = [touch.beside(loop.index) for touch in found]
    low, high = min(s[0] for s in spans), max(s[1] for s in spans)
    return factor is not None and high - low < abs(factor) * loop.step


def touches(stmt: Stmt, capacity: Mapping[str, int] = EMPTY) -> Iterator[Touch]:
    """Everything a statement touches, in the order of the lines; `capacity`: the largest value of
    each size.
    """
    yield from _inside(stmt, capacity, {})


def _inside(stmt: Stmt, capacity: Mapping[str, int], most: Mapping[str, int]) -> Iterator[Touch]:
    for touch in _of_line(stmt):
        yield replace(touch, most=most)
    if isinstance(stmt, Loop):
        capacity = within(stmt, capacity)
        most = {**most, stmt.index: value(stmt.hi, capacity) - 1}
    for inner in stmt.body if isinstance(stmt, (Loop, If, While)) else ():
        yield from _inside(inner, capacity, most)


def flat(body: Iterable[Stmt]) -> Iterator[Stmt]:
    """All statements, those inside of others too."""
    for stmt in body:
        yield stmt
        if isinstance(stmt, (Loop, If, While)):
            yield from flat(stmt.body)


def _of_line(stmt: Stmt) -> Iterator[Touch]:
    target = getattr(stmt, "target", None)
    adds = isinstance(stmt, Add)
    if isinstance(stmt, Run):
        yield from CALLS.get(stmt.call.function, _anywhere)(stmt.call)
        return
    for e in (e for e in exprs(stmt) if e is not target):
        yield from _reads(e)
    if isinstance(target, Item) and isinstance(stmt, (Store, Add)):
        yield from _reads(target.index)
        yield Touch(target.buffer, target.index, True, adds)


def _reads(e: Expr) -> Iterator[Touch]:
    for part in everything(e):
        if isinstance(part, Item):
            yield Touch(part.buffer, part.index)
        elif isinstance(part, Call) and part.function.startswith(LOADS):
            anywhere = part.function == "gather"
            yield Touch(_name(part.args[0]), None if anywhere else part.args[1])
        elif isinstance(part, Call) and part.function == "outside":
            yield Touch(pointed(part.args[0])[0], None)


def _stored(call: Call) -> Iterator[Touch]:
    """A register that is stored; added to what was there where it is the sum of both."""
    buffer, index, value = call.args[:3]
    adds = isinstance(value, Binary) and value.op in ("+", "-") and _is_load(value.left, call)
    terms = (value.right,) if adds and isinstance(value, Binary) else (value,)
    for term in terms:
        yield from _reads(term)
    yield Touch(_name(buffer), index, True, adds)


def _is_load(e: Expr, store: Call) -> bool:
    load = isinstance(e, Call) and e.function.startswith(LOADS[:2])
    return load and e.args[:2] == store.args[:2]  # type: ignore[attr-defined]


def _filled(call: Call) -> Iterator[Touch]:
    buffer, index = pointed(call.args[0])
    yield Touch(buffer, index, True)


def _multiplied(call: Call) -> Iterator[Touch]:
    for n in (6, 8):
        yield Touch(pointed(call.args[n])[0], None)
    yield Touch(pointed(call.args[11])[0], None, True)


def _anywhere(call: Call) -> Iterator[Touch]:
    """What a function of the prelude may read and write: all that it has a pointer to."""
    for arg in call.args:
        yield from _reads(arg)
        if isinstance(arg, Name) or (isinstance(arg, Call) and arg.function == "shift"):
            yield Touch(pointed(arg)[0], None, True)


def pointed(e: Expr) -> tuple[str, Expr | None]:
    """The buffer that a pointer is into, and where it begins."""
    if isinstance(e, Call) and e.function == "shift":
        return _name(e.args[0]), e.args[1]
    return _name(e), None


def _name(e: Expr) -> str:
    assert isinstance(e, Name)
    return e.text


CALLS: dict[str, Callable[[Call], Iterator[Touch]]] = {
    "store": _stored,
    "store_part": _stored,
    "fill": _filled,
    "gemm": _multiplied,
    "multiply": _multiplied,
    "report": lambda call: iter(()),
}
