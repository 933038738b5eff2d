"""How a product of matrices is made: sizes go in, a choice with its reason comes out.

Tiles can make every product; what they pack, and whether threads share it, depends on nothing but
sizes, so that one plan gives one code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

ITEM = {"float32": 4, "float64": 8}

REGISTER = 64
"""Bytes of the widest SIMD register, for which there is room in a panel."""

DEPTH = 384
"""A packed panel of B is no deeper: two vectors wide, it takes three quarters of a first cache."""

ROWS = 528
"""No more rows of A are packed at once: as deep as a panel, they stay in a second cache."""

PAD = 16
"""Packed rows of A are so many elements longer than a panel is deep."""

NEAR = 500_000
"""A matrix of so many bytes stays in a second cache, where it can be read as it lies."""

CROWDED = 1024
"""Rows that are a multiple of so many bytes apart get into each other's way in a cache."""

MANY = 64
"""Rows from which on the copy of a panel costs little beside its use."""

STEEP = 5
"""Rows of A and of B, both along the depth, are multiplied as they lie if they are so many times
longer than there are rows: adding up lanes then costs less than packing."""

FEW = 24
"""A product of fewer rows is shared by its columns, if it has more."""

WORTH = 64_000
"""Floating-point operations from which on a team is faster than one thread."""


@dataclass(frozen=True)
class Choice:
    """What makes a product, and what the threads of a team share of it."""

    by: str
    """rows, columns, or nothing where one thread is enough."""

    panel: int
    """Bytes that each thread needs for packing."""

    depth: int
    """How deep panels of B are packed; 0: B is read where it is."""

    rows: int
    """How many rows of A are packed at once; 0: A is read where it is."""

    reason: str

    def __str__(self) -> str:
        return self.reason


def choose(
    ta: bool, tb: bool, m: int, n: int, k: int, dtype: str = "float32", threads: int = 1
) -> Choice:
    """What makes op(A) op(B), with op(A) m by k and op(B) k by n; none of them is larger."""
    item, flop = ITEM[dtype], 2 * m * n * k
    by = shared(m, n) if threads > 1 and flop >= WORTH else ""
    depth, rows = packing(ta, tb, *SHARES[by](m, n, threads), k, item)
    size = room(depth, rows, item)
    return Choice(by, size, depth, rows, _reason(m, n, size, by, flop))


def panel_bytes(ta: bool, tb: bool, m: int, n: int, k: int, dtype: str = "float32") -> int:
    """The bytes that a thread needs for packing."""
    return choose(ta, tb, m, n, k, dtype).panel


def packing(ta: bool, tb: bool, m: int, n: int, k: int, item: int) -> tuple[int, int]:
    """How deep panels of B are packed and how many rows of A; see Note [Packing]."""
    if min(m, n) <= 1 or k == 0 or not _packs_columns(ta, tb, m, n, k, item):
        return 0, 0
    return _even(k, DEPTH, 8), _even(m, ROWS, 12) if _packs_rows(ta, m, n, k, item) else 0


def _packs_columns(ta: bool, tb: bool, m: int, n: int, k: int, item: int) -> bool:
    if tb:
        return ta or m * STEEP > k or m * k * item > NEAR // 2
    large, crowded = n * k * item > NEAR, n * item % CROWDED == 0 and k >= 2 * MANY
    return m >= MANY and (large or crowded or (ta and k > DEPTH // 2))


def _packs_rows(ta: bool, m: int, n: int, k: int, item: int) -> bool:
    large, crowded = m * k * item > NEAR, ta and m * item % (4 * CROWDED) == 0
    return n >= 4 * MANY and (large or crowded)


def _even(size: int, most: int, unit: int) -> int:
    """A size cut into as few parts as can be, none above the most, whole units each."""
    parts = -(-size // most)
    return -(-size // (parts * unit)) * unit


def room(depth: int, rows: int, item: int) -> int:
    """Bytes: a panel of three vectors at the most, and the rows of A behind it."""
    of_a = rows * (depth + PAD) * item if rows else 0
    return 3 * REGISTER * depth + of_a


def shared(m: int, n: int) -> str:
    """What threads share of a product: its rows, or its columns where there are few rows."""
    return "columns" if m < FEW and n > 2 * m else "rows"


SHARES: dict[str, Callable[[int, int, int], tuple[int, int]]] = {
    "rows": lambda m, n, threads: (-(-m // threads), n),
    "columns": lambda m, n, threads: (m, -(-n // threads)),
    "": lambda m, n, threads: (m, n),
}
"""The rows and columns of a thread's share."""


def _reason(m: int, n: int, panel: int, by: str, flop: int) -> str:
    """As in "tile, panel 25 kB, split by rows: 15.7 MFLOP"."""
    words = ["tile" if min(m, n) > 1 else "tile of one row"]
    words += [f"panel {panel / 1000:.0f} kB"] if panel else []
    words += [f"split by {by}"] if by else []
    return f"{', '.join(words)}: {_work(flop)}"


def _work(flop: int) -> str:
    scale, unit = next((x for x in UNITS if flop >= x[0]), UNITS[-1])
    return f"{flop / scale:.3g} {unit}"


UNITS = (1e9, "GFLOP"), (1e6, "MFLOP"), (1e3, "kFLOP"), (1, "FLOP")


# Note [Packing]
#
# A tile walks through rows of a panel of B and of A. They cost nothing to read while the panel is
# in the first cache and A in the second one. Where they are not, copies pay: a panel is used by
# all rows of A, rows of A by all panels. Transposed B is packed in any case, since its columns are
# no vectors, unless A is so flat that lanes along the depth are better. What counts is the share of
# one thread, which packs for itself. Depth and rows are cut evenly, or the last part would be
# copied for little use. Measured with AVX2 and caches of 32 kB and 1 MB: 256 x 2048 x 1024 makes 39
# GFLOP/s in place and 80 packed, 100 x 100 x 784 makes 84 and 78, 1000 x 1000 x 512 with A
# transposed 77 with B packed and 83 with both, 16 x 256 x 256 with B transposed 85 and 69.
