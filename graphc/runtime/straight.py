"""Numbers in, numbers out: calls straight on a compiled function, without an array in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc.graph import Node
from graphc.runtime.quick import Call, Way, answer, scalar_check
from graphc.runtime.special import Shape

NUMBERS = frozenset((int, float, np.float64, np.float32))


def straight(
    entry: Call, declared: Mapping[str, Node], arguments: Sequence[str], shape: Shape
) -> Way:
    """The way of a program whose function takes nothing but these inputs, all of them scalars."""
    names = {name: f"a{i}" for i, name in enumerate(declared)}
    found = [f"found{i}" for i in range(len(shape.outputs) + len(shape.gradients))]
    lines = [
        "try:",
        f"    {', '.join(found)} = entry({', '.join(names[a] for a in arguments)})",
        f"    return {answer(found, shape)}",
        "except (OverflowError, TypeError):",
        "    pass",
    ]
    checks = [scalar_check(names[a], declared[a].type) for a in arguments]
    scope: dict[str, Any] = {"entry": entry, "numbers": NUMBERS}
    scope |= {f"key{i}": name for i, name in enumerate(shape.gradients)}
    return Way(checks, lines, scope)
