"""Any text of a user's in, a new Python identifier that is safe in an emitted module out.

The same texts in the same order give the same identifiers, on every machine and Python. Nothing
but ASCII letters, digits and underscores reaches the code.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from keyword import kwlist, softkwlist

LONGEST = 30
NAMELESS = "stage"

# Listed, not asked for: notebooks and later Pythons add to the module builtins, and the same plan
# has the same bytes.
_WORDS = """
    abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod
    compile complex copyright credits delattr dict dir display divmod enumerate eval exec exit
    filter float format frozenset getattr globals hasattr hash help hex id input int isinstance
    issubclass iter len license list locals map max memoryview min next object oct open ord pow
    print property quit range repr reversed round set setattr slice sorted staticmethod str sum
    super tuple type vars zip
"""
BUILTINS = frozenset(_WORDS.split())
KEYWORDS = frozenset((*kwlist, *softkwlist))

_UNSAFE = re.compile(r"[^A-Za-z0-9]+")


class Names:
    """The identifiers of one module; `reserved` are those that the module uses itself."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._reserved = frozenset(reserved) | BUILTINS | KEYWORDS
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}
        self._roots: dict[str, str] = {}

    def root(self, name: str) -> str:
        """What one of these identifiers was to be called before it got a number: `d_x` of d_x2."""
        while (root := self._roots.get(name, name)) != name:
            name = root
        return name

    def is_reserved(self, name: str) -> bool:
        """Whether the module uses a word itself."""
        return name in self._reserved

    def local(self, more: Iterable[str]) -> Names:
        """Names of a function's own, which may be those of other functions; `more` are reserved."""
        return Names(self._reserved.union(more))

    def fresh(self, wanted: str) -> str:
        """A new identifier like `wanted`: `range_` for a reserved word, `d_x2` for a second d_x."""
        base = identifier(wanted)
        if base in self._reserved:
            base = _fitted(base, "_")
        found, count = base, self._counts.get(base, 1)
        while found in self._taken or found in self._reserved:
            count += 1
            found = _fitted(base, _suffix(base, count))
        self._counts[base] = count
        self._taken.add(found)
        self._roots[found] = identifier(wanted)
        return found


def identifier(wanted: str) -> str:
    """The identifier nearest to `wanted`, of at most 30 characters; it may be a reserved word."""
    words = _UNSAFE.split("".join(map(_ascii, unicodedata.normalize("NFKD", wanted[:200]))))
    lead = "_" if wanted.startswith("_") else ""
    name = lead + "_".join(filter(None, words))
    if name == lead:
        return NAMELESS
    return ("v" + name if name[0].isdigit() else name)[:LONGEST].rstrip("_")


def _ascii(char: str) -> str:
    """ASCII as it is, a letter of another script by its name, an accent as nothing, else a gap."""
    if char.isascii():
        return char
    if unicodedata.combining(char):
        return ""
    name, _, _ = unicodedata.name(char, "").partition(" WITH ")
    word = name.rpartition(" ")[2]
    if " LETTER " not in name or not (word.isascii() and word.isalpha()):
        return " "
    return word.capitalize() if " CAPITAL " in name else word.lower()


def _suffix(base: str, count: int) -> str:
    """The number alone, or apart from a digit before it: the second `x1` is no `x12`."""
    return f"_{count}" if base[-1].isdigit() else str(count)


def _fitted(base: str, suffix: str) -> str:
    return base[: LONGEST - len(suffix)] + suffix
