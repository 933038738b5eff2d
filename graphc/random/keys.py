"""Where a draw is made and with which key: a graph and what a user tells in, a key as a stage out.

The seed and the number of the call are two states of the graph, which the first draw declares; a
program that draws counts its calls. Note: [Streams].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from graphc import init
from graphc.define import free_scope
from graphc.draft import Draft
from graphc.errors import DTypeError, ShapeError, UsageError
from graphc.graph import CURRENT, STATE, Graph, Node, graph_of
from graphc.joint import Joint
from graphc.ops import maximum
from graphc.ops.sources import random as drawing
from graphc.types import Dim, as_shape, broadcast, dtype_name, floating, promote, shape_text

SEED, CALLS = init.seed(), init.calls()
"""What the two states begin with; they are known by it."""


STEP = {"f32": 2.0**-24, "f64": 2.0**-53}
"""How far the numbers from 0 to 1 that are drawn lie apart."""


class Draw(NamedTuple):
    """What a draw needs: its key, a stage of the graph that it is drawn in; its shape; its type."""

    key: Node
    shape: tuple[Dim, ...]
    dtype: str

    def unit(self) -> Node:
        """From 0 to below 1."""
        return drawing.unit(self.key, self.shape, self.dtype)

    def positive(self) -> Node:
        """The same without 0, in whose place stands the half of the least step."""
        return maximum(self.unit(), STEP[self.dtype] / 2)

    def signed(self) -> Node:
        """Between -1 and 1, without these and 0: odd multiples of half a step, each exact."""
        return self.unit() * 2 - (1 - STEP[self.dtype])


def drawn(
    given: Sequence[Any], shape: Any = None, dtype: Any = None, graph: Any = None, key: Any = None
) -> Draw:
    """A draw of a float type that `given` broadcast into, of their shape unless told."""
    where = graph_for(given, graph, key)
    own = broadcast(*(g.shape if isinstance(g, Node) else np.shape(g) for g in given))
    wanted = own if shape is None else as_shape(shape)
    if broadcast(own, wanted) != wanted:
        told = f"{shape_text(own)}, which does not broadcast to {shape_text(wanted)}"
        raise ShapeError(f"what is given has shape {told}", code="G102")
    return Draw(key_for(where, key), wanted, _float(given, dtype, where))


def graph_for(given: Sequence[Any], graph: Any, key: Any) -> Graph:
    """The graph to draw in: the one told, that of a stage among the arguments, the one being built;
    raises UsageError where there is none.
    """
    if isinstance(graph, Graph):
        return graph
    nodes = [v for v in (key, *given) if isinstance(v, Node)]
    found = graph_of(*nodes) if nodes else CURRENT.get()
    if found is None:
        raise UsageError(
            "nothing tells the graph to draw in: no argument is a stage, and no function under "
            "@gr.graph is being run",
            hint="graph=g",
        )
    return found


def _float(given: Sequence[Any], dtype: Any, graph: Graph) -> str:
    """The type told, that of the stages given, or the graph's; raises DTypeError for no float."""
    known = [v.dtype for v in given if isinstance(v, Node)]
    if dtype is None:
        return floating(promote(*known)) if known else floating(graph.dtype)
    if (name := dtype_name(dtype)) not in STEP:
        raise DTypeError(f"what is drawn is f32 or f64, not {name}")
    return name


def key_for(graph: Graph, key: Any) -> Node:
    """The key of a draw as a stage of the graph: the one given, or a new one."""
    if key is None:
        return _next_key(graph)
    if not isinstance(key, Node) or key.dtype != "i64" or key.shape:
        told = key.type if isinstance(key, Node) else type(key).__name__
        raise DTypeError(
            f"a key is one i64, not {told}", hint="keys = gr.random.bits((n,)); keys[0]"
        )
    return graph.node(graph.own(key))


def _next_key(graph: Graph) -> Node:
    """The key of one more draw of this graph; Note [Streams]."""
    root = _root(graph)
    call = _call_key(root)
    number = len(root.readers(call))
    key = root.add(drawing.THREEFRY, (call, root.constant(np.int64(number))))
    return graph.own(_named(root, key, f"{call.name}{number}"))


def _root(graph: Graph) -> Graph:
    """The graph that keeps the state; raises UsageError within what is run many times."""
    while isinstance(graph, Draft):
        graph = graph.below
    if graph.below is not None or graph.inside is not None:
        raise UsageError(
            "a draw inside of a loop or a branch would give the same numbers at each step",
            hint="draw keys = gr.random.bits((steps,)) before it, go along them as xs, and draw "
            "with key=key inside; or draw the numbers themselves before it",
        )
    return graph


def _call_key(root: Graph) -> Node:
    """The key of a call, of the two states, which the first draw declares."""
    known = (n for n in root.leaves(STATE) if n.attrs["init"] == SEED)
    seed = next(known, None)
    if seed is not None:
        return next(r for r in root.readers(seed) if r.op is drawing.THREEFRY)
    scope = free_scope(root, "random")
    with root.scope(""):
        seed = root.state(f"{scope}.seed", (), "int64", init=SEED)
        calls = root.state(f"{scope}.calls", (), "int64", init=CALLS)
    return _named(root, root.add(drawing.THREEFRY, (seed, calls)), f"{scope}.key")


def _named(root: Graph, key: Node, name: str) -> Node:
    """The key under a name that stands outside of all scopes, where that is free."""
    with root.scope(""):
        return key if name in root else key.named(name)


def counting(joint: Joint) -> Joint:
    """The joint that also counts its calls, where it draws with the key of a call."""
    needed = joint.graph.order(*joint.roots)
    calls = [n for n in needed if n.op is STATE and n.attrs["init"] == CALLS]
    fresh = [n for n in calls if n not in joint.updates]
    with joint.graph.told((), None):
        counted = {n: n + 1 for n in fresh}
    return replace(joint, updates={**joint.updates, **counted})


def only_counts(joint: Joint) -> bool:
    """Whether nothing of its state changes but the number of calls."""
    return all(state.attrs["init"] == CALLS for state in joint.updates)


# Note [Streams]
#
# Draws are numbered in the order in which they are written: the key of a call has as many readers
# as there are draws. The number is a constant of the graph, which no pass changes, so adding a
# stage that draws nothing changes no number, nor does a rewrite.
