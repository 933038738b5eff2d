"""Values in tuples, lists and dicts: laid flat, and put together again in the same form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from graphc.errors import UsageError

Rebuild = Callable[[Sequence[Any]], Any]


def flat(structure: Any) -> tuple[list[Any], Rebuild]:
    """The leaves of a structure in order, and what puts others in their places; None has none."""
    leaves: list[Any] = []
    form = _form(structure, leaves)
    return leaves, lambda values: _filled(form, iter(values))


def paths(structure: Any, name: str) -> list[str]:
    """A name for each leaf: "h" alone, "h.0" in a tuple, "h.cell" in a dict."""
    if structure is None:
        return []
    if isinstance(structure, dict):
        return [p for key, value in structure.items() for p in paths(value, f"{name}.{key}")]
    if isinstance(structure, (tuple, list)):
        return [p for k, value in enumerate(structure) for p in paths(value, f"{name}.{k}")]
    return [name]


def same_form(one: Any, other: Any, what: str) -> None:
    """Raise UsageError unless two structures are nested in the same way."""
    if _form(one, []) != _form(other, []):
        raise UsageError(f"{what} comes out in another structure than it goes in")


def _form(structure: Any, leaves: list[Any]) -> Any:
    if structure is None:
        return None
    if isinstance(structure, dict):
        return dict, {key: _form(value, leaves) for key, value in structure.items()}
    if isinstance(structure, (tuple, list)):
        return type(structure), [_form(value, leaves) for value in structure]
    leaves.append(structure)
    return "leaf"


def _filled(form: Any, values: Iterator[Any]) -> Any:
    if form is None:
        return None
    if form == "leaf":
        return next(values)
    kind, inner = form
    if kind is dict:
        return {key: _filled(each, values) for key, each in inner.items()}
    found = [_filled(each, values) for each in inner]
    return kind(*found) if hasattr(kind, "_fields") else kind(found)
