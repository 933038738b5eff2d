"""A stage in, the text that its user would write out: `relu(z1 + b1)`, `X[1:3].T @ W1`.

An operation's symbol is filled with no more parentheses than precedence asks for; attributes are
left out where they are what the public function takes by itself.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import Any

import numpy as np

from graphc.expr import ATOM, LEVEL
from graphc.graph import CONST, FUNCTIONS, Graph, Node
from graphc.literal import write
from graphc.types import Type, dtype_name

Written = tuple[str, int]
"""Text and how tightly it binds, as graphc.expr counts."""

ELLIPSIS = "…"
LONGEST = 60
MOST_ARGS = 8


def expression(node: Node, depth: int = 4, longest: int = LONGEST) -> str:
    """The stage as its user would write it, `relu(z1 + b1)`, unnamed arguments written out.

    `depth` is how many stages deep. What would be longer than `longest` characters is written less
    deep, and in the end cut; … stands for what is left out.
    """
    for deep in range(depth, 0, -1):
        text, _ = _written_out(node, deep)
        if len(text) <= longest:
            return text
    return text[: longest - 1] + ELLIPSIS


def _written_out(node: Node, depth: int) -> Written:
    left = depth if is_at(node) else depth - 1  # x[2] is two stages, and reads as one
    args = [called(a) or (_written_out(a, left) if left else (ELLIPSIS, ATOM)) for a in node.args]
    return written(node, args)


def is_at(node: Node) -> bool:
    """Whether a stage is an element or a row of what another one is a slice of."""
    return node.op.name == "squeeze" and node.args[0].op.name == "slice"


def called(node: Node) -> Written | None:
    """What an argument is called: a name, a constant's value; None for an unnamed stage."""
    if node.name is not None:
        return plain(node.name), ATOM
    if node.op is CONST:
        text = value_text(node.value)
        return text, LEVEL["neg"] if text.startswith("-") else ATOM
    return (node.op.name, ATOM) if node.is_leaf else None


def written(node: Node, args: list[Written]) -> Written:
    """A stage over arguments that are written already."""
    if node.is_leaf:
        return _leaf(node), ATOM
    if is_at(node) and (text := _at(node, args[0][0])):
        return text, ATOM
    template = _template(node)
    return _call(node, args) if not template else _filled(template, args)


def _leaf(node: Node) -> str:
    if node.op is CONST:
        return value_text(node.value)
    init = node.attrs.get("init")
    return node.op.name if init is None or init.kind == "zeros" else f"{node.op.name} {init}"


def _template(node: Node) -> str:
    """The operation's symbol, or the form that a few others have."""
    form = FORMS.get(node.op.name)
    return form(node) if form else node.op.symbol


def _transposed(node: Node) -> str:
    return "{}.T" if node.attrs["axes"] == (1, 0) else ""


def _picked(node: Node) -> str:
    return "{}[" + ", ".join(["{}"] * (len(node.args) - 1)) + "]"


def _sliced(node: Node) -> str:
    return "{}" + _bracketed(_ranges(node))


def _bracketed(places: list[str]) -> str:
    """`[2, 1:]`, without the last axes of which everything is taken."""
    used = max((k for k, place in enumerate(places) if place != ":"), default=0)
    return f"[{', '.join(places[: used + 1])}]"


def _ranges(node: Node) -> list[str]:
    """What a slice takes along each axis."""
    starts, stops, steps = (node.attrs[name] for name in ("starts", "stops", "steps"))
    return list(map(_range, starts, stops, steps, node.args[0].shape))


def _at(node: Node, text: str) -> str | None:
    """`x[2]` for the written `x[2:3]` without that axis; None where the slice has a name."""
    part = node.args[0]
    long = _sliced(part).removeprefix("{}")
    if not text.endswith(long):
        return None
    places = _ranges(part)
    for axis in node.attrs["axis"]:
        places[axis] = str(part.attrs["starts"][axis])
    return text.removesuffix(long) + _bracketed(places)


def _range(start: Any, stop: Any, step: int, whole: Any) -> str:
    first, last = (0, whole) if step > 0 else (whole - 1, -1)
    text = f"{'' if start == first else start}:{'' if stop == last else stop}"
    return text if step == 1 else f"{text}:{step}"


def _run(*names: str, role: str, args: int | None = None) -> Callable[[Node], str]:
    """A stage that runs graphs: their titles, then what it begins with."""

    def form(node: Node) -> str:
        titles = [
            plain(node.attrs[name].title).replace("{", "{{").replace("}", "}}") for name in names
        ]
        count = node.attrs.get("carries", 0) + node.attrs.get("rows", 0) if args is None else args
        return f"{role}({', '.join([*titles, *['{}'] * count])})"

    return form


FORMS: dict[str, Callable[[Node], str]] = {
    "transpose": _transposed,
    "index": _picked,
    "slice": _sliced,
    "scan": _run("body", role="scan"),
    "while_loop": _run("going", "body", role="while_loop"),
    "cond": _run("then", "otherwise", role="cond", args=1),
    "result": lambda node: f"{{}}[{node.attrs['index']}]",
}


def _filled(template: str, args: list[Written]) -> Written:
    """The arguments in a template such as "{} + {}", with the parentheses that precedence needs."""
    level, operator = _binding(template)
    wants = [_wanted(template, level, operator, i) for i in range(len(args))]
    texts = [
        text if own >= want else f"({text})" for (text, own), want in zip(args, wants, strict=True)
    ]
    return template.format(*texts), level if template != "{}" else args[0][1]


_OPERATOR = re.compile(r"[-+*/%@<>=!&|^~]+")


def _binding(template: str) -> tuple[int, str]:
    found = (
        None
        if "(" in template or "[" in template
        else _OPERATOR.search(template.replace("{}", " "))
    )
    if found is None:
        return ATOM, ""
    sign = "neg" if template.startswith(("-", "+")) else found[0]
    return LEVEL.get(sign, LEVEL["*"]), found[0]


def _wanted(template: str, level: int, operator: str, place: int) -> int:
    """How tightly the argument at `place` must bind; what stands in brackets may be anything."""
    if not operator:
        return ATOM if template.startswith("{}") and place == 0 else 0
    if not template.startswith("{}"):
        return level + 1
    if place == 0:
        return level + (operator == "**" or level == LEVEL["<"])
    return LEVEL["neg"] if operator == "**" else level + 1


def _call(node: Node, args: list[Written]) -> Written:
    texts = [text for text, _ in args]
    if len(texts) > MOST_ARGS:
        texts = [*texts[: MOST_ARGS - 2], ELLIPSIS, texts[-1]]
    texts += [
        f"{name}={attribute(value)}"
        for name, value in node.attrs.items()
        if not _is_default(node, name, value)
    ]
    return f"{node.op.name}({', '.join(texts)})", ATOM


def _is_default(node: Node, name: str, value: Any) -> bool:
    """Whether a user would leave it out: it is what the public function takes by itself."""
    defaults = _defaults(FUNCTIONS.get(node.op.name))
    rank = node.args[0].types[0].rank if node.args else 0
    return name in defaults and _same_default(value, defaults[name], rank)


@lru_cache(maxsize=512)
def _defaults(function: Callable[..., Any] | None) -> dict[str, Any]:
    parameters = (
        inspect.signature(function).parameters.values() if inspect.isfunction(function) else ()
    )
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _same_default(value: Any, default: Any, rank: int) -> bool:
    if default is None:
        return value is None or value == tuple(range(rank))
    if isinstance(value, tuple) and isinstance(default, int):
        return rank > 0 and value == (default % rank,)
    return type(value) is type(default) and value == default


def attribute(value: Any) -> str:
    """An attribute as a user would write it, the axis of a lone (1,) as 1."""
    if isinstance(value, tuple):
        return attribute(value[0]) if len(value) == 1 else f"({', '.join(map(attribute, value))})"
    if isinstance(value, np.ndarray):
        return value_text(value)
    known = next((kind for kind in type(value).__mro__ if kind in PLAIN), None)
    return str(value) if known is None else PLAIN[known](value)


PLAIN: dict[type, Callable[[Any], str]] = {
    slice: write,
    str: repr,
    FunctionType: lambda value: value.__name__,
    Graph: lambda value: plain(value.title),
}


def value_text(array: Any) -> str:
    """A number as its user would write it, a few in brackets, more by their type alone."""
    array = np.asarray(array)
    if array.ndim == 0:
        return _number(array[()])
    if array.ndim == 1 and array.size <= 4:
        return f"[{', '.join(map(_number, array))}]"
    return f"array({Type(dtype_name(array.dtype), array.shape)})"


def _number(value: Any) -> str:
    whole = isinstance(value, np.floating) and abs(value) < 1e6 and value == int(value)
    return str(int(value)) if whole and (value or not np.signbit(value)) else str(value)


def plain(name: str) -> str:
    """A name on one line: what does not print is escaped."""
    return name if name.isprintable() else name.encode("unicode_escape").decode()
