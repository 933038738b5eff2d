"""Functions of a user's as emitted code calls them: under names of their own, by symbol.

The text of a module says `gates.softabs(x[i])` and nothing of what is behind it. A name never means
two functions in one process; `graphc.runtime.callbacks` gives it an address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from inspect import Parameter, signature
from itertools import count
from keyword import iskeyword
from typing import Any

import numpy as np

from graphc.errors import UsageError
from graphc.ops.stack import Signature
from graphc.place import Place, caller
from graphc.types import product

LONGEST = 30


@dataclass(frozen=True, eq=False)
class Called:
    """A function of the user's, as emitted code calls it.

    name       what it is called there
    whose      how a sentence speaks of it
    function   what the user gave, compiled by Numba or not
    takes      how many arguments it has
    term       which of how many terms of a gradient is wanted; None: its number as it is
    core       what it does to arrays, which it gets in order, those to fill last; None: numbers
    places     where it was first used with these element types
    """

    name: str
    whose: str
    function: Callable[..., Any]
    takes: int
    term: tuple[int, int] | None = None
    core: Signature | None = None
    places: dict[tuple[str, ...], Place] = field(default_factory=dict)

    @property
    def python(self) -> Callable[..., Any]:
        """The function as Python runs it."""
        found: Callable[..., Any] = getattr(self.function, "py_func", self.function)
        return found

    def means(self, other: Called) -> bool:
        """Whether both call one function in one way."""
        return all(getattr(self, f) == getattr(other, f) for f in ("whose", "term", "core")) and (
            self.function is other.function
        )

    def used(self, *dtypes: str) -> None:
        """Note the user's line that first asks for these element types."""
        if dtypes not in self.places:
            self.places[dtypes] = caller()

    def subject(self, dtypes: tuple[str, ...]) -> str:
        """Whose fault it is when it does not compile for these element types."""
        return f"{self.whose} ({self.places[dtypes]})" if dtypes in self.places else self.whose

    def plain(self, *values: Any) -> Any:
        """What a call in emitted code does, without compiling anything."""
        return self._filled(values) if self.core else self._number(values)

    def _number(self, values: Sequence[Any]) -> Any:
        dtype = np.result_type(np.float32, *(np.asarray(v).dtype for v in values))
        found = self.python(*map(dtype.type, values))
        self.check_terms(len(found) if isinstance(found, tuple) else 1)
        number = found[self.term[0]] if self.term and isinstance(found, tuple) else found
        try:
            return dtype.type(number)
        except (TypeError, ValueError):
            raise self.no_number(type(number).__name__) from None

    def check_terms(self, given: int) -> None:
        """Raise UsageError for a gradient of more or fewer terms than there are arguments."""
        if self.term is not None and self.term[1] != given:
            raise UsageError(
                f"it gives {given} terms of a gradient, not {self.term[1]}, one for each argument",
                subject=self.whose,
            )

    def no_number(self, kind: str) -> UsageError:
        """The error about a function that gives something else."""
        return UsageError(f"it gives {kind}, not a number", subject=self.whose)

    def _filled(self, values: Sequence[Any]) -> None:
        """Fill the last arrays, given the sizes of the core and slices from where each begins."""
        assert self.core is not None
        sizes = dict(zip(self.core.letters, values, strict=False))
        axes = self.core.args + self.core.results
        shapes = [tuple(int(sizes[n]) for n in names) for names in axes]
        pairs = zip(values[len(sizes) :], shapes, strict=True)
        self.fill([v[: product(shape)].reshape(shape) for v, shape in pairs])

    def fill(self, arrays: Sequence[np.ndarray]) -> None:
        """Call it with arrays, the last of which it fills; the others may not be written to."""
        assert self.core is not None
        inputs = len(self.core.args)
        views = [a.view() for a in arrays[:inputs]]
        for view in views:
            view.flags.writeable = False
        for result in arrays[inputs:]:
            result[...] = 0
        self.python(*views, *arrays[inputs:])


CALLED: dict[str, Called] = {}
"""The functions by the names that emitted code calls them by; a name never means two of them."""


def named(name: str, whose: str, function: Callable[..., Any], takes: int, **more: Any) -> Called:
    """A function under a name that no other one has had."""
    for own in _names(name):
        found = Called(own, whose, function, takes, **more)
        known = CALLED.setdefault(own, found)
        if known.means(found):
            return known
    raise AssertionError("there are always more names")


def _names(name: str) -> Iterator[str]:
    """Names for emitted code, of ASCII letters, digits and underscores."""
    safe = re.sub(r"[^A-Za-z0-9]+", "_", name[:LONGEST]).strip("_")
    safe = safe if safe.isidentifier() and not iskeyword(safe) else f"gate_{safe}".rstrip("_")
    yield safe
    yield from (f"{safe}_{n}" for n in count(2))


def arity(whose: str, function: Any) -> int:
    """How many arguments a function takes; raises UsageError where that is not a fixed number."""
    python = getattr(function, "py_func", function)
    try:
        found = signature(python).parameters.values()
    except (TypeError, ValueError):
        kind = type(function).__name__
        raise UsageError(f"{whose} is a Python function or one of numba.njit, not {kind}") from None
    if not found or any(p.kind not in _PLACED for p in found):
        raise UsageError(f"{whose} has a fixed number of arguments, one at least, each by position")
    return len(found)


_PLACED = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
