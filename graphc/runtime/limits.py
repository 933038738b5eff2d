"""The limits of this machine, measured once a process by two small loops: operations a second, and
bytes a second from blocks of any size.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from time import perf_counter
from typing import Any

import numpy as np

from graphc.emit.text import prelude, prelude_name
from graphc.runtime.arena import block
from graphc.runtime.load import load
from graphc.runtime.target import register_bytes, target

CHAINS = 12
"""Sums that grow at once: as many as it takes to have no unit wait for the one before."""

SMALLEST, LARGEST = 1 << 15, 1 << 27
"""Bytes of the blocks that are read: from within the first cache to beyond the last."""

READ = 1 << 25
"""Bytes that are read at least, however small the block."""

TURNS = 1_000_000
TRIES = 8

PROBE = '''"""Two loops at the limits of the machine: multiply and add, and read."""
from {prelude} import FLAGS, f32, fma, load{lanes}, njit, ptr, splat{lanes}, sum_lanes


@njit(**FLAGS)
def multiply(turns):
    a = b = splat{lanes}(f32(0.5))
{starts}
    for i in range(turns):
{steps}
    return sum_lanes({total})


@njit(**FLAGS)
def read(x, turns, count):
    p = ptr(x)
{zeros}
    for turn in range(turns):
        for i in range(0, count, {stride}):
{loads}
    return sum_lanes({total})
'''


@dataclass(frozen=True)
class Limits:
    """What so many threads can do: operations in f32 a second, bytes a second from memory."""

    flops: float
    memory: float
    threads: int = 1

    def seconds(self, work: Counter[tuple[str, str]], nbytes: int) -> float:
        """The least time for operations (by sweep and type) and bytes: the longer of the two."""
        halves = sum(n * (2 if dtype in WIDE else 1) for (_, dtype), n in work.items())
        size = min(1 << max(nbytes - 1, 0).bit_length(), LARGEST)
        rate = _bandwidth(max(size, SMALLEST * self.threads), self.threads)
        return max(halves / self.flops, nbytes / rate)

    def __str__(self) -> str:
        told = f"{self.flops / 1e9:.0f} GFLOP/s in f32, {self.memory / 1e9:.0f} GB/s from memory"
        return told + (f", {self.threads} threads" if self.threads > 1 else ", one thread")


WIDE = {"f64", "i64", "u64"}
"""Types of which a register holds half as many."""


def limits(threads: int = 1) -> Limits:
    """The limits of so many threads, measured when they are first asked for."""
    return Limits(_flops() * threads, _bandwidth(LARGEST, threads), threads)


@cache
def _flops() -> float:
    """Operations a second of one core."""
    multiply = _probe().function("multiply", "(int64,)")
    seconds = min(_timed(lambda: multiply(TURNS)) for _ in range(TRIES))
    return 2.0 * _lanes() * CHAINS * TURNS / seconds


@cache
def _bandwidth(nbytes: int, threads: int) -> float:
    """Bytes a second from a block that the threads read their shares of."""
    read = _probe().function("read", "(float32[::1], int64, int64)")
    share = nbytes // threads
    turns = max(1, READ // nbytes)
    blocks = [block(share).view(np.float32) for _ in range(threads)]
    for each in blocks:
        each[:] = 1.0  # memory that nobody wrote to is one page of zeros
    count = share // 4 // _stride() * _stride()
    jobs = [partial(read, each, turns, count) for each in blocks]
    seconds = min(_at_once(jobs) for _ in range(TRIES))
    return 4.0 * count * turns * threads / seconds


def _timed(job: Callable[[], Any]) -> float:
    start = perf_counter()
    job()
    return perf_counter() - start


def _at_once(jobs: Sequence[Callable[[], Any]]) -> float:
    """The time that jobs take side by side, the first of them on this thread."""
    others = [threading.Thread(target=job) for job in jobs[1:]]
    start = perf_counter()
    for thread in others:
        thread.start()
    jobs[0]()
    for thread in others:
        thread.join()
    return perf_counter() - start


def _lanes() -> int:
    return register_bytes() // 4


def _stride() -> int:
    return CHAINS * _lanes()


@cache
def _probe() -> Any:
    lanes, each = _lanes(), range(CHAINS)
    text = PROBE.format(
        prelude=prelude_name(prelude()),
        lanes=lanes,
        starts="\n".join(f"    s{n} = splat{lanes}(f32({n + 2}))" for n in each),
        steps="\n".join(f"        s{n} = fma(s{n}, a, b)" for n in each),
        zeros="\n".join(f"    s{n} = splat{lanes}(f32(0))" for n in each),
        loads="\n".join(f"            s{n} += load{lanes}(p, i + {n * lanes})" for n in each),
        total=" + ".join(f"s{n}" for n in each),
        stride=_stride(),
    )
    return load(text, "limits", prelude(), target=target())


__all__ = ["Limits", "limits"]
