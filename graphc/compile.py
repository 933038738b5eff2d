"""The compiler on one screen: a list of passes from the user's graph to a program; every one prints
and can be left out.

model -> take -> roll -> group -> stabilise -> differentiate -> update -> simplify -> expand ->
exact -> share -> lay -> narrow -> keep -> settle
      -> plan -> emit -> load -> Program

What the cache knows of a program is loaded, and the passes run when somebody asks for what they
leave. Note: [What is imported late].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from graphc import collector
from graphc.errors import UsageError
from graphc.grad import backward
from graphc.graph import Graph, Node
from graphc.joint import Joint
from graphc.order import Compiled, Order
from graphc.random.keys import counting
from graphc.recipe import Recipe, program
from graphc.runtime.arena import State
from graphc.runtime.program import Program
from graphc.runtime.special import Shape
from graphc.show import expression

Pass = Callable[[Joint], Joint]


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
    from graphc.plan.keep import keep
    from graphc.plan.settle import settle
    from graphc.rules.blocks import in_blocks
    from graphc.rules.exact import exact
    from graphc.rules.lay import lay
    from graphc.rules.narrow import narrow
    from graphc.rules.passes import expand, group, share, simplify, stabilise, take
    from graphc.rules.roll import roll

    wanted: list[tuple[str, Pass]] = [
        ("take", lambda joint: take(joint, order.training)),
        ("roll", roll if not order.debug else lambda joint: joint),
        ("group", group),
        ("stabilise", stabilise),
        ("blocks", lambda joint: in_blocks(joint, order.keep)),
        (
            "differentiate",
            lambda joint: differentiate(joint, order.disconnected) if joint.wrt else joint,
        ),
        ("update", lambda joint: counting(order.updates(joint) if order.updates else joint)),
        ("simplify", simplify),
        ("write_down", write_down),
        ("expand", lambda joint: expand(joint, order.training)),
        ("exact", exact),
        ("share", share),
        ("lay", lay),
        ("narrow", narrow),
        ("keep", lambda joint: keep(joint, order.keep)),
        ("settle", settle),
    ]
    return [(name, run) for name, run in wanted if name not in order.without]


OPTIONAL: tuple[str, ...] = (
    "roll",
    "group",
    "stabilise",
    "simplify",
    "share",
    "lay",
    "narrow",
    "fuse",
    "absorb",
    "reuse",
)
OPTIONAL += ("vectors", "tiles", "repeats")
"""The passes that may be switched off by name; the last three are the fast form's."""


def transform(joint: Joint, order: Order) -> Compiled:
    """Run the passes over a graph."""
    after, seconds = {}, {}
    with collector.at_rest():
        for name, run in passes(order):
            begun = perf_counter()
            joint = after[name] = run(joint)
            seconds[name] = perf_counter() - begun
    return Compiled(joint, after, seconds)


def compile(
    outputs: Graph | Node | str | Sequence[Node | str],
    wrt: Iterable[Node | str] | Node | str | None = None,
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
    training: bool = False,
) -> Program:
    """A program that computes stages of a graph, with `wrt`, one stage or several, also the
    gradients of the first (a scalar).

    One stage in, one value out; a list in, a list out; of a Graph its outputs. `seed` draws the
    params' initial values, and what gr.random draws, unless `state` brings them. How it is
    compiled, see Note [Options].
    Raises GraphError, ShapeError or DTypeError about the graph, UsageError about the arguments.
    """
    if isinstance(outputs, Graph):
        graph, outputs = outputs, results_of(outputs)
    single, wanted = isinstance(outputs, (Node, str)), told(outputs, "outputs")
    graph = graph or graph_of(wanted)
    nodes = [graph.node(n) for n in wanted]
    targets = list(dict.fromkeys(graph.node(n) for n in told(() if wrt is None else wrt, "wrt")))
    order = Order(
        disconnected=disconnected,
        without=left_out(without),
        jit=jit,
        debug=checked_debug(debug),
        form=checked_form(form),
        threads=threads,
        in_order=deterministic,
        keep=keep,
        training=training,
    )
    joint = Joint(graph, tuple(nodes), tuple(targets))
    shape = Shape(_names(nodes, "output"), _names(targets, "input"), single)
    return prepared(joint, order, shape, state, seed)


def told(stages: Any, what: str) -> list[Node | str]:
    """Stages or their names, given in a sequence or one alone; raises UsageError for no such."""
    if isinstance(stages, (Node, str)):
        return [stages]
    if not isinstance(stages, Iterable):
        raise UsageError(f"{what} are stages or their names, not {type(stages).__name__}")
    return list(stages)


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


DEBUG = ("nan",)


def checked_debug(debug: str | None) -> str | None:
    """The wish as it is; raises UsageError for an unknown one."""
    if debug is not None and debug not in DEBUG:
        hint = 'debug="nan" finds what is not finite'
        raise UsageError(f"debug={debug!r} means nothing", hint=hint)
    return debug


def assemble(graph: Graph, done: Compiled, order: Order, shape: Shape, state: State) -> Program:
    """The program of a transformed joint; `graph` is the user's, whose declared inputs may all be
    fed.
    """
    recipe = Recipe(Joint(graph, ()), order, shape, lambda: done, kept=False)
    return program(recipe, state)


def prepared(
    joint: Joint, order: Order, shape: Shape, state: State | None = None, seed: int | None = 0
) -> Program:
    """The program of a user's joint, from the cache where that knows it; `seed` draws the params'
    initial values unless `state` brings them. Raises what the passes raise about the graph.
    """
    return program(Recipe(joint, order, shape, lambda: transform(joint, order)), state, seed)


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
# training       dropout drops, and gr.when_training chooses, as in a training step
#
# Note [What is imported late]
#
# A process that runs what an earlier one compiled is to begin within a third of a second. The
# rules, the planner, lowering and the emitter are half of graphc and take as long to import as
# NumPy. So functions that need them import them, here and in `graphc.made`, which stands for all
# that comes after the passes; nothing else in graphc imports within a function but to show
# something (`graphc.runtime.look`).
