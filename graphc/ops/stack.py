"""Core signatures, "(m,k),(k,n)->(m,n)": what an operation does to the last axes of stacks.

The notation is that of NumPy's generalised ufuncs (NEP 20), each size a letter or a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from graphc.errors import ShapeError
from graphc.types import Dim, Type, broadcast, shape_text

Axes = tuple[str, ...]


@dataclass(frozen=True)
class Signature:
    """The names of the core axes of every argument and of every result."""

    args: tuple[Axes, ...]
    results: tuple[Axes, ...]

    @property
    def letters(self) -> tuple[str, ...]:
        """All names, in the order in which they come first."""
        return tuple(dict.fromkeys(name for axes in self.args + self.results for name in axes))

    def sizes(self, shapes: Sequence[Sequence[Dim]]) -> dict[str, Dim]:
        """The size that each name of an argument has; raises ShapeError (G101) where two differ, or
        an argument has too few axes.
        """
        found: dict[str, Dim] = {}
        for axes, shape in zip(self.args, shapes, strict=True):
            if len(shape) < len(axes):
                raise ShapeError(
                    f"{len(axes)} axes or more are wanted, not shape {shape_text(shape)}",
                    code="G101",
                )
            for name, dim in zip(axes, shape[len(shape) - len(axes) :], strict=True):
                if found.setdefault(name, dim) != dim:
                    texts = " and ".join(shape_text(s) for s in shapes)
                    raise ShapeError(
                        f"shapes {texts} do not fit: {name} is {found[name]} and {dim}",
                        code="G101",
                    )
        return found

    def lead(self, shapes: Sequence[Sequence[Dim]]) -> tuple[Dim, ...]:
        """The shape of the stack: the leading axes of all arguments, broadcast."""
        pairs = zip(self.args, shapes, strict=True)
        return broadcast(*(tuple(shape[: len(shape) - len(axes)]) for axes, shape in pairs))

    def types(self, args: Sequence[Type], *dtypes: str) -> tuple[Type, ...]:
        """The types of the results, whose element types are `dtypes`; raises ShapeError."""
        shapes = [a.shape for a in args]
        sizes, lead = self.sizes(shapes), self.lead(shapes)
        pairs = zip(self.results, dtypes, strict=True)
        return tuple(Type(d, (*lead, *(sizes[n] for n in axes))) for axes, d in pairs)


@cache
def signature(core: str) -> Signature:
    """The signature that a text says."""
    args, results = core.replace(" ", "").split("->")
    return Signature(_axes(args), _axes(results))


def _axes(text: str) -> tuple[Axes, ...]:
    return tuple(tuple(filter(None, part.split(","))) for part in text[1:-1].split("),("))
