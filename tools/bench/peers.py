"""Who is measured: the columns of the table, the file of each, and its process's environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Peer:
    """One column: `package` says what has to be importable, and names its virtual environment;
    an extra one is measured when it is asked for.
    """

    package: str
    module: str
    extra: bool = False


PEERS = {
    "numpy": Peer("numpy", "with_numpy"),
    "torch": Peer("torch", "with_torch"),
    "torch.compile": Peer("torch", "with_torch"),
    "jax": Peer("jax", "with_jax"),
    "pytensor": Peer("pytensor", "with_pytensor"),
    "pytensor.c": Peer("pytensor", "with_pytensor"),
    "graphc": Peer("graphc", "with_graphc"),
    "graphc.plain": Peer("graphc", "with_graphc", extra=True),
}
USUAL = tuple(name for name, peer in PEERS.items() if not peer.extra)
PACKAGES = tuple(dict.fromkeys(peer.package for peer in PEERS.values()))

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "GRAPHC_NUM_THREADS",
)
CACHE_VARIABLES = {
    "GRAPHC_CACHE_DIR": "{}/graphc",
    "NUMBA_CACHE_DIR": "{}/numba",
    "JAX_COMPILATION_CACHE_DIR": "{}/jax",
    "TORCHINDUCTOR_CACHE_DIR": "{}/torch",
    "PYTENSOR_FLAGS": "floatX=float32,base_compiledir={}/pytensor",
}
# By default JAX keeps only what took a second to compile.
KEEP_ALL = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


def environment(threads: int, cache: Path) -> dict[str, str]:
    """The variables of a measured process: its threads, and everything it caches under `cache`."""
    counts = {name: str(threads) for name in THREAD_VARIABLES}
    folders = {name: text.format(cache) for name, text in CACHE_VARIABLES.items()}
    found = dict(os.environ) | counts | xla(threads) | folders | KEEP_ALL
    found.pop("PYTHONDONTWRITEBYTECODE", None)  # or Python compiles all that is imported each time
    return found


def xla(threads: int) -> dict[str, str]:
    """XLA has a switch for threads, not a number: it takes the CPUs that the process may use."""
    several = str(threads > 1).lower()
    return {"XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={several}"}


def keep_to_cpus(threads: int) -> None:
    """Binds this process and its children to as many CPUs; JAX reads its thread count from that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def cpus() -> int:
    """How many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
