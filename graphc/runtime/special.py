"""One specialisation of a program: what was planned, emitted and loaded for certain sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from graphc.emit.doors import SHARED, Function
from graphc.emit.module import Emitted
from graphc.graph import CONST
from graphc.plan.memory import aligned
from graphc.plan.plan import Plan
from graphc.runtime import team
from graphc.runtime.arena import block, view
from graphc.runtime.load import Loaded, jit_disabled


@dataclass(frozen=True)
class Shape:
    """What a program gives back: outputs in order (alone for a single one), gradients by name."""

    outputs: tuple[str, ...]
    gradients: tuple[str, ...]
    single: bool


@dataclass
class Special:
    """One specialisation: a plan for these sizes, its module, entry points as they are compiled;
    the short way to the main one, where there is one, once it was `tried` to find it.
    """

    plan: Plan
    emitted: Emitted
    loaded: Loaded
    jit: bool
    data: np.ndarray
    threads: int = 1
    entries: dict[str, Callable[..., Any]] = field(default_factory=dict)
    tried: bool = False
    run: Callable[..., Any] | None = None
    timed: Special | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def is_compiled(self) -> bool:
        """Whether its functions are compiled: numbers go in as Python's, else as NumPy's."""
        return self.jit and not jit_disabled()

    def entry(self, name: str) -> Callable[..., Any]:
        """The compiled function of that name, or the plain one."""
        if name not in self.entries:
            door = self.emitted.doors[name]
            begun = perf_counter()
            self.entries[name] = (
                self._compiled(door) if self.is_compiled else _quiet(self._plain(door))
            )
            self.seconds[f"load {name}"] = perf_counter() - begun
        return self.entries[name]

    def _compiled(self, door: Function) -> Callable[..., Any]:
        call = self.loaded.function(door.name, door.signature)
        if not door.shared:
            return call
        return team.entry(call, self.loaded.address(door.shared, SHARED), self.threads)

    def _plain(self, door: Function) -> Callable[..., Any]:
        """The door as Python runs it: one thread is the whole team."""
        if not door.shared:
            return self.loaded.plain(door.name)
        kernel = self.loaded.plain(door.kernel)
        flat = [p.kind == "array" for p in door.params]

        def run(*arguments: Any) -> Any:
            pairs = zip(arguments, flat, strict=True)
            return kernel(0, None, *(a.reshape(-1) if array else a for a, array in pairs))

        return run

    @property
    def work_bytes(self) -> int:
        """The bytes of a workspace: what all threads share, then each thread's own."""
        return aligned(self.plan.work_bytes) + self.threads * self.emitted.own

    def fits(self, sizes: Mapping[str, int]) -> bool:
        """Whether data of these sizes run without compiling: fixed sizes equal, the others within
        capacity.
        """
        bound = self.plan.sizes.bound
        return all(
            n <= bound[name] if name in self.plan.sizes.running else n == bound[name]
            for name, n in sizes.items()
        )


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)

    return run


def constants(plan: Plan) -> np.ndarray:
    """The data arena: constants with axes."""
    data = block(plan.data_bytes)
    for node, slot in plan.data.items():
        assert node.op is CONST
        view(data, slot.offset, node.value.dtype, node.value.shape)[...] = node.value
    return data
