"""Random numbers in a graph, new ones at each call: `gr.random.normal((batch, 10))` is a stage.

    noise = gr.random.normal((3,), graph=g)          # or shape and graph as those of its arguments
    prog = gr.compile(noise, seed=1)
    prog(); prog()                                   # other numbers
    prog.seed = 1; prog()                            # those of the first call

What is drawn depends on the seed, the number of the call, the draw and the element alone: it is the
same on any number of threads and with the JIT off, and no change of the seed compiles. Seed and
number of calls are state, "random.seed" and "random.calls", which a step saves and loads. A draw is
a constant to gradients; what scales and shifts it has them. Notes: [Keys in loops], [Streams].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from graphc.define import CURRENT
from graphc.draft import Draft
from graphc.errors import DTypeError, ShapeError, UsageError
from graphc.graph import STATE, Graph, Node, graph_of
from graphc.init import Init
from graphc.joint import Joint
from graphc.node import telling
from graphc.ops import (
    abs,
    argmax,
    argsort,
    astype,
    clip,
    copysign,
    cos,
    erf,
    erfinv,
    expand_dims,
    less,
    log,
    log1p,
    matmul,
    maximum,
    remainder,
    sqrt,
    squeeze,
    take,
)
from graphc.ops import random as drawing
from graphc.ops.axes import axis_of, stage
from graphc.ops.layout import move_axis
from graphc.ops.linalg import cholesky
from graphc.types import Dim, as_dim, as_shape, broadcast, dtype_name, floating, promote

__all__ = [
    "bernoulli",
    "bits",
    "categorical",
    "exponential",
    "fold",
    "gumbel",
    "laplace",
    "logistic",
    "multivariate_normal",
    "normal",
    "permutation",
    "randint",
    "truncated_normal",
    "uniform",
]

SEED, CALLS = Init("seed"), Init("calls")
"""What the two states begin with; they are known by it."""


# Keys


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


STEP = {"f32": 2.0**-24, "f64": 2.0**-53}


def drawn(
    given: Sequence[Any], shape: Any = None, dtype: Any = None, graph: Any = None, key: Any = None
) -> Draw:
    """A draw of a float type that `given` broadcast into, of their shape unless told."""
    where = _graph(given, graph, key)
    own = broadcast(*(g.shape if isinstance(g, Node) else np.shape(g) for g in given))
    wanted = own if shape is None else as_shape(shape)
    if broadcast(own, wanted) != wanted:
        raise ShapeError(f"what is given has shape {own}, which does not broadcast to {wanted}")
    return Draw(_key(where, key), wanted, _float(given, dtype, where))


def _graph(given: Sequence[Any], graph: Any, key: Any) -> Graph:
    """The graph to draw in: the one told, that of a stage among the arguments, the one being built;
    raises UsageError where there is none.
    """
    if isinstance(graph, Graph):
        return graph
    nodes = [v for v in (key, *given) if isinstance(v, Node)]
    found = graph_of(*nodes) if nodes else CURRENT.get()
    if found is None:
        raise UsageError(
            "nothing tells the graph to draw in, since no argument is a stage and no function under "
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


def _key(graph: Graph, key: Any) -> Node:
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
    number = root.constant(np.int64(len(root.readers(call))))
    return graph.own(root.add(drawing.THREEFRY, (call, number)).hinted("key"))


def _root(graph: Graph) -> Graph:
    """The graph that keeps the state; raises UsageError within what is run many times."""
    while isinstance(graph, Draft):
        graph = graph.below
    if graph.below is not None:
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
    scope = _free(root, "random")
    with root.scope(""):
        seed = root.state(f"{scope}.seed", (), "int64", init=SEED)
        calls = root.state(f"{scope}.calls", (), "int64", init=CALLS)
    return root.add(drawing.THREEFRY, (seed, calls)).hinted("key")


def _free(graph: Graph, wanted: str) -> str:
    """A scope that no name of the user's is in."""
    name, count = wanted, 1
    while any(f"{name}.{each}" in graph for each in ("seed", "calls")):
        count += 1
        name = f"{wanted}{count}"
    return name


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


# Bits and keys


@telling
def bits(shape: Any = (), *, graph: Graph | None = None, key: Any = None) -> Node:
    """64 random bits for each element, i64: any integer is as likely as any other, and a good key.

    With `key` (as in all functions here) what is drawn depends on that key alone. Raises
    UsageError where nothing tells the graph to draw in.
    """
    return _bits(shape, graph, key)


def _bits(shape: Any, graph: Graph | None, key: Any) -> Node:
    return drawing.bits(_key(_graph((), graph, key), key), as_shape(shape))


@telling
def fold(key: Node, number: Any) -> Node:
    """Another key, for this number (an i64 stage, or an int): where one key is to serve two draws.

    Use a key either to draw with, or to fold numbers into. Raises DTypeError for no key.
    """
    return drawing.fold(_key(_graph((), None, stage(key)), key), number)


# Numbers


@telling
def uniform(
    shape: Any = None, low: Any = 0.0, high: Any = 1.0, *, dtype: Any = None,
    graph: Graph | None = None, key: Any = None,
) -> Node:  # fmt: skip
    """low + (high - low) u, u uniform from 0 to below 1 in steps of 2^-24 (f32) or 2^-53 (f64).

    `low` and `high` are numbers or stages that broadcast to `shape`, which is theirs unless told.
    Rounding may give `high` itself where it is not 1. Raises ShapeError, DTypeError, UsageError.
    """
    u = drawn((low, high), shape, dtype, graph, key).unit()
    return _shifted(u, low, high - low)


def _shifted(z: Node, shift: Any, scale: Any) -> Node:
    """shift + scale z, without what does nothing."""
    scaled = z if _is(scale, 1.0) else scale * z
    return scaled if _is(shift, 0.0) else shift + scaled


def _is(value: Any, number: float) -> bool:
    return isinstance(value, (int, float)) and value == number


@telling
def normal(
    shape: Any = None, mean: Any = 0.0, std: Any = 1.0, *, dtype: Any = None,
    graph: Graph | None = None, key: Any = None,
) -> Node:  # fmt: skip
    """mean + std z, z of the standard normal distribution: sqrt(-2 log(u)) cos(2 pi v).

    `mean` and `std` are numbers or stages that broadcast to `shape`, which is theirs unless told;
    gradients go to both. Source: Box & Muller 1958. Raises ShapeError, DTypeError, UsageError.
    """
    return _shifted(_standard(drawn((mean, std), shape, dtype, graph, key)), mean, std)


def _standard(draw: Draw) -> Node:
    u, v = drawing.two_units(*draw)
    u = maximum(u, STEP[draw.dtype] / 2)
    return sqrt(-2 * log(u)) * cos(2 * math.pi * v)


@telling
def truncated_normal(
    shape: Any = None, low: float = -2.0, high: float = 2.0, mean: Any = 0.0, std: Any = 1.0, *,
    dtype: Any = None, graph: Graph | None = None, key: Any = None,
) -> Node:  # fmt: skip
    """mean + std z, z of the standard normal distribution between the numbers `low` and `high`.

    z = sqrt(2) erfinv(t), t uniform from erf(low / sqrt(2)) to erf(high / sqrt(2)). Raises
    UsageError unless low < high, and what `normal` raises.
    """
    if not low < high:
        raise UsageError(f"low is {low}, which is not below high, {high}")
    ends = [math.erf(end / math.sqrt(2)) for end in (low, high)]
    draw = drawn((mean, std), shape, dtype, graph, key)
    t = _shifted(draw.unit(), ends[0], ends[1] - ends[0])
    most = 1 - STEP[draw.dtype]
    z = math.sqrt(2) * erfinv(clip(t, -most, most))
    return _shifted(clip(z, low, high), mean, std)


@telling
def multivariate_normal(
    mean: Any, cov: Any, shape: Any = (), *, graph: Graph | None = None, key: Any = None
) -> Node:
    """mean + L z, L the Cholesky factor of the matrix `cov`: vectors of this covariance.

    `mean` (n,), `cov` (n, n); the result is (*shape, n). Gradients go to both. Raises ShapeError,
    DTypeError, UsageError.
    """
    where = _graph((mean, cov), graph, key)
    mean, cov = where.lift((mean, cov))
    if cov.shape != (*mean.shape, *mean.shape) or mean.ndim != 1:
        raise ShapeError(f"a mean of shape {mean.shape} does not fit covariances of {cov.shape}")
    dtype = floating(promote(mean.dtype, cov.dtype))
    z = _standard(Draw(_key(where, key), (*as_shape(shape), *mean.shape), dtype))
    return mean + squeeze(matmul(cholesky(cov), expand_dims(z, -1)), -1)


@telling
def exponential(
    shape: Any = None, scale: Any = 1.0, *, dtype: Any = None, graph: Graph | None = None,
    key: Any = None,
) -> Node:  # fmt: skip
    """-scale log(u): of the density exp(-x / scale) / scale; gradients go to `scale`."""
    draw = drawn((scale,), shape, dtype, graph, key)
    return _shifted(-log(draw.positive()), 0.0, scale)


@telling
def gumbel(
    shape: Any = None, loc: Any = 0.0, scale: Any = 1.0, *, dtype: Any = None,
    graph: Graph | None = None, key: Any = None,
) -> Node:  # fmt: skip
    """loc - scale log(-log(u)): how the greatest of many numbers is distributed."""
    return _shifted(_gumbel(drawn((loc, scale), shape, dtype, graph, key)), loc, scale)


def _gumbel(draw: Draw) -> Node:
    return -log(-log(draw.positive()))


@telling
def laplace(
    shape: Any = None, loc: Any = 0.0, scale: Any = 1.0, *, dtype: Any = None,
    graph: Graph | None = None, key: Any = None,
) -> Node:  # fmt: skip
    """loc - scale sign(t) log(1 - |t|), t uniform from -1 to 1: exponential to both sides."""
    t = drawn((loc, scale), shape, dtype, graph, key).signed()
    return _shifted(copysign(-log1p(-abs(t)), t), loc, scale)


@telling
def logistic(
    shape: Any = None, loc: Any = 0.0, scale: Any = 1.0, *, dtype: Any = None,
    graph: Graph | None = None, key: Any = None,
) -> Node:  # fmt: skip
    """loc + scale log(u / (1 - u)): the logit of a uniform number."""
    u = drawn((loc, scale), shape, dtype, graph, key).positive()
    return _shifted(log(u) - log1p(-u), loc, scale)


# Choices


@telling
def bernoulli(
    p: Any = 0.5, shape: Any = None, *, graph: Graph | None = None, key: Any = None
) -> Node:
    """True with probability `p`, a number or a stage, of its shape unless told: bool, u < p.

    Raises UsageError for a number that is no probability, and what `uniform` raises.
    """
    if isinstance(p, (int, float)) and not 0 <= p <= 1:
        raise UsageError(f"a probability is from 0 to 1, not {p}")
    return less(drawn((p,), shape, None, graph, key).unit(), p)


@telling
def categorical(logits: Any, axis: int = -1, shape: Any = None, *, key: Any = None) -> Node:
    """A class for each row of `logits` along `axis`, with probabilities softmax(logits): i64.

    The greatest of logits + noise, the noise being `gumbel`. With `shape` the result has that, into
    which the rows broadcast: draws of one row are categorical(row, shape=(1000,)). Raises
    ShapeError. Source: Gumbel 1954; Maddison, Tarlow & Minka 2014.
    """
    logits = stage(logits)
    logits = astype(logits, floating(logits.dtype))
    rows = move_axis(logits, axis_of(axis, logits.ndim, logits.shape), -1)
    wanted = None if shape is None else (*as_shape(shape), rows.shape[-1])
    return argmax(rows + _gumbel(drawn((rows,), wanted, None, None, key)), -1)


@telling
def randint(
    low: int, high: int, shape: Any = (), *, dtype: Any = "int64", graph: Graph | None = None,
    key: Any = None,
) -> Node:  # fmt: skip
    """Integers low <= i < high, each as likely as the others to within (high - low) / 2^64.

    Raises UsageError unless low < high, or where one of them does not fit `dtype`.
    """
    name = dtype_name(dtype)
    ends = np.iinfo(np.dtype(dtype)) if np.dtype(dtype).kind in "iu" else None
    if ends is None or not (ends.min <= low < high <= ends.max + 1 and high - low < 2**63):
        raise UsageError(f"there is no {name} from {low} to below {high}")
    found = remainder(_bits(shape, graph, key), int(high) - int(low))
    return astype(found if low == 0 else found + int(low), name)


@telling
def permutation(
    x: Any, axis: int = 0, *, graph: Graph | None = None, key: Any = None
) -> Node:
    """The numbers 0 to x - 1 in a random order, i64; or a stage in a random order along `axis`.

    Every order is as likely as any other: that of random bits. Raises ShapeError, UsageError.
    """
    if not isinstance(x, Node):
        return argsort(_bits(as_dim(x), graph, key))
    axis = axis_of(axis, x.ndim, x.shape)
    order = argsort(_bits(x.shape[axis], _graph((x,), graph, key), key))
    return take(x, order, axis=axis)


# Note [Keys in loops]
#
# A loop's step is a graph of its own that is run again and again, and the same key in it gives the
# same numbers. Whatever is drawn with `key=` is a function of that key, so the keys of all steps
# are drawn first and the loop goes along them:
#
#     keys = gr.random.bits((100,), graph=g)
#     def walk(x, key):
#         x = x + gr.random.normal((3,), key=key)
#         return x, x
#     last, path = gr.scan(walk, start, keys)
#
# Under vmap a draw gives every example the same numbers, and with keys as an argument each its own.

# Note [Streams]
#
# Draws are numbered in the order in which they are written: the key of a call has as many readers
# as there are draws. The number is a constant of the graph, which no pass changes, so adding a
# stage that draws nothing changes no number, nor does a rewrite.
