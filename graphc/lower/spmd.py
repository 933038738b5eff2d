"""A kernel of one thread to one that every thread of a team runs: each takes its share of the rows
of every large loop and product, and they wait for each other where one reads what others wrote.

Scalars are computed by all. What only one may do stands under `if me == 0`. Rows of working memory
that live within one turn of a shared loop are each thread's own, `mine`; so are sums over the rows,
which are added up behind the loop in the order of the threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from graphc.expr import Binary, Call, Expr, Name, Number
from graphc.kernel import (
    Add,
    If,
    Invoke,
    Kernel,
    Let,
    Loop,
    Param,
    Remark,
    Return,
    Run,
    Stmt,
    Store,
    While,
)
from graphc.lower.blocks import counted, until
from graphc.lower.cost import PRODUCTS, is_large, operations, value
from graphc.lower.edits import ME, alone, ending, grouped, number, renamed, shifted
from graphc.lower.meeting import ALL, ONE, Pending, Share, clash
from graphc.lower.parts import mapped, rebuilt
from graphc.lower.reductions import TOTALS, is_register, joiner, register_of
from graphc.lower.sums import Sums
from graphc.lower.touch import Touch, flat, touches
from graphc.plan.align import aligned
from graphc.plan.products import shared

WORTH_A_TEAM = 60_000
"""A kernel of fewer operations than this in its shared loops stays on one thread."""

Fresh = Callable[[str], str]
TEAM, MINE = Name("team"), Name("mine")
BARRIER = Run(Call("barrier", (TEAM, ME)))
FAILED = Call("failed", (Name("work"),))
LEADING = "leading"
RESULT = "of this thread's rows"


@dataclass(frozen=True)
class Team:
    """A kernel for a team, and the bytes that each thread wants for itself behind `work`."""

    kernel: Kernel
    own: int


def spread(
    kernel: Kernel,
    capacity: Mapping[str, int],
    work: int,
    fresh: Fresh,
    in_order: bool = False,
    panel: int = 0,
) -> Team | None:
    """The kernel for a team of any size, or None where one thread is enough.

    `capacity`: the largest value of each size; `work`: where the threads' own memory begins;
    `in_order`: nothing is added up over threads, so results are the same for every team; `panel`:
    the bytes in which each thread packs for products, where its own memory begins.
    """
    if sum(operations(s, capacity) for s in kernel.body if is_large(s, capacity)) < WORTH_A_TEAM:
        return None
    return _Spreader(kernel, capacity, work, fresh, in_order, own=aligned(panel)).team()


@dataclass
class _Spreader:
    kernel: Kernel
    capacity: Mapping[str, int]
    work: int
    fresh: Fresh
    in_order: bool
    lines: list[Stmt] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    bounds: dict[Share, tuple[Name, Name]] = field(default_factory=dict)
    starts: dict[str, Expr] = field(default_factory=dict)
    partial: dict[str, str] = field(default_factory=dict)
    own: int = 0
    slots: int = 0

    def __post_init__(self) -> None:
        self.sums = Sums(self.kernel.places)

    def team(self) -> Team:
        """The whole kernel."""
        for stmt in self.kernel.body:
            if not isinstance(stmt, Loop):
                self._clear(self.sums.cleared_for(stmt))
            STATEMENTS.get(type(stmt), _Spreader._scalar)(self, stmt)
        if not isinstance(self.kernel.body[-1], Return):
            self._end()
        params = (Param("me", "size", "i64"), Param("team", "array", "i64", 1), *self._params())
        body = grouped([*self._head(), *self.lines])
        return Team(replace(self.kernel, params=params, body=tuple(body)), aligned(self.own))

    def _params(self) -> tuple[Param, ...]:
        """The arguments, `work` among them where a thread has something of its own."""
        known = [p.name for p in self.kernel.params]
        if not self.own or "work" in known:
            return self.kernel.params
        at = known.index("out") if "out" in known else len(known)
        work = Param("work", "array", "u8", 1)
        return (*self.kernel.params[:at], work, *self.kernel.params[at:])

    def _head(self) -> list[Stmt]:
        """Where a thread's own memory begins."""
        if not self.own:
            return []
        own = Let(("own",), Number(aligned(self.own), "i64"), None, "bytes of a thread's own")
        at = Number(self.work, "i64") + ME * Name("own")
        return [own, Let((MINE.text,), Call("shift", (Name("work"), at)))]

    # Waiting

    def _meet(self, found: Iterable[tuple[Touch, int | None]], share: Share) -> None:
        """Note what is touched; wait first where another thread may have written it, or reads
        what is written now.
        """
        touched = [
            Pending(self.kernel.places[t.buffer], t.writes, share, factor)
            for t, factor in found
            if t.buffer in self.kernel.places
        ]
        if self.sums.are_due(touched):
            self._wait()
        if any(clash(old, new) for new in touched for old in self.pending):
            self._wait()
        self.pending += touched

    def _wait(self) -> None:
        """All threads arrive; then sums may be added up."""
        self.lines.append(BARRIER)
        self.pending.clear()
        for touched, line in self.sums.added_up():
            self.pending.append(touched)
            self.lines.append(line)

    def _end(self) -> None:
        self._clear(self.sums.fills.values())
        while self.pending or self.sums.due:
            self._wait()

    def _clear(self, fills: Iterable[Run]) -> None:
        for fill in fills:
            self._touch_all(fill, ONE)
            self.lines.append(alone(fill))

    def _touch_all(self, stmt: Stmt, share: Share) -> None:
        self._meet(((t, None) for t in touches(stmt)), share)

    # Statements

    def _scalar(self, stmt: Stmt) -> None:
        """What every thread computes for itself."""
        if isinstance(stmt, (Let, Add)):
            stmt = self._joined(stmt)
        if isinstance(stmt, Let):
            self.starts.update(dict.fromkeys(stmt.names, stmt.expr))
        self._touch_all(stmt, ALL)
        self.lines.append(stmt)

    def _let(self, stmt: Let) -> None:
        names = [n for n in stmt.names if self._is_own(n)]
        if not names:
            self._scalar(stmt)
            return
        rest = tuple(n for n in stmt.names if n not in names)
        if rest:
            self.lines.append(replace(stmt, names=rest))
        assert isinstance(stmt.expr, Call)
        self.lines.append(self._own_view(tuple(names), stmt.expr.function, stmt.note))

    def _is_own(self, name: str) -> bool:
        place = self.kernel.places.get(name)
        return place is not None and place.own

    def _own_view(self, names: tuple[str, ...], function: str, note: str) -> Let:
        size = max(self.kernel.places[n].nbytes for n in names)
        view = Let(names, Call(function, (MINE, Number(self.own, "i64"))), None, note)
        self.own += aligned(size)
        return view

    def _assigned(self, stmt: Store | Add) -> None:
        """A scalar in memory: one thread stores it."""
        if isinstance(stmt, Add) and isinstance(stmt.target, Name):
            self._scalar(stmt)
            return
        self._touch_all(stmt, ONE)
        self.lines.append(alone(stmt))

    def _return(self, stmt: Return) -> None:
        self._end()
        self.lines.append(stmt)

    def _run(self, stmt: Run) -> None:
        if stmt.call.function in PRODUCTS and is_large(stmt, self.capacity):
            self._product(stmt)
        elif not self.sums.holds(stmt):
            self._touch_all(stmt, ONE)
            self.lines.append(alone(stmt))

    # Products

    def _product(self, stmt: Run) -> None:
        args = list(stmt.call.args)
        rows, columns = (value(args[n], self.capacity) for n in (2, 3))
        share = {"rows": self._rows, "columns": self._columns}[shared(rows, columns)]
        share(stmt, args)

    def _rows(self, stmt: Run, args: list[Expr]) -> None:
        share, lo, hi = self._shared(args[2], 1)
        strides = [number(args[n]) for n in (7, 9, 12)]
        transposed = number(args[0])
        factors = None if transposed else strides[0], None, strides[2]
        self._meet(zip(touches(stmt), factors, strict=True), share)
        args[2] = Binary("-", hi, lo)
        args[6] = shifted(args[6], lo, 1 if transposed else strides[0])
        args[11] = shifted(args[11], lo, strides[2])
        self.lines.append(replace(stmt, call=Call(stmt.call.function, tuple(args))))

    def _columns(self, stmt: Run, args: list[Expr]) -> None:
        share, lo, hi = self._shared(args[3], 16)
        self._meet(((t, None) for t in touches(stmt)), share)
        args[3] = Binary("-", hi, lo)
        args[8] = shifted(args[8], lo, number(args[9]) if number(args[1]) else 1)
        args[11] = shifted(args[11], lo, 1)
        self.lines.append(replace(stmt, call=Call(stmt.call.function, tuple(args))))

    def _shared(self, extent: Expr, grain: int) -> tuple[Share, Name, Name]:
        """This thread's share of an extent; its bounds are computed once."""
        share = Share(str(extent), grain)
        if share not in self.bounds:
            word = extent.text if isinstance(extent, Name) else "rows"
            lo, hi = Name(self.fresh(f"{word}_lo")), Name(self.fresh(f"{word}_hi"))
            args = extent, Number(grain, "i64")
            self.lines.append(Let((lo.text,), Call("part", (TEAM, ME, *args))))
            after = Binary("+", ME, Number(1, "i64"))
            self.lines.append(Let((hi.text,), Call("part", (TEAM, after, *args))))
            self.bounds[share] = lo, hi
        return share, *self.bounds[share]

    # Loops

    def _invoke(self, stmt: Stmt) -> None:
        """Another kernel runs, on one thread: it may touch everything."""
        everything = (Touch(buffer, None, True) for buffer in self.kernel.places)
        self._meet(((touch, None) for touch in everything), ONE)
        self.lines.append(alone(stmt))

    def _choice(self, stmt: If) -> None:
        """A choice between kernels, or a check that has failed, which is everybody's."""
        if any(isinstance(s, Invoke) for s in flat(stmt.body)):
            return self._invoke(stmt)
        if self.pending and stmt.condition == FAILED:
            self._wait()
        return self._scalar(stmt)

    def _loop(self, stmt: Loop) -> None:
        if any(isinstance(s, Invoke) for s in flat(stmt.body)):
            return self._invoke(stmt)
        leaves = any(isinstance(s, Return) for s in flat(stmt.body))
        large = is_large(stmt, self.capacity) and not leaves
        sums = self.sums.of_loop(stmt, self.capacity) if large else None
        scalars = self._scalars(stmt)
        if self.in_order and (sums or scalars):
            sums = None
        if sums is None or any(op not in TOTALS for op in scalars.values()):
            return self._alone_or_all(stmt, scalars)
        return self._split(stmt, sums, scalars)

    def _alone_or_all(self, stmt: Loop, scalars: Mapping[str, str]) -> None:
        """A loop that is not shared: by one thread if it stores, by all if it does not."""
        leaves = any(isinstance(s, Return) for s in flat(stmt.body))
        stores = any(t.writes and not self._is_own(t.buffer) for t in touches(stmt)) and not leaves
        self._clear(self.sums.cleared_for(stmt))
        self._touch_all(stmt, ONE if stores else ALL)
        self.lines.append(alone(stmt) if stores else stmt)
        for name, op in scalars.items() if stores else ():
            self.partial[name] = LEADING
            if is_register(self.starts[name]):  # its lanes are joined where they are added up
                self.partial[name] = TOTALS.get(op, LEADING)
            else:
                self._total_of(name, Name(name))

    def _scalars(self, stmt: Loop) -> dict[str, str]:
        """Accumulators from outside that grow in a loop, and how they are joined."""
        found: dict[str, str] = {}
        for line in flat(stmt.body):
            names = line.names if isinstance(line, Let) else ()
            if isinstance(line, Add) and isinstance(line.target, Name):
                names = (line.target.text,)
            for name in names:
                if name in self.starts:
                    found[name] = "+" if isinstance(line, Add) else joiner(name, line)
        return found

    def _split(self, stmt: Loop, sums: list[str], scalars: Mapping[str, str]) -> None:
        shared = self._bounds_of(stmt)
        share, lo, hi, scale = shared
        self._clear(self.sums.cleared_for(stmt, but=sums))
        mine = {buffer: self._own_sum(buffer) for buffer in sums}
        names = {buffer: own for buffer, (own, _) in mine.items()}
        body = tuple(renamed(s, names) for s in stmt.body)
        found = [t for t in touches(stmt, self.capacity) if t.buffer not in mine]
        factors = [t.row(stmt) for t in found]
        scaled = [None if f is None else f * scale for f in factors]
        self._meet(zip(found, scaled, strict=True), share)
        if counted(stmt):
            body = until(replace(stmt, body=body), hi)
        body = tuple(ending(s, stmt.hi, hi) for s in body)
        self.lines.append(Loop(stmt.index, lo, hi, stmt.step, body))
        for name, op in scalars.items():
            self.partial[name] = TOTALS[op]
            if not is_register(self.starts[name]):
                self._total_of(name, Name(name))
        for buffer, (own, count) in mine.items():
            args = TEAM, ME, Name(buffer), Name(own), Name("own"), count
            self.sums.due[buffer] = Run(Call("add_up", args))

    def _bounds_of(self, stmt: Loop) -> tuple[Share, Expr, Expr, int]:
        """A loop's share with its bounds, and how many turns it takes an element of the extent."""
        hi, step = stmt.hi, stmt.step
        if step == 1 or counted(stmt):
            return *self._shared(hi, 1), 1
        width = hi.right if isinstance(hi, Binary) and hi.op == "*" else None
        if isinstance(width, Number):
            assert isinstance(hi, Binary)
            share, first, last = self._shared(hi.left, 1)
            return share, first * width, last * width, int(width.value)
        return *self._shared(hi, 8 * step), 1

    def _own_sum(self, buffer: str) -> tuple[str, Expr]:
        """A copy of a sum's buffer for each thread, cleared, and its length."""
        name = self.fresh(f"{buffer}_mine")
        place = self.kernel.places[buffer]
        self.lines.append(
            Let((name,), Call(f"at_{place.dtype}", (MINE, Number(self.own, "i64"))), None, RESULT)
        )
        self.own += aligned(place.nbytes)
        clear = self.sums.fills.pop(buffer)
        start = Call("fill", (Name(name), *clear.call.args[1:]))
        self.lines.append(replace(clear, call=start))
        return name, clear.call.args[1]

    # Totals

    def _joined(self, stmt: Let | Add) -> Let | Add:
        """A line that reads a register of sums: over all threads."""

        def change(e: Expr) -> Expr | None:
            if (
                isinstance(e, Call)
                and e.function.endswith("_lanes")
                and register_of(e) in self.partial
            ):
                return self._over_team(self.partial[register_of(e)], e)
            return None

        return mapped(stmt, lambda e: rebuilt(e, change))  # type: ignore[return-value]

    def _total_of(self, name: str, value: Expr) -> None:
        self.lines.append(Let((name,), self._over_team(self.partial[name], value)))

    def _over_team(self, function: str, value: Expr) -> Expr:
        self.slots += 1
        self.pending.clear()
        return Call(function, (TEAM, ME, Number(self.slots - 1, "i64"), value))


def _as_is(spreader: _Spreader, stmt: Stmt) -> None:
    spreader.lines.append(stmt)


STATEMENTS: dict[type, Callable[..., None]] = {
    Let: _Spreader._let,
    Store: _Spreader._assigned,
    Add: _Spreader._assigned,
    Run: _Spreader._run,
    Loop: _Spreader._loop,
    While: _Spreader._invoke,
    If: _Spreader._choice,
    Invoke: _Spreader._invoke,
    Return: _Spreader._return,
    Remark: _as_is,
}
