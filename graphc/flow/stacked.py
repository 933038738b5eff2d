"""Loops and branches over one axis more, as vmap takes them: what runs is run for all examples at
once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from graphc.flow.bodies import Body, copied
from graphc.flow.tangents import unused_key
from graphc.graph import INPUT, Graph, Node, Op
from graphc.ops.elementwise.arith import where
from graphc.ops.reductions.reduce import any
from graphc.ops.shaping.layout import move_axis
from graphc.ops.stacked import Mapped, raised, repeated
from graphc.transforms.batching import Batching
from graphc.types import Dim, Type


def scan_stacked(
    op: Op, args: Sequence[Node], mapped: Mapped, size: Dim, /, *, body: Graph, carries: int,
    rows: int, key: int, **how: Any,
) -> Any:  # fmt: skip
    """One scan, run as `how` says, whose carries and rows have an axis of examples where any
    example's hang on it.
    """
    flags = _settled(body, mapped, carries)
    step = _Wide(args[0].graph, body, flags, size)
    ends = [n if k >= carries or not flags[k] else step.whole(n) for k, n in enumerate(step.ends)]
    last = range(carries, carries + rows)
    given = [
        move_axis(a, 0, 1) if k in last and flags[k] else _as_carried(a, k, mapped, flags, size)
        for k, a in enumerate(args)
    ]
    found = op(
        *given, body=step.finish(ends), carries=carries, rows=rows,
        key=unused_key(args[0].graph), **how,
    )  # fmt: skip
    results = found if isinstance(found, tuple) else (found,)
    wide = [flags[k] if k < carries else step.is_wide(k) for k in range(len(results))]
    moved = [
        move_axis(r, 1, 0) if w and k >= carries else repeated(r, w, size)
        for k, (r, w) in enumerate(zip(results, wide, strict=True))
    ]
    return tuple(moved) if isinstance(found, tuple) else moved[0]


def while_stacked(
    op: Op, args: Sequence[Node], mapped: Mapped, size: Dim, /, *, going: Graph, body: Graph,
    carries: int, split: int,
) -> Any:  # fmt: skip
    """One loop that runs as long as any example's does; an example whose own loop has ended keeps
    what it carries.
    """
    asks = (*mapped[:carries], *mapped[carries : carries + split])
    steps = _settled(body, (*mapped[:carries], *mapped[carries + split :]), carries)
    asks = (*steps[:carries], *asks[carries:])
    apart = bool(_reached(going, asks).intersection(going.outputs.values()))
    carried = (True,) * carries if apart else steps[:carries]
    graph, held = args[0].graph, asks[carries:]
    ask = _Wide(graph, going, (*carried, *held), size)
    step = _Wide(graph, body, (*carried, *steps[carries:]), size)
    ends = [step.whole(n) if w else n for n, w in zip(step.ends, carried, strict=True)]
    first, second = args[carries : carries + split], args[carries + split :]
    if apart:
        test = _inlined(step, going, (*carried, *held))
        ends = [_kept(test, n, old) for n, old in zip(ends, step.inputs, strict=False)]
    begins = [
        repeated(a, m, size) if c else a for a, m, c in zip(args, mapped, carried, strict=False)
    ]
    found = op(
        *begins, *first, *second, *(first if apart else ()), carries=carries, split=split,
        going=ask.finish([any(ask.ends[0]) if apart else ask.ends[0]]), body=step.finish(ends),
    )  # fmt: skip
    results = found if isinstance(found, tuple) else (found,)
    moved = tuple(repeated(r, c, size) for r, c in zip(results, carried, strict=True))
    return moved if isinstance(found, tuple) else moved[0]


def cond_stacked(
    op: Op, args: Sequence[Node], mapped: Mapped, size: Dim, /, *, then: Graph, otherwise: Graph,
    split: int,
) -> Any:  # fmt: skip
    """A branch for all examples together; both branches, chosen example by example, where the
    condition is each example's own.
    """
    test, left, right = args[0], args[1 : 1 + split], args[1 + split :]
    one, two = mapped[1 : 1 + split], mapped[1 + split :]
    if mapped[0]:
        pairs = zip(_run(then, left, one, size), _run(otherwise, right, two, size), strict=True)
        chosen = tuple(where(raised(test, True, a.ndim - 1), a, b) for a, b in pairs)
        return chosen if len(chosen) > 1 else chosen[0]
    sides = (then, one), (otherwise, two)
    wide = [_Wide(test.graph, graph, flags, size) for graph, flags in sides]
    a, b = (w.finish([w.whole(n) for n in w.ends]) for w in wide)
    return op(test, *left, *right, then=a, otherwise=b, split=split)


class _Wide:
    """A body over one axis more of some of its inputs; `ends` are its outputs."""

    def __init__(self, outer: Graph, body: Graph, flags: Mapped, size: Dim) -> None:
        self.body, self.size = body, size
        self.new = Body(outer, body.title)
        inputs = body.leaves(INPUT)
        self.inputs = [self._input(n, f) for n, f in zip(inputs, flags, strict=True)]
        pairs = list(zip(inputs, self.inputs, flags, strict=True))
        over = {n: new for n, new, f in pairs if f}
        known = {n: new for n, new, f in pairs if not f}
        outputs = list(body.outputs.values())
        if not over:
            copied(outputs, self.new.graph, known)
            self.ends, self._wide = [known[n] for n in outputs], [False] * len(outputs)
            return
        batching = Batching(self.new.graph, over, known)
        self.ends = batching.landing(outputs)
        self._wide = [batching.is_mapped(n) for n in outputs]

    def _input(self, n: Node, flag: bool) -> Node:
        type = Type(n.dtype, (self.size, *n.shape)) if flag else n.type
        return self.new.input(n.name or "x", type)

    def is_wide(self, k: int) -> bool:
        """Whether an output has the new axis."""
        return self._wide[k]

    def whole(self, end: Node) -> Node:
        """An output with the new axis."""
        return repeated(end, self._wide[self.ends.index(end)], self.size)

    def finish(self, ends: Iterable[Node]) -> Graph:
        """The new graph."""
        return self.new.finish(dict(zip(self.body.outputs, ends, strict=True)))


def _settled(body: Graph, mapped: Mapped, carries: int) -> tuple[bool, ...]:
    """Which inputs have the new axis, once every carry that becomes of such a one has it too."""
    flags, outputs = list(mapped), list(body.outputs.values())
    for _ in range(carries + 1):
        reached = _reached(body, flags)
        flags[:carries] = [
            f or n in reached for f, n in zip(flags, outputs[:carries], strict=False)
        ]
    return tuple(flags)


def _reached(body: Graph, flags: Mapped) -> set[Node]:
    """The stages of a body that depend on the inputs with flags, and those themselves."""
    found = {n for n, f in zip(body.leaves(INPUT), flags, strict=True) if f}
    for node in body.nodes:
        if any_in(node.args, found):
            found.add(node)
    return found


def any_in(args: Iterable[Node], found: set[Node]) -> bool:
    """Whether one of the stages is among those found."""
    return not found.isdisjoint(args)


def _as_carried(a: Node, k: int, mapped: Mapped, flags: Mapped, size: Dim) -> Node:
    return repeated(a, mapped[k], size) if flags[k] else a


def _inlined(step: _Wide, going: Graph, flags: Mapped) -> Node:
    """The condition of each example within the step; what it reads beside the carry becomes more
    inputs of the step.
    """
    inputs, carries = going.leaves(INPUT), len(step.body.outputs)
    more = [step._input(n, f) for n, f in zip(inputs[carries:], flags[carries:], strict=True)]
    pairs = list(zip(inputs, [*step.inputs[:carries], *more], flags, strict=True))
    over = {n: new for n, new, f in pairs if f}
    known = {n: new for n, new, f in pairs if not f}
    batching = Batching(step.new.graph, over, known)
    return batching.landing(going.outputs.values())[0]


def _kept(test: Node, new: Node, old: Node) -> Node:
    return where(raised(test, True, new.ndim - 1), new, old)


def _run(graph: Graph, args: Sequence[Node], mapped: Mapped, size: Dim) -> list[Node]:
    """The results of a branch for each example."""
    inputs, outputs = graph.leaves(INPUT), list(graph.outputs.values())
    pairs = list(zip(inputs, args, mapped, strict=True))
    over = {n: a for n, a, m in pairs if m}
    known = {n: a for n, a, m in pairs if not m}
    if not over:
        copied(outputs, args[0].graph, known, names=False)
        return [repeated(known[n], False, size) for n in outputs]
    batching = Batching(args[0].graph, over, known, own=False)
    found = batching.landing(outputs)
    return [repeated(n, batching.is_mapped(o), size) for n, o in zip(found, outputs, strict=True)]
