"""The graph: what a user writes, node for node, and the only way a node comes into being.

Node objects are the keys of a networkx DiGraph, argument -> user, whose edges say which slots they
fill. Names, and which value a gradient belongs to, are kept by the graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import networkx as nx
import numpy as np

from graphc.errors import DTypeError, GraphcError, GraphError, UsageError
from graphc.init import Init, zeros
from graphc.init import array as init_array
from graphc.node import (
    CONST,
    EMPTY,
    FUNCTIONS,
    INPUT,
    LEAVES,
    OPS,
    PARAM,
    SHARED,
    STATE,
    Node,
    Op,
    declare,
    graph_of,
    public,
)
from graphc.place import Place, caller
from graphc.types import NAMES, Type, as_shape, dtype_name, floating, parse_type, promote

CURRENT: ContextVar[Graph | None] = ContextVar("graphc graph", default=None)
"""The graph that a function under @gr.graph is building."""


class Graph:
    """A symbolic graph: a networkx DiGraph of Nodes, argument -> user, whose edges say which slots
    they fill.

    `dtype` is the element type of inputs and params declared without one ("float64" unless told
    otherwise).
    """

    below: Graph | None = None
    """The graph whose stages this one may read: it is a draft of that, or is run in it."""

    def __init__(self, title: str = "graph", *, dtype: Any = "float64") -> None:
        self.title = title
        self.dtype = dtype_name(dtype)
        self.outputs: dict[str, Node] = {}
        self.updates: dict[Node, Node] = {}
        self.gradients: dict[Node, tuple[Node, ...]] = {}
        self.part_of: dict[Node, Node] = {}
        self.texts: dict[Node, str] = {}
        self.hints: dict[Node, str] = {}
        self.sharing = False
        self.captures: dict[Node, Node] = {}
        self.inside: Graph | None = None
        self._nx = nx.DiGraph()
        self._nodes: list[Node] = []
        self._named: dict[str, Node] = {}
        self._names: dict[Node, tuple[str, ...]] = {}
        self._interned: dict[Any, Node] = {}
        self._scope: tuple[str, ...] = ()
        self._where: tuple[Place, ...] | None = None
        self._backward_of: Node | None = None

    # Building

    def input(self, name: str, shape: Any = (), dtype: Any = None) -> Node:
        """A value fed at each call: `g.input("X", ("batch", 784))` or `g.input("X",
        "f32[batch,784]")`.
        """
        return self._declare(INPUT, name, shape, dtype, {})

    def param(self, name: str, shape: Any = (), dtype: Any = None, *, init: Any = None) -> Node:
        """A value that training changes; `init` is one of gr.init's or an array, zeros unless told
        otherwise.
        """
        return self._declare(PARAM, name, shape, dtype, {"init": as_init(init)})

    def state(self, name: str, shape: Any = (), dtype: Any = None, *, init: Any = None) -> Node:
        """A value that stays from call to call and takes no gradient. How it changes in a training
        step that reads it is said by `g.updates[state] = new value`, or by `updates=` there.
        """
        return self._declare(STATE, name, shape, dtype, {"init": as_init(init)})

    def _declare(self, op: Op, name: str, shape: Any, dtype: Any, attrs: dict[str, Any]) -> Node:
        self.check_free(self._scoped(name))
        node = self.add(op, (), {"type": self._type(shape, dtype), **attrs})
        self.name(**{name: node})
        return node

    def _type(self, shape: Any, dtype: Any) -> Type:
        if isinstance(shape, Type):
            return shape
        if isinstance(shape, str) and (not shape.isidentifier() or shape in NAMES.values()):
            return parse_type(shape)
        return Type(self.dtype if dtype is None else dtype_name(dtype), as_shape(shape))

    def constant(self, value: Any, dtype: Any = None) -> Node:
        """A constant, one node for each dtype and bit pattern; raises DTypeError for what is no
        array of numbers.
        """
        array = np.array(
            value, dtype=None if dtype is None else Type(dtype_name(dtype)).numpy, order="C"
        )
        name = dtype_name(array.dtype)
        array.setflags(write=False)
        key = (CONST, name, array.shape, array.tobytes())
        if key not in self._interned:
            self._interned[key] = self.add(
                CONST, (), {"type": Type(name, array.shape), "value": array}
            )
        return self._interned[key]

    def lift(self, values: Iterable[Any]) -> tuple[Node, ...]:
        """Nodes of values: Python's numbers take the others' type (NumPy's weak promotion), arrays
        keep theirs.
        """
        values = [v if isinstance(v, (Node, int, float)) else _strong(v) for v in values]
        strong = [
            v.dtype if isinstance(v, Node) else dtype_name(v.dtype) for v in values if not _weak(v)
        ]
        dtype = promote(*strong) if strong else self.dtype
        return tuple(v if isinstance(v, Node) else self.literal(v, dtype) for v in values)

    def literal(self, value: Any, dtype: str) -> Node:
        """A number as a constant; Python's as beside values of this element type."""
        if not _weak(value):
            return self.constant(value)
        if isinstance(value, bool):
            return self.constant(value, "bool")
        if isinstance(value, float) or dtype == "bool":
            dtype = (
                (floating(dtype) if dtype == "f32" else "f64")
                if isinstance(value, float)
                else "i64"
            )
        try:
            return self.constant(value, dtype)
        except OverflowError:
            raise DTypeError(f"the number {value} does not fit {dtype}") from None

    def add(self, op: Op, args: Sequence[Node] = (), attrs: Mapping[str, Any] = EMPTY) -> Node:
        """The only way a node comes into being; a graph that shares answers with an equal node it
        has.
        """
        where = self._where if self._where is not None else _alone(caller())
        args = tuple(a if a.graph is self else self.own(a) for a in args)
        key = _key(op, args, attrs) if self.sharing and op.effect in SHARED else None
        if key in self._interned:
            return self._interned[key]
        types = self._infer(op, args, attrs, where)
        node = Node(
            self, op, args, MappingProxyType(dict(attrs)) if attrs else EMPTY, types,
            len(self._nodes), where, ".".join(self._scope), self._backward_of,
        )  # fmt: skip
        self._link(node)
        if key is not None:
            self._interned[key] = node
        return node

    def _infer(
        self, op: Op, args: tuple[Node, ...], attrs: Mapping[str, Any], where: Any
    ) -> tuple[Type, ...]:
        try:
            types = op.infer(*(a.types if len(a.types) > 1 else a.type for a in args), **attrs)
        except GraphcError as error:
            raise error.about(f"{op.name} ({where[0]})" if where else op.name) from None
        except TypeError as error:
            raise UsageError(f"{op.name} takes other arguments: {error}") from None
        return types if isinstance(types, tuple) else _alone(types)

    def _link(self, node: Node) -> None:
        self._nodes.append(node)
        self._nx.add_node(node)
        for slot, arg in enumerate(node.args):
            slots = self._nx.edges[arg, node]["slots"] if self._nx.has_edge(arg, node) else ()
            self._nx.add_edge(arg, node, slots=(*slots, slot))

    def own(self, node: Node) -> Node:
        """The node, or the input that stands here for one of the graph below; raises GraphError
        (G504) for a node of any other graph.
        """
        if node.graph is self:
            return node
        if self.below is None:
            titles = f"{node.graph.title!r} and {self.title!r}"
            raise GraphError(f"the arguments belong to two graphs, {titles}", code="G504")
        if node.op is CONST:
            return self.constant(node.value)
        outer = self.below.own(node)
        if outer not in self.captures:
            self.captures[outer] = self.add(INPUT, (), {"type": outer.type})
            if outer.name is not None and outer.name not in self._named:
                self._named[outer.name] = self.captures[outer]
                self._names[self.captures[outer]] = (outer.name,)
        return self.captures[outer]

    # Names

    def name(self, /, **nodes: Node) -> None:
        """Give nodes their names; raises GraphError when a name is taken by another node."""
        for name, node in nodes.items():
            full = self._scoped(name)
            if not isinstance(node, Node) or node.graph is not self:
                raise GraphError(
                    f"{full!r} would name {type(node).__name__}, not a stage of this graph"
                )
            if self._named.get(full) is node:
                continue
            self.check_free(full, node)
            self._named[full] = node
            self._names[node] = (*self._names.get(node, ()), full)

    def _scoped(self, name: str) -> str:
        return ".".join((*self._scope, name))

    def check_free(self, name: str, node: Node | None = None) -> None:
        """Raise GraphError when a node is called `name` already, or when it is no name."""
        if not isinstance(name, str) or not name:
            raise GraphError(f"{name!r} is not a name", code="G502")
        if name in self._named:
            where = (caller(),) if node is None else node.where
            places = f"{_line(self._named[name].where)} and {_line(where)}"
            raise GraphError(
                f"two nodes are named {name!r} ({places})",
                code="G502",
                hint="with g.scope('layer2'): keeps them apart",
            )

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Names given inside begin with `name.`: `with g.scope("layer1"): ...`; with "" they stand
        outside of all scopes.
        """
        before = self._scope
        self._scope = (*before, name) if name else ()
        try:
            yield
        finally:
            self._scope = before

    def names_of(self, node: Node) -> tuple[str, ...]:
        """All the names of a node, the first given first."""
        return self._names.get(node, ())

    @property
    def names(self) -> Mapping[str, Node]:
        """Every name and the node it belongs to."""
        return MappingProxyType(self._named)

    def __getitem__(self, name: str) -> Node:
        if name not in self._named:
            raise GraphError(
                f"no stage is named {name!r}", code="G503", hint=_names_hint(name, self._named)
            )
        return self._named[name]

    def __contains__(self, name: object) -> bool:
        return name in self._named

    def node(self, node: Node | str) -> Node:
        """A node of this graph, given itself or by its name; raises GraphError."""
        if isinstance(node, str):
            return self[node]
        if not isinstance(node, Node):
            raise UsageError(f"a stage or its name is wanted here, not {type(node).__name__}")
        if node.graph is not self:
            raise GraphError(
                f"{node.label} belongs to another graph, {node.graph.title!r}", code="G504"
            )
        return node

    # Reading

    @property
    def nodes(self) -> Sequence[Node]:
        """All nodes in the order of their creation, which is topological."""
        return tuple(self._nodes)

    @property
    def nx(self) -> nx.DiGraph:
        """The networkx graph itself, frozen: node objects as keys, `slots` on the edges."""
        return self._nx.copy(as_view=True)

    def leaves(self, op: Op) -> list[Node]:
        """The inputs, params, states or constants, in order."""
        return [n for n in self._nodes if n.op is op]

    def order(self, *roots: Node) -> list[Node]:
        """All that the roots need, in the order of creation, which is topological."""
        needed, stack = set(roots), list(roots)
        while stack:
            for arg in stack.pop().args:
                if arg not in needed:
                    needed.add(arg)
                    stack.append(arg)
        return sorted(needed, key=lambda n: n.index)

    def readers(self, node: Node) -> list[Node]:
        """The nodes that read this one."""
        return list(self._nx.successors(node))

    def __len__(self) -> int:
        return len(self._nodes)

    # What passes need

    @contextmanager
    def told(self, where: tuple[Place, ...], backward_of: Node | None) -> Iterator[None]:
        """Nodes made inside have these lines and belong to the backward stage of `backward_of`."""
        before = self._where, self._backward_of
        self._where, self._backward_of = where, backward_of
        try:
            yield
        finally:
            self._where, self._backward_of = before

    def belongs(self, gradient: Node, into: Node) -> None:
        """Note that `gradient` is a term, or a sum of terms, of the gradient with respect to
        `into`.
        """
        if into not in (known := self.gradients.get(gradient, ())):
            self.gradients[gradient] = (*known, into)


@lru_cache(maxsize=4096)
def _alone(value: Any) -> tuple[Any, ...]:
    """The tuple of one line or type, the same for equal ones: less for the garbage collector."""
    return (value,)


def as_init(init: Any) -> Init:
    """An Init of one of gr.init's, an array, or None for zeros."""
    if init is None:
        return zeros()
    return init if isinstance(init, Init) else init_array(init)


def _strong(value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:
        raise DTypeError("the argument is not a regular array of numbers") from None
    dtype_name(array.dtype)
    return array


def _weak(value: Any) -> bool:
    return isinstance(value, (bool, int, float)) and not isinstance(value, np.generic)


def _key(op: Op, args: tuple[Node, ...], attrs: Mapping[str, Any]) -> Any:
    return (op, args, tuple(sorted((k, _hashable(v)) for k, v in attrs.items())))


def _hashable(value: Any) -> Any:
    return (
        (value.dtype.str, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
    )


def _line(where: tuple[Place, ...]) -> str:
    return str(where[0]) if where else "unknown line"


def _names_hint(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), 1)
    return f"did you mean {close[0]!r}?" if close else ""


__all__ = [
    "CONST",
    "EMPTY",
    "FUNCTIONS",
    "INPUT",
    "LEAVES",
    "OPS",
    "PARAM",
    "STATE",
    "Graph",
    "Node",
    "Op",
    "declare",
    "graph_of",
    "public",
]
