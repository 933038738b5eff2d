"""A step and data in, epochs of training and their history out.

What fit does beyond epochs, it does between them: validation, metrics, callbacks, a line to read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol, TextIO

from graphc.errors import ShapeError
from graphc.graph import Node
from graphc.runtime.program import Program
from graphc.train.epoch import Pass, Rows, rows_of

Row = dict[str, float]
Metric = Node | str | Callable[[Any], float]
Callback = Callable[[Any, Row], Any]


class Trained(Protocol):
    """What fit asks of a step."""

    @property
    def program(self) -> Program:
        """The program that trains."""

    @property
    def loss(self) -> Node:
        """The stage that is trained on."""

    def compile(self, outputs: list[Node]) -> Program:
        """A program for other stages, over the same state."""

    def train_on(self, rows: Rows, size: int, shuffle: bool) -> list[tuple[str, float]]:
        """One epoch: the means of the step's scalar results, the loss first."""


class History(list[Row]):
    """The epochs of a training, one dict each; `history["loss"]` is a column over all of them."""

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self[0]) if self else []

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return [row[key] for row in self]
        return super().__getitem__(key)

    def __str__(self) -> str:
        lines = ["  ".join(f"{name:>12}" for name in self.columns)]
        lines += ["  ".join(f"{value:>12.6g}" for value in row.values()) for row in self]
        return "\n".join(lines)


@dataclass(frozen=True)
class Fit:
    """All that one call of `fit` was asked for, but the data."""

    epochs: int
    size: int
    shuffle: bool
    metrics: Mapping[str, Metric]
    callbacks: tuple[Callback, ...]
    verbose: bool | None


def train(
    step: Trained, data: Mapping[str, Any], validation: Mapping[str, Any] | None, asked: Fit
) -> History:
    """The history of training a step; see Step.fit."""
    rows, history = rows_of(step.program, data), History()
    judge = _Judge(step, data, validation, asked)
    with progress(asked.verbose, step.program, judge.program) as say:
        for epoch in range(1, asked.epochs + 1):
            begun = perf_counter()
            (_, loss), *others = step.train_on(rows, asked.size, asked.shuffle)
            seconds = {"seconds": perf_counter() - begun}
            row = {"epoch": epoch, "loss": loss, **dict(others), **judge(), **seconds}
            history.append(row)
            say(_line(row, asked.epochs))
            if not _go_on(step, row, asked.callbacks):
                break
    return history


def _go_on(step: Trained, row: Row, callbacks: Iterable[Callback]) -> bool:
    """Call all of them; whether none wants to stop."""
    wishes = [_called(callback, step, row) for callback in callbacks]
    return all(wishes)


def _called(callback: Callback, step: Trained, row: Row) -> bool:
    try:
        return callback(step, row) is not False
    except StopIteration:
        return False


class _Judge:
    """Computes the columns that need no training: the loss over validation rows, and metrics."""

    program: Program | None = None

    def __init__(
        self,
        step: Trained,
        data: Mapping[str, Any],
        validation: Mapping[str, Any] | None,
        asked: Fit,
    ) -> None:
        self.step, self.size = step, asked.size
        self.functions = {n: m for n, m in asked.metrics.items() if callable(m)}
        stages = {n: _stage(step, m) for n, m in asked.metrics.items() if not callable(m)}
        if validation is not None:
            stages = {f"val_{name}": node for name, node in {"loss": step.loss, **stages}.items()}
        self.columns = tuple(stages)
        if stages:
            self.program = step.compile(list(stages.values()))
            self.rows = rows_of(self.program, data if validation is None else validation)

    def __call__(self) -> Row:
        """The columns after an epoch."""
        row: Row = {}
        if self.program is not None:
            means = Pass(self.program, "forward", self.rows, self.size).run()
            row = {name: mean for name, (_, mean) in zip(self.columns, means, strict=True)}
        return row | {name: float(metric(self.step)) for name, metric in self.functions.items()}


def _stage(step: Trained, metric: Node | str) -> Node:
    node = step.loss.graph.node(metric)
    if node.shape:
        raise ShapeError(
            f"a metric is a scalar, this stage is {node.type}", subject=node.label,
            hint="take gr.mean(...) of it",
        )  # fmt: skip
    return node


# The line


@contextmanager
def progress(verbose: bool | None, *programs: Program | None) -> Iterator[Callable[[str], None]]:
    """What writes a line to stderr, over the one before it where that is a terminal; inside,
    programs say when they compile.
    """
    line = _Line(sys.stderr)
    wanted = line.terminal if verbose is None else verbose
    say = line.say if wanted else lambda text: None
    said = [p for p in programs if p is not None]
    for program in said:
        program.say = say
    try:
        yield say
    finally:
        for program in said:
            program.say = None
        line.end()


class _Line:
    """A line of a stream that is written anew, or lines one below the other in a file."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.width = stream, 0
        self.terminal = stream.isatty()

    def say(self, text: str) -> None:
        """Write a text in place of the one before."""
        self.stream.write(f"\r{text:<{self.width}}" if self.terminal else f"{text}\n")
        self.stream.flush()
        self.width = len(text)

    def end(self) -> None:
        """Leave the line as it stands."""
        if self.width and self.terminal:
            self.stream.write("\n")


def _line(row: Row, epochs: int) -> str:
    values = [f"{n} {v:.4g}" for n, v in row.items() if n not in ("epoch", "seconds")]
    return f"epoch {row['epoch']}/{epochs}  {'  '.join(values)}  {row['seconds']:.2f} s"
