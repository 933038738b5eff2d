"""Outcomes -> one table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from .run import Outcome

HEAD = ("problem", "size", "value", "gradient or Jacobian", "graphc", "PyTorch")

Row = dict[str, Outcome]


def table(outcomes: Sequence[Outcome]) -> str:
    """A row for each problem, or for each of its pairs of modes; the times are the derivative's
    where there is one.
    """
    found: dict[str, Row] = defaultdict(dict)
    for o in outcomes:
        own = o.what in ("value", "derivative")
        found[o.problem if own else f"{o.problem} {o.what}"][o.what if own else "value"] = o
    rows = [HEAD, *(cells(name, row) for name, row in found.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "|".join("-" * (w + 1) + (":" if i > 1 else "-") for i, w in enumerate(widths))
    lines = ["| " + " | ".join(aligned(r, widths)) + " |" for r in rows]
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def cells(name: str, row: Row) -> tuple[str, ...]:
    """A row in words."""
    value, derivative = row.get("value"), row.get("derivative")
    last = derivative or value
    assert last
    return (
        name, last.size, difference(value), difference(derivative), time(last.ours),
        time(last.theirs),
    )  # fmt: skip


def aligned(words: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Words to the left, numbers to the right."""
    pairs = enumerate(zip(words, widths, strict=True))
    return [w.rjust(n) if i > 1 else w.ljust(n) for i, (w, n) in pairs]


def difference(o: Outcome | None) -> str:
    """How far graphc is from PyTorch, or that it fails."""
    if o is None:
        return ""
    far = f"{o.difference:.0e}" if o.difference else "0"
    return far if o.passed else f"fails: {o.why or far}"


def time(seconds: float | None) -> str:
    """A time with three digits."""
    if seconds is None:
        return ""
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"
