"""Loops and branches in forward mode and under vmap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.graph import Graph, Node
from graphc.interpret import evaluate

RNG = np.random.default_rng(0)


def at(node: Node, **feeds: Any) -> np.ndarray:
    """The value of a stage for values of named leaves."""
    return evaluate([node], {node.graph[n]: v for n, v in feeds.items()})[node]


class Net:
    """h = tanh(h W + x) along the rows of X."""

    def __init__(self) -> None:
        g = Graph("net")
        self.X, self.W = g.input("X", (4, 3)), g.input("W", (3, 3))
        self.t = g.input("t", (3, 3))
        self.feeds = {n: RNG.standard_normal(g[n].shape) for n in ("X", "W", "t")}

    def step(self, h: Node, x: Node) -> tuple[Node, Node]:
        h = gr.tanh(h @ self.W + x)
        return h, gr.sum(h)

    def loss(self, X: Node) -> Node:
        last, sums = gr.scan(self.step, gr.zeros_like(X[0]), X)
        return gr.sum(last) + gr.sum(sums**2)


@pytest.fixture
def net() -> Net:
    return Net()


def test_tangents_run_along_a_scan(net: Net) -> None:
    f = net.loss(net.X)
    forward = gr.jvp(f, net.W, net.t)
    backward = gr.sum(gr.grad(f, net.W) * net.t)
    a, b, c = gr.compile([forward, backward, gr.grad(forward, net.t)[0, 0]])(**net.feeds)
    assert a == pytest.approx(b)
    assert c == pytest.approx(at(gr.grad(f, net.W), **net.feeds)[0, 0])


def test_second_derivatives_run_along_a_scan(net: Net) -> None:
    f = net.loss(net.X)
    product = gr.hvp(f, net.W, net.t)
    g = gr.grad(f, net.W)
    feeds, h = net.feeds, 1e-5
    ends = [at(g, **{**feeds, "W": feeds["W"] + s * h * feeds["t"]}) for s in (1, -1)]
    np.testing.assert_allclose(at(product, **feeds), (ends[0] - ends[1]) / (2 * h), atol=1e-7)


def test_derivatives_of_many_kinds_stand_in_one_program(net: Net) -> None:
    f = net.loss(net.X)
    slope, product = gr.grad(f, net.W), gr.hvp(f, net.W, net.t)
    ways = [slope, product, gr.jvp(f, net.W, net.t), gr.jacobian(f, net.X)]
    for value, way in zip(gr.compile(ways, jit=False)(**net.feeds), ways, strict=True):
        np.testing.assert_allclose(value, at(way, **net.feeds), atol=1e-12)


def test_a_scan_runs_for_all_examples_at_once(net: Net) -> None:
    B = net.X.graph.input("B", ("batch", 4, 3))
    each = gr.vmap(net.loss)(B)
    d_W = gr.vmap(lambda x: gr.grad(net.loss(x), net.W))(B)
    alone = net.loss(net.X)
    rows = RNG.standard_normal((5, 4, 3))
    wanted = [at(alone, W=net.feeds["W"], X=x) for x in rows]
    slopes = [at(gr.grad(alone, net.W), W=net.feeds["W"], X=x) for x in rows]
    found, gradients = gr.compile([each, d_W])(B=rows, W=net.feeds["W"])
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    np.testing.assert_allclose(gradients, slopes, rtol=1e-10, atol=1e-12)
    assert [n.op.name for n in B.graph.order(each)].count("scan") == 1


def test_examples_of_what_a_scan_only_reads_spread_to_its_carry(net: Net) -> None:
    Ws = net.X.graph.input("Ws", (2, 3, 3))

    def last(W: Node) -> Node:
        return gr.scan(lambda h, x: (gr.tanh(h @ W + x), x), gr.zeros_like(net.X[0]), net.X)[0]

    each = gr.vmap(last)(Ws)
    values = RNG.standard_normal((2, 3, 3))
    wanted = [at(last(net.W), X=net.feeds["X"], W=w) for w in values]
    np.testing.assert_allclose(at(each, X=net.feeds["X"], Ws=values), wanted, rtol=1e-12)


def collatz(n: Node) -> Node:
    """How often n is halved or tripled until it is 1."""

    def step(state: Any) -> Any:
        n, count = state
        return gr.where(gr.equal(n % 2, 0), n // 2, 3 * n + 1), count + 1

    return gr.while_loop(lambda s: s[0] > 1, step, (n, 0))[1]


def test_a_loop_runs_as_long_as_any_example_needs() -> None:
    n = Graph().input("n", ("batch",), "int64")
    found = gr.vmap(collatz)(n)
    assert at(found, n=[1, 6, 7]).tolist() == [0, 8, 16]
    assert gr.compile(found)(n=np.array([1, 6, 7])).tolist() == [0, 8, 16]


def root(a: Node) -> Node:
    """The square root, by Newton's iteration."""
    return gr.while_loop(lambda x: gr.abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a)


def test_a_while_loop_has_tangents() -> None:
    a = Graph().input("a")
    slope = gr.jvp(root(a), a, 1.0)
    assert at(slope, a=2.0) == pytest.approx(0.5 * 2**-0.5)
    assert gr.compile(slope)(a=9.0) == pytest.approx(1 / 6)


def test_what_a_loops_condition_reads_may_be_each_examples_own() -> None:
    a = Graph().input("a", (3,))
    np.testing.assert_allclose(at(gr.vmap(root)(a), a=[1.0, 4.0, 9.0]), [1, 2, 3])


def test_a_branch_is_taken_for_each_example_or_for_all() -> None:
    g = Graph()
    x, one, each = g.input("x", (3,)), g.input("one", (), "bool"), g.input("each", (3,), "bool")

    def f(test: Node, x: Node) -> Node:
        return gr.cond(test, lambda x: x * x, lambda x: -x, x)

    all_ = gr.vmap(f, in_axes=(None, 0))(one, x)
    own = gr.vmap(f)(each, x)
    feeds = {"x": [1.0, 2.0, 3.0], "one": True, "each": [True, False, True]}
    assert at(all_, x=feeds["x"], one=True).tolist() == [1, 4, 9]
    found = gr.compile([all_, own, gr.jvp(gr.sum(all_), x, np.ones(3))])(**feeds)
    assert [np.asarray(v).tolist() for v in found] == [[1, 4, 9], [1, -2, 9], 12]
