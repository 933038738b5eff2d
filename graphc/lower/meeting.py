"""Where threads have to wait for each other: memory that one writes and another touches."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.kernel import Place


@dataclass(frozen=True)
class Share:
    """How something is shared: by what extent, in what grain; `one` is thread 0 alone."""

    extent: str
    grain: int = 1


ALL, ONE = Share("all"), Share("one")


@dataclass(frozen=True)
class Pending:
    """Memory touched since the threads last waited for each other."""

    place: Place
    writes: bool
    share: Share
    factor: int | None


def clash(old: Pending, new: Pending) -> bool:
    """Whether a thread may not go on to `new` before all have done with `old`."""
    if not (old.writes or new.writes) or not _overlap(old.place, new.place):
        return False
    if old.share == new.share and old.share.extent in ("one", "all"):
        return False
    same = old.share == new.share and old.place.offset == new.place.offset
    return not (same and old.factor is not None and old.factor == new.factor)


def _overlap(a: Place, b: Place) -> bool:
    apart = a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset
    return a.arena == b.arena and not a.own and not b.own and not apart
