"""A kernel that another one runs: its names are its own, so they need no numbers that tell them
from names of other kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from graphc.emit.names import Names
from graphc.kernel import Kernel, Loop, Stmt
from graphc.lower.holes import Walk


def local(kernel: Kernel, names: Names) -> Kernel:
    """The kernel with names of its own; those that it runs stay as they are."""
    counters = set(_counters(kernel.body)) - {p.name for p in kernel.params}
    own = names.local((*counters, *(k.name for k in (kernel, *kernel.inner))))
    called: dict[str, str] = {}

    def rename(name: str, mode: str = "", nested: bool = False) -> str:
        if name in counters or names.is_reserved(name):
            return name
        if name not in called:
            called[name] = own.fresh(names.root(name))
        return called[name]

    params = tuple(replace(p, name=rename(p.name)) for p in kernel.params)
    body = tuple(Walk(rename, lambda number: number).stmt(s) for s in kernel.body)
    places = {rename(name): place for name, place in kernel.places.items()}
    return replace(kernel, params=params, body=body, places=places)


def _counters(body: Iterable[Stmt]) -> Iterator[str]:
    """The variables that loops count with."""
    for stmt in body:
        if isinstance(stmt, Loop):
            yield stmt.index
        yield from _counters(getattr(stmt, "body", ()))
