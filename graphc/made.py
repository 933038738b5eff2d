"""A joint after its passes in; its face and, for certain sizes, its plan, its module and their
layout out.

Imported where something is compiled or looked at: what the cache knows runs without it.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from graphc.emit.doors import SHARED, Function
from graphc.emit.epoch import panel_bytes
from graphc.emit.module import Emitted, Form, emit
from graphc.emit.text import exports, prelude
from graphc.graph import INPUT, PARAM, STATE, Node
from graphc.joint import Joint
from graphc.ops.shaping.pieces import slice_needs
from graphc.plan import table
from graphc.plan.make import Options, Wish, make, saved
from graphc.plan.plan import Plan
from graphc.plan.plan import Result as Planned
from graphc.plan.sizes import Sizes, running
from graphc.random.keys import only_counts
from graphc.runtime.arena import block, leaves_of, view
from graphc.runtime.layout import Entry, Face, Layout, Result
from graphc.runtime.special import Shape
from graphc.types import Size, dim_names

if TYPE_CHECKING:
    from graphc.order import Compiled, Order


@dataclass(frozen=True)
class Made:
    """A plan, its module, and what making each took."""

    plan: Plan
    emitted: Emitted
    seconds: Mapping[str, float]


def made(
    joint: Joint, shape: Shape, order: Order, offsets: Mapping[str, int], sizes: Sizes
) -> Made:
    """The plan and the module for these sizes; `offsets` are those of params and states."""
    begun = perf_counter()
    plan = make(joint, wishes(joint, shape), offsets, sizes, _options(order))
    planned = perf_counter()
    emitted = module(joint, plan, order)
    return Made(plan, emitted, {"plan": planned - begun, "emit": perf_counter() - planned})


def module(
    joint: Joint, plan: Plan, order: Order, lines: bool = False, timed: bool = False
) -> Emitted:
    """The module of a plan."""
    form = Form(order.simd, order.teams > 1, order.in_order, order.without)
    return emit(joint, plan, prelude(), exports(), form=form, lines=lines, timed=timed)


def _options(order: Order) -> Options:
    return Options(
        fuse="fuse" not in order.without,
        absorb="absorb" not in order.without,
        reuse="reuse" not in order.without,
        threads=order.teams,
    )


def wishes(joint: Joint, shape: Shape) -> tuple[Wish, ...]:
    """The kernels of a program: a step; or both sweeps, together and apart; or one sweep.

    What draws counts its calls: a forward sweep does, and the backward sweep is of the same call.
    """
    outputs = tuple(zip(shape.outputs, joint.outputs, strict=True))
    if not only_counts(joint):
        return (Wish("step", outputs, updates=True),)
    if not joint.gradients:
        return (Wish("forward", outputs, updates=True),)
    gradients = tuple(zip(shape.gradients, joint.gradients.values(), strict=True))
    tape = saved(joint)
    return (
        Wish("forward_backward", outputs + gradients, updates=True),
        Wish("forward", outputs, kept=tape, updates=True),
        Wish("backward", gradients, given=tape),
    )


# The face


COUNTED = frozenset(("seed", "calls"))
"""Kinds of initial values that say what a program does, not only what it begins with."""


def face(done: Compiled, declared: Mapping[str, Node], shape: Shape, own: Container[str]) -> Face:
    """What is known of a program before its sizes are; `declared` are the user's inputs, `own` the
    names of the user's params and states, whose initial values are no part of it.
    """
    joint = done.joint
    wanted = wishes(joint, shape)
    results = [n.type for w in wanted for _, n in w.results]
    leaves = [*joint.graph.leaves(PARAM), *joint.graph.leaves(STATE)]
    states = leaves_of(done.after["update"].graph)
    return Face(
        wanted[0].name,
        tuple(_read(joint, declared)),
        tuple(_needs(joint)),
        running(joint.graph, [*results, *(n.type for n in leaves)]),
        {n: leaf for n, leaf in states.items() if n not in own or leaf[1].kind in COUNTED},
    )


def _read(joint: Joint, declared: Mapping[str, Node]) -> list[str]:
    """The inputs whose values are needed, and those that only tell a size that is needed."""
    checks = [n for n in joint.graph.nodes if n.op.effect == "assert"]
    order = joint.graph.order(*joint.roots, *checks)
    read = {n.name for n in order if n.op is INPUT}
    sizes = {
        name
        for n in order
        for dim in (*n.types[0].shape, n.attrs.get("dim", 0))
        for name in dim_names(dim)
    }
    sizes -= {name for n in order if n.op is INPUT for name in n.type.names()}
    for name, node in declared.items():
        if not sizes.isdisjoint(node.type.names()):
            read.add(name)
            sizes -= node.type.names()
    return [name for name in declared if name in read]


def _needs(joint: Joint) -> dict[Size, Node]:
    """Sizes that slices need to be 0 or more, which only the data can tell, and the first slice
    that needs each.
    """
    slices = [n for n in joint.graph.order(*joint.roots) if n.op.name == "slice"]
    needs = [(dim, n) for n in slices for dim in slice_needs(n.args[0].shape, **n.attrs)]
    return {dim: n for dim, n in reversed(needs) if isinstance(dim, Size)}


def sliced(joint: Joint, dim: Size) -> Node:
    """The first slice that needs this size to be 0 or more."""
    return _needs(joint)[dim]


# The layout


def layout(plan: Plan, emitted: Emitted) -> Layout:
    """What the runtime needs to know of a plan and its module."""
    text, parts = emitted.text, emitted.parts
    begins = {name: text.index(part) for name, part in parts.items()}
    return Layout(
        title=plan.title,
        results={name: tuple(map(_result, p.results)) for name, p in plan.parts.items()},
        sizes=Sizes(plan.sizes.bound, plan.sizes.running),
        inputs={node.name or "": ident for node, ident in emitted.inputs.items()},
        words=dict(emitted.sizes),
        entries={name: _entry(door) for name, door in emitted.doors.items()},
        feed={node.name or "": slot.offset for node, slot in plan.feed.items()},
        feed_bytes=plan.feed_bytes,
        out_bytes=plan.out_bytes,
        shared_bytes=plan.work_bytes,
        own=emitted.own,
        panel=panel_bytes(plan) if "step" in plan.parts else 0,
        checked=bool(plan.checks),
        spans={name: (at, at + len(parts[name])) for name, at in begins.items()},
    )


def _result(result: Planned) -> Result:
    slot = result.slot
    return Result(result.name, result.node.type, slot.arena, slot.offset, result.returned)


def _entry(door: Function) -> Entry:
    arguments = {p.name: p.kind for p in door.params}
    signature = SHARED if door.shared else ""
    return Entry(door.name, arguments, door.signature, door.kernel, door.shared, signature)


def constants(plan: Plan) -> np.ndarray:
    """The data arena: constants with axes."""
    data = block(plan.data_bytes)
    for node, slot in plan.data.items():
        view(data, slot.offset, node.value.dtype, node.value.shape)[...] = node.value
    return data


__all__ = ["Made", "constants", "face", "layout", "made", "module", "sliced", "table"]
