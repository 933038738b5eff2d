"""What passes hand to one another: a graph, and what is wanted of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from graphc.graph import Graph, Node


class Fired(NamedTuple):
    """A rewrite that happened: the pass, the row's name, the stage it replaced, as the user knows
    it.
    """

    during: str
    rule: str
    stage: str

    def __str__(self) -> str:
        return f"{self.during:<12} {self.rule:<24} {self.stage}"


@dataclass(frozen=True)
class Joint:
    """A graph with its outputs, the gradients asked for (wrt -> gradient) and the new values of
    state.

    `updates` all read the old state. Outputs, wrt, states and effects are fences: no pass merges or
    drops them.
    """

    graph: Graph
    outputs: tuple[Node, ...]
    wrt: tuple[Node, ...] = ()
    gradients: Mapping[Node, Node] = field(default_factory=dict)
    updates: Mapping[Node, Node] = field(default_factory=dict)
    fired: tuple[Fired, ...] = ()

    @property
    def roots(self) -> tuple[Node, ...]:
        """All that has to be computed: outputs, gradients, new values, and the leaves that are
        named with them.
        """
        leaves = (*self.wrt, *self.gradients, *self.updates)
        return tuple(
            dict.fromkeys(
                (*self.outputs, *self.gradients.values(), *self.updates.values(), *leaves)
            )
        )

    def moved(self, graph: Graph, to: Mapping[Node, Node], fired: tuple[Fired, ...] = ()) -> Joint:
        """The same wishes of another graph, whose nodes `to` gives for the old ones."""
        return replace(
            self,
            graph=graph,
            outputs=tuple(to[n] for n in self.outputs),
            wrt=tuple(to[n] for n in self.wrt),
            gradients={to[w]: to[g] for w, g in self.gradients.items()},
            updates={to[s]: to[v] for s, v in self.updates.items()},
            fired=self.fired + fired,
        )
