"""The lines of a kernel with remarks where a sweep begins, and one line for names of one value."""

from __future__ import annotations

from graphc.expr import Name
from graphc.kernel import Let, Remark, Stmt

SECTIONS = {"backward": "backward sweep, last stage first", "update": "update"}


def sectioned(lines: list[Stmt]) -> list[Stmt]:
    """The lines with a remark before those that only carry gradients back, and before those that
    only update.
    """
    found = [d if "update" not in (d := directions(line)) else {"update"} for line in lines]
    cuts = {}
    for direction, earlier in (("backward", {"forward"}), ("update", {"forward", "backward"})):
        last = max((i for i, d in enumerate(found) if d & earlier), default=-1)
        if any(direction in d for d in found[last + 1 :]) and last >= 0:
            cuts[last + 1] = SECTIONS[direction]
    written: list[Stmt] = [Remark("forward sweep")] if cuts else []
    for i, line in enumerate(lines):
        written += [Remark(), Remark(cuts[i])] if i in cuts else []
        written.append(line)
    return written


def directions(line: Stmt) -> set[str]:
    """The sweeps that a statement belongs to."""
    inner = {d for s in getattr(line, "body", ()) for d in directions(s)}
    tag = getattr(line, "tag", None)
    return inner | ({tag.direction} if tag else set())


def merged(lines: list[Stmt]) -> list[Stmt]:
    """Neighbouring lines that give one value several names become one: `d_x = d_y = d_s`."""
    found: list[Stmt] = []
    for line in lines:
        last = found[-1] if found else None
        if isinstance(line, Let) and isinstance(last, Let) and _joinable(last, line):
            found[-1] = Let(last.names + line.names, last.expr, last.tag)
        else:
            found.append(line)
    return found


def _joinable(last: Let, line: Let) -> bool:
    return last.expr == line.expr and isinstance(line.expr, Name) and last.tag == line.tag
