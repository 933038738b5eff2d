"""The walk over a product's tiles: a product goes in, LLVM code comes out.

The depth is cut into runs, rows of A into blocks, C into panels, these into tiles. If the order
says so, a block of A and a panel of B are copied to where they are read fast.
"""
# mypy: allow-untyped-calls

from collections.abc import Callable
from typing import NamedTuple

from llvmlite import ir

from .cuts import Panels, Product, Rows, most_sums, panels, rows_of_tiles, tiles
from .jit import Builder, Value, llvm
from .packing import copied, in_vectors, turned
from .tiles import (
    Grid,
    Line,
    Matrix,
    Size,
    Tile,
    chains,
    each,
    load,
    minus,
    plus,
    prefetch,
    put,
    same,
    smaller,
    sums,
    whole,
)
from .vectors import spread

PAD = 16
"""Packed rows of A are so much longer than a power of two, or they would share lines of a cache."""


# The walk over C


class Block(NamedTuple):
    """A run of the depth: operands from there on, A from a row on, and how deep it is."""

    a: Matrix
    b: Matrix
    row: Size
    depth: Size
    first: Value | bool


def multiply_into(b: Builder, p: Product) -> None:
    """The whole product."""
    if same(p.m, 0) or same(p.n, 0):
        return
    cut = panels(b, p)
    for_depth(b, p, lambda block: _rows_of(b, p, cut, block))


def for_depth(b: Builder, p: Product, body: Callable[[Block], None]) -> None:
    """Run body for the whole depth, or for runs of it that fit a panel; at least once."""
    depth = p.order.depth
    if not depth or (isinstance(p.k, int) and p.k <= depth):
        body(Block(p.a, p.b, 0, p.k, True))
        return

    def turn(start: Value) -> None:
        first = b.icmp_signed("==", start, whole(0))
        deep = smaller(b, minus(b, p.k, start), depth)
        body(Block(p.a.part(b, 0, start), p.b.part(b, start, 0), 0, deep, first))

    each(b, 0, p.k if isinstance(p.k, int) else llvm("smax")(b, p.k, whole(1)), depth, turn)


def _rows_of(b: Builder, p: Product, cut: list[Panels], block: Block) -> None:
    """All rows, by blocks of A that are packed if the order says so."""
    rows = p.order.rows
    if not rows:
        _panels_of(b, p, cut, block, 0, p.m)
        return

    def turn(i: Size) -> None:
        end = smaller(b, plus(b, i, rows), p.m)
        packed = _packed_rows(b, p, block, i, minus(b, end, i))
        _panels_of(b, p, cut, block._replace(a=packed, row=i), i, end)

    each(b, 0, p.m, rows, turn)


def _panels_of(b: Builder, p: Product, cut: list[Panels], block: Block, lo: Size, hi: Size) -> None:
    alike = chains(most_sums(p, cut), block.depth)
    for kind in cut:
        each(b, kind.start, kind.stop, kind.step, _panel(b, p, block, kind, alike, lo, hi))


def _panel(
    b: Builder, p: Product, block: Block, kind: Panels, kept: int, lo: Size, hi: Size
) -> Callable[[Size], None]:
    """What multiplies the rows from lo to hi by the panel that begins at a column, each sum in so
    many chains.
    """
    most = rows_of_tiles(p, len(kind.offsets))

    def turn(j: Size) -> None:
        columns = _lines(b, p, block, kind, j)
        step = 1 if p.order.depth or p.dotted else p.b.right

        def tile(rows: Rows) -> None:
            if p.order.depth:
                _expected(b, p, rows, [plus(b, j, kind.offsets[n]) for n in (0, -1)])
            lines = _row_lines(b, block, rows)
            grid = sums(b, Tile(lines, columns, kind.lanes, kept, p.dotted, step), block.depth)
            offsets = (0,) if p.dotted else kind.offsets
            _finished(b, p, block, grid, rows, [plus(b, j, x) for x in offsets])

        tiles(b, lo, hi, most, tile)

    return turn


def _row_lines(b: Builder, block: Block, rows: Rows) -> list[Line]:
    """A line for each row of a tile: side by side, or each with a place of its own."""
    a, step = block.a, block.a.right
    if rows.end is None:
        place = a.at(b, minus(b, rows.start, block.row), 0)
        return [Line(place, r * a.down, step) for r in range(rows.height)]
    index = [minus(b, rows.at(b, r), block.row) for r in range(rows.height)]
    return [Line(a.at(b, i, 0), 0, step) for i in index]


def _lines(b: Builder, p: Product, block: Block, kind: Panels, j: Size) -> list[Line]:
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
    for r in range(rows.height):
        for j in columns:
            prefetch(b, p.c.at(b, rows.at(b, r), j))


def _finished(
    b: Builder, p: Product, block: Block, grid: Grid, rows: Rows, columns: list[Size]
) -> None:
    """Store a tile's sums: with beta C at first, then added to C."""
    index = [rows.at(b, r) for r in range(rows.height)]
    places = [[p.c.at(b, i, j) for j in columns] for i in index]
    grid = _each(grid, lambda v: v if same(p.alpha, 1) else b.fmul(v, _spread(b, p.alpha, v)))
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
    if same(beta, 0):
        return grid

    def with_c(v: Value, place: Value) -> Value:
        return _added(b, v, load(b, place, v.type.count, p.c.right), beta)

    pairs = zip(grid, places, strict=True)
    return [list(map(with_c, row, there)) for row, there in pairs]


def _added(b: Builder, v: Value, c: Value, beta: Size) -> Value:
    """v + beta c, where c does not count if beta turns out to be 0."""
    if same(beta, 1):
        return b.fadd(v, c)
    factor = _spread(b, beta, v)
    counts = b.fcmp_unordered("!=", factor, ir.Constant(v.type, [0.0] * v.type.count))
    return b.select(counts, llvm("fmuladd")(b, factor, c, v), v)


def _stored(b: Builder, p: Product, grid: Grid, places: Grid) -> None:
    for row, there in zip(grid, places, strict=True):
        for vector, place in zip(row, there, strict=True):
            put(b, place, vector, p.c.right)


# Packing


def _packed_rows(b: Builder, p: Product, block: Block, row: Size, count: Size) -> Matrix:
    """A copy of rows of A, a depth long, whose elements lie along the depth."""
    a, here = block.a.part(b, row, 0), b.gep(p.panel, [whole(3 * p.lanes * p.order.depth)])
    to = Matrix(here, p.order.depth + PAD, 1)
    if a.right == 1:
        copied(b, a, to, count, block.depth)
    else:
        turned(b, a, to, count, block.depth, p.lanes)
    return to


def _pack(b: Builder, p: Product, block: Block, kind: Panels, j: Size) -> None:
    """Copy a panel of B, its vectors one behind the other, row by row."""
    in_vectors(b, block.b.part(b, 0, j), kind.offsets, p.panel, block.depth, kind.lanes)
