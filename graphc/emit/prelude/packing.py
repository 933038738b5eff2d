"""Copies of parts of matrices, laid out as tiles read them; each is a function of its module."""
# mypy: allow-untyped-calls

from collections.abc import Sequence

from numba.core.cgutils import raw_memcpy

from .jit import Build, Builder, Value
from .tiles import (
    Matrix,
    Size,
    each,
    load,
    minus,
    outlined,
    plus,
    prefetch,
    put,
    shuffled,
    smaller,
    times,
    whole,
)


def copied(b: Builder, source: Matrix, to: Matrix, rows: Value, length: Value) -> None:
    """Copy rows of so many neighbours."""

    def build(
        b: Builder, to: Value, apart: Value, start: Value, down: Value, rows: Value, length: Value
    ) -> None:
        def row(n: Value) -> None:
            line, there = b.gep(start, [b.mul(n, down)]), b.gep(to, [b.mul(n, apart)])
            raw_memcpy(b, there, line, length, _element_bytes(line))

        each(b, 0, rows, 1, row)

    places = to.place, whole(to.down), source.place, whole(source.down)
    outlined(b, f"copied.{source.place.type.pointee}", build, *places, whole(rows), whole(length))


def _element_bytes(place: Value) -> int:
    return 4 if str(place.type.pointee) == "float" else 8


def in_vectors(
    b: Builder, source: Matrix, columns: Sequence[int], to: Value, depth: Size, lanes: int
) -> None:
    """Copy vectors that begin at these columns side by side, row by row."""
    starts, width = [source.at(b, 0, x) for x in columns], len(columns) * lanes
    if source.right == 1:
        name = f"straight.{to.type.pointee}.{len(starts)}x{lanes}"
        outlined(b, name, _straight(lanes), to, whole(source.down), whole(depth), *starts)
        return
    for n, start in enumerate(starts):
        there = Matrix(b.gep(to, [whole(n * lanes)]), width, 1)
        turned(b, source._replace(place=start), there, depth, lanes, lanes)


def _straight(lanes: int) -> Build:
    """Rows of neighbours; the next panel's are brought near, too."""

    def build(b: Builder, to: Value, down: Value, depth: Value, *starts: Value) -> None:
        width = len(starts) * lanes

        def row(n: Value) -> None:
            for x, start in enumerate(starts):
                line = b.gep(start, [b.mul(n, down)])
                put(b, b.gep(to, [plus(b, times(b, n, width), x * lanes)]), load(b, line, lanes))
                prefetch(b, b.gep(line, [whole(width)]))

        each(b, 0, depth, 1, row)

    return build


def turned(b: Builder, source: Matrix, to: Matrix, rows: Size, columns: Size, lanes: int) -> None:
    """Copy a matrix whose columns lie side by side in memory to where its rows do."""
    far, sizes = whole(to.down), (whole(rows), whole(columns))
    if source.down == 1:
        name = f"turned.{to.place.type.pointee}.{lanes}"
        values = source.place, to.place, whole(source.right), far, *sizes
        outlined(b, name, _squares(lanes), *values)
    else:
        _picked(b, source.place, to.place, whole(source.down), whole(source.right), far, *sizes)


def _squares(lanes: int) -> Build:
    """So many rows of so many columns at a time; the last ones again where that does not divide."""

    def build(
        b: Builder, start: Value, to: Value, right: Value, far: Value, rows: Value, columns: Value
    ) -> None:
        last = [minus(b, size, lanes) for size in (rows, columns)]

        def square(i: Value, j: Value) -> None:
            i, j = smaller(b, i, last[0]), smaller(b, j, last[1])
            lines = [_spot(b, start, i, 1, plus(b, j, x), right) for x in range(lanes)]
            for x, vector in enumerate(_rows_turned(b, [load(b, line, lanes) for line in lines])):
                put(b, _spot(b, to, plus(b, i, x), far, j, 1), vector)

        with b.if_else(b.icmp_signed(">=", smaller(b, *last), whole(0))) as (large, small):
            with large:
                each(
                    b, 0, columns, lanes, lambda j: each(b, 0, rows, lanes, lambda i: square(i, j))
                )
            with small:
                _picked(b, start, to, whole(1), right, far, rows, columns)

    return build


def _spot(b: Builder, start: Value, i: Size, down: Size, j: Size, right: Size) -> Value:
    """The place of an element."""
    return b.gep(start, [b.add(b.mul(whole(i), whole(down)), b.mul(whole(j), whole(right)))])


def _picked(b: Builder, *values: Value) -> None:
    """Copy a matrix one by one, from (start, down, right) to (to, far)."""

    def build(
        b: Builder, start: Value, to: Value, down: Value, right: Value, far: Value,
        rows: Value, columns: Value,
    ) -> None:  # fmt: skip
        def element(i: Value, j: Value) -> None:
            b.store(b.load(_spot(b, start, i, down, j, right)), _spot(b, to, i, far, j, 1))

        each(b, 0, rows, 1, lambda i: each(b, 0, columns, 1, lambda j: element(i, j)))

    outlined(b, f"picked.{values[0].type.pointee}", build, *values)


def _rows_turned(b: Builder, rows: list[Value]) -> list[Value]:
    """The columns of a square: neighbouring lanes change places, then pairs of them, and so on."""
    lanes, far = len(rows), 1
    while far < lanes:
        for n in range(lanes):
            if n & far == 0:
                rows[n], rows[n + far] = _exchanged(b, rows[n], rows[n + far], far)
        far *= 2
    return rows


def _exchanged(b: Builder, x: Value, y: Value, far: int) -> tuple[Value, Value]:
    lanes = range(x.type.count)
    low = [n if n & far == 0 else len(lanes) + n - far for n in lanes]
    high = [n + far if n & far == 0 else len(lanes) + n for n in lanes]
    return shuffled(b, x, y, low), shuffled(b, x, y, high)
