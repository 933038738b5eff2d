"""Workloads and peers go in, one fresh process each in turn; measurements come out."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .peers import PEERS, ROOT, environment
from .workloads import EMPTY, WORKLOADS


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line says about how to measure."""

    interpreters: dict[str, str]  # package to interpreter
    rounds: int = 3
    repeat: int = 3
    budget: float = 10.0
    timeout: float = 120.0
    threads: int = 1


@dataclass(slots=True)
class Measurement:
    """One cell of the table."""

    workload: str
    peer: str
    status: str  # ok, WRONG, missing, none, failed, timeout
    samples: list[float] = field(default_factory=list)
    error: float | None = None
    version: str = ""
    why: str = ""

    @property
    def seconds(self) -> float | None:
        """The best time, where one counts."""
        return min(self.samples) if self.status == "ok" else None

    def record(self) -> dict[str, Any]:
        """The cell as it stands in the JSON file."""
        return {"seconds": self.seconds, **asdict(self)}

    def with_samples(self, before: Measurement | None) -> Measurement:
        """The same after what earlier rounds found; what went wrong now counts."""
        if before is None or self.status != "ok":
            return self
        return replace(self, samples=before.samples + self.samples)


Cells = dict[tuple[str, str], Measurement]
Tell = Callable[[str, Measurement], None]


class Bench:
    """Measures row by row; `cells` has all that is known so far, caches lie in `folder`."""

    def __init__(self, settings: Settings, folder: Path, tell: Tell) -> None:
        self.settings, self.folder, self.tell = settings, folder, tell
        self.cells: Cells = {}

    def row(self, workload: str, peers: Sequence[str]) -> None:
        """All peers in turn, round by round; who fails is not asked again."""
        for turn in range(1, self.settings.rounds + 1):
            for peer in self._willing(workload, peers):
                before = self.cells.get((workload, peer))
                now = self._known(workload, peer) or self._measured(workload, peer)
                self.cells[workload, peer] = now.with_samples(before)
                self.tell(f"round {turn} of {self.settings.rounds}", now)

    def _willing(self, workload: str, peers: Sequence[str]) -> Iterator[str]:
        for peer in peers:
            cell = self.cells.get((workload, peer))
            if cell is None or cell.status == "ok":
                yield peer

    def _known(self, workload: str, peer: str) -> Measurement | None:
        """The time that ran out already in the row that this one comes after."""
        earlier = self.cells.get((WORKLOADS[workload].after or "", peer))
        if earlier is None or earlier.status != "timeout":
            return None
        return replace(earlier, workload=workload)

    def _measured(self, workload: str, peer: str) -> Measurement:
        """One process: timed inside, or as a whole with its cache as the workload wants it."""
        cache = WORKLOADS[workload].cache
        if cache is None:
            return spawn(workload, peer, self.settings, self.folder / "kept")[0]
        found = None if cache == EMPTY else self._fill(cache, peer)
        if found is None:
            found, seconds = spawn(workload, peer, self.settings, self._place(cache, peer))
            found.samples = [seconds]
        return replace(found, workload=workload)

    def _fill(self, cache: str, peer: str) -> Measurement | None:
        """Sets aside, once, what a workload leaves in the cache; what went wrong, if anything."""
        aside = self._aside(cache, peer)
        if aside.exists():
            return None
        place = self._place(EMPTY, peer)
        found, _ = spawn(cache, peer, self.settings, place)
        if found.status != "ok":
            return found
        shutil.copytree(place, aside)
        return None

    def _place(self, cache: str, peer: str) -> Path:
        """The folder of a process's caches, always the same one, with what should be in it."""
        place = self.folder / f"{peer}-used"
        shutil.rmtree(place, ignore_errors=True)
        if cache == EMPTY:
            place.mkdir()
        else:
            shutil.copytree(self._aside(cache, peer), place)
        return place

    def _aside(self, cache: str, peer: str) -> Path:
        return self.folder / f"{peer}-after-{cache}"


def spawn(workload: str, peer: str, settings: Settings, cache: Path) -> tuple[Measurement, float]:
    """A fresh process for one library; also the seconds from its start to its end, without those
    that it took to check the result.
    """
    command = [settings.interpreters[PEERS[peer].package], "-m", f"{__package__}.measure"]
    command += [peer, workload]
    command += ["--repeat", str(settings.repeat), "--budget", str(settings.budget)]
    start = time.perf_counter()
    try:
        done = finished(command, settings, cache)
    except subprocess.TimeoutExpired:
        why = f"no result after {settings.timeout:g} s"
        late = Measurement(workload, peer, "timeout", [settings.timeout], why=why)
        return late, settings.timeout
    seconds = time.perf_counter() - start
    found = answer(done)
    checking = found.pop("checking", 0.0)
    return Measurement(workload, peer, **found), seconds - checking


def finished(
    command: Sequence[str], settings: Settings, cache: Path
) -> subprocess.CompletedProcess[str]:
    """The ended process of a command; raises TimeoutExpired."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(settings.threads, cache),
        capture_output=True,
        text=True,
        timeout=settings.timeout,
        check=False,
    )


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The last line that the process printed, read; or the last one of its complaints."""
    if done.returncode == 0 and done.stdout.strip():
        return dict(json.loads(done.stdout.strip().splitlines()[-1]))
    complaint = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return {"status": "failed", "why": f"{ending(done.returncode)}: {complaint}"}


def ending(code: int) -> str:
    """How a process ended, which a signal tells by its negative number."""
    if code >= 0:
        return f"exit code {code}"
    return signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
