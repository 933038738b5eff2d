"""Stages in the place of others: outputs go in, the same outputs computed from the new stages come
out.

What does not read a replaced stage is shared. Nothing is changed: names stay with the old stages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc.draft import Landing
from graphc.errors import DTypeError, GraphError, ShapeError
from graphc.grad import graph_over, stages_of
from graphc.graph import FUNCTIONS, Graph, Node
from graphc.types import broadcast, shape_text


def substitute(outputs: Sequence[Node | str] | Node, replacements: Mapping[Node | str, Any]) -> Any:
    """The outputs, one or several, with stages replaced: `gr.substitute(loss, {x: f(z)})`.

    All are replaced at once, so {x: y, y: x} exchanges two. A replacement is a stage, an array or a
    number; it is broadcast to the shape of the old stage and cast within its kind. New stages have
    the lines of the old ones and no names. Raises ShapeError or DTypeError for a replacement that
    does not fit, GraphError for a stage that no output reads.
    """
    graph = graph_over(outputs, list(replacements), list(replacements.values()))
    ends, lone = stages_of(graph, outputs)
    given = {graph.node(old): new for old, new in replacements.items()}
    read = set(graph.order(*ends))
    for old in given:
        if old not in read:
            raise GraphError("no output reads it, so nothing would change", subject=old.label)
    landing = Landing(graph, {old: _fitting(graph, old, new) for old, new in given.items()})
    found = landing(ends)
    return found[0] if lone else found


def _fitting(graph: Graph, old: Node, new: Any) -> Node:
    """The new stage in the type of the old one."""
    stage = graph.node(new) if isinstance(new, Node) else graph.constant(new)
    if not np.can_cast(stage.type.numpy, old.type.numpy, "same_kind"):
        raise DTypeError(f"{stage.type} cannot stand for {old.type}", subject=old.label)
    try:
        fits = broadcast(stage.shape, old.shape) == old.shape
    except ShapeError:
        fits = False
    if not fits:
        raise ShapeError(
            f"a stage of shape {shape_text(stage.shape)} cannot stand for one of shape "
            f"{shape_text(old.shape)}",
            subject=old.label, code="G102",
        )  # fmt: skip
    stage = FUNCTIONS["astype"](stage, old.dtype)
    return stage if stage.shape == old.shape else FUNCTIONS["broadcast_to"](stage, old.shape)
