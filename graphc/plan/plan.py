"""The plan: for each kernel its loops and places, the arenas, the stages with their numbers, and
what it all costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphc.graph import Node
from graphc.plan.fuse import Nest
from graphc.plan.memory import Slot
from graphc.plan.regions import Body
from graphc.plan.sizes import Sizes
from graphc.types import Type


@dataclass(frozen=True)
class Result:
    """A value that a kernel gives back: "output", "gradient"; in a register it is returned, else
    it lies in `out`.
    """

    name: str
    node: Node
    slot: Slot

    @property
    def returned(self) -> bool:
        """Whether the kernel returns it: a scalar that does not lie in `out`."""
        return not self.node.shape and self.slot.arena != "out"


@dataclass(frozen=True)
class Part:
    """One kernel: its loops, the places of its values, what it reads from outside and what it
    gives back.
    """

    name: str
    nest: Nest
    slots: Mapping[Node, Slot]
    inputs: tuple[Node, ...]
    results: tuple[Result, ...]
    work: int
    apart: int
    inner: Mapping[Node, tuple[Inner, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Inner:
    """A graph that a stage of a part runs: what it is, its own part, and the sizes it knows."""

    body: Body
    part: Part
    sizes: Sizes


@dataclass(frozen=True)
class Stage:
    """A numbered stage of the forward sweep, as the user wrote it."""

    number: int
    name: str
    text: str
    type: Type
    node: Node

    @property
    def where(self) -> str:
        """The user's line."""
        return str(self.node.where[0]) if self.node.where else ""


@dataclass(frozen=True)
class Plan:
    """Everything the emitter needs, and everything `print(program.plan)` shows."""

    title: str
    parts: Mapping[str, Part]
    sizes: Sizes
    stages: tuple[Stage, ...]
    numbers: Mapping[Node, int]
    state: Mapping[Node, Slot]
    data: Mapping[Node, Slot]
    data_bytes: int
    out_bytes: int
    feed: Mapping[Node, Slot]
    feed_bytes: int
    checks: Mapping[Node, int]
    of: str
    threads: int = 0  # products by tiles of our own for so many; 0: by BLAS
    kept: str = ""  # what the backward sweep finds stored, and what it computes again

    @property
    def work_bytes(self) -> int:
        """The bytes of a thread's workspace."""
        return max(part.work for part in self.parts.values())
