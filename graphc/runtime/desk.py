"""A compiled specialisation in, a function from arrays as declared to fresh results out.

What its kernel takes beside the inputs lies ready on a desk, one for each thread. Note: [Fresh
results].
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.runtime.arena import block, view
from graphc.runtime.layout import Layout, Result
from graphc.runtime.quick import Call, answer, function_of
from graphc.runtime.reading import Reading, Run
from graphc.runtime.special import Shape
from graphc.types import bind_shape, dim_names

LARGE = 1 << 16
"""Bytes of results that are not worth a copy."""

LYING = {"state": "state", "data": "data", "work": "desk.work", "out": "desk.out"}
"""Where arguments are that are not fed."""


@dataclass(frozen=True)
class Kernel:
    """What is called: a compiled function, its arguments by name, each with its kind; its results;
    what it works on. `told` raises what it has left in the workspace.
    """

    entry: Call
    arguments: Mapping[str, str]
    results: Sequence[Result]
    layout: Layout
    arenas: Mapping[str, np.ndarray]
    workspace: Callable[[], np.ndarray]
    told: Callable[[np.ndarray], None]

    @property
    def takes_scalars(self) -> bool:
        """Whether inputs that are scalars are all that it takes."""
        names = set(self.layout.inputs.values())
        return all(kind == "scalar" and n in names for n, kind in self.arguments.items())

    @property
    def lying(self) -> list[Result]:
        """The results that lie in an arena."""
        return [r for r in self.results if not r.returned]


class Desk:
    """One thread's own: its workspace, an arena of results, and what copies each result."""

    __slots__ = ("copies", "fault", "kernel", "moving", "out", "sizes", "work")

    def __init__(self, kernel: Kernel, moving: Sequence[str]) -> None:
        self.kernel, self.moving = kernel, moving
        self.work, self.out = kernel.workspace(), block(kernel.layout.out_bytes)
        self.fault = self.work[:8].view(np.int64).data
        self.lay(tuple(kernel.layout.sizes.bound[name] for name in moving))

    def lay(self, sizes: tuple[int, ...]) -> None:
        """Be ready for results of these sizes."""
        fixed = self.kernel.layout.sizes.bound
        bound = {**fixed, **dict(zip(self.moving, sizes, strict=True))}
        self.copies = tuple(self._copy(result, bound) for result in self.kernel.lying)
        self.sizes = sizes

    def _copy(self, result: Result, sizes: Mapping[str, int]) -> Callable[[], Any]:
        arena = self.out if result.arena == "out" else self.work
        shape = bind_shape(result.type.shape, sizes)
        array = view(arena, result.offset, result.type.numpy, shape)
        return array.copy if shape else array.item


def run_of(
    kernel: Kernel, reading: Reading, shape: Shape, lock: AbstractContextManager[Any] | None
) -> Run | None:
    """A function of the inputs and sizes of a reading to the program's answer, the kernel called
    under the lock if there is one; it gives None where the specialisation has no room for them.
    None where results are too large to copy, or the kernel takes what does not lie ready.
    """
    places = {**LYING, **_places(kernel, reading)}
    if kernel.layout.out_bytes > LARGE or any(name not in places for name in kernel.arguments):
        return None
    entered = f"entry({', '.join(places[name] for name in kernel.arguments)})"
    lines = [
        *_beyond(kernel.layout, reading), *_desk(kernel, reading), *_enter(kernel, entered, lock),
        *(["if desk.fault[0]:", "    told(desk.work)"] if kernel.layout.checked else []),
        f"return {answer(_values(kernel), shape)}",
    ]  # fmt: skip
    text = "\n    ".join([f"def run({reading.given}):", *lines])
    scope: dict[str, Any] = {f"key{i}": name for i, name in enumerate(shape.gradients)}
    scope |= {"entry": kernel.entry, "lock": lock, "told": kernel.told, **kernel.arenas}
    scope |= {"local": threading.local(), "new": lambda: Desk(kernel, reading.moving)}
    return function_of(text, "run", scope)


def _places(kernel: Kernel, reading: Reading) -> dict[str, str]:
    """The variables of inputs and sizes by what the kernel calls them."""
    inputs = ((node.name or "", variable) for variable, node in reading.inputs.items())
    idents, words = kernel.layout.inputs, kernel.layout.words
    known = {idents[name]: variable for name, variable in inputs if name in idents}
    return known | {words[name]: reading.sizes[name] for name in reading.moving}


def _beyond(layout: Layout, reading: Reading) -> Iterator[str]:
    for name in reading.moving:
        yield f"if {reading.sizes[name]} > {layout.sizes.bound[name]}:"
        yield "    return None"


def _desk(kernel: Kernel, reading: Reading) -> Iterator[str]:
    yield from ("try:", "    desk = local.desk")
    yield from ("except AttributeError:", "    desk = local.desk = new()")
    if any(reading.running.intersection(dim_names(d)) for r in kernel.lying for d in r.type.shape):
        sizes = "".join(f"{reading.sizes[name]}, " for name in reading.moving)
        yield from (f"if desk.sizes != ({sizes}):", f"    desk.lay(({sizes}))")
    if kernel.lying:
        yield "".join(f"copy{i}, " for i in range(len(kernel.lying))) + "= desk.copies"


def _enter(kernel: Kernel, entered: str, lock: Any) -> Iterator[str]:
    """The one place where the compiled function is called."""
    found = ", ".join(f"found{i}" for i, r in enumerate(kernel.results) if r.returned)
    call = f"{found} = {entered}" if found else entered
    yield from ("try:", f"    {'with lock: ' if lock else ''}{call}")
    yield from ("except (OverflowError, TypeError):", "    return None")


def _values(kernel: Kernel) -> list[str]:
    """What gives each result: a number that was returned, or a copy."""
    at = {id(result): f"copy{i}()" for i, result in enumerate(kernel.lying)}
    return [at.get(id(result), f"found{i}") for i, result in enumerate(kernel.results)]


# Note [Fresh results]
#
# What a call gives back is the caller's. A kernel writes results into an arena, where several
# lie at offsets that are literal in it. Making an arena at each call and views into it costs 1 us
# a result; so the arena stays on the desk with the views, and a call copies them: 0.1 us each.
# Results of more than 64 KiB are written where they stay.
