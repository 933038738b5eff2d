"""One library on one workload in this process; the last line printed is what came out, as JSON.

The first run, which compiles, is checked against NumPy in float64 after the times are taken; they
count only if it is right.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

from .peers import PEERS
from .workloads import WORKLOADS, Arrays, Data, Prepare, Workload


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
    data = workload.data()
    case = prepare(data)
    whole = case.read(case.run())
    taken = samples(case.run, repeat, budget) if workload.cache is None else []
    start = time.perf_counter()
    found = verdict(prepare, whole, data, workload)
    return {
        "samples": [seconds / workload.calls for seconds in taken],
        "version": getattr(sys.modules[package], "__version__", ""),
        "checking": time.perf_counter() - start,
        **found,
    }


def samples(run: Callable[[], Any], repeat: int, budget: float) -> list[float]:
    """Seconds of one run, `repeat` times or until the budget is spent, once at least."""
    timer = timeit.Timer(run)
    number, seconds = timer.autorange()
    taken = [seconds / number]
    while len(taken) < repeat and sum(taken) * number < budget:
        taken.append(timer.timeit(number) / number)
    return taken


def verdict(prepare: Prepare, whole: Arrays, data: Data, workload: Workload) -> dict[str, Any]:
    """Whether the result is NumPy's, and how far off it is."""
    from .with_numpy import reference

    head, result = data.head(workload.checked), whole
    if workload.checked is not None:
        case = prepare(head)
        result = case.read(case.run())
    exact = reference(workload.case, head)
    error = max(distance(result[name], exact[name]) for name in exact)
    finite = all(np.all(np.isfinite(value)) for value in whole.values())
    if finite and error <= workload.tolerance:
        return {"status": "ok", "error": error}
    why = f"off by {error:.1e}, {workload.tolerance:.0e} allowed" if finite else "not finite"
    return {"status": "WRONG", "error": error, "why": why}


def distance(got: np.ndarray, exact: np.ndarray) -> float:
    """The norm of the difference over the norm of the exact result; infinite for another shape."""
    if np.shape(got) != exact.shape:
        return float("inf")
    return float(np.linalg.norm(got - exact) / np.linalg.norm(exact))


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
