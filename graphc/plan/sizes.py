"""Named sizes: which are literal in a specialisation, and which are capacities with a bound at run
time.

A size that stands only in front (the batch) is a capacity: offsets are literal for it, loops end
where the data do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from graphc.graph import INPUT, Graph
from graphc.ops.spell import Reshape, Routine
from graphc.types import Dim, Size, Type, bind, named


@dataclass(frozen=True)
class Sizes:
    """`bound`: every named size's value, or its capacity for those in `running`; `words`: what
    those are called in emitted code.
    """

    bound: Mapping[str, int]
    running: frozenset[str] = frozenset()
    words: Mapping[str, str] = field(default_factory=dict)

    def capacity(self, dim: Dim) -> int:
        """The largest that a size may be."""
        return bind(dim, self.bound)

    def literal(self, dim: Dim) -> int | None:
        """The size where it is fixed, None where it comes at run time."""
        if isinstance(dim, Size) and not self.running.isdisjoint(dim.names):
            return None
        return bind(dim, self.bound)

    def resolved(self, dim: Dim) -> Dim:
        """The size with every fixed name replaced by its value."""
        if not isinstance(dim, Size):
            return dim
        total: Dim = dim.const
        for name, c in dim.terms:
            total = total + (named(name) if name in self.running else self.bound[name]) * c
        return total

    def word(self, name: str) -> str:
        """What a size that comes at run time is called in emitted code."""
        return self.words.get(name, name)

    @property
    def names(self) -> tuple[str, ...]:
        """The sizes that come at run time, in order."""
        return tuple(sorted(self.running))


def running(graph: Graph, results: Iterable[Type]) -> frozenset[str]:
    """The names that may be capacities: in front, alone, wherever they touch the outside, a
    reshape or a routine.
    """
    inputs = [n.type for n in graph.leaves(INPUT)]
    ordered = [n for n in graph.nodes if isinstance(n.op.spell, (Reshape, Routine))]
    reshapes = [t for n in ordered for part in (n, *n.args) for t in part.types]
    names = {name for t in inputs for name in t.names()}
    outside = [*inputs, *results, *reshapes]
    behind = {
        name for t in outside for dim in t.shape[1:] if isinstance(dim, Size) for name in dim.names
    }
    mixed = {
        name
        for t in inputs
        for dim in t.shape[:1]
        if isinstance(dim, Size) and dim.const
        for name in dim.names
    }
    count = Counter(name for t in inputs for name in t.names())
    found = sorted(names - behind - mixed, key=lambda name: (-count[name], name))
    return frozenset(found[:MOST])


MOST = 5
"""Sizes that may come at run time: each is an argument of every kernel."""
