"""`cond`: one of two functions, chosen by a bool when the program runs; only that one is computed.

Each function is a graph among the stage's attributes, with the stages that it reads around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.flow.bodies import (
    Body,
    called,
    check_counts,
    check_inputs,
    check_results,
    graph_for,
    pulled_back,
)
from graphc.flow.stacked import cond_stacked
from graphc.flow.structure import flat, same_form
from graphc.flow.tangents import cond_tangents
from graphc.graph import INPUT, Graph, Node, Op, declare, public
from graphc.interpret import evaluate
from graphc.ops.elementwise.arith import zeros_like
from graphc.ops.shaping.layout import broadcast_to
from graphc.ops.spell import Region
from graphc.types import Type


def _branch_type(
    condition: Type, *args: Type, then: Graph, otherwise: Graph, split: int
) -> tuple[Type, ...]:
    check_counts(len(args), split)
    check_inputs("then", then, args[:split])
    check_inputs("otherwise", otherwise, args[split:])
    found = tuple(n.type for n in then.outputs.values())
    check_results("otherwise", otherwise, found)
    return found


def _branch_numpy(
    condition: Any, *args: Any, then: Graph, otherwise: Graph, split: int
) -> tuple[Any, ...] | Any:
    graph, given = (then, args[:split]) if np.asarray(condition) else (otherwise, args[split:])
    outputs = list(graph.outputs.values())
    values = evaluate(outputs, dict(zip(graph.leaves(INPUT), given, strict=True)))
    found = tuple(values[n] for n in outputs)
    return found if len(found) > 1 else found[0]


def _branch_vjp(
    gs: Any, ys: Any, condition: Node, *args: Node, then: Graph, otherwise: Graph, split: int
) -> list[Node | None]:
    """The backward sweep of the branch that was taken, in a branch of its own; what the other one
    reads gets zeros.
    """
    ups = gs if isinstance(gs, tuple) else (gs,)
    known = [k for k, g in enumerate(ups) if g is not None]
    first = [k for k, a in enumerate(args[:split]) if a.type.is_float]
    second = [k for k, a in enumerate(args[split:]) if a.type.is_float]
    given = [ups[k] for k in known]
    back = _backward(then, known, first, [otherwise.leaves(INPUT)[k] for k in second], True)
    other = _backward(otherwise, known, second, [then.leaves(INPUT)[k] for k in first], False)
    found = _branch(
        condition, *given, *args[:split], *given, *args[split:], then=back, otherwise=other,
        split=len(given) + split,
    )  # fmt: skip
    found = found if isinstance(found, tuple) else (found,)
    places = [1 + k for k in first] + [1 + split + k for k in second]
    terms = dict(zip(places, found, strict=True))
    return [terms.get(k) for k in range(1 + len(args))]


def _backward(
    graph: Graph, known: Sequence[int], own: Sequence[int], rest: Sequence[Node], leads: bool
) -> Graph:
    """The backward sweep of one branch: gradients of what it reads, zeros for what the other one
    reads; `leads`: its own come first.
    """
    back = Graph(f"d_{graph.title}", dtype=graph.dtype)
    outputs, place = list(graph.outputs.values()), Body(back, back.title, back)
    seeds = [place.input(f"d_{called(outputs[k], 'y')}", outputs[k].type) for k in known]
    inputs = graph.leaves(INPUT)
    leaves = [place.input(called(n, "x"), n.type) for n in inputs]
    to = dict(zip(inputs, leaves, strict=True))
    slopes = pulled_back([outputs[k] for k in known], [inputs[k] for k in own], seeds, to, back)
    mine = [zeros_like(to[inputs[k]]) if s is None else s for k, s in zip(own, slopes, strict=True)]
    zeros = [_zeros(back, n.type) for n in rest]
    results = [*mine, *zeros] if leads else [*zeros, *mine]
    back.outputs = {f"d{k}": n for k, n in enumerate(results)}
    return back


def _zeros(graph: Graph, type: Type) -> Node:
    zero = graph.constant(0, type.dtype)
    return broadcast_to(zero, type.shape) if type.shape else zero


_branch = declare(
    Op(
        "cond",
        _branch_type,
        Region("branch"),
        _branch_numpy,
        _branch_vjp,
        jvp=cond_tangents,
        batch=cond_stacked,
    )
)


@public
def cond(
    condition: Any, then: Callable[..., Any], otherwise: Callable[..., Any], *args: Any
) -> Any:
    """`then(*args)` where the scalar bool `condition` holds, else `otherwise(*args)`; only the one
    that is taken is computed, in its gradient too.

    Each is called with stages of its own for `args`, so that it may take gradients with respect to
    them. Both give the same structure of stages, of the same types; they may read stages around
    them beside `args`. Raises ShapeError, DTypeError or UsageError where they do not fit together.
    `gr.where` chooses element by element, and computes both. Source: jax.lax.cond.
    """
    graph = graph_for([condition, *flat(args)[0]], then, otherwise)
    test = graph.lift((condition,))[0]
    if test.shape or test.dtype != "bool":
        raise DTypeError(
            f"the condition of a branch is a bool without axes, not {test.type}",
            hint="gr.where(condition, a, b) chooses element by element",
        )
    one, left = _traced(graph, then, args, "then")
    two, right = _traced(graph, otherwise, args, "otherwise")
    same_form(left, right, "a branch")
    rebuild = flat(left)[1]
    _finish(one, left, right)
    _finish(two, right, left)
    _check_types(one, two)
    found = _branch(
        test, *one.captures, *two.captures, then=one.graph, otherwise=two.graph,
        split=len(one.captures),
    )  # fmt: skip
    return rebuild(found if isinstance(found, tuple) else (found,))


def _traced(
    graph: Graph, function: Callable[..., Any], args: Sequence[Any], word: str
) -> tuple[Body, Any]:
    body = Body(graph, getattr(function, "__name__", word).strip("<>"))
    given, structure = flat(args)
    own = [body.stage(v) if isinstance(v, Node) else v for v in given]
    return body, body.run(function, *structure(own))


def _finish(body: Body, found: Any, other: Any) -> None:
    """Give a branch its results; a number takes the element type that the other one gives."""
    pairs = zip(flat(found)[0], flat(other)[0], strict=True)
    stages = [body.stage(v, w.dtype if isinstance(w, Node) else None) for v, w in pairs]
    body.finish({f"y{k}": n for k, n in enumerate(stages)})


def _check_types(one: Body, two: Body) -> None:
    pairs = zip(one.graph.outputs.values(), two.graph.outputs.values(), strict=True)
    for a, b in pairs:
        if a.shape != b.shape:
            raise ShapeError(f"one branch gives {a.type}, the other one {b.type}")
        if a.dtype != b.dtype:
            raise DTypeError(f"one branch gives {a.type}, the other one {b.type}")
