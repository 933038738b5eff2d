"""How an operation is spelled in a kernel: the few forms that the planner knows, each a record with
its data.

Each     one value from values at the same place: joins any loop over its shape
Fold     many values to one along axes: opens an accumulator
View     another look at the same memory: an index for each axis of the argument; costs nothing
Reshape  the same memory in order under another shape; costs nothing
Gather   values picked at computed indices of the leading axes
Scatter  values added up at computed indices of the leading axes, from zero
Place    pieces laid into slices of a new array, zero elsewhere
Overlap  windows laid over each other in a new array, and added up where they meet
Product  matrices multiplied
Check    indices, once they are known to be in range
Routine  a function of the prelude, called once for each core of a stack
Result   one of the several results of a stage
Pack     several values as one stage of several results
Region   graphs that are run: a loop's step, the branches of a choice
Extent   a size as it is at run time
Expand   defined by other operations; keeps its own gradient and its own stage
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphc.types import Dim, Type, promote


@dataclass(frozen=True, eq=False)
class Each:
    """`expr(*operands)` at each place of the result's shape.

    `operands` gives the element type that each argument is cast to first: (types of args, type of
    result) -> dtypes.
    `linear`: the local gradient has no factor that can be infinite, so a mask need not be carried
    through it.
    `indices`: expr is called as expr(*operands, at=indices, **attrs), with the loop's index along
    each axis.
    `work`: about how many operations it is, where it is far more than one.
    """

    expr: Callable[..., Any]
    operands: Callable[[tuple[Type, ...], Type], tuple[str, ...]]
    linear: bool = False
    indices: bool = False
    work: int = 1


@dataclass(frozen=True, eq=False)
class Fold:
    """`acc = combine(acc, x)` along attrs["axis"], from `start(dtype of the result)`; order of the
    axes is free.
    """

    combine: Callable[[Any, Any], Any]
    start: Callable[[str], Any]


@dataclass(frozen=True)
class Along:
    """The index along one axis of a view's argument: `offset + scale * (index along axis of the
    result)`, and the same for each pair of axis and scale in `also`: what a window sees depends on
    where it is and on the place within it.
    """

    axis: int | None
    scale: int = 1
    offset: Dim = 0
    also: tuple[tuple[int, int], ...] = ()

    @property
    def terms(self) -> tuple[tuple[int, int], ...]:
        """The axes of the result that it follows, each with its scale."""
        return () if self.axis is None else ((self.axis, self.scale), *self.also)


def along(scales: Mapping[int, int], offset: Dim = 0) -> Along:
    """The index `offset + the sum of scale * (index along axis)`, from the scale of each axis."""
    terms = sorted((axis, scale) for axis, scale in scales.items() if scale)
    return Along(*terms[0], offset, tuple(terms[1:])) if terms else Along(None, 1, offset)


@dataclass(frozen=True, eq=False)
class View:
    """`index(type of arg, type of result, **attrs)` -> one Along for each axis of the argument."""

    index: Callable[..., tuple[Along, ...]]


class Reshape:
    """The argument's elements in row-major order, under the result's shape."""


class Gather:
    """args (x, *indices): result[p] = x[indices[0][p], ..., rest]; negative indices count from the
    end, as in NumPy.

    Every index is a node of the same shape p, already checked to be in range.
    """


class Scatter:
    """args (g, *indices), attrs["shape"]: zeros(shape), then result[indices[0][p], ..., rest] +=
    g[p, rest].
    """


class Place:
    """args pieces, attrs["shape"], attrs["starts"], attrs["steps"] (a tuple of each for a piece).

    result = zeros(shape); result[start::step, ...][:piece.shape] = piece. Where pieces cover all,
    zeros are skipped.
    """


class Overlap:
    """args (g,) of shape (..., *outputs, *kernel), attrs["shape"], attrs["strides"] and
    attrs["dilations"], which say how many axes are outputs: zeros(shape), then
    result[..., stride * o + dilation * k] += g[..., o, k].
    """


class Product:
    """args (a, b) of rank >= 2: matmul over the last two axes, leading axes broadcast."""


class Check:
    """args (indices,), attrs["low"], attrs["high"]: the indices themselves, after a test that low
    <= i < high.
    """


@dataclass(frozen=True, eq=False)
class Routine:
    """`function(*sizes, *options, *args, *results[, scratch])`, one call for each core of a stack.

    `sizes` are the letters of Op.core in the order in which they come first, `options` the
    attributes that are handed over, as numbers; arguments and results are pointers to cores that
    lie in row-major order, of element types of their own. `scratch`: how many bytes of working
    memory a call wants, from the sizes; the same memory serves every call. Leading axes of the
    arguments broadcast. A core has one axis or more in each argument.
    """

    function: str
    options: tuple[str, ...] = ()
    scratch: Callable[..., int] | None = None


class Result:
    """args (stage,), attrs["index"]: that one of its several results."""


@dataclass(frozen=True)
class Region:
    """Runs graphs that it has among its attributes, whose inputs are told by its arguments.

    `role` says how: "scan", "branch" or "while"; graphc.plan.regions has what each does.
    """

    role: str


class Pack:
    """Its arguments are its results."""


class Scratch:
    """Memory that a routine works in."""


class Extent:
    """No args, attrs["dim"]: a size as it is at run time, an i64."""


@dataclass(frozen=True, eq=False)
class Expand:
    """`define(*args, **attrs)` builds the same value from other operations."""

    define: Callable[..., Any]


# How operands are cast


def like_result(args: tuple[Type, ...], result: Type) -> tuple[str, ...]:
    """Every operand in the result's element type: arithmetic."""
    return (result.dtype,) * len(args)


def together(args: tuple[Type, ...], result: Type) -> tuple[str, ...]:
    """Every operand in the type that the operands promote to: comparisons."""
    return (promote(*(a.dtype for a in args)),) * len(args)


def as_they_are(args: tuple[Type, ...], result: Type) -> tuple[str, ...]:
    """Operands as they come."""
    return tuple(a.dtype for a in args)


def chosen(args: tuple[Type, ...], result: Type) -> tuple[str, ...]:
    """A condition first, then operands in the result's type."""
    return ("bool", *(result.dtype for _ in args[1:]))
