"""One specialisation of a program: what was laid out and loaded for certain sizes.

Its plan, and what was emitted, are made when somebody looks at them, where the cache knew it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.runtime import team
from graphc.runtime.layout import Entry, Layout
from graphc.runtime.load import Loaded, jit_disabled

if TYPE_CHECKING:
    from graphc.emit.module import Emitted
    from graphc.plan.plan import Plan


@dataclass(frozen=True)
class Shape:
    """What a program gives back: outputs in order (alone for a single one), gradients by name."""

    outputs: tuple[str, ...]
    gradients: tuple[str, ...]
    single: bool


@dataclass
class Special:
    """One specialisation: the layout for these sizes, the module, what `make` makes of it again,
    entry points as they are compiled; the short way to the main one, where there is one, once it
    was `tried` to find it.
    """

    layout: Layout
    loaded: Loaded
    make: Callable[[], tuple[Plan, Emitted]]
    jit: bool
    data: np.ndarray
    threads: int = 1
    entries: dict[str, Callable[..., Any]] = field(default_factory=dict)
    tried: bool = False
    run: Callable[..., Any] | None = None
    timed: Special | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @cached_property
    def _made(self) -> tuple[Plan, Emitted]:
        return self.make()

    @property
    def plan(self) -> Plan:
        """The plan for these sizes."""
        return self._made[0]

    @property
    def emitted(self) -> Emitted:
        """What the module was written from."""
        return self._made[1]

    @property
    def is_compiled(self) -> bool:
        """Whether its functions are compiled: numbers go in as Python's, else as NumPy's."""
        return self.jit and not jit_disabled()

    def entry(self, name: str) -> Callable[..., Any]:
        """The compiled function of that name, or the plain one."""
        if name not in self.entries:
            entry = self.layout.entries[name]
            begun = perf_counter()
            self.entries[name] = (
                self._compiled(entry) if self.is_compiled else _quiet(self._plain(entry))
            )
            self.seconds[f"load {name}"] = perf_counter() - begun
        return self.entries[name]

    def _compiled(self, entry: Entry) -> Callable[..., Any]:
        call = self.loaded.function(entry.name, entry.signature)
        if not entry.shared:
            return call
        address = self.loaded.address(entry.shared, entry.share_signature)
        return team.entry(call, address, self.threads)

    def _plain(self, entry: Entry) -> Callable[..., Any]:
        """The function as Python runs it: one thread is the whole team."""
        if not entry.shared:
            return self.loaded.plain(entry.name)
        kernel = self.loaded.plain(entry.kernel)
        flat = [kind == "array" for kind in entry.arguments.values()]

        def run(*arguments: Any) -> Any:
            pairs = zip(arguments, flat, strict=True)
            return kernel(0, None, *(a.reshape(-1) if array else a for a, array in pairs))

        return run

    @property
    def work_bytes(self) -> int:
        """The bytes of a workspace: what all threads share, then each thread's own."""
        return self.layout.work_bytes(self.threads)

    def fits(self, sizes: Mapping[str, int]) -> bool:
        """Whether data of these sizes run without compiling: fixed sizes equal, the others within
        capacity.
        """
        mine = self.layout.sizes
        return all(
            n <= mine.bound[name] if name in mine.running else n == mine.bound[name]
            for name, n in sizes.items()
        )


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)

    return run
