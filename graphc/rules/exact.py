"""Quotients that are rounded are divided exactly: a kernel may else multiply by a reciprocal, and
floor(49 * (1 / 49)) is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graphc.graph import Graph, Node
from graphc.joint import Joint
from graphc.ops.elementwise.arith import quotient
from graphc.rules.passes import regions
from graphc.rules.replay import Walk, replay

ROUNDING = frozenset(("floor", "ceil", "trunc", "round", "floor_divide", "remainder", "fmod"))
ROUNDING |= {"equal", "not_equal"}
"""What makes a whole error of a small one; so does a float turned into an integer."""

BETWEEN = frozenset(("alias", "add", "subtract", "negative", "maximum", "minimum"))
"""What a quotient may pass through on its way there."""

NEAR = 3
"""So many stages may stand between."""

INEXACT = frozenset(("divide", "reciprocal"))


def exact(joint: Joint) -> Joint:
    """The joint with every quotient that is soon rounded correctly rounded itself."""
    wanted = {node for graph in _graphs(joint.graph) for node in _rounded(graph.nodes)}
    if not wanted:
        return joint

    def visit(walk: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
        if node not in wanted:
            return None
        both = args if len(args) == 2 else (walk.graph.constant(1, node.dtype), *args)
        return walk.graph.add(quotient, both)

    return replay(joint, visit)


def _graphs(graph: Graph) -> Iterator[Graph]:
    """A graph and all that its stages have within them."""
    yield graph
    for node in graph.nodes:
        for region in regions(node):
            yield from _graphs(region)


def _rounded(nodes: Iterable[Node]) -> set[Node]:
    """The quotients of floats that a rounding sees."""
    seen = {a for n in nodes if _rounds(n) for a in n.args}
    edge = seen
    for _ in range(NEAR):
        edge = {a for n in edge if n.op.name in BETWEEN for a in n.args} - seen
        seen = seen | edge
    return {n for n in seen if n.op.name in INEXACT and n.type.is_float}


def _rounds(node: Node) -> bool:
    """Whether a stage makes whole numbers of floats."""
    if node.op.name == "astype":
        return node.args[0].type.is_float and not node.type.is_float
    return node.op.name in ROUNDING
