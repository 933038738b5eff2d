"""Where graphc's choice is another than PyTorch's: declared, counted and printed, never hidden.

A declaration names operators, a reason, what it is about (a sample, its gradient alone, or an error
input), and where not all samples are meant, which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch

from .samples import Sample

Which = Callable[[Sample], bool]


@dataclass(frozen=True)
class Difference:
    """One declaration; operators are names or patterns of names, parted by spaces."""

    operators: str
    part: str
    reason: str
    when: Which = lambda sample: True


def drawn(sample: Sample) -> bool:
    """Whether dropout draws something: in training, with p neither 0 nor 1."""
    return bool(sample.kwargs.get("training", True)) and sample.kwargs.get("p", 0.5) not in (0, 1)


def lone_number(sample: Sample) -> bool:
    """Whether a number stands where PyTorch wants a tensor."""
    return any(isinstance(v, (int, float)) for v in sample.args)


def meets(sample: Sample) -> bool:
    """Whether an unpooling puts several values at one place."""
    axes = len(sample.kwargs["output_size"]) - 2
    rows = sample.args[1].flatten(-axes).flatten(0, -2)
    return any(len(row.unique()) < row.numel() for row in rows)


def says(**wanted: Any) -> Which:
    """Whether the arguments by name are these."""
    return lambda sample: all(sample.kwargs.get(k) == v for k, v in wanted.items())


BINARY = (
    "__r*__ rsub fmod remainder copysign heaviside nextafter maximum minimum max.binary min.binary"
    " fmax fmin clamp_m* eq ne lt le gt ge isclose pow float_power logical_* bitwise_* gcd lcm"
    " atan2 hypot floor_divide div.* logaddexp* xlogy ldexp special.x* special.zeta"
)

DIFFERENCES: list[Difference] = [
    # samples
    Difference("*dropout*", "sample", "random draws are other numbers", drawn),
    Difference(
        "nn.functional.rrelu", "sample", "random draws are other numbers", says(training=True)
    ),
    Difference(
        "cat", "sample", "PyTorch skips vectors of size 0 among matrices; NumPy refuses them",
        lambda s: {(0,)} < {tuple(t.shape) for t in s.tensors()},
    ),
    Difference(
        "__getitem__", "sample", "as many elements as a mask has true ones: no shape can say",
        lambda s: isinstance(s.args[1], torch.Tensor) and s.args[1].dtype == torch.bool,
    ),
    Difference(
        "tensordot", "sample", "PyTorch broadcasts the axes it sums over; NumPy refuses that",
        lambda s: s.args[0].shape == (1, 1, 1),
    ),
    Difference(
        "nn.functional.*_norm", "sample", "a negative eps is refused",
        lambda s: s.kwargs.get("eps", 0) < 0,
    ),
    Difference(
        "nn.functional.batch_norm", "sample", "a vector has no axis of channels",
        lambda s: s.args[0].ndim < 2,
    ),
    Difference(
        "nn.functional.*shrink", "sample", "a negative lambd is refused",
        lambda s: s.kwargs.get("lambd", 0) < 0,
    ),
    Difference(
        "nn.functional.hinge_embedding_loss", "sample", "targets are 1 and -1, nothing else",
        lambda s: bool((s.args[1].abs() != 1).any()),
    ),
    Difference(
        "nn.functional.scaled_dot_product_attention", "sample", "random draws are other numbers",
        lambda s: s.kwargs.get("dropout_p", 0) > 0,
    ),
    # gradients
    Difference(
        "quantile nanquantile", "gradient", "q is known before data comes, so it takes no gradient",
        lambda s: isinstance(s.args[1], torch.Tensor),
    ),
    Difference(
        "cholesky_solve cholesky_inverse", "gradient",
        "the half of a factor that is not read has gradient 0; PyTorch gives it one",
    ),
    Difference(
        "nn.functional.max_unpool?d", "gradient",
        "of values put at one place the last has the gradient; PyTorch gives it to all",
        meets,
    ),
    # errors
    Difference(BINARY, "error", "a number is taken where PyTorch wants a tensor", lone_number),
    Difference("neg", "error", "a bool counts as an integer in arithmetic"),
    Difference("mean masked.mean", "error", "the mean of integers is a float, as NumPy has it"),
    Difference("t t_copy trace", "error", "any number of axes, as NumPy has it"),
    Difference(
        "linalg.cross index_add masked_fill nn.functional.prelu", "error",
        "shapes broadcast, as NumPy has it",
    ),
    Difference("roll", "error", "shifts and axes broadcast, as NumPy has it"),
    Difference("arange", "error", "a range that leads nowhere is empty, as NumPy has it"),
    Difference("l??space*", "error", "ends of any shape, as NumPy has it", lambda s: not s.kwargs),
    Difference(
        "scatter scatter_add nn.functional.conv*", "error", "element types are promoted",
        lambda s: len({t.dtype for t in s.tensors() if t.dtype != torch.int64}) > 1
        or s.args[0].dtype == torch.int64,
    ),
    Difference(
        "narrow*", "error", "a bool is an integer in a slice, as NumPy has it",
        lambda s: getattr(s.args[2], "dtype", None) == torch.bool,
    ),
    Difference("narrow*", "error", "a slice ends where the array does"),
    Difference(
        "nn.functional.conv3d", "error", '"same" with a stride: ceil(length / stride)',
        says(padding="same"),
    ),
    Difference(
        "nn.functional.*_pool?d", "error", "a border may be wider than half a window",
        lambda s: s.kwargs.get("padding", 0) > 2,
    ),
    Difference(
        "nn.functional.*_pool?d", "error", "pools of nothing are empty",
        lambda s: 0 in s.args[0].shape,
    ),
    Difference("nn.functional.rms_norm", "error", "axes are named, not their sizes"),
    Difference("nn.functional.triplet_margin_*", "error", "a margin is any number"),
    Difference(
        "isclose renorm nn.functional.rrelu masked_scatter", "error",
        "a formula without a function of its own: what it would check is PyTorch's",
    ),
]  # fmt: skip

TOLERANCES: dict[str, tuple[float, str]] = {
    "nn.functional.hardsigmoid": (1e-7, "PyTorch's slope of 1/6 is a float32"),
}
"""Relative and absolute tolerance of operators, 1e-9 where none stands here, and the reason."""


def declared(name: str, part: str, sample: Sample) -> str:
    """The reason why a sample of an operator differs in a part; nothing where it must agree."""
    for d in DIFFERENCES:
        meant = d.part == part and any(fnmatchcase(name, o) for o in d.operators.split())
        if meant and d.when(sample):
            return d.reason
    return ""
