"""`while_loop`, which runs a step as long as a condition holds, and `fori`, which counts.

How often a while loop runs is known only when the data are there, so nothing can be kept for a
backward sweep: it has no gradient, but it has tangents. A counted loop is a scan, and has both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from graphc.errors import DTypeError, GraphError, UsageError
from graphc.flow.bodies import (
    Body,
    begun,
    carried,
    check_callable,
    check_counts,
    check_inputs,
    check_results,
    graph_for,
    parameter,
)
from graphc.flow.scan import counted
from graphc.flow.stacked import while_stacked
from graphc.flow.structure import flat, paths
from graphc.flow.tangents import while_tangents
from graphc.graph import INPUT, Graph, Node, Op, declare, public
from graphc.interpret import evaluate
from graphc.ops.spell import Region
from graphc.types import Type, as_dim


def _while_type(
    *args: Type, going: Graph, body: Graph, carries: int, split: int
) -> tuple[Type, ...]:
    check_counts(len(args), carries, split)
    ends, first = args[:carries], args[carries : carries + split]
    check_inputs("going", going, (*ends, *first))
    check_results("going", going, (Type("bool"),))
    check_inputs("body", body, (*ends, *args[carries + split :]))
    check_results("body", body, ends)
    return tuple(n.type for n in body.outputs.values())


def _while_numpy(
    *args: Any, going: Graph, body: Graph, carries: int, split: int
) -> tuple[Any, ...] | Any:
    carry = list(args[:carries])
    first, second = args[carries : carries + split], args[carries + split :]
    while _run(going, [*carry, *first])[0]:
        carry = _run(body, [*carry, *second])
    return tuple(carry) if len(carry) > 1 else carry[0]


def _run(graph: Graph, values: list[Any]) -> list[Any]:
    outputs = list(graph.outputs.values())
    found = evaluate(outputs, dict(zip(graph.leaves(INPUT), values, strict=True)))
    return [found[n] for n in outputs]


def _no_gradient(gs: Any, ys: Any, *args: Node, **_: Any) -> list[Node | None]:
    loop = ys[0].args[0] if isinstance(ys, tuple) else ys
    raise GraphError(
        "how often it runs is not known before it has run, so it lets no gradient through",
        subject=loop.label, code="G523",
        hint="gr.scan and gr.fori have gradients; gr.stop_gradient(x) says that none is wanted",
    )  # fmt: skip


_while = declare(
    Op(
        "while_loop",
        _while_type,
        Region("while"),
        _while_numpy,
        _no_gradient,
        jvp=while_tangents,
        batch=while_stacked,
    )
)


@public
def while_loop(going: Callable[..., Any], step: Callable[..., Any], init: Any) -> Any:
    """Run `carry = step(carry)` as long as `going(carry)`, a scalar bool, holds; the last carry.

    `init` is a stage, or a tuple, list or dict of stages; the carry keeps its structure, shapes and
    element types. It has tangents but no gradient: take `gr.scan` or `gr.fori` where one is wanted,
    or `gr.stop_gradient` of what it leaves where not. Raises ShapeError, DTypeError or UsageError,
    GraphError (G523) where a gradient would flow through it. Source: jax.lax.while_loop.
    """
    values, rebuild = flat(init)
    graph = graph_for(values, going, step)
    begins = [begun(graph, v) for v in values]
    ask, first = _traced(graph, going, init, begins)
    test = ask.stage(first)
    if test.shape or test.dtype != "bool":
        raise DTypeError(f"the condition of a loop is a bool without axes, not {test.type}")
    ask.finish({"going": test})
    body, found = _traced(graph, step, init, begins)
    news = carried(body, init, begins, found)
    body.finish({f"carry{k}": n for k, n in enumerate(news)})
    results = _while(
        *begins, *ask.captures, *body.captures, going=ask.graph, body=body.graph,
        carries=len(begins), split=len(ask.captures),
    )  # fmt: skip
    return rebuild(results if isinstance(results, tuple) else (results,))


def _traced(
    graph: Graph, function: Callable[..., Any], init: Any, begins: list[Node]
) -> tuple[Body, Any]:
    body = Body(graph, getattr(function, "__name__", "step").strip("<>"))
    names = paths(init, parameter(function, 0, "carry"))
    inputs = body.inputs(names, [b.type for b in begins])
    return body, body.run(function, flat(init)[1](inputs))


@public
def fori(low: int, high: Any, step: Callable[..., Any], init: Any) -> Any:
    """Run `carry = step(i, carry)` for i = low, ..., high - 1; the last carry.

    `low` and `high` are numbers, or `high` a named size: then it is a scan, and has a gradient; i
    is an int64 scalar. Source: jax.lax.fori_loop.
    """
    if isinstance(high, Node) or isinstance(low, Node):
        raise UsageError(
            "the bounds of fori are known before data comes",
            hint="gr.while_loop(lambda c: c[0] < high, ...) counts up to a stage",
        )
    if isinstance(low, bool) or not isinstance(low, (int, np.integer)):
        raise UsageError(f"fori begins at a whole number, not {low!r}")
    if isinstance(high, (int, np.integer)):
        high = max(int(high), low)
    length = as_dim(high - low if not isinstance(high, str) else as_dim(high) - low)
    graph = graph_for(flat(init)[0], step)
    count = graph.constant(np.int64(low))

    @wraps(step)
    def counting(state: Any) -> Any:
        i, carry = state
        check_callable(step, state)
        return (i + 1, step(i, carry)), None

    names = [parameter(step, 0, "i"), *paths(init, parameter(step, 1, "carry"))]
    return counted(counting, (count, init), names, length)[1]
