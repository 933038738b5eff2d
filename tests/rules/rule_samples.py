"""What the tests of rewrites share: patterns made into graphs, values that break things, bits compared."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from graphc.graph import CONST, Graph, Node
from graphc.ops.spell import Reshape, View
from graphc.rules.rule import LOOSE

SPECIAL = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, -1e-40, 1e308, -3e38, 2.5, 1 / 3, -0.7)


def instance(pattern: Node, dtype: str, shape: Any) -> tuple[Node, dict[str, Node]]:
    """A pattern without loose operations as a graph over inputs, and those by the names of its holes."""
    graph = Graph("instance", dtype="f32" if dtype == "f32" else "f64")
    holes: dict[str, Node] = {}

    def made(p: Node) -> Node:
        if "hole" in p.attrs:
            kind = "bool" if p.dtype == "bool" else dtype
            name = p.attrs["hole"]
            return holes[name] if name in holes else holes.setdefault(name, graph.input(name, shape, kind))
        if p.op is CONST:
            return graph.constant(p.value, dtype)
        return graph.add(p.op, tuple(map(made, p.args)), p.attrs)

    return made(pattern), holes


def is_plain(pattern: Any) -> bool:
    """Whether a side of a row can be made by `instance`: an expression without loose operations."""
    return isinstance(pattern, Node) and pattern.op is not LOOSE and all(map(is_plain, pattern.args))


def all_tuples(holes: dict[str, Node]) -> dict[Node, np.ndarray]:
    """Every combination of special values, one array for each hole; all the small integers for integers."""
    choices = [_choices(hole) for hole in holes.values()]
    rows = list(zip(*itertools.product(*choices), strict=True))
    with np.errstate(all="ignore"):
        return {hole: np.array(row).astype(hole.type.numpy) for hole, row in zip(holes.values(), rows, strict=True)}


def _choices(hole: Node) -> list[Any]:
    kind = hole.type.numpy.kind
    if kind == "b":
        return [False, True]
    if kind in "iu":
        info = np.iinfo(hole.type.numpy)
        return [0, 1, 3, int(info.min), int(info.max), int(info.max) // 2]
    return list(SPECIAL)


def same_bits(a: Any, b: Any) -> bool:
    """Whether two arrays are equal, NaN for NaN and zeros by their signs."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    equal = (a == b) | ((a != a) & (b != b))
    signs = (np.signbit(a) == np.signbit(b)) | (a != a) if a.dtype.kind == "f" else True
    return bool(np.all(equal & signs))


def cost(*roots: Node) -> int:
    """How many stages compute something: not leaves, views, or a sign that the reader can take along."""
    free = ("negative", "astype", "alias")
    stages = roots[0].graph.order(*roots)
    return sum(
        not n.is_leaf and not isinstance(n.op.spell, (View, Reshape)) and n.op.name not in free for n in stages
    )
