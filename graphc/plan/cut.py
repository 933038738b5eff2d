"""Values with prices go in, those that are computed again come out: a minimum cut.

A value that the backward sweep needs is stored, or computed again of values that are there then:
the cut through the graph of values separates what is there from what is computed again, and pays
for what it crosses. Notes: [The network], [Windows].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import networkx as nx
from networkx.algorithms.flow import preflow_push

from graphc.plan.sweeps import Value

WINDOW = 1000
"""Values that are cut at a time; it keeps the time linear."""

THERE, NEEDED = "there", "needed"


@dataclass(frozen=True)
class Prices:
    """Whole numbers: what storing a value costs, and computing it again; None where it is not."""

    store: Callable[[Value], int]
    again: Callable[[Value], int | None]


def cut(values: Sequence[Value], wanted: Iterable[int], prices: Prices) -> set[int]:
    """The positions of the values that are computed again, at the least price for those wanted."""
    needed = set(wanted)
    near = sorted(_near(values, needed, prices))
    redone: set[int] = set()
    for start in reversed(range(0, len(near), WINDOW)):
        window = _Window(values, prices, set(near[start : start + WINDOW]), needed)
        redone |= window.solve()
    return redone


def _near(values: Sequence[Value], wanted: set[int], prices: Prices) -> set[int]:
    """The values wanted and all that they might be computed of."""
    found, stack = set(wanted), list(wanted)
    while stack:
        value = values[stack.pop()]
        fresh = set(value.reads) - found if prices.again(value) is not None else set()
        found |= fresh
        stack += fresh
    return found


@dataclass(eq=False)
class _Window:
    values: Sequence[Value]
    prices: Prices
    inside: set[int]
    needed: set[int]
    network: nx.DiGraph = field(default_factory=nx.DiGraph)

    def solve(self) -> set[int]:
        """What is computed again in this window; what it takes from before it becomes needed."""
        self.network.add_nodes_from((THERE, NEEDED))
        for at in self.inside:
            self._enter(at)
        _, (_, behind) = nx.minimum_cut(self.network, THERE, NEEDED, flow_func=preflow_push)
        cutoff = {node for node in behind if node is not NEEDED}
        self.needed |= {at for at, end in cutoff if end and at not in self.inside}
        return {at for at, end in cutoff if not end}

    def _enter(self, at: int) -> None:
        value = self.values[at]
        again = self.prices.again(value)
        start = THERE if again is None else (at, 0)
        self.network.add_edge(start, (at, 1), capacity=self.prices.store(value))
        if at in self.needed:
            self.network.add_edge((at, 1), NEEDED)
        if again is not None:
            self.network.add_edge(THERE, start, capacity=again)
            for arg in value.reads:
                self._read(arg, start)

    def _read(self, arg: int, reader: object) -> None:
        if arg in self.inside:
            self.network.add_edge((arg, 1), reader)
        elif arg not in self.needed:
            self.network.add_edge((arg, 1), reader)
            self.network.add_edge(THERE, (arg, 1), capacity=self.prices.store(self.values[arg]))


# Note [The network]
#
# Each value is two nodes, (v, 0) and (v, 1). The edge between them is cut where v is stored, and
# costs store(v). The edge from THERE to (v, 0) is cut where v is computed again, and costs
# again(v); a value that may not be has no (v, 0). An edge without capacity, from (u, 1) to (v, 0)
# where v reads u and from (v, 1) to NEEDED, is never cut: what is computed again has its arguments
# stored or computed again, and so has what is needed. It is the network of PyTorch's
# min_cut_rematerialization_partition, which has no price for computing again.

# Note [Windows]
#
# A flow through a graph of many thousand values takes more than linear time, so they are cut a
# window at a time, the last first. What a window reads from before it has the price of storing;
# where that is paid, the value is needed in its own window, which may still compute it again.
