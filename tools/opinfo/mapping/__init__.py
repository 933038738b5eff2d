"""The table of operators: one row each, by families."""

from __future__ import annotations

from ..rows import Row, as_row
from . import arith, index, linear, losses, masked, maths, neural, reduce, shape, windows

FAMILIES = {
    "arithmetic": arith.ROWS,
    "mathematics": maths.ROWS,
    "reductions": reduce.ROWS,
    "masked": masked.ROWS,
    "shapes": shape.ROWS,
    "indices": index.ROWS,
    "linear algebra": linear.ROWS,
    "neural": neural.ROWS,
    "losses": losses.ROWS,
    "windows": windows.ROWS,
}

ROWS: dict[str, tuple[str, Row]] = {
    name: (family, as_row(said)) for family, rows in FAMILIES.items() for name, said in rows.items()
}
"""Every mapped operator with its family."""
