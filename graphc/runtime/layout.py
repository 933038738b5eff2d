"""What a plan and its module fix, in; all that it takes to call the module, as a record, out.

The runtime reads this and neither the plan nor the emitter, so a program that the cache knows runs
without either: a record goes to JSON and comes back equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphc.init import Init
from graphc.literal import read, write
from graphc.plan.align import aligned
from graphc.plan.sizes import Sizes
from graphc.types import Size, Type, as_dim, parse_type


@dataclass(frozen=True)
class Result:
    """A value that a kernel gives back: `returned`, or lying in an arena at an offset."""

    name: str
    type: Type
    arena: str
    offset: int
    returned: bool


@dataclass(frozen=True)
class Entry:
    """A function that Python may call: its name in the module, its arguments by name, each a
    "size", a "scalar" or an "array", its signature, the kernel behind it; for a team also the
    function that each thread runs, and that one's signature.
    """

    name: str
    arguments: Mapping[str, str]
    signature: str
    kernel: str
    shared: str = ""
    share_signature: str = ""


@dataclass(frozen=True)
class Layout:
    """One specialisation: what each kernel gives back, its sizes, what inputs and sizes are called
    in the module, its functions, the offsets of inputs that are fed in an arena, the bytes of each
    arena and of each thread's `own`, the bytes of a batch of shuffled rows, whether indices are
    checked, and where in the text each function stands.
    """

    title: str
    results: Mapping[str, tuple[Result, ...]]
    sizes: Sizes
    inputs: Mapping[str, str]
    words: Mapping[str, str]
    entries: Mapping[str, Entry]
    feed: Mapping[str, int]
    feed_bytes: int
    out_bytes: int
    shared_bytes: int
    own: int
    panel: int
    checked: bool
    spans: Mapping[str, tuple[int, int]]

    def work_bytes(self, threads: int) -> int:
        """The bytes of a workspace: what all threads share, then each thread's own."""
        return aligned(self.shared_bytes) + threads * self.own

    def to_json(self) -> dict[str, Any]:
        """The record in lists, dicts, numbers and text."""
        results = {
            part: [{**vars(r), "type": str(r.type)} for r in found]
            for part, found in self.results.items()
        }
        sizes = {"bound": dict(self.sizes.bound), "running": sorted(self.sizes.running)}
        entries = {name: vars(entry) for name, entry in self.entries.items()}
        return {**vars(self), "results": results, "sizes": sizes, "entries": entries}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Layout:
        """The record that `to_json` told; anything else raises one of WRONG."""
        results = {
            part: tuple(Result(**{**r, "type": parse_type(r["type"])}) for r in found)
            for part, found in told["results"].items()
        }
        sizes = Sizes(told["sizes"]["bound"], frozenset(told["sizes"]["running"]))
        entries = {name: Entry(**entry) for name, entry in told["entries"].items()}
        spans = {name: (begin, end) for name, (begin, end) in told["spans"].items()}
        return cls(
            **{**told, "results": results, "sizes": sizes, "entries": entries, "spans": spans}
        )


@dataclass(frozen=True)
class Face:
    """What is known of a program before its sizes are: its main kernel, the inputs that are read,
    the sizes that slices need to be 0 or more, those that may come at run time, and the states that
    its updates bring along, with their initial values.
    """

    main: str
    read: tuple[str, ...]
    needs: tuple[Size, ...]
    running: frozenset[str]
    states: Mapping[str, tuple[Type, Init]]

    def to_json(self) -> dict[str, Any]:
        """The record in lists, dicts, numbers and text."""
        states = {n: [str(kind), write(init)] for n, (kind, init) in self.states.items()}
        needs = [str(need) for need in self.needs]
        return {**vars(self), "needs": needs, "running": sorted(self.running), "states": states}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Face:
        """The record that `to_json` told; anything else raises one of WRONG."""
        states = {
            name: (parse_type(kind), _init(init)) for name, (kind, init) in told["states"].items()
        }
        needs: Any = tuple(map(as_dim, told["needs"]))
        return cls(told["main"], tuple(told["read"]), needs, frozenset(told["running"]), states)


def _init(text: str) -> Init:
    found = read(text)
    if not isinstance(found, Init):
        raise ValueError(f"{text!r} says no initial value")
    return found


WRONG = (ValueError, KeyError, TypeError)
"""What reading a record that nobody wrote may raise."""
