"""Central differences of a function of named numbers and arrays, to check gradients with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

EPS = 1e-6


def differences(f: Callable[[dict[str, Any]], float], at: Mapping[str, Any], name: str) -> Any:
    """The gradient of f with respect to one of its arguments, along every coordinate."""
    base = np.asarray(at[name], "float64")
    found = np.empty(base.shape)
    for index in np.ndindex(base.shape):
        ends = []
        for step in (EPS, -EPS):
            moved = base.copy()
            moved[index] += step
            ends.append(f({**at, name: moved}))
        found[index] = (ends[0] - ends[1]) / (2 * EPS)
    return found
