"""A loss and an optimiser in, a compiled training step out: both sweeps and the update in one
kernel.

Every new value is computed of the old state. Whatever a step needs from call to call is state,
which programs compiled from the step share.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.compile import checked_debug, checked_form, left_out, prepared, results_of
from graphc.compile import compile as compile_program
from graphc.define import free_scope
from graphc.errors import GraphError, MissingError, UsageError
from graphc.graph import PARAM, STATE, Graph, Node
from graphc.joint import Joint
from graphc.ops import astype
from graphc.order import Order
from graphc.runtime.arena import State, entropy
from graphc.runtime.program import Program
from graphc.runtime.special import Shape
from graphc.train import files
from graphc.train.epoch import Pass, Rows, check_count, rows_of
from graphc.train.fit import Callback, Fit, History, Metric
from graphc.train.fit import train as fit
from graphc.train.optim import COUNTER, Optimizer, stored, told, updating

if TYPE_CHECKING:
    from pathlib import Path

    from graphc.plan.plan import Plan
    from graphc.runtime.profile import Profile
    from graphc.tracing import Trace

Stage = Node | str


def compile_step(
    loss: Graph | Stage,
    *,
    optimizer: Optimizer,
    outputs: Sequence[Stage] = (),
    updates: Mapping[Stage, Any] | None = None,
    train: Iterable[Stage] | Stage | None = None,
    graph: Graph | None = None,
    seed: int | None = 0,
    disconnected: str = "error",
    without: Iterable[str] = (),
    jit: bool = True,
    debug: str | None = None,
    form: str = "fast",
    threads: int | None = None,
    deterministic: bool = False,
    keep: str | int = "all",
) -> Step:
    """A training step: the loss, its gradients and the update of what is trained, in one kernel.

    `outputs` are further stages to give back, `updates` new values of states (or of params that are
    not trained), beside the graph's own, `train` the params to train: all unless told otherwise. A
    param that the loss does not depend on is an error; `disconnected="zero"` leaves it as it is.
    `seed` draws initial values and the order of shuffled rows. How it is compiled (`without`,
    `jit`, `debug`, `form`, `threads`, `deterministic`, `keep`) is as for compile.
    Raises GraphError, ShapeError or DTypeError about the graph, UsageError about the arguments.
    """
    if isinstance(loss, Graph):
        graph, loss = loss, _single(loss)
    graph = _graph(loss, graph)
    if not isinstance(optimizer, Optimizer):
        hint = "gr.optim.SGD(lr=0.1)"
        raise UsageError(f"an optimizer is wanted, not {type(optimizer).__name__}", hint=hint)
    wanted = [graph.node(n) for n in (loss, *outputs)]
    trained = _trained(graph, wanted[0], train, disconnected)
    news = {**_own_updates(graph, wanted), **(updates or {})}
    joint = Joint(graph, tuple(wanted), trained, updates=_updates(graph, news, trained))
    scope = free_scope(graph, "optimizer")
    order = Order(
        updates=updating(optimizer, scope), told=told(optimizer, scope),
        disconnected=disconnected, without=left_out(without), jit=jit, debug=checked_debug(debug),
        form=checked_form(form), threads=threads, in_order=deterministic, keep=keep,
        training=True,
    )  # fmt: skip
    names = tuple(n.name or f"output{i}" for i, n in enumerate(wanted))
    try:
        program = prepared(joint, order, Shape(names, (), len(wanted) == 1), seed=seed)
    except GraphError as error:
        raise _told(error) from None
    return Step(graph, wanted[0], program, optimizer, scope, order, seed)


def _single(graph: Graph) -> Node:
    found = results_of(graph)
    if isinstance(found, list):
        raise UsageError(
            f"the graph {graph.title!r} has {len(found)} outputs, and a loss is one stage",
            hint="gr.compile_step(g['loss'], ...)",
        )
    return found


def _graph(loss: Stage, graph: Graph | None) -> Graph:
    if isinstance(loss, Node):
        return graph or loss.graph
    if graph is None:
        raise UsageError("compile_step needs the stage of the loss, or its name with graph=")
    return graph


def _trained(
    graph: Graph, loss: Node, train: Iterable[Stage] | Stage | None, disconnected: str
) -> tuple[Node, ...]:
    """The params to train; raises UsageError for what is no param, or when there is none."""
    if train is None:
        found = graph.leaves(PARAM)
        reached = set(graph.order(loss))
        found = [p for p in found if p in reached or disconnected == "error"]
    else:
        names = [train] if isinstance(train, (Node, str)) else train
        found = list(dict.fromkeys(graph.node(n) for n in names))
    for node in found:
        if node.op is not PARAM:
            raise UsageError("only a param can be trained", subject=node.label)
    if not found:
        raise UsageError("there is no param to train")
    return tuple(found)


def _own_updates(graph: Graph, wanted: Sequence[Node]) -> dict[Stage, Any]:
    """The new values that the graph itself has for states that are read."""
    read = set(graph.order(*wanted)) if graph.updates else set()
    return {state: value for state, value in graph.updates.items() if state in read}


def _updates(
    graph: Graph, updates: Mapping[Stage, Any], trained: Sequence[Node]
) -> dict[Node, Node]:
    """The user's new values by leaf; raises UsageError for what keeps no value or is trained."""
    found = {}
    for key, value in updates.items():
        leaf = graph.node(key)
        if leaf.op not in (PARAM, STATE):
            raise UsageError("only a state or a param has a new value", subject=leaf.label)
        if leaf in trained:
            sentence = "it is trained, so updates= cannot set it"
            raise UsageError(sentence, subject=leaf.label, hint="leave it out of train=[...]")
        node = graph.node(value) if isinstance(value, str) else graph.lift((leaf, value))[1]
        found[leaf] = stored(leaf, _cast(leaf, graph.node(node)))
    return found


def _cast(leaf: Node, node: Node) -> Node:
    """The value in the leaf's element type, where NumPy would cast it so in place."""
    same_kind = np.can_cast(node.type.numpy, leaf.type.numpy, "same_kind")
    return astype(node, leaf.dtype) if same_kind else node


def _told(error: GraphError) -> GraphError:
    """An error of differentiation in the words of training."""
    if error.code == "G506":
        error.hint = "leave it out of train=[...], or allow it with disconnected='zero'"
    error.about(error.subject)
    return error


class Step:
    """A compiled training step: `step(X=xb, t=tb)` trains on a batch and gives back its loss.

    `step.lr` and the optimiser's other numbers are read and set as attributes, without compiling.
    A step belongs to one thread at a time; others that call it wait.
    """

    def __init__(
        self,
        graph: Graph,
        loss: Node,
        program: Program,
        optimizer: Optimizer,
        scope: str,
        order: Order,
        seed: int | None,
    ) -> None:
        self._graph, self._loss, self._program = graph, loss, program
        self._optimizer, self._order = optimizer, order
        self._numbers = {name: f"{scope}.{name}" for name in optimizer.numbers()}
        self._counter = f"{scope}.{COUNTER}"
        self._random = np.random.default_rng(np.random.SeedSequence(entropy(seed), spawn_key=(1,)))
        self._lock = threading.RLock()
        program.answers(self, self._lock)

    # Training

    def __call__(self, feeds: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """Train on one batch; its loss, or with `outputs` a list of the loss and those.

        Raises FeedError, DTypeError, ShapeError for what is fed, and LabelError for an index out of
        range, all before anything is changed.
        """
        return self._program(feeds, **named)

    def epoch(self, data: Mapping[str, Any], batch_size: int, shuffle: bool = False) -> float:
        """Train on all rows once, batch by batch in compiled code; the mean loss over the rows.

        The last batch has the rows that are left. `shuffle` draws an order from the step's own
        generator. Raises ShapeError where row counts differ, UsageError for a batch size below 1,
        LabelError for an index out of range: batches before that one have been trained on.
        """
        rows = rows_of(self._program, data)
        (_, loss), *_ = self.train_on(rows, check_count("batch_size", batch_size), shuffle)
        return loss

    def train_on(self, rows: Rows, size: int, shuffle: bool) -> list[tuple[str, float]]:
        """One epoch over rows that are checked; the means of all scalar results, the loss first."""
        with self._lock:
            order = self._random.permutation(len(rows)) if shuffle else None
            return Pass(self._program, "step", rows, size, order, self._counter).run()

    def fit(
        self,
        data: Mapping[str, Any],
        epochs: int = 1,
        batch_size: int = 32,
        shuffle: bool = True,
        validation: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Metric] | None = None,
        callbacks: Iterable[Callback] = (),
        verbose: bool | None = None,
    ) -> History:
        """Train for several epochs; their history: epoch, loss, val_loss, metrics, seconds.

        After each epoch the loss over the rows of `validation` is taken without training. A metric
        is a scalar stage, averaged over those rows (or over `data`), or a function of the step. A
        callback is called with the step and the epoch's row; it ends the training by returning
        False or raising StopIteration. `verbose` writes a line about each epoch to stderr; unless
        told otherwise where that is a terminal. Raises what `epoch` raises.
        """
        asked = Fit(
            check_count("epochs", epochs), check_count("batch_size", batch_size), shuffle,
            metrics or {}, tuple(callbacks), verbose,
        )  # fmt: skip
        return fit(self, data, validation, asked)

    def compile(
        self, outputs: Stage | Sequence[Stage], wrt: Iterable[Stage] | Stage | None = None, *,
        training: bool = False,
    ) -> Program:  # fmt: skip
        """A program for other stages of the graph that shares this step's params and state.

        Dropout drops nothing in it, unless `training`.
        Raises UsageError for a param that came into the graph after the step was compiled.
        """
        single = isinstance(outputs, (Node, str))
        wanted: Any = [outputs] if single else outputs
        nodes = [self._graph.node(n) for n in wanted]
        for leaf in self._graph.order(*nodes):
            if leaf.op in (PARAM, STATE) and leaf.name not in self.params:
                raise UsageError(
                    "it came into the graph after the step was compiled", subject=leaf.label
                )
        order = self._order
        return compile_program(
            nodes[0] if single else nodes, wrt, graph=self._graph, state=self.params,
            without=order.without, jit=order.jit, debug=order.debug, form=order.form,
            threads=order.threads, deterministic=order.in_order, keep=order.keep,
            training=training,
        )  # fmt: skip

    # State

    @property
    def params(self) -> State:
        """Params, states and what the optimiser keeps, by name: live views; assigning copies in."""
        return self._program.params

    @property
    def seed(self) -> int:
        """What gr.random and dropout draw from; setting it also begins anew.

        Raises UsageError where nothing is drawn, or for what is no whole number.
        """
        return self.params.seed

    @property
    def steps(self) -> int:
        """How many steps have been taken."""
        return int(self.params[self._counter])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything that training goes on from to an .npz file, whole or not at all.

        That is params, states, the optimiser's memory and numbers, and the generator of shuffled
        orders. Raises DataError when the file cannot be written.
        """
        with self._lock:
            files.save(path, self.params, self._random)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Go on from what `save` wrote, bit for bit.

        Raises DataError, and changes nothing, for a file that cannot be read or does not fit: all
        names that are missing, unknown or of another type are told at once.
        """
        with self._lock:
            self._random = files.load(path, self.params)

    def __getattr__(self, name: str) -> float:
        if name.startswith("_") or name not in self._numbers:
            raise self._missing(name)
        return float(self.params[self._numbers[name]])

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        elif name in self._numbers:
            self.params[self._numbers[name]] = value
        elif name == "seed":
            self.params.seed = value
        else:
            raise self._missing(name)

    def _missing(self, name: str) -> MissingError:
        numbers = ", ".join(self.__dict__.get("_numbers", ()))
        return MissingError(f"a step has no {name!r}; its optimiser's numbers are {numbers}")

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *self._numbers]

    # Looking at it

    @property
    def plan(self) -> Plan:
        """The plan of the latest specialisation; prints itself."""
        return self._program.plan

    @property
    def path(self) -> str:
        """The file of the module that trains."""
        return self._program.path

    @property
    def loss(self) -> Node:
        """The stage that is trained on."""
        return self._loss

    @property
    def program(self) -> Program:
        """The program that a call runs."""
        return self._program

    def source(self, part: str | None = None) -> str:
        """The emitted module, or one function of it: "step", "epoch", "epoch_shuffled"."""
        return self._program.source(part)

    def profile(
        self, feeds: Mapping[str, Any] | None = None, /, *, repeats: int | None = None, **named: Any
    ) -> Profile:
        """Where the time of a step on this batch goes, stage by stage; nothing is trained.

        `repeats`, and what it raises, are as for a program.
        """
        with self._lock:
            return self._program.profile(feeds, repeats=repeats, **named)

    def trace(self, feeds: Mapping[str, Any] | None = None, /, **named: Any) -> Trace:
        """Every stage with this batch: value, upstream gradient, local gradients; nothing is
        trained.
        """
        with self._lock:
            return self._program.trace(feeds, **named)

    def dump(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write everything there is to see into a folder; the paths."""
        return self._program.dump(folder)

    def report(self) -> str:
        """What the compiler did, on one page."""
        return self._program.report()

    def llvm(self, part: str | None = None) -> str:
        """The optimised LLVM code of a function."""
        return self._program.llvm(part)

    def asm(self, part: str | None = None) -> str:
        """The machine's assembly of a function."""
        return self._program.asm(part)

    def __repr__(self) -> str:
        return f"<Step {self._graph.title!r}: {self._optimizer}, {self.steps} steps taken>"
