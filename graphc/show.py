"""A graph in; text, DOT, Mermaid or a JSON-able dict out: every stage as its user would write it.

One notation everywhere, `h: f32[batch,100] = relu(z1 + b1)  # net.py:14`. What a user named is
called by its name, an unnamed value that is read once is written inside its reader, any other is
called by its number, `%7`. Names are free text: each form escapes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import numpy as np

from graphc.expr import ATOM
from graphc.graph import CONST, INPUT, LEAVES, PARAM, STATE, Graph, Node
from graphc.written import (
    ELLIPSIS,
    Written,
    attribute,
    called,
    expression,
    plain,
    value_text,
    written,
)

__all__ = ["as_dict", "dot", "expression", "html", "mermaid", "stages", "text"]

INLINE = 24
MOST_DRAWN = 60
COLUMN = 72


# The graph as text


def text(graph: Graph) -> str:
    """One line a stage in the order of creation: `h: f32[batch,100] = relu(z1)  # net.py:14`."""
    rows = list(stages(graph))
    widest = min(COLUMN, max((len(line) for _, line in rows), default=0))
    lines = [
        f"{line:<{widest}}  {place}".rstrip()
        for line, place in ((line, _place(n)) for n, line in rows)
    ]
    outputs = [f"outputs: {', '.join(map(plain, graph.outputs))}"] if graph.outputs else []
    return "\n".join([f"{plain(graph.title)}: {_counts(graph)}", *lines, *outputs])


def _place(node: Node) -> str:
    return f"# {plain(str(node.where[0]))}" if node.where else ""


def _counts(graph: Graph) -> str:
    kinds = {"input": INPUT, "param": PARAM, "state": STATE}
    counts = {kind: len(graph.leaves(op)) for kind, op in kinds.items()}
    counts["stage"] = sum(not n.is_leaf for n in graph.nodes)
    return (
        ", ".join(f"{n} {kind}{'' if n == 1 else 's'}" for kind, n in counts.items() if n)
        or "empty"
    )


def stages(graph: Graph) -> Iterator[tuple[Node, str]]:
    """The lines of `text` without their places: all that is not written inside its reader."""
    labels = Labels(graph)
    known: dict[Node, Written] = {}
    for node in graph.nodes:
        found = written(node, [known[a] for a in node.args])
        if labels.is_inline(node, found):
            known[node] = found
            continue
        known[node] = labels[node], ATOM
        yield node, f"{labels[node]}: {', '.join(map(str, node.types))} = {found[0]}"


class Labels:
    """What a stage is called in text: its name, `d_x` for the gradient of x, else its number."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._found: dict[Node, str] = {}
        self._used = {plain(name) for name in graph.names}

    def __getitem__(self, node: Node) -> str:
        if node not in self._found:
            self._found[node] = plain(node.name) if node.name is not None else self._unnamed(node)
        return self._found[node]

    def _unnamed(self, node: Node) -> str:
        if not self._is_gradient(node):
            return f"%{node.index}"
        base, count = f"d_{self[self.graph.gradients[node][0]]}", 2
        label = base
        while label in self._used:
            label, count = f"{base}_{count}", count + 1
        self._used.add(label)
        return label

    def _is_gradient(self, node: Node) -> bool:
        """Whether it is a whole gradient, not a term that a sum goes on from."""
        into = self.graph.gradients.get(node, ())
        sums = (r for r in self.graph.readers(node) if r.op.name == "add")
        return bool(into) and not any(into[0] in self.graph.gradients.get(r, ()) for r in sums)

    def is_inline(self, node: Node, found: Written) -> bool:
        """Whether it is written inside its readers: a constant, or short, unnamed and read once."""
        if node.name is not None or self._is_kept(node):
            return False
        if node.op is CONST:
            return bool(self.graph.readers(node))
        readers = self.graph.readers(node)
        once = len(readers) == 1 and readers[0].args.count(node) == 1
        return once and len(found[0]) <= INLINE and ELLIPSIS not in found[0]

    def _is_kept(self, node: Node) -> bool:
        return (
            (node.is_leaf and node.op is not CONST)
            or node in self.graph.outputs.values()
            or self._is_gradient(node)
        )


# The graph as data and as drawings


def as_dict(graph: Graph) -> dict[str, Any]:
    """The graph as lists, dicts and text, ready for JSON; node ids are the order of creation."""
    return {
        "title": graph.title,
        "dtype": graph.dtype,
        "nodes": [_node_dict(node) for node in graph.nodes],
        "outputs": {name: node.index for name, node in graph.outputs.items()},
    }


def _node_dict(node: Node) -> dict[str, Any]:
    return {
        "id": node.index,
        "names": list(node.graph.names_of(node)),
        "op": node.op.name,
        "args": [a.index for a in node.args],
        "attrs": {name: attribute(value) for name, value in node.attrs.items() if name != "type"},
        "types": list(map(str, node.types)),
        "expression": expression(node),
        "where": list(map(str, node.where)),
        "scope": node.scope,
        "backward_of": None if node.backward_of is None else node.backward_of.index,
    }


Values = Mapping[Any, Any]


def dot(graph: Graph, values: Values | None = None, gradients: Values | None = None) -> str:
    """The graph in Graphviz's language: a box a node, with its value and gradient where given.

    `values` and `gradients` map nodes or names to numbers or arrays. Raises GraphError for a name
    that no node has.
    """
    cells = Cells(graph, values, gradients)
    boxes = [
        f'  n{n.index} [label="{{{" | ".join(map(_record, cells[n]))}}}"{_filling(n)}];'
        for n in graph.nodes
    ]
    arrows = [
        f"  n{a.index} -> n{n.index}{_slot(n, i)};"
        for n in graph.nodes
        for i, a in enumerate(n.args)
    ]
    head = [
        f"digraph {_quoted(graph.title)} {{",
        "  rankdir=LR;",
        '  node [shape=record, fontname="monospace"];',
    ]
    return "\n".join([*head, *boxes, *arrows, "}"])


def _slot(node: Node, slot: int) -> str:
    return f' [headlabel="{slot}"]' if len(node.args) > 1 else ""


def _filling(node: Node) -> str:
    return ", style=filled, fillcolor=lightgrey" if node.op in LEAVES else ""


def _record(cell: str) -> str:
    return re.sub(r'([\\"{}|<>])', r"\\\1", plain(cell))


def _quoted(title: str) -> str:
    return '"' + re.sub(r'([\\"])', r"\\\1", plain(title)) + '"'


def mermaid(graph: Graph, values: Values | None = None, gradients: Values | None = None) -> str:
    """The graph as a Mermaid flowchart, which GitHub draws; values and gradients as for `dot`."""
    cells = Cells(graph, values, gradients)
    boxes = [
        f"  n{n.index}{_shape(n).format('<br/>'.join(map(_entities, cells[n])))}"
        for n in graph.nodes
    ]
    arrows = [f"  n{a.index} --> n{n.index}" for n in graph.nodes for a in n.args]
    return "\n".join(["flowchart LR", *boxes, *arrows])


def _shape(node: Node) -> str:
    return '(["{}"])' if node.is_leaf else '["{}"]'


def _entities(cell: str) -> str:
    """Mermaid's own escapes, `#35;`, for all but letters, digits and a few harmless signs."""
    return re.sub(r"[^\w .,:=+*/()%@[\]-]", lambda m: f"#{ord(m[0])};", plain(cell))


class Cells:
    """What the box of a node says: expression, type, and value and gradient where given."""

    def __init__(self, graph: Graph, values: Values | None, gradients: Values | None) -> None:
        self._labels = Labels(graph)
        self._shown = [
            (what, {graph.node(k): v for k, v in given.items()})
            for what, given in (("value", values), ("gradient", gradients))
            if given is not None
        ]

    def __getitem__(self, node: Node) -> list[str]:
        found = [self._head(node), ", ".join(map(str, node.types))]
        return found + [
            f"{what} {_short(known[node])}" for what, known in self._shown if node in known
        ]

    def _head(self, node: Node) -> str:
        name = self._labels[node]
        if node.is_leaf:
            return value_text(node.value) if node.op is CONST and node.name is None else name
        args = [called(a) or (self._labels[a], ATOM) for a in node.args]
        return f"{name} = {written(node, args)[0]}"


def _short(value: Any) -> str:
    array = np.asarray(value)
    return (
        f"{array[()]:.4g}"
        if array.ndim == 0 and array.dtype != bool
        else value_text(np.round(array, 4))
    )


# In a notebook


def html(graph: Graph) -> str:
    """A table of the stages: what it is called, its type, how it is written, where."""
    rows = "".join(_row(node, line) for node, line in stages(graph))
    head = "".join(f"<th>{title}</th>" for title in ("stage", "type", "expression", "line"))
    caption = escape(f"{plain(graph.title)}: {_counts(graph)}")
    top = f"<caption>{caption}</caption><thead><tr>{head}</tr></thead>"
    return f"<table>{top}<tbody>{rows}</tbody></table>"


def _row(node: Node, line: str) -> str:
    kind = ", ".join(map(str, node.types))
    label, _, said = line.partition(f": {kind} = ")
    cells = "".join(f"<td><code>{escape(cell)}</code></td>" for cell in (label, kind, said))
    return f"<tr>{cells}<td>{escape(_place(node).removeprefix('# '))}</td></tr>"


def _mimebundle(graph: Graph, include: Any = None, exclude: Any = None) -> dict[str, str]:
    """A drawing beside the table, while it is small enough to be read."""
    return {"text/vnd.mermaid": mermaid(graph)} if len(graph) <= MOST_DRAWN else {}


for _name, _how in {
    "__str__": text,
    "_repr_html_": html,
    "_repr_mimebundle_": _mimebundle,
}.items():
    setattr(Graph, _name, _how)
