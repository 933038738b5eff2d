"""What a row of the mapping is: an operator of PyTorch's said in graphc's public functions.

A row takes what PyTorch's operator takes, tensors as stages and everything else as it is, and gives
its results in the same order. Functions of graphc are looked up by name when a row runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphc as gr


class NotBuiltError(Exception):
    """A row names a function that graphc does not have."""


class Functions:
    """graphc's public functions by name, and the arrays that are fed to the graph being built."""

    def __init__(self, graph: gr.Graph, feeds: Mapping[gr.Node, np.ndarray]) -> None:
        self.graph, self._feeds = graph, feeds

    def __getattr__(self, name: str) -> Any:
        found = gr
        for part in name.split("."):
            found = getattr(found, part, None)  # type: ignore[assignment]
        if found is None:
            raise NotBuiltError(f"gr.{name}")
        return found

    def literal(self, value: Any) -> Any:
        """The numbers behind an input that graphc wants to know while the graph is built."""
        if not isinstance(value, gr.Node):
            return value
        array = self._feeds[value]
        return array.item() if array.ndim == 0 else array


@dataclass(frozen=True)
class Row:
    """One operator.

    call      its meaning in graphc: (functions, input, *args, **kwargs) -> stages
    theirs    what of PyTorch's result is compared, where that is not unique (the sign of a vector)
    """

    call: Callable[..., Any]
    theirs: Callable[[Any], Any] | None = None


Rows = Mapping[str, Callable[..., Any] | Row]


def as_row(said: Callable[..., Any] | Row) -> Row:
    """A bare function is a row that compares everything."""
    return said if isinstance(said, Row) else Row(said)
