"""A joint and what is asked in, its program out: by the passes, or by what the cache knows of them.

What the cache does not know is made, and remembered once it went well. What it knows runs without
the passes, which run when somebody asks for what they leave: a plan, a trace, an error's stage.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from graphc import collector
from graphc.contents import digest
from graphc.emit.text import prelude
from graphc.gates.hooks import HOOKS
from graphc.graph import EMPTY, INPUT, OPS, Graph, Node
from graphc.joint import Joint
from graphc.plan.sizes import Sizes
from graphc.runtime.arena import State, block, leaves_of
from graphc.runtime.feeds import Door
from graphc.runtime.known import key_of, recall, remember
from graphc.runtime.layout import WRONG, Face, Layout
from graphc.runtime.load import Loaded, load
from graphc.runtime.program import Program
from graphc.runtime.special import Shape, Special
from graphc.runtime.target import blas, target
from graphc.types import Size

if TYPE_CHECKING:
    from graphc.emit.module import Emitted
    from graphc.made import Made
    from graphc.order import Compiled, Order
    from graphc.plan.plan import Plan

OURS = frozenset((*OPS.values(), *HOOKS))
"""The operations that graphc itself brings along: their names tell what they are."""


def program(recipe: Recipe, state: State | None = None, seed: int | None = 0) -> Program:
    """The program of a recipe; `seed` draws the params' initial values unless `state` brings them.

    Raises what the passes raise about the graph, where they have to run.
    """
    face, order, graph = recipe.face, recipe.order, recipe.joint.graph
    state = state or State({**leaves_of(graph), **face.states}, seed)
    door = Door(recipe.declared, list(face.read), state, face.needs, recipe.sliced)
    found = Program(recipe.shape, door, state, _Maker(recipe, state), face.main)
    if any(init.kind == "calls" for _, init in face.states.values()):
        found.shortcut.lock = threading.RLock()  # every call is to draw other numbers
    if order.debug:
        from graphc.runtime.finite import Guard

        found.guard = Guard(recipe.done.after["write_down"], state)
    return found


class Recipe:
    """What a program is made of: its face, from the cache where that knows it; and the passes,
    which `run` runs once something wants what they leave. Unless `kept` the cache is left alone.
    """

    def __init__(
        self,
        joint: Joint,
        order: Order,
        shape: Shape,
        run: Callable[[], Compiled],
        kept: bool = True,
    ) -> None:
        self.joint, self.order, self.shape, self.run = joint, order, shape, run
        self.title = _safe_name(joint.graph.title)
        self.declared = {n.name or "": n for n in joint.graph.leaves(INPUT)}
        self._done: Compiled | None = None
        self._lock = threading.Lock()
        self.key = self.fresh_key() if kept else ""
        self.face = self._recalled() or self._faced()

    @property
    def done(self) -> Compiled:
        """The graph after its passes."""
        with self._lock:
            if self._done is None:
                self._done = self.run()
            return self._done

    def sliced(self, dim: Size) -> Node:
        """The first slice that needs this size to be 0 or more."""
        from graphc.made import sliced

        return sliced(self.done.joint, dim)

    def fresh_key(self) -> str:
        """What tells this program from others, by the graph as it is now; empty where code of the
        user's takes part, where it is watched, or where it is not compiled.
        """
        joint, order = self.joint, self.order
        if not order.jit or order.debug or (order.updates and not order.told):
            return ""
        roots = (joint.outputs, joint.wrt, *joint.updates.items())
        facts = (
            [[n.index for n in nodes] for nodes in roots], self.shape, order.told,
            order.disconnected, sorted(order.without), order.form, order.simd, order.teams,
            order.in_order, order.keep, order.training,
        )  # fmt: skip
        try:
            return key_of(digest(joint.graph), repr(facts)) if _is_ours(joint.graph) else ""
        except TypeError:  # something among the attributes that has no text
            return ""

    def _recalled(self) -> Face | None:
        found = recall(self.title, "face", self.key) if self.key else None
        try:
            return Face.from_json(found[0]) if found else None
        except WRONG:
            return None

    def _faced(self) -> Face:
        from graphc.made import face

        found = face(self.done, self.declared, self.shape, leaves_of(self.joint.graph))
        if self.key:
            remember(self.title, "face", self.key, found.to_json())
        return found


def _is_ours(graph: Graph) -> bool:
    """Whether no operation is the user's own."""
    inner = (v for n in graph.nodes for v in n.attrs.values() if isinstance(v, Graph))
    return all(n.op in OURS for n in graph.nodes) and all(map(_is_ours, inner))


class _Maker:
    """Makes the specialisations of a recipe over a state, for given sizes."""

    def __init__(self, recipe: Recipe, state: State) -> None:
        self.recipe, self.state, self.form = recipe, state, recipe.order.form

    @property
    def done(self) -> Compiled:
        """The graph after its passes."""
        return self.recipe.done

    def __call__(self, sizes: Mapping[str, int], before: Special | None) -> Special:
        """Lay out and load for these sizes; what grew beyond an older specialisation grows with
        room to spare.
        """
        fitting = self._sizes(sizes, before)
        return self._recalled(fitting) or self._fresh(fitting)

    def _key(self, sizes: Sizes) -> str:
        facts = (sorted(sizes.bound.items()), sorted(self.state.offsets.items()))
        return key_of(self.recipe.key, repr(facts))

    def _recalled(self, sizes: Sizes) -> Special | None:
        """The specialisation that the cache knows; None where there is none."""
        title, key = self.recipe.title, self.recipe.key and self._key(sizes)
        found = recall(title, "layout", key) if key else None
        try:
            layout = Layout.from_json(found[0]["layout"]) if found else None
            if found is None or layout is None:
                return None
            data = block(len(found[1]))
            data[: len(found[1])] = np.frombuffer(found[1], np.uint8)
            return self._special(layout, found[0]["text"], data, lambda: self._pair(sizes))
        except WRONG:
            return None

    def _fresh(self, sizes: Sizes) -> Special:
        from graphc.made import constants, layout

        made = self._made(sizes)
        found, data = layout(made.plan, made.emitted), constants(made.plan)
        special = self._special(
            found, made.emitted.text, data, lambda: (made.plan, made.emitted), made.seconds
        )
        if self.recipe.key and self.recipe.key == self.recipe.fresh_key():
            record = {"layout": found.to_json(), "text": made.emitted.text}
            content = data.tobytes() if made.plan.data_bytes else b""
            remember(self.recipe.title, "layout", self._key(sizes), record, content)
        return special

    def _made(self, sizes: Sizes) -> Made:
        """The plan and the module for these sizes."""
        from graphc.made import made

        recipe = self.recipe
        with collector.at_rest():
            return made(recipe.done.joint, recipe.shape, recipe.order, self.state.offsets, sizes)

    def _pair(self, sizes: Sizes) -> tuple[Plan, Emitted]:
        found = self._made(sizes)
        return found.plan, found.emitted

    def _special(
        self,
        layout: Layout,
        text: str,
        data: np.ndarray,
        make: Callable[[], tuple[Plan, Emitted]],
        seconds: Mapping[str, float] = EMPTY,
    ) -> Special:
        loaded, order = self._loaded(text), self.recipe.order
        return Special(layout, loaded, make, order.jit, data, order.count, seconds=dict(seconds))

    def _loaded(self, text: str) -> Loaded:
        return load(text, self.recipe.title, prelude(), target=target(), libraries=blas())

    def timed(self, special: Special) -> Special:
        """The same specialisation with the clock read between its statements, made once."""
        from graphc.made import layout, module

        if special.timed is None:
            plan = special.plan
            emitted = module(self.done.joint, plan, self.recipe.order, timed=True)
            special.timed = replace(
                special, layout=layout(plan, emitted), make=lambda: (plan, emitted),
                loaded=self._loaded(emitted.text), entries={}, run=None, seconds={},
            )  # fmt: skip
        return special.timed

    def woven(self, special: Special) -> Emitted:
        """The module with the user's files and lines."""
        from graphc.made import module

        return module(self.done.joint, special.plan, self.recipe.order, lines=True)

    def _sizes(self, sizes: Mapping[str, int], before: Special | None) -> Sizes:
        bound, running = dict(sizes), self.recipe.face.running & set(sizes)
        for name in running:
            old = before.layout.sizes.bound[name] if before else 0
            bound[name] = (
                max(sizes[name], min(2 * old, 2 * sizes[name]))
                if old and sizes[name] > old
                else max(sizes[name], 1)
            )
        return Sizes(bound, running)


def _safe_name(title: str) -> str:
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in title).strip("_").lower()
    return (kept if kept[:1].isalpha() else f"graph_{kept}".rstrip("_"))[:40]
