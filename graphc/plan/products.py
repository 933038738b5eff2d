"""How a product of matrices is made: sizes go in, a choice with its reason comes out.

Every product has tiles that could make it; what is packed, and whether BLAS is better, depends on
sizes alone, so that the same plan gives the same code everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

ITEM = {"float32": 4, "float64": 8}

REGISTER = 32
"""Bytes of a SIMD register, as far as it matters to what is packed."""

DEPTH = 256
"""A packed panel is at most so deep: two vectors wide, it takes half of a first cache."""

ROWS = 480
"""So many rows of A are packed at once: as deep as a panel, they take half of a second cache."""

PAD = 16
"""Packed rows of A are so much longer."""


IN_PLACE = 500_000
"""A matrix of so many bytes stays near: it is read where it lies."""

STEEP = 18
"""Rows of A and of B that lie along the depth are multiplied as they lie, if they are so much
longer than there are rows: adding up the lanes of a sum costs as much as packing so many numbers."""

WORTH = 200_000
"""Floating-point operations from which on a team is faster than one thread."""


@dataclass(frozen=True)
class Choice:
    """What makes a product, and what the threads of a team share of it."""

    kind: str  # tile, blas, loops
    by: str  # rows, columns, or nothing
    panel: int  # bytes that each thread needs for packing
    depth: int  # of packed panels of B; 0: B is read where it is
    rows: int  # of A packed at once; 0: A is read where it is
    reason: str

    def __str__(self) -> str:
        return self.reason


def choose(
    ta: bool, tb: bool, m: int, n: int, k: int, dtype: str = "float32", threads: int = 1
) -> Choice:
    """What makes op(A) op(B), with op(A) m by k and op(B) k by n, none of them more than here."""
    flop, item = 2 * m * n * k, ITEM[dtype]
    if thin(m, n, k):
        return _tile("thin", 0, 0, 0, "", flop)
    depth, rows = packing(ta, tb, m, n, k, item)
    by = "" if threads == 1 or flop < WORTH else "rows" if m * 2 >= n else "columns"
    return _tile("tile 6x16", panel(ta, depth, rows, item), depth, rows, by, flop)


def thin(m: int, n: int, k: int) -> bool:
    """Whether a product is of a vector, or empty: nothing would be read twice."""
    return min(m, n) <= 1 or k == 0


def packing(ta: bool, tb: bool, m: int, n: int, k: int, item: int) -> tuple[int, int]:
    """How deep panels of B are packed, and how many rows of A; 0 for what is read in place."""
    deep = min(k, DEPTH)
    large = n * k * item > IN_PLACE
    rows = ROWS if m * k * item > IN_PLACE and n > 2 * ROWS else 0
    if tb:
        dotted = not ta and m * STEEP <= k
        return (0, 0) if dotted else (deep, rows if large else 0)
    return (deep, rows) if large and m >= 64 else (0, 0)


def panel(ta: bool, depth: int, rows: int, item: int) -> int:
    """Bytes for packing: three vectors of B at the most, and the rows of A behind them."""
    of_a = depth * (rows + PAD) if ta else rows * (depth + PAD)
    return (3 * REGISTER * depth + (of_a * item if rows else 0)) if depth else 0


def panel_bytes(ta: bool, tb: bool, m: int, n: int, k: int, dtype: str = "float32") -> int:
    """The bytes that a thread needs for packing."""
    return choose(ta, tb, m, n, k, dtype).panel


def _tile(name: str, size: int, depth: int, rows: int, by: str, flop: int) -> Choice:
    packed = f", panel {size / 1000:.0f} kB" if size else ""
    shared = f", split by {by}" if by else ""
    reason = f"{name}{packed}{shared}: {flop / 1e6:.3g} MFLOP"
    return Choice("tile", by, size, depth, rows, reason)
