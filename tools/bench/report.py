"""Measurements go in; the table, the reasons for its words, and the record for JSON come out."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

from .run import Measurement
from .workloads import WORKLOADS

SUBJECT = "graphc"
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
WORDS = {"none": "-"}
Cells = dict[tuple[str, str], Measurement]


def best_peer(workload: str, cells: Cells) -> Measurement | None:
    """The fastest right result that is not graphc's and that counts."""
    aside = WORKLOADS[workload].aside | {SUBJECT}
    rivals = [
        m
        for (w, peer), m in cells.items()
        if w == workload and peer not in aside and m.seconds is not None
    ]
    return min(rivals, key=lambda m: m.seconds or 0.0, default=None)


def ratio(workload: str, cells: Cells) -> float | None:
    """graphc's time over the best peer's, where both have one."""
    own, best = cells.get((workload, SUBJECT)), best_peer(workload, cells)
    if own is None or best is None or own.seconds is None or best.seconds is None:
        return None
    return own.seconds / best.seconds


def table(workloads: Sequence[str], peers: Sequence[str], found: Sequence[Measurement]) -> str:
    """One line a workload, one column a peer, then the ratio graphc / best peer and its goal."""
    cells = {(m.workload, m.peer): m for m in found}
    rows = [["", *peers, "best peer", "ratio", "goal"]]
    for workload in workloads:
        best, value = best_peer(workload, cells), ratio(workload, cells)
        goal = WORKLOADS[workload].goal
        rows.append(
            [
                workload,
                *(cell(cells[workload, peer]) for peer in peers),
                best.peer if best else "-",
                f"{value:.2f}" if value is not None else "-",
                f"{goal:.2f}" if goal is not None else "-",
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(line(row, widths) for row in rows)


def line(row: Sequence[str], widths: Sequence[int]) -> str:
    """The first column to the left, the others to the right."""
    first, *others = [
        text.ljust(w) if i == 0 else text.rjust(w)
        for i, (text, w) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join([first, *others]).rstrip()


def cell(measurement: Measurement) -> str:
    """A time with three digits, or the word that stands for its absence."""
    if measurement.seconds is None:
        return WORDS.get(measurement.status, measurement.status)
    size, unit = next((u for u in UNITS if measurement.seconds >= u[0]), UNITS[-1])
    return f"{measurement.seconds / size:.3g} {unit}"


def reasons(found: Sequence[Measurement]) -> list[str]:
    """A sentence for every word in the table that needs one; a missing library is said once."""
    lines = []
    for m in found:
        if m.why:
            where = m.peer if m.status == "missing" else f"{m.peer} on {m.workload}"
            lines.append(f"{m.status}: {where}: {m.why}")
    return list(dict.fromkeys(lines))


def versions(found: Sequence[Measurement]) -> dict[str, str]:
    """The version that each column was measured with."""
    return {m.peer: m.version for m in found if m.version}


def record(found: Sequence[Measurement], threads: int) -> dict[str, Any]:
    """Everything measured, as plain data; seconds are of what the workload says."""
    cells = {(m.workload, m.peer): m for m in found}
    ratios = {}
    for workload in dict.fromkeys(m.workload for m in found):
        best = best_peer(workload, cells)
        ratios[workload] = {
            "best_peer": best.peer if best else None,
            "ratio": ratio(workload, cells),
            "goal": WORKLOADS[workload].goal,
        }
    return {
        "machine": platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "threads": threads,
        "versions": versions(found),
        "ratios": ratios,
        "measurements": [m.record() for m in found],
    }
