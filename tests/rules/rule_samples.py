"""What tests of rewrites share: left sides as graphs, values that break things, bits compared."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from rule_examples import EXAMPLES

from graphc.graph import CONST, Graph, Node
from graphc.ops.spell import Reshape, View
from graphc.rules.rule import LOOSE, Rule

SPECIAL = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    np.inf,
    -np.inf,
    np.nan,
    5e-324,
    -1e-40,
    1e308,
    -3e38,
    2.5,
    1 / 3,
    -0.7,
)


def written(row: Rule, dtype: str) -> tuple[Node, dict[str, Node]]:
    """The left side of a row as a graph over inputs, and those by their names."""
    return example(row.name, dtype) if row.name in EXAMPLES else instance(row.left, dtype, ("n",))


def example(name: str, dtype: str) -> tuple[Node, dict[str, Node]]:
    """A left side with loose operations, from EXAMPLES."""
    graph, (shapes, write) = (
        Graph("example", dtype=dtype if dtype in ("f32", "f64") else "f64"),
        EXAMPLES[name],
    )
    kinds = {"t": "u8", "c": "bool"}
    inputs = {n: graph.input(n, shape, kinds.get(n, dtype)) for n, shape in shapes.items()}
    return write(**inputs), inputs


def instance(pattern: Node, dtype: str, shape: Any) -> tuple[Node, dict[str, Node]]:
    """A pattern without loose operations over inputs, and those by the names of its holes."""
    graph = Graph("instance", dtype=dtype if dtype in ("f32", "f64") else "f64")
    holes: dict[str, Node] = {}

    def made(p: Node) -> Node:
        if "hole" in p.attrs:
            name, kind = p.attrs["hole"], "bool" if p.dtype == "bool" else dtype
            return (
                holes[name]
                if name in holes
                else holes.setdefault(name, graph.input(name, shape, kind))
            )
        if p.op is CONST:
            return graph.constant(p.value, dtype)
        return graph.add(p.op, tuple(map(made, p.args)), p.attrs)

    return made(pattern), holes


def is_plain(pattern: Any) -> bool:
    """Whether a left side can be made by `instance`: it has no loose operations."""
    return pattern.op is not LOOSE and all(map(is_plain, pattern.args))


def specials(inputs: dict[str, Node]) -> dict[Node, np.ndarray]:
    """Special values for every input: all combinations where the size is named, else what fits."""
    choices = [_choices(node) for node in inputs.values()]
    rows = list(zip(*itertools.product(*choices), strict=True))
    with np.errstate(all="ignore"):
        return {node: _filled(node, row) for node, row in zip(inputs.values(), rows, strict=True)}


def _filled(node: Node, values: Any) -> np.ndarray:
    array = np.array(values).astype(node.type.numpy)
    return array if node.type.names() else np.resize(array, node.shape)


def _choices(node: Node) -> list[Any]:
    kind = node.type.numpy.kind
    if kind == "b":
        return [False, True]
    if kind in "iu":
        info = np.iinfo(node.type.numpy)
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


def cost(root: Node) -> int:
    """How many stages compute something: not leaves, views, casts, or a sign."""
    free = ("negative", "astype", "alias")
    return sum(
        not n.is_leaf and not isinstance(n.op.spell, (View, Reshape)) and n.op.name not in free
        for n in root.graph.order(root)
    )
