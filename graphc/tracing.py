"""What every stage of a program does with given numbers: value, upstream gradient, local gradients.

No compilation: the graph is interpreted, as the drawings of circuits in the lecture notes show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from graphc.graph import CONST, FUNCTIONS, Graph, Node
from graphc.interpret import evaluate
from graphc.joint import Joint
from graphc.ops.elementwise.arith import Masked
from graphc.ops.spell import Each, Expand
from graphc.show import expression

FEW = 6
"""Arrays of at most so many elements are printed whole."""


@dataclass(frozen=True)
class Wire:
    """One stage: its value, the gradient that comes from above, and what it multiplies that with.

    `local` has d(stage) / d(argument) for each argument of an elementwise stage, None where there
    is none or where it would be a matrix; `gradient` is the sum of what arrived.
    """

    name: str
    text: str
    value: Any
    gradient: Any
    local: tuple[Any, ...]


class Trace(Mapping[str, Wire]):
    """The stages in order, inputs and params first; `trace["f"].value`, `.gradient`, `.local`."""

    def __init__(self, wires: list[Wire]) -> None:
        self.wires = wires
        self._named = {wire.name or wire.text: wire for wire in wires}

    def __getitem__(self, name: str) -> Wire:
        return self._named[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table's cells."""
        head = ("stage", "value", "gradient", "local gradients")
        return [head, *(_row(wire) for wire in self.wires)]

    def __str__(self) -> str:
        rows = self.rows
        wide = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
        lines = ("  ".join(f"{c:<{w}}" for c, w in zip(r, wide, strict=True)) for r in rows)
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        cells = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self.rows)
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def trace(joint: Joint, feeds: Mapping[str, np.ndarray]) -> Trace:
    """The trace of a joint, its leaves fed by name."""
    graph = joint.graph
    leaves = [n for n in graph.order(*joint.roots) if n.is_leaf and n.op is not CONST]
    fed = {n: feeds[n.name or ""] for n in leaves}
    values = evaluate(joint.roots, fed)
    totals = _totals(graph, values)
    stages = [n for n in graph.order(*joint.outputs) if _has_row(n)]
    ordered = sorted(stages, key=lambda n: (not n.is_leaf, n.index))
    return Trace([_wire(n, values, totals) for n in ordered if n in values])


def _has_row(node: Node) -> bool:
    """Whether it is a stage of the forward sweep with a value; several results are stages too."""
    return node.op is not CONST and node.backward_of is None and len(node.types) == 1


def _totals(graph: Graph, values: Mapping[Node, Any]) -> dict[Node, Any]:
    """For each stage the last, and so the full, sum of its gradient's terms."""
    found: dict[Node, Any] = {}
    for gradient, intos in graph.gradients.items():
        for into in intos:
            if gradient in values:
                found[into] = values[gradient]
    return found


def _wire(node: Node, values: Mapping[Node, Any], totals: Mapping[Node, Any]) -> Wire:
    text = expression(node) if not node.is_leaf else node.op.name
    local = tuple(map(_plain, _local(node, values)))
    return Wire(node.name or "", text, _plain(values[node]), _plain(totals.get(node)), local)


def _plain(value: Any) -> Any:
    """A scalar as Python has it."""
    return value.item() if isinstance(value, (np.ndarray, np.generic)) and not value.ndim else value


def _local(node: Node, values: Mapping[Node, Any]) -> tuple[Any, ...]:
    """d(node) / d(argument), element by element: its local gradient with 1 from above."""
    if node.is_leaf or node.op.vjp is None or not _elementwise(node) or not node.type.is_float:
        return ()
    scratch = Graph("local", dtype=node.dtype)
    arrays = [values[a] for a in node.args]
    args = [_again(scratch, a, array) for a, array in zip(node.args, arrays, strict=True)]
    y = scratch.add(node.op, args, node.attrs)
    ones = FUNCTIONS["full_like"](y, 1)
    terms = [_bare(t) for t in node.op.vjp(ones, y, *args, **node.attrs)]
    wanted = [t for t in terms if t is not None]
    found = evaluate(wanted, {}) if wanted else {}
    return tuple(None if t is None else found[t] for t in terms)


def _elementwise(node: Node) -> bool:
    """Whether each element of the result hangs on one element of each argument alone."""
    scalars = isinstance(node.op.spell, Expand) and not node.shape
    return isinstance(node.op.spell, Each) or (
        scalars and all(len(a.types) == 1 and not a.shape for a in node.args)
    )


def _again(graph: Graph, node: Node, array: np.ndarray) -> Node:
    return graph.constant(array, node.dtype)


def _bare(term: Any) -> Node | None:
    return FUNCTIONS["where"](term.mask, term.term, 0) if isinstance(term, Masked) else term


def _row(wire: Wire) -> tuple[str, ...]:
    name = f"{wire.name} = {wire.text}" if wire.name else wire.text
    local = ", ".join("-" if v is None else short(v) for v in wire.local)
    return (name, short(wire.value), "" if wire.gradient is None else short(wire.gradient), local)


def short(value: Any) -> str:
    """A number with four digits, a small array whole, a large one by its shape and range."""
    array = np.asarray(value)
    if array.size > FEW:
        return f"{array.shape} {array.min():.4g}..{array.max():.4g}"
    if array.ndim:
        return np.array2string(array, precision=4, separator=", ").replace("\n", "")
    return f"{array.item():.4g}" if array.dtype.kind == "f" else str(array.item())
