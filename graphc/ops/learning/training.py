"""A choice between what holds while a network is trained and what holds afterwards.

It is made when a program is compiled, before anything is differentiated, and costs nothing.
"""

from __future__ import annotations

from typing import Any

from graphc.errors import ShapeError
from graphc.graph import Node, Op, declare, public
from graphc.ops.axes import stage
from graphc.ops.elementwise.arith import zeros_like
from graphc.ops.spell import Expand
from graphc.ops.stacked import repeating
from graphc.types import Type

__all__ = ["when_training"]


def _same_type(training: Type, otherwise: Type) -> Type:
    if training != otherwise:
        raise ShapeError(f"both have one type, and these are {training} and {otherwise}")
    return training


def _vjp(g: Node, y: Node, training: Node, otherwise: Node) -> tuple[Node, Node]:
    return TRAINED(g, zeros_like(g)), TRAINED(zeros_like(g), g)


def _jvp(tangents: Any, y: Node, training: Node, otherwise: Node) -> Node:
    return TRAINED(*(zeros_like(y) if t is None else t for t in tangents))


TRAINED: Op = declare(
    Op(
        "when_training", _same_type, Expand(lambda training, otherwise: otherwise),
        lambda training, otherwise: otherwise, _vjp, jvp=_jvp, batch=repeating,
    )
)  # fmt: skip


@public
def when_training(training: Node, otherwise: Any) -> Node:
    """`training` in a training step, `otherwise` in any other program; both of one type.

    A step is what compile_step makes; what `compile` makes, also from a step, is another program,
    unless it is told training=True. Raises ShapeError where the two types differ.
    """
    return TRAINED(stage(training), otherwise)
