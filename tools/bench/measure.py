"""One library on one workload in this process; the last line printed is what came out, as JSON.

The first run, which compiles, is checked against NumPy in float64 after the times are taken; only then do they count.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

from .peers import PEERS
from .workloads import WORKLOADS, Arrays, Workload


def measure(name: str, workload: Workload, repeat: int, budget: float) -> dict[str, Any]:
    """The status of one library on one workload, with seconds per call where there are any."""
    package = PEERS[name].package
    try:
        module = importlib.import_module(f".{PEERS[name].module}", __package__)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        return {"status": "missing", "why": f"{sys.executable} has no {package}"}
    prepare = module.CASES[name].get(workload.case)
    if prepare is None:
        return {"status": "none"}
    case = prepare(workload.data())
    result = case.read(case.run())
    taken = samples(case.run, repeat, budget) if workload.cache is None else []
    version = getattr(sys.modules[package], "__version__", "")
    return {
        "samples": [seconds / workload.calls for seconds in taken],
        "version": version,
        **verdict(result, workload),
    }


def samples(run: Callable[[], Any], repeat: int, budget: float) -> list[float]:
    """Seconds of one run, `repeat` times or until the budget is spent, once at least; collector off."""
    timer = timeit.Timer(run)
    number, seconds = timer.autorange()
    taken = [seconds / number]
    while len(taken) < repeat and sum(taken) * number < budget:
        taken.append(timer.timeit(number) / number)
    return taken


def verdict(result: Arrays, workload: Workload) -> dict[str, Any]:
    """Whether the result is NumPy's, and how far off it is."""
    from .with_numpy import reference

    exact = reference(workload.case, workload.data())
    error = max(distance(result[name], exact[name]) for name in exact)
    if error <= workload.tolerance:
        return {"status": "ok", "error": error}
    why = f"off by {error:.1e} of the largest entry, {workload.tolerance:.0e} allowed"
    return {"status": "WRONG", "error": error, "why": why}


def distance(got: np.ndarray, exact: np.ndarray) -> float:
    """The largest difference over the largest entry; infinite for another shape or a NaN."""
    if np.shape(got) != exact.shape or not np.all(np.isfinite(got)):
        return float("inf")
    return float(np.max(np.abs(got - exact)) / np.max(np.abs(exact)))


def main() -> None:
    """Prints the measurement, or why there is none."""
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--budget", type=float, default=30.0)
    given = parser.parse_args()
    try:
        found = measure(given.peer, WORKLOADS[given.workload], given.repeat, given.budget)
    except Exception as error:
        first_line = str(error).strip().split("\n")[0]
        found = {"status": "failed", "why": f"{type(error).__name__}: {first_line}"}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
