"""Measurements go in; the tables, the reasons for their words, and the record for JSON come out."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

from .memory import GOAL, NAME, Memory
from .run import Cells, Measurement
from .workloads import WORKLOADS

SUBJECTS = ("graphc", "graphc.plain")
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
LONGEST = 40  # characters of a reason in a cell


def best_peer(workload: str, cells: Cells) -> Measurement | None:
    """The fastest right result that is not graphc's and that counts."""
    aside = WORKLOADS[workload].aside | set(SUBJECTS)
    rivals = [
        m
        for (w, peer), m in cells.items()
        if w == workload and peer not in aside and m.seconds is not None
    ]
    return min(rivals, key=lambda m: m.seconds or 0.0, default=None)


def own(workload: str, cells: Cells) -> Measurement | None:
    """What graphc took, in the first of its forms that was measured."""
    return next((cells[workload, s] for s in SUBJECTS if (workload, s) in cells), None)


def ratio(workload: str, cells: Cells) -> float | None:
    """graphc's time over the best peer's, where both have one."""
    subject, best = own(workload, cells), best_peer(workload, cells)
    if subject is None or best is None or subject.seconds is None or best.seconds is None:
        return None
    return subject.seconds / best.seconds


def met(workload: str, cells: Cells) -> bool | None:
    """Whether the goal is met; None where there is none, or nothing to compare."""
    row, subject, value = WORKLOADS[workload], own(workload, cells), ratio(workload, cells)
    if row.limit is not None and subject is not None and subject.seconds is not None:
        return subject.seconds <= row.limit
    return value <= row.goal if row.goal is not None and value is not None else None


def goal(workload: str, cells: Cells) -> str:
    """The goal, a ratio or seconds, and whether it is met."""
    row = WORKLOADS[workload]
    text = f"{row.goal:.2f}" if row.goal is not None else duration(row.limit)
    return text + {True: " met", False: " missed", None: ""}[met(workload, cells)]


def table(workloads: Sequence[str], peers: Sequence[str], cells: Cells) -> str:
    """One line a workload, one column a peer, then the ratio graphc / best peer and its goal."""
    rows = [["", *peers, "best peer", "ratio", "goal"]]
    for workload in workloads:
        best, value = best_peer(workload, cells), ratio(workload, cells)
        times = [cell(cells.get((workload, peer))) for peer in peers]
        told = [best.peer if best else "-", f"{value:.2f}" if value is not None else "-"]
        rows.append([workload, *times, *told, goal(workload, cells)])
    return markdown(rows)


def memory_table(found: Sequence[Memory]) -> str:
    """One line a net: its workspace beside all values between, and the values without reuse."""
    rows = [[NAME, "work", "all values", "ratio", "goal", "without reuse"]]
    for m in found:
        told = [f"{m.ratio:.2f}", f"{GOAL:.2f} " + ("met" if m.ratio <= GOAL else "missed")]
        rows.append([m.workload, f"{m.work:,} B", f"{m.whole:,} B", *told, f"{m.apart:,} B"])
    return markdown(rows)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table: the first row is its head; the first column stands left, the others right."""
    cells = [[text.replace("|", "\\|") for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    head, *body = [line(row, widths) for row in cells]
    rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    return "\n".join([head, line(rule, widths), *body])


def line(row: Sequence[str], widths: Sequence[int]) -> str:
    """A row with its cells filled up to the widths."""
    (first, *rest), (w, *ws) = row, widths
    others = [text.rjust(width) for text, width in zip(rest, ws, strict=True)]
    return f"| {' | '.join([first.ljust(w), *others])} |"


def cell(measurement: Measurement | None) -> str:
    """A time with three digits, or what stands for its absence."""
    if measurement is None or measurement.status == "none":
        return "-"
    if measurement.status == "timeout":
        return f"> {min(measurement.samples):g} s"
    if measurement.seconds is None:
        return shortened(": ".join(filter(None, [measurement.status, reason(measurement)])))
    return duration(measurement.seconds)


def reason(measurement: Measurement) -> str:
    """What a cell says of a failure; a missing library is told of below the table."""
    return "" if measurement.status == "missing" else measurement.why


def shortened(text: str) -> str:
    """At most LONGEST characters of a text."""
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def duration(seconds: float | None) -> str:
    """Seconds with three digits in a fitting unit."""
    if seconds is None:
        return "-"
    size, unit = next((u for u in UNITS if seconds >= u[0]), UNITS[-1])
    return f"{seconds / size:.3g} {unit}"


def reasons(cells: Cells) -> list[str]:
    """A sentence for every word in the table that needs one; a missing library is said once."""
    lines = []
    for m in cells.values():
        if m.why:
            where = m.peer if m.status == "missing" else f"{m.peer} on {m.workload}"
            lines.append(f"{m.status}: {where}: {m.why}")
    return list(dict.fromkeys(lines))


def versions(cells: Cells) -> dict[str, str]:
    """The version that each column was measured with."""
    return {m.peer: m.version for m in cells.values() if m.version}


def record(cells: Cells, memory: Sequence[Memory], threads: int) -> dict[str, Any]:
    """Everything measured, as plain data; seconds are of what the workload says."""
    ratios = {}
    for workload in dict.fromkeys(name for name, _ in cells if name in WORKLOADS):
        row, best = WORKLOADS[workload], best_peer(workload, cells)
        ratios[workload] = {
            "best_peer": best.peer if best else None,
            "ratio": ratio(workload, cells),
            "goal": row.goal,
            "limit": row.limit,
            "met": met(workload, cells),
        }
    return {
        "machine": platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "threads": threads,
        "versions": versions(cells),
        "ratios": ratios,
        "workspace": [m.record() for m in memory],
        "measurements": [m.record() for m in cells.values()],
    }
