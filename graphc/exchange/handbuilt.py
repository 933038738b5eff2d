"""A stage as a person writes it with networkx in, a node of a Graph out.

Names may be short, slots may be left out where order cannot matter, additions may have many terms.
What is not clear is refused with a sentence that names the node.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache, reduce
from typing import Any

import networkx as nx
import numpy as np

from graphc.errors import GraphcError, GraphError
from graphc.graph import FUNCTIONS, LEAVES, OPS, Node, Op
from graphc.node import UFUNCS

# fmt: off
ALIASES = {
    "+": "add", "plus": "add", "-": "subtract", "sub": "subtract", "minus": "subtract",
    "*": "multiply", "mul": "multiply", "times": "multiply", "@": "matmul", "mm": "matmul",
    "/": "divide", "div": "divide", "truediv": "divide", "//": "floor_divide",
    "floordiv": "floor_divide", "%": "remainder", "mod": "remainder",
    "**": "power", "^": "power", "pow": "power", "sqr": "square", "inv": "reciprocal",
    "neg": "negative", "pos": "positive", "identity": "positive", "ln": "log",
    "logistic": "sigmoid", "cast": "astype", "T": "matrix_transpose",
    "<": "less", "lt": "less", "<=": "less_equal", "le": "less_equal",
    ">": "greater", "gt": "greater", ">=": "greater_equal", "ge": "greater_equal",
    "==": "equal", "eq": "equal", "!=": "not_equal", "ne": "not_equal",
    "&": "logical_and", "and": "logical_and", "|": "logical_or", "or": "logical_or",
    "xor": "logical_xor", "~": "logical_not", "not": "logical_not",
    "parameter": "param", "weight": "param", "constant": "const", **UFUNCS,
}
# fmt: on
COMMUTATIVE = frozenset(("add", "multiply", "maximum", "minimum"))
COMMUTATIVE |= {"logical_and", "logical_or", "logical_xor"}
CHAINED = frozenset(("add", "multiply"))

ATTRIBUTES = frozenset(("axis", "axes", "shape", "dtype", "more", "key", "margin", "num_classes"))
"""Parameters of public functions that are never stages."""

Function = Callable[..., Node]
Parameters = tuple[inspect.Parameter, ...]
Limits = tuple[int, int | None]


def operation(name: Any) -> str:
    """The operation's own name, given that or a common short one; raises GraphError (G510)."""
    found = ALIASES.get(name, name) if isinstance(name, str) else name
    leaves = {op.name for op in LEAVES}
    if not isinstance(found, str) or (found not in FUNCTIONS and found not in leaves):
        close = get_close_matches(str(name), [*FUNCTIONS, *leaves], 1)
        hint = f"did you mean {close[0]!r}?" if close else ""
        raise GraphError(f"no operation is named {str(name)!r}", code="G510", hint=hint)
    return found


# What an operation takes


def taken_by(function: Function, given: Mapping[str, Any]) -> Parameters:
    """The parameters that stages fill: all but attributes and what is given by name."""
    named = (p for p in _parameters(function) if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD))
    return tuple(p for p in named if p.name not in ATTRIBUTES and p.name not in given)


@lru_cache(maxsize=512)
def _parameters(function: Function) -> Parameters:
    if not isinstance(function, Op):
        return tuple(inspect.signature(function).parameters.values())
    found = tuple(inspect.signature(function.infer).parameters.values())
    return (
        _of_any_number(function, found) if _has(found, inspect.Parameter.VAR_POSITIONAL) else found
    )


def _of_any_number(op: Op, inferred: Parameters) -> Parameters:
    """The type rule serves any number of arguments; the meaning or the gradient tells how many."""
    if isinstance(op.numpy, np.ufunc):
        kind = inspect.Parameter.POSITIONAL_ONLY
        return tuple(inspect.Parameter(f"x{i}", kind) for i in range(op.numpy.nin))
    return tuple(inspect.signature(op.vjp).parameters.values())[2:] if op.vjp else inferred


def _has(parameters: Parameters, kind: Any) -> bool:
    return any(p.kind is kind for p in parameters)


def limits(parameters: Parameters) -> Limits:
    """How many arguments there must be, and may be; None for any number."""
    if _is_open(parameters):
        return 1, None
    return sum(p.default is p.empty for p in parameters), len(parameters)


def _is_open(parameters: Parameters) -> bool:
    listed = any(p.name == "arrays" for p in parameters)
    return listed or _has(parameters, inspect.Parameter.VAR_POSITIONAL)


def check_attributes(name: str, given: Mapping[str, Any]) -> None:
    """Raise GraphError (G517) for an attribute that the operation has not, or one that it needs."""
    function = FUNCTIONS[name]
    known = _parameters(function)
    names = [p.name for p in known if p.kind not in (p.VAR_POSITIONAL, p.POSITIONAL_ONLY)]
    names = [n for n in names if n in ATTRIBUTES] if isinstance(function, Op) else names
    if not _has(known, inspect.Parameter.VAR_KEYWORD):
        for wrong in (a for a in given if a not in names):
            raise _unknown(name, wrong, names)
    for p in known:
        needed = p.name in ATTRIBUTES and p.default is p.empty and p.kind is not p.VAR_POSITIONAL
        if needed and p.name not in given:
            raise GraphError(f"{name} needs an attribute {p.name!r}", code="G517")


def _unknown(name: str, wrong: str, names: Sequence[str]) -> GraphError:
    known = ", ".join(n for n in names if n in ATTRIBUTES or n == "keepdims")
    hint = f"it has {known}" if known else ""
    return GraphError(f"{name} has no attribute {wrong!r}", code="G517", hint=hint)


# Which edge fills which slot


def arguments(networkx: nx.DiGraph, key: Hashable, name: str, within: Limits) -> list[Hashable]:
    """The keys of the arguments in order; raises GraphError (G511 to G513) where none is clear."""
    edges = [
        (source, _slots(source, data)) for source, _, data in networkx.in_edges(key, data=True)
    ]
    loose = [source for source, slots in edges if slots is None]
    filled = dict(enumerate(loose)) if loose else _filled(edges)
    if loose and (len(loose) < len(edges) or (len(edges) > 1 and name not in COMMUTATIVE)):
        raise GraphError(
            f"the edge from {str(loose[0])!r} does not say which argument it is",
            code="G511",
            hint=f"G.add_edge({str(loose[0])!r}, {str(key)!r}, slot=0)",
        )
    _check_filled(name, filled, *within)
    return [filled[slot] for slot in range(len(filled))]


def _slots(source: Hashable, data: Mapping[str, Any]) -> list[int] | None:
    """The slots that an edge names, `slot=0` or `slots="0,1"`; None where it names none."""
    value = data.get("slots", data.get("slot"))
    if value is None:
        return None
    parts = value.split(",") if isinstance(value, str) else value
    parts = list(parts) if isinstance(parts, (list, tuple)) else [parts]
    texts = [str(part).strip() for part in parts]
    if not texts or not all(text.isdecimal() for text in texts):
        raise GraphError(
            f"the edge from {str(source)!r} has slot {value!r}, not a number", code="G511"
        )
    return list(map(int, texts))


def _filled(edges: Sequence[tuple[Hashable, list[int] | None]]) -> dict[int, Hashable]:
    filled: dict[int, Hashable] = {}
    for source, slot in ((source, slot) for source, slots in edges for slot in slots or ()):
        if slot in filled:
            both = f"by {str(filled[slot])!r} and by {str(source)!r}"
            raise GraphError(f"slot {slot} is filled twice, {both}", code="G512")
        filled[slot] = source
    return filled


def _check_filled(name: str, filled: Mapping[int, Hashable], least: int, most: int | None) -> None:
    last = max(filled, default=-1)
    if most is not None and last >= most:
        count = f"{most} argument{'' if most == 1 else 's'}" if most else "no arguments"
        raise GraphError(
            f"slot {last} is filled by {str(filled[last])!r}, but {name} takes {count}", code="G513"
        )
    for slot in range(max(least, last + 1)):
        if slot not in filled:
            raise GraphError(f"slot {slot} of {name} is not filled", code="G511")


# The stage itself


def meant(
    networkx: nx.DiGraph, key: Hashable, name: str, attrs: Mapping[str, Any]
) -> list[Hashable]:
    """The keys of the arguments that a person gave to the operation `name`."""
    check_attributes(name, attrs)
    within = (2, None) if name in CHAINED else limits(taken_by(FUNCTIONS[name], attrs))
    return arguments(networkx, key, name, within)


def applied(name: str, args: Sequence[Node], attrs: Mapping[str, Any]) -> Node:
    """The stage that a user's function makes of its arguments; a chain of stages for many terms."""
    try:
        return _called(name, args, attrs)
    except GraphcError:
        raise
    except (TypeError, ValueError) as error:
        raise GraphError(f"{name} cannot take these attributes: {error}", code="G517") from None


def _called(name: str, args: Sequence[Node], attrs: Mapping[str, Any]) -> Node:
    function: Function = FUNCTIONS[name]
    if name in CHAINED:
        return reduce(function, args)
    parameters = taken_by(function, attrs)
    if parameters and parameters[0].name == "arrays":
        return function(list(args), **attrs)
    if isinstance(function, Op) or _is_open(parameters):
        return function(*args, **attrs)
    return function(**{p.name: arg for p, arg in zip(parameters, args, strict=False)}, **attrs)


def is_leaf(name: str) -> bool:
    """Whether stages of this operation take no arguments: input, param, state, const."""
    return OPS.get(name) in LEAVES
