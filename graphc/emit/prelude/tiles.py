"""A tile of a product of matrices: operands in memory go in, LLVM code that multiplies comes out.

The sums of a tile's elements stay in registers while the depth is walked through, and are stored
once. Python runs while LLVM code is built: its lists are registers, its loops are unrolled.
"""
# mypy: allow-untyped-calls

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from llvmlite import ir
from numba.core.cgutils import get_or_insert_function

from .jit import Build, Builder, Value, constant, llvm
from .vectors import spread

I64, I32 = ir.IntType(64), ir.IntType(32)
Size: TypeAlias = Any  # an int that is known now, or a value that the code will have
Grid: TypeAlias = list[list[Value]]  # registers: rows, vectors

CHAINS = 8
"""Sums that a processor adds to at the same time: two units, four steps until a sum is ready."""

UNROLLED = 2
"""Steps of the depth that are written out."""


# The language of what follows


def whole(x: Size) -> Value:
    """A size as LLVM's value."""
    return ir.Constant(I64, x) if isinstance(x, int) else x


def plus(b: Builder, x: Size, y: Size) -> Size:
    """x + y, added up now where both are known."""
    if isinstance(y, int) and (y == 0 or isinstance(x, int)):
        return x + y if isinstance(x, int) else x
    return b.add(whole(x), whole(y))


def minus(b: Builder, x: Size, y: Size) -> Size:
    """x - y, taken away now where both are known."""
    if isinstance(y, int) and (y == 0 or isinstance(x, int)):
        return x - y if isinstance(x, int) else x
    return b.sub(whole(x), whole(y))


def times(b: Builder, x: Size, y: int) -> Size:
    """x * y, multiplied now where x is known."""
    if isinstance(x, int) or y == 1:
        return x * y if isinstance(x, int) else x
    return b.mul(x, whole(y))


def smaller(b: Builder, x: Size, y: Size) -> Size:
    """The smaller one of two sizes."""
    known = isinstance(x, int) and isinstance(y, int)
    return min(x, y) if known else llvm("smin")(b, whole(x), whole(y))


def same(x: Size, y: Size) -> bool:
    """Whether two sizes are known to be equal."""
    return x == y if isinstance(x, int) and isinstance(y, int) else x is y


Body = Callable[[Value, list[Value]], Sequence[Value]]


def loop(b: Builder, start: Size, stop: Size, step: int, body: Body, *kept: Value) -> list[Value]:
    """Run body(index, kept), which gives what is kept for the next turn; what the last one gave."""
    before = b.block
    head, inside, after = (b.append_basic_block(name) for name in ("head", "turn", "after"))
    b.branch(head)
    b.position_at_end(head)
    index, *state = phis = [b.phi(v.type) for v in (whole(start), *kept)]
    b.cbranch(b.icmp_signed("<", index, whole(stop)), inside, after)
    b.position_at_end(inside)
    turned = b.add(index, whole(step)), *body(index, state)
    for phi, first, following in zip(phis, (whole(start), *kept), turned, strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(following, b.block)
    b.branch(head)
    b.position_at_end(after)
    return state


def each(b: Builder, start: Size, stop: Size, step: int, body: Callable[[Size], None]) -> None:
    """Run body(index), in a loop if it can be more than one turn."""
    if isinstance(start, int) and isinstance(stop, int) and stop - start <= step:
        if start < stop:
            body(start)
        return

    def turn(index: Value, _: list[Value]) -> list[Value]:
        body(index)
        return []

    loop(b, start, stop, step, turn)


def outlined(b: Builder, name: str, build: Build, *values: Value) -> Any:
    """Call a function of this module, which is built when it is first asked for."""
    name = f"{__name__}.{name}"
    function = b.module.globals.get(name)
    if function is None:
        kind = ir.FunctionType(ir.VoidType(), [v.type for v in values])
        function = ir.Function(b.module, kind, name)
        function.linkage = "linkonce_odr"
        # optsize: loops are unrolled and vectorised as far as they should be
        for attribute in ("noinline", "nounwind", "optsize"):
            function.attributes.add(attribute)
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        build(builder, *function.args)
        builder.ret_void()
    b.call(function, values)
    return function


# Matrices


def near(b: Builder, place: Value, n: Size) -> Value:
    """The place n elements on."""
    return place if same(n, 0) else b.gep(place, [whole(n)], inbounds=True)


class Line(NamedTuple):
    """Elements of an operand along the depth: where the first is, how far it is to the next."""

    place: Value
    offset: int
    step: int

    def at(self, b: Builder, later: int = 0) -> Value:
        """The place of a later element."""
        return near(b, self.place, self.offset + later * self.step)


class Matrix(NamedTuple):
    """A matrix in memory: where it begins, how far it is to the next row, to the next column."""

    place: Value
    down: int
    right: int

    @property
    def turned(self) -> "Matrix":
        """Its transpose, which is the same memory."""
        return Matrix(self.place, self.right, self.down)

    def at(self, b: Builder, i: Size, j: Size) -> Value:
        """The place of an element."""
        row = near(b, self.place, times(b, i, self.down))
        return near(b, row, times(b, j, self.right))

    def part(self, b: Builder, i: Size, j: Size) -> "Matrix":
        """What is below and to the right of an element."""
        return Matrix(self.at(b, i, j), self.down, self.right)


def load(b: Builder, place: Value, lanes: int, step: int = 1) -> Value:
    """A vector of elements so far apart."""
    element = place.type.pointee
    kind = ir.VectorType(element, lanes)
    if step == 1:
        return b.load(b.bitcast(place, kind.as_pointer()), align=_bytes(element))
    vector = ir.Constant(kind, ir.Undefined)
    for n in range(lanes):
        one = b.load(near(b, place, n * step))
        vector = b.insert_element(vector, one, ir.Constant(I32, n))
    return vector


def put(b: Builder, place: Value, vector: Value, step: int = 1) -> None:
    """Put a vector's lanes where elements so far apart are."""
    if step == 1:
        there = b.bitcast(place, vector.type.as_pointer())
        b.store(vector, there, align=_bytes(vector.type.element))
        return
    for n in range(vector.type.count):
        b.store(b.extract_element(vector, ir.Constant(I32, n)), near(b, place, n * step))


def prefetch(b: Builder, place: Value) -> None:
    """Have the line of memory around a place brought near, to be written."""
    kinds = [ir.IntType(8).as_pointer(), I32, I32, I32]
    function = get_or_insert_function(
        b.module, ir.FunctionType(ir.VoidType(), kinds), "llvm.prefetch.p0"
    )
    written, near, data = I32(1), I32(3), I32(1)
    b.call(function, [b.bitcast(place, kinds[0]), written, near, data])


def _bytes(element: Any) -> int:
    return 4 if element == ir.FloatType() else 8


def shuffled(b: Builder, x: Value, y: Value, lanes: Sequence[int]) -> Value:
    """These lanes of two vectors, those of the second one counted on."""
    return b.shuffle_vector(x, y, ir.Constant(ir.VectorType(I32, len(lanes)), list(lanes)))


# Sums over the depth


class Tile(NamedTuple):
    """Rows of A and columns of B, a line for each, `lanes` columns side by side; or, if it is
    `dotted`, lanes along the depth, one line for each column.
    """

    rows: list[Line]
    columns: list[Line]
    lanes: int
    chains: int = 1  # how often each sum is kept
    dotted: bool = False
    apart: int = 1  # from column to column of B

    @property
    def pace(self) -> int:
        """How much of the depth a step takes."""
        return self.lanes if self.dotted else 1

    def moved(self, b: Builder, p: Size) -> "Tile":
        """The tile from p on; lines that begin at one place share its address."""
        found: dict[tuple[int, int], Value] = {}

        def moved(line: Line) -> Line:
            key = id(line.place), line.step
            if key not in found:
                found[key] = near(b, line.place, times(b, p, line.step))
            return line._replace(place=found[key])

        rows, columns = ([moved(line) for line in lines] for lines in (self.rows, self.columns))
        return self._replace(rows=rows, columns=columns)

    def zeros(self, lanes: int) -> list[Value]:
        """A register for each sum."""
        kind = ir.VectorType(self.rows[0].place.type.pointee, lanes)
        return [constant(kind, 0.0)] * (len(self.rows) * len(self.columns))


def sums(b: Builder, tile: Tile, depth: Size) -> Grid:
    """The sums over p < depth of a[i, p] b[p, j] for each row and vector of the tile."""
    whole_steps = _grown_sums(b, tile, depth)
    if tile.dotted:
        return _added_up(b, tile, whole_steps, depth)
    return _as_grid(whole_steps, len(tile.columns))


def _as_grid(values: list[Value], columns: int) -> Grid:
    return [values[n : n + columns] for n in range(0, len(values), columns)]


def _grown_sums(b: Builder, tile: Tile, depth: Size) -> list[Value]:
    """The sums over all whole steps, written out by so many, then one by one."""
    size, chains = len(tile.rows) * len(tile.columns), tile.chains
    steps = max(UNROLLED, chains) if size < 2 * CHAINS else 1
    stride = steps * tile.pace
    last = _rounded(b, depth, stride)

    def turn(p: Value, kept: list[Value]) -> list[Value]:
        here = tile.moved(b, p)
        for n in range(steps):
            chain = n % chains * size
            added = _stepped(b, here, n, kept[chain : chain + size], tile.lanes)
            kept = kept[:chain] + added + kept[chain + size :]
        return kept

    def single(p: Value, kept: list[Value]) -> list[Value]:
        return _stepped(b, tile.moved(b, p), 0, kept, tile.lanes)

    kept = loop(b, 0, last, stride, turn, *tile.zeros(tile.lanes) * chains)
    total = _together(b, [kept[n : n + size] for n in range(0, len(kept), size)])
    end = _rounded(b, depth, tile.pace)
    return total if same(end, last) else loop(b, last, end, tile.pace, single, *total)


def chains(size: int, depth: Size) -> int:
    """How often each of so many sums is kept, so that additions need not wait for each other."""
    wanted = 1
    while size * wanted < CHAINS and not (isinstance(depth, int) and depth < 8 * wanted):
        wanted *= 2
    return wanted


def _rounded(b: Builder, depth: Size, step: int) -> Size:
    """The largest multiple of a power of two below the depth."""
    if isinstance(depth, int):
        return depth - depth % step
    return depth if step == 1 else b.and_(depth, whole(-step))


def _together(b: Builder, parts: list[list[Value]]) -> list[Value]:
    """The sums of chains, added in pairs."""
    while len(parts) > 1:
        halves = zip(parts[::2], parts[1::2], strict=True)
        parts = [[b.fadd(x, y) for x, y in zip(*pair, strict=True)] for pair in halves]
    return parts[0]


def _stepped(b: Builder, tile: Tile, n: int, total: list[Value], lanes: int) -> list[Value]:
    """The sums with the tile's step n; the operand of which there is less is held in registers."""

    def row(line: Line) -> Value:
        place = line.at(b, n * tile.pace)
        return load(b, place, lanes) if tile.dotted else spread(b, b.load(place), lanes)

    def column(line: Line) -> Value:
        return load(b, line.at(b, n * tile.pace), lanes, tile.apart)

    total, width = list(total), len(tile.columns)
    few, many = (tile.rows, tile.columns), (row, column)
    swapped = len(tile.columns) < len(tile.rows)
    lines, loads = (few[::-1], many[::-1]) if swapped else (few, many)
    held = [loads[0](line) for line in lines[0]]
    for y, line in enumerate(lines[1]):
        fresh = loads[1](line)
        for x, kept in enumerate(held):
            at = y * width + x if swapped else x * width + y
            total[at] = llvm("fmuladd")(b, kept, fresh, total[at])
    return total


# Lanes along the depth


def _added_up(b: Builder, tile: Tile, partial: list[Value], depth: Size) -> Grid:
    """The lanes of each sum added up, and what whole steps left over added to them."""
    total = _row_sums(b, tile, partial)
    start = _rounded(b, depth, tile.lanes)

    def turn(p: Size, kept: list[Value], lanes: int = 1) -> list[Value]:
        fresh = _stepped(b, tile.moved(b, p), 0, tile.zeros(lanes), lanes)
        return [b.fadd(x, y) for x, y in zip(kept, _row_sums(b, tile, fresh), strict=True)]

    if isinstance(depth, int):
        for lanes in _powers(depth - start):
            total, start = turn(start, total, lanes), start + lanes
    else:
        total = loop(b, start, depth, 1, turn, *total)
    return [[vector] for vector in total]


def _powers(n: int) -> list[int]:
    """The powers of two that n is the sum of, the largest first."""
    return [1 << bit for bit in reversed(range(n.bit_length())) if n >> bit & 1]


def _row_sums(b: Builder, tile: Tile, partial: list[Value]) -> list[Value]:
    return [_lane_sums(b, row) for row in _as_grid(partial, len(tile.columns))]


def _lane_sums(b: Builder, vectors: list[Value]) -> Value:
    """One vector, of the sum over the lanes of each of the vectors."""
    count, lanes = len(vectors), vectors[0].type.count
    vectors = vectors + vectors[-1:] * ((1 << (count - 1).bit_length()) - count)
    while lanes > 1:
        vectors = [_neighbours(b, *pair) for pair in _pairs(vectors)]
        lanes //= 2
    while len(vectors) > 1:
        size = range(2 * vectors[0].type.count)
        vectors = [shuffled(b, x, y, size) for x, y in _pairs(vectors)]
    return shuffled(b, vectors[0], vectors[0], range(count))


def _pairs(vectors: list[Value]) -> list[tuple[Value, ...]]:
    """Each two that follow each other; what is alone stays alone."""
    if len(vectors) == 1:
        return [(vectors[0],)]
    return list(zip(vectors[::2], vectors[1::2], strict=True))


def _neighbours(b: Builder, *both: Value) -> Value:
    """The sums of neighbouring lanes of one vector or two."""
    size = len(both) * both[0].type.count
    even, odd = (shuffled(b, both[0], both[-1], range(n, size, 2)) for n in (0, 1))
    return b.fadd(even, odd)
