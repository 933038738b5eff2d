"""Gates: a user's own operation from two functions of symbols, and any operation as the lecture's
object with numbers.

A gate of the user's is an operation like any other: one stage of the graph, with the local gradient
that was given.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from graphc.errors import GraphError, UsageError
from graphc.grad import backward
from graphc.graph import FUNCTIONS, OPS, STATE, Graph, Node, Op, declare, graph_of
from graphc.interpret import evaluate
from graphc.ops.elementwise.arith import Masked
from graphc.ops.reductions.reduce import sum as total
from graphc.ops.spell import Expand
from graphc.transforms.batching import whole
from graphc.types import Type, dtype_name

GATES: dict[str, Op] = {}
"""The operations that users declared, which a notebook's cell may declare again."""


def gate(
    name: str, *, forward: Callable[..., Any], local_gradient: Callable[..., Any], **constants: Any
) -> Op:
    """A new operation `name`, called on stages; calling gate again with its name replaces it.

    `forward(*stages, **constants)` is its value; `local_gradient(g, y, *stages, **constants)`
    gives, for each argument, the upstream gradient `g` times the local one (a tuple, or the term
    alone for one argument; None for no gradient). Both are written with graphc's functions.
    `constants` may be given here, in each call, or both. Raises GraphError when the name belongs to
    an operation of graphc.
    """
    check_name(name)
    define = partial(_defined, name, partial(forward, **constants))
    op = Op(
        name,
        partial(_inferred, define),
        Expand(define),
        partial(_interpreted, define),
        partial(_terms, name, partial(local_gradient, **constants)),
        batch=whole,
    )
    return entered(op)


def entered(op: Op) -> Op:
    """A user's operation under its name, in place of the one that had it."""
    OPS.pop(op.name, None)
    GATES[op.name] = FUNCTIONS[op.name] = declare(op)
    return op


def check_name(name: Any) -> None:
    """Raise GraphError (G505) for a name that a user's operation cannot have."""
    if not isinstance(name, str) or not name:
        raise GraphError(f"{name!r} is not a name for a gate", code="G505")
    if name not in GATES and (name in OPS or name in FUNCTIONS):
        raise GraphError(
            f"graphc has an operation named {name!r} already",
            code="G505",
            hint="choose another name",
        )


def _defined(name: str, forward: Callable[..., Any], *args: Node, **constants: Any) -> Node:
    """The gate's value as a stage."""
    value = forward(*args, **constants)
    if isinstance(value, (tuple, list)):
        raise UsageError(f"the gate {name!r} gave {len(value)} results, and a gate has one")
    return graph_of(*args).lift((value,))[0]


def _inferred(define: Callable[..., Node], *types: Type, **constants: Any) -> Type:
    graph = Graph("gate")
    found = define(*(graph.input(f"x{i}", t) for i, t in enumerate(types)), **constants)
    if graph.leaves(STATE):
        raise UsageError(
            "what a gate computes is a function of its arguments, and this draws random numbers",
            hint="draw them outside, and give them to the gate",
        )
    return found.type


def _interpreted(define: Callable[..., Node], *arrays: np.ndarray, **constants: Any) -> np.ndarray:
    graph = Graph("gate")
    inputs = [graph.input(f"x{i}", _type(a)) for i, a in enumerate(arrays)]
    value = define(*inputs, **constants)
    return evaluate([value], dict(zip(inputs, arrays, strict=True)))[value]


def _terms(
    name: str, local: Callable[..., Any], g: Node, y: Node, *args: Node, **constants: Any
) -> list[Any]:
    """One term an argument; numbers become stages."""
    given = local(g, y, *args, **constants)
    terms = list(given) if isinstance(given, (tuple, list)) else [given]
    if len(terms) != len(args):
        raise UsageError(
            f"the gate {name!r} has {len(args)} arguments, "
            f"but its local gradient has {len(terms)} terms"
        )
    return [
        t if t is None or isinstance(t, (Node, Masked)) else g.graph.lift((t,))[0] for t in terms
    ]


def _type(array: np.ndarray) -> Type:
    return Type(dtype_name(array.dtype), array.shape)


class Gate:
    """An operation as the lecture's object: `forward` takes numbers, `backward` the gradient from
    above.

    `Gate("multiply")`, `Gate("sum", axis=0)`, `Gate(my_gate, c=2.0)`: a name, an operation or a
    function of stages, with its constants. Source: the CS231n notes, "Backpropagation, Intuitions",
    MultiplyGate.
    """

    def __init__(self, operation: str | Callable[..., Any], **constants: Any) -> None:
        if isinstance(operation, str) and operation not in FUNCTIONS:
            raise UsageError(f"no operation is named {operation!r}")
        self._function = FUNCTIONS[operation] if isinstance(operation, str) else operation
        self._constants = constants
        self._values: dict[Node, Any] = {}

    def forward(self, *numbers: Any) -> Any:
        """The value for numbers or arrays, which are kept for `backward`; Python's numbers count as
        float64.
        """
        graph = Graph("gate")
        arrays = [np.asarray(n, "f8" if isinstance(n, (int, float)) else None) for n in numbers]
        self._inputs = [graph.input(f"x{i}", _type(a)) for i, a in enumerate(arrays)]
        self._result: Node = self._function(*self._inputs, **self._constants)
        self._values = evaluate([self._result], dict(zip(self._inputs, arrays, strict=True)))
        return _number(self._values[self._result])

    def backward(self, dz: Any = 1.0) -> list[Any]:
        """For each argument the gradient `dz` from above times the local one; None for an argument
        that is not float.

        Raises UsageError before `forward`.
        """
        if not self._values:
            raise UsageError("backward comes after forward, whose numbers it needs")
        dz = np.asarray(dz, self._result.type.numpy)
        upstream = self._result.graph.constant(
            np.broadcast_to(dz, self._values[self._result].shape)
        )
        wrt = [x for x in self._inputs if x.type.is_float]
        found = dict(zip(wrt, backward(total(self._result * upstream), wrt), strict=True))
        values = evaluate(found.values(), self._values)
        return [_number(values[found[x]]) if x in found else None for x in self._inputs]


def _number(value: np.ndarray) -> Any:
    """A Python number for a scalar, else the array."""
    return value if value.ndim else value.item()
