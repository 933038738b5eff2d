"""A rewrite is a row: a name, two sides that are ordinary expressions over holes, a condition.

A row keeps the type of what it replaces; one whose right side has another type does not fire. The
literals of a row stand for that number in any element type, also broadcast; a commutative operation
matches in both orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.errors import GraphError
from graphc.graph import CONST, EMPTY, INPUT, Graph, Node, Op, graph_of
from graphc.types import Type

PATTERNS = Graph("patterns")
"""The graph that holds both sides of every row, over holes that are f64 scalars."""

LOOSE = Op("loose", lambda *args, **_: Type("f64"), None, lambda *args, **_: None)
"""Stands in a pattern for an operation whatever its attributes."""

COMMUTATIVE = frozenset(
    (
        "add",
        "multiply",
        "maximum",
        "minimum",
        "equal",
        "not_equal",
        "logical_and",
        "logical_or",
        "logical_xor",
    )
)

TRANSPARENT = frozenset(("alias", "broadcast_to"))
"""What a literal is seen through."""

Found = Mapping[str, Node]
"""The stages that a left side found: holes and loose operations by their names, and "root"."""

Make = Callable[[Op, tuple[Node, ...], Mapping[str, Any]], Node]


def holes(names: str, dtype: str = "f64") -> tuple[Node, ...]:
    """One hole for each name: it stands for any stage, the same one wherever it occurs.

    `dtype` is there for the type rules of what is written over it: bool for logical operations.
    """
    return tuple(
        PATTERNS.add(INPUT, (), {"type": Type(dtype), "hole": name}) for name in names.split()
    )


def loose(name: str, *args: Node, called: str = "") -> Node:
    """A pattern of the operation `name` with any attributes, which is found as `called`."""
    return PATTERNS.add(LOOSE, args, {"of": name, "called": called or name})


@dataclass(frozen=True)
class Rule:
    """One row. `right` is an expression over the holes of `left`, or a function of what was found.

    `when` is asked last. `mixed` allows different element types; others share one.
    """

    name: str
    left: Node
    right: Node | Callable[[Found], Node]
    when: Callable[[Found], bool] | None = None
    mixed: bool = False

    @property
    def root(self) -> str:
        """The name of the operation that its left side ends in."""
        return _op_name(self.left)


def rule(
    name: str,
    left: Node,
    right: Node | Callable[[Found], Node],
    when: Callable[[Found], bool] | None = None,
    *,
    mixed: bool = False,
) -> Rule:
    """A row of a table."""
    return Rule(name, left, right, when, mixed)


class Table:
    """Rows under one name, tried in order; `alone`: only where nobody else reads what they swallow.

    Raises GraphError when two rows have one name.
    """

    def __init__(self, name: str, *rules: Rule, alone: bool = False) -> None:
        self.name, self.rules, self.alone = name, rules, alone
        self.by_root: dict[str, list[Rule]] = {}
        for row in rules:
            self.by_root.setdefault(row.root, []).append(row)
        names = [row.name for row in rules]
        for row_name in names:
            if names.count(row_name) > 1:
                raise GraphError(f"two rows of {name!r} are named {row_name!r}", code="G502")

    def rows(self, node: Node) -> list[Rule]:
        """The rows whose left side ends in the operation of this stage."""
        return self.by_root.get(node.op.name, [])


@dataclass(frozen=True)
class Match:
    """What the holes of a left side stand for, and its operations' stages, the root first."""

    found: Found = field(default_factory=dict)
    stages: tuple[Node, ...] = ()

    def bound(self, name: str, node: Node) -> Match:
        """The same match, which calls `node` by `name` too."""
        return Match({**self.found, name: node}, self.stages)

    def through(self, node: Node) -> Match:
        """The same match with one more stage of the left side."""
        return Match(self.found, (*self.stages, node))


def matches(row: Rule, node: Node) -> Iterator[Match]:
    """Every way in which this stage is the row's left side and meets its condition."""
    for match in _match(row.left, node, Match().bound("root", node)):
        if (row.mixed or _one_dtype(match)) and (row.when is None or row.when(match.found)):
            yield match


def _match(pattern: Node, node: Node, match: Match) -> Iterator[Match]:
    if "hole" in pattern.attrs:
        yield from _match_hole(pattern.attrs["hole"], node, match)
    elif pattern.op is CONST:
        if is_number(node, pattern.value):
            yield match
    elif pattern.op is LOOSE and node.op.name == pattern.attrs["of"]:
        yield from _match_args(
            pattern.args, node.args, match.bound(pattern.attrs["called"], node).through(node)
        )
    elif pattern.op is node.op and pattern.attrs == node.attrs:
        match = match.through(node)
        yield from _match_args(pattern.args, node.args, match)
        if node.op.name in COMMUTATIVE:
            yield from _match_args(pattern.args, node.args[::-1], match)


def _match_hole(name: str, node: Node, match: Match) -> Iterator[Match]:
    if name not in match.found:
        yield match.bound(name, node)
    elif alike(match.found[name], node):
        yield match


def _match_args(
    patterns: tuple[Node, ...], args: tuple[Node, ...], match: Match
) -> Iterator[Match]:
    if not patterns and not args:
        yield match
    elif patterns and args:
        for first in _match(patterns[0], args[0], match):
            yield from _match_args(patterns[1:], args[1:], first)


def _one_dtype(match: Match) -> bool:
    return len({node.dtype for node in (*match.stages, *match.found.values())}) == 1


def _op_name(pattern: Node) -> str:
    return pattern.attrs["of"] if pattern.op is LOOSE else pattern.op.name


def constant_of(node: Node) -> np.ndarray | None:
    """The array that a stage is known to be, through names and broadcasting; else None."""
    while node.op.name in TRANSPARENT:
        node = node.args[0]
    return node.value if node.op is CONST else None


def is_number(node: Node, number: Any) -> bool:
    """Whether a stage is this number everywhere, its sign of zero included; never true of bool."""
    value = constant_of(node)
    if value is None or not value.size or value.dtype == bool:
        return False
    first = value.flat[0]
    same = bool(first == number) and bool(np.signbit(first) == np.signbit(number))
    return same and (
        value.size == 1
        or bool((value.view(f"V{value.itemsize}") == first.view(f"V{value.itemsize}")).all())
    )


def alike(a: Node, b: Node, depth: int = 4) -> bool:
    """Whether two stages are the same computation, as far as `depth` operations show."""
    if a is b:
        return True
    if (
        a.op is not b.op
        or a.op.effect
        or not depth
        or len(a.args) != len(b.args)
        or (a.is_leaf and a.op is not CONST)
    ):
        return False
    return _same_attrs(a.attrs, b.attrs) and all(
        map(lambda p, q: alike(p, q, depth - 1), a.args, b.args)
    )


def _same_attrs(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return a.keys() == b.keys() and all(_same_value(a[k], b[k]) for k in a)


def _same_value(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and a.tobytes() == b.tobytes()
        )
    return bool(a == b)


def build(row: Rule, found: Found, make: Make) -> Node:
    """The row's right side; its literals take the element type of the stage replaced."""
    if isinstance(row.right, Node):
        return _build(row.right, found, make)
    return row.right(found)


def _build(pattern: Node, found: Found, make: Make) -> Node:
    if "hole" in pattern.attrs:
        return found[pattern.attrs["hole"]]
    root = found["root"]
    if pattern.op is CONST:
        return graph_of(root).constant(pattern.value, root.dtype)
    return make(
        pattern.op, tuple(_build(a, found, make) for a in pattern.args), pattern.attrs or EMPTY
    )
