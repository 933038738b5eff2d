"""Calls of scalars straight on a compiled function: a few lines of Python, unrolled for the number
of arguments.

The text below is made of numbers alone; names of inputs and results are variables of it, never
parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

NUMBERS = frozenset((int, float))

Straight = Callable[[Mapping[str, Any]], Any]

TEMPLATE = """
def call(named):
    if len(named) != {count}:
        return None
    try:
        {values} = {reads}
    except KeyError:
        return None
    if not ({checks}):
        return None
    try:
        {found} = entry({arguments})
    except (OverflowError, TypeError):
        return None
    return {answer}
"""


def straight(
    entry: Callable[..., Any],
    read: Sequence[str],
    outputs: int,
    single: bool,
    gradients: Sequence[str],
) -> Straight:
    """A function from named numbers to the program's answer; its answer is None when a careful
    call is needed.
    """
    values = [f"value{i}" for i in range(len(read))]
    found = [f"found{i}" for i in range(outputs + len(gradients))]
    text = TEMPLATE.format(
        count=len(read),
        values=", ".join(values),
        reads=", ".join(f"named[name{i}]" for i in range(len(read))),
        checks=" and ".join(f"{v}.__class__ in NUMBERS" for v in values),
        found=", ".join(found),
        arguments=", ".join(values),
        answer=_answer(found, outputs, single),
    )
    scope: dict[str, Any] = {"entry": entry, "NUMBERS": NUMBERS}
    scope |= {f"name{i}": name for i, name in enumerate(read)}
    scope |= {f"key{i}": name for i, name in enumerate(gradients)}
    exec(compile(text, "<straight>", "exec"), scope)
    call: Straight = scope["call"]
    return call


def _answer(found: Sequence[str], outputs: int, single: bool) -> str:
    values = found[0] if single else f"[{', '.join(found[:outputs])}]"
    pairs = ", ".join(f"key{i}: {name}" for i, name in enumerate(found[outputs:]))
    return f"({values}, {{{pairs}}})" if pairs else values
