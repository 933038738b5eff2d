"""A long loop whose steps would leave more for the backward sweep than may be held becomes a loop
over blocks, whose steps are run again: see graphc.flow.checkpoint.
"""

from __future__ import annotations

from graphc.flow.checkpoint import LEAST, Blocks
from graphc.graph import Node
from graphc.joint import Joint
from graphc.ops.several import pack
from graphc.ops.spell import Pack, Result
from graphc.rules.replay import Walk, replay
from graphc.types import Dim, Size


def in_blocks(joint: Joint, most: int | str, sizes: int = 64) -> Joint:
    """The joint whose long loops leave no more than `most` bytes each, where blocks do that; a
    named size counts as `sizes`. Anything but a number of bytes changes nothing.
    """
    if not isinstance(most, int) or not joint.wrt:
        return joint

    def visit(walk: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
        if isinstance(node.op.spell, Result) and isinstance(args[0].op.spell, Pack):
            return args[0].args[node.attrs["index"]]
        if node.op.name != "scan" or not _is_long(node) or taped(node, sizes) <= most:
            return None
        found = Blocks(node.op, args, **node.attrs).results()
        return found[0] if len(found) == 1 else walk.graph.add(pack, found)

    return replay(joint, visit)


def _is_long(node: Node) -> bool:
    length = node.attrs["length"]
    return isinstance(length, int) and length >= LEAST and not node.attrs.get("again")


def taped(node: Node, sizes: int) -> int:
    """The bytes of all that the steps of a loop compute, which is what they leave at most."""
    body, length = node.attrs["body"], _count(node.attrs["length"], sizes)
    return length * sum(_bytes(n, sizes) for n in body.nodes if not n.is_leaf and len(n.types) == 1)


def _bytes(node: Node, sizes: int) -> int:
    total = node.type.numpy.itemsize
    for dim in node.shape:
        total *= _count(dim, sizes)
    return total


def _count(dim: Dim, sizes: int) -> int:
    return sizes if isinstance(dim, Size) else dim
