"""A joint with long runs of equal steps goes in, as a loop in Python writes them; one in which each
run is a loop comes out.

What a step leaves to the next is carried, what slides along an array is a row of it, what nobody
changes is held. Runs are found by `graphc.rules.periods`, loops made by `graphc.rules.steps`.
Outputs, wrt, states, draws and prints are no part of a loop; names within one are on record.
"""

from __future__ import annotations

from dataclasses import replace

from graphc.graph import Node
from graphc.joint import Fired, Joint
from graphc.ops.shaping.layout import expand_dims
from graphc.ops.shaping.pieces import concat
from graphc.rules.replay import Walk, tidied
from graphc.rules.roll.demands import Demands, Piece
from graphc.rules.roll.reading import Row
from graphc.rules.roll.rows import beside, some
from graphc.rules.roll.runs import Run
from graphc.rules.roll.search import runs
from graphc.rules.roll.steps import Loop, value_of

LEAST = 64
"""Graphs of fewer stages have no run that pays."""


def roll(joint: Joint) -> Joint:
    """The joint with a loop in the place of every run of equal steps that pays."""
    if len(joint.graph) < LEAST or not _is_reached(joint):
        return joint
    row = Row(joint.graph, (*joint.wrt, *joint.gradients, *joint.updates))
    demands = _demands(joint, row, runs(row))
    if not demands.runs:
        return joint
    walk = _Rolling(joint, demands)
    walk.run()
    fired = tuple(_fired(row, r) for r in demands.runs.values())
    return replace(tidied(walk).joint(), fired=joint.fired + fired)


def _is_reached(joint: Joint) -> bool:
    """Whether gradients flow into all of wrt: if not, that is to be said of what the user wrote."""
    found = set(joint.outputs[:1])
    stack = list(found)
    while stack and joint.wrt:
        node = stack.pop()
        args = node.args if node.op.vjp is not None else ()
        fresh = [a for a in args if a not in found and any(t.is_float for t in a.types)]
        found.update(fresh)
        stack += fresh
    return found.issuperset(joint.wrt)


def _fired(row: Row, run: Run) -> Fired:
    last = row.stages[run.end - 1].label
    return Fired("roll", "equal-steps", f"{run.count} steps of {run.period} stages, to {last}")


def _demands(joint: Joint, row: Row, found: list[Run]) -> Demands:
    """What is asked of those runs that become loops."""
    while True:
        demands = Demands(joint, row, found)
        left = {r.number for r in found if demands.is_left(r)}
        if not left:
            return demands
        found = [r for r in found if r.number not in left and not left & r.earlier]


class _Rolling(Walk):
    """A walk that builds a loop for each run, where the last stage of the run stood."""

    def __init__(self, joint: Joint, demands: Demands) -> None:
        every = sorted((*demands.wanted, *demands.members()), key=lambda n: n.index)
        super().__init__(joint, every, self._joined, share=False)
        self.demands = demands
        self.stacked: dict[tuple[int, int], Node] = {}

    def run(self) -> None:
        """Build what is wanted; what reads an unfinished run waits for its end."""
        waiting: list[Node] = []
        unfinished: set[Node] = set()
        for node in self.order:
            member = self.demands.member(node)
            if member is not None:
                unfinished.add(node)
                if member[1:] == (member[0].count - 1, member[0].period - 1):
                    self._roll(member[0])
                    list(map(self.step, waiting))
                    waiting, unfinished = [], set()
            elif unfinished and not unfinished.isdisjoint(node.args):
                unfinished.add(node)
                waiting.append(node)
            else:
                self.step(node)

    def _roll(self, run: Run) -> None:
        last = self.demands.row.stages[run.end - 1]
        backward_of = self.to.get(last.backward_of) if last.backward_of is not None else None
        with self.graph.told(last.where, backward_of):
            loop = Loop(self.demands, run, self.graph, self.to, self.stacked)
            results = loop.build()
            first = len(run.carries)
            self.stacked |= {(run.number, q): results[first + k] for k, q in enumerate(loop.kept)}
            for step in range(run.count):
                for stage in range(run.period):
                    self._settle(loop, results, step, stage)

    def _settle(self, loop: Loop, results: list[Node], step: int, stage: int) -> None:
        """Say what became of one stage of a run."""
        node = loop.node(step, stage)
        if step in self.demands.steps.get((loop.run.number, stage), ()):
            self.to[node] = value_of(loop, results, step, stage)
            self.origins.setdefault(self.to[node], []).append(node)
        else:
            self.swallow(node, results[0])

    def _joined(self, walk: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
        """A stage that lays rows of a loop side by side."""
        found = self.demands.pieces(node)
        if all(isinstance(p, Node) for p in found):
            return None
        is_new, axis = node.op.name == "stack", node.attrs["axis"]
        pieces = [self._piece(p, axis, is_new) for p in found]
        return concat(pieces, axis) if len(pieces) > 1 else pieces[0]

    def _piece(self, piece: Piece, axis: int, is_new: bool) -> Node:
        if isinstance(piece, Node):
            return expand_dims(self.to[piece], axis) if is_new else self.to[piece]
        rows = self.stacked[piece.run, piece.stage]
        return beside(some(rows, piece.first, piece.by, piece.many), axis, is_new)
