"""The declared inputs in, quick checks of what a call feeds out: classes, element types, shapes.

Arrays that are as declared pass; whatever is to be cast, copied or refused does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.graph import Node
from graphc.runtime.quick import Way, scalar_check
from graphc.runtime.straight import NUMBERS
from graphc.types import Dim, Size, dim_names, named

Key = tuple[int, ...]
Run = Callable[..., Any]


@dataclass(frozen=True)
class Reading:
    """The inputs that are read, by their variables; the variable of each size; which of the sizes
    come at run time.
    """

    inputs: Mapping[str, Node]
    sizes: Mapping[str, str]
    running: frozenset[str]

    @property
    def moving(self) -> list[str]:
        """The sizes that come at run time, in order."""
        return sorted(self.running)

    @property
    def fixed(self) -> list[str]:
        """The sizes that tell specialisations apart, in order."""
        return sorted(set(self.sizes) - self.running)

    @property
    def given(self) -> str:
        """What a run is given: the inputs, then the sizes that come at run time."""
        return ", ".join([*self.inputs, *(self.sizes[n] for n in self.moving)])

    def key(self, sizes: Mapping[str, int]) -> Key:
        """Which specialisation these sizes belong to."""
        return tuple(sizes[name] for name in self.fixed)


def reading(
    declared: Mapping[str, Node], read: Sequence[str], running: frozenset[str]
) -> Reading | None:
    """The reading of a program's inputs; None where a size is nowhere told by itself."""
    inputs = {f"a{i}": node for i, (name, node) in enumerate(declared.items()) if name in read}
    dims = {
        f"{variable}_{axis}": dim
        for variable, node in inputs.items()
        for axis, dim in enumerate(node.shape)
    }
    alone = {dim: variable for variable, dim in reversed(dims.items())}
    names = {name for dim in dims.values() for name in dim_names(dim)}
    if not all(named(name) in alone for name in names):
        return None
    return Reading(inputs, {name: alone[named(name)] for name in names}, running & names)


def way(found: Reading, runs: Mapping[Key, Run], needs: Sequence[Size]) -> Way:
    """The way to the runs by the key of their sizes; `needs` are to be 0 or more."""
    arrays = {v: node for v, node in found.inputs.items() if node.shape}
    agree = [*_agreeing(found), *(f"{_text(dim, found)} >= 0" for dim in needs)]
    key = "".join(f"{found.sizes[name]}, " for name in found.fixed)
    lines = [
        "try:",
        *(f"    {_unpacked(v, node)} = {v}.shape" for v, node in arrays.items()),
        f"    run = runs.get(({key})) if {' and '.join(agree) or True} else None",
        "except ValueError:",
        "    run = None",
        f"if run is not None and (found := run({found.given})) is not None:",
        "    return found",
    ]
    dtypes = {f"dtype_{v}": node.type.numpy for v, node in arrays.items()}
    scope: dict[str, Any] = {"runs": runs, "ndarray": np.ndarray, "numbers": NUMBERS, **dtypes}
    return Way(list(_checks(found.inputs)), lines, scope)


def _checks(inputs: Mapping[str, Node]) -> Iterator[str]:
    for v, node in inputs.items():
        yield f"{v}.__class__ is ndarray" if node.shape else scalar_check(v, node.type)
    for v, node in inputs.items():
        if node.shape:
            yield f"({v}.dtype is dtype_{v} or {v}.dtype == dtype_{v})"
            yield f"{v}.flags.c_contiguous"


def _unpacked(variable: str, node: Node) -> str:
    return "".join(f"{variable}_{axis}, " for axis in range(len(node.shape)))


def _agreeing(found: Reading) -> Iterator[str]:
    """The tests that every axis is as long as declared."""
    for variable, node in found.inputs.items():
        for axis, dim in enumerate(node.shape):
            length, wanted = f"{variable}_{axis}", _text(dim, found)
            if length != wanted:
                yield f"{length} == {wanted}"


def _text(dim: Dim, found: Reading) -> str:
    if not isinstance(dim, Size):
        return str(dim)
    terms = [found.sizes[name] if c == 1 else f"{c} * {found.sizes[name]}" for name, c in dim.terms]
    return " + ".join([*terms, *([str(dim.const)] if dim.const else [])])
