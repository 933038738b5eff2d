"""Workloads and peers go in, one fresh process each in turn; measurements come out."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .peers import PEERS, ROOT, environment
from .workloads import WORKLOADS


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line says about how to measure."""

    interpreters: dict[str, str]  # package to interpreter
    repeat: int = 5
    budget: float = 30.0
    timeout: float = 600.0
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


def run_all(
    workloads: Sequence[str],
    peers: Sequence[str],
    settings: Settings,
    tell: Callable[[Measurement], None],
) -> list[Measurement]:
    """Measures every workload with every peer, and tells of each as it comes."""
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for workload in workloads:
            for peer in peers:
                found.append(run_one(workload, peer, settings, Path(folder)))
                tell(found[-1])
    return found


def run_one(workload: str, peer: str, settings: Settings, folder: Path) -> Measurement:
    """One cell: timed inside its process, or as a whole process with its cache empty or filled."""
    cache = WORKLOADS[workload].cache
    if cache is None:
        return spawn(workload, peer, settings, folder / "kept")[0]
    if cache == "filled":
        first, _ = spawn(workload, peer, settings, folder / f"filled-{peer}")
        if first.status != "ok":
            return first
    return whole_processes(workload, peer, settings, folder, cache)


def whole_processes(
    workload: str, peer: str, settings: Settings, folder: Path, cache: str
) -> Measurement:
    """As many fresh processes as the repeats and the budget allow, one at least."""
    taken: list[float] = []
    while len(taken) < settings.repeat and sum(taken) < settings.budget:
        place = f"filled-{peer}" if cache == "filled" else f"empty-{peer}-{len(taken)}"
        found, seconds = spawn(workload, peer, settings, folder / place)
        if found.status != "ok":
            return found
        taken.append(seconds)
    found.samples = taken
    return found


def spawn(workload: str, peer: str, settings: Settings, cache: Path) -> tuple[Measurement, float]:
    """A fresh process for one library; also the seconds from its start to its end."""
    command = [settings.interpreters[PEERS[peer].package], "-m", f"{__package__}.measure"]
    command += [peer, workload]
    command += ["--repeat", str(settings.repeat), "--budget", str(settings.budget)]
    variables = environment(settings.threads, cache)
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=variables,
            capture_output=True,
            text=True,
            timeout=settings.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        why = f"no result after {settings.timeout:g} s"
        return Measurement(workload, peer, "timeout", why=why), settings.timeout
    seconds = time.perf_counter() - start
    return Measurement(workload, peer, **answer(done)), seconds


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The last line that the process printed, read; or the last one of its complaints."""
    if done.returncode == 0 and done.stdout.strip():
        return dict(json.loads(done.stdout.strip().splitlines()[-1]))
    complaint = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return {"status": "failed", "why": f"exit code {done.returncode}: {complaint}"}
