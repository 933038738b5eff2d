"""The passes over graphs: functions from joint to joint, under the names that switch them off.

take       what the roots need, out of the user's graph
group      gates that are written out in parts become one stage
stabilise  forms that overflow or cancel become forms that do not
simplify   exact algebra, and arithmetic on constants
expand     operations that are defined by others become those
share      equal stages become one
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from graphc.errors import GraphError
from graphc.grad import alias
from graphc.graph import LEAVES, Graph, Node
from graphc.interpret import evaluate
from graphc.joint import Fired, Joint
from graphc.ops.learning.training import TRAINED
from graphc.ops.several import pack, result, results_of
from graphc.ops.spell import Expand, Pack, Region, Result
from graphc.rules.algebra import ALGEBRA
from graphc.rules.group import GROUP
from graphc.rules.replay import Visit, Walk, replay
from graphc.rules.rewrite import rewriting
from graphc.rules.rule import Table, constant_of
from graphc.rules.stable import STABLE

Pass = Callable[[Joint], Joint]

FOLDED = 16
"""Arithmetic on constants is done at once where its result has at most so many elements."""

NESTED = 16
"""Definitions may use operations that are themselves defined, so deep at most."""


def take(joint: Joint, training: bool = False) -> Joint:
    """A copy of what the roots need in training or otherwise; the user's graph is left as it is."""
    return replay(joint, _choosing(training), effects=False)


def _choosing(training: bool) -> Visit:
    """The part of each choice that holds."""

    def visit(walk: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
        if node.op is not TRAINED:
            return None
        chosen = args[not training]
        return alias(chosen) if node in walk.kept else chosen

    return visit


def group(joint: Joint) -> Joint:
    """1 / (1 + exp(-x)) and its like become the stage they spell, where nobody reads the parts."""
    return _rewritten(joint, GROUP, "group")


def stabilise(joint: Joint) -> Joint:
    """log(1 + x), log(sum(exp(x))) and their like become forms of smaller error.

    A form that somebody else reads a part of stays as it is.
    """
    return _rewritten(joint, STABLE, "stabilise")


def _rewritten(joint: Joint, table: Table, during: str) -> Joint:
    fired: list[Fired] = []
    return _with(replay(joint, rewriting(table, during, fired)), fired)


def _with(joint: Joint, fired: list[Fired]) -> Joint:
    return replace(joint, fired=joint.fired + tuple(fired))


def simplify(joint: Joint) -> Joint:
    """The algebra table, and arithmetic on constants; every result has the same bits as before."""
    fired: list[Fired] = []
    return _with(replay(joint, _simplifying(rewriting(ALGEBRA, "simplify", fired), fired)), fired)


def _simplifying(rewrite: Visit, fired: list[Fired]) -> Visit:
    def visit(walk: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
        before = len(walk.graph)
        new = _folded(walk, node, args, fired)
        if new is None:
            new = rewrite(walk, node, args)
        if new is None or node not in walk.joint.graph.gradients:
            return new
        return new if new.index >= before and not new.is_leaf else alias(new)

    return visit


def _folded(walk: Walk, node: Node, args: tuple[Node, ...], fired: list[Fired]) -> Node | None:
    """The constant that a stage over constants is; None for any other."""
    if not _is_foldable(walk, node, args):
        return None
    copied = walk.copy(node, args)
    try:
        value = evaluate([copied], {})[copied]
    except (ValueError, ArithmeticError):
        return None  # NumPy refuses it, 2 ** -1 in integers: it is left to the call
    fired.append(Fired("simplify", "fold-constants", node.label))
    return walk.graph.constant(value, node.dtype)


def _is_foldable(walk: Walk, node: Node, args: tuple[Node, ...]) -> bool:
    """Whether a stage has constants only, no effect, and a result no larger than what it reads."""
    if not args or node.op.effect or node in walk.kept or len(node.types) != 1:
        return False
    values = [v for v in map(constant_of, args) if v is not None]
    if len(values) < len(args) or any(n.type.names() for n in (node, *args)):
        return False
    size = node.type.size
    return isinstance(size, int) and size <= min(FOLDED, max(v.size for v in values))


def expand(joint: Joint, training: bool = False) -> Joint:
    """Every operation that is defined by others becomes those, down to the elementary ones.

    The last stage of a definition stands for the operation, the rest are its parts.

    Raises GraphError (G903) for a definition that never ends.
    """
    for _ in range(NESTED):
        if not _expandable(joint.graph):
            return joint
        joint = replay(joint, _choosing_and_expanding(training))
    raise GraphError("an operation is defined by itself", code="G903")


def _expandable(graph: Graph) -> bool:
    return any(
        isinstance(n.op.spell, Expand) or any(map(_expandable, regions(n))) for n in graph.nodes
    )


def regions(node: Node) -> list[Graph]:
    """The graphs that a stage has among its attributes."""
    return [value for value in node.attrs.values() if isinstance(value, Graph)]


def _choosing_and_expanding(training: bool) -> Visit:
    """Definitions may have choices of their own."""
    choosing = _choosing(training)

    def visit(walk: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
        chosen = choosing(walk, node, args)
        return _expanding(walk, node, args) if chosen is None else chosen

    return visit


def _expanding(walk: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
    if isinstance(node.op.spell, Result) and isinstance(args[0].op.spell, Pack):
        found = args[0].args[node.attrs["index"]]
        return alias(found) if node in walk.kept else found
    if not isinstance(node.op.spell, Expand):
        return None
    before = len(walk.graph)
    made = node.op.spell.define(*args, **node.attrs)
    whole: Node = walk.graph.add(pack, made) if isinstance(made, tuple) else made
    if node in walk.kept and whole.index < before:
        whole = alias(whole)
    walk.parts.update((part, whole) for part in _made_since(before, whole) if part is not whole)
    return whole


def _made_since(before: int, node: Node) -> Iterator[Node]:
    """The stages that a node needs and that are no older than the number `before`."""
    stack, seen = [node], {node}
    while stack:
        part = stack.pop()
        if part.index >= before and part.op not in LEAVES:
            yield part
            stack += [a for a in part.args if a not in seen]
            seen.update(part.args)


def share(joint: Joint) -> Joint:
    """Equal stages become one; what has an effect, or is the name of a gradient, never does.

    Of two loops that differ in their results alone, the one with more of them stays.
    """
    joint = replay(joint, share=True)
    loops = any(isinstance(n.op.spell, Region) for n in joint.graph.nodes)
    return replay(joint, _widening, share=True) if loops else joint


def _widening(walk: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
    """A result of a loop as the result of the widest loop of the same key on the same arguments."""
    if node in walk.to:
        return walk.to[node]
    alone = _is_loop(node) and len(node.types) == 1
    if not alone and not (isinstance(node.op.spell, Result) and _is_loop(node.args[0])):
        return None
    whole, given = (node, args) if alone else (node.args[0], args[0].args)
    widest = _widest(walk, whole)
    if alone and widest is node:
        return None
    if widest not in walk.to:
        walk.to[widest] = walk.copy(widest, given)
    new, index = walk.to[widest], 0 if alone else node.attrs["index"]
    if index in (known := results_of(new)):
        return known[index]
    with walk.graph.told(node.where, new.backward_of):  # what it keeps is of the forward sweep
        return walk.graph.add(result, (new,), {"index": index})


def _is_loop(node: Node) -> bool:
    """Whether a stage has the key that tells loops of the same steps."""
    return isinstance(node.op.spell, Region) and "key" in node.attrs


def _widest(walk: Walk, node: Node) -> Node:
    """The loop with the most results among those that run the same steps."""
    readers = walk.readers[node.args[0]] if node.args else [node]
    alike = [r for r in readers if r.op is node.op and _steps(r) == _steps(node)]
    return max(alike, key=lambda n: len(n.types))


def _steps(node: Node) -> tuple[object, ...]:
    return node.attrs["key"], node.args
