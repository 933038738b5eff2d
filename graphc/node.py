"""Op, all that is known of a kind of stage, and Node, one stage: an Op applied to nodes.

Nodes are immutable; `==` is identity. Operators, methods and NumPy's functions on a node look their
operation up by name, so this module knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from graphc.errors import GraphcError, GraphError, UsageError
from graphc.place import Place, caller
from graphc.types import Dim, Type

if TYPE_CHECKING:
    from graphc.graph import Graph

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

    infer     types of the arguments and attributes -> type of the result (or a tuple of types), or
              raises
    spell     how it is written in a kernel (graphc.ops.spell)
    numpy     what it means: oracle, interpreter and constant folding
    vjp       local gradient: (g, y, *args, **attrs) -> one term (or None) an argument; None: no
              gradient passes; of several results g and y are tuples, g with None for a result
              that nothing depends on
    symbol    how it is printed: "{0} + {1}"
    effect    "assert", "random", "print": forbids sharing and removal
    core      its gufunc signature, "(m,k),(k,n)->(m,n)"; None: elementwise or of its own kind
    jvp       tangent: (tangents, y, *args, **attrs) -> that of y, or a tuple of those of its results;
              None in place of one that is zero; None: by its form, or by the local gradient
              (graphc.transforms.forward)
    batch     itself over one axis more: (op, args, mapped, size, **attrs) -> stage, or a tuple of
              results, with an axis of `size` in front; `mapped` tells which arguments have that
              axis; None: by its form (graphc.transforms.batching)
    """

    name: str
    infer: Callable[..., Any]
    spell: Any
    numpy: Callable[..., Any]
    vjp: Callable[..., Sequence[Node | None]] | None = None
    symbol: str = ""
    effect: str = ""
    core: str | None = None
    jvp: Callable[..., Any] | None = None
    batch: Callable[..., Any] | None = None

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        """A new stage of the arguments' graph, or the tuple of its results where it has several;
        numbers and arrays among the arguments become constants.
        """
        graph = graph_of(*args)
        node = graph.add(self, graph.lift(args), attrs)
        if len(node.types) == 1:
            return node
        return tuple(
            graph.add(OPS["result"], (node,), {"index": k}) for k in range(len(node.types))
        )

    @property
    def __name__(self) -> str:
        """Its name, as any function has one."""
        return self.name

    def __repr__(self) -> str:
        return self.name


def declare(op: Op) -> Op:
    """Enter an operation in OPS, and under its name in FUNCTIONS; raises GraphError when the name
    is taken.
    """
    if op.name in OPS:
        raise GraphError(f"an operation named {op.name!r} exists already", code="G505")
    OPS[op.name] = op
    FUNCTIONS.setdefault(op.name, op)
    return op


def public(function: Callable[P, R]) -> Callable[P, R]:
    """Enter a user's function in FUNCTIONS under its own name, telling."""
    FUNCTIONS[function.__name__] = told = telling(function)
    return told


def telling(function: Callable[P, R]) -> Callable[P, R]:
    """A user's function whose errors, where it raises them itself, say whose they are and where."""

    @wraps(function)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except GraphcError as error:
            raise error.about(f"{function.__name__} ({caller()})") from None

    return told


def _leaf(name: str) -> Op:
    return declare(Op(name, lambda type, **_: type, None, lambda **_: None))


INPUT, PARAM, STATE, CONST = map(_leaf, ("input", "param", "state", "const"))
LEAVES = frozenset((INPUT, PARAM, STATE, CONST))


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One stage: an operation applied to nodes. Immutable; `==` is identity, `gr.equal` builds a
    stage.
    """

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
            raise GraphError(f"{self.label} has {len(self.types)} results, each with its own type")
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
        """The same node, which emitted code calls `text` where it has no name."""
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

    __int__ = __index__ = __complex__ = __float__

    def __iter__(self) -> Iterator[Node]:
        if not self.shape or not isinstance(self.shape[0], int):
            raise UsageError(
                "only a stage with a literal first size can be iterated", subject=self.label
            )
        return (self[i] for i in range(self.shape[0]))

    def __len__(self) -> int:
        if not self.shape or not isinstance(self.shape[0], int):
            raise UsageError(
                "only a stage with a literal first size has a length", subject=self.label
            )
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
            raise UsageError(
                f"np.{ufunc.__name__} has no meaning for a stage in this form", subject=self.label
            )
        return FUNCTIONS[name](*args)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = UFUNCS.get(function.__name__, function.__name__)
        if name not in FUNCTIONS:
            raise UsageError(
                f"np.{function.__name__} has no meaning for a stage", subject=self.label
            )
        return FUNCTIONS[name](*args, **kwargs)

    if TYPE_CHECKING:  # operators and methods, which the tables below set

        def _build(self, *others: Any) -> Node: ...
        def __getattr__(self, name: str) -> Callable[..., Node]: ...

        __add__ = __sub__ = __mul__ = __truediv__ = __pow__ = __matmul__ = __mod__ = _build
        __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmatmul__ = __rmod__ = _build
        __floordiv__ = __rfloordiv__ = __and__ = __or__ = __xor__ = _build
        __lshift__ = __rshift__ = __rlshift__ = __rrshift__ = _build
        __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __abs__ = __invert__ = __getitem__ = _build


UFUNCS = {
    "absolute": "abs",
    "true_divide": "divide",
    "conjugate": "positive",
    "concatenate": "concat",
}
UFUNCS |= {"amax": "max", "amin": "min", "permute_dims": "transpose", "invert": "bitwise_invert"}
UFUNCS |= {"left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift"}
UFUNCS |= {"arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh"}
UFUNCS |= {"arctan": "atan", "arctan2": "atan2", "arctanh": "atanh", "fabs": "abs", "fix": "trunc"}
UFUNCS |= {"degrees": "rad2deg", "radians": "deg2rad", "rint": "round"}

# fmt: off
OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power", "matmul": "matmul",
    "mod": "remainder", "floordiv": "floor_divide", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
}
COMPARISONS = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
UNARY = {"neg": "negative", "abs": "abs", "invert": "bitwise_invert", "pos": "positive"}
METHODS = ("sum", "mean", "max", "min", "prod", "argmax", "argmin", "any", "all", "var", "std",
"cumsum", "cumprod", "argsort", "reshape", "transpose", "astype", "take", "clip", "squeeze")
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
Node.__getitem__ = _method("index")


def is_below(graph: Graph, draft: Graph) -> bool:
    """Whether `draft` is a draft of `graph`, or a draft of such a one."""
    below = draft.below
    while below is not None and below is not graph:
        below = below.below
    return below is graph


def graph_of(*args: Any) -> Graph:
    """The graph that these arguments belong to, a draft rather than what is below it, and a
    function's own graph while it is traced; raises UsageError without a node, GraphError for two
    graphs.
    """
    graphs = list(dict.fromkeys(a.graph for a in args if isinstance(a, Node)))
    if not graphs:
        raise UsageError("an operation needs at least one stage of a graph among its arguments")
    if len(graphs) > 1:
        graphs = [g for g in graphs if not any(is_below(g, other) for other in graphs)]
    if len(graphs) > 1:
        titles = " and ".join(repr(g.title) for g in graphs[:2])
        raise GraphError(f"the arguments belong to two graphs, {titles}", code="G504")
    return _traced(graphs[0])


def _traced(graph: Graph) -> Graph:
    """The graph in which new stages belong: that of a function which is run for its stages."""
    while graph.inside is not None:
        graph = graph.inside
    return graph
