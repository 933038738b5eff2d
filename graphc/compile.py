"""The compiler on one screen: a list of passes from the user's graph to a program; every one prints
and can be left out.

model -> take -> group -> stabilise -> differentiate -> update -> simplify -> expand -> share ->
keep -> settle
      -> plan -> emit -> load -> Program
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from graphc.emit.module import Emitted, emit
from graphc.emit.text import exports, prelude
from graphc.errors import GraphError, UsageError
from graphc.grad import backward
from graphc.graph import INPUT, PARAM, STATE, Graph, Node
from graphc.joint import Joint
from graphc.ops.pieces import slice_needs
from graphc.plan import table
from graphc.plan.keep import checked_keep, keep
from graphc.plan.make import Options, Wish, make, saved
from graphc.plan.plan import Plan
from graphc.plan.settle import settle
from graphc.plan.sizes import Sizes, running
from graphc.rules.passes import expand, group, share, simplify, stabilise, take
from graphc.runtime.arena import State, leaves_of
from graphc.runtime.feeds import Door
from graphc.runtime.finite import Guard, checked_debug
from graphc.runtime.load import Loaded, load
from graphc.runtime.program import Program, Shape
from graphc.runtime.special import Special, constants
from graphc.runtime.target import blas, register_bytes, target
from graphc.runtime.team import threads as thread_count
from graphc.show import expression
from graphc.types import Size, dim_names

Pass = Callable[[Joint], Joint]


@dataclass(frozen=True)
class Order:
    """What is asked of the compiler."""

    wrt: tuple[str | Node, ...] = ()
    updates: Callable[[Joint], Joint] | None = None
    disconnected: str = "error"
    without: frozenset[str] = frozenset()
    jit: bool = True
    debug: str | None = None
    form: str = "fast"
    threads: int | None = None
    in_order: bool = False
    keep: str | int = "all"

    @property
    def simd(self) -> int:
        """The bytes of the registers that loops run over; 0 for loops over scalars."""
        return register_bytes() if self.form == "fast" else 0


def differentiate(joint: Joint, disconnected: str) -> Joint:
    """The joint with the gradients of its first output with respect to `wrt`."""
    found = backward(joint.outputs[0], joint.wrt, disconnected=disconnected)
    return replace(joint, gradients=dict(zip(joint.wrt, found, strict=True)))


def write_down(joint: Joint) -> Joint:
    """Note what each stage says, in the user's terms, before definitions take its place."""
    joint.graph.texts.update(
        (n, expression(n)) for n in joint.graph.nodes if not n.is_leaf and n.backward_of is None
    )
    return joint


def passes(order: Order) -> list[tuple[str, Pass]]:
    """The passes over the graph, in order, by name; those named in `without` are left out."""
    wanted: list[tuple[str, Pass]] = [
        ("take", take),
        ("group", group),
        ("stabilise", stabilise),
        (
            "differentiate",
            lambda joint: differentiate(joint, order.disconnected) if joint.wrt else joint,
        ),
        ("update", order.updates or (lambda joint: joint)),
        ("simplify", simplify),
        ("write_down", write_down),
        ("expand", expand),
        ("share", share),
        ("keep", lambda joint: keep(joint, order.keep)),
        ("settle", settle),
    ]
    return [(name, run) for name, run in wanted if name not in order.without]


OPTIONAL = ("group", "stabilise", "simplify", "share", "fuse", "absorb", "reuse")
"""The passes that may be switched off by name."""


@dataclass(frozen=True)
class Compiled:
    """A joint after its last pass, the one that each pass left, by name, and what it took."""

    joint: Joint
    after: Mapping[str, Joint]
    seconds: Mapping[str, float]


def transform(joint: Joint, order: Order) -> Compiled:
    """Run the passes over a graph."""
    after, seconds = {}, {}
    with collector_at_rest():
        for name, run in passes(order):
            begun = perf_counter()
            joint = after[name] = run(joint)
            seconds[name] = perf_counter() - begun
    return Compiled(joint, after, seconds)


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """No garbage collection inside: graphs only grow there, and it took half of the time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def compile(
    outputs: Graph | Node | str | Sequence[Node | str],
    wrt: Iterable[Node | str] | None = None,
    *,
    graph: Graph | None = None,
    seed: int | None = 0,
    state: State | None = None,
    disconnected: str = "error",
    without: Iterable[str] = (),
    jit: bool = True,
    debug: str | None = None,
    form: str = "fast",
    threads: int | None = None,
    deterministic: bool = False,
    keep: str | int = "all",
) -> Program:
    """A program that computes stages of a graph, with `wrt` also the gradients of the first (a
    scalar).

    One stage in, one value out; a list in, a list out; of a Graph its outputs. `seed` draws the
    params' initial values unless `state` brings them. How it is compiled, see Note [Options].
    Raises GraphError, ShapeError or DTypeError about the graph, UsageError about the arguments.
    """
    if isinstance(outputs, Graph):
        graph, outputs = outputs, results_of(outputs)
    single = isinstance(outputs, (Node, str))
    wanted: list[Node | str] = [outputs] if isinstance(outputs, (Node, str)) else list(outputs)
    graph = graph or graph_of(wanted)
    nodes = [graph.node(n) for n in wanted]
    targets = [graph.node(n) for n in (wrt or ())]
    order = Order(
        disconnected=disconnected,
        without=left_out(without),
        jit=jit,
        debug=checked_debug(debug),
        form=checked_form(form),
        threads=threads,
        in_order=deterministic,
        keep=checked_keep(keep),
    )
    joint = Joint(graph, tuple(nodes), tuple(targets))
    names = _names(nodes, "output"), _names(targets, "input")
    done = transform(joint, order)
    return assemble(
        graph,
        done,
        order,
        Shape(names[0], names[1], single),
        state or State(leaves_of(graph), seed),
    )


def results_of(graph: Graph) -> Node | list[Node]:
    """The outputs of a graph, alone for a single one; raises UsageError when it has none."""
    if not graph.outputs:
        raise UsageError(
            f"the graph {graph.title!r} has no outputs",
            hint="compile one of its stages: gr.compile(g['loss'])",
        )
    found = list(graph.outputs.values())
    return found[0] if len(found) == 1 else found


def graph_of(nodes: Sequence[Any]) -> Graph:
    """The graph of the first node; raises UsageError when there is none."""
    found = next((n.graph for n in nodes if isinstance(n, Node)), None)
    if found is None:
        raise UsageError("compile needs a stage, or names together with graph=")
    return found


def left_out(without: Iterable[str]) -> frozenset[str]:
    """The names of passes to leave out; raises UsageError for one that cannot be."""
    names = frozenset([without] if isinstance(without, str) else without)
    for name in names - set(OPTIONAL):
        raise UsageError(
            f"no pass is named {name!r}", hint=f"those that can be left out: {', '.join(OPTIONAL)}"
        )
    return names


FORMS = ("fast", "plain")


def checked_form(form: str) -> str:
    """The form as it is; raises UsageError for one that there is not."""
    if form not in FORMS:
        raise UsageError(f"form is {form!r}", hint=f"there are {' and '.join(map(repr, FORMS))}")
    return form


def _names(nodes: Sequence[Node], kind: str) -> tuple[str, ...]:
    return tuple(n.name or f"{kind}{i}" for i, n in enumerate(nodes))


def assemble(graph: Graph, done: Compiled, order: Order, shape: Shape, state: State) -> Program:
    """The program of a transformed joint; `graph` is the user's, whose declared inputs may all be
    fed.
    """
    joint = done.joint
    declared = {n.name or "": n for n in graph.leaves(INPUT)}
    door = Door(declared, _read(joint, declared), state, _needs(joint))
    wishes = _wishes(joint, shape)
    compiler = _Specialiser(joint, wishes, order, state)
    program = Program(shape, door, state, compiler, wishes[0].name)
    program.after, program.fired = done.after, joint.fired
    program.weave = lambda plan: compiler.emit(plan, lines=True)
    program.timed, program.seconds, program.form = compiler.timed, done.seconds, order.form
    program.guard = Guard(done.after["write_down"], state) if order.debug else None
    return program


def _read(joint: Joint, declared: Mapping[str, Node]) -> list[str]:
    """The inputs whose values are needed, and those that only tell a size that is needed."""
    order = joint.graph.order(*joint.roots)
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


def _needs(joint: Joint) -> list[tuple[Node, Size]]:
    """Sizes that a slice needs to be 0 or more, which only the data can tell."""
    slices = [n for n in joint.graph.order(*joint.roots) if n.op.name == "slice"]
    needs = [(n, dim) for n in slices for dim in slice_needs(n.args[0].shape, **n.attrs)]
    return [(n, dim) for n, dim in needs if isinstance(dim, Size)]


def _wishes(joint: Joint, shape: Shape) -> tuple[Wish, ...]:
    """The kernels of a program: a step; or both sweeps, together and apart; or one sweep."""
    outputs = tuple(zip(shape.outputs, joint.outputs, strict=True))
    if joint.updates:
        return (Wish("step", outputs, updates=True),)
    if not joint.gradients:
        return (Wish("forward", outputs),)
    gradients = tuple(zip(shape.gradients, joint.gradients.values(), strict=True))
    tape = saved(joint)
    return (
        Wish("forward_backward", outputs + gradients),
        Wish("forward", outputs, kept=tape),
        Wish("backward", gradients, given=tape),
    )


class _Specialiser:
    """Makes the specialisation of a joint for given sizes."""

    def __init__(self, joint: Joint, wishes: Sequence[Wish], order: Order, state: State) -> None:
        self.joint, self.wishes, self.order, self.state = joint, wishes, order, state
        results = [n.type for w in wishes for _, n in w.results]
        leaves = [*joint.graph.leaves(PARAM), *joint.graph.leaves(STATE)]
        self.running = running(joint.graph, [*results, *(n.type for n in leaves)])

    def __call__(self, sizes: Mapping[str, int], before: Special | None) -> Special:
        """Plan, emit and load for these sizes; what grew beyond an older specialisation grows with
        room to spare.
        """
        fitting = self._sizes(sizes, before)
        with collector_at_rest():
            begun = perf_counter()
            plan = make(self.joint, self.wishes, self.state.offsets, fitting, self._options())
            planned = perf_counter()
            emitted = self.emit(plan)
            seconds = {"plan": planned - begun, "emit": perf_counter() - planned}
        count, data = thread_count(self.order.threads), constants(plan)
        loaded = _loaded(plan, emitted)
        return Special(plan, emitted, loaded, self.order.jit, data, count, seconds=seconds)

    def timed(self, special: Special) -> Special:
        """The same specialisation with the clock read between its statements, made once."""
        if special.timed is None:
            emitted = self.emit(special.plan, timed=True)
            loaded = _loaded(special.plan, emitted)
            special.timed = replace(
                special, emitted=emitted, loaded=loaded, entries={}, run=None, seconds={}
            )
        return special.timed

    def emit(self, plan: Plan, lines: bool = False, timed: bool = False) -> Emitted:
        """The module of a plan."""
        order = self.order
        teams = order.form == "fast" and thread_count(order.threads) > 1
        return emit(
            self.joint, plan, prelude(), exports(), lines=lines, simd=order.simd, teams=teams,
            in_order=order.in_order, timed=timed,
        )  # fmt: skip

    def _options(self) -> Options:
        return Options(
            fuse="fuse" not in self.order.without,
            absorb="absorb" not in self.order.without,
            reuse="reuse" not in self.order.without,
            threads=thread_count(self.order.threads) if self.order.form == "fast" else 0,
        )

    def _sizes(self, sizes: Mapping[str, int], before: Special | None) -> Sizes:
        bound = dict(sizes)
        for name in self.running & set(sizes):
            old = before.plan.sizes.bound[name] if before else 0
            bound[name] = (
                max(sizes[name], min(2 * old, 2 * sizes[name]))
                if old and sizes[name] > old
                else max(sizes[name], 1)
            )
        return Sizes(bound, self.running & set(sizes))


def _loaded(plan: Plan, emitted: Emitted) -> Loaded:
    name = _safe_name(plan.title)
    return load(emitted.text, name, prelude(), target=target(), libraries=blas())


def _safe_name(title: str) -> str:
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in title).strip("_").lower()
    return (kept if kept[:1].isalpha() else f"graph_{kept}".rstrip("_"))[:40]


__all__ = ["GraphError", "compile", "table"]

# Note [Options]
#
# without        names passes to leave out, of OPTIONAL
# jit            False runs the same emitted source as plain Python
# debug          "nan": a call whose result is not finite raises NonFiniteError, which tells the
#                stage
# form           "fast", with SIMD registers and threads, or "plain", loops and scalars, as a
#                lecture shows them
# keep           what the backward sweep finds of the forward sweep: "all" stored; "auto", computed
#                again where that costs less than moving it; or a number, the bytes that may be held
# threads        how many share the work of large kernels: one for each core, unless told here, by
#                GRAPHC_NUM_THREADS or by OMP_NUM_THREADS
# deterministic  nothing is added up over threads: the same results for every number of them
