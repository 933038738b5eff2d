"""Random graphs: a function that picks one of several in, a graph of any operations out.

Each step picks an operation and stages for it; one that does not fit their shapes is left out.
Values stay small, and nothing is compared that rounding could decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from drawing_wide import STEPS as MORE

import graphc as gr
from graphc.errors import GraphcError
from graphc.graph import INPUT, Graph, Node
from graphc.types import Size, bind_shape

Pick = Callable[[Sequence[Any]], Any]
NAMES = (
    "h", "d_x", "f32", "range", "class", "x); import os", "😀", "work", "batch", "i", "k", "exp",
    "a.b", "out", "sum_x",
)  # fmt: skip
LARGEST = 4000
"""Elements of the largest array."""


class Drawn:
    """A graph with stages to choose results from; `sizes` are what its named sizes are at first."""

    def __init__(self, pick: Pick, steps: int = 20, states: int = 0) -> None:
        self.pick = pick
        self.rng = np.random.default_rng(pick(range(1000)))
        self.graph = Graph(pick(["drawn", "x'\"\n"]), dtype=pick(["f64", "f64", "f32"]))
        self.sizes = {name: pick([1, 2, 3, 5]) for name in pick([(), ("batch",), ("batch", "m")])}
        self.dims: list[Any] = [1, 2, 3, 4, 5, 0, 3, 4, 33, *self.sizes, *self.sizes]
        self.pool: list[Node] = []
        self._leaves()
        self.states = [self._state(n) for n in range(states)]
        for _ in range(steps):
            self._step()

    # Leaves

    def _leaves(self) -> None:
        for name in self.sizes:
            self.pool.append(self.graph.input(f"of_{name}", (name,)))
        shape = self.pick([(), (3,), (2, 2), *((s,) for s in self.sizes)])
        self.index = self.graph.input("index", shape, self.pick(["int64", "uint8", "int32"]))
        self.pool.append(self.index)
        for n in range(self.pick([1, 2, 3])):
            self.pool.append(self._leaf(self.pick([f"x{n}", f"{self.pick(NAMES)}{n}"])))

    def _leaf(self, name: str) -> Node:
        shape = tuple(self.pick(self.dims) for _ in range(self.pick(range(4))))
        dtype = self.pick([self.graph.dtype] * 6 + ["f32", "f64", "i32", "u8", "bool"])
        if self.pick([True, False]) or any(isinstance(d, str) for d in shape):
            return self.graph.input(name, shape, dtype)
        return self.graph.param(name, shape, dtype, init=self.array(shape, dtype))

    def _state(self, n: int) -> Node:
        shape = tuple(self.pick([1, 3, 4, 3]) for _ in range(self.pick([0, 1, 2, 2])))
        dtype = self.graph.dtype
        self.pool.append(self.graph.state(f"s{n}", shape, init=self.array(shape, dtype)))
        return self.pool[-1]

    def array(self, shape: Sequence[int], dtype: str) -> np.ndarray:
        """Numbers around 0, or 0, 1 and 2."""
        if dtype.startswith("f"):
            return self.rng.standard_normal(shape).astype({"f32": "f4", "f64": "f8"}[dtype])
        return self.rng.integers(0, 2 if dtype == "bool" else 3, shape).astype(
            {"u8": "u1"}.get(dtype, dtype.replace("i", "int"))
        )

    def feeds(self, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
        """An array for every input."""
        inputs = self.graph.leaves(INPUT)
        return {n.name or "": self.array(bind_shape(n.shape, sizes), n.dtype) for n in inputs}

    def runs(self) -> list[dict[str, int]]:
        """The sizes at first, then smaller ones, the first again, and larger ones; those for which
        no stage has less than nothing.
        """
        first = self.sizes
        if "batch" not in first:
            return [first] if self._is_possible(first) else []
        found = ({**first, "batch": n} for n in _changed(first["batch"]))
        return list(filter(self._is_possible, found))

    def _is_possible(self, sizes: Mapping[str, int]) -> bool:
        types = (t for node in self.graph.nodes for t in node.types)
        return all(d >= 0 for t in types for d in bind_shape(t.shape, sizes))

    # Stages

    def _step(self) -> None:
        try:
            made = self.pick(self.pick([STEPS, STEPS, MORE]))(self)
        except (GraphcError, ZeroDivisionError):
            return
        if isinstance(made, Node) and self._fits(made):
            self._name(made)
            self.pool.append(made)

    def _fits(self, node: Node) -> bool:
        shape = self.shape(node)
        return all(d >= 0 for d in shape) and prod(shape) <= LARGEST

    def _name(self, node: Node) -> None:
        name = self.pick([None, None, None, *NAMES[:5], self.pick(NAMES)])
        if name is not None and name not in self.graph and node.name is None:
            self.graph.name(**{name: node})

    def shape(self, node: Node) -> tuple[int, ...]:
        """The shape that a stage has at first."""
        return bind_shape(node.shape, self.sizes)

    def any(self) -> Node:
        """One of the stages, mostly of the latest."""
        return self.pick([*self.pool[-6:], *self.pool[:4]])

    def real(self) -> Node:
        """One of the float stages."""
        found = [n for n in self.pool if n.type.is_float]
        return self.pick(found[-8:]) if found else self.graph.constant(np.arange(3.0) / 7)

    def full(self) -> Node:
        """A float stage that has axes and elements."""
        node = self.real()
        return node if node.ndim and 0 not in self.shape(node) else self.graph.constant([0.1, 0.5])

    def some(self, count: int) -> list[Node]:
        """Some stages, one of them twice at times."""
        return [self.pick(self.pool) for _ in range(count)]

    # What is asked for

    def loss(self) -> Node:
        """A scalar of the graph's type that some of the stages go into."""
        terms = [self._term(self.real()) for _ in range(self.pick([1, 2, 3]))]
        return gr.astype(sum(terms[1:], terms[0]), self.graph.dtype)

    def _term(self, node: Node) -> Node:
        if self.pick([True, False]) or 0 in self.shape(node):
            return gr.sum(gr.sin(node) * 1.25)
        return gr.mean(gr.square(gr.tanh(node)))

    def wrt(self) -> list[Node]:
        """Some float leaves, and some stages in between."""
        found = [n for n in self.pool if n.type.is_float]
        return [n for n in found if self.pick([False, True] if n.is_leaf else [False] * 3 + [True])]

    def updates(self) -> dict[Node, Node]:
        """New values of the states, of any kind; the first state always has one."""
        return {s: self._new(s) for s in self.states if s is self.states[0] or self.pick([0, 1])}

    def _new(self, state: Node) -> Node:
        like = [n for n in self.pool if n.type == state.type]
        made = self.pick(CHANGES)(state, self.pick(like))
        return made if made.type == state.type else state


def _changed(n: int) -> list[int]:
    return [n, max(n - 1, 1), n, n + 2, n]


# The operations. Names of a table's rows are not asked for: the functions say what they do.


def _soft(x: Node) -> Node:
    return gr.tanh(x) if x.type.is_float else x


SMOOTH: tuple[Callable[[Node], Node], ...] = (
    gr.negative, gr.tanh, gr.sigmoid, gr.sin, gr.cos, gr.relu, gr.abs, gr.softplus,
    gr.stop_gradient, gr.positive,
    lambda x: gr.square(gr.tanh(x)), lambda x: gr.exp(gr.tanh(x)), lambda x: gr.clip(x, -1, 1),
    lambda x: gr.sqrt(gr.square(x) + 1), lambda x: gr.log(gr.square(x) + 0.5),
    lambda x: 1 / (gr.square(x) + 1), lambda x: gr.log(1 + gr.exp(gr.tanh(x))),
    lambda x: gr.tanh(x) ** 3, lambda x: x * 1, lambda x: x + 0, lambda x: 2.5 - x,
    lambda x: x * gr.sigmoid(x) + gr.tanh(x), lambda x: x * gr.size(x) / 10,
    lambda x: gr.astype(x, "f32"), lambda x: gr.astype(x, "f64"),
)  # fmt: skip


def _smooth(d: Drawn) -> Node:
    return d.pick(SMOOTH)(d.real())


def _pairs(d: Drawn) -> Node:
    a, b = d.any(), d.any()
    return d.pick([gr.add, gr.subtract, gr.maximum, gr.minimum])(a, b)


def _products(d: Drawn) -> Node:
    return d.pick([gr.multiply, lambda a, b: a / (gr.square(b) + 1)])(_soft(d.any()), d.real())


def _where(d: Drawn) -> Node:
    c = d.any()
    truth = c if c.dtype == "bool" else gr.less(c, 1) if c.is_leaf else gr.isnan(_soft(d.real()))
    return gr.where(truth, d.any(), d.any())


def _axes(d: Drawn, x: Node) -> Any:
    n = x.ndim
    several = [tuple(range(n)), (0, n - 1)] if n > 1 else []
    return d.pick([None, *range(-n, n), *several, ()])


def _reduced(d: Drawn) -> Node:
    x = d.any()
    return d.pick([gr.sum, gr.sum, gr.mean])(x, _axes(d, x), keepdims=d.pick([False, True]))


def _folded(d: Drawn) -> Node:
    x, kind = d.full(), d.pick([gr.max, gr.min, gr.prod, gr.logsumexp])
    return kind(_soft(x) if kind is gr.prod else x, _axes(d, x), keepdims=d.pick([False, True]))


def _found(d: Drawn) -> Node | None:
    x = d.any()
    if x.dtype == "bool":
        return d.pick([gr.any, gr.all])(x, _axes(d, x))
    return gr.argmax(x, d.pick([None, *range(x.ndim)])) if x.is_leaf else None


def _moved(d: Drawn) -> Node:
    x = d.any()
    order = list(range(x.ndim))
    d.rng.shuffle(order)
    return d.pick([
        lambda: gr.permute_dims(x, order), lambda: gr.flip(x, d.pick([None, *range(x.ndim)])),
        lambda: gr.expand_dims(x, d.pick(range(x.ndim + 1))), lambda: gr.squeeze(x), lambda: x.T,
    ])()  # fmt: skip


def _reshaped(d: Drawn) -> Node:
    x = d.any()
    shapes: list[Any] = [(-1,), (2, -1), (-1, 2), (3, -1), (1, *x.shape), (*x.shape, 1)]
    if x.ndim > 1:
        shapes += [(-1, x.shape[-1]), (x.shape[0], -1), (*x.shape[:-2], -1)]
    return gr.reshape(x, d.pick(shapes))


def _spread(d: Drawn) -> Node:
    x = d.any()
    wide = [d.pick(d.dims) if n == 1 else n for n in x.shape]
    return gr.broadcast_to(x, (d.pick([1, 3, *d.sizes]), *wide))


WHOLE = slice(None), slice(None, None, -1)
PARTS = slice(1, None), slice(None, -1), slice(-1, None), 0, -1
STEPPED = slice(None, None, 2), slice(None, None, -2), slice(3, 0, -1), slice(2, 2)


def _sliced(d: Drawn) -> Node:
    x = d.any()
    key: list[Any] = [None] if d.pick([False, False, True]) else []
    for n in x.shape:
        parts = WHOLE + PARTS if d.pick([False, True]) and n not in (0, 1) else WHOLE
        key.append(d.pick(parts if isinstance(n, Size) or not n else parts + STEPPED))
    return x[tuple(key)]


def _joined(d: Drawn) -> Node:
    x = d.any()
    if not x.ndim:
        return gr.stack([x, d.real(), x])
    axis, other = d.pick(range(x.ndim)), d.pick([x, d.any()])
    return gr.concat(d.pick([[x, other], [other, x, x]]), axis)


def _stacked(d: Drawn) -> Node:
    x = d.real()
    return gr.stack([x, gr.tanh(x)], d.pick(range(x.ndim + 1)))


def _multiplied(d: Drawn) -> Node:
    a, b = d.full(), d.real()
    inner = a.shape[-1] if isinstance(a.shape[-1], int) else 1
    w = d.graph.constant(d.array((inner, d.pick([1, 3, 130])), a.dtype))
    own = a if a.ndim == 1 else gr.matrix_transpose(a)
    return gr.tanh(gr.matmul(*d.pick([(a, b), (b, a), (a, w), (a, own), (own, a)])))


def _picked(d: Drawn) -> Node | None:
    x = d.any()
    if not x.ndim or 0 in d.shape(x):
        return None
    axis = d.pick(range(x.ndim))
    n = 1 if isinstance(x.shape[axis], Size) else x.shape[axis]
    i = d.index % n if n < 3 else d.index
    i = i - 1 if d.pick([False, True]) and not i.dtype.startswith("u") else i
    return gr.take(x, d.pick([i, 0, -1, [0, -1], [[0], [n - 1]]]), axis=axis)


def _indexed(d: Drawn) -> Node:
    x = d.full()
    i = d.index % (1 if isinstance(x.shape[0], Size) else x.shape[0])
    if x.ndim > 1 and isinstance(x.shape[1], int) and d.pick([False, True]):
        return x[i, d.index % x.shape[1]]
    return d.pick([lambda: x[i], lambda: gr.scatter_add(x, i, 0.5)])()


def _labelled(d: Drawn) -> Node:
    x = d.full()
    classes = x.shape[-1] if isinstance(x.shape[-1], int) else 1
    rows = gr.broadcast_to(x[0] if x.ndim == 2 else x, (*d.index.shape, x.shape[-1]))
    return d.pick([gr.cross_entropy, gr.hinge])(rows, d.index % classes)


def _normal(d: Drawn) -> Node:
    x = d.full()
    axis = d.pick(range(x.ndim))
    centred = x - gr.mean(x, axis, keepdims=True)
    scaled = centred / gr.sqrt(gr.mean(gr.square(centred), axis, keepdims=True) + 0.1)
    return d.pick([scaled, gr.softmax(x, axis), gr.log_softmax(x, axis)])


def _few(d: Drawn) -> Node:
    x = d.any()
    return d.pick([lambda: gr.one_hot(d.index, 3), lambda: gr.less(x, 1) if x.is_leaf else x])()


STEPS: tuple[Callable[[Drawn], Node | None], ...] = (
    _smooth, _smooth, _smooth, _pairs, _pairs, _products, _products, _where, _reduced, _reduced,
    _folded, _found, _moved, _moved, _reshaped, _spread, _sliced, _sliced, _joined, _stacked,
    _multiplied, _multiplied, _picked, _indexed, _labelled, _normal, _few,
)  # fmt: skip

CHANGES: tuple[Callable[[Node, Node], Node], ...] = (
    lambda s, x: x, lambda s, x: x, lambda s, x: s * 0.9 + x * 0.1, lambda s, x: gr.flip(s) + x,
    lambda s, x: s.T + x if len(set(s.shape)) == 1 else x, lambda s, x: s - gr.mean(s) + x,
    lambda s, x: s + s[:1] if s.ndim else s * 2, lambda s, x: s - 0.1 * gr.tanh(x),
    lambda s, x: s - 0.1 * gr.tanh(s @ x) if s.ndim == 2 and len(set(s.shape)) == 1 else s + x,
)  # fmt: skip
