"""A run of equal steps goes in, a loop in another graph comes out: its body, what it begins with,
and the values of its steps that others read.

Steps that leave nothing to one another are computed all at once, over one axis more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphc.errors import GraphcError
from graphc.flow.bodies import Body
from graphc.flow.tangents import unused_key
from graphc.graph import OPS, Graph, Node
from graphc.ops.several import taken_apart
from graphc.ops.shaping.pieces import slice_
from graphc.rules.roll.demands import Demands
from graphc.rules.roll.reading import NUMBER, PART, Operand
from graphc.rules.roll.rows import row, sliding, some
from graphc.rules.roll.runs import MOVES, ROWS, STAYS, Run
from graphc.transforms.batching import batched
from graphc.types import Type

OWN, ROW, HELD, NUMERAL = "own", "row", "held", "numeral"


class Source(NamedTuple):
    """Where a slot reads: the run itself, a row of `node`, all of `node`, or a constant."""

    kind: str
    node: Node | None = None


class Loop:
    """A loop that is being built in `graph`, where `to` has what became of stages of the old one,
    and `stacked` the values of all steps of earlier runs.
    """

    def __init__(
        self, demands: Demands, run: Run, graph: Graph, to: Mapping[Node, Node],
        stacked: Mapping[tuple[int, int], Node],
    ) -> None:  # fmt: skip
        self.demands, self.run, self.graph = demands, run, graph
        self.to, self.stacked = to, stacked
        self.words: dict[Node, str] = {}
        self._slides: dict[Any, Node] = {}
        stages = range(run.period)
        self.kept = [q for q in stages if demands.is_kept(run, q)]
        self.sources = [[self._source(q, k) for k in range(len(run.slots[q]))] for q in stages]
        self.fixed: dict[int, Node] = {}
        self._fix()
        self.rows, self.held = self._all(ROW), self._all(HELD)

    def _all(self, kind: str) -> list[Node]:
        """Each of the arrays once that slots read in one way."""
        every = (s.node for sources in self.sources for s in sources if s.kind == kind)
        return [n for n in dict.fromkeys(every) if n is not None]

    def node(self, step: int, stage: int) -> Node:
        """A stage of the old graph."""
        return self.demands.row.stages[self.run.start + step * self.run.period + stage]

    def last(self, stage: int) -> Node:
        """A stage of the last step."""
        return self.node(self.run.count - 1, stage)

    def operand(self, step: int, stage: int, slot: int) -> Operand:
        """What a stage reads."""
        place = self.run.start + step * self.run.period + stage
        return self.demands.row.operands[place][slot]

    # What the steps read

    def _source(self, stage: int, k: int) -> Source:
        link, first = self.run.slots[stage][k].link, self.operand(0, stage, k)
        if link is None and first.kind == NUMBER:
            return self._number(stage, k)
        if link is None or (link.base == STAYS and not link.slides):
            return self._hold(first.node)
        if link.base == MOVES:
            return Source(OWN)
        if link.base == STAYS:
            return self._slide(first, link.ahead)
        begin, _ = self.demands.runs[link.of[0]].find(first.at)
        return Source(ROW, some(self.stacked[link.of], begin, link.by, self.run.count))

    def _hold(self, node: Node) -> Source:
        self.words[self.to[node]] = stem(node)
        return Source(HELD, self.to[node])

    def _number(self, stage: int, k: int) -> Source:
        """A constant; those that differ from step to step are rows."""
        nodes = [self.operand(j, stage, k).node for j in range(self.run.count)]
        if all(n is nodes[0] for n in nodes):
            return Source(NUMERAL, nodes[0])
        return Source(ROW, self.graph.constant(np.stack([n.value for n in nodes])))

    def _slide(self, first: Operand, ahead: tuple[int, ...]) -> Source:
        base, attrs = self.to[first.base], first.node.attrs
        key = base, attrs["starts"], attrs["stops"], attrs["steps"], ahead
        if key not in self._slides:
            rows = sliding(base, first.node, ahead, self.run.count)
            self._slides[key], self.words[rows] = rows, stem(first.base)
        return Source(ROW, self._slides[key])

    def _fix(self) -> None:
        """Compute before the loop what is the same in every step."""
        carried = {q for q, _ in self.run.carries}
        for stage, sources in enumerate(self.sources):
            sources[:] = [self._fixed(stage, k, s) for k, s in enumerate(sources)]
            moves = not sources or any(s.kind not in (HELD, NUMERAL) for s in sources)
            node = self.last(stage)
            if not (moves or node.op.effect or stage in carried or stage in self.kept):
                args = [self._whole(s) for s in sources]
                self.fixed[stage] = self.graph.add(node.op, args, node.attrs)

    def _fixed(self, stage: int, k: int, source: Source) -> Source:
        """The source of a slot that reads what is computed before the loop."""
        slot, operand = self.run.slots[stage][k], self.operand(0, stage, k)
        if source.kind != OWN or slot.back or slot.stage not in self.fixed:
            return source
        whole = self.fixed[slot.stage]
        if operand.kind == PART:
            whole = self.graph.add(slice_, (whole,), operand.node.attrs)
        return Source(HELD, whole)

    def _whole(self, source: Source) -> Node:
        assert source.node is not None
        if source.kind == HELD:
            return source.node
        return self.graph.constant(source.node.value, source.node.dtype)

    # The loop

    def build(self) -> list[Node]:
        """The results: what is carried, then the values of `kept` stages in all steps."""
        body = Body(self.graph, self._title())
        body.graph.below = None
        step = _Step(self, body)
        made = step.run()
        carried = [step.before[q, k - 1] if k > 1 else made[q] for q, k in self.run.carries]
        body.finish(
            {f"carry{k}": n for k, n in enumerate(carried)}
            | {f"y{k}": made[q] for k, q in enumerate(self.kept)}
        )
        if not self.run.carries and self.rows:
            try:
                return self._at_once(body.graph, step)
            except GraphcError:
                pass  # an operation without a rule for an axis more: it is run step by step
        return self._scanned(body.graph)

    def word(self, stage: int) -> str:
        """What the value of a stage is called, or what it begins as."""
        begin = self.run.begins.get((stage, -1))
        return stem(self.last(stage)) or (stem(begin) if begin is not None else "")

    def _title(self) -> str:
        return next(filter(None, (self.word(q) for q, _ in self.run.carries)), "run")

    def _at_once(self, body: Graph, step: _Step) -> list[Node]:
        """The results of all steps, each with an axis for the steps in front."""
        over = {step.rows[n]: n for n in self.rows}
        known = {step.held[n]: n for n in self.held}
        return batched(list(body.outputs.values()), self.graph, over, known, own=False)

    def _scanned(self, body: Graph) -> list[Node]:
        begins = [self.to[self.run.begins[q, -k]] for q, k in self.run.carries]
        attrs = dict(
            body=body, carries=len(begins), rows=len(self.rows), length=self.run.count,
            reverse=False, key=unused_key(self.graph),
        )  # fmt: skip
        node = self.graph.add(OPS["scan"], (*begins, *self.rows, *self.held), attrs)
        return list(taken_apart(node)) if len(node.types) > 1 else [node]


class _Step:
    """The graph of one step: what stands in it for what is carried (`before`), for rows and for
    what is held.
    """

    def __init__(self, loop: Loop, body: Body) -> None:
        self.loop, self.graph = loop, body.graph
        self.before = {
            (q, k): body.input(loop.word(q) or "carry", loop.last(q).type)
            for q, k in loop.run.carries
        }
        self.rows = {n: body.input(loop.words.get(n) or "row", _row_type(n)) for n in loop.rows}
        self.held = {n: body.input(loop.words.get(n) or "held", n.type) for n in loop.held}
        self.made: dict[int, Node] = {}
        self.parts: dict[Any, Node] = {}

    def run(self) -> dict[int, Node]:
        """The stages of a step, one after the other, by their number."""
        for stage in range(self.loop.run.period):
            node = self.loop.last(stage)
            if stage in self.loop.fixed:
                continue
            with self.graph.told(node.where, None):
                args = [self._read(stage, k) for k in range(len(node.args))]
                self.made[stage] = self.graph.add(node.op, args, node.attrs)
            if word := stem(node):
                self.made[stage].hinted(word)
        return self.made

    def _read(self, stage: int, k: int) -> Node:
        source = self.loop.sources[stage][k]
        slot = self.loop.run.slots[stage][k]
        if source.kind == OWN:
            own = self.before[slot.stage, slot.back] if slot.back else self.made[slot.stage]
            return self._part(own, stage, k)
        assert source.node is not None
        if source.kind == HELD:
            return self.held[source.node]
        if source.kind == NUMERAL:
            return self.graph.constant(source.node.value, source.node.dtype)
        given = self.rows[source.node]
        alone = slot.link is not None and slot.link.base == ROWS
        return self._part(given, stage, k) if alone else given

    def _part(self, base: Node, stage: int, k: int) -> Node:
        """The value, or the slice of it that is read."""
        operand = self.loop.operand(self.loop.run.count - 1, stage, k)
        if operand.kind != PART:
            return base
        attrs = operand.node.attrs
        key = base, attrs["starts"], attrs["stops"], attrs["steps"]
        if key not in self.parts:
            self.parts[key] = self.graph.add(slice_, (base,), attrs)
        return self.parts[key]


def _row_type(rows: Node) -> Type:
    return Type(rows.dtype, rows.shape[1:])


def stem(node: Node) -> str:
    """The name of a stage without the number of its step: "h" of "layer.h_12"; nothing for one
    without a name.
    """
    return re.sub(r"[\W_]*\d+$", "", (node.name or "").rpartition(".")[2])


def value_of(loop: Loop, results: Sequence[Node], step: int, stage: int) -> Node:
    """The value of a stage of one step, among the results of a loop."""
    ago = loop.run.count - step
    if (stage, ago) in loop.run.carries:
        return results[loop.run.carries.index((stage, ago))]
    return row(results[len(loop.run.carries) + loop.kept.index(stage)], step)
