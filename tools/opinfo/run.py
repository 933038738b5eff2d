"""An operator -> what became of every sample and error input, with the reason where it failed.

A program costs more than a sample, so many stand in one. Where a whole program fails, its halves
are tried, down to the sample that is to blame.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from graphc.errors import GraphcError

from .differences import TOLERANCES, declared
from .program import LARGE, Case, Program, Way
from .rows import NotBuiltError, Row
from .samples import OPERATORS, Expected, Sample, expected, faults, foreign, samples

TOGETHER = 32
"""Samples in one program, if they are small."""


@dataclass
class Outcome:
    """What became of an operator; the failures by sample."""

    name: str
    family: str
    samples: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    differs: Counter[str] = field(default_factory=Counter)
    forward_only: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    silent: dict[str, str] = field(default_factory=dict)
    not_errors: Counter[str] = field(default_factory=Counter)
    missing: str = ""

    @property
    def applicable(self) -> int:
        """The samples that must agree."""
        return self.samples - self.differs.total()

    @property
    def passed(self) -> int:
        """The samples that agree."""
        return self.applicable - len(self.failures)

    def __str__(self) -> str:
        return (
            f"waits for {self.missing}" if self.missing else f"{self.passed} of {self.applicable}"
        )

    @property
    def error_cases(self) -> int:
        """The error inputs that must raise."""
        return self.errors - self.not_errors.total()


class OutOfTimeError(BaseException):
    """An operator took longer than it may; not an Exception, so that nothing else catches it."""


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    """Raises OutOfTimeError within the block after so many seconds, where the system has alarms."""

    def ring(*_: Any) -> None:
        raise OutOfTimeError

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(name: str, family: str, row: Row, way: Way, seconds: int = 600) -> Outcome:
    """Every sample and error input of an operator."""
    outcome = Outcome(name, family)
    wanted = list(applicable(outcome))
    left = dict.fromkeys(map(str, wanted), "out of time")
    try:
        with limit(seconds):
            for part in parts(expectations(outcome, row, wanted)):
                outcome.failures |= judged(row, part, way)
                for case in part:
                    del left[str(case.sample)]
            check_errors(outcome, row, way)
    except OutOfTimeError:
        outcome.failures |= left
    return settled(outcome)


def applicable(outcome: Outcome) -> Iterator[Sample]:
    """The samples that must agree; the others are counted."""
    for sample in samples(OPERATORS[outcome.name]):
        outcome.samples += 1
        if reason := foreign(sample) or declared(outcome.name, "sample", sample):
            outcome.differs[reason] += 1
        else:
            yield sample


def expectations(outcome: Outcome, row: Row, wanted: Sequence[Sample]) -> Iterator[Case]:
    """Samples with what PyTorch gives, one at a time: some are large."""
    tolerance, _ = TOLERANCES.get(outcome.name, (1e-9, ""))
    for sample in wanted:
        want = expected(OPERATORS[outcome.name], sample, row.theirs)
        if want.slopes and (reason := declared(outcome.name, "gradient", sample)):
            outcome.forward_only[reason] += 1
            want = Expected(want.values)
        yield Case(sample, want, tolerance)


def parts(cases: Iterable[Case]) -> Iterator[list[Case]]:
    """What goes into one program each: many small samples, or a large one."""
    part: list[Case] = []
    for case in cases:
        if part and (len(part) == TOGETHER or sum(c.elements for c in [*part, case]) > LARGE):
            yield part
            part = []
        part.append(case)
    if part:
        yield part


def settled(outcome: Outcome) -> Outcome:
    """An operator of which no sample can be built for want of a function is not built yet."""
    missing = {why for why in outcome.failures.values() if why.startswith(MISSING)}
    if missing and len(outcome.failures) == outcome.applicable:
        outcome.missing = ", ".join(sorted(why.removeprefix(MISSING) for why in missing))
    return outcome


def judged(row: Row, cases: Sequence[Case], way: Way) -> dict[str, str]:
    """The samples that fail, and why."""
    program, failures = Program(), {}
    for case in cases:
        try:
            program.add(row, case)
        except Exception as error:
            failures[str(case.sample)] = reason(error)
    if not program.placed:
        return failures
    try:
        return failures | program.failures(way)
    except Exception as error:
        found = [p.case for p in program.placed]
        if len(found) == 1:
            return failures | {str(found[0].sample): reason(error)}
        half = len(found) // 2
        return failures | judged(row, found[:half], way) | judged(row, found[half:], way)


MISSING = "not built: "


def reason(error: Exception) -> str:
    """Why a sample failed, in one line."""
    if isinstance(error, NotBuiltError):
        return f"{MISSING}{error}"
    text = str(error).split("\n")[0]
    return text if isinstance(error, AssertionError) else f"{type(error).__name__}: {text}"


def check_errors(outcome: Outcome, row: Row, way: Way) -> None:
    """Every error input has to raise an error of graphc's own."""
    for sample in faults(OPERATORS[outcome.name]):
        outcome.errors += 1
        taken = accepted(row, sample, way)
        said = declared(outcome.name, "error", sample) if taken == TAKEN else ""
        if taken and (why := foreign(sample) or said):
            outcome.not_errors[why] += 1
        elif taken:
            outcome.silent[str(sample)] = taken


TAKEN = "no error"


def accepted(row: Row, sample: Sample, way: Way) -> str:
    """How an error input was taken; nothing where graphc raised an error of its own."""
    program = Program()
    try:
        results, _ = program.build(row, sample)
        way(program, results, [])
    except GraphcError:
        return ""
    except Exception as error:
        return reason(error)
    return TAKEN
