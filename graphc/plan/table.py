"""A plan as text: stages of both sweeps, where values live, products, what it all costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from graphc.graph import Node
from graphc.ops.spell import Each, Fold, Product
from graphc.plan.access import resolve
from graphc.plan.fuse import Block, Loop
from graphc.plan.memory import Slot
from graphc.plan.plan import Inner, Part, Plan
from graphc.plan.products import choose
from graphc.plan.task import Task
from graphc.show import expression


@dataclass(frozen=True)
class Multiplied:
    """A product in a plan: its sizes at capacity, how it is done, in which sweep."""

    name: str
    m: int
    n: int
    k: int
    stack: int
    means: str

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return 2 * self.m * self.n * self.k * self.stack

    def __str__(self) -> str:
        times = f"{self.stack} x " if self.stack > 1 else ""
        return f"{self.name:<24} {times}{self.m} x {self.k} x {self.n}  {self.means}"


def products(plan: Plan) -> list[Multiplied]:
    """The matrix products of the plan's first kernel."""
    return _multiplications(plan, next(iter(plan.parts.values())))


def _multiplications(plan: Plan, part: Part) -> list[Multiplied]:
    time = {t: part.nest.leaf[t].time for t in part.nest.tasks.order if _product(t) is not None}
    at = {when: task for task, when in time.items()}
    return [_multiplied(plan, part, task, at.get(when - 1)) for task, when in time.items()]


def _product(task: Task) -> Node | None:
    if task.absorbs is not None:
        return task.absorbs.product
    node = task.node
    return node if task.state is None and isinstance(node.op.spell, Product) else None


def _multiplied(plan: Plan, part: Part, task: Task, before: Task | None) -> Multiplied:
    """What is told of a task's product, and of another one right before it."""
    node = _product(task)
    assert node is not None
    caps = [plan.sizes.capacity(d) for d in node.shape]
    stack = 1
    for cap in caps[:-2]:
        stack *= cap
    depth = plan.sizes.capacity(node.args[0].shape[-1])
    means = _means(plan, node, caps[-2], caps[-1], depth) if task.opaque else "loops"
    rows = part.nest.height(task)
    means += _into(task, rows) + _beside(node, before if not rows else None)
    return Multiplied(named(node), caps[-2], caps[-1], depth, stack, means)


def _into(task: Task, rows: int) -> str:
    """What a product adds itself to, or what reads it by blocks of so many rows."""
    if task.absorbs is None:
        return f", by blocks of {rows} rows, into the update" if rows else ""
    onto = task.absorbs.onto
    return ", into the update" if onto is None else f", onto {named(onto)}"


def _beside(node: Node, before: Task | None) -> str:
    """The product right before this one, if it reads the same first matrix."""
    other = _product(before) if before is not None else None
    if other is None or resolve(other.args[0]) != resolve(node.args[0]):
        return ""
    return f", beside {named(other)}"


def _means(plan: Plan, node: Node, m: int, n: int, k: int) -> str:
    """What makes a product: BLAS, or what the cost model chooses for the threads there are."""
    if not plan.threads:
        return "BLAS"
    turned = [_is_turned(arg) for arg in node.args]
    return choose(turned[0], turned[1], m, n, k, node.type.numpy.name, plan.threads).reason


def _is_turned(arg: Node) -> bool:
    """Whether a matrix lies transposed in memory."""
    axes = [along.axis for along in resolve(arg).index if along.axis is not None]
    return axes != sorted(axes)


def named(node: Node) -> str:
    """What a table calls a value: its name, `d_` and the name of what it is the gradient of."""
    if node.name:
        return node.name
    into = node.graph.gradients.get(node)
    return f"d_{named(into[0])}" if into else expression(node, depth=2, longest=40)


def flops(plan: Plan, part: Part) -> dict[str, int]:
    """Operations by sweep: 2mnk a product, one for each element of each other operation; those of a
    loop as often as it turns, those of both branches of a choice.
    """
    found = {"forward": 0, "backward": 0, "update": 0}
    for node in _computed(part):
        found[_sweep(plan, node)] += _cost(plan, node)
    for task, inner in _inside(part):
        turns, own = _turns(inner), flops(_within(plan, inner), inner.part)
        found[_sweep(plan, task.node)] += turns * sum(own.values())
    return found


def _inside(part: Part) -> Iterator[tuple[Task, Inner]]:
    """The graphs that are run, each with the task that runs it."""
    for task in part.nest.tasks.order:
        yield from ((task, inner) for inner in part.inner.get(task.stage, ()))


def _within(plan: Plan, inner: Inner) -> Plan:
    """The plan with the sizes that a graph knows that is run."""
    return replace(plan, sizes=inner.sizes)


def _turns(inner: Inner) -> int:
    """How often a graph is run at most; once where that is not known."""
    return inner.sizes.capacity(inner.body.length)


def _computed(part: Part) -> Iterator[Node]:
    for task in part.nest.tasks.order:
        product = _product(task)
        yield product if task.absorbs is not None and product is not None else task.node
    yield from part.nest.tasks.inlined


def _sweep(plan: Plan, node: Node) -> str:
    if node.backward_of is not None:
        return "backward"
    return "forward" if node in plan.numbers else "update"


def _cost(plan: Plan, node: Node) -> int:
    spell = node.op.spell
    shape = node.args[0].shape if isinstance(spell, Fold) else node.shape
    count = 1
    for dim in shape:
        count *= plan.sizes.capacity(dim)
    if isinstance(spell, Product):
        return 2 * count * plan.sizes.capacity(node.args[0].shape[-1])
    return count if isinstance(spell, (Each, Fold)) and node.args else 0


def text(plan: Plan) -> str:
    """The whole plan."""
    lines = [f"plan of {plan.title}", "", *_stages(plan)]
    for part in plan.parts.values():
        lines += ["", *_part(plan, part)]
    if plan.kept:
        lines += ["", "for the backward sweep", *(f"    {row}" for row in plan.kept.split("\n"))]
    sizes = ", ".join(f"{n} <= {plan.sizes.bound[n]}" for n in plan.sizes.names)
    state = sum(slot.nbytes for slot in plan.state.values())
    lines += [
        "",
        f"state {state} bytes, results {plan.out_bytes} bytes" + (f"; {sizes}" if sizes else ""),
    ]
    return "\n".join(lines)


def _stages(plan: Plan) -> list[str]:
    """Both sweeps, a line a stage: forward, then backward from the last."""
    part = next(iter(plan.parts.values()))
    rows = [
        (f"({s.number})", _said(s.name, s.text), str(s.type), _lives(part, s.node))
        for s in plan.stages
    ]
    for number in sorted({n for n in plan.numbers.values()}, reverse=True):
        rows += [(f"d({number})", *row) for row in _gradients(plan, part, number)]
    rows += [
        ("u", f"{named(t.state)} = {named(t.node)}", str(t.state.type), "state")
        for t in part.nest.tasks.order
        if t.state is not None
    ]
    return list(_columns(rows))


def _said(name: str, text: str) -> str:
    return f"{name} = {text}" if name else text


def _gradients(plan: Plan, part: Part, number: int) -> Iterator[tuple[str, str, str]]:
    """The gradients that flow back through one stage: their names, types and places."""
    for task in part.nest.tasks.order:
        stage = task.node.backward_of
        told = task.node in task.node.graph.gradients or task.node.name is not None
        if told and stage is not None and plan.numbers.get(stage) == number:
            yield named(task.node), str(task.node.type), _lives(part, task.node)


def _lives(part: Part, node: Node) -> str:
    slot = part.slots.get(node)
    return _place(slot) if slot is not None else ""


def _place(slot: Slot) -> str:
    return f"{slot.arena} {slot.offset}..{slot.offset + slot.nbytes}" if slot.arena else "register"


def _part(plan: Plan, part: Part) -> list[str]:
    counted = flops(plan, part)
    told = ", ".join(f"{name} {count}" for name, count in counted.items() if count)
    lines = [f"{part.name}: {_loops(part.nest.block)} loops; operations: {told or 'none'}"]
    lines += [f"    product  {p}" for p in _multiplications(plan, part)]
    lines += [f"    product  {p}" for p in _repeated(plan, part)]
    lines += [f"    buffer   {row}" for row in _buffers(part)]
    lines.append(f"    work {part.work} bytes, {part.apart} without reuse")
    return lines


def _repeated(plan: Plan, part: Part) -> Iterator[str]:
    """The products in graphs that are run, and how often."""
    for _, inner in _inside(part):
        own, often = _within(plan, inner), f", {_turns(inner)} times"
        yield from (f"{p}{often}" for p in _multiplications(own, inner.part))
        yield from (f"{row}{often}" for row in _repeated(own, inner.part))


def _loops(block: Block) -> int:
    return sum(1 + _loops(item.block) for item in block if isinstance(item, Loop))


def _buffers(part: Part) -> list[str]:
    """The buffers in work, each with the values that share it."""
    found: dict[int, list[Slot]] = {}
    for slot in part.slots.values():
        if slot.arena == "work":
            found.setdefault(slot.offset, []).append(slot)
    rows = []
    for offset, slots in sorted(found.items()):
        names = ", ".join(named(s.node) for s in slots)
        rows.append(f"{offset:>8} {max(s.nbytes for s in slots):>10} bytes  {names}")
    return rows


def _columns(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    rows = list(rows)
    wide = [max((len(r[c]) for r in rows), default=0) for c in range(4)]
    for row in rows:
        yield "  ".join(f"{cell:<{w}}" for cell, w in zip(row, wide, strict=True)).rstrip()


Plan.__str__ = text  # type: ignore[assignment, method-assign]
Plan.products = property(products)  # type: ignore[attr-defined]
