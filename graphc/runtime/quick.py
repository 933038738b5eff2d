"""A way to answer calls in, a function with the program's inputs as its own keywords out.

The text that runs is made of numbers and of names of ours alone. What a way does not expect goes to
the careful call, which answers it or says what is wrong. Notes: [Names], [A class of its own].
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from graphc.runtime.special import Shape
from graphc.types import Type

Call = Callable[..., Any]
Careful = Callable[[Any, Mapping[str, Any]], Any]

FILE = os.path.join(os.path.dirname(__file__), "<quick>")  # graphc's own, for who looks for callers
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "..."})()
"""What an input is that a call did not name."""

CALL = """
def call(feeds=None, /, *, {parameters}, **more):
    if {checks}:
{body}
    if feeds.__class__ is dict and not more and {unnamed} and names.issuperset(feeds):
        return call(**feeds)
    return careful(feeds, {{{given}, **more}})
"""


@dataclass(frozen=True)
class Way:
    """How calls are answered: what must hold of the inputs `a0`, `a1`, ..., in the order in which
    they were declared; lines that return the answer, or end without one; what both speak of.
    """

    checks: Sequence[str]
    lines: Sequence[str]
    scope: Mapping[str, Any]


def call_by(way: Way, declared: Sequence[str], careful: Careful) -> Call:
    """A function of the declared inputs by keyword, or of one mapping, that answers by this way."""
    count = range(len(declared))
    text = CALL.format(
        parameters=", ".join(f"a{i}" for i in count),
        checks=" and ".join([*way.checks, "feeds is None", "not more"]),
        body="\n".join(f"        {line}" for line in way.lines),
        unnamed=" and ".join(f"a{i} is missing" for i in count),
        given=", ".join(f"name{i}: a{i}" for i in count),
    )
    scope = {**way.scope, "missing": MISSING, "names": frozenset(declared)}
    scope["careful"] = lambda feeds, named: careful(feeds, _given(named))
    scope |= {f"name{i}": name for i, name in enumerate(declared)}
    call = function_of(text, "call", scope)
    words = {f"a{i}": name for i, name in enumerate(declared)}
    named = FunctionType(_renamed(call.__code__, words), scope, "__call__", (None,))
    named.__kwdefaults__ = dict.fromkeys(declared, MISSING)
    scope["call"] = named
    return named


def _given(named: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in named.items() if value is not MISSING}


def function_of(text: str, name: str, scope: dict[str, Any]) -> FunctionType:
    """The function of that name in a text, with this scope as its globals."""
    exec(compile(text, FILE, "exec", dont_inherit=True), scope)
    function: FunctionType = scope[name]
    return function


def _renamed(code: CodeType, words: Mapping[str, str]) -> CodeType:
    return code.replace(co_varnames=tuple(words.get(name, name) for name in code.co_varnames))


def scalar_check(name: str, kind: Type) -> str:
    """The test that a compiled function takes a number as it is."""
    if kind.is_float:
        return f"{name}.__class__ in numbers"
    if kind.dtype == "bool":
        return f"{name}.__class__ is bool"
    bits = 8 * kind.numpy.itemsize
    low, high = (-(1 << bits - 1), 1 << bits - 1) if kind.numpy.kind == "i" else (0, 1 << bits)
    return f"{name}.__class__ is int and {low} <= {name} < {high}"


def answer(values: Sequence[str], shape: Shape) -> str:
    """The expression of what a call gives back; the gradients' names are `key0`, `key1`, ..."""
    count = len(shape.outputs)
    first = values[0] if shape.single else f"[{', '.join(values[:count])}]"
    pairs = ", ".join(f"key{i}: {value}" for i, value in enumerate(values[count:]))
    return f"{first}, {{{pairs}}}" if pairs else first


def lend(owner: Any, call: Call) -> None:
    """Calls of the owner go to this function from now on."""
    kind = type(owner)
    call.__doc__, call.__qualname__ = kind.__call__.__doc__, kind.__call__.__qualname__
    body = {"__call__": staticmethod(call), "__doc__": kind.__doc__, "__module__": kind.__module__}
    owner.__class__ = type(kind.__name__, (kind,), body)


# Note [Names]
#
# Python finds the argument of a keyword by comparing names, and keeps them apart from the code,
# which knows its variables by number. So the text is compiled with the names `a0`, `a1`, and the
# inputs' names take their place in the finished code. Any name will do, "class" or "x y" or one
# that the text uses itself; none is ever text.
#
# Note [A class of its own]
#
# Python looks for `__call__` in the class, and would go through a method of Program that takes any
# keywords into a dictionary, to hand them on: 0.25 us. So a program that has a quick way becomes
# the one instance of a subclass of its class, whose `__call__` is that way.
