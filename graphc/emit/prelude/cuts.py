"""How C is cut: what is known of a product goes in, panels of columns and rows of tiles come out.

What does not fit a whole number of vectors or rows is covered twice: see Note [Cuts].
"""
# mypy: allow-untyped-calls

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import llvmlite.binding as binding
from llvmlite import ir

from .jit import Builder, Value
from .tiles import Matrix, Size, each, minus, plus, same, smaller, times, whole

DOTTED = 3, 4
"""Rows and columns of a tile with lanes along the depth; a single row has twice the columns."""


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

    ta: int
    tb: int
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
    double: bool = False
    machine: Machine = Machine(32, 16)

    @property
    def name(self) -> str:
        """A name for the function, the same for the same order."""
        numbers = *self[:-1], *self.machine
        words = ("x" if n is None else str(int(n)) for n in numbers)
        return ".".join(["multiply", *words])

    @property
    def element(self) -> Any:
        """LLVM's type of number."""
        return ir.DoubleType() if self.double else ir.FloatType()


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

    @property
    def lanes(self) -> int:
        """How many elements a register has; where they are columns, no more than C has."""
        lanes = self.order.machine.width // (8 if self.order.double else 4)
        if self.dotted or not isinstance(self.n, int):
            return lanes
        return min(lanes, 1 << (self.n.bit_length() - 1))

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


def rows_of_tiles(p: Product, vectors: int) -> int:
    """How many rows the tiles of a panel have."""
    return DOTTED[0] if p.dotted else most_rows(vectors, p.order.machine.registers)


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
        found = _columns(b, p)
    else:
        found = _vectors_of(p) if isinstance(p.n, int) else _unknown(b, p)
    return [kind for kind in found if not same(kind.start, kind.stop)]


def _vectors_of(p: Product) -> list[Panels]:
    """Vectors side by side; the last panel has more or fewer of them, or one that overlaps."""
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
    kinds = [((0, p.lanes), p.lanes), ((0,), p.lanes), ((0,), 1)]
    return _one_after_another(b, p.n, [2 * p.lanes, p.lanes, 1], kinds)


def _columns(b: Builder, p: Product) -> list[Panels]:
    """Single columns, whose sums are added up together: in panels of one width and one less, or in
    half as many and so on where they are counted at run time.
    """
    most = DOTTED[1] if p.m != 1 else 2 * DOTTED[1]
    if isinstance(p.n, int):
        width = _even(p.n, most)
        low = _low(b, 0, p.n, width)
        wide = Panels(0, low, width, tuple(range(width)), p.lanes)
        return [wide, Panels(low, p.n, width - 1, tuple(range(width - 1)), p.lanes)]
    widths = [most >> n for n in range(most.bit_length())]
    return _one_after_another(b, p.n, widths, [(tuple(range(w)), p.lanes) for w in widths])


def _one_after_another(
    b: Builder, n: Value, steps: Sequence[int], kinds: Sequence[tuple[tuple[int, ...], int]]
) -> list[Panels]:
    """Panels of each kind, as many as there are columns for."""
    found, start = [], 0
    for step, kind in zip(steps, kinds, strict=True):
        stop = b.sub(n, b.urem(n, whole(step)))
        found.append(Panels(start, stop, step, *kind))
        start = stop
    return found


def most_sums(p: Product, cut: Sequence[Panels]) -> int:
    """The sums of a product's largest tile, by which all of them go: see Note [Cuts]."""
    return max(_rows_at_once(p, len(kind.offsets)) * len(kind.offsets) for kind in cut)


def _rows_at_once(p: Product, vectors: int) -> int:
    most = rows_of_tiles(p, vectors)
    return _even(p.m, most) if isinstance(p.m, int) else most


class Rows(NamedTuple):
    """Rows of one tile, the last one repeated where there are fewer."""

    start: Size
    height: int
    end: Size | None = None

    def at(self, b: Builder, r: int) -> Size:
        """The index of row r."""
        index = plus(b, self.start, r)
        return index if self.end is None else smaller(b, index, plus(b, self.end, -1))


def tiles(b: Builder, lo: Size, hi: Size, most: int, body: Callable[[Rows], None]) -> None:
    """Run body for the rows from lo to hi, in tiles of one height and one less; see Note [Cuts]."""
    known = isinstance(lo, int) and isinstance(hi, int)
    most = _even(hi - lo, most) if known else most
    less = max(1, most - 1)
    low = _low(b, lo, hi, most)
    each(b, lo, low, most, lambda i: body(Rows(i, most)))
    if most > 1:
        each(b, low, hi, less, lambda i: body(Rows(i, less, None if known else hi)))


def _low(b: Builder, lo: Size, hi: Size, most: int) -> Size:
    """Where the lower tiles begin: as many as leave no row over, or all where that is too few."""
    size = minus(b, hi, lo)
    if isinstance(size, int):
        count = _up(size, max(1, most))
        return hi - (most * count - size) * (most - 1)
    count = b.udiv(plus(b, size, most - 1), whole(most))
    lower = smaller(b, minus(b, times(b, count, most), size), count)
    return plus(b, lo, times(b, minus(b, count, lower), most))


def _even(size: int, most: int) -> int:
    """The size of the larger one of as few parts as can be, none above the most."""
    return _up(size, max(1, _up(size, most)))


def _up(size: int, unit: int) -> int:
    return -(-size // unit)


# Note [Cuts]
#
# 100 columns are five panels of two vectors and one of three, whose last vector begins eight
# columns before the end: four columns are in two vectors. 100 rows are 15 tiles of six rows and two
# of five: from 20 rows on, six and five leave nothing over, and five rows take as many registers as
# the adders need. Of rows that are counted at run time and too few for that, the last one is made
# more than once. A tile loads all of C that it needs before it stores anything, so what is covered
# twice comes out the same twice. Nothing outside of the matrices is read or written, and no masks
# are needed, which are slow to store by. A matrix of less than eight columns has shorter vectors.
# All tiles of a product keep their sums in as many chains as the largest one does, so that every
# element is added up in one order, wherever it is: equal rows and columns give equal results.
