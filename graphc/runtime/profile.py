"""A program and what to feed it in, where the time of its stages goes out.

The same plan is emitted with the clock read between the statements of its kernel; what is timed is
that module. State is as before when it is done. Note: [What is counted].
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from html import escape
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from graphc.emit.instrument import FIRST, READING, Section, tagged
from graphc.errors import UsageError
from graphc.kernel import Tag
from graphc.plan.cost import SWEEPS, Cost, Work, cost, together
from graphc.plan.plan import Part, Plan
from graphc.plan.sizes import Sizes
from graphc.plan.task import Task
from graphc.runtime.limits import Limits, limits

if TYPE_CHECKING:
    from graphc.runtime.arena import State
    from graphc.runtime.feeds import Door
    from graphc.runtime.special import Special

ENOUGH = 200_000_000
"""Nanoseconds that all calls together may take, unless their number is given."""

FEWEST, MOST = 5, 1000

RESOLUTION = 2e-5
"""Milliseconds: what takes less than a reading of the clock is timed too roughly for a ratio."""


class Ratio(NamedTuple):
    """The backward sweep over the forward sweep."""

    time: float
    flops: float


@dataclass(frozen=True)
class Row:
    """Stages that are computed together: "(k)" forward, "d(k)" backward, "u" update.

    `share` is of the time of all rows, `of_limit` the least time that the machine could take over
    the time taken; None where the program runs as Python. `sweeps` has the time of each sweep.
    """

    stages: tuple[str, ...]
    what: str
    ms: float
    share: float
    flops: int
    bytes: int
    of_limit: float | None = None
    work: Work = field(default_factory=Counter, repr=False)
    sweeps: Mapping[str, float] = field(default_factory=dict, repr=False)

    @property
    def gflops(self) -> float:
        """Billions of operations a second."""
        return self.flops / self.ms / 1e6 if self.ms else 0.0

    @property
    def gbytes(self) -> float:
        """Billions of bytes a second."""
        return self.bytes / self.ms / 1e6 if self.ms else 0.0


@dataclass(frozen=True)
class Profile:
    """Where the time of a call goes: `rows` in order of execution, their `total`."""

    title: str
    part: str
    sizes: Mapping[str, int]
    repeats: int
    threads: int
    rows: tuple[Row, ...]
    total: Row
    limits: Limits | None
    source: str = field(repr=False, default="")

    @property
    def backward_to_forward(self) -> Ratio | None:
        """How much more the backward sweep takes; None for a program that has not both sweeps."""
        time, flops = self.total.sweeps, _by_sweep(self.total.work)
        if not (time.get("forward") and time.get("backward")):
            return None
        least = flops["forward"] or 1
        return Ratio(time["backward"] / time["forward"], flops["backward"] / least)

    def __str__(self) -> str:
        sizes = "".join(f", {name} = {size}" for name, size in self.sizes.items())
        calls = f"{self.repeats} calls" if self.repeats > 1 else "one call"
        lines = [f"profile of {self.title}: {self.part}{sizes}; {calls}", ""]
        lines += _table(self.rows, self.total)
        ratio = self.backward_to_forward
        if ratio:
            told = f"{ratio.time:.2f} in time, {ratio.flops:.2f} in FLOPs"
            lines += ["", f"backward to forward: {told}"]
        lines += [f"limit: {self.limits}"] if self.limits else []
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


# Running


class Timer(Protocol):
    """What emits a specialisation again."""

    def timed(self, special: Special) -> Special:
        """The same with the clock read between its statements."""


class Profiled(Protocol):
    """A program, as far as its profile is concerned."""

    door: Door
    _main: str
    _state: State

    @property
    def maker(self) -> Timer:
        """What made its specialisations."""

    def special(self, sizes: Mapping[str, int]) -> Special:
        """The specialisation for these sizes."""

    def enter(
        self,
        special: Special,
        part: str,
        arrays: Mapping[str, np.ndarray],
        sizes: Mapping[str, int],
        more: Mapping[str, Any],
    ) -> tuple[Any, Any]:
        """Call one function of a specialisation."""


def profiled(program: Profiled, feeds: Mapping[str, Any], repeats: int | None) -> Profile:
    """The profile of a program's main kernel. Raises what a call raises, and UsageError for a
    number of repeats below 1.
    """
    if repeats is not None and repeats < 1:
        raise UsageError(f"repeats is {repeats}, and has to be at least 1")
    arrays = program.door.arrays(feeds)
    sizes = program.door.sizes(arrays)
    timed, part = program.maker.timed(program.special(sizes)), program._main
    counted = _counted(program, timed, arrays, sizes, repeats)
    plan = timed.plan
    fitting = replace(plan.sizes, bound={**plan.sizes.bound, **sizes})
    shared = timed.is_compiled and timed.emitted.doors[part].shared
    threads = timed.threads if shared else 1
    limit = limits(threads) if timed.is_compiled else None
    found = timed.emitted.sections[part]
    costs = _costs(plan, plan.parts[part], found, fitting)
    rows = _rows(found, costs, _milliseconds(*counted), limit)
    return Profile(
        plan.title, part, dict(sizes), len(counted[0]), threads, tuple(rows), _total(rows), limit,
        timed.emitted.parts[part],
    )  # fmt: skip


def _counted(
    program: Profiled,
    timed: Special,
    arrays: Mapping[str, np.ndarray],
    sizes: Mapping[str, int],
    repeats: int | None,
) -> tuple[np.ndarray, float]:
    """What each call left in the slots, and how many nanoseconds a count is."""
    part = program._main
    ticks = np.zeros(1 + FIRST + len(timed.emitted.sections[part]), np.int64)

    def call() -> int:
        ticks[1:] = 0
        program.enter(timed, part, arrays, sizes, {"ticks": ticks})
        return perf_counter_ns()

    with _kept(program._state.bytes):
        call()
        begun, first = perf_counter_ns(), int(ticks[0])
        took = call() - begun
        times = repeats or min(max(ENOUGH // max(took, 1), FEWEST), MOST)
        counts = np.array([(call(), *ticks[1:]) for _ in range(times)])
    passed, counted = int(counts[-1, 0]) - begun, int(ticks[0]) - first
    return counts[:, 1:], passed / max(counted, 1)


@contextmanager
def _kept(state: np.ndarray) -> Iterator[None]:
    """The state is after this what it was before."""
    before = state.copy()
    try:
        yield
    finally:
        state[:] = before


def _milliseconds(counts: np.ndarray, nanoseconds: float) -> np.ndarray:
    """The time of each section without that of reading the clock: means of the middle half of the
    calls, which leave out what interrupted some, and are finer than the clock.
    """
    quarter = len(counts) // 4
    middle = np.sort(counts, axis=0)[quarter : len(counts) - quarter].mean(axis=0)
    spent: np.ndarray = np.maximum(middle[FIRST:] - middle[READING], 0)
    return spent * nanoseconds * 1e-6


# Costs


def _costs(
    plan: Plan, part: Part, found: Sequence[Section], sizes: Sizes
) -> list[tuple[Work, int]]:
    """The operations by sweep and the bytes of each section; what shares a loop comes once."""
    homes = _homes(found)
    sharing: dict[tuple[int, int], list[Cost]] = {}
    for task in part.nest.tasks.order:
        if task in homes:
            sharing.setdefault(homes[task], []).append(cost(plan, part, task, sizes))
    sums: list[tuple[Work, int]] = [(Counter(), 0) for _ in found]
    for (section, _), costs in sharing.items():
        whole, (work, size) = together(costs), sums[section]
        sums[section] = work + whole.work, size + whole.nbytes
    return sums


def _homes(found: Sequence[Section]) -> dict[Task, tuple[int, int]]:
    """The section and the statement in it where a task has its innermost line."""
    homes: dict[Task, tuple[int, int]] = {}
    deepest: dict[Task, int] = {}
    for section, each in enumerate(found):
        for place, stmt in enumerate(each.body):
            for tag, depth in tagged([stmt]):
                if tag.task is not None and depth > deepest.get(tag.task, -1):
                    deepest[tag.task], homes[tag.task] = depth, (section, place)
    return homes


# Rows


def _rows(
    found: Sequence[Section],
    costs: Sequence[tuple[Work, int]],
    times: np.ndarray,
    limit: Limits | None,
) -> list[Row]:
    """Sections of the same stages as one row, where the last of them is done."""
    groups: dict[tuple[tuple[str, ...], bool], list[int]] = {}
    for n, section in enumerate(found):
        key = _stages(section), section.waits
        groups[key] = [*groups.pop(key, ()), n]
    whole = float(times.sum()) or 1.0
    rows = []
    for (stages, waits), members in groups.items():
        work = sum((costs[n][0] for n in members), Counter())
        ms, size = float(times[members].sum()), sum(costs[n][1] for n in members)
        tags = [tag for n in members for tag in found[n].tags]
        rows.append(
            Row(
                stages, _what(tags) or OTHERS[waits], ms, ms / whole, work.total(), size,
                _reached(limit, work, size, ms), work, _split(work, tags, ms),
            )
        )  # fmt: skip
    return rows


OTHERS = {True: "waiting for other threads", False: "sums over threads"}
"""What is done for no stage."""


def _reached(limit: Limits | None, work: Work, nbytes: int, ms: float) -> float | None:
    return limit.seconds(work, nbytes) * 1e3 / ms if limit and ms > RESOLUTION else None


def _stages(section: Section) -> tuple[str, ...]:
    """Its tags: forward, then backward from the last stage, then updates."""
    marks = {str(tag): tag for tag in section.tags}
    return tuple(sorted(marks, key=lambda mark: _place(marks[mark])))


def _place(tag: Tag) -> tuple[int, int]:
    return SWEEPS.index(tag.direction), tag.number if tag.direction == "forward" else -tag.number


def _what(tags: Iterable[Tag]) -> str:
    """What the user wrote of these stages."""
    return "; ".join(dict.fromkeys(tag.text or tag.direction for tag in tags))


def _by_sweep(work: Work) -> dict[str, int]:
    return Cost(work).by_sweep()


def _split(work: Work, tags: Sequence[Tag], ms: float) -> dict[str, float]:
    """The time of each sweep: by operations, where several share a loop."""
    weights: Mapping[str, int] = _by_sweep(work) if work.total() else Counter()
    weights = weights or Counter(tag.direction for tag in tags)
    whole = sum(weights.values()) or 1
    return {sweep: ms * weight / whole for sweep, weight in weights.items() if weight}


def _total(rows: Sequence[Row]) -> Row:
    ms = sum(row.ms for row in rows)
    least = [row.of_limit * row.ms for row in rows if row.of_limit is not None]
    sweeps = {sweep: sum(row.sweeps.get(sweep, 0.0) for row in rows) for sweep in SWEEPS}
    return Row(
        ("total",), "", ms, sum(row.share for row in rows), sum(row.flops for row in rows),
        sum(row.bytes for row in rows), sum(least) / ms if least and ms else None,
        sum((row.work for row in rows), Counter()), sweeps,
    )  # fmt: skip


# Text

HEAD = ("share", "FLOPs", "bytes", "GFLOP/s", "GB/s", "of limit")
UNITS = ((1.0, "ms", 1.0), (1e-3, "us", 1e3), (0.0, "ns", 1e6))
LONGEST = 44


def _cells(row: Row, factor: float) -> tuple[str, ...]:
    return (
        _short(row.stages), _cut(row.what), f"{row.ms * factor:.2f}", f"{row.share:.0%}",
        _amount(row.flops), _amount(row.bytes), f"{row.gflops:.1f}", f"{row.gbytes:.1f}",
        "" if row.of_limit is None else f"{row.of_limit:.0%}",
    )  # fmt: skip


def _short(stages: Sequence[str]) -> str:
    shown = stages if len(stages) <= 6 else (*stages[:3], "...", *stages[-2:])
    return " ".join(shown)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _amount(count: int) -> str:
    """A count with three digits: 15.7M."""
    value, letters = float(count), iter(("", "k", "M", "G", "T", "P"))
    letter = next(letters)
    while value >= 999.5:
        value, letter = value / 1000, next(letters)
    return f"{value:.3g}{letter}" if letter or value != count else str(count)


def _table(rows: Sequence[Row], total: Row) -> Iterator[str]:
    """The rows and their total, times in the unit that suits the total."""
    unit, factor = next((unit, factor) for least, unit, factor in UNITS if total.ms >= least)
    cells = [("stages", "", unit, *HEAD), *(_cells(row, factor) for row in [*rows, total])]
    wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        words = [f"{cell:<{w}}" for cell, w in zip(row[:2], wide[:2], strict=True)]
        numbers = [f"{cell:>{w}}" for cell, w in zip(row[2:], wide[2:], strict=True)]
        yield "  ".join([*words, *numbers]).rstrip()


# Note [What is counted]
#
# Operations are those of the graph that is run: two for each multiplication of a product, one for
# each element of any other operation, be it an exponential, and one for each value that a
# reduction takes in. Bytes are what a statement reads from arrays and writes to them, once each,
# whether they come from a cache or from memory. The limit of a row is the longer of two times: its
# operations at the rate of multiply-and-add, its bytes at the rate at which this machine reads a
# block of so many again and again, from the cache that holds it or from memory. Functions such as
# exp take a dozen instructions, so rows of them stay far below. A reading of the clock waits for
# what was begun, so neighbours do not overlap as they do in a call that is not timed. Where stages
# of both sweeps share a loop its time is divided among the sweeps by their operations. Of a team's
# threads the first one is timed, what it waits for the others too.
