"""`scan`: a step that is run again and again, each time on what the last one left and on the next
row of its inputs; and its gradient, a scan in the other direction.

The step is a graph among the stage's attributes; the gradient is in graphc.flow.backward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.flow.backward import Backward
from graphc.flow.bodies import (
    Body,
    begun,
    called,
    carried,
    check_callable,
    check_counts,
    check_inputs,
    check_results,
    graph_for,
    parameter,
)
from graphc.flow.checkpoint import Blocks
from graphc.flow.stacked import scan_stacked
from graphc.flow.structure import flat, paths, same_form
from graphc.flow.tangents import scan_tangents, unused_key
from graphc.graph import INPUT, Graph, Node, Op, declare, public
from graphc.interpret import AROUND, evaluate
from graphc.ops.elementwise.arith import where, zeros_like
from graphc.ops.shaping.layout import expand_dims
from graphc.ops.spell import Region
from graphc.types import Dim, Type, as_dim, bind_shape

# The operation


def _scan_type(
    *args: Type, body: Graph, carries: int, rows: int, length: Dim, **_: Any
) -> tuple[Type, ...]:
    check_counts(len(args), carries, rows)
    ends, given = args[:carries], args[carries : carries + rows]
    for row in given:
        if row.shape[:1] != (length,):
            raise ShapeError(f"its rows are along an axis of {length}, and {row} has no such one")
    each = [Type(row.dtype, row.shape[1:]) for row in given]
    check_inputs("body", body, [*ends, *each, *args[carries + rows :]])
    check_results("body", body, ends)
    outputs = list(body.outputs.values())
    last = tuple(n.type for n in outputs[:carries])
    return last + tuple(Type(n.dtype, (length, *n.shape)) for n in outputs[carries:])


def _scan_numpy(
    *args: Any, body: Graph, carries: int, rows: int, length: int, reverse: bool, **_: Any
) -> tuple[Any, ...]:
    inputs, outputs = body.leaves(INPUT), list(body.outputs.values())
    carry, kept = list(args[:carries]), args[carries + rows :]
    shapes = [(length, *n.shape) for n in outputs[carries:]]
    stacked: list[list[Any]] = [[] for _ in shapes]
    for t in reversed(range(length)) if reverse else range(length):
        row = [x[t] for x in args[carries : carries + rows]]
        values = evaluate(outputs, dict(zip(inputs, [*carry, *row, *kept], strict=True)))
        carry = [values[n] for n in outputs[:carries]]
        for column, node in zip(stacked, outputs[carries:], strict=True):
            column.append(values[node])
    order = -1 if reverse else 1
    ys = [
        np.stack(column[::order]) if column else np.zeros(bind_shape(shape, AROUND.get()))
        for column, shape in zip(stacked, shapes, strict=True)
    ]
    return (*carry, *ys)


def _scan_vjp(gs: Any, ys: Any, *args: Node, **attrs: Any) -> list[Node | None]:
    """The step's own backward sweep, run in the other direction over what the steps kept."""
    return Backward(_scan, gs if isinstance(gs, tuple) else (gs,), args, **attrs).terms()


_scan: Op = declare(
    Op(
        "scan",
        _scan_type,
        Region("scan"),
        lambda *args, **attrs: _alone(_scan_numpy(*args, **attrs)),
        _scan_vjp,
        jvp=scan_tangents,
        batch=scan_stacked,
    )
)


def _alone(values: tuple[Any, ...]) -> Any:
    return values if len(values) > 1 else values[0]


# What a user calls


@public
def scan(
    function: Callable[..., Any],
    init: Any,
    xs: Any = None,
    *,
    length: Any = None,
    reverse: bool = False,
    mask: Any = None,
    checkpoint: bool | int = False,
) -> tuple[Any, Any]:
    """Run `carry, y = function(carry, x)` for each row x of `xs`, the carry beginning at `init`.

    Returns the last carry and the y of every step, stacked along a new first axis. `init`, `xs` and
    y may be stages, or tuples, lists and dicts of stages; without `xs` the function takes the carry
    alone, `length` times. `reverse` begins at the last row (y stays in the order of the rows).
    `mask` (length,) or (length, batch), bool: where it is false a step leaves the carry as it is,
    and its y is zero: sequences of different lengths. `checkpoint` keeps for the gradient what
    lies between blocks of so many steps (True: the square root of the length), and runs the steps
    of a block again. The carry keeps its shapes and element types:
    raises ShapeError, DTypeError or UsageError where it does not. Source: jax.lax.scan.
    """
    names = paths(init, parameter(function, 0, "carry")) + paths(xs, parameter(function, 1, "x"))
    if mask is not None:
        function, xs, names = _masked(function, xs is not None), (xs, mask), [*names, "going"]
    return _Forward(function, init, xs, names, length, reverse, checkpoint).run()


def counted(function: Callable[..., Any], init: Any, names: Sequence[str], length: Any) -> Any:
    """What is carried in the end, where the leaves of a carry are called by these names."""
    return _Forward(function, init, None, names, length).run()[0]


def _masked(function: Callable[..., Any], has_rows: bool) -> Callable[..., Any]:
    """The function where its mask is true; elsewhere the carry stays and y is zero."""

    @wraps(function)
    def step(carry: Any, row: Any) -> Any:
        x, going = row
        args = (carry, x) if has_rows else (carry,)
        check_callable(function, args)
        new, y = two(function(*args))
        same_form(carry, new, "the carry")
        old, rebuild = flat(carry)
        kept = [_chosen(going, n, o) for n, o in zip(flat(new)[0], old, strict=True)]
        values, stacked = flat(y)
        return rebuild(kept), stacked([_chosen(going, v, zeros_like(v)) for v in values])

    return step


def two(found: Any) -> tuple[Any, Any]:
    """The new carry and y; raises UsageError for anything else."""
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise UsageError(
            "the function of a scan returns two things, the new carry and y",
            hint="return carry, None where no y is wanted",
        )
    return found[0], found[1]


def _chosen(going: Node, new: Node, old: Any) -> Node:
    missing = tuple(range(going.ndim, new.ndim))
    return where(expand_dims(going, missing) if missing else going, new, old)


def _checked(checkpoint: Any) -> bool | int:
    """The wish as it is; raises UsageError for what is neither a bool nor a number of steps."""
    if isinstance(checkpoint, bool):
        return checkpoint
    if not isinstance(checkpoint, (int, np.integer)) or checkpoint < 1:
        raise UsageError(
            f"checkpoint is {checkpoint!r}", hint="True, False, or the number of steps in a block"
        )
    return int(checkpoint)


class _Forward:
    """One call of `scan`: its arguments laid flat, the body traced, the stage made."""

    def __init__(
        self, function: Callable[..., Any], init: Any, xs: Any, names: Sequence[str], length: Any,
        reverse: bool = False, checkpoint: bool | int = False,
    ) -> None:  # fmt: skip
        self.function, self.init, self.xs, self.reverse = function, init, xs, bool(reverse)
        self.names = names
        self.checkpoint = _checked(checkpoint)
        begins, self.carried = flat(init)
        rows, self.rowed = flat(xs)
        self.graph = graph_for([*begins, *rows], function)
        self.begins = [begun(self.graph, v) for v in begins]
        self.rows = [self._row(v) for v in rows]
        self.length = self._length(length)

    def _row(self, value: Any) -> Node:
        node = value if isinstance(value, Node) else self.graph.constant(value)
        if not node.shape:
            raise ShapeError("a scan goes along the first axis of its inputs; this one is a scalar")
        return node

    def _length(self, given: Any) -> Dim:
        sizes = [x.shape[0] for x in self.rows] + ([] if given is None else [as_dim(given)])
        if not sizes:
            raise UsageError("a scan without xs needs its length", hint="length=100")
        if any(s != sizes[0] for s in sizes):
            raise ShapeError(f"first axes of {' and '.join(map(str, sizes))} do not fit together")
        return sizes[0]

    def run(self) -> tuple[Any, Any]:
        """The last carry and the stacked results, in their structures."""
        body = Body(self.graph, self._title())
        types = [b.type for b in self.begins]
        types += [Type(x.dtype, x.shape[1:]) for x in self.rows]
        inputs = body.inputs(self.names, types)
        count = len(self.begins)
        given = [self.carried(inputs[:count])]
        given += [self.rowed(inputs[count:])] if self.xs is not None else []
        carry, stacked, ys = self._results(body, body.run(self.function, *given))
        outputs = {f"carry{k}": n for k, n in enumerate(carry)}
        outputs |= {f"y{k}": n for k, n in enumerate(stacked)}
        attrs = dict(
            body=body.finish(outputs), carries=count, rows=len(self.rows), length=self.length,
            reverse=self.reverse, key=unused_key(self.graph),
        )  # fmt: skip
        found = self._scanned((*self.begins, *self.rows, *body.captures), attrs)
        for node, hint in zip(found, _hints(inputs, carry, stacked), strict=True):
            node.hinted(hint)
        return self.carried(found[:count]), ys(found[count:])

    def _scanned(self, args: tuple[Node, ...], attrs: dict[str, Any]) -> tuple[Node, ...]:
        if not self.checkpoint:
            found = _scan(*args, **attrs)
            return found if isinstance(found, tuple) else (found,)
        if not isinstance(self.length, int):
            raise UsageError(f"a scan in blocks needs a literal length, not {self.length}")
        block = 0 if self.checkpoint is True else self.checkpoint
        return Blocks(_scan, args, **attrs, block=block).results()

    def _title(self) -> str:
        return getattr(self.function, "__name__", "step").strip("<>")

    def _results(self, body: Body, found: Any) -> tuple[list[Node], list[Node], Any]:
        new, y = two(found)
        stacked, ys = flat(y)
        carry = carried(body, self.init, self.begins, new)
        return carry, [body.stage(y) for y in stacked], ys


def _hints(inputs: Sequence[Node], carry: Sequence[Node], stacked: Sequence[Node]) -> list[str]:
    """What emitted code calls the results: after the carry, and after what is kept of each step."""
    last = [str(n.name) for n in inputs[: len(carry)]]
    own = dict(zip(carry, last, strict=True))
    rows = [f"every_{own.get(y) or called(_unmasked(y), 'y')}" for y in stacked]
    return [*(n if n.startswith("last") else f"last_{n}" for n in last), *rows]


def _unmasked(y: Node) -> Node:
    """What the function made, of which a mask made zeros where a sequence has ended."""
    return y.args[1] if y.name is None and y.op is where else y
