"""The table of operators: a row is a function whose signature reads as the operator's schema does.

    @row("Concat")
    def concat(*xs: Node, axis: int) -> Node: ...

Positional arguments are the inputs, None where one is left out; those annotated `Known` come as
arrays, for what must be known before data comes (a shape, axes, pads). Keyword arguments are the
attributes, with ONNX's defaults; an attribute that a row does not list is refused. An older
version's attribute that has since become an input is handed over as that input. Three keywords
are no attributes: `opset` is the version, `results` how many results are wanted, and `scope`
what stands around the operator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import Parameter, signature
from typing import Any

import numpy as np

from graphc.errors import DataError
from graphc.io.onnx.refusals import Unsupported
from graphc.node import FUNCTIONS
from graphc.types import Dim, Size

Known = np.ndarray
"""The annotation of an input that must be known before data comes."""

MAIN, TRAINING = "", "ai.onnx.preview.training"

SPECIAL = frozenset(("opset", "results", "scope"))

RECORDED = frozenset(("seed",))
"""Attributes that change nothing which graphc promises."""


@dataclass(frozen=True)
class Row:
    """One operator: the function that builds its stages."""

    name: str
    function: Callable[..., Any]

    @cached_property
    def inputs(self) -> tuple[Parameter, ...]:
        """What stands for the inputs; the last one may take all that are left."""
        return tuple(p for p in self._parameters if p.kind is not p.KEYWORD_ONLY)

    @cached_property
    def options(self) -> frozenset[str]:
        """The attributes, and which of the special keywords it takes."""
        return frozenset(p.name for p in self._parameters if p.kind is p.KEYWORD_ONLY)

    @cached_property
    def _parameters(self) -> Sequence[Parameter]:
        return list(signature(self.function).parameters.values())

    def parameter(self, slot: int) -> Parameter:
        """What stands for the input in a slot; raises DataError where there are too many."""
        if slot < len(self.inputs):
            return self.inputs[slot]
        if self.inputs and self.inputs[-1].kind is Parameter.VAR_POSITIONAL:
            return self.inputs[-1]
        raise DataError(f"{slot + 1} inputs are too many")

    def complete(self, args: Sequence[Any], attributes: Mapping[str, Any]) -> list[Any]:
        """The inputs, with those that an older version gives as attributes."""
        older = {i: p.name for i, p in enumerate(self.inputs) if p.name in attributes}
        found = [*args, *[None] * (max(older, default=-1) + 1 - len(args))]
        return [_as_input(attributes[older[i]]) if i in older else a for i, a in enumerate(found)]

    def check(self, args: Sequence[Any]) -> None:
        """Raise DataError where an input is left out that has no default."""
        behind = len(self.inputs) - 1
        for slot, p in enumerate(self.inputs):
            several = p.kind is p.VAR_POSITIONAL
            found = args[behind:] if several else args[slot : slot + 1] or [None]
            needed = p.default is p.empty and not takes_any(p)
            if needed and any(x is None for x in found):
                raise DataError(f"its input {p.name!r} is left out")

    def keywords(self, attributes: Mapping[str, Any], special: Mapping[str, Any]) -> dict[str, Any]:
        """The keywords of a call; raises Unsupported for an attribute that the row lacks, DataError
        for one that is left out or of another kind.
        """
        names = {p.name for p in self.inputs} | RECORDED
        for name in attributes:
            if name in SPECIAL or name not in self.options | names:
                raise Unsupported(f"the attribute {name!r} is not supported")
        given = {**attributes, **special}
        for p in self._parameters:
            if p.kind is p.KEYWORD_ONLY:
                _check_attribute(p, given)
        return {name: value for name, value in given.items() if name in self.options}


KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "int": ("an integer", lambda v: isinstance(v, int)),
    "float": ("a number", lambda v: isinstance(v, (int, float))),
    "str": ("a text", lambda v: isinstance(v, str)),
    "Sequence[int]": ("a list of integers", lambda v: _all_are(v, int)),
    "Sequence[float]": ("a list of numbers", lambda v: _all_are(v, (int, float))),
    "Sequence[str]": ("a list of texts", lambda v: _all_are(v, str)),
    "np.ndarray": ("a tensor", lambda v: isinstance(v, np.ndarray)),
}
"""What an attribute's annotation says that it is."""


def _all_are(value: Any, kind: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(v, kind) for v in value)


def _check_attribute(p: Parameter, given: Mapping[str, Any]) -> None:
    if p.name not in given:
        if p.default is p.empty:
            raise DataError(f"its attribute {p.name!r} is left out")
        return
    kind = KINDS.get(str(p.annotation).removesuffix(" | None"))
    if kind is not None and not kind[1](given[p.name]):
        raise DataError(f"its attribute {p.name!r} is not {kind[0]}")


def _as_input(value: Any) -> np.ndarray:
    """An attribute as the input that it became: integers are i64, floats f32."""
    found = np.asarray(value)
    return found.astype(np.float32) if found.dtype.kind == "f" else found.astype(np.int64)


def takes_known(parameter: Parameter) -> bool:
    """Whether an input must be known before data comes."""
    return str(parameter.annotation).startswith("Known")


def takes_any(parameter: Parameter) -> bool:
    """Whether an input is handed over as it is: a list, a known array or a stage."""
    return str(parameter.annotation).startswith("Any")


ROWS: dict[tuple[str, str], Row] = {}
"""Every operator by domain and name."""


def row(*names: str, domain: str = MAIN) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function in ROWS under the names of the operators that it stands for."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            ROWS[domain, name] = Row(name, function)
        return function

    return enter


def unary(names: Mapping[str, str]) -> None:
    """Enter operators that are one function of graphc's each, of one argument."""
    for operator, name in names.items():
        row(operator)(_of_one(name))


def _of_one(name: str) -> Callable[[Any], Any]:
    return lambda x: FUNCTIONS[name](x)


# What many rows need


def integers(known: Any) -> tuple[int, ...]:
    """The integers of a known vector or scalar."""
    return literal(np.ravel(known).tolist(), "this input")


def dims(known: Any) -> tuple[Dim, ...]:
    """The sizes of a known vector, some of which may be named."""
    return tuple(n if isinstance(n, Size) else int(n) for n in np.ravel(known))


def number(known: Any, default: float) -> float:
    """The one number of a known array, or the default for one that is left out."""
    return default if known is None else float(np.ravel(known)[0])


def axes_or_none(known: Any) -> tuple[int, ...] | None:
    """Axes, or None where they are left out or none is listed."""
    return integers(known) or None if known is not None else None


def literal(shape: Iterable[Dim], what: str) -> tuple[int, ...]:
    """A shape in integers; raises Unsupported where a size is named."""
    found = tuple(shape)
    for n in found:
        if isinstance(n, Size):
            raise Unsupported(f"{what} needs literal sizes, but one is named {n}")
    return tuple(map(int, found))  # type: ignore[arg-type]
