"""What the nodes of a networkx graph say about themselves, read out of their string attributes.

A node that carries its `order` was exported, and what it says is taken to the letter; any other was
written by a person.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import networkx as nx
import numpy as np

import graphc.init
from graphc.errors import GraphError
from graphc.exchange.handbuilt import is_leaf, operation
from graphc.graph import OPS, as_init
from graphc.init import KINDS, Init
from graphc.literal import as_type, read, read_array, write_types
from graphc.place import Place
from graphc.types import Type

OWN = frozenset(("id", "op", "type", "order", "names", "where", "scope", "backward_of", "hint"))
"""What a node says beside its operation's attributes; an exported one that clashes gets a dot."""

DRAWING = frozenset(("label", "color", "pos", "layer", "subset"))
"""What networkx's drawings need, and a stage does not."""

KNOWN = {"input": (), "param": ("init",), "state": ("init",), "const": ("value",)}
"""The attributes of leaves that a person writes."""


@dataclass(frozen=True)
class Stage:
    """What one node says, before there is a Node."""

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
        return is_exact(self.says)

    @property
    def attrs(self) -> dict[str, Any]:
        """The operation's attributes as values."""
        hidden = OWN if self.exact else OWN | DRAWING
        said = {k.removeprefix("."): v for k, v in self.says.items() if k not in hidden}
        return {name: value(text) for name, text in said.items()}

    @property
    def type(self) -> Type | None:
        """The type of a leaf; None where it says nothing."""
        return as_type(self.says["type"]) if "type" in self.says else None

    @property
    def types(self) -> str | None:
        """The types of all its results as text in graphc's own spelling."""
        if "type" not in self.says:
            return None
        return write_types(tuple(as_type(part) for part in str(self.says["type"]).split(";")))

    @property
    def where(self) -> tuple[Place, ...] | None:
        """Its lines, as they are exported or as "net.py:14"; an exported node may have none."""
        said = value(self.says.get("where", () if self.exact else None))
        if isinstance(said, str):
            file, _, line = said.rpartition(":")
            return (Place(file, int(line)) if line.isdecimal() else Place(said, 0),)
        return None if said is None else tuple(Place(*place) for place in said)

    @property
    def array(self) -> np.ndarray:
        """The value of a constant; raises GraphError where there is none."""
        if "value" not in self.says:
            raise GraphError("it has no value", code="G514", hint='write it as value="3.0"')
        try:
            return read_array(self.says["value"], self.type.numpy if self.type else None)
        except (ValueError, TypeError, OverflowError):
            raise GraphError("its value is not an array of numbers", code="G517") from None

    @property
    def init(self) -> Init:
        """An initial value: `he_normal`, `normal(0.1)`, a number, numbers; raises GraphError."""
        said = value(self.says.get("init"))
        if isinstance(said, (bool, int, float)):
            return graphc.init.constant(said)
        if not isinstance(said, str):
            return as_init(said)
        if said not in KINDS or said in ("array", "constant"):
            kinds = ", ".join(kind for kind in KINDS if kind != "array")
            raise GraphError(
                f"{said!r} is not an initial value", code="G517", hint=f"one of {kinds}"
            )
        init: Init = getattr(graphc.init, said)()
        return init

    def check_leaf(self) -> None:
        """Raise GraphError where an input, param or state has no type, or what it does not take."""
        for wrong in (name for name in self.attrs if name not in KNOWN[self.op]):
            raise GraphError(f"{self.op} has no attribute {wrong!r}", code="G517")
        if "type" not in self.says:
            hint = 'write it as type="f32[batch,784]"'
            raise GraphError("it has no type", code="G514", hint=hint)


def value(said: Any) -> Any:
    """Text as what it stands for, lists as tuples, anything else as it is."""
    if isinstance(said, str):
        return read(said)
    return tuple(map(value, said)) if isinstance(said, list) else said


def several(said: Any) -> tuple[Any, ...]:
    """Names as a tuple, given that or a lone name."""
    found = value(said)
    return found if isinstance(found, tuple) else (str(found),)


def pairs(said: Mapping[str, Any], what: str) -> Iterator[tuple[Any, Any]]:
    """The pairs of keys that a graph says under a word; raises GraphError for anything else."""
    for item in several(said.get(what, ())):
        if not isinstance(item, tuple) or len(item) != 2:
            raise GraphError(f"its {what} are not pairs of stages", code="G517")
        yield item


def is_exact(says: Mapping[str, Any]) -> bool:
    """Whether a node was exported."""
    return str(says.get("order", "")).isdecimal()


def stages(networkx: nx.DiGraph) -> dict[Hashable, Stage]:
    """Every node by its key; raises GraphError for no node, no operation, or a name twice."""
    if not networkx.is_directed():
        hint = "build an nx.DiGraph, argument -> user"
        raise GraphError("the edges have no direction", code="G516", hint=hint)
    if not len(networkx):
        raise GraphError("the graph is empty", code="G516")
    found = {key: _stage(key, says) for key, says in networkx.nodes(data=True)}
    _check_names(found.values())
    return found


def _stage(key: Hashable, says: Mapping[str, Any]) -> Stage:
    names = several(says.get("names", (str(key),)))
    subject = repr(names[0] if names else str(key))
    if "op" not in says:
        hint = f"G.add_node({subject}, op='input', type='f64')"
        raise GraphError("it has no operation", subject=subject, code="G510", hint=hint)
    if is_exact(says) and says["op"] in OPS:
        return Stage(key, says["op"], says, names)
    try:
        return Stage(key, operation(says["op"]), says, names)
    except GraphError as error:
        raise error.about(subject) from None


def _check_names(found: Iterable[Stage]) -> None:
    seen = set()
    for name in (name for stage in found for name in stage.names):
        if name in seen:
            raise GraphError(f"two nodes are named {name!r}", code="G502")
        seen.add(name)


def default_dtype(found: Iterable[Stage]) -> str:
    """float32 where every float leaf is that."""
    texts = [str(s.says["type"]) for s in found if is_leaf(s.op) and "type" in s.says]
    floats = {text.strip().partition("[")[0] for text in texts} & {
        "f32",
        "f64",
        "float32",
        "float64",
    }
    return "float32" if floats and floats <= {"f32", "float32"} else "float64"


def ordered(networkx: nx.DiGraph, found: Mapping[Hashable, Stage]) -> list[Stage]:
    """Arguments before users, else as exported or as the networkx graph has them.

    Raises GraphError with the path of a cycle.
    """
    rank = {
        k: (int(s.says["order"]) if s.exact else 0, i) for i, (k, s) in enumerate(found.items())
    }
    at = {place: found[key] for key, place in rank.items()}
    waits = {key: len(set(networkx.predecessors(key))) for key in found}
    heap = sorted(rank[key] for key in found if not waits[key])
    done: list[Stage] = []
    while heap:
        done.append(at[heappop(heap)])
        for user in networkx.successors(done[-1].key):
            waits[user] -= 1
            if not waits[user]:
                heappush(heap, rank[user])
    if len(done) < len(found):
        raise _cycle(networkx)
    return done


def _cycle(networkx: nx.DiGraph) -> GraphError:
    edges = nx.find_cycle(networkx)
    path = " -> ".join(str(key) for key in [edges[0][0], *(edge[1] for edge in edges)])
    return GraphError(f"the graph has a cycle: {path}")
