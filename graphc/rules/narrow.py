"""Stages that run graphs lose what nobody reads: results, the carries that only serve those, and
arguments that nothing is computed of any more.

The gradient of a loop has a result for every argument, whether that gradient is wanted or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphc.flow.bodies import copied
from graphc.graph import INPUT, Graph, Node
from graphc.joint import Joint
from graphc.ops.spell import Region, Result
from graphc.rules.replay import Walk, replay


@dataclass(frozen=True)
class Narrower:
    """A stage with less: which of its arguments and results stay, and its attributes."""

    args: tuple[int, ...]
    results: tuple[int, ...]
    attrs: Mapping[str, Any]


def narrow(joint: Joint) -> Joint:
    """The joint whose loops and choices compute what is read of them."""
    if not any(isinstance(n.op.spell, Region) for n in joint.graph.nodes):
        return joint
    return replay(joint, _Narrowing().visit)


class _Narrowing:
    def __init__(self) -> None:
        self.made: dict[Node, tuple[Node, tuple[int, ...]]] = {}

    def visit(self, walk: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
        """A narrower stage, where it has one result, or one of its results under its new number."""
        if isinstance(node.op.spell, Result) and node.args[0] in self.made:
            return self._result(walk, node)
        if not isinstance(node.op.spell, Region) or node.op.spell.role not in ROLES:
            return None
        read = _read(walk, node)
        found = ROLES[node.op.spell.role](node, read) if read else None
        if found is None:
            return None
        kept = [args[k] for k in found.args]
        attrs = {name: walk.inside(value) for name, value in {**node.attrs, **found.attrs}.items()}
        new = walk.graph.add(node.op, kept, attrs)
        if len(node.types) == 1:
            return new
        self.made[node] = new, found.results
        return None

    def _result(self, walk: Walk, node: Node) -> Node:
        new, results = self.made[node.args[0]]
        place = results.index(node.attrs["index"])
        return new if len(results) == 1 else walk.graph.add(node.op, (new,), {"index": place})


def _read(walk: Walk, node: Node) -> set[int]:
    """The results that somebody reads."""
    if len(node.types) == 1:
        return {0} if walk.readers[node] or node in walk.fences else set()
    return {r.attrs["index"] for r in walk.readers[node] if isinstance(r.op.spell, Result)}


def _scan(node: Node, read: set[int]) -> Narrower | None:
    """A loop without the results, carries and arguments that serve none of those that are read."""
    body, carries, rows = (node.attrs[k] for k in ("body", "carries", "rows"))
    inputs, outputs = body.leaves(INPUT), list(body.outputs.values())
    wanted, needed = _closed(body, read, carries)
    args = [k for k, x in enumerate(inputs) if (k in wanted if k < carries else x in needed)]
    if len(args) == len(inputs) and len(wanted) == len(outputs):
        return None
    results = tuple(sorted(wanted))
    attrs = dict(
        body=_part(body, args, results),
        carries=sum(k < carries for k in args),
        rows=sum(carries <= k < carries + rows for k in args),
    )
    return Narrower(tuple(args), results, attrs)


def _closed(body: Graph, read: Iterable[int], carries: int) -> tuple[set[int], set[Node]]:
    """The results that are read or that those are computed of, a step later; and the stages of
    the body that compute them.
    """
    inputs, outputs = body.leaves(INPUT), list(body.outputs.values())
    wanted = set(read)
    while True:
        needed = set(body.order(*(outputs[k] for k in wanted)))
        more = {k for k in range(carries) if inputs[k] in needed} - wanted
        if not more:
            return wanted, needed
        wanted |= more


def _part(body: Graph, args: Iterable[int], results: Iterable[int]) -> Graph:
    """A body with some of its inputs and outputs."""
    inputs, outputs = body.leaves(INPUT), list(body.outputs.items())
    part = Graph(body.title, dtype=body.dtype)
    to: dict[Node, Node] = {}
    copied([inputs[k] for k in args], part, to)
    copied([outputs[k][1] for k in results], part, to)
    part.outputs = {outputs[k][0]: to[outputs[k][1]] for k in results}
    return part


def _branch(node: Node, read: set[int]) -> Narrower | None:
    """A choice without the results that nobody reads, and what only they are computed of."""
    then, otherwise, split = (node.attrs[k] for k in ("then", "otherwise", "split"))
    results = tuple(sorted(read))
    first, second = (_used(graph, results) for graph in (then, otherwise))
    if len(results) == len(then.outputs) and 1 + len(first) + len(second) == len(node.args):
        return None
    args = (0, *(1 + k for k in first), *(1 + split + k for k in second))
    attrs = dict(
        then=_part(then, first, results), otherwise=_part(otherwise, second, results),
        split=len(first),
    )  # fmt: skip
    return Narrower(args, results, attrs)


def _used(graph: Graph, results: Iterable[int]) -> list[int]:
    """The inputs that some outputs are computed of."""
    outputs = list(graph.outputs.values())
    needed = set(graph.order(*(outputs[k] for k in results)))
    return [k for k, x in enumerate(graph.leaves(INPUT)) if x in needed]


ROLES: dict[str, Callable[[Node, set[int]], Narrower | None]] = {"scan": _scan, "branch": _branch}
