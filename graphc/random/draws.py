"""Random numbers in a graph, new ones at each call: `gr.random.normal((batch, 10))` is a stage.

    noise = gr.random.normal((3,), graph=g)          # or shape and graph as those of its arguments
    prog = gr.compile(noise, seed=1)
    prog(); prog()                                   # other numbers
    prog.seed = 1; prog()                            # those of the first call

What is drawn depends on the seed, the number of the call, the draw and the element alone: it is the
same on any number of threads and with the JIT off, and no change of the seed compiles. Seed and
number of calls are state, "random.seed" and "random.calls", which a step saves and loads. A draw is
a constant to gradients; what scales and shifts it has them. Note: [Keys in loops].
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import Graph, Node
from graphc.node import telling
from graphc.ops import (
    abs,
    argmax,
    argsort,
    astype,
    clip,
    copysign,
    cos,
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
from graphc.ops.axes import axis_of, stage
from graphc.ops.linalg.decompositions import cholesky
from graphc.ops.shaping.layout import move_axis
from graphc.ops.sources import random as drawing
from graphc.random.keys import STEP, Draw, drawn, graph_for, key_for
from graphc.types import as_dim, as_shape, dtype_name, floating, promote, shape_text

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


# Bits and keys


@telling
def bits(shape: Any = (), *, graph: Graph | None = None, key: Any = None) -> Node:
    """64 random bits for each element, i64: any integer is as likely as any other, and a good key.

    With `key` (as in all functions here) what is drawn depends on that key alone. Raises
    UsageError where nothing tells the graph to draw in.
    """
    return _bits(shape, graph, key)


def _bits(shape: Any, graph: Graph | None, key: Any) -> Node:
    return drawing.bits(key_for(graph_for((), graph, key), key), as_shape(shape))


@telling
def fold(key: Node, number: Any) -> Node:
    """Another key, for this number (an i64 stage, or an int): where one key is to serve two draws.

    Use a key either to draw with, or to fold numbers into. Raises DTypeError for no key.
    """
    return drawing.fold(key_for(graph_for((), None, stage(key)), key), number)


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
    where = graph_for((mean, cov), graph, key)
    mean, cov = where.lift((mean, cov))
    if cov.shape != (*mean.shape, *mean.shape) or mean.ndim != 1:
        told = f"{shape_text(mean.shape)} does not fit covariances of {shape_text(cov.shape)}"
        raise ShapeError(f"a mean of shape {told}")
    dtype = floating(promote(mean.dtype, cov.dtype))
    z = _standard(Draw(key_for(where, key), (*as_shape(shape), *mean.shape), dtype))
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
def permutation(x: Any, axis: int = 0, *, graph: Graph | None = None, key: Any = None) -> Node:
    """The numbers 0 to x - 1 in a random order, i64; or a stage in a random order along `axis`.

    Every order is as likely as any other: that of random bits. Raises ShapeError, UsageError.
    """
    if not isinstance(x, Node):
        return argsort(_bits(as_dim(x), graph, key))
    axis = axis_of(axis, x.ndim, x.shape)
    order = argsort(_bits(x.shape[axis], graph_for((x,), graph, key), key))
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
