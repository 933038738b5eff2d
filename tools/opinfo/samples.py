"""An OpInfo -> its samples, and what PyTorch makes of them: values, and gradients for cotangents.

Cotangents are drawn for every sample from a seed of its own, so that a sample stands for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils._pytree import tree_leaves, tree_map

Array = np.ndarray
Tensor = torch.Tensor

TYPES = {torch.float64, torch.float32, torch.int64, torch.int32, torch.int16, torch.int8}
TYPES |= {torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.bool}
"""The element types that graphc has."""


def full_name(op: Any) -> str:
    """The name of an OpInfo with its variant: "max.binary"."""
    return op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")


OPERATORS: dict[str, Any] = {full_name(op): op for op in op_db}
"""Every OpInfo by its full name."""


@dataclass(frozen=True)
class Sample:
    """The arguments of one call; tensors are PyTorch's own."""

    number: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def tensors(self) -> list[Tensor]:
        """The distinct tensors among the arguments."""
        found = [t for t in tree_leaves((self.args, self.kwargs)) if isinstance(t, Tensor)]
        return list({id(t): t for t in found}.values())

    def __str__(self) -> str:
        """The call in short, with types for tensors."""
        named = [f"{k}={said(v)}" for k, v in self.kwargs.items()]
        return f"#{self.number} (" + ", ".join([*map(said, self.args), *named]) + ")"


def said(value: Any) -> str:
    """A value in short."""
    if isinstance(value, Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        return f"{kind}[{','.join(map(str, value.shape))}]"
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(map(said, value)) + ")"
    return repr(value)


def samples(op: Any) -> Iterator[Sample]:
    """Every sample input of an operator in float64; in int64 where PyTorch has it for integers."""
    torch.manual_seed(0)
    real = op.supports_dtype(torch.float64, "cpu")
    dtype = torch.float64 if real else torch.int64
    found = op.sample_inputs("cpu", dtype, requires_grad=op.supports_autograd and real)
    for number, s in enumerate(list(found)):  # all first: some are written to as the next is made
        yield Sample(number, (s.input, *s.args), dict(s.kwargs))


def faults(op: Any) -> Iterator[Sample]:
    """Every error input of an operator; none where PyTorch declares none."""
    torch.manual_seed(0)
    found = op.error_inputs("cpu") if op.error_inputs_func else ()
    for number, e in enumerate(found):
        s = e.sample_input
        yield Sample(number, (s.input, *s.args), dict(s.kwargs))


def foreign(sample: Sample) -> str:
    """What graphc has no word for in a sample: an element type, a device, `out=`; else nothing."""
    for tensor in sample.tensors():
        if tensor.dtype not in TYPES:
            return f"element type {str(tensor.dtype).removeprefix('torch.')}"
        if tensor.device.type != "cpu" or tensor.layout != torch.strided:
            return "another device or layout"
    return "out=: results are always new" if sample.kwargs.get("out") is not None else ""


# What PyTorch gives


@dataclass
class Expected:
    """The values of a sample's results, and what its gradients are for the cotangents."""

    values: list[Array]
    cotangents: list[Array | None] = field(default_factory=list)
    slopes: list[Array] = field(default_factory=list)


def wants_gradient(tensor: Tensor) -> bool:
    """Whether the gradient with respect to a tensor is compared."""
    return tensor.requires_grad and tensor.is_floating_point()


def expected(op: Any, sample: Sample, theirs: Callable[[Any], Any] | None) -> Expected:
    """PyTorch's values, and its gradients for random cotangents."""
    args, kwargs = tree_map(untouched, (sample.args, sample.kwargs))
    found = op(*args, **kwargs)
    found = theirs(found) if theirs else found
    results = [torch.as_tensor(r) for r in tree_leaves(found) if r is not None]
    wrt = [t for t in sample.tensors() if wants_gradient(t)]
    steep = [r for r in results if wants_gradient(r)]
    want = Expected([as_array(r) for r in results])
    if wrt and steep:
        torch.manual_seed(sample.number + 1)
        drawn = {id(r): torch.randn_like(r) for r in steep}
        slopes = torch.autograd.grad(steep, wrt, [drawn[id(r)] for r in steep], allow_unused=True)
        want.cotangents = [as_array(drawn[id(r)]) if id(r) in drawn else None for r in results]
        want.slopes = [filled(t, g) for t, g in zip(wrt, slopes, strict=True)]
    return want


def untouched(value: Any) -> Any:
    """A copy of what PyTorch may write to, as it does to running statistics."""
    return value.clone() if isinstance(value, Tensor) and not value.requires_grad else value


def filled(tensor: Tensor, slope: Tensor | None) -> Array:
    """A gradient, zeros where nothing flows back."""
    return as_array(torch.zeros_like(tensor) if slope is None else slope)


def as_array(tensor: Tensor) -> Array:
    """A tensor's elements where they lie: strides stay."""
    return tensor.numpy(force=True)


def translated(value: Any, stage: Callable[[Tensor], Any]) -> Any:
    """Arguments for a row: stages for tensors, names for element types, the rest as it is."""

    def leaf(v: Any) -> Any:
        if isinstance(v, Tensor):
            return stage(v)
        return str(v).removeprefix("torch.") if isinstance(v, torch.dtype) else v

    return tree_map(leaf, value)
