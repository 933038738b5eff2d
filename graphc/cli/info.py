"""What graphc runs on and what its cache holds, out of this machine, as a report."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from graphc.cli.tell import report
from graphc.runtime import store
from graphc.runtime.target import blas
from graphc.version import __version__

PACKAGES = ("numba", "llvmlite", "numpy", "networkx")


def fill(parser: argparse.ArgumentParser) -> None:
    """The options of `graphc info`: none."""


def run(options: argparse.Namespace) -> int:
    """Print versions, processor, product library, threads and cache."""
    files = store.entries()
    facts: dict[str, Any] = {"graphc": __version__, "python": platform.python_version()}
    facts |= {package: version(package) for package in PACKAGES}
    facts |= {"platform": platform.platform(), "cpu": _processor(), "threads": _threads()}
    facts |= {"blas": os.path.realpath(blas()[0]) if blas() else None}
    facts |= {"cache": str(store.cache_dir()), "cache files": len(files)}
    facts |= {"cache bytes": sum(f.bytes for f in files)}
    shown = facts | {"blas": facts["blas"] or "none: products are loops"}
    rows = [f"{name:<12} {value}" for name, value in shown.items()]
    report(options, facts, "\n".join(rows))
    return 0


def _processor() -> str:
    """The processor as the compiler knows it."""
    import llvmlite.binding as llvm

    return str(llvm.get_host_cpu_name())


def _threads() -> int:
    """How many threads this process may run at once."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


# The cache


def fill_cache(parser: argparse.ArgumentParser) -> None:
    """The options of `graphc cache`."""
    parser.add_argument("action", choices=tuple(ACTIONS))


def run_cache(options: argparse.Namespace) -> int:
    """Do what is asked with the cache."""
    ACTIONS[options.action](options)
    return 0


def _dir(options: argparse.Namespace) -> None:
    folder = str(store.cache_dir())
    report(options, {"dir": folder}, folder)


def _list(options: argparse.Namespace) -> None:
    found = store.entries()
    total = f"{len(found)} files, {sum(f.bytes for f in found)} bytes in {store.cache_dir()}"
    rows = [f"{f.bytes:>10}  {f.modified:%Y-%m-%d %H:%M}  {f.name}" for f in found]
    facts = [{"name": f.name, "bytes": f.bytes, "modified": f.modified.isoformat()} for f in found]
    report(options, {"dir": str(store.cache_dir()), "files": facts}, "\n".join([*rows, total]))


def _clear(options: argparse.Namespace) -> None:
    count = store.clear()
    folder = str(store.cache_dir())
    report(options, {"dir": folder, "removed": count}, f"{count} files removed from {folder}")


ACTIONS: dict[str, Callable[[argparse.Namespace], None]] = {
    "dir": _dir,
    "list": _list,
    "clear": _clear,
}
