"""Cases in, what became of each out: passed, failed or skipped, with the reason."""

from __future__ import annotations

import unittest
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from .cases import Case


@dataclass(frozen=True)
class Outcome:
    """What became of a case: "passed", "failed" or "skipped", and why."""

    case: Case
    status: str
    reason: str = ""
    seconds: float = 0.0


def run(cases: Iterable[Case], tell: Callable[[Outcome], None]) -> list[Outcome]:
    """Run every case, each told as it ends."""
    found = []
    for case in cases:
        found.append(one(case))
        tell(found[-1])
    return found


def one(case: Case) -> Outcome:
    """Run one case."""
    result, begun = unittest.TestResult(), perf_counter()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        case.test.run(result)
    seconds = perf_counter() - begun
    if result.skipped:
        return Outcome(case, "skipped", result.skipped[0][1], seconds)
    for _, text in result.errors + result.failures:
        return Outcome(case, "failed", text, seconds)
    return Outcome(case, "passed", "", seconds)
