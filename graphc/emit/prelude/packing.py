"""Copies of parts of matrices, laid out as tiles read them; each is a function of its module."""
# mypy: allow-untyped-calls

from collections.abc import Sequence

from numba.core.cgutils import raw_memcpy

from .jit import Builder, Value
from .tiles import (
    Matrix,
    Size,
    each,
    load,
    outlined,
    plus,
    prefetch,
    put,
    shuffled,
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
    b: Builder, source: Matrix, columns: Sequence[int], to: Value, depth: Value, lanes: int
) -> None:
    """Copy vectors that begin at these columns side by side, row by row."""
    straight = source.right == 1
    far = source.down if straight else source.right
    copy = _straight if straight else _transposed if source.down == 1 else _picked
    starts = [source.at(b, 0, x) for x in columns]

    def build(b: Builder, to: Value, far: Value, near: Value, depth: Value, *starts: Value) -> None:
        copy(b, to, far, near, depth, list(starts), lanes)

    name = f"{copy.__name__}.{to.type.pointee}.{len(starts)}x{lanes}"
    near = source.right if straight else source.down
    outlined(b, name, build, to, whole(far), whole(near), whole(depth), *starts)


def _straight(
    b: Builder, to: Value, far: Value, near: Value, depth: Value, starts: list[Value], lanes: int
) -> None:
    """Rows of neighbours; the next panel's are brought near, too."""
    width = len(starts) * lanes

    def row(n: Value) -> None:
        for x, start in enumerate(starts):
            line = b.gep(start, [b.mul(n, far)])
            put(b, b.gep(to, [plus(b, times(b, n, width), x * lanes)]), load(b, line, lanes))
            prefetch(b, b.gep(line, [whole(width)]))

    each(b, 0, depth, 1, row)


def _transposed(
    b: Builder, to: Value, far: Value, near: Value, depth: Value, starts: list[Value], lanes: int
) -> None:
    """Columns that lie along the depth, a square at a time."""
    width = len(starts) * lanes

    def square(n: Value) -> None:
        for x, start in enumerate(starts):
            lines = [b.gep(start, [b.add(n, b.mul(whole(c), far))]) for c in range(lanes)]
            for r, vector in enumerate(_rows_turned(b, [load(b, line, lanes) for line in lines])):
                put(b, b.gep(to, [plus(b, times(b, plus(b, n, r), width), x * lanes)]), vector)

    full = b.sub(depth, b.urem(depth, whole(lanes)))
    each(b, 0, full, lanes, square)
    _elements(b, to, far, near, (full, depth), starts, lanes)


def _picked(
    b: Builder, to: Value, far: Value, near: Value, depth: Value, starts: list[Value], lanes: int
) -> None:
    """Columns that lie in any way, element by element."""
    _elements(b, to, far, near, (0, depth), starts, lanes)


def _elements(
    b: Builder, to: Value, far: Value, near: Value, rows: tuple[Size, Size],
    starts: list[Value], lanes: int,
) -> None:  # fmt: skip
    width = len(starts) * lanes

    def row(n: Value) -> None:
        for x, start in enumerate(starts):
            for c in range(lanes):
                there = plus(b, times(b, n, width), x * lanes + c)
                one = b.gep(start, [b.add(b.mul(n, near), b.mul(whole(c), far))])
                b.store(b.load(one), b.gep(to, [there]))

    each(b, *rows, 1, row)


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
