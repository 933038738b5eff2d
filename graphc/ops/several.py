"""Stages of several results: each result is a stage of its own, which reads the whole one."""

from __future__ import annotations

from typing import Any

from graphc.graph import Node, Op, declare
from graphc.ops.spell import Pack, Result
from graphc.types import Type


def _result_type(types: tuple[Type, ...], index: int) -> Type:
    return types[index]


result = declare(
    Op(
        "result",
        _result_type,
        Result(),
        lambda values, index: values[index],
        lambda g, y, several, index: (None,),  # the sweep hands it to `several` (graphc.grad)
    )
)
"""One result of a stage that has several."""

pack = declare(Op("pack", lambda *types: types, Pack(), lambda *values: values))
"""Several values as one stage of several results: what a definition of several results becomes."""


def results_of(node: Node) -> dict[int, Node]:
    """The stages that are the results of a stage, by their number; those that somebody made."""
    readers = (r for r in node.graph.readers(node) if isinstance(r.op.spell, Result))
    found: dict[int, Node] = {}
    for reader in readers:
        found.setdefault(reader.attrs["index"], reader)
    return found


def taken_apart(node: Node) -> tuple[Any, ...]:
    """All results of a stage, made where they are missing."""
    known = results_of(node)
    every = range(len(node.types))
    return tuple(
        known[k] if k in known else node.graph.add(result, (node,), {"index": k}) for k in every
    )


def operands(node: Node) -> tuple[Node, ...]:
    """What a value is computed of: for a result, what the stage it comes from is computed of."""
    return node.args[0].args if isinstance(node.op.spell, Result) else node.args
