"""Runs that a sequence of numbers repeats, those that are worth most first.

`worth(length, starts)` says what is saved by writing once the run that stands at each start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

FARTHEST = 2048
"""A repeat begins at most so many statements behind the run that it repeats."""

MOST_TRIED = 10
"""Candidates that are looked at in each round, those first that look best."""

ROOT = 0.5
"""A run that is itself a repeat is taken apart when that keeps this much of what it saves."""

OFTEN = 8
"""A run that stands so often behind itself may be as short as it likes."""

Worth = Callable[[int, Sequence[int]], float]


@dataclass(frozen=True)
class Repeat:
    """A run of `length` that stands at each of the starts."""

    length: int
    starts: tuple[int, ...]


def repeats(
    keys: Sequence[int], costs: Sequence[float], worth: Worth, least: float
) -> list[Repeat]:
    """Runs that do not overlap and are worth something; a key below zero is in none.

    `costs`: of each statement; a run that costs less than `least` is not looked at.
    """
    line = np.array(keys, np.int64)
    line[line < 0] = -1 - np.arange(np.count_nonzero(line < 0))
    found: list[Repeat] = []
    while (best := _best(line, np.array(costs), worth, least)) is not None:
        found.append(best)
        for start in best.starts:
            line[start : start + best.length] = line.min() - 1 - np.arange(best.length)
    return sorted(found, key=lambda r: r.starts)


def _best(line: np.ndarray, costs: np.ndarray, worth: Worth, least: float) -> Repeat | None:
    """The repeat that is worth most, of those that look best; none can be worth more than what is
    not written.
    """
    best, value = None, 0.0
    total = np.concatenate(([0.0], np.cumsum(costs)))
    found = [(_unwritten(r, total), r) for r in _candidates(line, total, least)]
    for most, repeat in sorted(found, key=lambda f: (-f[0], f[1].length, f[1].starts)):
        if most <= value:
            break
        if (worthy := worth(repeat.length, repeat.starts)) > value:
            best, value = repeat, worthy
    return _root(line, best, value, worth) if best else None


def _unwritten(repeat: Repeat, total: np.ndarray) -> float:
    start = repeat.starts[0]
    return float(total[start + repeat.length] - total[start]) * (len(repeat.starts) - 1)


def _candidates(line: np.ndarray, total: np.ndarray, least: float) -> Iterator[Repeat]:
    """What may be a repeat: stretches that are the same some statements further on."""
    found: dict[bytes, tuple[float, int, int]] = {}
    for distance in range(1, min(len(line), FARTHEST + 1)):
        for begin, length in _same(line, distance, total, least):
            run = min(length, distance)
            size = total[begin + run] - total[begin]
            if size >= least or length >= OFTEN * run:
                guess = size * ((length + distance) // run - 1)
                found.setdefault(line[begin : begin + run].tobytes(), (guess, begin, run))
    likely = sorted(found.values(), key=lambda f: (-f[0], f[1]))[:MOST_TRIED]
    for _, begin, run in likely:
        yield Repeat(run, tuple(_places(line, line[begin : begin + run])))


def _same(
    line: np.ndarray, distance: int, total: np.ndarray, least: float
) -> list[tuple[int, int]]:
    """Where a stretch is the same `distance` further on, and how long it is."""
    differs = np.flatnonzero(line[distance:] != line[:-distance])
    edges = np.concatenate(([-1], differs, [len(line) - distance]))
    begins, ends = edges[:-1] + 1, edges[1:]
    dear = total[ends] - total[begins] >= least
    return [(int(b), int(e - b)) for b, e in zip(begins[dear], ends[dear], strict=True)]


def _places(line: np.ndarray, run: np.ndarray) -> list[int]:
    """Where a run stands, without overlaps."""
    text, pattern, width = line.tobytes(), run.tobytes(), line.itemsize
    found, at = [], text.find(pattern)
    while at >= 0:
        if at % width:
            at = text.find(pattern, at + 1)
            continue
        found.append(at // width)
        at = text.find(pattern, at + len(pattern))
    return found


def _root(line: np.ndarray, best: Repeat, value: float, worth: Worth) -> Repeat:
    """The run that the best one is itself a repeat of, where that is worth nearly as much."""
    run = line[best.starts[0] :][: best.length]
    for length in range(1, best.length // 2 + 1):
        if best.length % length == 0 and (run[length:] == run[:-length]).all():
            root = Repeat(length, tuple(_places(line, run[:length])))
            if worth(length, root.starts) >= ROOT * value:
                return root
    return best
