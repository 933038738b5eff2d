"""What a problem is: arrays that are drawn or read, and programs made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import graphc as gr

Arrays = dict[str, Any]
"""What is fed, by name, and numbers that stand in the graph."""

Programs = dict[str, list[gr.Node]]
"""What is computed: `value` and `derivative`, or a value for each pair of modes (`ff` to `rr`)."""


@dataclass(frozen=True)
class Problem:
    """A problem with the sizes at which it is tested and measured, and ADBench's file of it."""

    drawn: Callable[..., Arrays]
    programs: Callable[[Arrays], Programs]
    small: Mapping[str, float]
    usual: Mapping[str, float]
    read: Callable[[Path], Arrays] | None = None
    file: str = ""

    def arrays(self, seed: int = 0, small: bool = False) -> Arrays:
        """Its arrays at one of its sizes."""
        return self.drawn(np.random.default_rng(seed), **self.sizes(small))

    def sizes(self, small: bool) -> Mapping[str, float]:
        """One of its sizes."""
        return self.small if small else self.usual


def declared(graph: gr.Graph, arrays: Arrays, names: str) -> list[gr.Node]:
    """An input for each array that is named."""
    fed = {name: np.asarray(arrays[name]) for name in names.split()}
    return [graph.input(name, a.shape, a.dtype) for name, a in fed.items()]
