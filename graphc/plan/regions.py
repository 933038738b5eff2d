"""A stage that runs graphs of its own goes in; for each graph a part of the plan comes out, whose
leaves lie where the stage's arguments and results lie.

scan    "step", once for each row: args carries, rows, what is held; results carries, stacked rows
branch  "then" and "otherwise", of which one runs: args condition, what each of the two reads
while   "going" says whether "step" runs once more: args carries, what each of the two reads

A carry with axes lives in the memory of its result; one without is handed to the step and comes
back. Rows of arguments and of results are told by a counter, as an affine size is: Note [Counters].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from graphc.grad import bare
from graphc.graph import CONST, INPUT, Graph, Node
from graphc.joint import Joint
from graphc.ops.elementwise.arith import copy
from graphc.ops.several import results_of
from graphc.ops.spell import Each, Fold, Gather, Place, Product, Region
from graphc.plan.access import resolve
from graphc.plan.memory import Slot, long_strides
from graphc.plan.settle import settle
from graphc.plan.sizes import Sizes
from graphc.types import Dim, named


@dataclass(frozen=True)
class Body:
    """A graph that a stage runs, settled: the arguments that its leaves stand for, by what they
    are, and its results.

    `carried`: leaves that have a new value after each turn, with the argument that they begin as
    and the number of the result that they end as. `rows`: leaves that are a row of an argument.
    `held`: leaves that are an argument. `stacked`: values that become a row of a result, or all of
    it.
    `told`: numbers that the caller gets back, the new values of carries without axes among them.
    """

    stage: Node
    role: str
    joint: Joint
    carried: tuple[tuple[Node, Node, int], ...] = ()
    rows: tuple[tuple[Node, Node], ...] = ()
    held: tuple[tuple[Node, Node], ...] = ()
    stacked: tuple[tuple[Node, int], ...] = ()
    told: tuple[Node, ...] = ()
    length: Dim = 1
    reverse: bool = False
    inner: Mapping[Node, tuple[Body, ...]] = field(default_factory=dict)
    depth: int = 1

    @property
    def counter(self) -> str:
        """The name of the size that tells the row of a turn: none that a user can give."""
        return f"turn {self.depth}"

    @property
    def is_counted(self) -> bool:
        """Whether rows are read or written, so that the turn has to be known."""
        return self.role == "step" and self.stage.op.spell.role == "scan"

    def at(self, node: Node, sizes: Sizes) -> Dim:
        """Where the row of this turn begins, in elements, for a value of the row's type."""
        if not self.is_counted:
            return 0
        return named(self.counter) * prod(sizes.capacity(d) for d in node.shape)


def bodies(graph: Graph, depth: int = 1) -> dict[Node, tuple[Body, ...]]:
    """The graphs that the stages of a graph run, settled, with those inside of them."""
    stages = [n for n in graph.nodes if isinstance(n.op.spell, Region)]
    return {n: tuple(_settled(b, depth) for b in ROLES[n.op.spell.role](n)) for n in stages}


def _settled(body: Body, depth: int) -> Body:
    return replace(body, depth=depth, inner=bodies(body.joint.graph, depth + 1))


def everywhere(found: Mapping[Node, tuple[Body, ...]]) -> Iterator[Body]:
    """All bodies, those inside of others too."""
    for inner in found.values():
        for body in inner:
            yield body
            yield from everywhere(body.inner)


def constants(graph: Graph, found: Mapping[Node, tuple[Body, ...]]) -> list[Node]:
    """Constants with axes, of a graph and of all that its stages run."""
    graphs = [graph, *(b.joint.graph for b in everywhere(found))]
    return [n for g in graphs for n in g.leaves(CONST) if n.value.size != 1]


def asserts(graph: Graph, found: Mapping[Node, tuple[Body, ...]]) -> list[Node]:
    """Every check of indices, of a graph and of all that its stages run."""
    graphs = [graph, *(b.joint.graph for b in everywhere(found))]
    return [n for g in graphs for n in g.nodes if n.op.name == "check"]


# What each role is made of


def _scan(stage: Node) -> Iterator[Body]:
    body, first, rows = (stage.attrs[k] for k in ("body", "carries", "rows"))
    begin, row, held = (
        stage.args[:first],
        stage.args[first : first + rows],
        stage.args[first + rows :],
    )
    length, reverse = stage.attrs["length"], stage.attrs["reverse"]
    yield _body(stage, "step", body, begin, row, held, length=length, reverse=reverse)


def _branch(stage: Node) -> Iterator[Body]:
    then, otherwise, first = (stage.attrs[k] for k in ("then", "otherwise", "split"))
    yield _body(stage, "then", then, (), (), stage.args[1 : 1 + first])
    yield _body(stage, "otherwise", otherwise, (), (), stage.args[1 + first :])


def _while(stage: Node) -> Iterator[Body]:
    going, step, carries, split = (stage.attrs[k] for k in ("going", "body", "carries", "split"))
    begin, first = stage.args[:carries], stage.args[carries : carries + split]
    yield _told(stage, "going", going, begin, first)
    yield _body(stage, "step", step, begin, (), stage.args[carries + split :])


ROLES: dict[str, Callable[[Node], Iterator[Body]]] = {
    "scan": _scan,
    "branch": _branch,
    "while": _while,
}


def _body(
    stage: Node, role: str, graph: Graph, begin: Sequence[Node], rows: Sequence[Node],
    held: Sequence[Node], length: Dim = 1, reverse: bool = False,
) -> Body:  # fmt: skip
    """A step or a branch: its results are the stage's."""
    inputs, outputs = graph.leaves(INPUT), tuple(map(bare, graph.outputs.values()))
    count = len(begin)
    news = dict(zip(inputs, outputs[:count], strict=False))
    told = [n for x, n in news.items() if not x.shape]
    long = {x: n for x, n in news.items() if x.shape}
    joint = settle(Joint(graph, (*told, *outputs[count:]), tuple(inputs), updates=long))
    joint = replace(joint, outputs=tuple(_apart(joint.outputs, len(told))))
    leaves, end = joint.wrt, count + len(rows)
    return Body(
        stage, role, joint,
        tuple((x, b, k) for k, (x, b) in enumerate(zip(leaves, begin, strict=False))),
        tuple(zip(leaves[count:end], rows, strict=True)),
        tuple(zip(leaves[end:], held, strict=True)),
        tuple((y, count + k) for k, y in enumerate(joint.outputs[len(told) :])),
        joint.outputs[: len(told)], length, reverse,
    )  # fmt: skip


def _told(
    stage: Node, role: str, graph: Graph, begin: Sequence[Node], held: Sequence[Node]
) -> Body:
    """A graph that looks at the carries, and whose only result is a number for the caller."""
    inputs, outputs = graph.leaves(INPUT), tuple(graph.outputs.values())
    joint = settle(Joint(graph, outputs, tuple(inputs)))
    carried = tuple((x, b, k) for k, (x, b) in enumerate(zip(joint.wrt, begin, strict=False)))
    pairs = tuple(zip(joint.wrt[len(begin) :], held, strict=True))
    return Body(stage, role, joint, carried, held=pairs, told=joint.outputs)


WHERE_IT_LIES = (Each, Fold, Gather, Place, Product)
"""What can be computed into a row of a result; the value of anything else is copied there."""


def _apart(outputs: Sequence[Node], told: int) -> Iterator[Node]:
    """The outputs, those behind the first `told` each a value of its own that fits a row."""
    seen = set(outputs[:told])
    for k, node in enumerate(outputs):
        fits = isinstance(node.op.spell, WHERE_IT_LIES) and node not in seen
        yield node if k < told or fits else node.graph.add(copy, (node,)).hinted("kept")
        seen.add(node)


# Where their leaves lie


def leaf_slots(body: Body, slots: Mapping[Node, Slot], sizes: Sizes) -> dict[Node, Slot]:
    """The places of a body's leaves and stacked values, among those of the stage's own graph."""
    results = results_of(body.stage) if len(body.stage.types) > 1 else {0: body.stage}
    found = {x: _whole(x, slots[results[k]], sizes) for x, _, k in body.carried}
    found |= {x: _row(x, slots[resolve(a).base], body, sizes) for x, a in body.rows}
    found |= {x: _held(x, a, slots, sizes) for x, a in body.held}
    return found | {y: _row(y, slots[results[k]], body, sizes) for y, k in body.stacked}


def _whole(node: Node, slot: Slot, sizes: Sizes) -> Slot:
    """The place of a value that is another one; a number is handed over."""
    return replace(slot, node=node, strides=_strides(node, sizes)) if node.shape else _number(node)


def _number(node: Node) -> Slot:
    return Slot(node, "arg")


def _held(leaf: Node, arg: Node, slots: Mapping[Node, Slot], sizes: Sizes) -> Slot:
    return _whole(leaf, slots[resolve(arg).base], sizes) if leaf.shape else _number(leaf)


def _row(node: Node, slot: Slot, body: Body, sizes: Sizes) -> Slot:
    at = slot.at + body.at(node, sizes)
    return replace(slot, node=node, strides=_strides(node, sizes), at=at)


def _strides(node: Node, sizes: Sizes) -> tuple[int, ...]:
    return long_strides([sizes.capacity(d) for d in node.shape], node.shape)


def counting(body: Body, sizes: Sizes) -> Sizes:
    """The sizes that a body knows: with the turn that it is in."""
    if not body.is_counted:
        return sizes
    bound = {**sizes.bound, body.counter: sizes.capacity(body.length)}
    return replace(sizes, bound=bound, running=sizes.running | {body.counter})


# Note [Counters]
#
# The row of a turn begins at t * (elements of a row), an affine size whose name no user can give.
# Who calls the step tells t, beginning at the last where the scan goes in reverse. So the step
# reads x[t] and writes y[t] as any kernel reads a batch whose size comes at run time, and no part
# of the planner but this one knows of turns.
