"""How memory is cut: blocks begin at multiples of 64 bytes, and `work` begins with a header."""

from __future__ import annotations

ALIGN = 64
HEADER = 64
"""The first bytes of `work`: where a kernel says which check failed."""


def aligned(nbytes: int) -> int:
    """The next multiple of 64 bytes."""
    return -(-nbytes // ALIGN) * ALIGN
