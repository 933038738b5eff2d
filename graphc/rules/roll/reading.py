"""A graph in, its stages in a row out, each with a label of what it is and with what it reads, so
that equal steps can be told: what a search for periods looks at.

Leaves, slices, and what is computed of leaves again and again are no members of the row: what
reads them says so itself. Note: [What is in the row].
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Set
from math import prod
from typing import Any, NamedTuple

import numpy as np

from graphc.graph import CONST, Graph, Node
from graphc.node import SHARED
from graphc.ops.shaping.pieces import slice_
from graphc.ops.spell import Region
from graphc.types import Dim, Size

FIXED, NUMBER, STAGE, PART = "fixed", "number", "stage", "part"


class Operand(NamedTuple):
    """One argument of a stage, and where it stands in the row: -1 where it is no member.

    kind  FIXED, a leaf or a stage computed of leaves; NUMBER, a constant; STAGE, a member of the
          row; PART, a slice of one of the others
    base  the argument itself, of a PART what it is a slice of
    at    where the base stands
    """

    kind: str
    node: Node
    base: Node
    at: int


class Row:
    """The stages of a graph in a row; `barriers` are stages that belong to no step."""

    def __init__(self, graph: Graph, barriers: Iterable[Node] = ()) -> None:
        self.graph, self.barriers = graph, set(barriers)
        self._first, often = _equals(graph, self.barriers)
        self.closed: set[Node] = set()
        self.stages: list[Node] = []
        self.place: dict[Node, int] = {}
        for node in graph.nodes:
            self._enter(node, node in often)
        self.operands = [tuple(map(self.operand, n.args)) for n in self.stages]
        self.kinds = _numbered(map(self._kind, self.stages))
        self.labels = _numbered(map(self._label, range(len(self.stages))))
        self.contexts = self.labels
        for _ in range(ROUNDS):
            self.contexts = _numbered(map(self._context, range(len(self.stages))))

    def _enter(self, node: Node, often: bool) -> None:
        if node.is_leaf or (often and all(a in self.closed for a in node.args)):
            self.closed.add(node)
        elif not self._is_part(node):
            self.place[node] = len(self.stages)
            self.stages.append(node)

    def _is_part(self, node: Node) -> bool:
        """Whether a stage is a slice of a value that is no slice."""
        return node.op is slice_ and node.args[0].op is not slice_ and node not in self.barriers

    def operand(self, arg: Node) -> Operand:
        """What an argument is to those who read it."""
        if arg.op is CONST:
            return Operand(NUMBER, arg, arg, -1)
        if arg in self.place:
            return Operand(STAGE, arg, arg, self.place[arg])
        first = self._first.get(arg, arg)
        if arg in self.closed:
            return Operand(FIXED, first, first, -1)
        base = arg.args[0]
        at = self.place.get(base, -1)
        return Operand(PART, arg, self._first.get(base, base) if at < 0 else base, at)

    def _kind(self, node: Node) -> Hashable:
        """What a stage is, whatever it reads; what cannot be part of a step is like no other."""
        alone = node.op.effect not in POSSIBLE or isinstance(node.op.spell, Region)
        return node if alone or node in self.barriers else (node.op, _attrs(node), node.types)

    def _label(self, k: int) -> Hashable:
        return self.kinds[k], tuple(map(_read, self.operands[k]))

    def _context(self, k: int) -> Hashable:
        """The label of a stage with those of what it reads."""
        read = tuple(self.contexts[o.at] for o in self.operands[k] if o.at >= 0)
        return self.contexts[k], read


OFTEN = 8
"""What is computed so often, of leaves alone, does not change from step to step."""

ROUNDS = 2
"""A step of equal stages is told by what they read, so many stages back."""

POSSIBLE = ("", "assert", "name")
"""Effects of stages that a step may have."""


def _read(operand: Operand) -> Hashable:
    if operand.kind == STAGE:
        return STAGE
    if operand.kind == NUMBER:
        return operand.node.type
    if operand.kind == FIXED:
        return operand.node
    return STAGE if operand.at >= 0 else operand.base, span(operand.node)


def span(part: Node) -> Hashable:
    """What a slice takes, wherever it begins."""
    starts, stops, steps = (part.attrs[k] for k in ("starts", "stops", "steps"))
    return tuple(map(_width, starts, stops)), steps


def _width(start: Dim, stop: Dim) -> Dim:
    return stop - start


def ahead_of(a: Node, b: Node) -> tuple[int, ...] | None:
    """How far one slice begins behind another; None where numbers cannot say it."""
    pairs = zip(a.attrs["starts"], b.attrs["starts"], strict=True)
    found = tuple(0 if x == y else y - x for x, y in pairs)
    return None if any(isinstance(d, Size) for d in found) else found


def bytes_of(node: Node) -> int:
    """The bytes of a value; a named size counts as NAMED."""
    total = 0
    for type in node.types:
        sizes = (d if isinstance(d, int) else NAMED for d in type.shape)
        total += prod(sizes) * type.numpy.itemsize
    return total


NAMED = 64
"""What a named size is taken for."""


def _numbered(keys: Iterable[Hashable]) -> list[int]:
    """A number for each key, equal for equal ones."""
    known: dict[Hashable, int] = {}
    return [known.setdefault(key, len(known)) for key in keys]


def _equals(graph: Graph, barriers: Set[Node]) -> tuple[dict[Node, Node], set[Node]]:
    """For each stage the first one that computes the same; and the stages that are computed often,
    always of the same numbers.
    """
    known: dict[Hashable, Node] = {}
    first: dict[Node, Node] = {}
    forms: dict[Node, int] = {}
    numbers: dict[Hashable, int] = {}
    variants: dict[int, set[Node]] = defaultdict(set)
    for node in graph.nodes:
        if node.is_leaf or node.op.effect not in SHARED or node in barriers:
            continue
        args = tuple(first.get(a, a) for a in node.args)
        own = known.setdefault((node.op, args, _attrs(node)), node)
        form = (node.op, tuple(forms.get(a, _form(a)) for a in node.args), _attrs(node, PLACES))
        first[node], forms[node] = own, numbers.setdefault(form, len(numbers))
        variants[forms[node]].add(own)
    count = Counter(first.values())
    often = {n for n, own in first.items() if count[own] >= OFTEN and len(variants[forms[n]]) == 1}
    return first, often


PLACES = ("starts", "stops")
"""What differs between slices of one form."""


def _form(leaf: Node) -> Hashable:
    return leaf.type if leaf.op is CONST else leaf


def _attrs(node: Node, but: tuple[str, ...] = ()) -> Hashable:
    if not node.attrs:
        return ()
    return tuple((k, _hashable(v)) for k, v in sorted(node.attrs.items()) if k not in but)


def _hashable(value: Any) -> Hashable:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return value if isinstance(value, Hashable) else id(value)


# Note [What is in the row]
#
# A loop in Python makes the same stages in the same order turn by turn, but for three things.
# Constants are interned, so that the first turn alone makes them. x[t] is a slice that begins
# elsewhere in every turn. And what does not change may be written inside of the loop, x.T[t], and
# is then a stage in every turn that computes what the first turn's does. So constants and slices
# are told with the stage that reads them, and what is computed of leaves alone, again and again and
# always of the same numbers, is taken as given.
