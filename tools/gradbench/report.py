"""Outcomes -> one table."""

from __future__ import annotations

from collections.abc import Sequence

from .run import Outcome

HEAD = ("problem", "size", "what", "difference", "", "graphc", "PyTorch", "ratio")


def table(outcomes: Sequence[Outcome]) -> str:
    """A row for each program."""
    rows = [HEAD, *map(row, outcomes)]
    widths = [max(len(r[i]) for r in rows) for i in range(len(HEAD))]
    lines = ["| " + " | ".join(aligned(r, widths)) + " |" for r in rows]
    marks = ("-" * (w + 1) + (":" if i > 4 else "-") for i, w in enumerate(widths))
    return "\n".join([lines[0], "|" + "|".join(marks) + "|", *lines[1:]])


def aligned(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Words to the left, times to the right."""
    pairs = enumerate(zip(cells, widths, strict=True))
    return [c.rjust(w) if i > 4 else c.ljust(w) for i, (c, w) in pairs]


def row(o: Outcome) -> tuple[str, ...]:
    """An outcome in words."""
    ratio = "" if o.ours is None or o.theirs is None else f"{o.ours / o.theirs:.2g}"
    return (
        o.problem, o.size, o.what, o.why or f"{o.difference:.1e}",
        "pass" if o.passed else "fail", time(o.ours), time(o.theirs), ratio,
    )  # fmt: skip


def time(seconds: float | None) -> str:
    """A time with three digits."""
    if seconds is None:
        return ""
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"
