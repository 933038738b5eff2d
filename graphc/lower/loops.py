"""A part of a plan to a kernel: its nest walked once, each leaf written as a line under its
stage's tag.
"""

from __future__ import annotations

from collections.abc import Callable

from graphc.expr import Binary, Call, Expr, Item, Name, Number, text
from graphc.graph import Node
from graphc.kernel import Add, Kernel, Let, Loop, Param, Place, Remark, Return, Run, Stmt, Store
from graphc.lower.blocks import by_blocks
from graphc.lower.opaque import OPAQUE, accumulate
from graphc.lower.page import Labels, Page
from graphc.lower.regions import region
from graphc.lower.sections import merged, sectioned
from graphc.lower.sink import sunk
from graphc.lower.values import LETTERS, Typed, begin_of, cast, extent, offset_of, total
from graphc.ops.spell import Region
from graphc.plan import fuse
from graphc.plan.access import identity, resolve
from graphc.plan.memory import Slot
from graphc.plan.plan import Part, Plan
from graphc.plan.sizes import Sizes
from graphc.plan.task import Task
from graphc.types import Size, product


def lower(plan: Plan, part: Part, labels: Labels) -> Kernel:
    """One kernel of the plan."""
    return _Writer(plan, part, labels).kernel()


class _Writer(Page):
    """Writes one kernel, block by block."""

    def __init__(self, plan: Plan, part: Part, labels: Labels) -> None:
        super().__init__(plan, part, labels)
        self.later = _readers_left(part)
        self.rows: tuple[Name, Name] | None = None

    def kernel(self) -> Kernel:
        """Arguments, places, loops, results."""
        places = _places(self)
        state = {name for name, place in places.items() if place.arena == "state"}
        body = sectioned(sunk(self.block(self.nest.block, 0), state))
        views = _views(self)
        body = [Remark(), *body] if views else body
        returned = [r for r in self.part.results if r.returned]
        exprs = tuple(self._result(r.node) for r in returned)
        body += [Return(exprs)] if exprs else []
        return Kernel(
            self.part.name, "", self._params(), (*views, *body), tuple(r.name for r in returned),
            places, tuple(self.inner),
        )  # fmt: skip

    def _result(self, node: Node) -> Expr:
        if node in self.local:
            return self.local[node][0]
        name = self.labels.ident(node)
        return Item(name, Number(0, "i64")) if self.part.slots[node].arena else Name(name)

    def _params(self) -> tuple[Param, ...]:
        sizes = [Param(self.sizes.word(n), "size", "i64") for n in self.sizes.names]
        plain = [n for n in self.part.inputs if self.part.slots[n].arena == "arg"]
        inputs = [Param(self.labels.ident(n), self._kind(n), n.dtype, n.ndim) for n in plain]
        used = {s.arena for s in self.part.slots.values()} | ({"work"} if self.checks else set())
        used |= {p.name for kernel in self.inner for p in kernel.params}
        arenas = [
            Param(a, "array", "u8", 1)
            for a in ("feed", "data", "state", "work", "out")
            if a in used
        ]
        return (*sizes, *inputs, *arenas)

    def _kind(self, leaf: Node) -> str:
        """Whether it is handed over as a number or as an array, of which it may be an element."""
        return "array" if leaf.shape or self.part.slots[leaf].at != 0 else "scalar"

    # Blocks

    def block(self, items: fuse.Block, depth: int) -> list[Stmt]:
        """The statements of a block; what is in local variables at its end is forgotten there."""
        outer, self.lines = self.lines, []
        before = dict(self.local)
        for item in items:
            if isinstance(item, fuse.Loop):
                self._loop(item, depth)
            else:
                LEAVES[item.phase](self, item.task)
        lines, self.lines = self.lines, outer
        if depth:
            self.local.clear()
            self.local.update(before)
        return merged(lines)

    def _loop(self, loop: fuse.Loop, depth: int) -> None:
        body = self.block(loop.block, depth + 1)
        hi = extent(loop.extent, self.sizes)
        written = Loop(LETTERS[depth], Number(0, "i64"), hi, 1, tuple(body))
        self.lines.append(self._by_blocks(written, loop) if loop.height else written)
        for task in _finished(self.nest, loop, depth):
            self._finish(task)

    def _by_blocks(self, written: Loop, loop: fuse.Loop) -> Loop:
        self.rows = self.rows or (Name(self.labels.fresh("row")), Name(self.labels.fresh("high")))
        blocks = {self.labels.ident(n) for n, slot in self.part.slots.items() if slot.rows}
        return by_blocks(written, loop.height, *self.rows, blocks)

    # Leaves

    def _zero(self, task: Task) -> None:
        """The start of an accumulator in memory, all that the loops around have of it."""
        at, kept = task.folded[0], [p for p in range(len(task.loops)) if p not in task.folded]
        inner = [self.sizes.resolved(task.extents[p]) for p in kept if p >= at]
        loose = any(isinstance(d, Size) for d in inner[1:])
        count = product([self.sizes.capacity(d) for d in inner] if loose else inner)
        letters = {task.loops[p]: Name(LETTERS[p]) for p in kept if p < at}
        index = self._own_index(task, letters.get)
        buffer: Expr = Name(self.labels.ident(task.node))
        begin = buffer if index == Number(0, "i64") else Call("shift", (buffer, index))
        start = Number(task.node.op.spell.start(task.node.dtype), task.node.dtype)
        self.lines.append(
            Run(Call("fill", (begin, extent(count, self.sizes), start)), self.labels.tag(task))
        )

    def _start(self, task: Task) -> None:
        dtype = _accumulator(task)
        start = (
            0
            if not hasattr(task.node.op.spell, "start")
            else task.node.op.spell.start(task.node.dtype)
        )
        self.lines.append(Let((self._register(task),), Number(start, dtype), self.labels.tag(task)))

    def _body(self, task: Task) -> None:
        self.tag = self.labels.tag(task)
        form = (
            accumulate
            if task.absorbs
            else _store
            if task.state is not None
            else OPAQUE.get(type(task.stage.op.spell))
            if task.opaque
            else None
        )
        if form is not None:
            form(self, task)
        elif task.folded:
            self._fold(task)
        else:
            self._each(task)

    def _each(self, task: Task) -> None:
        self._define(
            task,
            (self._term(task), task.node.dtype)
            if task.reduced
            else self.values.spelled(task.node, task, task.domain),
        )

    def _define(self, task: Task, value: Typed) -> None:
        """A finished value: into a variable, into its buffer, or both where it is read again
        nearby.
        """
        node, slot = task.node, self.part.slots[task.node]
        if not slot.arena:
            self._let(node, self.labels.ident(node), value)
            return
        target = Item(self.labels.ident(node), self._own_index(task, self.values.variable(task)))
        if self._read_nearby(task):
            value = self._let(
                node,
                self.labels.fresh(f"{self.labels.ident(node)}_{'ijkl'[: len(task.loops)]}"),
                value,
            )
        self._put(node, target, value[0])

    def _put(self, node: Node, target: Item, value: Expr) -> None:
        if isinstance(value, Binary) and value.op in ("+", "-") and value.left == target:
            self.lines.append(Add(target, value.right, self.tag, value.op))
        else:
            self.lines.append(Store(target, value, self.tag))

    def _let(self, node: Node, name: str, value: Typed) -> Typed:
        expr, dtype = value
        if isinstance(expr, Binary) and expr.op == "+" and expr.left == Name(name):
            self.lines.append(Add(Name(name), expr.right, self.tag))
        else:
            self.lines.append(Let((name,), expr, self.tag))
        self.local[node] = Name(name), dtype
        return self.local[node]

    def _read_nearby(self, task: Task) -> bool:
        """Whether a later line in the same loops reads this very element."""
        path = self.nest.path[task]
        for reader in self.later.get(task.node, ()):
            theirs = self.nest.path[reader][: len(path)]
            if theirs == path and not reader.opaque:
                accesses = [a for a in reader.reads if a.base is task.node]
                if any(a.aligned(reader.loops) == len(a.long()) for a in accesses):
                    return True
        return False

    # Reductions

    def _fold(self, task: Task) -> None:
        node = task.node
        register = task.in_register
        dtype = _accumulator(task) if register else node.dtype
        value = cast((self._term(task), node.dtype), dtype)
        if register:
            target: Name | Item = Name(self._register(task))
        else:
            target = Item(
                self.labels.ident(node), self._own_index(task, self.values.variable(task))
            )
        if not hasattr(node.op.spell, "combine"):
            self.lines.append(Add(target, value, self.tag))
            return
        combined = node.op.spell.combine(target, value)
        plus = isinstance(combined, Binary) and combined.op == "+" and combined.left == target
        if plus:
            self.lines.append(Add(target, value, self.tag))
        elif isinstance(target, Name):
            self.lines.append(Let((target.text,), combined, self.tag))
        else:
            self.lines.append(Store(target, combined, self.tag))

    def _term(self, task: Task) -> Expr:
        """What a reduction adds up: its operand, or for a product in line a times b."""
        if hasattr(task.node.op.spell, "combine"):
            return self.values.spelled(task.node, task, task.domain)[0]
        a, b = (cast(self.values.element(access, task), task.node.dtype) for access in task.reads)
        return Binary("*", a, b)

    def _finish(self, task: Task) -> None:
        """After the loop of a reduction: its register holds the value; a buffer that wants it gets
        it.
        """
        node, slot = task.node, self.part.slots[task.node]
        self.tag = self.labels.tag(task)
        self.local[node] = Name(self._register(task)), _accumulator(task)
        if slot.arena:
            target = Item(
                self.labels.ident(node), self._own_index(task, self.values.variable(task))
            )
            self.lines.append(Store(target, cast(self.local[node], node.dtype), self.tag))

    def _register(self, task: Task) -> str:
        """The accumulator's name: the value's own, unless that is its buffer's."""
        if task not in self.registers:
            name = self.labels.ident(task.node)
            self.registers[task] = (
                self.labels.fresh(f"{name}_total") if self.part.slots[task.node].arena else name
            )
        return self.registers[task]

    # Places

    def _own_index(self, task: Task, variable: Callable[[int], Expr | None]) -> Expr:
        """The index of a task's element in its node's buffer."""
        return own_index(task, self.part.slots[task.node], self.sizes, variable)


def own_index(task: Task, slot: Slot, sizes: Sizes, variable: Callable[[int], Expr | None]) -> Expr:
    """The loops that a value keeps, by its strides, from where it begins."""
    kept = [axis for axis in task.loops if axis not in task.reduced]
    terms = [(variable(axis), stride) for axis, stride in zip(kept, slot.strides, strict=True)]
    begin, const = begin_of(slot, sizes)
    return total([*begin, *((name, stride) for name, stride in terms if name is not None)], const)


def _store(writer: _Writer, task: Task) -> None:
    """The new value of a state into its place."""
    state = task.state
    assert state is not None
    stored = task.node in writer.nest.tasks.of
    access = resolve(task.node, identity(task.node.ndim))
    found = (
        writer.values.element(access, task)
        if stored
        else writer.values.spelled(task.node, task, task.domain)
    )
    value = cast(found, state.dtype)
    index = offset_of(
        resolve(state), writer.part.slots[state], writer.sizes, writer.values.variable(task)
    )
    writer._put(state, Item(writer.labels.ident(state), index), value)


def _accumulator(task: Task) -> str:
    """Sums of f32 in a register are added up in f64: one rounding at the end in place of
    thousands.
    """
    node = task.node
    adds = not hasattr(node.op.spell, "combine") or node.op.name == "sum"
    return "f64" if adds and node.dtype == "f32" else node.dtype


def _finished(nest: fuse.Nest, loop: fuse.Loop, depth: int) -> list[Task]:
    """The reductions into registers whose outermost reduced loop this is."""
    tasks = [
        leaf.task for leaf, _ in fuse.walk(loop.block) if leaf.phase == "body" and leaf.task.folded
    ]
    return [
        t for t in tasks if t.in_register and t.folded[0] == depth and nest.path[t][depth] is loop
    ]


def _readers_left(part: Part) -> dict[Node, list[Task]]:
    found: dict[Node, list[Task]] = {}
    for task in part.nest.tasks.order:
        for access in task.reads:
            found.setdefault(access.base, []).append(task)
    return found


def _views(writer: _Writer) -> list[Stmt]:
    """The places of the kernel's values, one line a buffer: this is the memory plan."""
    groups: dict[tuple[str, int, str, bool], list[Node]] = {}
    for node, slot in writer.part.slots.items():
        if slot.arena in ("feed", "data", "state", "work", "out"):
            key = slot.arena, slot.offset, node.dtype, slot.rows > 0
            groups.setdefault(key, []).append(node)
    lines: list[Stmt] = []
    for (arena, offset, dtype, _), nodes in groups.items():
        names = [writer.labels.ident(n) for n in nodes]
        lines.append(_view(arena, offset, dtype, tuple(dict.fromkeys(names)), nodes[0], writer))
    return lines


def _view(
    arena: str, offset: int, dtype: str, names: tuple[str, ...], node: Node, writer: _Writer
) -> Let:
    place = Call(f"at_{dtype}", (Name(arena), Number(offset, "i64")))
    slot = writer.part.slots[node]
    long = [extent(d, writer.sizes) for d in node.shape if d != 1][slot.depth :]
    long = [Number(slot.rows, "i64"), *long[1:]] if slot.rows else long
    shape = f"[{','.join(map(text, long))}]" if long else ""
    return Let(names, place, None, f"{dtype}{shape}" + ", a block of rows" * (slot.rows > 0))


def _places(writer: _Writer) -> dict[str, Place]:
    """The memory of each buffer, by the name it has in the kernel."""
    return {
        writer.labels.ident(n): Place(s.arena, s.offset, s.nbytes, n.dtype, s.own)
        for n, s in writer.part.slots.items()
        if s.arena not in ("", "arg")
    }


OPAQUE[Region] = region(lower)

LEAVES: dict[str, Callable[[_Writer, Task], None]] = {
    "zero": _Writer._zero,
    "start": _Writer._start,
    "body": _Writer._body,
}

__all__ = ["Labels", "lower"]
