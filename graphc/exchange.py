"""A Graph to a plain networkx DiGraph keyed by names, and any such graph, exported or built by hand, to a Graph.

Every attribute is a string, so the networkx graph survives GraphML and JSON; `from_networkx` is the
exact inverse of `to_networkx`. A node that carries its `order` was exported and is taken to the
letter; any other is read as a person means it (graphc.handbuilt).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import networkx as nx
import numpy as np

import graphc.init
from graphc.errors import GraphcError, GraphError
from graphc.graph import CONST, INPUT, LEAVES, OPS, Graph, Node, as_init
from graphc.handbuilt import applied, arguments, is_leaf, limits, meant, operation, taken_by
from graphc.init import KINDS, Init
from graphc.literal import as_type, read, read_array, write, write_array, write_types
from graphc.place import Place, caller
from graphc.types import Type

FORMAT = "1"
OWN = frozenset(("id", "op", "type", "order", "names", "where", "scope", "backward_of"))
"""What an exported node says beside its operation's attributes, which get a dot where they clash."""

DRAWING = frozenset(("label", "color", "pos", "layer", "subset"))
"""What networkx's drawings need, and a stage does not."""

KNOWN = {"input": (), "param": ("init",), "state": ("init",), "const": ("value",)}
"""The attributes of leaves that a person writes."""


# Out


def to_networkx(graph: Graph) -> nx.DiGraph:
    """A plain copy: names as keys, strings as attributes; unnamed nodes are called like `add_7`.

    Raises GraphError (G518) for an attribute that has no text, such as a function.
    """
    keys = _keys(graph)
    found = nx.DiGraph(name=write(graph.title), dtype=graph.dtype, graphc_format=FORMAT)
    found.graph["outputs"] = write(tuple((name, keys[n]) for name, n in graph.outputs.items()))
    found.graph["gradients"] = write(
        tuple((keys[n], tuple(map(keys.__getitem__, into))) for n, into in graph.gradients.items())
    )
    for node in graph.nodes:
        found.add_node(keys[node], **_out(node, keys))
    for arg, user, data in graph.nx.edges(data=True):
        slots = ",".join(map(str, data["slots"]))
        found.add_edge(keys[arg], keys[user], **{"slots" if "," in slots else "slot": slots})
    return found


def _keys(graph: Graph) -> dict[Node, str]:
    """The first name of each node where every file format can hold it, else one made of its operation."""
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
    return found | {
        _dotted(name): _text(node, name) for name in node.attrs if not _is_type(node, name)
    }


def _is_type(node: Node, name: str) -> bool:
    return node.is_leaf and name == "type"


def _dotted(name: str) -> str:
    return f".{name}" if name in OWN else name


def _text(node: Node, name: str) -> str:
    value = node.attrs[name]
    try:
        return write_array(value) if node.op is CONST and name == "value" else write(value)
    except GraphcError as error:
        raise GraphError(
            f"its attribute {name!r} cannot be exported: {error.sentence}",
            subject=node.label,
            code="G518",
        ) from None


# In


@dataclass(frozen=True)
class Stage:
    """What a networkx node says, before there is a Node."""

    key: Hashable
    op: str
    says: Mapping[str, Any]
    names: tuple[str, ...]

    @property
    def subject(self) -> str:
        """How a sentence speaks of it: `matmul 'z'`."""
        return f"{self.op} {(self.names or (str(self.key),))[0]!r}"

    @property
    def exact(self) -> bool:
        """Whether it was exported, and is to become the very node that it was."""
        return str(self.says.get("order", "")).isdecimal()

    @property
    def attrs(self) -> dict[str, Any]:
        """The operation's attributes as values."""
        hidden = OWN if self.exact else OWN | DRAWING
        said = {k.removeprefix("."): v for k, v in self.says.items() if k not in hidden}
        return {name: _value(value) for name, value in said.items()}


def _value(value: Any) -> Any:
    """Text as what it stands for, lists as tuples, anything else as it is."""
    if isinstance(value, str):
        return read(value)
    return tuple(map(_value, value)) if isinstance(value, list) else value


def _several(value: Any) -> tuple[str, ...]:
    """Names as a tuple, given that or a lone name."""
    found = _value(value)
    return found if isinstance(found, tuple) else (str(found),)


def from_networkx(networkx: nx.DiGraph) -> Graph:
    """The Graph that a networkx graph stands for: the exact inverse of `to_networkx`.

    Built by hand, a node has `op`, an input, param or state also `type="f32[batch,784]"`, a param
    perhaps `init="he_normal"`, a const `value`; attributes of operations are plain attributes.
    Edges say `slot=0` or `slots="0,1"` where order matters. Raises GraphError for a cycle, an
    unknown operation, slots that are missing, double or too many, a name twice, a missing type.
    """
    stages = _stages(networkx)
    graph = Graph(_title(networkx), dtype=networkx.graph.get("dtype") or _usual(stages.values()))
    reader = Reader(networkx, graph, stages)
    for stage in _ordered(networkx, stages):
        reader.build(stage)
    reader.finish()
    return graph


def _title(networkx: nx.DiGraph) -> str:
    return str(_value(networkx.graph.get("name") or "graph"))


def _usual(stages: Any) -> str:
    """f32 where every float leaf says so."""
    texts = [str(s.says["type"]) for s in stages if is_leaf(s.op) and "type" in s.says]
    floats = {text.strip().partition("[")[0] for text in texts} & {
        "f32",
        "f64",
        "float32",
        "float64",
    }
    return "float32" if floats and floats <= {"f32", "float32"} else "float64"


def _stages(networkx: nx.DiGraph) -> dict[Hashable, Stage]:
    if not networkx.is_directed():
        raise GraphError(
            "the edges have no direction", hint="build an nx.DiGraph: argument -> user"
        )
    if not len(networkx):
        raise GraphError("the graph is empty", code="G516")
    if str(networkx.graph.get("graphc_format", FORMAT)) != FORMAT:
        raise GraphError("the graph was exported by another version of graphc", code="G519")
    stages = {key: _stage(key, says) for key, says in networkx.nodes(data=True)}
    _check_names(stages.values())
    return stages


def _stage(key: Hashable, says: Mapping[str, Any]) -> Stage:
    names = _several(says.get("names", (str(key),)))
    if "op" not in says:
        raise GraphError(
            f"the node {str(key)!r} has no operation",
            code="G510",
            hint=f"G.add_node({str(key)!r}, op='input', type='f64')",
        )
    if says["op"] in OPS and Stage(key, says["op"], says, names).exact:
        return Stage(key, says["op"], says, names)
    try:
        return Stage(key, operation(says["op"]), says, names)
    except GraphError as error:
        raise error.about(repr(names[0] if names else str(key))) from None


def _check_names(stages: Any) -> None:
    seen = set()
    for name in (name for stage in stages for name in stage.names):
        if name in seen:
            raise GraphError(f"two nodes are named {name!r}", code="G502")
        seen.add(name)


def _ordered(networkx: nx.DiGraph, stages: Mapping[Hashable, Stage]) -> list[Stage]:
    """Arguments before users, else in the order of creation, or of the networkx graph."""
    rank = {
        key: (int(s.says["order"]) if s.exact else 0, i)
        for i, (key, s) in enumerate(stages.items())
    }
    waits = {key: len(set(networkx.predecessors(key))) for key in stages}
    at = {place: stages[key] for key, place in rank.items()}
    heap = sorted(rank[key] for key in stages if not waits[key])
    found: list[Stage] = []
    while heap:
        found.append(at[heappop(heap)])
        for user in networkx.successors(found[-1].key):
            waits[user] -= 1
            if not waits[user]:
                heappush(heap, rank[user])
    if len(found) < len(stages):
        raise _cycle(networkx)
    return found


def _cycle(networkx: nx.DiGraph) -> GraphError:
    edges = nx.find_cycle(networkx)
    path = " -> ".join(str(key) for key in [edges[0][0], *(edge[1] for edge in edges)])
    return GraphError(f"the graph has a cycle: {path}")


class Reader:
    """Stages into one Graph; a constant without a type stays a number until it is read."""

    def __init__(
        self, networkx: nx.DiGraph, graph: Graph, stages: Mapping[Hashable, Stage]
    ) -> None:
        self.networkx, self.graph, self.stages = networkx, graph, stages
        self.here = (caller(),)
        self.built: dict[Hashable, Node] = {}
        self.numbers: dict[Hashable, Any] = {}

    def build(self, stage: Stage) -> None:
        """The next stage, all of whose arguments are there; errors name it."""
        where = _where(stage.says["where"]) if "where" in stage.says else self.here
        where = () if stage.exact and "where" not in stage.says else where
        try:
            with self.graph.told(where, self._behind(stage)):
                self._build(stage)
        except GraphcError as error:
            error.subject = ""
            raise error.about(stage.subject) from None

    def _behind(self, stage: Stage) -> Node | None:
        forward = stage.says.get("backward_of")
        return None if forward is None else self._at(_value(forward))

    def _at(self, key: Hashable) -> Node:
        if key not in self.built:
            raise GraphError(f"no stage is called {str(key)!r} where one is spoken of", code="G503")
        return self.built[key]

    def _build(self, stage: Stage) -> None:
        if is_leaf(stage.op) and self.networkx.in_degree(stage.key):
            source = next(iter(self.networkx.predecessors(stage.key)))
            raise GraphError(
                f"an edge leads into it from {str(source)!r}, but it takes no arguments",
                code="G515",
            )
        if stage.op == CONST.name and not stage.exact and "type" not in stage.says:
            self._number(stage)
        else:
            self._keep(stage, self._exact(stage) if stage.exact else self._meant(stage))

    def _number(self, stage: Stage) -> None:
        value = _constant_value(stage, None)
        if value.ndim:
            dtype = self.graph.dtype if value.dtype.kind == "f" else None
            self._keep(stage, self.graph.constant(value, dtype))
        else:
            self.numbers[stage.key] = value.item()

    def _keep(self, stage: Stage, node: Node) -> None:
        self.built[stage.key] = node
        if "type" in stage.says and write_types(node.types) != _type_text(stage.says["type"]):
            raise GraphError(
                f"it is said to be {stage.says['type']}, but it is {write_types(node.types)}"
            )
        self.graph.name(**{name: node for name in stage.names})

    # To the letter

    def _exact(self, stage: Stage) -> Node:
        op, attrs = OPS[stage.op], stage.attrs
        if op in LEAVES:
            return self._exact_leaf(stage)
        keys = arguments(self.networkx, stage.key, op.name, limits(taken_by(op, attrs)))
        return self._added(stage, [self._at(k) for k in keys], attrs)

    def _exact_leaf(self, stage: Stage) -> Node:
        type_ = as_type(stage.says["type"])
        attrs = {"type": type_} | stage.attrs
        if stage.op == CONST.name:
            attrs["value"] = _frozen(_constant_value(stage, type_))
        return self._added(stage, [], attrs)

    def _added(self, stage: Stage, args: list[Node], attrs: dict[str, Any]) -> Node:
        scope = str(_value(stage.says.get("scope", "")))
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
        _check_leaf(stage)
        type_ = as_type(stage.says["type"])
        if stage.op == CONST.name:
            value = _constant_value(stage, type_)
            return self.graph.constant(value, type_.dtype)
        init = {} if stage.op == INPUT.name else {"init": _init(stage.says.get("init"))}
        return self.graph.add(OPS[stage.op], (), {"type": type_, **init})

    # Last

    def finish(self) -> None:
        """Numbers that nothing reads, outputs, and which gradient belongs to what."""
        for key, value in self.numbers.items():
            if key not in self.built:
                self._keep(self.stages[key], self.graph.lift((value,))[0])
        said = self.networkx.graph
        for item in _several(said.get("outputs", ())):
            name, key = item if isinstance(item, tuple) else (item, item)
            self.graph.outputs[name] = self._at(key)
        for key, into in _value(said.get("gradients", "()")):
            for other in into:
                self.graph.belongs(self._at(key), self._at(other))


def _check_leaf(stage: Stage) -> None:
    for wrong in (name for name in stage.attrs if name not in KNOWN[stage.op]):
        raise GraphError(f"{stage.op} has no attribute {wrong!r}", code="G517")
    if "type" not in stage.says:
        raise GraphError("it has no type", code="G514", hint='write it as type="f32[batch,784]"')


def _type_text(said: Any) -> str:
    return write_types(tuple(as_type(part) for part in str(said).split(";")))


def _where(said: Any) -> tuple[Place, ...]:
    """Places as they are exported, or "net.py:14"."""
    value = _value(said)
    if isinstance(value, str):
        file, _, line = value.rpartition(":")
        return (Place(file, int(line)) if line.isdecimal() else Place(value, 0),)
    return tuple(Place(*place) for place in value)


def _constant_value(stage: Stage, type_: Type | None) -> np.ndarray:
    if "value" not in stage.says:
        raise GraphError("it has no value", code="G514", hint='write it as value="3.0"')
    try:
        value = read_array(stage.says["value"], None if type_ is None else type_.numpy)
    except (ValueError, TypeError, OverflowError):
        raise GraphError("its value is not a number or an array of numbers", code="G517") from None
    return value if type_ is None or value.shape else np.broadcast_to(value, type_.shape)


def _frozen(value: np.ndarray) -> np.ndarray:
    value = np.array(value, order="C")
    value.setflags(write=False)
    return value


def _init(said: Any) -> Init:
    """An initial value from its text: `he_normal`, `normal(0.1)`, a number, numbers."""
    value = _value(said)
    try:
        if isinstance(value, str) and value in KINDS:
            return getattr(graphc.init, value)()
        if isinstance(value, (bool, int, float)):
            return graphc.init.constant(value)
        return as_init(value) if not isinstance(value, str) else _no_init(value)
    except TypeError:
        return _no_init(value)


def _no_init(value: Any) -> Init:
    kinds = ", ".join(kind for kind in KINDS if kind != "array")
    raise GraphError(f"{str(value)!r} is not an initial value", code="G517", hint=f"one of {kinds}")


setattr(Graph, "to_networkx", to_networkx)  # noqa: B010  (a method that lives where its inverse does)
