"""The last pass over the graph: copies where memory has to be in order, so that every later step
may count on it.

After it, a true reshape sees elements in order, a product's operands run one by one along an axis,
what is picked from
is a value of its own, and every result is a computed value: neither a leaf nor a look at one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from graphc.graph import CONST, Node, Op
from graphc.joint import Joint
from graphc.ops.elementwise.arith import cast, copy
from graphc.ops.several import taken_apart
from graphc.ops.spell import Check, Gather, Product, Region, Reshape, Routine, Scratch
from graphc.ops.stack import signature
from graphc.plan.access import _ones_moved, in_order, is_view, resolve, unit_stride
from graphc.rules.replay import Walk, replay
from graphc.types import Type

SCRATCH = Op("scratch", lambda _, nbytes: Type("u8", (nbytes,)), Scratch(), lambda _, nbytes: None)
"""The memory that a routine works in: a stage that reads the routine's, and is never read."""


def settle(joint: Joint) -> Joint:
    """The same values, with copies where memory has to be in order."""
    joint = replay(joint, _settled)
    for node in joint.graph.nodes:
        if isinstance(node.op.spell, (Region, Routine)):
            _completed(node)
    results = {
        n: _result(n) for n in (*joint.outputs, *joint.gradients.values(), *joint.updates.values())
    }
    return replace(
        joint,
        outputs=tuple(results[n] for n in joint.outputs),
        gradients={w: results[g] for w, g in joint.gradients.items()},
        updates={s: results[v] for s, v in joint.updates.items()},
    )


def _completed(call: Node) -> None:
    """Give a routine what it writes to: every result, and working memory."""
    if len(call.types) > 1:
        taken_apart(call)
    wanted = getattr(call.op.spell, "scratch", None)
    if wanted is not None:
        found = signature(call.op.core or "")
        sizes = found.sizes([a.shape for a in call.args])
        nbytes = wanted(*(sizes[name] for name in found.letters if name in sizes))
        call.graph.add(SCRATCH, (call,), {"nbytes": nbytes})


def _settled(at: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
    form = FORMS.get(type(node.op.spell))
    if form is None:
        return None
    wanted = form(node, args)
    return None if wanted == args else at.graph.add(node.op, wanted, node.attrs)


def _copied(arg: Node) -> Node:
    return arg.graph.add(copy, (arg,))


def _reshape(node: Node, args: tuple[Node, ...]) -> tuple[Node, ...]:
    return args if in_order(args[0]) or _ones_moved(node) is not None else (_copied(args[0]),)


def _product(node: Node, args: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(_operand(a, node.dtype) for a in args)


def _operand(arg: Node, dtype: str) -> Node:
    if arg.dtype != dtype:
        return arg.graph.add(cast, (arg,), {"dtype": dtype})
    return arg if not _scalar(arg) and unit_stride(arg) else _copied(arg)


def _scalar(arg: Node) -> bool:
    """Whether a value is spread from one number, which has no place in memory."""
    return all(d == 1 for d in resolve(arg).base.shape)


def _gather(node: Node, args: tuple[Node, ...]) -> tuple[Node, ...]:
    x, *indices = args
    lies = resolve(x).base is x and x.shape and not _is_placeless(x)
    return (x if lies else _copied(x), *indices)


def _check(node: Node, args: tuple[Node, ...]) -> tuple[Node, ...]:
    (index,) = args
    base = resolve(index).base
    lies = (in_order(index) and not _scalar(index)) if index.shape else not base.shape
    return args if lies and not _is_placeless(base) else (_copied(index),)


def _routine(node: Node, args: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(a if in_order(a) and not _scalar(a) else _copied(a) for a in args)


def _region(node: Node, args: tuple[Node, ...]) -> tuple[Node, ...]:
    """What a graph reads whole or by rows has a place of its own; numbers are handed over."""
    return tuple(a if not a.shape or _has_place(a) else _copied(a) for a in args)


def _has_place(arg: Node) -> bool:
    base = resolve(arg).base
    lies = in_order(arg) and not _scalar(arg)
    return lies and not isinstance(base.op.spell, Check) and not _is_placeless(base)


def _is_placeless(base: Node) -> bool:
    """Whether a value is never stored: a count, a size, or a constant of one element."""
    return not base.args and (not base.is_leaf or (base.op is CONST and base.value.size == 1))


def _result(node: Node) -> Node:
    """A computed value, for an output that is a leaf or a view."""
    if node.args and not is_view(node) and not isinstance(node.op.spell, Check):
        return node
    with node.graph.told(node.where, node.backward_of):
        made = _copied(node)
    for into in node.graph.gradients.get(node, ()):
        node.graph.belongs(made, into)
    return made


FORMS: dict[type, Callable[[Node, tuple[Node, ...]], tuple[Node, ...]]] = {
    Reshape: _reshape,
    Product: _product,
    Gather: _gather,
    Check: _check,
    Region: _region,
    Routine: _routine,
}
