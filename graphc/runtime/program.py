"""A compiled program: what a user calls, over the specialisations that its sizes need.

Specialisations are made when data of new sizes come, functions when they are first called. The
workspace belongs to the
calling thread; parameters live in State, which several programs may share.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.emit.module import Emitted
from graphc.errors import GraphError, UsageError
from graphc.graph import CONST, EMPTY
from graphc.joint import Fired, Joint
from graphc.plan.plan import Part, Plan
from graphc.runtime.arena import State, block, view
from graphc.runtime.feeds import Door
from graphc.runtime.finite import Guard
from graphc.runtime.load import Loaded
from graphc.runtime.look import Looks
from graphc.runtime.sentences import Row, compiled_again, out_of_range
from graphc.runtime.straight import straight
from graphc.types import bind_shape


@dataclass
class Special:
    """One specialisation: a plan for these sizes, its module, and entry points as they are
    compiled.
    """

    plan: Plan
    emitted: Emitted
    loaded: Loaded
    jit: bool
    data: np.ndarray
    entries: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def entry(self, name: str) -> Callable[..., Any]:
        """The compiled function of that name, or the plain one."""
        if name not in self.entries:
            door = self.emitted.doors[name]
            self.entries[name] = (
                self.loaded.function(door.name, door.signature)
                if self.jit
                else _quiet(self.loaded.plain(door.name))
            )
        return self.entries[name]

    def fits(self, sizes: Mapping[str, int]) -> bool:
        """Whether data of these sizes run without compiling: fixed sizes equal, the others within
        capacity.
        """
        bound = self.plan.sizes.bound
        return all(
            n <= bound[name] if name in self.plan.sizes.running else n == bound[name]
            for name, n in sizes.items()
        )


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)

    return run


@dataclass(frozen=True)
class Shape:
    """What a program gives back: outputs in order (alone for a single one), gradients by name."""

    outputs: tuple[str, ...]
    gradients: tuple[str, ...]
    single: bool


class Program(Looks):
    """A compiled graph: `program(x=...)` runs it; `.source()`, `.plan`, `.path` show what runs."""

    def __init__(
        self,
        shape: Shape,
        door: Door,
        state: State,
        specialise: Callable[[Mapping[str, int], Special | None], Special],
        main: str,
    ) -> None:
        self._shape, self.door, self._state, self._specialise, self._main = (
            shape,
            door,
            state,
            specialise,
            main,
        )
        self._specials: list[Special] = []
        self._local = threading.local()
        self._lock = threading.RLock()
        self._fast: Callable[..., Any] | None = None
        self.guard: Guard | None = None
        self.after: Mapping[str, Joint] = {}
        self.fired: tuple[Fired, ...] = ()
        self.weave: Callable[[Plan], Emitted] | None = None
        self.say: Callable[[str], None] | None = None

    # Calling

    def __call__(self, feeds: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """Run it: inputs by keyword, or all in one mapping.

        Gives the output, or the outputs in a list; with `wrt` also a dict of gradients: (value,
        gradients).
        Raises FeedError, DTypeError, ShapeError for what is fed, LabelError for an index out of
        range.
        """
        fast = self._fast
        if fast is not None and feeds is None and (answer := fast(named)) is not None:
            return answer
        return self._packed(self._run(self._main, self._merged(feeds, named)))

    def forward(self, feeds: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """The forward sweep alone; its tape is this thread's until its next forward."""
        self._local.tape = None  # a sweep that fails has written over it
        values = self._run("forward", self._merged(feeds, named), tape=True)
        return self._outputs(values)

    def backward(self, upstream: float = 1.0) -> dict[str, Any]:
        """The backward sweep over this thread's last forward, scaled by the upstream gradient; may
        be repeated.
        """
        if "backward" not in self._parts:
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

    def _run(self, part: str, feeds: Mapping[str, Any], tape: bool = False) -> list[Any]:
        arrays = self.door.arrays(feeds)
        sizes = self.door.sizes(arrays)
        special = self.special(sizes)
        values = self.call(special, part, arrays, sizes)
        if tape:
            self._local.tape = special, arrays, sizes
        return values

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
        values = self._results(special, special.plan.parts[part], returned, out, sizes)
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
        returned = entry(*(made[p.name] for p in special.emitted.doors[part].params))
        self._check(special, made, row)
        return returned, made.get("out")

    def _arguments(
        self, special: Special, arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int]
    ) -> dict[str, Any]:
        """Every argument that a kernel of this specialisation may take, by its name there."""
        plan = special.plan
        made: dict[str, Any] = {special.emitted.sizes.get(n, n): v for n, v in sizes.items()}
        for node, ident in special.emitted.inputs.items():
            array = arrays[node.name or ""]
            made[ident] = array if node.shape else _scalar(array, special.jit)
        made["state"], made["data"] = self._state.bytes, special.data
        made["work"] = self.workspace(special)
        if plan.feed:
            made["feed"] = self._feed(plan, arrays)
        if plan.out_bytes:
            made["out"] = block(plan.out_bytes)
        return made

    def _feed(self, plan: Plan, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        feed = block(plan.feed_bytes)
        for node, slot in plan.feed.items():
            if (node.name or "") in arrays:
                array = arrays[node.name or ""]
                view(feed, slot.offset, array.dtype, array.shape)[...] = array
        return feed

    def workspace(self, special: Special) -> np.ndarray:
        """This thread's work arena for a specialisation."""
        owned = self._local.__dict__.setdefault("work", {})
        if id(special) not in owned:
            owned[id(special)] = block(special.plan.work_bytes)
        return owned[id(special)]

    def _check(self, special: Special, made: Mapping[str, Any], row: Row | None) -> None:
        """Raise LabelError when a kernel has left because an index was out of range."""
        fault = made["work"][:24].view(np.int64)
        if not fault[0]:
            return
        number, position, value = (int(f) for f in fault)
        fault[:] = 0
        node = next(n for n, k in special.plan.checks.items() if k == number)
        raise out_of_range(node, position, value, special.plan, row)

    def _results(
        self, special: Special, part: Part, returned: Any, out: Any, sizes: Mapping[str, int]
    ) -> list[Any]:
        in_registers = [r for r in part.results if r.returned]
        scalars = iter(
            () if not in_registers else (returned,) if len(in_registers) == 1 else returned
        )
        bound_sizes = {**special.plan.sizes.bound, **sizes}
        values = []
        for r in part.results:
            if r.returned:
                values.append(_number(next(scalars)))
                continue
            arena = out if r.slot.arena == "out" else self.workspace(special)
            array = view(
                arena, r.slot.offset, r.node.type.numpy, bind_shape(r.node.shape, bound_sizes)
            )
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
            made = self._specialise(sizes, self._specials[0] if self._specials else None)
            self._specials.insert(0, made)
        if used:
            compiled_again(used[0].plan.sizes, sizes, made.plan.sizes)
        self._hurry(made)
        return made

    def _hurry(self, special: Special) -> None:
        """Scalars in, scalars out: calls may go straight to the compiled function."""
        plan = special.plan
        part = plan.parts[self._main]
        plain = not plan.sizes.names and not plan.feed and not plan.checks and not plan.out_bytes
        plain = plain and self.guard is None
        door = special.emitted.doors[self._main]
        order = [p.name for p in door.params]
        idents = {special.emitted.inputs[n]: n for n in part.inputs}
        if plain and special.jit and order and all(p.kind == "scalar" for p in door.params):
            floats = all(p.dtype in ("f64", "f32") for p in door.params)
            if floats and [idents[o].name for o in order] == self.door.read:
                self._fast = straight(
                    special.entry(self._main), self.door.read, len(self._shape.outputs),
                    self._shape.single,
                    self._shape.gradients,
                )  # fmt: skip

    @property
    def _parts(self) -> Mapping[str, Part]:
        return self._latest.plan.parts

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


def constants(plan: Plan) -> np.ndarray:
    """The data arena: constants with axes."""
    data = block(plan.data_bytes)
    for node, slot in plan.data.items():
        assert node.op is CONST
        view(data, slot.offset, node.value.dtype, node.value.shape)[...] = node.value
    return data


__all__ = ["GraphError", "Program", "Shape", "Special", "constants"]


def _scalar(array: np.ndarray, jit: bool) -> Any:
    """A number for a kernel; without the JIT one of NumPy's, which divides by zero and wraps around
    as compiled code does.
    """
    return array.item() if jit else array[()]
