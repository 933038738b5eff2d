"""A task of a plan in, what it costs out: operations by sweep, and the arrays it reads and writes.

A product counts 2mnk, a reduction one for each value that goes in, any other operation one for each
element: an exponential or a comparison counts one as an addition does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from graphc.graph import Node
from graphc.ops.several import operands
from graphc.ops.spell import Each, Fold, Gather, Overlap, Product, Scatter
from graphc.plan.access import resolve
from graphc.plan.memory import nbytes
from graphc.plan.plan import Part, Plan
from graphc.plan.sizes import Sizes
from graphc.plan.task import Task, counted

SWEEPS = ("forward", "backward", "update")

Work = Counter[tuple[str, str]]
"""Operations by sweep and element type."""


@dataclass(frozen=True)
class Cost:
    """Operations, and the bytes of the arrays that are read and written, by value: each counts
    once.
    """

    work: Work = field(default_factory=Counter)
    reads: Mapping[Node, int] = field(default_factory=dict)
    writes: Mapping[Node, int] = field(default_factory=dict)

    @property
    def flops(self) -> int:
        """All operations."""
        return sum(self.work.values())

    @property
    def nbytes(self) -> int:
        """What comes from arrays and goes to them; what is made here need not come."""
        made = self.writes.keys()
        come = sum(size for node, size in self.reads.items() if node not in made)
        return come + sum(self.writes.values())

    def by_sweep(self) -> dict[str, int]:
        """Operations by sweep."""
        return {s: sum(n for (sweep, _), n in self.work.items() if sweep == s) for s in SWEEPS}


def together(costs: Iterable[Cost]) -> Cost:
    """What tasks cost that share their loops: a value that several read comes once."""
    work: Work = Counter()
    reads: dict[Node, int] = {}
    writes: dict[Node, int] = {}
    for cost in costs:
        work.update(cost.work)
        reads.update(cost.reads)
        writes.update(cost.writes)
    return Cost(work, reads, writes)


def cost(plan: Plan, part: Part, task: Task, sizes: Sizes) -> Cost:
    """What one task of a kernel costs for these sizes."""
    nodes = list(_computed(part, task))
    work: Work = Counter(_inside(plan, part, task)) if task.stage in part.inner else Counter()
    for node in nodes:
        work[sweep(plan, node), node.dtype] += operations(node, sizes)
    target = task.node if task.state is None else task.state
    reads = _reads(part, nodes, sizes) or {task.node: _held(part, task.node, sizes)}
    return Cost(work, reads, {target: _held(part, target, sizes)})


def _inside(plan: Plan, part: Part, task: Task) -> Work:
    """The operations of the graphs that a stage runs, once for each turn that is known."""
    found: Work = Counter()
    for inner in part.inner[task.stage]:
        turns = inner.sizes.capacity(inner.body.length)
        for each in inner.part.nest.tasks.order:
            count = cost(plan, inner.part, each, inner.sizes).flops
            found[sweep(plan, task.node), each.node.dtype] += turns * count
    return found


def sweep(plan: Plan, node: Node) -> str:
    """The sweep that a value belongs to: "forward", "backward" or "update"."""
    if node.backward_of is not None:
        return "backward"
    return "forward" if node in plan.numbers else "update"


def operations(node: Node, sizes: Sizes) -> int:
    """The operations that compute a value of its arguments."""
    count = COUNTS.get(type(node.op.spell))
    return count(node, sizes) if count and node.args else 0


def _size(node: Node, sizes: Sizes) -> int:
    total = 1
    for dim in node.shape:
        total *= sizes.capacity(dim)
    return total


def _multiplied(node: Node, sizes: Sizes) -> int:
    return 2 * _size(node, sizes) * sizes.capacity(node.args[0].shape[-1])


COUNTS: dict[type, Callable[[Node, Sizes], int]] = {
    Each: lambda node, sizes: _size(node, sizes) * node.op.spell.work,
    Fold: lambda node, sizes: _size(node.args[0], sizes),
    Scatter: lambda node, sizes: _size(node.args[0], sizes),
    Overlap: lambda node, sizes: _size(node.args[0], sizes),
    Product: _multiplied,
}


def _computed(part: Part, task: Task) -> Iterator[Node]:
    """A task's value and what is written inside its expression; nothing for the copy of a value
    into a state.
    """
    tasks = part.nest.tasks
    inside = {task.absorbs.product} if task.absorbs is not None else set()
    stack = [task.node] if task.state is None or task.node not in tasks.of else []
    while stack:
        node = stack.pop()
        yield node
        bases = (resolve(arg).base for arg, _ in _operands(node))
        stack += [base for base in bases if base in tasks.inlined or base in inside]


def _operands(node: Node) -> list[tuple[Node, Node]]:
    """What a value is computed of, each with a node that has as many elements as are read."""
    if not isinstance(node.op.spell, Gather):
        return [(arg, arg) for arg in operands(node)]
    x, *indices = node.args
    return [(x, node), *((i, i) for i in indices if not counted(i))]


def _reads(part: Part, nodes: Iterable[Node], sizes: Sizes) -> dict[Node, int]:
    """The bytes that are read of each array: as much as is seen of it, all of it at most."""
    inside = set(nodes)
    found: dict[Node, int] = {}
    for arg, seen in dict.fromkeys(pair for node in inside for pair in _operands(node)):
        base = resolve(arg).base
        if base not in inside:
            some = _size(seen, sizes) * base.type.numpy.itemsize
            found[base] = min(_held(part, base, sizes), found.get(base, 0) + some)
    return found


def _held(part: Part, node: Node, sizes: Sizes) -> int:
    """The bytes of a value's memory: none in a register, a row where one at a time is enough."""
    slot = part.slots.get(node)
    if slot is None or not slot.arena or (slot.arena == "arg" and not node.shape):
        return 0
    return nbytes(node, sizes, slot.depth)


__all__ = ["SWEEPS", "Cost", "cost", "operations", "sweep", "together"]
