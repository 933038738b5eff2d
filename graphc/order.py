"""What is asked of the compiler, and what its passes leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from graphc.graph import Node
from graphc.joint import Joint
from graphc.runtime.target import register_bytes
from graphc.runtime.team import threads as thread_count


@dataclass(frozen=True)
class Order:
    """What is asked of the compiler; `told` says in text what `updates` does, where text can."""

    wrt: tuple[str | Node, ...] = ()
    updates: Callable[[Joint], Joint] | None = None
    told: str = ""
    disconnected: str = "error"
    without: frozenset[str] = frozenset()
    jit: bool = True
    debug: str | None = None
    form: str = "fast"
    threads: int | None = None
    in_order: bool = False
    keep: str | int = "all"
    training: bool = False

    @property
    def simd(self) -> int:
        """The bytes of the registers that loops run over; 0 for loops over scalars."""
        return register_bytes() if self.form == "fast" else 0

    @property
    def teams(self) -> int:
        """How many threads the code is made for; 0 where it knows of none."""
        return self.count if self.form == "fast" else 0

    @property
    def count(self) -> int:
        """How many threads may run it."""
        return thread_count(self.threads)


@dataclass(frozen=True)
class Compiled:
    """A joint after its last pass, the one that each pass left, by name, and what it took."""

    joint: Joint
    after: Mapping[str, Joint]
    seconds: Mapping[str, float]
