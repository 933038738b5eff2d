"""The workspace of graphc's steps beside all their intermediate values: what a program's own report
says, after one call of it, as JSON on the last line.

A value that a product takes over, or that stands within an expression, counts as if it had an array
of its own; so would every library count it that runs one operation after another.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .run import Settings, answer, finished
from .workloads import WORKLOADS

NAME = "workspace"
WHAT = "bytes of work of a training step over those of all its intermediate values"
GOAL = 0.5
NETS = ("mlp_epoch", "mlp_small", "mlp_big")
REPORT = re.compile(
    r"([\d,]+) bytes of work, \d+% of the ([\d,]+) of all values between, ([\d,]+) without reuse"
)
THREADS, OWN = re.compile(r"up to (\d+) threads"), re.compile(r"work of a thread ([\d,]+) bytes")


@dataclass(frozen=True)
class Memory:
    """One step: the bytes it works in, of all values between arguments and results, and of those
    values that have a place if none shared it.
    """

    workload: str
    work: int
    whole: int
    apart: int

    @property
    def ratio(self) -> float:
        """The workspace over all intermediate values."""
        return self.work / self.whole

    def record(self) -> dict[str, Any]:
        """The row as it stands in the JSON file."""
        return {**asdict(self), "ratio": self.ratio, "goal": GOAL}


def parsed(workload: str, text: str) -> Memory:
    """The row that a program's report gives; what each thread has of its own counts for each."""
    found = REPORT.search(text)
    if found is None:
        raise ValueError(f"the report of {workload} does not tell its work")
    work, whole, apart = (_number(n) for n in found.groups())
    threads, own = (_number(m[1]) if (m := p.search(text)) else 0 for p in (THREADS, OWN))
    return Memory(workload, work + max(threads, 1) * own, whole, apart)


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def rows() -> Iterator[Memory]:
    """The nets, each after a step on its first batch."""
    from .with_graphc import adam, compiled_step, sgd

    optimizers = {"sgd_epoch": sgd, "adam_epoch": adam}
    for name in NETS:
        data = WORKLOADS[name].data()
        step = compiled_step(data, optimizers[WORKLOADS[name].case])
        step(**data.head(data.batch).feeds)
        yield parsed(name, step.report())


def measured(settings: Settings, cache: Path) -> list[Memory]:
    """The rows, from a process of their own; raises RuntimeError where it fails."""
    command = [settings.interpreters["graphc"], "-m", __name__]
    found = answer(finished(command, settings, cache))
    if "rows" not in found:
        raise RuntimeError(found["why"])
    return [Memory(**row) for row in found["rows"]]


if __name__ == "__main__":
    json.dump({"rows": [asdict(row) for row in rows()]}, sys.stdout)
