"""Outcomes in, one table out, and the reasons of what did not pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from .run import Outcome

GOALS: dict[str, int] = {
    "node": 0,
    "node, f32 f64 i32 i64 bool": 1100,
    "training": 7,
    "Gradient": 2,
    "simple": 0,
    "pytorch-converted": 82,
    "pytorch-operator": 35,
    "light networks": 9,
}
"""The rows of the table, and how many of each have to pass."""

STATUSES = ("passed", "failed", "skipped")


def table(outcomes: Sequence[Outcome]) -> tuple[str, bool]:
    """The table as Markdown, and whether a goal is missed."""
    lines = ["| cases | all | passed | failed | skipped | goal |", "|---|--:|--:|--:|--:|--:|"]
    missed = False
    for group, goal in GOALS.items():
        counts = counted(outcomes, group)
        missed = missed or counts["passed"] < goal
        cells = [sum(counts.values()), *(counts[s] for s in STATUSES), goal or ""]
        lines.append(f"| {group} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines), missed


def counted(outcomes: Sequence[Outcome], group: str) -> dict[str, int]:
    """How many cases of a group came to each end."""
    found = dict.fromkeys(STATUSES, 0)
    for outcome in outcomes:
        if group in outcome.case.groups:
            found[outcome.status] += 1
    return found


def reasons(outcomes: Sequence[Outcome]) -> str:
    """What did not pass, gathered by its reason."""
    names = defaultdict(list)
    for outcome in outcomes:
        if outcome.status != "passed":
            names[outcome.status, _short(outcome.reason)].append(outcome.case.name)
    rows = sorted(names.items(), key=lambda item: (item[0][0], -len(item[1])))
    return "\n".join(f"{s} {len(n)}: {r}\n    {' '.join(n)}" for (s, r), n in rows)


def _short(reason: str) -> str:
    """The last line of a traceback that says something."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    said = [x for x in lines if not x.startswith(("hint:", "~", "^"))]
    errors = [x for x in said if "Error" in x.split(":")[0]]
    return (errors or said or ["?"])[-1][:200]
