"""Threads that run kernels together: started once, asleep without work, one team for each size.

Whoever comes first gets the team for a call; others who call meanwhile run alone. A forked child
starts teams of its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from graphc.emit.text import prelude, prelude_name
from graphc.errors import UsageError
from graphc.runtime.arena import block
from graphc.runtime.load import load
from graphc.runtime.target import target

# As in graphc/emit/prelude/team.py
COUNT, AWAKE, JOB, FUNCTION, WORDS = 0, 1, 24, 32, 128 + 16 * 64 * 8
MOST_THREADS = 64

PAUSES, FEW_PAUSES = 2047, 15
"""How long a thread waits before it lets others run: 30 us; less with more threads than cores."""

VARIABLES = ("GRAPHC_NUM_THREADS", "OMP_NUM_THREADS")
QUOTA = "/sys/fs/cgroup/cpu.max"

SERVICE = '''"""What a worker does all its life."""
from {prelude} import FLAGS, njit, ptr, serve


@njit(**FLAGS)
def work(me, team):
    serve(ptr(team), me)
'''


class Team:
    """So many threads, this one included, and the block of words by which they meet."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.lock = threading.Lock()
        self.words = _words(count)
        self.words[AWAKE] = PAUSES if count <= cores() else FEW_PAUSES

    def hire(self) -> None:
        """Start the workers; each belongs to this team as long as the process lives. Where the
        system gives fewer threads, the team is smaller.
        """
        serve = _service() if self.count > 1 else None
        for me in range(1, self.count):
            name = f"graphc worker {me} of {self.count}"
            worker = threading.Thread(target=serve, args=(me, self.words), name=name, daemon=True)
            try:
                worker.start()
            except RuntimeError:
                self.words[COUNT] = me
                return


def _words(count: int) -> np.ndarray:
    words = block(WORDS * 8).view(np.int64)
    words[COUNT] = count
    return words


_teams: dict[int, Team] = {}
_local = threading.local()
_starting = threading.Lock()


def team_of(count: int) -> Team:
    """The team of so many threads, its workers at work."""
    with _starting:
        team = _teams.get(count)
        if team is None:
            team = Team(count)
            team.hire()
            _teams[count] = team
        return team


def alone(function: int) -> np.ndarray:
    """The words of a team that is this thread only. Each function has its own, so that a call from
    a signal's handler or a finaliser gives no other work to the one that it interrupts.
    """
    held: dict[int, np.ndarray] = _local.__dict__  # type: ignore[assignment]
    words = held.get(function)
    if words is None:
        words = held[function] = _words(1)
        words[FUNCTION] = function
    return words


def entry(call: Callable[..., Any], function: int, count: int) -> Callable[..., Any]:
    """A door of a team as a function without the team: it takes one for each call, or this thread
    alone where the team is busy; `function` is the address of what each thread runs.
    """
    if count == 1:
        return partial(_alone, call, function)

    def run(*arguments: Any) -> Any:
        team = _teams.get(count) or team_of(count)
        if team.lock.locked():
            return _alone(call, function, *arguments)
        with team.lock:  # not acquire and try: an interrupt between them would leave it locked
            team.words[FUNCTION] = function
            return call(*arguments, team.words)

    return run


def _alone(call: Callable[..., Any], function: int, *arguments: Any) -> Any:
    return call(*arguments, alone(function))


def threads(wanted: int | None = None) -> int:
    """How many threads: as wanted, else as the environment says, else one for each core.

    GRAPHC_NUM_THREADS goes before OMP_NUM_THREADS. Raises UsageError for what is no number above 0.
    """
    if wanted is not None:
        return _checked("threads", wanted)
    for name in VARIABLES:
        value = os.environ.get(name, "").strip()
        if value:
            return _checked(name, int(value) if value.isdecimal() else value)
    return min(cores(), MOST_THREADS)


def _checked(name: str, value: Any) -> int:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise UsageError(f"{name} is {value!r}, and has to be a whole number above 0")
    return min(int(value), MOST_THREADS)


def cores() -> int:
    """The cores that this process may run on, two threads of one core counted once, and no more
    than it gets the time of.
    """
    mine = (
        os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    )
    return max(1, min(len({_siblings(cpu) for cpu in mine}), _quota()))


def _quota() -> int:
    """The whole processors' worth of time that Linux gives a container; MOST_THREADS if no one
    says.
    """
    try:
        with open(QUOTA) as file:
            time, period = file.read().split()
        return int(time) // int(period)
    except (OSError, ValueError):  # ValueError: the time is "max"
        return MOST_THREADS


@cache
def _siblings(cpu: int) -> str:
    """The processors that are one core with this one, where Linux tells."""
    try:
        with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as file:
            return file.read().strip()
    except OSError:
        return str(cpu)


@cache
def _service() -> Callable[..., Any]:
    text = SERVICE.format(prelude=prelude_name(prelude()))
    return load(text, "team", prelude(), target=target()).function("work", "(int64, int64[::1])")


def _forked() -> None:
    """In a child only the thread that forked goes on: it hires its own workers when it needs them,
    and nobody holds a lock.
    """
    global _starting
    _starting = threading.Lock()
    _teams.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
