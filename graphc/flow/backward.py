"""The gradient of a scan: the backward sweep of its step as the step of another scan, which runs in
the other direction. Notes: [Tape], [Wider].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from graphc.flow.bodies import Body, called, copied, pulled_back
from graphc.flow.tangents import unused_key
from graphc.graph import INPUT, Graph, Node, Op
from graphc.ops.elementwise.arith import add, zeros_like
from graphc.ops.several import taken_apart
from graphc.ops.shaping.layout import broadcast_to
from graphc.ops.spell import Reshape, View
from graphc.types import Dim


class Backward:
    """The gradient of one scan, whose results have the gradients `gs` (None: nothing depends on
    one).
    """

    def __init__(
        self, op: Op, gs: Sequence[Node | None], args: tuple[Node, ...], *, body: Graph,
        carries: int, rows: int, length: Dim, reverse: bool, key: int, again: bool = False,
    ) -> None:  # fmt: skip
        self.op, self.gs, self.args, self.body = op, gs, args, body
        self.carries, self.length, self.key, self.again = carries, length, key, again
        self.reverse = reverse
        self.inputs, self.outputs = body.leaves(INPUT), list(body.outputs.values())
        self.rows = self.inputs[carries : carries + rows]
        self.held = self.inputs[carries + rows :]
        self.draft = Graph(body.title, dtype=body.dtype)
        self.to: dict[Node, Node] = {}
        self.seeds = self._seeds()
        self.slopes = self._slopes()

    def terms(self) -> list[Node | None]:
        """One gradient for each argument, None for those that have none."""
        self.tape = self._tape()
        self.summed = [n for n in self.held if self.slopes[n] is not None]
        self.stacked = [n for n in self.rows if self.slopes[n] is not None]
        found = self._run(self._step())
        ends = [self.inputs[k] for k in self._carried()]
        terms = dict(zip([*ends, *self.summed, *self.stacked], found, strict=True))
        return [terms.get(n) for n in self.inputs]

    # The step's own backward sweep

    def _seeds(self) -> dict[int, Node]:
        """For each output that a gradient comes from, the leaf of the draft that stands for it."""
        floats = [k for k, n in enumerate(self.outputs) if n.type.is_float]
        wanted = [k for k in floats if k < self.carries or self.gs[k] is not None]
        return {k: self.draft.add(INPUT, (), {"type": self.outputs[k].type}) for k in wanted}

    def _slopes(self) -> dict[Node, Any]:
        """The gradient of each input in the draft, None where there is none."""
        copied([*self.inputs, *self.outputs], self.draft, self.to)
        several = [n for n in self.to.values() if len(n.types) > 1]
        self.forward = {*self.to.values(), *(r for n in several for r in taken_apart(n))}
        wrt = [n for n in self.inputs if n.type.is_float]
        ends = [self.outputs[k] for k in self.seeds]
        found = pulled_back(ends, wrt, list(self.seeds.values()), self.to, self.draft)
        return dict.fromkeys(self.inputs) | dict(zip(wrt, found, strict=True))

    def _carried(self) -> list[int]:
        """The carries that have gradients."""
        return [k for k in self.seeds if k < self.carries]

    def _wanted(self) -> list[Node]:
        return [g for g in self.slopes.values() if g is not None]

    def _tape(self) -> list[Node]:
        """The draft's forward values that the backward sweep reads from a tape: Note [Tape]."""
        later = self.draft.order(*self._wanted())
        stack = [a for n in later if n.backward_of is not None for a in n.args]
        stack += [g for g in self._wanted() if g.backward_of is None]
        found, seen = set(), set()
        there = {self.to[n] for n in self.inputs[self.carries :]}
        while stack:
            node = stack.pop()
            if node in seen or node not in self.forward or node in there or node.op.name == "const":
                continue
            seen.add(node)
            if _is_cheap(node) or (self.again and node.op is not INPUT):
                stack += node.args
            else:
                found.add(node)
        return sorted(found, key=lambda n: n.index)

    # The step of the other scan

    def _step(self) -> Graph:
        """The backward sweep over leaves in the order in which the other scan has them."""
        step = Graph(f"d_{self.body.title}", dtype=self.body.dtype)
        known: dict[Node, Node] = {}
        sums = self._leaves(step, known)
        step.sharing = True
        copied(self._wanted(), step, known, names=False)
        ends = [self._end(step, known, self.inputs[k]) for k in self._carried()]
        pairs = zip(sums, self.summed, strict=True)
        ends += [add(s, known[self.slopes[n]]) for s, n in pairs]
        step.sharing = False
        stacked = [known[self.slopes[n]] for n in self.stacked]
        step.outputs = {f"carry{k}": n for k, n in enumerate(ends)}
        step.outputs |= {f"y{k}": n for k, n in enumerate(stacked)}
        return step

    def _leaves(self, step: Graph, known: dict[Node, Node]) -> list[Node]:
        """The step's inputs; those in which the gradients of what is held are summed."""
        place = Body(step, step.title, step)
        for k in self._carried():
            known[self.seeds[k]] = _gradient_leaf(place, self.inputs[k], "carry")
        sums = [_gradient_leaf(place, n, "held") for n in self.summed]
        for k in self._given():
            known[self.seeds[k]] = _gradient_leaf(place, self.outputs[k], "y")
        for node in self.tape:
            known[node] = place.input(called(node, node.op.name), node.type)
        for n in (*self.rows, *self.held):
            known[self.to[n]] = place.input(called(n, "x"), n.type)
        return sums

    def _given(self) -> list[int]:
        """The stacked results that have gradients."""
        return [k for k in self.seeds if k >= self.carries]

    def _end(self, step: Graph, known: dict[Node, Node], carry: Node) -> Node:
        found = self.slopes[carry]
        if found is not None:
            return known[found]
        zero = step.constant(0, carry.dtype)
        return broadcast_to(zero, carry.shape) if carry.shape else zero

    # The two scans in the user's graph

    def _run(self, step: Graph) -> tuple[Node, ...]:
        """The results of the other scan, over the tape of a wider forward one."""
        graph = self.args[0].graph
        attrs = dict(
            body=step, carries=len(self._carried()) + len(self.summed), length=self.length,
            rows=len(self._given()) + len(self.tape) + len(self.rows),
            reverse=not self.reverse, key=unused_key(graph), again=self.again,
        )  # fmt: skip
        found = self.op(*self._arguments(), **attrs)
        return found if isinstance(found, tuple) else (found,)

    def _arguments(self) -> Iterator[Any]:
        for k in self._carried():
            yield zeros_like(self.args[k]) if self.gs[k] is None else self.gs[k]
        for n in self.summed:
            yield zeros_like(self.args[self.inputs.index(n)])
        for k in self._given():
            yield self.gs[k]
        yield from self._taped()
        yield from self.args[self.carries :]

    def _taped(self) -> tuple[Node, ...]:
        """The tape, among the results of a wider forward scan: Note [Wider]."""
        if not self.tape:
            return ()
        wide = Graph(self.body.title, dtype=self.body.dtype)
        known: dict[Node, Node] = {}
        copied([*self.inputs, *self.outputs], wide, known)
        wide.outputs = {name: known[n] for name, n in self.body.outputs.items()}
        own = {new: known[old] for old, new in self.to.items()}
        for n in self.tape:
            if n not in own:  # one of several results, which the body itself does not read
                own[n] = taken_apart(own[n.args[0]])[n.attrs["index"]]
        rows = {known[n]: k for k, n in enumerate(self.outputs) if k >= self.carries}
        for node in (own[n] for n in self.tape):
            if node not in rows:  # no result of the scan itself
                rows[node] = len(wide.outputs)
                wide.outputs[f"tape{rows[node]}"] = node
        attrs = dict(
            body=wide, carries=self.carries, rows=len(self.rows), length=self.length,
            reverse=self.reverse, key=self.key, again=self.again,
        )  # fmt: skip
        results = taken_apart(self.args[0].graph.add(self.op, self.args, attrs))
        pairs = ((results[rows[own[n]]], n) for n in self.tape)
        return tuple(r.hinted(f"kept_{called(n, n.op.name)}") for r, n in pairs)


def _gradient_leaf(step: Body, node: Node, otherwise: str) -> Node:
    return step.input(f"d_{called(node, otherwise)}", node.type)


def _is_cheap(node: Node) -> bool:
    """Whether a value is another look at a value, or is made of nothing."""
    return (isinstance(node.op.spell, (View, Reshape)) or not node.args) and node.op is not INPUT


# Note [Tape]
#
# The backward step reads values of the forward step. Constants, the rows of xs and what is read of
# the graph around are there at any time; a transposition or a count is made again; everything else
# is one more result of the forward scan, stacked step by step: the tape. Sums over steps, the
# gradients of what every step reads, are carries of the backward scan: they have no tape.

# Note [Wider]
#
# The scan that the user wrote stays as it is. Its gradient reads a second one, of the same key and
# on the same arguments, with the tape behind its results. Before anything is planned the pass
# `share` lets everybody read the wider one (graphc.rules.passes), so that the steps run once.
