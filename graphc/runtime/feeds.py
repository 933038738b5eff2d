"""Checks at the door: what a call feeds becomes contiguous arrays of the declared types, or one
sentence says why not.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

import numpy as np

from graphc.errors import DTypeError, FeedError, ShapeError
from graphc.graph import Node
from graphc.place import caller
from graphc.types import Size, bind, bind_shape, shape_text


class Door:
    """The inputs of a program: those declared, those read, and how an array of the user's becomes
    one of ours; sizes that slices need to be 0 or more, and `sliced`, which finds such a slice.
    """

    def __init__(
        self,
        declared: Mapping[str, Node],
        read: list[str],
        held: Mapping[str, Any],
        needs: Sequence[Size] = (),
        sliced: Callable[[Size], Node] | None = None,
    ) -> None:
        self.declared = declared
        self.needs = needs
        self.sliced = sliced
        self.read = read
        self.held = held
        self.said: set[str] = set()

    def arrays(self, feeds: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The inputs that are read, checked, cast and contiguous; raises FeedError, DTypeError or
        ShapeError.
        """
        self._check_names(feeds)
        return {name: self._array(self.declared[name], name, feeds[name]) for name in self.read}

    def sizes(self, arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
        """The named sizes that the arrays have; raises ShapeError where two disagree or a slice
        would not fit.
        """
        sizes = bound(self.declared, arrays)
        for dim in self.needs:
            if bind(dim, sizes) < 0:
                raise self._beyond(dim, sizes)
        return sizes

    def _beyond(self, dim: Size, sizes: Mapping[str, int]) -> ShapeError:
        """A slice does not fit; which one, only now is looked for."""
        assert self.sliced is not None, "who has needs knows whose they are"
        node = self.sliced(dim)
        told = ", ".join(f"{name} = {sizes[name]}" for name in dim.names)
        shape = shape_text(node.args[0].shape)
        sentence = f"the slice reaches beyond its argument of shape {shape} where {told}"
        return ShapeError(sentence, subject=node.label, code="G306")

    def _check_names(self, feeds: Mapping[str, Any]) -> None:
        unknown = [name for name in feeds if name not in self.declared]
        if unknown:
            raise self._unknown(str(unknown[0]))
        missing = [name for name in self.read if name not in feeds]
        if missing:
            wanted = ", ".join(f"{n!r} {self.declared[n].type}" for n in missing)
            raise FeedError(
                f"missing feed for {wanted}", code="G302", hint=f"call it with {missing[0]}=..."
            )

    def _unknown(self, name: str) -> FeedError:
        if name in self.held:
            return FeedError(
                f"{name!r} is a parameter, not an input",
                hint=f"set it once: program.params[{name!r}] = array",
            )
        close = get_close_matches(name, list(self.declared), 1)
        inputs = ", ".join(map(repr, self.declared)) or "none"
        return FeedError(
            f"unknown input {name!r}; the inputs are {inputs}",
            hint=f"did you mean {close[0]!r}?" if close else "",
        )

    def _array(self, node: Node, name: str, value: Any) -> np.ndarray:
        array, shape = self._cast(node, name, value), node.shape
        if array.ndim != len(shape) or any(
            isinstance(d, int) and d != n for d, n in zip(shape, array.shape, strict=True)
        ):
            declared, fed = shape_text(shape), shape_text(array.shape)
            raise ShapeError(
                f"input {name!r} is declared {declared} but was fed an array of shape {fed}",
                subject=_at(node), code="G304",
            )  # fmt: skip
        return np.ascontiguousarray(array) if array.ndim else array

    def _cast(self, node: Node, name: str, value: Any) -> np.ndarray:
        wanted = node.type.numpy
        if isinstance(value, np.ndarray) and value.dtype == wanted:
            return value
        try:
            array = np.asarray(_weak(value, wanted))
        except ValueError:
            raise DTypeError(
                f"input {name!r} was fed what is not a regular array of numbers", code="G203"
            ) from None
        if array.dtype == wanted:
            return array
        if not _may_cast(array, wanted):
            fed = f"{array.dtype} of shape {shape_text(array.shape)}"
            raise DTypeError(
                f"input {name!r} is {wanted} but was fed {fed}", code="G203",
                hint=f"feed x.astype(np.{wanted})",
            )  # fmt: skip
        return self._converted(name, array, wanted, isinstance(value, (np.ndarray, np.generic)))

    def _converted(
        self, name: str, array: np.ndarray, wanted: np.dtype[Any], strong: bool
    ) -> np.ndarray:
        cast = array.astype(wanted)
        if wanted.kind in "iu" and not (cast == array).all():
            raise DTypeError(
                f"input {name!r} is {wanted}, which cannot hold every value that was fed",
                code="G203",
            )
        if strong and name not in self.said and array.dtype.kind == "f" and array.ndim:
            self.said.add(name)
            cost = f"each call casts {array.nbytes} bytes"
            told = f"input {name!r} is {wanted} but is fed {array.dtype}: {cost}"
            warnings.warn_explicit(told, UserWarning, *caller())
        return cast


def _weak(value: Any, wanted: np.dtype[Any]) -> Any:
    """The value, or as a float where it is an integer of Python's that no type of NumPy's holds."""
    if type(value) is int and wanted.kind == "f" and value.bit_length() > 63:
        with suppress(OverflowError):
            return float(value)
    return value


def _may_cast(array: np.ndarray, wanted: np.dtype[Any]) -> bool:
    """Same-kind casts, any integers to integers (their values are looked at), empty lists to
    anything.
    """
    both = array.dtype.kind in "iub" and wanted.kind in "iu"
    return both or np.can_cast(array.dtype, wanted, "same_kind") or not array.size


def bound(declared: Mapping[str, Node], arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    """The named sizes that the arrays have; raises ShapeError where two disagree."""
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        for dim, n in zip(declared[name].shape, array.shape, strict=True):
            if isinstance(dim, Size) and len(dim.terms) == 1:
                _bind(sizes, dim, n, name, arrays, declared)
    for name, array in arrays.items():
        if bind_shape(declared[name].shape, sizes) != array.shape:
            raise _conflict(declared, arrays, name)
    return sizes


def _bind(sizes: dict[str, int], dim: Size, n: int, name: str, arrays: Any, declared: Any) -> None:
    ((size, factor),) = dim.terms
    value, rest = divmod(n - dim.const, factor)
    if rest or value < 0 or sizes.setdefault(size, value) != value:
        raise _conflict(declared, arrays, name)


def _conflict(
    declared: Mapping[str, Node], arrays: Mapping[str, np.ndarray], name: str
) -> ShapeError:
    names = {s for d in declared[name].shape if isinstance(d, Size) for s in d.names}
    others = [o for o in arrays if o != name and names & declared[o].type.names()]
    fed = ", ".join(
        f"{o!r} {shape_text(declared[o].shape)} is fed {shape_text(arrays[o].shape)}"
        for o in [*others[:1], name]
    )
    return ShapeError(f"the named sizes disagree: {fed}", code="G305")


def _at(node: Node) -> str:
    return f"input{node.at}"
