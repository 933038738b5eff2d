"""Outcomes -> the table, the lists of reasons, and a record in JSON."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from .run import Outcome

HEAD = ("family", "operators", "samples", "passed", "", "declared", "forward only", "errors raised")


def table(outcomes: Sequence[Outcome]) -> str:
    """One row a family and one for all."""
    families: dict[str, list[Outcome]] = defaultdict(list)
    for o in outcomes:
        families[o.family].append(o)
    rows = [HEAD, *(row(name, found) for name, found in families.items()), row("all", outcomes)]
    widths = [max(len(r[i]) for r in rows) for i in range(len(HEAD))]
    lines = ["| " + " | ".join(aligned(r, widths)) + " |" for r in rows]
    rule = "|" + "|".join("-" * (w + 1) + (":" if i else "-") for i, w in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Names to the left, numbers to the right."""
    cells = zip(row, widths, strict=True)
    return [c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(cells)]


def row(name: str, all_: Sequence[Outcome]) -> tuple[str, ...]:
    """A family in numbers; operators that are not built yet count for nothing."""
    found = [o for o in all_ if not o.missing]
    applicable, passed = sum(o.applicable for o in found), sum(o.passed for o in found)
    wanted = sum(o.error_cases for o in found)
    raised = wanted - sum(len(o.silent) for o in found)
    share = f"{passed / applicable:.2%}" if applicable else ""
    return (
        name, str(len(found)), str(applicable), str(passed), share,
        str(sum(o.differs.total() for o in found)),
        str(sum(o.forward_only.total() for o in found)), f"{raised} of {wanted}",
    )  # fmt: skip


def reasons(outcomes: Iterable[Outcome]) -> list[str]:
    """Why samples, gradients and error inputs were left out, each with its count."""
    found: dict[str, Counter[str]] = {
        "samples declared different": Counter(),
        "gradients declared different, values compared": Counter(),
        "error inputs that are none for graphc": Counter(),
    }
    for o in outcomes:
        kinds = (o.differs, o.forward_only, o.not_errors)
        for counter, more in zip(found.values(), kinds, strict=True):
            counter.update(more)
    return [line for title, counter in found.items() for line in counted(title, counter)]


def counted(title: str, counter: Counter[str]) -> list[str]:
    """A title and the counts under it, the largest first."""
    lines = [f"  {n:5} {reason}" for reason, n in counter.most_common()]
    return [f"{title}: {counter.total()}", *lines] if lines else []


def absent(outcomes: Iterable[Outcome], unmapped: dict[str, str], *, names: bool) -> list[str]:
    """The operators that have no row, and those whose row waits for a function, by reasons."""
    missing = {o.name: f"waits for {o.missing}" for o in outcomes if o.missing}
    groups: dict[str, list[str]] = defaultdict(list)
    for name, reason in (missing | unmapped).items():
        groups[reason].append(name)
    if not groups:
        return []
    by_count = sorted(groups.items(), key=lambda item: -len(item[1]))
    lines = [f"  {len(n):5} {why}" + (f": {', '.join(n)}" if names else "") for why, n in by_count]
    return [f"operators not mapped: {len(missing | unmapped)}", *lines]


def failures(outcomes: Iterable[Outcome]) -> list[str]:
    """Every sample that fails, and every error input that raises nothing or something else."""
    return [
        f"{o.name} {kind} {sample}: {why}"
        for o in outcomes
        if not o.missing
        for kind, found in (("sample", o.failures), ("error input", o.silent))
        for sample, why in found.items()
    ]


def record(outcomes: Iterable[Outcome], unmapped: dict[str, str]) -> dict[str, Any]:
    """Everything, for JSON."""
    return {"mapped": [vars(o) for o in outcomes], "unmapped": unmapped}


def reached(outcomes: Iterable[Outcome], operators: int, part: float) -> bool:
    """Whether so many operators are mapped, and such a part of their samples passes."""
    found = [o for o in outcomes if not o.missing]
    passed, applicable = sum(o.passed for o in found), sum(o.applicable for o in found)
    return len(found) >= operators and passed >= part * applicable
