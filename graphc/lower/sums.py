"""Sums over the rows that threads share: buffers are cleared when they are first needed, and what
the threads have of a sum is added up when they wait for each other anyway.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from graphc.expr import Name
from graphc.kernel import Loop, Place, Run, Stmt
from graphc.lower.edits import ZERO
from graphc.lower.meeting import Pending, Share
from graphc.lower.touch import Touch, apart, touches


@dataclass
class Sums:
    """What a team has still to do for its sums: `fills` clear whole buffers, `due` add up what the
    threads have, each by buffer.
    """

    places: Mapping[str, Place]
    fills: dict[str, Run] = field(default_factory=dict)
    due: dict[str, Run] = field(default_factory=dict)

    def holds(self, stmt: Run) -> bool:
        """Take a line that clears a buffer, to be written later; False for any other line."""
        target = stmt.call.args[0] if stmt.call.function == "fill" else None
        place = self.places.get(target.text) if isinstance(target, Name) else None
        if place is None or place.own:
            return False
        assert isinstance(target, Name)
        self.fills[target.text] = stmt
        return True

    def of_loop(self, stmt: Loop, capacity: Mapping[str, int]) -> list[str] | None:
        """The buffers that a loop adds rows up in; None where its turns depend on each other."""
        if stmt.lo != ZERO:
            return None
        by_place: dict[tuple[str, int], list[Touch]] = {}
        for touch in touches(stmt, capacity):
            place = self.places.get(touch.buffer)
            if place is not None and not place.own:
                by_place.setdefault((place.arena, place.offset), []).append(touch)
        sums = []
        for found in by_place.values():
            if not any(t.writes for t in found):
                continue
            factors = {t.factor(stmt.index) for t in found}
            if factors == {0} and all(t.adds for t in found) and found[0].buffer in self.fills:
                sums.append(found[0].buffer)
            elif len(factors) > 1 or factors & {None, 0} or not apart(found, stmt):
                return None
        return sums

    def cleared_for(self, stmt: Stmt, but: Container[str] = ()) -> list[Run]:
        """The lines that clear what a statement touches, which are to be written now."""
        names = dict.fromkeys(t.buffer for t in touches(stmt) if t.buffer not in but)
        return [self.fills.pop(name) for name in names if name in self.fills]

    def are_due(self, touched: Iterable[Pending]) -> bool:
        """Whether something is touched that has not been added up yet."""
        due = {(self.places[name].arena, self.places[name].offset) for name in self.due}
        return any((t.place.arena, t.place.offset) in due for t in touched)

    def added_up(self) -> Iterator[tuple[Pending, Run]]:
        """The lines that add up what is due, and what they touch; every thread has a part."""
        for name, line in self.due.items():
            yield Pending(self.places[name], True, Share("sums"), None), line
        self.due.clear()
