"""A joint goes in, its forward values and who reads them in the backward sweep come out.

Views are looked through, as everywhere in a plan. Leaves, single numbers and what has no argument
are there at any time, so they are no values here. Note: [Levels].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from graphc.graph import Graph, Node
from graphc.joint import Joint
from graphc.ops.several import operands
from graphc.ops.spell import Check, Each, Extent, Fold, Gather, Reshape, Result, View
from graphc.plan.access import is_view
from graphc.plan.cost import operations
from graphc.plan.memory import nbytes
from graphc.plan.sizes import Sizes
from graphc.types import dim_names

DEFAULT = 64
"""What a named size counts as while nobody knows it."""

AGAIN = "again"
"""The effect of an operation that computes a forward value again: it is never shared."""


@dataclass(eq=False, slots=True)
class Value:
    """A forward value: what it reads (positions), what it weighs, what it costs, when it is read.

    `movable`: it may be computed again. `dense`: the forward sweep writes it to memory anyway.
    `uses`: the positions of its readers among the late stages. `far`: one of them shares no loop
    with it. `whole`: one of them reads it from memory, whatever loops are shared.
    """

    node: Node
    reads: tuple[int, ...]
    nbytes: int
    flops: int
    movable: bool
    dense: bool = False
    uses: list[int] = field(default_factory=list)
    far: bool = False
    whole: bool = False

    @property
    def cheap(self) -> bool:
        """Whether computing it again takes no product, no reduction and no search."""
        return isinstance(self.node.op.spell, Each)

    def overwrites(self, other: Value) -> bool:
        """Whether it may take the place of a value that it is the last to read."""
        return self.cheap and self.nbytes == other.nbytes


def read(joint: Joint, sizes: Mapping[str, int] | None = None) -> Sweeps:
    """The sweeps of a joint; a named size that is not among `sizes` counts as 64."""
    sweeps = Sweeps(joint, sizes or {})
    sweeps.fill()
    return sweeps


class Sweeps:
    """The values of the forward sweep, in order, and the late stages, which run when it is over."""

    def __init__(self, joint: Joint, sizes: Mapping[str, int]) -> None:
        self.joint = joint
        order = joint.graph.order(*joint.roots)
        self.order = [n for n in order if not n.is_leaf and len(n.types) == 1]
        self.sizes = Sizes({name: sizes.get(name, DEFAULT) for name in _named(self.order)})
        self.base: dict[Node, Node] = {}
        for node in self.order:
            arg = looked_at(node)
            self.base[node] = node if arg is None else self.base.get(arg, arg)
        self.late = self._late()
        self.values: list[Value] = []
        self.position: dict[Node, int] = {}
        self.again: dict[Node, Value] = {}

    def _late(self) -> list[Node]:
        """What is computed behind the forward sweep: gradients, what reads them, new values."""
        joint = self.joint
        wanted = set(joint.graph.order(*joint.outputs, *joint.gradients.values()))
        found: dict[Node, None] = {}
        for node in self.order:
            later = node.backward_of is not None or node not in wanted
            if later or any(a in found for a in operands(node)):
                found[node] = None
        return list(found)

    def fill(self) -> None:
        """Enter every forward value, then its readers of both sweeps."""
        late, checked = set(self.late), self._checked()
        for node in self.order:
            if node not in late and self.base[node] is node and not is_free(node):
                self._enter(node, checked)
        for node in self.order:
            if node not in late and looked_at(node) is None:
                self._read_early(node)
        for at, node in enumerate(self.late):
            if node.op.effect == AGAIN:
                self.again[node] = self._value(node, False)
            if looked_at(node) is None:
                self._read_late(at, node)
        self._ask()

    def _checked(self) -> set[Node]:
        """Values that passed a test: the test is not made again, so neither are they."""
        return {self.base[n] for n in self.order if isinstance(n.op.spell, Check)}

    def _enter(self, node: Node, checked: set[Node]) -> None:
        self.position[node] = len(self.values)
        self.values.append(self._value(node, node not in checked and _may_repeat(node)))

    def _value(self, node: Node, movable: bool) -> Value:
        size, flops = nbytes(node, self.sizes), self.operations(node)
        return Value(node, self.read_by(node), size, flops, movable)

    def operations(self, node: Node) -> int:
        """What computing it costs; what is only moved counts one for each element."""
        size = nbytes(node, self.sizes) // node.type.numpy.itemsize
        return operations(node, self.sizes) or size

    def bases(self, node: Node) -> dict[Node, None]:
        """What a stage reads, views looked through."""
        return dict.fromkeys(self.base.get(a, a) for a in operands(node))

    def read_by(self, node: Node) -> tuple[int, ...]:
        """The positions of the values that a stage reads."""
        return tuple(self.position[b] for b in self.bases(node) if b in self.position)

    def _read_early(self, node: Node) -> None:
        for at in self.read_by(node) if from_memory(node) else ():
            self.values[at].dense = True

    def _read_late(self, at: int, node: Node) -> None:
        read = [self.values[position] for position in self.read_by(node)]
        read += [self.again[base] for base in self.bases(node) if base in self.again]
        for value in read:
            value.uses.append(at)
            value.whole |= from_memory(node)
            value.far |= self.is_far(value.node, node)

    def last(self, value: Value) -> int:
        """The last late stage at which a value is held."""
        readers = ((at, self.again.get(self.late[at])) for at in value.uses)
        return max(at - (reader is not None and reader.overwrites(value)) for at, reader in readers)

    def _ask(self) -> None:
        """What is asked for is written; a look at a value, asked for late, holds the value."""
        for node in self.joint.roots:
            base = self.base.get(node, node)
            if base in self.position:
                value = self.values[self.position[base]]
                value.dense = True
                value.movable &= node is base

    def is_far(self, value: Node, reader: Node) -> bool:
        """Whether a reader can share no loop with a value, since other loops must run between."""
        return self.level[reader] > self.level[value]

    @cached_property
    def level(self) -> dict[Node, int]:
        """How many walls lie between the start and each stage. Note [Levels]."""
        found: dict[Node, int] = {}
        for node in self.order:
            behind = (found[a] + is_wall(a) for a in operands(node) if a in found)
            found[node] = max(behind, default=0)
        return found


def is_free(node: Node) -> bool:
    """Whether a value is there at any time: a leaf, a count, or a single number."""
    return node.is_leaf or not node.args or all(d == 1 for d in node.shape)


def looked_at(node: Node) -> Node | None:
    """What a stage is only another look at, checked or not."""
    return node.args[0] if is_view(node) or isinstance(node.op.spell, Check) else None


def from_memory(node: Node) -> bool:
    """Whether a stage brings its own loops, so that what it reads has to lie in memory."""
    return not isinstance(node.op.spell, (Each, Fold))


def _may_repeat(node: Node) -> bool:
    regions = any(isinstance(v, Graph) for v in node.attrs.values())
    alone = not isinstance(node.op.spell, Result)
    return alone and not node.op.effect and not regions


def is_wall(node: Node) -> bool:
    """Whether a value is known only when the rows of all that it reads have been seen."""
    spell = node.op.spell
    if isinstance(spell, Fold):
        long = [axis for axis, d in enumerate(node.args[0].shape) if d != 1]
        return bool(long) and long[0] in node.attrs["axis"]
    return not isinstance(spell, ROWS)


ROWS = (Each, View, Reshape, Check, Extent, Gather)
"""What gives a row as soon as it has one."""


def _named(order: list[Node]) -> set[str]:
    """The named sizes of these stages and of what they read."""
    dims = {d for n in order for part in (n, *operands(n)) for t in part.types for d in t.shape}
    return {name for dim in dims for name in dim_names(dim)}


# Note [Levels]
#
# A product, or a sum over the rows, is a wall: what reads its result runs in loops behind it. A
# stage's level counts the walls on the longest way to it, so a value and a reader of one level may
# share a loop, where the value is a register, or a row; there is nothing to gain by computing it
# again.
