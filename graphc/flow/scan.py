"""`scan`: a step that is run again and again, each time on what the last one left and on the next
row of its inputs; and its gradient, a scan in the other direction.

The step is a graph among the stage's attributes. Notes: [Tape], [Wider].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.flow.bodies import Body, begun, carried, copied, graph_for, pulled_back
from graphc.flow.checkpoint import Blocks
from graphc.flow.stacked import scan_stacked
from graphc.flow.structure import flat
from graphc.flow.tangents import scan_tangents, unused_key
from graphc.graph import FUNCTIONS, INPUT, Graph, Node, Op, declare, public
from graphc.interpret import evaluate
from graphc.ops.arith import add, where, zeros_like
from graphc.ops.layout import expand_dims
from graphc.ops.several import taken_apart
from graphc.ops.spell import Region, Reshape, View
from graphc.types import Dim, Size, Type, as_dim

# The operation


def _scan_type(
    *args: Type, body: Graph, carries: int, rows: int, length: Dim, **_: Any
) -> tuple[Type, ...]:
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
        np.stack(column[::order])
        if column
        else np.zeros([0 if isinstance(d, Size) else d for d in s])
        for column, s in zip(stacked, shapes, strict=True)
    ]
    return (*carry, *ys)


def _scan_vjp(gs: Any, ys: Any, *args: Node, **attrs: Any) -> list[Node | None]:
    """The step's own backward sweep, run in the other direction over what the steps kept."""
    several = isinstance(gs, tuple)
    return _Backward((gs,) if not several else gs, args, **attrs).terms()


_scan = declare(
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
    step = function if mask is None else _masked(function, xs is not None)
    rows = xs if mask is None else (xs, mask)
    return _Forward(step, init, rows, length, reverse, checkpoint).run()


def _masked(function: Callable[..., Any], has_rows: bool) -> Callable[..., Any]:
    """The function where its mask is true; elsewhere the carry stays and y is zero."""

    def step(carry: Any, row: Any) -> Any:
        x, going = row
        new, y = function(carry, x) if has_rows else function(carry)
        old, rebuild = flat(carry)
        kept = [_chosen(going, n, o) for n, o in zip(flat(new)[0], old, strict=True)]
        values, stacked = flat(y)
        return rebuild(kept), stacked([_chosen(going, v, zeros_like(v)) for v in values])

    return step


def _chosen(going: Node, new: Node, old: Any) -> Node:
    missing = tuple(range(going.ndim, new.ndim))
    return where(expand_dims(going, missing) if missing else going, new, old)


class _Forward:
    """One call of `scan`: its arguments laid flat, the body traced, the stage made."""

    def __init__(
        self, function: Callable[..., Any], init: Any, xs: Any, length: Any, reverse: bool,
        checkpoint: bool | int,
    ) -> None:  # fmt: skip
        self.function, self.init, self.xs, self.reverse = function, init, xs, bool(reverse)
        self.checkpoint = checkpoint
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
        names = body.names_for(self.function, 0, "carry", self.init)
        names += body.names_for(self.function, 1, "x", self.xs)
        types = [b.type for b in self.begins]
        types += [Type(x.dtype, x.shape[1:]) for x in self.rows]
        inputs = body.inputs(names, types)
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
        return self.carried(found[:count]), ys(found[count:])

    def _scanned(self, args: tuple[Node, ...], attrs: dict[str, Any]) -> tuple[Node, ...]:
        if not self.checkpoint:
            found = _scan(*args, **attrs)
            return found if isinstance(found, tuple) else (found,)
        if not isinstance(self.length, int):
            raise UsageError(f"a scan in blocks needs a literal length, not {self.length}")
        block = 0 if self.checkpoint is True else int(self.checkpoint)
        return Blocks(_scan, args, **attrs, block=block).results()

    def _title(self) -> str:
        return getattr(self.function, "__name__", "step").strip("<>")

    def _results(self, body: Body, found: Any) -> tuple[list[Node], list[Node], Any]:
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise UsageError(
                "the function of a scan returns two things, the new carry and y",
                hint="return carry, None where no y is wanted",
            )
        stacked, ys = flat(found[1])
        carry = carried(body, self.init, self.begins, found[0])
        return carry, [body.stage(y) for y in stacked], ys


# The gradient


class _Backward:
    """The gradient of one scan: its step's backward sweep as the step of another scan."""

    def __init__(
        self, gs: Sequence[Node | None], args: tuple[Node, ...], *, body: Graph, carries: int,
        rows: int, length: Dim, reverse: bool, key: int, again: bool = False,
    ) -> None:  # fmt: skip
        self.again = again
        self.gs, self.args, self.body = gs, args, body
        self.carries, self.rows, self.length, self.reverse = carries, rows, length, reverse
        self.key = key
        self.inputs = body.leaves(INPUT)
        self.outputs = list(body.outputs.values())
        self.draft = Graph(body.title, dtype=body.dtype)
        self.to: dict[Node, Node] = {}
        self.found: dict[Node, Any] = {}

    def terms(self) -> list[Node | None]:
        """One gradient for each argument, None for those that have none."""
        seeds = self._swept()
        taped, step = self._tape(), Graph(f"d_{self.body.title}", dtype=self.body.dtype)
        attrs = self._step(step, seeds, taped)
        return self._called(seeds, taped, attrs)

    def _swept(self) -> dict[int, Node]:
        """The step's backward sweep in a draft; for each output that a gradient comes from, the
        leaf that stands for it.
        """
        floats = [k for k, n in enumerate(self.outputs) if n.type.is_float]
        wanted = [k for k in floats if k < self.carries or self.gs[k] is not None]
        seeds = {k: self.draft.add(INPUT, (), {"type": self.outputs[k].type}) for k in wanted}
        wrt = [n for n in self.inputs if n.type.is_float]
        copied([*self.inputs, *self.outputs], self.draft, self.to)
        ends = [self.outputs[k] for k in wanted]
        slopes = pulled_back(ends, wrt, list(seeds.values()), self.to, self.draft)
        self.found = dict.fromkeys(self.inputs) | dict(zip(wrt, slopes, strict=True))
        return seeds

    def _tape(self) -> list[Node]:
        """The draft's forward values that the backward sweep reads from a tape: Note [Tape]."""
        wanted = [g for g in self.found.values() if g is not None]
        stack = [a for n in self.draft.order(*wanted) if n.backward_of is not None for a in n.args]
        stack += [g for g in wanted if g.backward_of is None]
        found: dict[Node, None] = {}
        seen: set[Node] = set()
        held = {self.to[n] for n in self.inputs[self.carries :]}
        while stack:
            node = stack.pop()
            forward = node.backward_of is None and node not in seen and node in self.forward
            seen.add(node)
            if not forward or node in held or node.op.name == "const":
                continue
            if _is_cheap(node) or (self.again and node.op is not INPUT):
                stack += node.args
            else:
                found[node] = None
        return sorted(found, key=lambda n: n.index)

    @property
    def forward(self) -> set[Node]:
        """The draft's copies of the step's own stages."""
        return set(self.to.values())

    def _step(self, step: Graph, seeds: dict[int, Node], taped: list[Node]) -> dict[str, Any]:
        """Fill the graph of the backward step; the attributes of the stage that runs it."""
        place = Body(step, step.title)
        place.graph = step
        known: dict[Node, Node] = {}
        held = self.inputs[self.carries + self.rows :]
        self.summed = [n for n in held if self.found[n] is not None]
        carried = [k for k in seeds if k < self.carries]
        for k in carried:
            known[seeds[k]] = place.input(
                f"d_{_called(self.outputs[k], 'carry')}", self.outputs[k].type
            )
        sums = [place.input(f"d_{_called(n, 'held')}", n.type) for n in self.summed]
        for k in (k for k in seeds if k >= self.carries):
            known[seeds[k]] = place.input(
                f"d_{_called(self.outputs[k], 'y')}", self.outputs[k].type
            )
        for node in taped:
            known[node] = place.input(_called(node, node.op.name), node.type)
        for n in self.inputs[self.carries :]:
            known[self.to[n]] = place.input(_called(n, "x"), n.type)
        wanted = [g for g in self.found.values() if g is not None]
        step.sharing = True
        copied(wanted, step, known, names=False)
        self._belong(step, known)
        ends = [self._end(step, known, self.inputs[k]) for k in carried]
        ends += [add(s, known[self.found[n]]) for s, n in zip(sums, self.summed, strict=True)]
        self.rowed = [
            n for n in self.inputs[self.carries : self.carries + self.rows]
            if self.found[n] is not None
        ]  # fmt: skip
        stacked = [known[self.found[n]] for n in self.rowed]
        step.sharing = False
        step.outputs = {f"carry{k}": n for k, n in enumerate(ends)}
        step.outputs |= {f"y{k}": n for k, n in enumerate(stacked)}
        return dict(
            body=step, carries=len(ends), length=self.length, reverse=not self.reverse,
            rows=sum(k >= self.carries for k in seeds) + len(taped) + self.rows,
        )  # fmt: skip

    def _end(self, step: Graph, known: dict[Node, Node], carry: Node) -> Node:
        found = self.found[carry]
        if found is None:
            return FUNCTIONS["broadcast_to"](step.constant(0, carry.dtype), carry.shape)
        return known[found]

    def _belong(self, step: Graph, known: dict[Node, Node]) -> None:
        """Tell the step which of its stages are gradients, so that they are called so."""
        for node, into in self.draft.gradients.items():
            if node in known and not known[node].is_leaf:
                for each in into:
                    if each in known:
                        step.belongs(known[node], known[each])

    def _called(
        self, seeds: dict[int, Node], taped: list[Node], attrs: dict[str, Any]
    ) -> list[Node | None]:
        """The backward scan in the user's graph, over the tape of a wider forward one."""
        graph, count = self.args[0].graph, len(self.outputs)
        tape = self._wider(taped) if taped else ()
        begin = [self._upstream(k) for k in seeds if k < self.carries]
        begin += [zeros_like(self._argument(n)) for n in self.summed]
        ups = [self.gs[k] for k in seeds if k >= self.carries]
        rest = self.args[self.carries :]
        attrs |= dict(key=unused_key(graph), again=self.again)
        found = _scan(*begin, *ups, *tape[count:], *rest, **attrs)
        found = iter(found if isinstance(found, tuple) else (found,))
        terms: dict[Node, Node | None] = {}
        for k in (k for k in seeds if k < self.carries):
            terms[self.inputs[k]] = next(found)
        for n in (*self.summed, *self.rowed):
            terms[n] = next(found)
        return [terms.get(n) for n in self.inputs]

    def _argument(self, n: Node) -> Node:
        return self.args[self.inputs.index(n)]

    def _upstream(self, k: int) -> Node:
        given = self.gs[k]
        return zeros_like(self.args[k]) if given is None else given

    def _wider(self, taped: list[Node]) -> tuple[Node, ...]:
        """The forward scan with the tape among its results: Note [Wider]."""
        wide = Graph(self.body.title, dtype=self.body.dtype)
        known: dict[Node, Node] = {}
        copied([*self.inputs, *self.outputs], wide, known)
        origin = {new: old for old, new in self.to.items()}
        wide.outputs = {name: known[n] for name, n in self.body.outputs.items()}
        wide.outputs |= {
            f"tape{len(self.outputs) + k}": known[origin[n]] for k, n in enumerate(taped)
        }
        graph = self.args[0].graph
        attrs = dict(
            body=wide, carries=self.carries, rows=self.rows, length=self.length,
            reverse=self.reverse, key=self.key, again=self.again,
        )  # fmt: skip
        return taken_apart(graph.add(_scan, self.args, attrs))


def _seed(step: Body, node: Node, otherwise: str) -> Node:
    return step.input(f"d_{_called(node, otherwise)}", node.type)


def _is_cheap(node: Node) -> bool:
    """Whether a value is another look at a value, or is made of nothing."""
    return (isinstance(node.op.spell, (View, Reshape)) or not node.args) and node.op is not INPUT


def _called(node: Node, otherwise: str) -> str:
    return node.name or node.graph.hints.get(node) or otherwise


# Note [Tape]
#
# The backward step reads values of the forward step. Constants, the rows of xs and what is read of
# the graph around are there at any time; a transposition or a count is made again; everything else
# is one more result of the forward scan, stacked step by step: the tape. Sums over steps, the
# gradients of what every step reads, are carries of the backward scan: they have no tape.

# Note [Wider]
#
# The scan that the user wrote stays as it is. Its gradient reads a second one, of the same key and
# on the same arguments, with the tape behind its results. Before anything is planned the pass
# `share` lets everybody read the wider one (graphc.rules.passes), so that the steps run once.
