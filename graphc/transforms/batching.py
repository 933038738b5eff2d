"""Stages over one axis more: part of a graph goes in, with stages that have a new axis in front in
the place of some; the same part comes out computed for all positions of that axis at once.

What depends on none of those stays as it is. An operation says how it is done by its `batch`, else
by its form; what is defined by others is done by its definition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache, partial, wraps
from typing import Any

import numpy as np

from graphc.draft import Draft, Landing
from graphc.errors import GraphError, ShapeError, UsageError
from graphc.grad import applied, sum_to
from graphc.graph import Graph, Node, Op, graph_of
from graphc.node import is_below
from graphc.ops.axes import axis_of
from graphc.ops.reductions.reduce import sum
from graphc.ops.shaping.layout import move_axis
from graphc.ops.spell import (
    Check,
    Each,
    Expand,
    Fold,
    Gather,
    Overlap,
    Place,
    Product,
    Reshape,
    Routine,
    Scatter,
    View,
)
from graphc.ops.stacked import (
    Mapped,
    Rule,
    cored,
    elementwise,
    gathering,
    placing,
    repeated,
    reshaping,
    scattering,
    shifting,
    viewing,
)
from graphc.types import Dim, Type, shape_text


def batched(
    outputs: Sequence[Node],
    into: Graph,
    mapped: Mapping[Node, Node],
    known: Mapping[Node, Node],
    own: bool = True,
) -> list[Node]:
    """The outputs computed for all positions of a new first axis, which all of them have.

    `mapped` gives for stages those with the new axis, in the graph `into`; `known` those that are
    other stages of `into` without it. `own` as of Landing. Raises GraphError for an operation
    without a rule.
    """
    batching = Batching(into, mapped, known, own)
    found = batching.landing(outputs)
    flags = map(batching.is_mapped, outputs)
    return [repeated(n, m, batching.size) for n, m in zip(found, flags, strict=True)]


class Batching:
    """One walk that builds stages over a new axis, and which of the old stages have got it."""

    def __init__(
        self, into: Graph, mapped: Mapping[Node, Node], known: Mapping[Node, Node], own: bool = True
    ) -> None:
        self.size = next(iter(mapped.values())).shape[0]
        self.mapped = set(mapped)
        self.landing = Landing(into, {**known, **mapped}, self._visit, own=own)

    def _visit(self, landing: Landing, node: Node, args: tuple[Node, ...]) -> Any:
        mapped = tuple(map(self.is_mapped, node.args))
        if not any(mapped):
            return None
        self.mapped.add(node)
        rule = node.op.batch or FORMS.get(type(node.op.spell))
        if rule is None:
            raise GraphError(
                "vmap knows no rule for this operation", subject=node.label, code="G520",
                hint="declare it with batch=, or apply it outside of vmap",
            )  # fmt: skip
        made = rule(node.op, args, mapped, self.size, **node.attrs)
        self._check(node, made if isinstance(made, tuple) else (made,))
        return made

    def is_mapped(self, node: Node) -> bool:
        """Whether a stage, or the stage that it is a result of, has got the new axis."""
        return node in self.mapped or any(a in self.landing.several for a in node.args)

    def _check(self, node: Node, made: tuple[Node, ...]) -> None:
        wanted = [Type(t.dtype, (self.size, *t.shape)) for t in node.types]
        if [n.type for n in made] != wanted:
            old, new = (", ".join(map(str, types)) for types in (wanted, [n.type for n in made]))
            raise GraphError(
                f"its rule for vmap gives {new}, not {old}", subject=node.label, code="G902"
            )


# Operations that are defined by others


def by_definition(op: Op, args: Sequence[Node], mapped: Mapped, size: Dim, /, **attrs: Any) -> Any:
    """The definition of an operation over the new axis."""
    return _over_all(lambda *inside: op.spell.define(*inside, **attrs), args, mapped)


def _over_all(function: Callable[..., Any], args: Sequence[Node], mapped: Mapped) -> Any:
    """`function(*args)`, a stage or a tuple of stages and Nones, for each position of the first
    axis of those that are mapped; only what the results need is built.
    """
    draft = Draft(args[0].graph)
    inside = [_inside(draft, a, m) for a, m in zip(args, mapped, strict=True)]
    made = function(*inside)
    found = [None if n is None else draft.node(n) for n in _several(made)]
    over = {i: a for i, a, m in zip(inside, args, mapped, strict=True) if m}
    wanted = [n for n in found if n is not None]
    landed = dict(zip(wanted, batched(wanted, draft.below, over, draft.origin, False), strict=True))
    results = tuple(None if n is None else landed[n] for n in found)
    return results if isinstance(made, tuple) else results[0]


def _inside(draft: Draft, arg: Node, mapped: bool) -> Node:
    return draft.leaf(Type(arg.dtype, arg.shape[1:])) if mapped else draft.stand_in(arg)


def _several(made: Any) -> tuple[Any, ...]:
    return made if isinstance(made, tuple) else (made,)


def whole(op: Op, args: Sequence[Node], mapped: Mapped, size: Dim, /, **attrs: Any) -> Any:
    """An operation as one stage over the new axis, whose local gradient is its own over that axis:
    for one that has another than its definition has.
    """
    return _over(op, tuple(mapped))(*args, **attrs)


@lru_cache(maxsize=256)
def _over(op: Op, mapped: tuple[bool, ...]) -> Op:
    """An operation of one result over one axis more."""

    def infer(*types: Type, **attrs: Any) -> Type:
        pairs = list(zip(types, mapped, strict=True))
        found = op.infer(*(Type(t.dtype, t.shape[1:]) if m else t for t, m in pairs), **attrs)
        return Type(found.dtype, (next(t.shape[0] for t, m in pairs if m), *found.shape))

    def define(*args: Node, **attrs: Any) -> Node:
        return by_definition(op, args, mapped, 0, **attrs)

    def numpy(*arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        pairs = list(zip(arrays, mapped, strict=True))
        count = next(len(a) for a, m in pairs if m)
        rows = ([a[i] if m else a for a, m in pairs] for i in range(count))
        return np.stack([op.numpy(*row, **attrs) for row in rows])

    def vjp(g: Node, y: Node, *args: Node, **attrs: Any) -> tuple[Node | None, ...]:
        local = partial(_terms, op, attrs)
        terms = _over_all(local, (g, y, *args), (True, True, *mapped))
        return tuple(t if t is None or m else sum(t, 0) for t, m in zip(terms, mapped, strict=True))

    return Op(
        f"vmap_{op.name}", infer, Expand(define), numpy, vjp if op.vjp else None,
        effect=op.effect, batch=whole,
    )  # fmt: skip


def _terms(
    op: Op, attrs: Mapping[str, Any], g: Node, y: Node, *args: Node
) -> tuple[Node | None, ...]:
    """The terms of the local gradient, each of the shape of its argument."""
    terms = op.vjp(g, y, *args, **attrs)  # type: ignore[misc]
    pairs = zip(terms, args, strict=True)
    return tuple(None if t is None else sum_to(applied(t), a) for t, a in pairs)


FORMS: dict[type, Rule] = {
    Each: elementwise,
    Check: elementwise,
    Fold: shifting,
    View: viewing,
    Reshape: reshaping,
    Overlap: reshaping,
    Gather: gathering,
    Scatter: scattering,
    Place: placing,
    Product: cored,
    Routine: cored,
    Expand: by_definition,
}
"""How operations that do not say it themselves are done over one axis more."""


# What a user calls

RUNNING: ContextVar[Draft | None] = ContextVar("graphc draft", default=None)
"""The draft that a function under vmap is being run in."""


def vmap(function: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """The function of stages over one axis more: `gr.vmap(f)(X)` is `f` of each X[i], stacked.

    `in_axes` says along which axis of each argument to go, one for all or a tuple with one for
    each; None hands an argument over as it is. `out_axes` says where results have the new axis.
    Arguments and results are stages, or tuples, lists and dicts of them; arrays become constants.
    Stages of the graph that the function reads besides are the same for all. The function is called
    once, on stages without that axis. Raises ShapeError where sizes along the axes differ,
    UsageError where no argument has one, GraphError (G520) for an operation that has no rule.
    Source: jax.vmap.
    """

    if isinstance(function, Graph):
        raise UsageError(
            f"vmap takes a function of stages, and {function.title!r} is a graph that is built",
            hint="take vmap of the function that builds it, inside of the graph",
        )
    if not callable(function):
        raise UsageError(f"vmap takes a function of stages, not {type(function).__name__}")

    @wraps(function)
    def over(*args: Any) -> Any:
        return _Vmap(args, _for_each(in_axes, len(args), "in_axes")).run(function, out_axes)

    return over


def _for_each(axes: Any, count: int, what: str) -> tuple[Any, ...]:
    if not isinstance(axes, (tuple, list)):
        return (axes,) * count
    if len(axes) != count:
        raise UsageError(f"{what} has {len(axes)} entries for {count} values")
    return tuple(axes)


class _Vmap:
    """One call of a function over an axis: the draft it runs in, what its leaves stand for."""

    def __init__(self, args: Sequence[Any], axes: Sequence[Any]) -> None:
        self.graph = innermost(graph_of(*(leaf for arg in args for leaf in _leaves(arg))))
        self.draft = Draft(self.graph)
        self.over: dict[Node, Node] = {}
        self.landed: dict[Node, Node] = {}
        pairs = zip(args, axes, strict=True)
        self.args = [a if at is None else _tree(a, partial(self._leaf, at)) for a, at in pairs]
        if not self.over:
            raise UsageError(
                "no argument has an axis to go along", hint="in_axes=0 for one at least"
            )

    def _leaf(self, axis: int, value: Any) -> Node:
        """One position of an argument along an axis."""
        (x,) = self.graph.lift((value,))
        x = self.graph.node(x)
        moved = move_axis(x, axis_of(axis, x.ndim, x.shape), 0)
        first = next(iter(self.over.values()), moved)
        if moved.shape[0] != first.shape[0]:
            raise ShapeError(
                f"vmap goes along {first.shape[0]} positions of one argument "
                f"and {moved.shape[0]} of another, of shape {shape_text(x.shape)}",
                subject=x.label,
            )
        leaf = self.draft.leaf(Type(x.dtype, moved.shape[1:]))
        self.over[leaf] = moved
        return leaf

    def run(self, function: Callable[..., Any], out_axes: Any) -> Any:
        """What the function answers, over the axis."""
        token = RUNNING.set(self.draft)
        try:
            found = function(*self.args)
        finally:
            RUNNING.reset(token)
        made = [self._stage(leaf) for leaf in _leaves(found)]
        done = batched(made, self.graph, self.over, self.draft.origin)
        self.landed = dict(zip(made, done, strict=True))
        if not isinstance(found, (tuple, list)):
            return _tree(found, partial(self._result, out_axes))
        axes = _for_each(out_axes, len(found), "out_axes")
        pairs = zip(found, axes, strict=True)
        return type(found)([_tree(part, partial(self._result, axis)) for part, axis in pairs])

    def _result(self, axis: int, value: Any) -> Node:
        landed = self.landed[self._stage(value)]
        return move_axis(landed, 0, axis_of(axis, landed.ndim, landed.shape))

    def _stage(self, value: Any) -> Node:
        """What the function answered as a stage of the draft."""
        return self.draft.node(self.draft.lift((value,))[0])


def innermost(graph: Graph) -> Graph:
    """The draft that a function under vmap is being run in, if that is one of this graph; else the
    graph itself.
    """
    running = RUNNING.get()
    return running if running is not None and is_below(graph, running) else graph


def _leaves(tree: Any) -> list[Any]:
    """The values in tuples, lists and dicts."""
    if isinstance(tree, Mapping):
        return [leaf for part in tree.values() for leaf in _leaves(part)]
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in _leaves(part)]
    return [tree]


def _tree(tree: Any, function: Callable[[Any], Any]) -> Any:
    """The same tuples, lists and dicts with other values."""
    if isinstance(tree, Mapping):
        return {key: _tree(part, function) for key, part in tree.items()}
    if isinstance(tree, (tuple, list)):
        return type(tree)([_tree(part, function) for part in tree])
    return function(tree)
