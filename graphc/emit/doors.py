"""The functions that Python calls: they take arrays, and hand pointers to the kernels.

The door of a kernel for a team puts its arguments down for the team's threads, each of which picks
them up and runs the kernel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from graphc.kernel import Param
from graphc.types import DTYPES

TEAM = Param("team", "array", "i64", 1)

RETURNED = {"f32": "f64", "f64": "f64", "bool": "bool", "u64": "u64"}
"""As what a number of a type comes back from a team; others as i64."""


class Called(Protocol):
    """What has a door: a kernel, or a loop over batches around one."""

    @property
    def name(self) -> str:
        """Its name in the module."""

    @property
    def params(self) -> tuple[Param, ...]:
        """Its arguments."""

    @property
    def results(self) -> tuple[str, ...]:
        """The names of what it returns."""


@dataclass(frozen=True)
class Function:
    """A function that Python may call: its name in the module, its arguments, its results, and the
    kernel behind it; for a team also the function that each thread runs, and the team comes last.
    """

    name: str
    params: tuple[Param, ...]
    results: tuple[str, ...]
    kernel: str
    shared: str = ""

    @property
    def signature(self) -> str:
        """Numba's spelling: "(int64, float32[:, ::1])"."""
        params = (*self.params, TEAM) if self.shared else self.params
        return f"({''.join(_numba(p) + ', ' for p in params)})"


SHARED = "(int64, CPointer(int64))"
"""The types of the arguments of what each thread of a team runs."""


def doors(
    called: Iterable[Called], kinds: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Function], list[str]]:
    """The doors by name of what is behind them, and their texts; `kinds` are the types of what is
    returned.
    """
    found: dict[str, Function] = {}
    texts: list[str] = []
    for each in called:
        team = bool(each.params) and each.params[0].name == "me"
        arrays = any(p.kind == "array" for p in each.params)
        name = f"run_{each.name}" if arrays else each.name
        if team:
            shared = f"share_{each.name}"
            texts += [
                _shared(shared, each),
                _sending(name, each, kinds[each.name]),
            ]
            found[each.name] = Function(name, each.params[2:], each.results, each.name, shared)
            continue
        found[each.name] = Function(name, each.params, each.results, each.name)
        if arrays:
            texts.append(_plain(name, each))
    return found, texts


def _plain(name: str, called: Called) -> str:
    args = ", ".join(_pointer(p) for p in called.params)
    call = f"{called.name}({args})"
    return _text(name, called.params, [f"return {call}" if called.results else call])


def _sending(name: str, called: Called, kinds: Sequence[str]) -> str:
    """The door of a team: arguments out, results back."""
    params = called.params[2:]
    lines = [f"send(ptr(team), {', '.join(_pointer(p) for p in params)})"]
    if called.results:
        back = (f"returned_{RETURNED.get(k, 'i64')}(ptr(team), {n})" for n, k in enumerate(kinds))
        lines.append(f"return {', '.join(back)}")
    return _text(name, (*params, TEAM), lines)


def _shared(name: str, called: Called) -> str:
    """What each thread of a team runs."""
    given = [
        f"given_{'at_' if p.kind == 'array' else ''}{p.dtype}(team, {n})"
        for n, p in enumerate(called.params[2:])
    ]
    call = f"{called.name}(me, team, {', '.join(given)})"
    if not called.results:
        return _text(name, called.params[:2], [call])
    back = ", ".join(f"result_{n}" for n in range(len(called.results)))
    lines = [f"{back} = {call}"]
    lines += [f"give_back(team, me, {n}, result_{n})" for n in range(len(called.results))]
    return _text(name, called.params[:2], lines)


def _pointer(param: Param) -> str:
    return f"ptr({param.name})" if param.kind == "array" else param.name


def _text(name: str, params: Sequence[Param], lines: Sequence[str]) -> str:
    head = f"@njit(**FLAGS)\ndef {name}({', '.join(p.name for p in params)}):"
    return "\n    ".join([head, *lines])


def _numba(param: Param) -> str:
    name = str(DTYPES[param.dtype]) if param.dtype != "bool" else "boolean"
    if param.kind != "array":
        return name
    return f"{name}[{', '.join([':'] * (param.rank - 1) + ['::1'])}]"
