"""Looking at a program: its plan, source and machine code, a trace, everything in a folder.

What shows something is imported when it is looked at, so that a process that only runs programs
begins sooner.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from graphc.errors import UsageError
from graphc.joint import Fired, Joint
from graphc.runtime.arena import State
from graphc.runtime.feeds import Door

if TYPE_CHECKING:
    from graphc.emit.module import Emitted
    from graphc.plan.plan import Plan
    from graphc.runtime.profile import Profile, Profiled
    from graphc.runtime.special import Special
    from graphc.tracing import Trace


class Passed(Protocol):
    """What the passes over the graph left."""

    @property
    def joint(self) -> Joint:
        """The graph that was planned."""

    @property
    def after(self) -> Mapping[str, Joint]:
        """The graph as each pass left it, by the pass's name."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """What each pass took."""


class Maker(Protocol):
    """What makes the specialisations of a program, and knows how they came about."""

    @property
    def form(self) -> str:
        """The form of the code: "fast" or "plain"."""

    @property
    def done(self) -> Passed:
        """The passes, which run now where the cache spared them."""

    def __call__(self, sizes: Mapping[str, int], before: Special | None) -> Special:
        """The specialisation for these sizes, after an older one if there is one."""

    def woven(self, special: Special) -> Emitted:
        """The module with the user's files and lines."""

    def timed(self, special: Special) -> Special:
        """The same specialisation with the clock read between its statements."""


class Looks:
    """What can be seen of a program, which itself says what its latest specialisation is."""

    door: Door
    maker: Maker
    _state: State
    _main: str

    @property
    def _latest(self) -> Special:
        raise NotImplementedError

    @property
    def after(self) -> Mapping[str, Joint]:
        """The graph as each pass left it, by the pass's name."""
        return self.maker.done.after

    @property
    def fired(self) -> tuple[Fired, ...]:
        """What was rewritten, in order."""
        return self.maker.done.joint.fired

    @property
    def plan(self) -> Plan:
        """The plan of the latest specialisation; prints itself."""
        return self._latest.plan

    @property
    def path(self) -> str:
        """The file of the module that runs."""
        return str(self._latest.loaded.path)

    @property
    def params(self) -> State:
        """Parameters and state by name: live views; assigning copies in."""
        return self._state

    @property
    def seed(self) -> int:
        """What random numbers begin with; setting it also begins with the first call again.

        Raises UsageError where nothing is drawn, or for what is no whole number.
        """
        return self._state.seed

    @seed.setter
    def seed(self, number: int) -> None:
        self._state.seed = number

    def source(self, part: str | None = None, lines: bool = False) -> str:
        """The emitted module, or one function of it: "forward", "backward", "forward_backward",
        "step"; with `lines` the user's files and lines are woven in.
        """
        special = self._latest
        if part is None:
            return self.maker.woven(special).text if lines else special.loaded.text
        spans = special.layout.spans
        if part not in spans:
            raise UsageError(f"there is no part {part!r}; there are {', '.join(map(repr, spans))}")
        begin, end = spans[part]
        return special.loaded.text[begin:end] + "\n"

    def trace(self, feeds: Mapping[str, Any] | None = None, /, **named: Any) -> Trace:
        """Every stage with these inputs: value, upstream gradient, local gradients."""
        from graphc.tracing import trace

        arrays = self.door.arrays({**(feeds or {}), **named})
        joint = self.after.get("differentiate") or self.after["take"]
        return trace(joint, {**self._state, **arrays})

    def profile(
        self, feeds: Mapping[str, Any] | None = None, /, *, repeats: int | None = None, **named: Any
    ) -> Profile:
        """Where the time of a call with these inputs goes, stage by stage, over `repeats` calls (as
        many as fit into 0.2 s unless told); params and state are as before when it is done.

        Its rows have time, operations, bytes and the share of the machine's limit that is reached.
        The first profile compiles the kernel with the clock in it, and measures the machine.
        Raises what a call raises, and UsageError for a number of repeats below 1.
        """
        from graphc.runtime.profile import profiled

        return profiled(cast("Profiled", self), {**(feeds or {}), **named}, repeats)

    def report(self) -> str:
        """What the compiler did, on one page: kernels, products, memory, rewrites, the module."""
        from graphc.runtime.report import report

        return report(self._latest, self.fired, self.maker.done.seconds, self.maker.form)

    def dump(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write everything there is to see into a folder; the paths.

        The graph after each pass, the plan, the source alone and with the user's lines, and LLVM
        and machine code of the functions that have been compiled.
        """
        from graphc.runtime.dump import written

        special = self._latest
        known = [special.layout.entries[n] for n in special.entries if special.jit]
        compiled = {entry.kernel: (entry.name, entry.signature) for entry in known}
        woven = self.maker.woven(special).text
        return written(folder, self.after, special.plan, special.loaded, woven, compiled)

    def __str__(self) -> str:
        layout = self._latest.layout
        return f"program {layout.title}: {', '.join(layout.results)}\n{self.path}"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}\n\n{escape(str(self.plan))}</pre>"

    def llvm(self, part: str | None = None) -> str:
        """The optimised LLVM code of a function."""
        entry = self._latest.layout.entries[part or self._main]
        return self._latest.loaded.llvm(entry.name, entry.signature)

    def asm(self, part: str | None = None) -> str:
        """The machine's assembly of a function."""
        entry = self._latest.layout.entries[part or self._main]
        return self._latest.loaded.asm(entry.name, entry.signature)
