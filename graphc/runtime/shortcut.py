"""A specialisation that has answered a call in, a short way for the next such calls out.

Whatever the short way does not take goes the careful way, which answers it or raises what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from graphc.runtime.desk import Kernel, run_of
from graphc.runtime.feeds import Door
from graphc.runtime.quick import Careful, Way, call_by, lend
from graphc.runtime.reading import Key, Reading, Run, reading, way
from graphc.runtime.special import Shape, Special
from graphc.runtime.straight import straight


class Shortcut:
    """The short way of all that a program answers for: itself, and a step that is called through
    it; under the lock, if there is one. `direct` is that way for arrays from the door, and gives
    None where there is none.
    """

    def __init__(self, door: Door, shape: Shape, careful: Careful) -> None:
        self.door, self.shape, self.careful = door, shape, careful
        self.owners: list[Any] = []
        self.lock: AbstractContextManager[Any] | None = None
        self.direct: Callable[..., Any] = _nothing
        self._reading: Reading | None = None
        self._runs: dict[Key, Run] = {}

    def open(self, special: Special, kernel: Callable[[], Kernel]) -> None:
        """Calls of these sizes come to this specialisation from now on, where that can be."""
        if not special.tried and self.door.declared:
            special.tried = True
            self._find(special, kernel())
        if special.run is not None and self._reading is not None:
            self._runs[self._reading.key(special.layout.sizes.bound)] = special.run

    def _find(self, special: Special, kernel: Kernel) -> None:
        if kernel.takes_scalars:
            self._go(self._straight(kernel))
            return
        running = special.layout.sizes.running
        found = self._reading or reading(self.door.declared, self.door.read, running)
        if found is None:
            return
        special.run = run_of(kernel, found, self.shape, self.lock)
        if special.run is not None and self._reading is None:
            self._reading = found
            self._go(way(found, self._runs, self.door.needs))

    def _straight(self, kernel: Kernel) -> Way:
        names = {ident: name for name, ident in kernel.layout.inputs.items()}
        arguments = [names[ident] for ident in kernel.arguments]
        return straight(kernel.entry, self.door.declared, arguments, self.shape)

    def _go(self, found: Way) -> None:
        declared = list(self.door.declared)
        self.direct = call_by(found, declared, _nothing)
        for owner in self.owners:
            lend(owner, call_by(found, declared, self.careful))


def _nothing(*_: Any, **named: Any) -> None:
    """No answer."""
