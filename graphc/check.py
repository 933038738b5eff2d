"""A gradient against central differences in float64, parameter by parameter."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.errors import UsageError
from graphc.grad import backward
from graphc.graph import CONST, INPUT, Graph, Node
from graphc.interpret import evaluate
from graphc.joint import Joint
from graphc.transforms.forward import jvp
from graphc.types import Type, shape_text

SMALL = 64
"""Values of at most so many elements are moved along every coordinate."""


@dataclass(frozen=True)
class Row:
    """One parameter: along what it was moved, how many evaluations, the largest error."""

    name: str
    shape: tuple[int, ...]
    along: str
    evaluations: int
    error: float
    ok: bool


@dataclass(frozen=True)
class Report:
    """The table of a check; true where every row is right."""

    rows: tuple[Row, ...]
    numerical: float
    analytic: float

    @property
    def ok(self) -> bool:
        """Whether every gradient agrees."""
        return all(row.ok for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        head = ("parameter", "shape", "along", "evaluations", "largest error", "")
        cells = [head, *(_cells(row) for row in self.rows)]
        wide = [max(len(r[c]) for r in cells) for c in range(len(head))]
        lines = [
            "  ".join(f"{c:<{w}}" for c, w in zip(r, wide, strict=True)).rstrip() for r in cells
        ]
        ratio = self.numerical / max(self.analytic, 1e-12)
        lines.append(
            f"numerical {self.numerical:.3g} s, analytic {self.analytic:.3g} s: {ratio:.0f} times"
        )
        return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    error = f"{row.error:.1e}"
    return (row.name, shape_text(row.shape), row.along, str(row.evaluations), error,
            "ok" if row.ok else "WRONG")  # fmt: skip


def check_gradient(
    loss: Node,
    feeds: Mapping[str, Any],
    wrt: Iterable[Node | str] | None = None,
    *,
    eps: float = 1e-6,
    tolerance: float = 1e-6,
    directions: int = 8,
    seed: int = 0,
    params: Mapping[str, Any] | None = None,
    mode: str = "reverse",
) -> Report:
    """Compare the gradient of a scalar stage with central differences, everything in float64;
    with `mode` "forward", its tangents.

    `feeds` gives the inputs, `params` the parameters where they are not to be as their
    initialisers draw them from `seed`. Values of at most 64 elements are moved along every
    coordinate by `eps`, larger ones along random directions. An error is relative to the gradient,
    to 0.001 where that is smaller. Raises what gr.grad raises.
    """
    graph = loss.graph
    targets = _targets(loss, wrt)
    joint = _doubled(Joint(graph, (loss,), tuple(targets)))
    rng = np.random.default_rng(seed)
    values = _leaf_values(joint, feeds, params or {}, rng)
    started = time.perf_counter()
    slope = _slope(joint, values, mode)
    analytic = time.perf_counter() - started
    difference = _difference(joint, values, eps)
    rows = [_row(w, slope, values[w], difference, directions, tolerance, rng) for w in joint.wrt]
    return Report(tuple(rows), time.perf_counter() - started - analytic, analytic)


def _targets(loss: Node, wrt: Iterable[Node | str] | None) -> list[Node]:
    if wrt is not None:
        return [loss.graph.node(w) for w in wrt]
    leaves = [n for n in loss.graph.order(loss) if n.is_leaf and n.type.is_float]
    params = [n for n in leaves if n.op.name == "param"]
    return params or [n for n in leaves if n.op is INPUT]


def _doubled(joint: Joint) -> Joint:
    """The same graph with float64 in place of float32."""
    graph = Graph(joint.graph.title, dtype="f64")
    to: dict[Node, Node] = {}
    for node in joint.graph.order(*joint.roots):
        with graph.told(node.where, None):
            attrs = {k: _double(v) for k, v in node.attrs.items()}
            args = tuple(to[a] for a in node.args)
            constant = node.op is CONST
            to[node] = (
                graph.constant(attrs["value"]) if constant else graph.add(node.op, args, attrs)
            )
        for name in node.graph.names_of(node):
            graph.name(**{name: to[node]})
    return joint.moved(graph, to)


def _double(value: Any) -> Any:
    """An attribute with every f32 in it as f64."""
    if isinstance(value, Type):
        return value.with_dtype("f64") if value.dtype == "f32" else value
    if isinstance(value, np.ndarray) and value.dtype == np.float32:
        return value.astype(np.float64)
    return "f64" if isinstance(value, str) and value == "f32" else value


def _leaf_values(
    joint: Joint, feeds: Mapping[str, Any], params: Mapping[str, Any], rng: np.random.Generator
) -> dict[Node, np.ndarray]:
    values = {}
    for node in joint.graph.order(*joint.outputs, *joint.wrt):
        if node.is_leaf and node.op is not CONST:
            name = node.name or ""
            given = feeds.get(name, params.get(name))
            if given is None and node.op is not INPUT:
                given = node.attrs["init"](rng, node.shape, node.type.numpy)
            if given is not None:
                values[node] = np.asarray(given, node.type.numpy)
    return values


Difference = Callable[[Node, np.ndarray], float]


def _slope(joint: Joint, values: Mapping[Node, np.ndarray], mode: str) -> Difference:
    """The derivative of the loss along a direction of one leaf; raises UsageError for a mode that
    there is not.
    """
    (loss,) = joint.outputs
    if mode == "reverse":
        gradients = backward(loss, joint.wrt)
        found = evaluate(gradients, values)
        by_leaf = {w: found[g] for w, g in zip(joint.wrt, gradients, strict=True)}
        return lambda leaf, direction: float(np.sum(by_leaf[leaf] * direction))
    if mode != "forward":
        raise UsageError(f"mode is {mode!r}", hint="there are 'forward' and 'reverse'")
    along = {w: joint.graph.add(INPUT, (), {"type": w.type}) for w in joint.wrt}
    tangents = {w: jvp(loss, w, t) for w, t in along.items()}

    def at(leaf: Node, direction: np.ndarray) -> float:
        found = evaluate([tangents[leaf]], {**values, along[leaf]: direction})
        return float(found[tangents[leaf]])

    return at


def _difference(joint: Joint, values: Mapping[Node, np.ndarray], eps: float) -> Difference:
    """The central difference of the loss along a direction of one leaf."""
    (loss,) = joint.outputs

    def at(leaf: Node, direction: np.ndarray) -> float:
        sides = (
            evaluate([loss], {**values, leaf: values[leaf] + s * eps * direction}) for s in (1, -1)
        )
        up, down = (float(side[loss]) for side in sides)
        return (up - down) / (2 * eps)

    return at


def _apart(exact: float, measured: float) -> float:
    """The relative difference, with what differences in float64 cannot tell apart left out; NaN
    where either is.
    """
    return abs(exact - measured) / max(abs(exact), abs(measured), 1e-3)


def _row(
    leaf: Node, slope: Difference, value: np.ndarray, difference: Difference, directions: int,
    tolerance: float, rng: np.random.Generator,
) -> Row:  # fmt: skip
    small = value.size <= SMALL
    lines = np.eye(value.size) if small else rng.standard_normal((directions, value.size))
    if not small:
        lines /= np.linalg.norm(lines, axis=1, keepdims=True)
    error = 0.0
    for line in lines.reshape(-1, *value.shape):
        exact, measured = slope(leaf, line), difference(leaf, line)
        error = float(np.maximum(error, _apart(exact, measured)))
    along = f"{len(lines)} {'coordinates' if small else 'directions'}"
    ok = bool(error <= tolerance)
    return Row(leaf.name or leaf.op.name, value.shape, along, 2 * len(lines), error, ok)
