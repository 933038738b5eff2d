"""Products of matrices cut into tiles: literal shapes go in, one LLVM function each comes out.

C is cut into panels of columns, these into tiles. What does not fit a whole number of vectors or
rows is covered twice: a tile loads all that it needs before it stores anything, so the same sums
come out twice. Nothing outside of the matrices is read or written; see Note [Cuts].
"""
# mypy: allow-untyped-calls

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import llvmlite.binding as binding
from llvmlite import ir

from .jit import Builder, Value, llvm
from .packing import copied, in_vectors, turned
from .tiles import (
    Grid,
    Line,
    Matrix,
    Size,
    Tile,
    each,
    load,
    plus,
    prefetch,
    put,
    same,
    smaller,
    sums,
    whole,
)
from .vectors import spread

ROWS = 12
"""Threads share rows by so many: a whole number of tiles."""

DOTTED_ROWS = 3
"""Rows of a tile with lanes along the depth; it has four columns."""

PAD = 16
"""Packed rows of A are so much longer than a power of two, or they would share lines of a cache."""


class Machine(NamedTuple):
    """Bytes of a SIMD register, and how many registers there are."""

    width: int
    registers: int


def host() -> Machine:
    """This machine's SIMD registers."""
    try:
        has = binding.get_host_cpu_features()
    except RuntimeError:  # LLVM knows none on this platform
        has = {}
    if has.get("avx512f"):
        return Machine(64, 32)
    return Machine(32, 16) if has.get("avx") else Machine(16, 32 if has.get("neon") else 16)


class Order(NamedTuple):
    """All that is known of a product when its code is built; None is for what comes at run time."""

    ta: bool
    tb: bool
    m: int | None
    n: int | None
    k: int | None
    lda: int
    ldb: int
    ldc: int
    alpha: int | None
    beta: int | None
    depth: int = 0  # panels of B are packed, this deep, if it is not 0
    rows: int = 0  # so many rows of A are packed
    by: int | None = None  # what threads share: 0 rows, 1 columns
    double: bool = False
    machine: Machine = Machine(32, 16)

    @property
    def name(self) -> str:
        """A name for the function, the same for the same order."""
        return ".".join([__name__, *(str(int(x)) for x in _flat(self))])

    @property
    def element(self) -> Any:
        """LLVM's type of number."""
        return ir.DoubleType() if self.double else ir.FloatType()


def _flat(order: Order) -> Iterator[Any]:
    for x in order:
        yield from x if isinstance(x, tuple) else (-1 if x is None else x,)


Finish = Callable[[Builder, Grid, list[Size], list[Size]], Grid]


def unchanged(b: Builder, registers: Grid, rows: list[Size], columns: list[Size]) -> Grid:
    """The elements of C from these rows and columns on, as they are to be stored."""
    return registers


class Product(NamedTuple):
    """C = alpha A B + beta C; A is m by k."""

    a: Matrix
    b: Matrix
    c: Matrix
    m: Size
    n: Size
    k: Size
    alpha: Size
    beta: Size
    panel: Value
    order: Order
    finish: Finish = unchanged

    @property
    def lanes(self) -> int:
        """How many elements a register has, no more than C has columns."""
        lanes = self.order.machine.width // (8 if self.order.double else 4)
        return min(lanes, 1 << (self.n.bit_length() - 1)) if isinstance(self.n, int) else lanes

    @property
    def dotted(self) -> bool:
        """Whether vectors lie along the depth, which is how rows of A and columns of B lie."""
        along = self.a.right == 1 and self.b.down == 1
        return along and self.b.right != 1 and not self.order.depth

    @property
    def turned(self) -> "Product":
        """The transposes, in the other order."""
        a, b, c = self.b.turned, self.a.turned, self.c.turned
        return self._replace(a=a, b=b, c=c, m=self.n, n=self.m)


# Cuts


class Panels(NamedTuple):
    """Columns from start to stop in panels: where each one's vectors, or single columns, begin."""

    start: Size
    stop: Size
    step: int
    offsets: tuple[int, ...]
    lanes: int


def most_rows(vectors: int, registers: int) -> int:
    """The rows of a tile: registers hold the sums, one operand, and an element of the other."""
    rows = range(1, registers)
    return max(r for r in rows if r == 1 or r * vectors + min(r, vectors) < registers)


def _vectors(p: Product) -> int:
    """How many vectors a tile is wide: two, or more where there are few rows."""
    vectors, registers = 2, p.order.machine.registers
    if p.order.depth or not isinstance(p.m, int):
        return vectors
    while most_rows(vectors + 1, registers) >= p.m and vectors < registers - 4:
        vectors += 1
    return vectors


def panels(b: Builder, p: Product) -> list[Panels]:
    """The columns of C in panels of one kind, and what is left over."""
    if p.dotted:
        return _columns(b, p)
    if not isinstance(p.n, int):
        return _unknown(b, p)
    total = -(-p.n // p.lanes)
    most = min(total, _vectors(p))
    vectors = -(-total // -(-total // most))
    count = -(-total // vectors)
    last = total - (count - 1) * vectors
    if last == 1 and count > 1 and p.n % p.lanes:
        count, last = count - 1, vectors + 1
    step, begin = vectors * p.lanes, (count - 1) * vectors * p.lanes
    ends = *range(0, (last - 1) * p.lanes, p.lanes), p.n - begin - p.lanes
    full = Panels(0, begin, step, tuple(range(0, step, p.lanes)), p.lanes)
    if full.offsets == ends:
        return [full._replace(stop=p.n)]
    return [full, Panels(begin, p.n, step + p.lanes, ends, p.lanes)]


def _unknown(b: Builder, p: Product) -> list[Panels]:
    """Two vectors, then one, then single columns."""
    found, start = [], 0
    for step, offsets, lanes in (
        (2 * p.lanes, (0, p.lanes), p.lanes), (p.lanes, (0,), p.lanes), (1, (0,), 1)
    ):  # fmt: skip
        stop = b.sub(p.n, b.urem(p.n, whole(step)))
        found.append(Panels(start, stop, step, offsets, lanes))
        start = stop
    return found


def _columns(b: Builder, p: Product) -> list[Panels]:
    """Single columns, whose sums are added up together."""
    step = 4 if p.m != 1 else 8
    if isinstance(p.n, int):
        stop = p.n - p.n % step
        rest = Panels(stop, p.n, step, tuple(range(p.n - stop)), p.lanes)
    else:
        stop = b.sub(p.n, b.urem(p.n, whole(step)))
        rest = Panels(stop, p.n, 1, (0,), p.lanes)
    return [Panels(0, stop, step, tuple(range(step)), p.lanes), rest]


class Rows(NamedTuple):
    """Rows of one tile, the last one repeated where there are fewer."""

    start: Size
    count: int
    end: Size | None = None

    def at(self, b: Builder, r: int) -> Size:
        """The index of row r."""
        index = plus(b, self.start, r)
        return index if self.end is None else smaller(b, index, plus(b, self.end, -1))


def tiles(b: Builder, lo: Size, hi: Size, most: int, body: Callable[[Rows], None]) -> None:
    """Run body for the rows from lo to hi, in tiles of one height and what is left over."""
    if isinstance(lo, int) and isinstance(hi, int):
        most = -(-(hi - lo) // max(1, -(-(hi - lo) // most))) or 1
        full = hi - (hi - lo) % most
        each(b, lo, full, most, lambda i: body(Rows(i, most)))
        each(b, full, hi, most, lambda i: body(Rows(i, hi - full)))
        return
    count = b.sub(whole(hi), whole(lo))
    full = b.sub(whole(hi), b.urem(count, whole(most)))
    each(b, lo, full, most, lambda i: body(Rows(i, most)))
    with b.if_then(b.icmp_signed("<", full, whole(hi))):
        body(Rows(full, most, hi))


# The walk over C


class Block(NamedTuple):
    """A run of the depth: operands from there on, A from a row on, and how deep it is."""

    a: Matrix
    b: Matrix
    row: Size
    depth: Size
    first: Value | bool


def multiply_into(b: Builder, p: Product, me: Value, team: Value) -> None:
    """The whole product, or the share of thread `me`."""
    cut, lo, hi = panels(b, p), 0, p.m
    if p.order.by == 0:
        lo, hi = _row_share(b, p, me, team)
    if p.order.by == 1:
        cut = _column_share(b, p, cut, me, team)
    depth = p.order.depth
    if not depth or (isinstance(p.k, int) and p.k <= depth):
        _rows_of(b, p, cut, Block(p.a, p.b, 0, p.k, True), lo, hi)
        return

    def turn(start: Value) -> None:
        first = b.icmp_signed("==", start, whole(0))
        deep = smaller(b, plus(b, p.k, b.neg(start)), depth)
        block = Block(p.a.part(b, 0, start), p.b.part(b, start, 0), 0, deep, first)
        _rows_of(b, p, cut, block, lo, hi)

    each(b, 0, p.k, depth, turn)


def _share(b: Builder, units: Size, unit: int, me: Value, team: Value) -> tuple[Value, Value]:
    """Where this thread's part of so many units begins and ends."""

    def border(thread: Value) -> Value:
        return b.mul(b.udiv(b.mul(whole(units), thread), team), whole(unit))

    return border(me), border(b.add(me, whole(1)))


def _up(b: Builder, size: Size, unit: int) -> Size:
    """How many units cover a size."""
    if isinstance(size, int):
        return -(-size // unit)
    return b.udiv(plus(b, size, unit - 1), whole(unit))


def _row_share(b: Builder, p: Product, me: Value, team: Value) -> tuple[Size, Size]:
    unit = ROWS
    lo, hi = _share(b, _up(b, p.m, unit), unit, me, team)
    return lo, smaller(b, p.m, hi)


def _column_share(
    b: Builder, p: Product, cut: list[Panels], me: Value, team: Value
) -> list[Panels]:
    """The panels that begin in this thread's columns."""
    step = cut[0].step
    units = _up(b, p.n, step)
    if len(cut) > 1 and isinstance(units, int):
        units = min(units, cut[-1].start // step + 1)
    lo, hi = _share(b, units, step, me, team)
    return [
        each_._replace(
            start=llvm("smax")(b, whole(each_.start), lo), stop=smaller(b, each_.stop, hi)
        )
        for each_ in cut
    ]


def _rows_of(b: Builder, p: Product, cut: list[Panels], block: Block, lo: Size, hi: Size) -> None:
    """The rows from lo to hi, by blocks of A that are packed if the order says so."""
    rows = p.order.rows
    if not rows:
        _panels_of(b, p, cut, block, lo, hi)
        return

    def turn(i: Value) -> None:
        end = smaller(b, plus(b, i, rows), hi)
        packed = _packed_rows(b, p, block, i, b.sub(end, i))
        _panels_of(b, p, cut, block._replace(a=packed, row=i), i, end)

    each(b, lo, hi, rows, turn)


def _panels_of(b: Builder, p: Product, cut: list[Panels], block: Block, lo: Size, hi: Size) -> None:
    for kind in cut:
        if kind.offsets and not same(kind.start, kind.stop):
            each(b, kind.start, kind.stop, kind.step, _panel(b, p, block, kind, lo, hi))


def _panel(
    b: Builder, p: Product, block: Block, kind: Panels, lo: Size, hi: Size
) -> Callable[[Value], None]:
    """What multiplies the rows from lo to hi by the panel that begins at a column."""
    most = DOTTED_ROWS if p.dotted else most_rows(len(kind.offsets), p.order.machine.registers)

    def turn(j: Value) -> None:
        columns = _lines(b, p, block, kind, j)
        step = 1 if p.order.depth or p.dotted else p.b.right

        def tile(rows: Rows) -> None:
            if p.order.depth:
                _expected(b, p, rows, [plus(b, j, kind.offsets[n]) for n in (0, -1)])
            lines = _row_lines(b, block, rows)
            grid = sums(b, Tile(lines, columns, kind.lanes, p.dotted, step), block.depth)
            offsets = (0,) if p.dotted else kind.offsets
            _finished(b, p, block, grid, rows, [plus(b, j, x) for x in offsets])

        tiles(b, lo, hi, most, tile)

    return turn


def _row_lines(b: Builder, block: Block, rows: Rows) -> list[Line]:
    """A line for each row of a tile: side by side, or each with a place of its own."""
    a, step = block.a, block.a.right
    if rows.end is None:
        place = a.at(b, _less(b, rows.start, block.row), 0)
        return [Line(place, r * a.down, step) for r in range(rows.count)]
    index = [_less(b, rows.at(b, r), block.row) for r in range(rows.count)]
    return [Line(a.at(b, i, 0), 0, step) for i in index]


def _less(b: Builder, x: Size, y: Size) -> Size:
    return b.sub(whole(x), whole(y)) if isinstance(y, ir.Value) else x


def _lines(b: Builder, p: Product, block: Block, kind: Panels, j: Value) -> list[Line]:
    """A line for each vector, or single column, of a panel."""
    if p.order.depth:
        _pack(b, p, block, kind, j)
        width = len(kind.offsets) * kind.lanes
        return [Line(p.panel, n * kind.lanes, width) for n in range(len(kind.offsets))]
    place, (_, down, right) = block.b.at(b, 0, j), block.b
    return [Line(place, x * right, down) for x in kind.offsets]


# What a tile stores


def _expected(b: Builder, p: Product, rows: Rows, columns: list[Size]) -> None:
    """Have a tile of C brought into the cache while its sums are made."""
    for r in range(rows.count):
        for j in columns:
            prefetch(b, p.c.at(b, rows.at(b, r), j))


def _finished(
    b: Builder, p: Product, block: Block, grid: Grid, rows: Rows, columns: list[Size]
) -> None:
    """Store a tile's sums: with beta C at first, then added to C."""
    places = [[p.c.at(b, rows.at(b, r), j) for j in columns] for r in range(rows.count)]
    grid = _each(grid, lambda v: v if p.alpha == 1 else b.fmul(v, _spread(b, p.alpha, v)))
    if block.first is True:
        _stored(b, p, _onto(b, p, grid, places, p.beta), places)
        return
    with b.if_else(block.first) as (start, more):
        with start:
            _stored(b, p, _onto(b, p, grid, places, p.beta), places)
        with more:
            _stored(b, p, _onto(b, p, grid, places, 1), places)


def _each(grid: Grid, function: Callable[[Value], Value]) -> Grid:
    return [[function(v) for v in row] for row in grid]


def _spread(b: Builder, x: Size, like: Value) -> Value:
    """A number in every lane of such a vector."""
    kind = like.type
    number = ir.Constant(kind.element, float(x)) if isinstance(x, int) else x
    return spread(b, number, kind.count)


def _onto(b: Builder, p: Product, grid: Grid, places: Grid, beta: Size) -> Grid:
    """The sums with beta C; all of C is loaded before anything is stored."""
    if beta == 0:
        return grid
    return [
        [_added(b, v, load(b, place, v.type.count, p.c.right), beta) for v, place in zip(*pair)]
        for pair in zip(grid, places, strict=True)
    ]


def _added(b: Builder, v: Value, c: Value, beta: Size) -> Value:
    """v + beta c, where c does not count if beta turns out to be 0."""
    if beta == 1:
        return b.fadd(v, c)
    factor = _spread(b, beta, v)
    counts = b.fcmp_unordered("!=", factor, ir.Constant(v.type, [0.0] * v.type.count))
    return b.select(counts, llvm("fmuladd")(b, factor, c, v), v)


def _stored(b: Builder, p: Product, grid: Grid, places: Grid) -> None:
    for row, there in zip(grid, places, strict=True):
        for vector, place in zip(row, there, strict=True):
            put(b, place, vector, p.c.right)


# Packing


def _packed_rows(b: Builder, p: Product, block: Block, row: Value, count: Value) -> Matrix:
    """A copy of rows of A, a depth long, whose elements lie along the depth."""
    a, here = block.a.part(b, row, 0), b.gep(p.panel, [whole(3 * p.lanes * p.order.depth)])
    to = Matrix(here, p.order.depth + PAD, 1)
    if a.right == 1:
        copied(b, a, to, count, block.depth)
    else:
        turned(b, a, to, count, block.depth, p.lanes)
    return to


def _pack(b: Builder, p: Product, block: Block, kind: Panels, j: Value) -> None:
    """Copy a panel of B, its vectors one behind the other, row by row."""
    in_vectors(b, block.b.part(b, 0, j), kind.offsets, p.panel, block.depth, kind.lanes)
