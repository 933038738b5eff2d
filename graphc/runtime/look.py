"""Looking at a program: its plan, source and machine code, a trace, everything in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from graphc.emit.module import Emitted
from graphc.errors import UsageError
from graphc.graph import EMPTY
from graphc.joint import Fired, Joint
from graphc.plan.plan import Plan
from graphc.runtime.arena import State
from graphc.runtime.dump import written
from graphc.runtime.feeds import Door
from graphc.runtime.profile import Profile, profiled
from graphc.runtime.report import report
from graphc.trace import Trace, trace

if TYPE_CHECKING:
    from graphc.runtime.program import Program, Special


class Looks:
    """What can be seen of a program, which itself says what its latest specialisation is.

    `after` has the graph as each pass left it, by the pass's name; `fired` what was rewritten;
    `timed` gives a specialisation with the clock read between its statements; `seconds` what each
    pass took.
    """

    door: Door
    after: Mapping[str, Joint]
    fired: tuple[Fired, ...]
    weave: Callable[[Plan], Emitted] | None
    timed: Callable[[Special], Special]
    seconds: Mapping[str, float] = EMPTY
    form: str = ""
    _state: State
    _main: str

    @property
    def _latest(self) -> Special:
        raise NotImplementedError

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

    def source(self, part: str | None = None, lines: bool = False) -> str:
        """The emitted module, or one function of it: "forward", "backward", "forward_backward",
        "step"; with `lines` the user's files and lines are woven in.
        """
        emitted = self._woven() if lines else self._latest.emitted
        if part is None:
            return emitted.text
        if part not in emitted.parts:
            raise UsageError(
                f"there is no part {part!r}; there are {', '.join(map(repr, emitted.parts))}"
            )
        return emitted.parts[part] + "\n"

    def _woven(self) -> Emitted:
        assert self.weave is not None, "assemble gives every program its weaver"
        return self.weave(self.plan)

    def trace(self, feeds: Mapping[str, Any] | None = None, /, **named: Any) -> Trace:
        """Every stage with these inputs: value, upstream gradient, local gradients."""
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
        return profiled(cast("Program", self), {**(feeds or {}), **named}, repeats)

    def report(self) -> str:
        """What the compiler did, on one page: kernels, products, memory, rewrites, the module."""
        return report(self._latest, self.fired, self.seconds, self.form)

    def dump(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write everything there is to see into a folder; the paths.

        The graph after each pass, the plan, the source alone and with the user's lines, and LLVM
        and machine code of the functions that have been compiled.
        """
        special = self._latest
        doors = special.emitted.doors
        compiled = {n: (doors[n].name, doors[n].signature) for n in special.entries if special.jit}
        woven = self._woven().text
        return written(folder, self.after, special.plan, special.loaded, woven, compiled)

    def __str__(self) -> str:
        parts = ", ".join(self._latest.plan.parts)
        return f"program {self._latest.plan.title}: {parts}\n{self.path}"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}\n\n{escape(str(self.plan))}</pre>"

    def llvm(self, part: str | None = None) -> str:
        """The optimised LLVM code of a function."""
        door = self._latest.emitted.doors[part or self._main]
        return self._latest.loaded.llvm(door.name, door.signature)

    def asm(self, part: str | None = None) -> str:
        """The machine's assembly of a function."""
        door = self._latest.emitted.doors[part or self._main]
        return self._latest.loaded.asm(door.name, door.signature)
