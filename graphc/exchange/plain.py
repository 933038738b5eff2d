"""A Graph to a plain networkx DiGraph keyed by names, and any such graph to a Graph.

Every attribute is a string, so the networkx graph survives GraphML and JSON; `from_networkx` is the
exact inverse of `to_networkx`, and takes what was built by hand as a person means it.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from contextlib import nullcontext
from typing import Any

import networkx as nx
import numpy as np

from graphc.errors import GraphcError, GraphError
from graphc.exchange.handbuilt import applied, arguments, is_leaf, limits, meant, taken_by
from graphc.exchange.said import (
    OWN,
    Stage,
    default_dtype,
    ordered,
    pairs,
    several,
    stages,
    value,
)
from graphc.graph import CONST, INPUT, LEAVES, OPS, Graph, Node
from graphc.literal import write, write_array, write_types
from graphc.place import caller
from graphc.types import Type

FORMAT = "1"


# Out


def to_networkx(graph: Graph) -> nx.DiGraph:
    """A plain copy: names as keys, strings as attributes; unnamed nodes are called like `add_7`.

    Raises GraphError (G518) for an attribute that has no text, such as a function.
    """
    keys = _keys(graph)
    found = nx.DiGraph(name=write(graph.title), dtype=graph.dtype, graphc_format=FORMAT)
    found.graph["outputs"] = write(tuple((name, keys[n]) for name, n in graph.outputs.items()))
    belongs = ((keys[n], tuple(keys[i] for i in into)) for n, into in graph.gradients.items())
    found.graph["gradients"] = write(tuple(belongs))
    if graph.updates:
        news = ((keys[state], keys[new]) for state, new in graph.updates.items())
        found.graph["updates"] = write(tuple(news))
    for node in graph.nodes:
        found.add_node(keys[node], **_out(node, keys))
    for arg, user, data in graph.nx.edges(data=True):
        slots = ",".join(map(str, data["slots"]))
        found.add_edge(keys[arg], keys[user], **{"slots" if "," in slots else "slot": slots})
    return found


def _keys(graph: Graph) -> dict[Node, str]:
    """The first name of each node where every format can hold it, else one of its operation."""
    taken = set(graph.names)
    return {node: _key(node, taken) for node in graph.nodes}


def _key(node: Node, taken: set[str]) -> str:
    if node.name is not None and node.name.isprintable() and node.name == node.name.strip():
        return node.name
    key = f"{node.op.name}_{node.index}"
    while key in taken:
        key += "_"
    taken.add(key)
    return key


def _out(node: Node, keys: Mapping[Node, str]) -> dict[str, str]:
    found = {"op": node.op.name, "type": write_types(node.types), "order": str(node.index)}
    names = node.graph.names_of(node)
    if names != (keys[node],):
        found["names"] = write(names)
    if node.where:
        found["where"] = write(node.where)
    if node.scope:
        found["scope"] = write(node.scope)
    if node.backward_of is not None:
        found["backward_of"] = write(keys[node.backward_of])
    if node in node.graph.hints:
        found["hint"] = write(node.graph.hints[node])
    attrs = [name for name in node.attrs if not (node.is_leaf and name == "type")]
    return found | {f".{name}" if name in OWN else name: _text(node, name) for name in attrs}


REGION = "graph: "
"""What stands before the JSON of a graph that a stage has among its attributes."""


def _text(node: Node, name: str) -> str:
    held = node.attrs[name]
    if isinstance(held, Graph):
        return REGION + json.dumps(nx.node_link_data(to_networkx(held), edges="edges"))
    try:
        return write_array(held) if node.op is CONST and name == "value" else write(held)
    except GraphcError as error:
        sentence = f"its attribute {name!r} cannot be exported: {error.sentence}"
        raise GraphError(sentence, subject=node.label, code="G518") from None


# In


def from_networkx(networkx: nx.DiGraph) -> Graph:
    """The Graph that a networkx graph stands for: the exact inverse of `to_networkx`.

    Built by hand, a node has `op`, an input, param or state also `type="f32[batch,784]"`, a param
    perhaps `init="he_normal"`, a const `value`; attributes of operations are plain attributes.
    Edges say `slot=0` or `slots="0,1"` where order matters. Raises GraphError for a cycle, an
    unknown operation, slots that are missing, double or too many, a name twice, a missing type.
    """
    said = networkx.graph
    if str(said.get("graphc_format", FORMAT)) != FORMAT:
        raise GraphError("the graph was exported by another version of graphc", code="G519")
    found = stages(networkx)
    title = str(value(said.get("name") or "graph"))
    graph = Graph(title, dtype=said.get("dtype") or default_dtype(found.values()))
    reader = Reader(networkx, graph, found)
    for stage in ordered(networkx, found):
        reader.build(stage)
    reader.finish()
    return graph


class Reader:
    """Stages into one Graph; a constant without a type stays a number until it is read."""

    def __init__(self, networkx: nx.DiGraph, graph: Graph, found: Mapping[Hashable, Stage]) -> None:
        self.networkx, self.graph, self.stages = networkx, graph, found
        self.here = (caller(),)
        self.built: dict[Hashable, Node] = {}
        self.numbers: dict[Hashable, Any] = {}

    def build(self, stage: Stage) -> None:
        """The next stage, all of whose arguments are there; errors name it."""
        where = stage.where
        try:
            with self.graph.told(self.here if where is None else where, self._behind(stage)):
                self._build(stage)
        except GraphcError as error:
            error.subject = ""
            raise error.about(stage.subject) from None

    def _behind(self, stage: Stage) -> Node | None:
        forward = stage.says.get("backward_of")
        return None if forward is None else self._at(value(forward))

    def _at(self, key: Hashable) -> Node:
        if key not in self.built:
            raise GraphError(f"no stage before it is called {str(key)!r}", code="G503")
        return self.built[key]

    def _build(self, stage: Stage) -> None:
        if is_leaf(stage.op) and self.networkx.in_degree(stage.key):
            source = str(next(iter(self.networkx.predecessors(stage.key))))
            sentence = f"an edge leads into it from {source!r}, but it takes no arguments"
            raise GraphError(sentence, code="G515")
        if stage.op == CONST.name and not stage.exact and stage.type is None:
            self._number(stage)
        else:
            self._keep(stage, self._exact(stage) if stage.exact else self._meant(stage))

    def _number(self, stage: Stage) -> None:
        stage_value = stage.array
        if stage_value.ndim:
            dtype = self.graph.dtype if stage_value.dtype.kind == "f" else None
            self._keep(stage, self.graph.constant(stage_value, dtype))
        else:
            self.numbers[stage.key] = stage_value.item()

    def _keep(self, stage: Stage, node: Node) -> None:
        self.built[stage.key] = node
        if stage.types not in (None, write_types(node.types)):
            found = write_types(node.types)
            raise GraphError(f"it is said to be {stage.says['type']}, but it is {found}")
        self.graph.name(**{name: node for name in stage.names})
        if "hint" in stage.says:
            node.hinted(str(value(stage.says["hint"])))

    # To the letter

    def _exact(self, stage: Stage) -> Node:
        op, attrs = OPS[stage.op], {name: _read(held) for name, held in stage.attrs.items()}
        if op in LEAVES:
            return self._added(stage, [], self._leaf_attrs(stage))
        keys = arguments(self.networkx, stage.key, op.name, limits(taken_by(op, attrs)))
        return self._added(stage, [self._at(k) for k in keys], attrs)

    def _leaf_attrs(self, stage: Stage) -> dict[str, Any]:
        constant = {"value": _frozen(stage.array)} if stage.op == CONST.name else {}
        return {"type": stage.type, **stage.attrs, **constant}

    def _added(self, stage: Stage, args: list[Node], attrs: dict[str, Any]) -> Node:
        scope = str(value(stage.says.get("scope", "")))
        with self.graph.scope(scope) if scope else nullcontext():
            if stage.op == CONST.name:
                return self._constant(attrs)
            return self.graph.add(OPS[stage.op], args, attrs)

    def _constant(self, attrs: dict[str, Any]) -> Node:
        """A constant that later ones of its bits share, unless the graph has one already."""
        before = len(self.graph)
        node = self.graph.constant(attrs["value"], attrs["type"].dtype)
        return node if len(self.graph) > before else self.graph.add(CONST, (), attrs)

    # As a person means it

    def _meant(self, stage: Stage) -> Node:
        if is_leaf(stage.op):
            return self._leaf(stage)
        keys = meant(self.networkx, stage.key, stage.op, stage.attrs)
        return applied(stage.op, self._lifted(keys), stage.attrs)

    def _lifted(self, keys: list[Hashable]) -> list[Node]:
        """The arguments as nodes; a number takes its type from the others."""
        given = [self.numbers[k] if k in self.numbers else self._at(k) for k in keys]
        nodes = self.graph.lift(given)
        for key, node in zip(keys, nodes, strict=True):
            if key not in self.built:
                self._keep(self.stages[key], node)
        return list(nodes)

    def _leaf(self, stage: Stage) -> Node:
        stage.check_leaf()
        kind = stage.type
        assert isinstance(kind, Type)
        if stage.op == CONST.name:
            return self.graph.constant(_spread(stage.array, kind), kind.dtype)
        init = {} if stage.op == INPUT.name else {"init": stage.init}
        return self.graph.add(OPS[stage.op], (), {"type": kind, **init})

    # Last

    def finish(self) -> None:
        """Numbers that nothing reads, outputs, new values, and which gradient belongs to what."""
        for key in self.numbers:
            if key not in self.built:
                self._lifted([key])
        said = self.networkx.graph
        for item in several(said.get("outputs", ())):
            name, key = item if isinstance(item, tuple) else (item, item)
            self.graph.outputs[name] = self._at(key)
        for state, new in pairs(said, "updates"):
            self.graph.updates[self._at(state)] = self._at(new)
        for key, into in pairs(said, "gradients"):
            for other in several(into):
                self.graph.belongs(self._at(key), self._at(other))


def _read(held: Any) -> Any:
    """An attribute, where it is the text of a graph that graph."""
    if not isinstance(held, str) or not held.startswith(REGION):
        return held
    try:
        found = json.loads(held.removeprefix(REGION))
        return from_networkx(nx.node_link_graph(found, edges="edges"))
    except (ValueError, KeyError, TypeError, AttributeError, nx.NetworkXError):
        raise GraphError("the graph that it runs cannot be read", code="G518") from None


def _spread(array: np.ndarray, kind: Type) -> np.ndarray:
    """One number for all elements of a type; any other shape is left to be told apart."""
    literal = [d for d in kind.shape if isinstance(d, int)]
    return array if array.ndim or len(literal) < kind.rank else np.broadcast_to(array, literal)


def _frozen(array: np.ndarray) -> np.ndarray:
    array = np.array(array, order="C")
    array.setflags(write=False)
    return array


setattr(Graph, "to_networkx", to_networkx)  # noqa: B010 - a method that lives beside its inverse
