"""A table goes in, a visit for a replay comes out: it tries the rows on each stage it builds.

Each stage is retried at most FUEL times, so a pass is linear. What fired is recorded, row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphc.errors import ShapeError
from graphc.graph import Node, Op
from graphc.joint import Fired
from graphc.rules.replay import Visit, Walk
from graphc.rules.rule import Match, Rule, Table, build, matches

FUEL = 8
"""How often the result of a row is tried again."""


def rewriting(table: Table, during: str, fired: list[Fired]) -> Visit:
    """The visit that applies a table; appends to `fired` what it did."""

    def visit(walk: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
        if node.op.name not in table.by_root or node in walk.kept or len(node.types) != 1:
            return None
        return _Rewriting(walk, node, table, during, fired).settled(walk.copy(node, args), FUEL)

    return visit


class _Rewriting:
    """The rewriting of one old stage: what it has swallowed so far."""

    def __init__(
        self, walk: Walk, node: Node, table: Table, during: str, fired: list[Fired]
    ) -> None:
        self.walk, self.node, self.table, self.during, self.fired = walk, node, table, during, fired
        self.swallowed = {node}

    def settled(self, stage: Node, fuel: int) -> Node:
        """The stage that the rows make of this one."""
        for row in self.table.rows(stage) if fuel else ():
            new = self._applied(row, stage, fuel)
            if new is not None:
                return new if new in self.walk.origins else self.settled(new, fuel - 1)
        return stage

    def _applied(self, row: Rule, stage: Node, fuel: int) -> Node | None:
        for match in matches(row, stage):
            if self.table.alone and not self._is_alone(match):
                continue
            new = self._right(row, match, fuel - 1)
            if new is not None and new.types == stage.types:
                self.fired.append(Fired(self.during, row.name, self.node.label))
                return new
        return None

    def _right(self, row: Rule, match: Match, fuel: int) -> Node | None:
        """The right side; None where it has no type here, for a size that is not affine."""
        try:
            return build(
                row, match.found, lambda op, args, attrs: self._made(op, args, attrs, fuel)
            )
        except ShapeError:
            return None

    def _made(self, op: Op, args: tuple[Node, ...], attrs: Mapping[str, Any], fuel: int) -> Node:
        return self.settled(self.walk.graph.add(op, args, attrs), fuel)

    def _is_alone(self, match: Match) -> bool:
        """Whether no stage outside of the match reads what it swallows, and nobody asked for it."""
        walk, inner = self.walk, match.stages[1:]
        swallowed = self.swallowed.union(*(walk.origins.get(stage, ()) for stage in inner))
        if not all(self._is_read_by(stage, swallowed, match.stages) for stage in inner):
            return False
        self.swallowed = swallowed
        return True

    def _is_read_by(self, stage: Node, swallowed: set[Node], stages: tuple[Node, ...]) -> bool:
        """Whether only those read this stage: old ones where it stands for any, else new ones."""
        old = self.walk.origins.get(stage, ())
        if not old:
            return all(reader in stages for reader in self.walk.graph.readers(stage))
        readers = (reader for node in old for reader in self.walk.readers[node])
        return not self.walk.fences.intersection(old) and all(
            reader in swallowed for reader in readers
        )
