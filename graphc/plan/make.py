"""Joint and sizes to a plan: which kernels there are, what each computes, and where everything
lies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphc.graph import CONST, INPUT, PARAM, STATE, Node
from graphc.joint import Joint
from graphc.ops.several import operands
from graphc.ops.spell import Pack, Region
from graphc.plan.access import resolve, unchecked
from graphc.plan.align import ALIGN, HEADER
from graphc.plan.follow import follow
from graphc.plan.fuse import fuse
from graphc.plan.keep import held_back, kept
from graphc.plan.memory import Slot, argument, laid_out, lying, place
from graphc.plan.plan import Inner, Part, Plan, Result, Stage
from graphc.plan.regions import Body, asserts, bodies, constants, counting, leaf_slots
from graphc.plan.sizes import Sizes
from graphc.plan.sweeps import AGAIN
from graphc.plan.tasks import Tasks, tasks

MANY = 20
"""More inputs, or more scalar results, than this are handed over in an arena in place of
arguments.
"""


@dataclass(frozen=True)
class Options:
    """What may be switched off: loops shared by stages, updates taken over by products, memory
    used twice; and for how many threads products are made by tiles of our own (0: by BLAS).
    """

    fuse: bool = True
    absorb: bool = True
    reuse: bool = True
    threads: int = 0


@dataclass(frozen=True)
class Wish:
    """One kernel to plan: its name, its results by name, the values it leaves in `work`, and those
    that the kernel it goes on from has left there (None where it starts afresh).
    """

    name: str
    results: tuple[tuple[str, Node], ...]
    given: tuple[Node, ...] | None = None
    kept: tuple[Node, ...] = ()
    updates: bool = False


def make(
    joint: Joint, wishes: Sequence[Wish], state: Mapping[str, int], sizes: Sizes, options: Options
) -> Plan:
    """The plan of all kernels wished for; `state` gives the offset of each param and state in
    their arena, by name.
    """
    held = _held(joint, state, sizes)
    inner = bodies(joint.graph)
    data, data_bytes = laid_out(constants(joint.graph, inner), "data", sizes)
    feed, feed_bytes = _feed(joint, sizes)
    out, out_bytes = _outs(wishes, sizes)
    tape, begin = laid_out(dict.fromkeys(n for w in wishes for n in w.kept), "work", sizes, HEADER)
    given = {
        **held,
        **data,
        **feed,
        **{n: argument(n, sizes) for n in joint.graph.leaves(INPUT) if n not in feed},
    }
    parts = {
        w.name: _part(joint, w, {**given, **out, **_handed(w, tape)}, begin, sizes, options, inner)
        for w in wishes
    }
    numbers, stages = numbered(joint, parts)
    checks = asserts(joint.graph, inner)
    return Plan(
        joint.graph.title, parts, sizes, stages, numbers, held, data, data_bytes, out_bytes, feed,
        feed_bytes,
        {n: i + 1 for i, n in enumerate(checks)}, named_result(joint), options.threads,
        _told(joint, sizes),
    )  # fmt: skip


def _told(joint: Joint, sizes: Sizes) -> str:
    """What the backward sweep finds stored, and what it computes again, where there is any."""
    return str(kept(joint, sizes.bound)) if any(map(_is_again, joint.graph.nodes)) else ""


def _is_again(node: Node) -> bool:
    """Whether it computes a value of the forward sweep again."""
    return node.op.effect == AGAIN


def named_result(joint: Joint) -> str:
    """What gradients are gradients of: the first output's name."""
    return (joint.outputs[0].name if joint.outputs else None) or "output"


def _held(joint: Joint, state: Mapping[str, int], sizes: Sizes) -> dict[Node, Slot]:
    leaves = [*joint.graph.leaves(PARAM), *joint.graph.leaves(STATE)]
    return {n: laid_out([n], "state", sizes, state[n.name or ""])[0][n] for n in leaves}


def _feed(joint: Joint, sizes: Sizes) -> tuple[dict[Node, Slot], int]:
    inputs = joint.graph.leaves(INPUT)
    return laid_out(inputs, "feed", sizes) if len(inputs) > MANY else ({}, 0)


def _outs(wishes: Sequence[Wish], sizes: Sizes) -> tuple[dict[Node, Slot], int]:
    """Results that have axes, and scalars where they are many, one behind the other."""
    found: dict[Node, None] = {}
    for wish in wishes:
        many = sum(not n.shape for _, n in wish.results) > MANY
        found.update(dict.fromkeys(n for _, n in wish.results if n.shape or many))
    slots, end = laid_out(found, "out", sizes)
    return slots, max(end, ALIGN) if slots else 0


def _handed(wish: Wish, kept: Mapping[Node, Slot]) -> dict[Node, Slot]:
    return {n: kept[n] for n in (*(wish.given or ()), *wish.kept) if n in kept}


def _passed(joint: Joint, wish: Wish) -> list[Node]:
    """The indices that the kernel before has checked."""
    if wish.given is None:
        return []
    return [n for n in joint.graph.nodes if n.op.effect == "assert" and n.backward_of is None]


def _part(
    joint: Joint, wish: Wish, fixed: Mapping[Node, Slot], begin: int, sizes: Sizes,
    options: Options, bodies: Bodies,
) -> Part:  # fmt: skip
    targets = [
        *(n for _, n in wish.results),
        *wish.kept,
        *(joint.updates.values() if wish.updates else ()),
    ]
    passed = _passed(joint, wish)
    fixed = {**fixed, **lying(passed, fixed, sizes)}
    given = (*(wish.given or ()), *passed)
    found = tasks(joint, targets, given, wish.updates, options.absorb)
    if any(map(_is_again, joint.graph.nodes)):
        held_back(joint, found)
    nest = fuse(found, options.fuse)
    returned = [n for _, n in wish.results]
    if options.threads and options.fuse:
        follow(nest, {*fixed, *returned}, sizes)
    slots, work, apart = place(
        nest, fixed, sizes, returned=returned, reuse=options.reuse, start=begin
    )
    everything = {**fixed, **slots}
    inner = _inner(found, bodies, everything, work, sizes, options)
    work = max([work, *(i.part.work for each in inner.values() for i in each)])
    used = _used(found, wish)
    slots = {n: s for n, s in everything.items() if n in used}
    inputs = tuple(n for n in joint.graph.leaves(INPUT) if n in used)
    results = tuple(Result(name, n, everything[n]) for name, n in wish.results)
    return Part(wish.name, nest, slots, inputs, results, work, apart, inner)


Bodies = Mapping[Node, tuple[Body, ...]]


def _inner(
    found: Tasks, bodies: Bodies, slots: Mapping[Node, Slot], begin: int, sizes: Sizes,
    options: Options,
) -> dict[Node, tuple[Inner, ...]]:  # fmt: skip
    """The parts of the graphs that are run; they lie behind what lies in `work` around them."""
    stages = dict.fromkeys(t.stage for t in found.order if isinstance(t.stage.op.spell, Region))
    return {
        s: tuple(_inner_part(b, slots, begin, sizes, options) for b in bodies[s]) for s in stages
    }


def _inner_part(
    body: Body, slots: Mapping[Node, Slot], begin: int, sizes: Sizes, options: Options
) -> Inner:
    sizes = counting(body, sizes)
    data = {n: s for n, s in slots.items() if n.op is CONST}
    fixed = {**data, **leaf_slots(body, slots, sizes)}
    results = tuple((f"told{k}", n) for k, n in enumerate(body.told))
    wish = Wish(body.role, results, kept=tuple(y for y, _ in body.stacked), updates=True)
    part = _part(body.joint, wish, fixed, begin, sizes, options, body.inner)
    return Inner(body, part, sizes)


def _used(found: Tasks, wish: Wish) -> set[Node]:
    used = {n for _, n in wish.results} | set(wish.kept)
    for task in found.order:
        used.update(task.values)
        used.update(a.base for a in task.reads)
        used |= {task.state} if task.state is not None else set()
    return used | {unchecked(n) for n in used}


def saved(joint: Joint) -> tuple[Node, ...]:
    """The forward values that some gradient reads: all that a forward sweep has to keep for a
    backward one.
    """
    targets = list(joint.gradients.values())
    found: dict[Node, None] = {}
    for node in joint.graph.order(*targets):
        if node.backward_of is not None and len(node.types) == 1:
            bases = [unchecked(resolve(a).base) for a in operands(node)]
            found.update(dict.fromkeys(b for b in bases if b.backward_of is None and b.args))
    found.update(dict.fromkeys(t for t in targets if t.backward_of is None and not t.is_leaf))
    return tuple(found)


def numbered(joint: Joint, parts: Mapping[str, Part]) -> tuple[dict[Node, int], tuple[Stage, ...]]:
    """The number of every forward node's stage, in the order of the lines, and the table of
    stages.
    """
    graph = joint.graph
    forward = {
        n for n in graph.order(*joint.outputs, *joint.gradients.values()) if n.backward_of is None
    }
    lines = _forward_lines(parts.values(), forward)
    numbers: dict[Node, int] = {}
    chiefs: dict[Node, int] = {}
    for node in lines:
        chief = graph.part_of.get(node, node)
        if chief not in graph.texts:
            continue
        numbers[node] = chiefs.setdefault(chief, len(chiefs) + 1)
    for node in reversed(graph.nodes):
        if node not in numbers and node in forward:
            known = [numbers[r] for r in graph.readers(node) if r in numbers and r in forward]
            if known:
                numbers[node] = min(known)
    packed = [n for n in graph.nodes if isinstance(n.op.spell, Pack)]
    numbers |= {n: min(numbers.get(a, 0) for a in n.args) for n in packed}
    loops = {_steps(n): number for n, number in numbers.items() if _steps(n) is not None}
    numbers |= {n: loops[_steps(n)] for n in graph.nodes if _steps(n) in loops}
    stages = (
        Stage(number, _named(chief), graph.texts.get(chief, ""), chief.types[0], chief)
        for chief, number in chiefs.items()
    )
    return numbers, tuple(stages)


def _steps(node: Node) -> Any:
    """What tells that loops run the same steps, as the one that a user wrote and a wider one do."""
    key = node.attrs.get("key")
    return None if key is None else (node.op.name, key, node.backward_of)


def _forward_lines(parts: Iterable[Part], forward: set[Node]) -> list[Node]:
    """The nodes of the forward sweep that have lines of their own, in order."""
    found = {
        t.node
        for part in parts
        for t in part.nest.tasks.order
        if t.state is None and t.node in forward
    }
    return sorted(found, key=lambda n: n.index)


def _named(node: Node) -> str:
    return node.name or ""
