"""Blocks of memory: 64-byte aligned bytes, and typed views at offsets."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, MutableMapping
from math import prod
from typing import Any

import numpy as np

from graphc.errors import DTypeError, FeedError, ShapeError, UsageError
from graphc.graph import PARAM, STATE, Graph, Node
from graphc.init import as_seed
from graphc.plan.align import HEADER, aligned
from graphc.types import Type, shape_text


def block(nbytes: int) -> np.ndarray:
    """Zeroed bytes, at least a header, that begin at a multiple of 64."""
    nbytes = aligned(max(nbytes, HEADER))
    raw = np.zeros(nbytes + 64, np.uint8)
    start = -raw.__array_interface__["data"][0] % 64
    return raw[start : start + nbytes]


def is_free(arena: np.ndarray) -> bool:
    """Whether no array but this one is a view of a block's memory."""
    return sys.getrefcount(arena.base) <= BY_ITSELF


def view(
    arena: np.ndarray, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> np.ndarray:
    """An array of this shape at an offset of an arena."""
    return arena[offset : offset + prod(shape) * dtype.itemsize].view(dtype).reshape(shape)


_ALONE = block(64)
BY_ITSELF = sys.getrefcount(_ALONE.base)
"""How often a block's memory is referred to while only the block does."""


class State(MutableMapping[str, Any]):
    """Parameters, optimiser and counters in one block, by name: live views, shared by all programs
    of a model.

    `state["W1"] = array` copies in; raises FeedError, ShapeError or DTypeError and changes nothing
    then.
    """

    def __init__(self, leaves: Mapping[str, tuple[Type, Any]], seed: int | None) -> None:
        self.types = {name: kind for name, (kind, _) in leaves.items()}
        self.offsets: dict[str, int] = {}
        at = 0
        for name, kind in self.types.items():
            self.offsets[name] = at
            at = aligned(
                at + int(np.prod(_literal(name, kind), dtype=np.int64)) * kind.numpy.itemsize
            )
        self.bytes = block(at)
        self.views = {
            n: view(self.bytes, self.offsets[n], k.numpy, _literal(n, k))
            for n, k in self.types.items()
        }
        self.inits = {name: init for name, (_, init) in leaves.items()}
        self.reset(seed)

    def reset(self, seed: int | None) -> None:
        """Every value as its initialiser gives it; raises UsageError for what is no seed."""
        rng = np.random.default_rng(entropy(seed))
        for name, array in self.views.items():
            array[...] = self.inits[name](rng, array.shape, array.dtype)

    @property
    def seed(self) -> int:
        """What random numbers begin with; setting it also begins with the first call again.

        Raises UsageError where nothing is drawn, or for what is no whole number.
        """
        return int(self[self._of_kind("seed")])

    @seed.setter
    def seed(self, number: Any) -> None:
        self[self._of_kind("seed")][...] = as_seed(whole(number))
        self[self._of_kind("calls")][...] = 0

    def _of_kind(self, kind: str) -> str:
        for name, init in self.inits.items():
            if init.kind == kind:
                return name
        raise UsageError("nothing is drawn in this graph, so there is no seed")

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.views:
            raise FeedError(
                f"there is no state named {name!r}",
                code="G303",
                hint=f"there are {_list(self.views)}",
            )
        return self.views[name]

    def __setitem__(self, name: str, value: Any) -> None:
        target, array = self[name], np.asarray(value)
        if array.shape != target.shape and array.ndim:
            mine, theirs = shape_text(target.shape), shape_text(array.shape)
            raise ShapeError(f"{name!r} has shape {mine}, the array {theirs}")
        if not np.can_cast(array.dtype, target.dtype, "same_kind"):
            raise DTypeError(f"{name!r} is {target.dtype}, the array is {array.dtype}")
        target[...] = array

    def __delitem__(self, name: str) -> None:
        raise FeedError(f"{name!r} cannot be taken out of the state")

    def __iter__(self) -> Iterator[str]:
        return iter(self.views)

    def __len__(self) -> int:
        return len(self.views)


def leaves_of(graph: Graph) -> dict[str, tuple[Type, Any]]:
    """The params and then the states of a graph, by name, with their initialisers."""
    nodes: list[Node] = [*graph.leaves(PARAM), *graph.leaves(STATE)]
    return {n.name or "": (n.type, n.attrs["init"]) for n in nodes}


def whole(seed: Any) -> int:
    """A seed as a number; raises UsageError for anything but a whole one."""
    if not isinstance(seed, (int, np.integer)):
        raise UsageError(f"a seed is a whole number, not {type(seed).__name__}")
    return int(seed)


def entropy(seed: Any) -> int | None:
    """What NumPy's generators begin with: the seed, from 0 up; None for one that nobody chose."""
    if seed is None:
        return None
    return number if (number := whole(seed)) >= 0 else number % 2**64


def _literal(name: str, kind: Type) -> tuple[int, ...]:
    if kind.names():
        raise ShapeError(
            f"the parameter {name!r} is {kind}; the sizes of parameters are integers", code="G106"
        )
    return tuple(int(d) for d in kind.shape)  # type: ignore[arg-type]


def _list(names: Any) -> str:
    found = [repr(n) for n in names][:8]
    return ", ".join(found) + (", ..." if len(names) > 8 else "")
