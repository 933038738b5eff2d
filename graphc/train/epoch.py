"""Rows of data and a step in, one pass over them out: the mini-batch loop.

The loop is compiled with the step where the data come as arguments of their own and their leading
size may vary; else it is walked here. Either way a smaller last batch is a batch like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UsageError
from graphc.graph import Node
from graphc.runtime.arena import block
from graphc.runtime.program import Program, Special
from graphc.types import Dim, Size, dim_names, named

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Rows:
    """Data, checked and cast: arrays by input, the size that counts their rows, all sizes."""

    arrays: Arrays
    batched: frozenset[str]
    size: str
    sizes: Mapping[str, int]

    def __len__(self) -> int:
        return self.sizes[self.size]

    def sized(self, count: int) -> dict[str, int]:
        """All sizes of a batch of so many rows."""
        return {**self.sizes, self.size: count}

    def batch(self, rows: Any) -> dict[str, np.ndarray]:
        """Some of the rows, in order; an input without rows stays whole."""
        return {
            name: np.ascontiguousarray(array[rows]) if name in self.batched else array
            for name, array in self.arrays.items()
        }


def rows_of(program: Program, data: Mapping[str, Any]) -> Rows:
    """The data as the program's inputs take them.

    Raises UsageError unless one named size leads the inputs, ShapeError where row counts differ or
    there are no rows, FeedError and DTypeError as a call does.
    """
    size = _leading([program.door.declared[name] for name in program.door.read])
    if not isinstance(data, Mapping):
        raise UsageError(f"data are given as one mapping of names to arrays, not {_kind(data)}")
    arrays = program.door.arrays(data)
    sizes = program.door.sizes(arrays)
    if not sizes[size]:
        raise ShapeError("the data have no rows", code="G307")
    shapes = {name: program.door.declared[name].shape for name in arrays}
    batched = frozenset(name for name, shape in shapes.items() if named(size) in shape[:1])
    return Rows(arrays, batched, size, sizes)


def _leading(inputs: list[Node]) -> str:
    """The one size that counts rows."""
    leading: dict[Dim, Node] = {n.shape[0]: n for n in inputs if n.shape and _is_named(n.shape[0])}
    if not leading:
        raise UsageError(
            "no input has a named leading size, so there are no rows to make batches of",
            hint='declare it so: g.input("X", ("batch", 784))',
        )
    if len(leading) > 1:
        told = " and ".join(f"{n.name!r} by {dim}" for dim, n in leading.items())
        raise UsageError(f"the inputs are led by more than one named size, {told}")
    ((dim, node),) = leading.items()
    (size, *_) = dim_names(dim)
    behind = [n for n in inputs if any(size in dim_names(d) for d in n.shape[1:])]
    if dim != named(size) or behind:
        node = behind[0] if behind else node
        raise UsageError(
            f"its shape {node.type} cannot be cut into batches of {size}", subject=node.label
        )
    return size


def _is_named(dim: Dim) -> bool:
    return isinstance(dim, Size)


def check_count(name: str, value: Any) -> int:
    """A number of something as an int; raises UsageError when it is not a whole one above 0."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise UsageError(f"{name} is a whole number, not {_kind(value)}")
    if value < 1:
        raise UsageError(f"{name} is {value}, and has to be at least 1")
    return int(value)


def _kind(value: Any) -> str:
    return type(value).__name__


# The two loops


@dataclass(frozen=True)
class Pass:
    """One pass over the rows in batches of `size`, in their order or in `order`.

    `counter` is the state that counts steps: it tells at which batch a compiled loop has left.
    """

    program: Program
    part: str
    rows: Rows
    size: int
    order: np.ndarray | None = None
    counter: str | None = None

    def run(self) -> list[tuple[str, float]]:
        """The means of the part's scalar results over all rows, by name, the loss first.

        Raises LabelError for an index out of range, told by its row in the data; the batches before
        it have been trained on.
        """
        first = min(self.size, len(self.rows))
        self._check_slices(first)
        special = self.program.special(self.rows.sized(first))
        return self._compiled(special) if self._is_compiled(special) else self._walked()

    def _check_slices(self, first: int) -> None:
        """Raise ShapeError now where a slice would not fit into the first or the last batch."""
        for count in (first, len(self.rows) % first):
            if count and self.program.door.needs:
                self.program.door.sizes(self.rows.batch(slice(count)))

    def _is_compiled(self, special: Special) -> bool:
        loss = special.layout.results[self.part][0]
        return "epoch" in special.layout.entries and self.program.guard is None and loss.returned

    def _compiled(self, special: Special) -> list[tuple[str, float]]:
        part = "epoch" if self.order is None else "epoch_shuffled"
        more: dict[str, Any] = {"rows": len(self.rows), "size": self.size}
        if self.order is not None:
            more |= {"order": self.order, "panel": block(special.layout.panel)}
        begun = self._steps()
        sizes, row = self.rows.sized(self.size), lambda i: self._row(self._steps() - begun, i)
        returned, _ = self.program.enter(special, part, self.rows.arrays, sizes, more, row)
        names = [r.name for r in special.layout.results[self.part] if r.returned]
        means = returned if isinstance(returned, tuple) else (returned,)
        return [(name, float(mean)) for name, mean in zip(names, means, strict=True)]

    def _walked(self) -> list[tuple[str, float]]:
        names: list[str] = []
        total: Any = 0.0
        for index in range(-(-len(self.rows) // self.size)):
            names, sums = self._one(index)
            total = total + sums
        return list(zip(names, (total / len(self.rows)).tolist(), strict=True))

    def _one(self, index: int) -> tuple[list[str], np.ndarray]:
        """One batch: the names of its scalar results, and these times its rows."""
        arrays, count = self._batch(index)
        sizes = self.rows.sized(count)
        special, row = self.program.special(sizes), partial(self._row, index)
        values = self.program.call(special, self.part, arrays, sizes, row)
        results = zip(special.layout.results[self.part], values, strict=True)
        scalars = [(r.name, v) for r, v in results if not r.type.shape]
        return [n for n, _ in scalars], np.multiply([v for _, v in scalars], float(count))

    def _batch(self, index: int) -> tuple[Arrays, int]:
        low = index * self.size
        high = min(low + self.size, len(self.rows))
        rows = slice(low, high) if self.order is None else self.order[low:high]
        return self.rows.batch(rows), high - low

    def _steps(self) -> int:
        return int(self.program.params[self.counter]) if self.counter else 0

    def _row(self, index: int, position: int) -> int:
        """The row in the data of a row of a batch."""
        at = index * self.size + position
        return at if self.order is None else int(self.order[at])
