"""The graph: Op, Node and Graph, and the only way a node comes into being.

A Graph holds what was written, node for node. Node objects are the keys of a networkx DiGraph, argument -> user, whose
edges say which slots they fill. Nodes are immutable; names, and which value a gradient belongs to, are kept by the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import networkx as nx
import numpy as np

from graphc.errors import DTypeError, GraphcError, GraphError, UsageError
from graphc.init import Init, zeros
from graphc.init import array as init_array
from graphc.place import Place, caller
from graphc.types import NAMES, Dim, Type, as_shape, dtype_name, floating, parse_type, promote

P = ParamSpec("P")
R = TypeVar("R")

SHARED = ("", "assert")
"""Effects that need not happen twice."""

EMPTY: Mapping[str, Any] = MappingProxyType({})

OPS: dict[str, Op] = {}
"""Every operation by name; filled as operations are declared."""

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""What a user calls, by the Array API's name: `np.sum(x)`, `x.sum()` and operators look here."""


@dataclass(frozen=True, eq=False)
class Op:
    """One kind of stage; everything graphc knows about it, in one place.

    infer     types of the arguments and attributes -> type of the result (or a tuple of types), or raises
    spell     how it is written in a kernel (graphc.ops.spell)
    numpy     what it means: oracle, interpreter and constant folding
    vjp       local gradient: (g, y, *args, **attrs) -> one term (or None) an argument; None: no gradient passes
    symbol    how it is printed: "{0} + {1}"
    effect    "assert", "random", "print": forbids sharing and removal
    core      its gufunc signature, "(m,k),(k,n)->(m,n)"; None: elementwise or of its own kind
    """

    name: str
    infer: Callable[..., Any]
    spell: Any
    numpy: Callable[..., Any]
    vjp: Callable[..., Sequence[Node | None]] | None = None
    symbol: str = ""
    effect: str = ""
    core: str | None = None

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        graph = graph_of(*args)
        return graph.add(self, graph.lift(args), attrs)

    def __repr__(self) -> str:
        return self.name


def declare(op: Op) -> Op:
    """Enter an operation in OPS, and under its name in FUNCTIONS; raises GraphError when the name is taken."""
    if op.name in OPS:
        raise GraphError(f"an operation named {op.name!r} exists already", code="G505")
    OPS[op.name] = op
    FUNCTIONS.setdefault(op.name, op)
    return op


def public(function: Callable[P, R]) -> Callable[P, R]:
    """Enter a user's function in FUNCTIONS under its own name; errors that it raises itself say whose and where."""

    @wraps(function)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except GraphcError as error:
            raise error.about(f"{function.__name__} ({caller()})") from None

    FUNCTIONS[function.__name__] = told
    return told


def _leaf(name: str) -> Op:
    return declare(Op(name, lambda type, **_: type, None, lambda **_: None))


INPUT, PARAM, STATE, CONST = map(_leaf, ("input", "param", "state", "const"))
LEAVES = frozenset((INPUT, PARAM, STATE, CONST))


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One stage: an operation applied to nodes. Immutable; `==` is identity, `gr.equal` builds a stage."""

    graph: Graph = field(repr=False)
    op: Op
    args: tuple[Node, ...]
    attrs: Mapping[str, Any]
    types: tuple[Type, ...]
    index: int
    where: tuple[Place, ...]
    scope: str = ""
    backward_of: Node | None = None

    # What it is

    @property
    def type(self) -> Type:
        """Its type; raises GraphError for a node of several results."""
        if len(self.types) != 1:
            raise GraphError(f"{self.label} has {len(self.types)} results", hint="take one: gr.result(node, 0)")
        return self.types[0]

    @property
    def shape(self) -> tuple[Dim, ...]:
        """Its sizes, axis by axis: integers, or affine expressions of named sizes."""
        return self.type.shape

    @property
    def dtype(self) -> str:
        """The short name of its element type: "f32"."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return self.type.rank

    @property
    def name(self) -> str | None:
        """The first name its user gave it, or None."""
        names = self.graph.names_of(self)
        return names[0] if names else None

    @property
    def label(self) -> str:
        """How a sentence speaks of it: `matmul 'hidden' (net.py:14)`."""
        name = f" '{self.name}'" if self.name else ""
        return f"{self.op.name}{name}{self.at}"

    @property
    def at(self) -> str:
        """Its line in parentheses, or nothing."""
        return f" ({self.where[0]})" if self.where else ""

    @property
    def is_leaf(self) -> bool:
        """Whether it is an input, a param, a state or a constant."""
        return self.op in LEAVES

    @property
    def value(self) -> np.ndarray:
        """A constant's value; raises KeyError for any other node."""
        return self.attrs["value"]

    def named(self, name: str) -> Node:
        """The same node, now called `name` (within the open scope)."""
        self.graph.name(**{name: self})
        return self

    def hinted(self, text: str) -> Node:
        """The same node; emitted code calls it `text` of what it is made of, where it has no name."""
        self.graph.hints.setdefault(self, text)
        return self

    def __repr__(self) -> str:
        return f"{self.name or self.op.name}: {', '.join(map(str, self.types))}"

    # What it is not

    def __bool__(self) -> bool:
        raise UsageError(
            "a stage has no truth value while the graph is built, so `if` and `and` cannot ask for it",
            subject=self.label,
            hint="write gr.where(condition, a, b), gr.logical_and(a, b), or compare with `is`",
        )

    def __float__(self) -> float:
        raise UsageError(
            "a stage is not a number, so float() and the math module cannot take it",
            subject=self.label,
            hint="write gr.exp(x) or np.exp(x) in place of math.exp(x)",
        )

    __int__ = __index__ = __complex__ = __float__  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Node]:
        if not self.shape or not isinstance(self.shape[0], int):
            raise UsageError("only a stage with a literal first size can be iterated", subject=self.label)
        return (self[i] for i in range(self.shape[0]))

    def __len__(self) -> int:
        if not self.shape or not isinstance(self.shape[0], int):
            raise UsageError("only a stage with a literal first size has a length", subject=self.label)
        return self.shape[0]

    @property
    def T(self) -> Node:  # noqa: N802  NumPy's name
        """Its axes reversed; a vector is its own transpose, as in NumPy."""
        return FUNCTIONS["transpose"](self)

    @property
    def mT(self) -> Node:  # noqa: N802  NumPy's name
        """Its last two axes exchanged."""
        return FUNCTIONS["matrix_transpose"](self)

    # NumPy's functions on nodes build the graph

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise UsageError(
            "a stage is not an array, so NumPy cannot turn it into one",
            subject=self.label,
            hint="compile it: gr.compile(node)(...)",
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        name = UFUNCS.get(ufunc.__name__, ufunc.__name__)
        if method != "__call__" or kwargs or name not in FUNCTIONS:
            raise UsageError(f"np.{ufunc.__name__} has no meaning for a stage in this form", subject=self.label)
        return FUNCTIONS[name](*args)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = UFUNCS.get(function.__name__, function.__name__)
        if name not in FUNCTIONS:
            raise UsageError(f"np.{function.__name__} has no meaning for a stage", subject=self.label)
        return FUNCTIONS[name](*args, **kwargs)

    if TYPE_CHECKING:  # operators and methods, which the tables below set

        def _build(self, *others: Any) -> Node: ...
        def __getattr__(self, name: str) -> Callable[..., Node]: ...

        __add__ = __sub__ = __mul__ = __truediv__ = __pow__ = __matmul__ = __mod__ = _build
        __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmatmul__ = __rmod__ = _build
        __floordiv__ = __rfloordiv__ = __and__ = __or__ = __xor__ = _build
        __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __abs__ = __invert__ = __getitem__ = _build


UFUNCS = {"absolute": "abs", "true_divide": "divide", "conjugate": "positive", "concatenate": "concat"}
UFUNCS |= {"amax": "max", "amin": "min", "invert": "logical_not", "bitwise_and": "logical_and"}
UFUNCS |= {"bitwise_or": "logical_or", "bitwise_xor": "logical_xor", "permute_dims": "transpose"}

# fmt: off
OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power", "matmul": "matmul",
    "mod": "remainder", "floordiv": "floor_divide", "and": "logical_and", "or": "logical_or", "xor": "logical_xor",
}
COMPARISONS = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
UNARY = {"neg": "negative", "abs": "abs", "invert": "logical_not", "pos": "positive"}
METHODS = ("sum", "mean", "max", "min", "prod", "argmax", "reshape", "transpose", "astype", "take", "clip", "squeeze")
# fmt: on


def _operator(name: str, reflected: bool = False) -> Callable[..., Any]:
    if reflected:
        return lambda self, other: FUNCTIONS[name](other, self)
    return lambda self, *others: FUNCTIONS[name](self, *others)


def _method(name: str) -> Callable[..., Any]:
    return lambda self, *args, **kwargs: FUNCTIONS[name](self, *args, **kwargs)


for _short, _name in (OPERATORS | COMPARISONS | UNARY).items():
    setattr(Node, f"__{_short}__", _operator(_name))
for _short, _name in OPERATORS.items():
    setattr(Node, f"__r{_short}__", _operator(_name, reflected=True))
for _name in METHODS:
    setattr(Node, _name, _method(_name))
Node.__getitem__ = _method("index")  # type: ignore[method-assign]


def graph_of(*args: Any) -> Graph:
    """The graph that these arguments belong to; raises UsageError without a node, GraphError for two graphs."""
    graphs = list(dict.fromkeys(a.graph for a in args if isinstance(a, Node)))
    if not graphs:
        raise UsageError("an operation needs at least one stage of a graph among its arguments")
    if len(graphs) > 1:
        titles = " and ".join(repr(g.title) for g in graphs[:2])
        raise GraphError(f"the arguments belong to two graphs, {titles}", code="G504")
    return graphs[0]


class Graph:
    """A symbolic graph: a networkx DiGraph of Nodes, argument -> user, whose edges say which slots they fill.

    `dtype` is the element type of inputs and params declared without one ("float64" unless told otherwise).
    """

    def __init__(self, title: str = "graph", *, dtype: Any = "float64") -> None:
        self.title = title
        self.dtype = dtype_name(dtype)
        self.outputs: dict[str, Node] = {}
        self.gradients: dict[Node, tuple[Node, ...]] = {}
        self.part_of: dict[Node, Node] = {}
        self.texts: dict[Node, str] = {}
        self.hints: dict[Node, str] = {}
        self.sharing = False
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
        """A value fed at each call: `g.input("X", ("batch", 784))` or `g.input("X", "f32[batch,784]")`."""
        return self._declare(INPUT, name, shape, dtype, {})

    def param(self, name: str, shape: Any = (), dtype: Any = None, *, init: Any = None) -> Node:
        """A value that training changes; `init` is one of gr.init's or an array, zeros unless told otherwise."""
        return self._declare(PARAM, name, shape, dtype, {"init": as_init(init)})

    def state(self, name: str, shape: Any = (), dtype: Any = None, *, init: Any = None) -> Node:
        """A value that stays from call to call and takes no gradient; `updates=` says how it changes."""
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
        """A constant, one node for each dtype and bit pattern; raises DTypeError for what is no array of numbers."""
        array = np.array(value, dtype=None if dtype is None else Type(dtype_name(dtype)).numpy, order="C")
        name = dtype_name(array.dtype)
        array.setflags(write=False)
        key = (CONST, name, array.shape, array.tobytes())
        if key not in self._interned:
            self._interned[key] = self.add(CONST, (), {"type": Type(name, array.shape), "value": array})
        return self._interned[key]

    def lift(self, values: Iterable[Any]) -> tuple[Node, ...]:
        """Nodes of values: Python's numbers take the others' type (NumPy's weak promotion), arrays keep theirs."""
        values = [v if isinstance(v, (Node, int, float)) else _strong(v) for v in values]
        strong = [v.dtype if isinstance(v, Node) else dtype_name(v.dtype) for v in values if not _weak(v)]
        dtype = promote(*strong) if strong else self.dtype
        return tuple(v if isinstance(v, Node) else self._literal(v, dtype) for v in values)

    def _literal(self, value: Any, dtype: str) -> Node:
        if not _weak(value):
            return self.constant(value)
        if isinstance(value, bool):
            return self.constant(value, "bool")
        if isinstance(value, float) or dtype == "bool":
            dtype = (floating(dtype) if dtype == "f32" else "f64") if isinstance(value, float) else "i64"
        try:
            return self.constant(value, dtype)
        except OverflowError:
            raise DTypeError(f"the number {value} does not fit {dtype}") from None

    def add(self, op: Op, args: Sequence[Node] = (), attrs: Mapping[str, Any] = EMPTY) -> Node:
        """The only way a node comes into being; a graph that shares answers with an equal node it has."""
        args, where = tuple(args), self._where if self._where is not None else (caller(),)
        key = _key(op, args, attrs) if self.sharing and op.effect in SHARED else None
        if key in self._interned:
            return self._interned[key]
        types = self._infer(op, args, attrs, where)
        node = Node(
            self, op, args, MappingProxyType(dict(attrs)), types, len(self._nodes), where, ".".join(self._scope),
            self._backward_of,
        )  # fmt: skip
        self._link(node)
        if key is not None:
            self._interned[key] = node
        return node

    def _infer(self, op: Op, args: tuple[Node, ...], attrs: Mapping[str, Any], where: Any) -> tuple[Type, ...]:
        try:
            types = op.infer(*(a.type for a in args), **attrs)
        except GraphcError as error:
            raise error.about(f"{op.name} ({where[0]})" if where else op.name) from None
        except TypeError as error:
            raise UsageError(f"{op.name} takes other arguments: {error}") from None
        return types if isinstance(types, tuple) else (types,)

    def _link(self, node: Node) -> None:
        self._nodes.append(node)
        self._nx.add_node(node)
        for slot, arg in enumerate(node.args):
            slots = self._nx.edges[arg, node]["slots"] if self._nx.has_edge(arg, node) else ()
            self._nx.add_edge(arg, node, slots=(*slots, slot))

    # Names

    def name(self, /, **nodes: Node) -> None:
        """Give nodes their names; raises GraphError when a name is taken by another node."""
        for name, node in nodes.items():
            full = self._scoped(name)
            if not isinstance(node, Node) or node.graph is not self:
                raise GraphError(f"{full!r} would name {type(node).__name__}, not a stage of this graph")
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
            places = f"{_line(self._named[name].where)} and {_line(node.where if node else (caller(),))}"
            raise GraphError(
                f"two nodes are named {name!r} ({places})", code="G502", hint="with g.scope('layer2'): keeps them apart"
            )

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Names given inside begin with `name.`: `with g.scope("layer1"): ...`."""
        self._scope = (*self._scope, name)
        try:
            yield
        finally:
            self._scope = self._scope[:-1]

    def names_of(self, node: Node) -> tuple[str, ...]:
        """All the names of a node, the first given first."""
        return self._names.get(node, ())

    @property
    def names(self) -> Mapping[str, Node]:
        """Every name and the node it belongs to."""
        return MappingProxyType(self._named)

    def __getitem__(self, name: str) -> Node:
        if name not in self._named:
            raise GraphError(f"no stage is named {name!r}", code="G503", hint=_names_hint(name, self._named))
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
            raise GraphError(f"{node.label} belongs to another graph, {node.graph.title!r}", code="G504")
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
        """Note that `gradient` is a term, or a sum of terms, of the gradient with respect to `into`."""
        if into not in (known := self.gradients.get(gradient, ())):
            self.gradients[gradient] = (*known, into)


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
    return (value.dtype.str, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value


def _line(where: tuple[Place, ...]) -> str:
    return str(where[0]) if where else "unknown line"


def _names_hint(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), 1)
    return f"did you mean {close[0]!r}?" if close else ""
