"""One innermost loop over scalars to one over SIMD registers.

It may be where every element that it touches is the next one in memory, or the same one, at each
turn. What the loop adds up is added up lane by lane, and over the lanes behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace

from graphc.expr import OUTSIDE, Binary, Call, Expr, Item, Name, Number, Unary, text
from graphc.kernel import Add, If, Let, Loop, Run, Stmt, Store, While
from graphc.lower.linear import linear
from graphc.lower.parts import everything, exprs, items_of, mentions
from graphc.lower.reductions import REDUCTIONS
from graphc.lower.scope import Scope
from graphc.types import DTYPES

SHORTEST = 4
"""Loops of fewer turns than this stay scalar."""

LONG = 50
"""A stored value of more characters gets a line of its own."""

LONG_LOOP = 64
"""Loops over so many elements are worth two registers at a time, where these wait less."""

MOST_LANES = 16

LATE = frozenset(("expm1", "tanh", "sigmoid", "softplus", "erf", "gelu"))
DRAWN = {"uniform32": "f32", "uniform32_second": "f32", "uniform64": "f64", "threefry": "i64"}
LATE |= DRAWN.keys()
"""Functions of many steps, each of which waits for the one before."""

Fresh = Callable[[str], str]


class Refused(Exception):
    """A loop that cannot run over registers."""


def over_registers(
    loop: Loop, scope: Scope, nbytes: int, fresh: Fresh, before: list[Stmt]
) -> list[Stmt]:
    """The loop over registers of `nbytes`, between the lanes of its accumulators and their sums.

    `before`: the statements that stand before it, from which starts of accumulators are taken.
    Raises Refused.
    """
    return _Lanes(scope, loop, nbytes, fresh).written(before)


@dataclass
class _Lanes:
    """One innermost loop, turned into a loop over registers."""

    scope: Scope
    loop: Loop
    nbytes: int
    fresh: Fresh

    def __post_init__(self) -> None:
        loop = self.loop
        if loop.step != 1 or loop.lo != Number(0, "i64"):
            raise Refused
        if isinstance(loop.hi, Number) and loop.hi.value < SHORTEST:
            raise Refused
        if not all(isinstance(s, (Let, Store, Add)) for s in loop.body):
            raise Refused
        self.j = loop.index
        self.own = {n for s in loop.body if isinstance(s, Let) for n in s.names}
        self.varying: set[str] = set()
        self.sums: dict[str, tuple[str, str, str]] = {}
        self.kinds = dict(self.scope.types)
        self.lanes = self._lanes()
        self._check_memory()
        self.loads = self._loads()
        self.loaded: dict[Item, Expr] = {}
        self.lines: list[Stmt] = []

    # What may be

    def _items(self) -> list[tuple[Item, bool]]:
        """Every element that the loop touches, and whether it is stored."""
        found = []
        for stmt in self.loop.body:
            target = getattr(stmt, "target", None)
            if isinstance(target, Item):
                found.append((target, True))
            found += [(i, False) for e in exprs(stmt) if e is not target for i in items_of(e)]
        return found

    def _step(self, item: Item) -> int:
        """How far the element is from that of the last turn; raises Refused if that varies."""
        terms = linear(item.index)
        if terms is None or terms.inside(self.j, *self.own) or any(map(terms.of, self.own)):
            raise Refused
        return terms.of(self.j)

    def _lanes(self) -> int:
        sizes = []
        for item, _ in self._items():
            if self._step(item) not in (0, 1):
                raise Refused
            if self._step(item) == 1:
                sizes.append(DTYPES[self.scope.types[item.buffer]].itemsize)
        sizes = sizes or [DTYPES[DRAWN[c.function]].itemsize for c in self._calls(DRAWN)]
        if not sizes:
            raise Refused
        lanes = self.nbytes // max(4, min(sizes))
        return min(2 * lanes, MOST_LANES) if self._waits(lanes) else lanes

    def _waits(self, lanes: int) -> bool:
        """Whether two registers at a time, which do not wait for each other, are faster: in a
        long loop that only adds up, or that computes functions and comes out even as well.
        """
        hi = self.loop.hi
        if isinstance(hi, Number) and hi.value < LONG_LOOP:
            return False
        sums = not any(writes for _, writes in self._items())
        late = any(self._calls(LATE))
        return sums or (late and self._even(2 * lanes) >= self._even(lanes))

    def _calls(self, functions: Container[str]) -> Iterator[Call]:
        inner = (part for s in self.loop.body for e in exprs(s) for part in everything(e))
        return (part for part in inner if isinstance(part, Call) and part.function in functions)

    def _even(self, lanes: int) -> bool:
        """Whether the last register is full as well."""
        hi = self.loop.hi
        factor = hi if isinstance(hi, Number) else getattr(hi, "right", None)
        whole = isinstance(factor, Number) and getattr(hi, "op", "*") == "*"
        return whole and factor.value % lanes == 0  # type: ignore[union-attr]

    def _memory(self, item: Item) -> str:
        return self.scope.memory.get(item.buffer, item.buffer)

    def _check_memory(self) -> None:
        """Memory that is stored to is touched at one index only."""
        stored: dict[str, Expr] = {}
        for item, writes in self._items():
            if writes:
                memory = self._memory(item)
                if stored.setdefault(memory, item.index) != item.index:
                    raise Refused
        for item, _ in self._items():
            memory = self._memory(item)
            if memory in stored and stored[memory] != item.index:
                raise Refused

    def _loads(self) -> dict[Item, int]:
        """How often each element is read, up to where its memory changes."""
        found: dict[Item, int] = {}
        for stmt in self.loop.body:
            target = getattr(stmt, "target", None)
            for e in exprs(stmt):
                for item in items_of(e) if e is not target else ():
                    found[item] = found.get(item, 0) + 1
        return found

    # What is written

    def written(self, before: list[Stmt]) -> list[Stmt]:
        """The loop, its accumulators before it, and what they come to behind it."""
        for stmt in self.loop.body:
            self.lines += self._statement(stmt)
        body = self.lines
        first, last = self._around(before)
        left = self.lanes_left()
        if left is not None and any(mentions(s, "left") for s in body):
            body = [Let(("left",), left), *body]
        return [*first, Loop(self.j, self.loop.lo, self.loop.hi, self.lanes, tuple(body)), *last]

    def lanes_left(self) -> Expr | None:
        """How many elements are left at a turn, or None where the last register is full as well."""
        return None if self._even(self.lanes) else Binary("-", self.loop.hi, Name(self.j))

    def _statement(self, stmt: Stmt) -> list[Stmt]:
        self.tag = stmt.tag  # type: ignore[union-attr]
        if isinstance(stmt, Let):
            return self._let(stmt)
        assert isinstance(stmt, (Store, Add))
        if isinstance(stmt.target, Name):
            return self._grown(stmt.target.text, "+", stmt)
        return self._stored(stmt)

    def _let(self, stmt: Let) -> list[Stmt]:
        (name,) = stmt.names if len(stmt.names) == 1 else ("",)
        joined = _joined(name, stmt.expr) if name in self.kinds and not self._is_new(stmt) else None
        if joined is not None:
            return self._grown(name, joined[0], stmt, joined[1])
        if not self._is_new(stmt):
            raise Refused
        value, varies = self.value(stmt.expr)
        kind = self.dtype(stmt.expr)
        self.kinds.update(dict.fromkeys(stmt.names, kind))
        if varies:
            self.varying.update(stmt.names)
        return [replace(stmt, expr=value)]

    def _is_new(self, stmt: Let) -> bool:
        """Whether a variable belongs to one turn: its first statement here does not read it."""
        first = next(s for s in self.loop.body if isinstance(s, Let) and s.names == stmt.names)
        return first is not stmt or not any(
            isinstance(e, Name) and e.text in stmt.names for e in everything(stmt.expr)
        )

    def _grown(self, name: str, op: str, stmt: Stmt, term: Expr | None = None) -> list[Stmt]:
        """An accumulator gets one lane's share more."""
        expr = term if term is not None else stmt.expr  # type: ignore[union-attr]
        minus = getattr(stmt, "op", "+") == "-"
        value, varies = self.value(expr)
        if name in self.own and term is None:  # a sum within one turn
            if varies and name not in self.varying:
                raise Refused
            return [replace(stmt, expr=value)]  # type: ignore[arg-type]
        if self._read_elsewhere(name, stmt) or (not varies and op in ("+", "*")):
            raise Refused
        return [self._joined_lanes(name, op, value, stmt, minus)]

    def _joined_lanes(self, name: str, op: str, value: Expr, stmt: Stmt, minus: bool) -> Stmt:
        dtype, reduction = self.kinds[name], REDUCTIONS[op]
        wide = self.sums.setdefault(name, (self.fresh(f"{name}_lanes"), op, dtype))[0]
        if self.lanes_left() is not None:
            neutral = Number(reduction.neutral(dtype), dtype)
            value = Call("keep", (value, Name("left"), neutral))
        tag = stmt.tag  # type: ignore[union-attr]
        if op == "+":
            return Add(Name(wide), value, tag, "-" if minus else "+")
        return Let((wide,), reduction.join(Name(wide), value), tag)

    def _read_elsewhere(self, name: str, stmt: Stmt) -> bool:
        others = [s for s in self.loop.body if s is not stmt]
        return any(
            isinstance(e, Name) and e.text == name
            for s in others
            for x in exprs(s)
            for e in everything(x)
        )

    def _around(self, before: list[Stmt]) -> tuple[list[Stmt], list[Stmt]]:
        """The accumulators' lanes before the loop, and the sums over them behind it."""
        first: list[Stmt] = []
        last: list[Stmt] = []
        for name, (wide, op, dtype) in self.sums.items():
            reduction = REDUCTIONS[op]
            neutral = Number(reduction.neutral(dtype), dtype)
            total = Call(reduction.over, (Name(wide),))
            start = _started(name, neutral, before)
            tag = start.tag if start else None
            first.append(Let((wide,), Call(f"splat{self.lanes}", (neutral,)), tag))
            if start is not None:
                before.remove(start)
                last.append(Let((name,), total, start.tag))
            elif op == "+":
                last.append(Add(Name(name), total))
            else:
                last.append(Let((name,), reduction.join(Name(name), total)))
        return first, last

    def _stored(self, stmt: Store | Add) -> list[Stmt]:
        target = stmt.target
        assert isinstance(target, Item)
        if self._step(target) == 0:
            raise Refused
        value, varies = self.value(stmt.expr)
        dtype = self.scope.types[target.buffer]
        if not varies:
            value = Call(f"splat{self.lanes}", (value,))
        elif self.dtype(stmt.expr) != dtype:
            value = Call(f"to_{dtype}", (value,))
        if len(text(value)) > LONG:
            name = self.fresh(f"{target.buffer}_{self.j}")
            self.lines.append(Let((name,), value, stmt.tag))
            value = Name(name)
        if isinstance(stmt, Add):
            value = Binary(stmt.op, self._load(target), value)
        memory = self._memory(target)
        self.loaded = {i: e for i, e in self.loaded.items() if self._memory(i) != memory}
        args = (Name(target.buffer), target.index, value)
        if self.lanes_left() is None:
            return [_run("store", args, stmt)]
        return [_run("store_part", (*args, Name("left")), stmt)]

    def _load(self, item: Item) -> Expr:
        args = (Name(item.buffer), item.index)
        if self.lanes_left() is None:
            return Call(f"load{self.lanes}", args)
        return Call(f"part{self.lanes}", (*args, Name("left")))

    def dtype(self, e: Expr) -> str:
        """The element type of an expression in the loop."""
        return Scope(self.kinds).dtype(e)

    def value(self, e: Expr) -> tuple[Expr, bool]:
        """An expression for all lanes, and whether it differs from lane to lane."""
        return VALUES[type(e)](self, e)

    def _name(self, e: Name) -> tuple[Expr, bool]:
        if e.text == self.j:
            return Call(f"count{self.lanes}", (e,)), True
        return e, e.text in self.varying

    def _item(self, e: Item) -> tuple[Expr, bool]:
        if not self._step(e):
            return e, False
        if self.loads[e] < 2:
            return self._load(e), True
        if e not in self.loaded:
            name = self.fresh(f"{e.buffer}_{self.j}")
            self.lines.append(Let((name,), self._load(e), self.tag))
            self.loaded[e] = Name(name)
        return self.loaded[e], True

    def _unary(self, e: Unary) -> tuple[Expr, bool]:
        arg, varies = self.value(e.arg)
        if varies and e.op == "not":
            raise Refused
        return Unary(e.op, arg), varies

    def _binary(self, e: Binary) -> tuple[Expr, bool]:
        (left, one), (right, other) = self.value(e.left), self.value(e.right)
        if (one or other) and e.op in ("or", "and", "//", "%", "**"):
            raise Refused
        return Binary(e.op, left, right), one or other

    def _call(self, e: Call) -> tuple[Expr, bool]:
        values = [self.value(a) for a in e.args]
        varies = any(v for _, v in values)
        args = tuple(a for a, _ in values)
        if varies and e.function.startswith(OUTSIDE):
            raise Refused
        cast = "bool" if e.function == "boolean" else e.function
        if varies and cast in DTYPES:
            return Call(f"to_{cast}", args), True
        return Call(e.function, args), varies


def _started(name: str, neutral: Number, before: list[Stmt]) -> Let | None:
    """The line that gives an accumulator its first value, where nothing has read it since."""
    for stmt in reversed(before):
        if isinstance(stmt, Let) and stmt.names == (name,):
            return stmt if stmt.expr == neutral else None
        if isinstance(stmt, (Loop, If, While)) or mentions(stmt, name):
            return None
    return None


def _run(function: str, args: tuple[Expr, ...], stmt: Store | Add) -> Stmt:
    return Run(Call(function, args), stmt.tag)


def _joined(name: str, e: Expr) -> tuple[str, Expr] | None:
    """The way in which an accumulator grows and the term, of `name = name op term`."""
    if isinstance(e, Binary) and e.op in REDUCTIONS and e.left == Name(name):
        return e.op, e.right
    if isinstance(e, Call) and e.function in REDUCTIONS and e.args[0] == Name(name):
        return e.function, e.args[1]
    return None


VALUES: dict[type, Callable[..., tuple[Expr, bool]]] = {
    Number: lambda lanes, e: (e, False),
    Name: _Lanes._name,
    Item: _Lanes._item,
    Unary: _Lanes._unary,
    Binary: _Lanes._binary,
    Call: _Lanes._call,
}
