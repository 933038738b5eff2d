"""Graph to tasks: what is computed by a line or a loop of its own, over which domain, reading what.

A node that nobody named, that has one reader at its own place and costs one expression, is written
inside its reader.
Views are no tasks: they live on in the accesses of who reads them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from graphc.graph import CONST, Node
from graphc.joint import Joint
from graphc.ops.several import operands, results_of
from graphc.ops.spell import (
    Along,
    Check,
    Each,
    Extent,
    Fold,
    Gather,
    Overlap,
    Place,
    Product,
    Region,
    Result,
    Routine,
    Scatter,
    View,
)
from graphc.plan.absorb import Absorbed, absorbed, summed
from graphc.plan.access import Access, identity, is_view, resolve
from graphc.plan.settle import SCRATCH
from graphc.types import Dim

SMALL_PRODUCT = 4096
"""Products with fewer multiplications than this are loops in line: a call of BLAS would cost more.
"""

INLINE_DEPTH = 4
"""How many operations deep an expression may grow before it is cut into lines."""


@dataclass(eq=False)
class Task:
    """A node to compute over a domain of loops, or the store of a state's new value (`state` set).

    `opaque` tasks bring their own loops; nothing joins them. `more`: what else it computes, the
    other results of its stage and the working memory that it wants.
    """

    node: Node
    domain: tuple[Dim, ...]
    reads: tuple[Access, ...]
    reduced: frozenset[int] = frozenset()
    opaque: bool = False
    state: Node | None = None
    more: tuple[Node, ...] = ()
    absorbs: Absorbed | None = None
    after: list[Task] = field(default_factory=list)

    @cached_property
    def loops(self) -> tuple[int, ...]:
        """The axes of the domain that need a loop: those whose size is not 1."""
        return tuple(i for i, d in enumerate(self.domain) if d != 1)

    @cached_property
    def extents(self) -> tuple[Dim, ...]:
        """The sizes of those loops."""
        return tuple(self.domain[i] for i in self.loops)

    @cached_property
    def folded(self) -> tuple[int, ...]:
        """The positions in `loops` that are reduced."""
        return tuple(p for p, axis in enumerate(self.loops) if axis in self.reduced)

    @property
    def values(self) -> tuple[Node, ...]:
        """All that it computes."""
        return (self.node, *self.more)

    @property
    def stage(self) -> Node:
        """The stage that it computes: of one of several results, the one that they come from."""
        return self.node.args[0] if isinstance(self.node.op.spell, Result) else self.node

    @property
    def in_register(self) -> bool:
        """Whether a reduction's accumulator is one scalar at a time: the reduced loops are the
        innermost.
        """
        return self.folded == tuple(range(len(self.loops) - len(self.folded), len(self.loops)))

    @property
    def complete(self) -> int:
        """How many of its loops enclose the finished value."""
        return self.folded[0] if self.folded else len(self.loops)


@dataclass(frozen=True)
class Tasks:
    """The tasks in order, and the nodes that are written inside their reader."""

    order: tuple[Task, ...]
    inlined: frozenset[Node]
    of: Mapping[Node, Task]


def tasks(
    joint: Joint,
    targets: Iterable[Node],
    given: Iterable[Node] = (),
    updates: bool = True,
    absorb: bool = True,
) -> Tasks:
    """The tasks that compute `targets` when the values of `given` are known, then the stores of
    the updates.
    """
    given, targets = set(given), list(targets)
    nodes = _needed(joint, targets, given)
    kept = given | {resolve(t).base for t in targets} | set(joint.updates.values())
    sums = summed(nodes, _readers(nodes), kept, _is_large) if absorb else {}
    inlined = _inlined(nodes, kept | sums.keys())
    inside = {a.product for a in sums.values()}
    made = {
        n: _onto(n, sums[n]) if n in sums else _task(n, inlined)
        for n in nodes
        if n not in inlined and n not in inside and chief(n) is n
    }
    wanted = {resolve(o).base for o in joint.outputs}
    stores = _stores(joint, made, inlined | inside, wanted, absorb) if updates else []
    order = [*made.values(), *stores]
    of = made | {n: task for task in made.values() for n in task.more}
    return Tasks(tuple(order), frozenset(inlined), of)


def _needed(joint: Joint, targets: Iterable[Node], given: set[Node]) -> list[Node]:
    """The nodes to compute, in order: no leaves, no views, nothing that is given."""
    found: set[Node] = set()
    stack = [resolve(t).base for t in targets] + [
        n for n in joint.graph.nodes if n.op.effect == "assert"
    ]
    while stack:
        node = stack.pop()
        if node not in found and not node.is_leaf and node not in given:
            found |= {node, chief(node)}
            stack += _bases(node)
    return sorted(found, key=lambda n: n.index)


def chief(node: Node) -> Node:
    """The stage whose task computes a node: for one of several results, the oldest of them."""
    several = isinstance(node.op.spell, Result)
    return min(results_of(node.args[0]).values(), key=lambda n: n.index) if several else node


def _bases(node: Node) -> list[Node]:
    """The values that a node reads."""
    if isinstance(node.op.spell, Gather):
        return [a.base for a in gather_reads(node)]
    return [resolve(a).base for a in operands(node)]


def _inlined(nodes: list[Node], kept: set[Node]) -> set[Node]:
    readers = _readers(nodes)
    depth: dict[Node, int] = {}
    inlined: set[Node] = set()
    for node in nodes:
        if not node.args:
            inlined.add(node)
        depth[node] = 1 + max((depth[a] for a in node.args if a in inlined), default=0)
        if (
            node not in kept
            and _may_inline(node, readers.get(node, []))
            and depth[node] <= INLINE_DEPTH
        ):
            inlined.add(node)
    return inlined


def _readers(nodes: list[Node]) -> dict[Node, list[tuple[Node, bool]]]:
    """For each node, who reads it, and whether directly (not through a view)."""
    found: dict[Node, list[tuple[Node, bool]]] = {}
    for node in nodes:
        for arg in operands(node):
            base = resolve(arg).base
            found.setdefault(base, []).append((node, base is arg))
    return found


def _may_inline(node: Node, readers: list[tuple[Node, bool]]) -> bool:
    if not isinstance(node.op.spell, Each) or _has_name(node) or len(readers) != 1:
        return False
    reader, direct = readers[0]
    return direct and isinstance(reader.op.spell, (Each, Fold, View)) and _same_place(node, reader)


def _same_place(node: Node, reader: Node) -> bool:
    shape = reader.args[0].shape if isinstance(reader.op.spell, Fold) else reader.shape
    return [d for d in node.shape if d != 1] == [d for d in shape if d != 1]


def _has_name(node: Node) -> bool:
    return node.name is not None or node in node.graph.gradients


def _task(node: Node, inlined: set[Node]) -> Task:
    form = FORMS[type(node.op.spell)]
    return form(node, inlined)


def _onto(node: Node, found: Absorbed) -> Task:
    return Task(node, node.shape, found.reads(), opaque=True, absorbs=found)


def _each(node: Node, inlined: set[Node]) -> Task:
    return Task(node, node.shape, tuple(_reads(node, node.shape, inlined)))


def _fold(node: Node, inlined: set[Node]) -> Task:
    domain = node.args[0].shape
    return Task(node, domain, tuple(_reads(node, domain, inlined)), frozenset(node.attrs["axis"]))


def _reads(node: Node, domain: tuple[Dim, ...], inlined: set[Node]) -> list[Access]:
    found = []
    for arg in node.args:
        access = resolve(arg, broadcast_index(arg.shape, domain))
        found += _reads(access.base, domain, inlined) if access.base in inlined else [access]
    return [a for a in found if a.base.op is not CONST or a.base.value.size != 1]


def broadcast_index(shape: tuple[Dim, ...], domain: tuple[Dim, ...]) -> tuple[Along, ...]:
    """The index of an operand of this shape, broadcast over the domain."""
    shift = len(domain) - len(shape)
    return tuple(Along(None) if d == 1 else Along(i + shift) for i, d in enumerate(shape))


def gather_reads(node: Node) -> tuple[Access, ...]:
    """The indices of a gather at the leading axes of its result, then what it picks from."""
    x, *indices = node.args
    rank = indices[0].ndim
    picked = tuple(counted(i) or Along(None) for i in indices)
    rest = tuple(Along(rank + r) for r in range(x.ndim - len(indices)))
    source = resolve(x, picked + rest)
    return (*(resolve(i, identity(rank)) for i in indices if not counted(i)), source)


def counted(index: Node) -> Along | None:
    """The loop that an index follows, where it merely counts along one axis."""
    access = resolve(index)
    if access.base.op.name != "iota" or not access.whole or len(access.base.attrs["axes"]) != 1:
        return None
    return access.index[access.base.attrs["axes"][0]]


def _gather(node: Node, inlined: set[Node]) -> Task:
    return Task(node, node.shape, tuple(a for a in gather_reads(node) if a.base not in inlined))


def _scatter(node: Node, inlined: set[Node]) -> Task:
    g, *indices = node.args
    reads = [resolve(g)] + [resolve(i, identity(i.ndim)) for i in indices]
    return Task(node, g.shape, tuple(r for r in reads if r.base not in inlined), opaque=True)


def _product(node: Node, inlined: set[Node]) -> Task:
    a, b = node.args
    if _is_large(node):
        return Task(node, node.shape, (resolve(a), resolve(b)), opaque=True)
    rank = node.ndim
    domain = (*node.shape, a.shape[-1])
    left = (
        *broadcast_index(a.shape[:-2], node.shape[:-2]),
        _along(a, -2, rank - 2),
        _along(a, -1, rank),
    )
    right = (
        *broadcast_index(b.shape[:-2], node.shape[:-2]),
        _along(b, -2, rank),
        _along(b, -1, rank - 1),
    )
    return Task(node, domain, (resolve(a, left), resolve(b, right)), frozenset([rank]))


def _along(arg: Node, axis: int, loop: int) -> Along:
    return Along(None) if arg.shape[axis] == 1 else Along(loop)


def _is_large(node: Node) -> bool:
    """Whether it is a product that is made by tiles, or by BLAS."""
    if not isinstance(node.op.spell, Product) or not node.type.is_float:
        return False
    work = _work(node)
    return work is None or work > SMALL_PRODUCT


def _work(node: Node) -> int | None:
    """The multiplications of a product, or None when a size is not known."""
    total = 1
    for dim in (*node.shape, node.args[0].shape[-1]):
        if not isinstance(dim, int):
            return None
        total *= dim
    return total


def _opaque(node: Node, inlined: set[Node]) -> Task:
    reads = [resolve(a) for a in node.args]
    return Task(node, node.shape, tuple(r for r in reads if r.base not in inlined), opaque=True)


def _routine(node: Node, inlined: set[Node]) -> Task:
    """A call with all its results and the memory it works in."""
    call = node.args[0] if isinstance(node.op.spell, Result) else node
    results = [r for r in results_of(call).values() if r is not node]
    scratch = [r for r in call.graph.readers(call) if r.op is SCRATCH]
    reads = tuple(resolve(a) for a in call.args)
    more = (*results, *scratch[:1])
    return Task(node, node.shape, reads, opaque=True, more=more)


FORMS = {
    Region: _routine,
    Routine: _routine,
    Result: _routine,
    Each: _each,
    Extent: _each,
    View: _each,
    Fold: _fold,
    Gather: _gather,
    Scatter: _scatter,
    Product: _product,
    Place: _opaque,
    Overlap: _opaque,
    Check: _opaque,
}


def _stores(
    joint: Joint, made: dict[Node, Task], inlined: set[Node], wanted: set[Node], absorb: bool
) -> list[Task]:
    """The stores of new values, each after every reader of the old one and after every check.

    A value that nothing else wants is computed where it is stored: its own task leaves `made`.
    """
    readers, times = _readers([*made, *inlined]), Counter(joint.updates.values())
    once = [v for v, count in times.items() if count == 1 and v not in wanted]
    alone = {v for v in once if _only_stored(joint, made, v, readers)}
    stores = [_store(state, value, made, value in alone) for state, value in joint.updates.items()]
    stores = [
        _absorbing(store, made, wanted, joint.updates) if absorb and store.node in alone else store
        for store in stores
    ]
    for value in alone:
        del made[value]
    everything = [*made.values(), *stores]
    checks = [t for t in everything if t.node.op.effect == "assert"]
    reading: dict[Node, list[Task]] = {}
    for task in made.values():
        for base in dict.fromkeys(a.base for a in task.reads):
            reading.setdefault(base, []).append(task)
    for store in stores:
        assert store.state is not None
        store.after = reading.get(store.state, []) + checks
    return stores


def _absorbing(
    store: Task, made: dict[Node, Task], wanted: set[Node], states: Iterable[Node]
) -> Task:
    """The store as a product that adds itself to the state, where it has that form and BLAS would
    do the product.
    """
    assert store.state is not None
    found = absorbed(store.state, store.node)
    if found is None or found.product in wanted or not made[found.product].opaque:
        return store
    if not _is_free(found, store, made, states):
        return store
    del made[found.product]
    return Task(
        store.node, store.domain, found.reads(), opaque=True, state=store.state, absorbs=found
    )


def _is_free(found: Absorbed, store: Task, made: dict[Node, Task], states: Iterable[Node]) -> bool:
    """Whether the product reads no state that changes, what it is scaled to is not wanted itself,
    and the factor is there.
    """
    bases = {resolve(a).base for a in found.product.args}
    factor = found.reads()[-1].base
    there = factor.is_leaf or factor in made
    return there and bases.isdisjoint(states) and store.node.args[1] not in made


def _only_stored(
    joint: Joint, made: dict[Node, Task], value: Node, readers: dict[Node, list[tuple[Node, bool]]]
) -> bool:
    return (
        isinstance(value.op.spell, Each)
        and not readers.get(value)
        and not _reads_states(joint, made[value])
    )


def _reads_states(joint: Joint, task: Task) -> bool:
    """Whether it reads another state that changes too, or its own at another place: then it is
    computed before any is stored.
    """
    changing = [a for a in task.reads if a.base in joint.updates]
    return any(joint.updates[a.base] is not task.node or not a.exact(task.loops) for a in changing)


def _store(state: Node, value: Node, made: dict[Node, Task], alone: bool) -> Task:
    reads = made[value].reads if alone else (resolve(value),)
    return Task(value, value.shape, reads, state=state)


__all__ = ["Task", "Tasks", "broadcast_index", "gather_reads", "is_view", "tasks"]
