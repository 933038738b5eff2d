"""Graph to tasks: what is computed by a line or a loop of its own, over which domain, reading what.

A node that nobody named, that has one reader at its own place and costs one expression, is written
inside its reader.
Views are no tasks: they live on in the accesses of who reads them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graphc.graph import Node
from graphc.joint import Joint
from graphc.ops.several import operands
from graphc.ops.spell import (
    Each,
    Fold,
    Gather,
    View,
)
from graphc.plan.absorb import Absorbed, absorbed, summed
from graphc.plan.access import resolve
from graphc.plan.task import Task, chief, gather_reads, is_large, onto, task_of

INLINE_DEPTH = 4
"""How many operations deep an expression may grow before it is cut into lines."""


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
    sums = summed(nodes, _readers(nodes), kept, is_large) if absorb else {}
    inlined = _inlined(nodes, kept | sums.keys())
    inside = {a.product for a in sums.values()}
    made = {
        n: onto(n, sums[n]) if n in sums else task_of(n, inlined)
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
    if not bases.isdisjoint(states):
        return False
    if found.factor is None:
        return True
    factor = resolve(found.factor).base
    return (factor.is_leaf or factor in made) and store.node.args[1] not in made


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
