"""A compiled program: what a user calls, over the specialisations that its sizes need.

Specialisations are made when data of new sizes come, functions when they are first called. The
workspace belongs to the calling thread; parameters live in State, which several programs may share.
What has answered once is called the short way from then on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.errors import UsageError
from graphc.graph import EMPTY
from graphc.runtime.arena import State, block, is_free, view
from graphc.runtime.desk import Kernel
from graphc.runtime.feeds import Door
from graphc.runtime.layout import Layout, Result
from graphc.runtime.look import Looks, Maker
from graphc.runtime.sentences import Row, compiled_again, out_of_range
from graphc.runtime.shortcut import Shortcut
from graphc.runtime.special import Shape, Special
from graphc.types import bind_shape

if TYPE_CHECKING:
    from graphc.runtime.finite import Guard


class Program(Looks):
    """A compiled graph: `program(x=...)` runs it; `.source()`, `.plan`, `.path` show what runs."""

    def __init__(
        self,
        shape: Shape,
        door: Door,
        state: State,
        maker: Maker,
        main: str,
    ) -> None:
        self._shape, self.door, self._state, self._main = shape, door, state, main
        self.maker = maker
        self._specials: list[Special] = []
        self._local = threading.local()
        self._lock = threading.RLock()
        self.shortcut = Shortcut(door, shape, self._careful)
        self.shortcut.owners.append(self)
        self.guard: Guard | None = None
        self.say: Callable[[str], None] | None = None

    # Calling

    def __call__(self, feeds: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """Run it: inputs by keyword, or all in one mapping.

        Gives the output, or the outputs in a list; with `wrt` also a dict of gradients: (value,
        gradients).
        Raises FeedError, DTypeError, ShapeError for what is fed, LabelError for an index out of
        range.
        """
        return self._careful(feeds, named)

    def answers(self, owner: Any, lock: AbstractContextManager[Any]) -> None:
        """Calls of `owner` are calls of this program from now on, one at a time."""
        self.shortcut.owners.append(owner)
        self.shortcut.lock = lock

    def _careful(self, feeds: Mapping[str, Any] | None, named: Mapping[str, Any]) -> Any:
        """The answer to any call, or the error that says what is wrong with it."""
        with self.shortcut.lock or nullcontext():
            arrays = self.door.arrays(self._merged(feeds, named))
            answer = self.shortcut.direct(**arrays)
            if answer is None:
                special, values = self._run(self._main, arrays)
                answer = self._packed(values)
                self._hurry(special)
            return answer

    def forward(self, feeds: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """The forward sweep alone; its tape is this thread's until its next forward."""
        self._local.tape = None  # a sweep that fails has written over it
        arrays = self.door.arrays(self._merged(feeds, named))
        with self.shortcut.lock or nullcontext():
            _, values = self._run("forward", arrays, tape=True)
        return self._outputs(values)

    def backward(self, upstream: float = 1.0) -> dict[str, Any]:
        """The backward sweep over this thread's last forward, scaled by the upstream gradient; may
        be repeated.
        """
        if "backward" not in self._latest.layout.results:
            raise UsageError("the program was compiled without wrt, so it has no backward sweep")
        tape = getattr(self._local, "tape", None)
        if tape is None:
            raise UsageError("backward() needs a forward() of this thread before it")
        special, arrays, sizes = tape
        values = self.call(special, "backward", arrays, sizes)
        factor = float(upstream)  # a number of Python's leaves every type as it is
        return {name: v * factor for name, v in zip(self._shape.gradients, values, strict=True)}

    @staticmethod
    def _merged(feeds: Mapping[str, Any] | None, named: Mapping[str, Any]) -> Mapping[str, Any]:
        if feeds is None:
            return named
        if not isinstance(feeds, Mapping):
            raise UsageError("feeds are given by keyword, or as one mapping of names to arrays")
        return {**feeds, **named}

    def _run(
        self, part: str, arrays: Mapping[str, np.ndarray], tape: bool = False
    ) -> tuple[Special, list[Any]]:
        sizes = self.door.sizes(arrays)
        special = self.special(sizes)
        values = self.call(special, part, arrays, sizes)
        if tape:
            self._local.tape = special, arrays, sizes
        return special, values

    def call(
        self,
        special: Special,
        part: str,
        arrays: Mapping[str, np.ndarray],
        sizes: Mapping[str, int],
        row: Row | None = None,
    ) -> list[Any]:
        """The results of one kernel, in order, for arrays from the door. Raises LabelError, told by
        `row`.
        """
        before = self.guard.before() if self.guard else None
        returned, out = self.enter(special, part, arrays, sizes, row=row)
        values = self._results(special, special.layout.results[part], returned, out, sizes)
        if self.guard and before is not None:
            self.guard.after(before, arrays, sizes, values)
        return values

    def enter(
        self,
        special: Special,
        part: str,
        arrays: Mapping[str, np.ndarray],
        sizes: Mapping[str, int],
        more: Mapping[str, Any] = EMPTY,
        row: Row | None = None,
    ) -> tuple[Any, Any]:
        """Call one function of a specialisation; what it returns, and the arena of results.

        `more` are arguments that only this function has. Raises LabelError, told by `row`.
        """
        if self.say and part not in special.entries:
            self.say(f"compiling {part} ...")
        entry = special.entry(part)
        made = self._arguments(special, arrays, sizes)
        made.update(more)
        returned = entry(*(made[name] for name in special.layout.entries[part].arguments))
        self._check(special, made["work"], row)
        return returned, made.get("out")

    def _arguments(
        self, special: Special, arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int]
    ) -> dict[str, Any]:
        """Every argument that a kernel of this specialisation may take, by its name there."""
        layout = special.layout
        made: dict[str, Any] = {layout.words.get(n, n): v for n, v in sizes.items()}
        for name, ident in layout.inputs.items():
            array = arrays[name]
            made[ident] = array if array.ndim else _scalar(array, special.is_compiled)
        made["state"], made["data"] = self._state.bytes, special.data
        made["work"] = self.workspace(special)
        if layout.feed:
            made["feed"] = self._feed(layout, arrays)
        if layout.out_bytes:
            made["out"] = self._fresh(special)
        return made

    def _fresh(self, special: Special) -> np.ndarray:
        """An arena of results that nobody holds any more, or a new one: memory that was used costs
        no page faults.
        """
        pools = self._local.__dict__.setdefault("out", {})
        pool = pools.setdefault(id(special), [])
        for arena in pool:
            if is_free(arena):
                return arena
        arena = block(special.layout.out_bytes)
        pool[:] = [arena, *pool[: POOL - 1]]
        return arena

    def _feed(self, layout: Layout, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        feed = block(layout.feed_bytes)
        for name, offset in layout.feed.items():
            if name in arrays:
                array = arrays[name]
                view(feed, offset, array.dtype, array.shape)[...] = array
        return feed

    def workspace(self, special: Special) -> np.ndarray:
        """This thread's work arena for a specialisation."""
        owned = self._local.__dict__.setdefault("work", {})
        if id(special) not in owned:
            owned[id(special)] = block(special.work_bytes)
        return owned[id(special)]

    def _check(self, special: Special, work: np.ndarray, row: Row | None = None) -> None:
        """Raise LabelError when a kernel has left because an index was out of range."""
        fault = work[:24].view(np.int64)
        if not fault[0]:
            return
        number, position, value = (int(f) for f in fault)
        fault[:] = 0
        node = next(n for n, k in special.plan.checks.items() if k == number)
        raise out_of_range(node, position, value, special.plan, row)

    def _results(
        self,
        special: Special,
        results: Sequence[Result],
        returned: Any,
        out: Any,
        sizes: Mapping[str, int],
    ) -> list[Any]:
        in_registers = [r for r in results if r.returned]
        scalars = iter(
            () if not in_registers else (returned,) if len(in_registers) == 1 else returned
        )
        bound_sizes = {**special.layout.sizes.bound, **sizes}
        values = []
        for r in results:
            if r.returned:
                values.append(_number(next(scalars)))
                continue
            arena = out if r.arena == "out" else self.workspace(special)
            shape = bind_shape(r.type.shape, bound_sizes)
            array = view(arena, r.offset, r.type.numpy, shape)
            array = array if arena is out else array.copy()
            values.append(array if array.ndim else array.item())
        return values

    def _packed(self, values: Any) -> Any:
        values = values if isinstance(values, (list, tuple)) else (values,)
        outputs = self._outputs(values)
        if not self._shape.gradients:
            return outputs
        return outputs, dict(
            zip(self._shape.gradients, values[len(self._shape.outputs) :], strict=True)
        )

    def _outputs(self, values: Sequence[Any]) -> Any:
        found = list(values[: len(self._shape.outputs)])
        return found[0] if self._shape.single else found

    # Specialisations

    def special(self, sizes: Mapping[str, int]) -> Special:
        """The specialisation for these sizes, made if there is none that fits."""
        for special in self._specials:
            if special.fits(sizes):
                return special
        with self._lock:
            for special in self._specials:
                if special.fits(sizes):
                    return special
            used = [special for special in self._specials if special.entries]
            made = self.maker(sizes, self._specials[0] if self._specials else None)
            self._specials.insert(0, made)
        if used:
            compiled_again(used[0].layout.sizes, sizes, made.layout.sizes)
        return made

    def _hurry(self, special: Special) -> None:
        """Calls like the one that went well take the short way from now on, where there is one."""
        if special.is_compiled and self.guard is None:
            with self._lock:
                self.shortcut.open(special, lambda: self._kernel(special))

    def _kernel(self, special: Special) -> Kernel:
        """What a call runs, with all that its calls have in common."""
        layout, arenas = special.layout, {"state": self._state.bytes, "data": special.data}
        return Kernel(
            special.entry(self._main), layout.entries[self._main].arguments,
            layout.results[self._main], layout, arenas,
            lambda: self.workspace(special), lambda work: self._check(special, work),
        )  # fmt: skip

    @property
    def _latest(self) -> Special:
        if not self._specials:
            self.special(self._default_sizes())
        return self._specials[0]

    def _default_sizes(self) -> dict[str, int]:
        """Sizes to show a program with before any data came."""
        names = {name for node in self.door.declared.values() for name in node.type.names()}
        return dict.fromkeys(sorted(names), DEFAULT_SIZE)


def _number(value: Any) -> Any:
    """A scalar as Python has it; without the JIT kernels return NumPy's."""
    return value.item() if isinstance(value, np.generic) else value


DEFAULT_SIZE = 64

POOL = 2
"""Arenas of results that a thread keeps for later calls: the last results are often still held."""


def _scalar(array: np.ndarray, jit: bool) -> Any:
    """A number for a kernel; without the JIT one of NumPy's, which divides by zero and wraps around
    as compiled code does.
    """
    return array.item() if jit else array[()]
