"""Jacobians, Hessians, their products with vectors, gradients for each example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import DTypeError, GraphError, ShapeError, UsageError
from graphc.graph import Graph, Node
from graphc.interpret import evaluate

RNG = np.random.default_rng(0)
VALUES = {
    "x": RNG.standard_normal(3),
    "W": RNG.standard_normal((2, 3)),
    "v": RNG.standard_normal(3),
}


class Net:
    """y = tanh(W x) |x|**2, f = sum(exp(y))."""

    def __init__(self) -> None:
        g = Graph("net")
        self.x, self.W, self.v = g.input("x", (3,)), g.input("W", (2, 3)), g.input("v", (3,))
        self.y = gr.tanh(self.W @ self.x) * gr.sum(self.x**2)
        self.f = gr.sum(gr.exp(self.y))

    def values(self, nodes: Sequence[Node]) -> list[np.ndarray]:
        found = evaluate(nodes, {self.x.graph[n]: v for n, v in VALUES.items()})
        return [found[n] for n in nodes]


@pytest.fixture
def net() -> Net:
    return Net()


def torch_net(torch: Any) -> tuple[Any, Any, list[Any]]:
    def y(x: Any, W: Any) -> Any:
        return torch.tanh(W @ x) * torch.sum(x**2)

    tensors = [torch.tensor(VALUES[n]) for n in "xW"]
    return y, lambda x, W: torch.exp(y(x, W)).sum(), tensors


def test_both_modes_give_one_jacobian(net: Net) -> None:
    modes = [gr.jacobian(net.y, net.W, mode) for mode in ("forward", "reverse")]
    forward, reverse = net.values(modes)
    assert forward.shape == (2, 2, 3)
    np.testing.assert_allclose(forward, reverse, rtol=1e-13)


def test_blocks_stand_in_lists_for_several_outputs_and_wrt(net: Net) -> None:
    found = gr.jacobian([net.y, net.f], [net.x, net.W])
    assert [[b.shape for b in row] for row in found] == [[(2, 3), (2, 2, 3)], [(3,), (2, 3)]]
    assert [b.shape for b in gr.jacobian(net.y, [net.x, net.W])] == [(2, 3), (2, 2, 3)]
    assert [b.shape for b in gr.jacobian([net.y, net.f], "x")] == [(2, 3), (3,)]


def test_the_jacobian_of_a_scalar_is_its_gradient(net: Net) -> None:
    one, other = net.values([gr.jacobian(net.f, net.x), gr.grad(net.f, net.x)])
    np.testing.assert_allclose(one, other, rtol=1e-13)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_all_of_it_is_torchs_and_compiles(net: Net) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, the second oracle, is not installed")
    y, f, tensors = torch_net(torch)
    blocks = gr.hessian(net.f, [net.x, net.W])
    gn = gr.gauss_newton(net.f, net.y, net.x, net.v)
    nodes = [gr.jacobian(net.y, net.x), *blocks[0], *blocks[1], gr.hvp(net.f, net.x, net.v), gn]
    wanted = [torch.func.jacrev(y)(*tensors)]
    wanted += [b for row in torch.func.hessian(f, argnums=(0, 1))(*tensors) for b in row]
    J, e = wanted[0].numpy(), np.exp(y(*tensors).numpy())
    wanted += [wanted[1] @ torch.tensor(VALUES["v"]), J.T @ (e * (J @ VALUES["v"]))]
    for found in (net.values(nodes), gr.compile(nodes)(**VALUES)):
        for value, want in zip(found, wanted, strict=True):
            np.testing.assert_allclose(value, want, rtol=1e-11, atol=1e-13)


def test_a_hessian_is_symmetric_and_zero_for_what_is_linear(net: Net) -> None:
    curved, flat = net.values([gr.hessian(net.f, net.x), gr.hessian(gr.sum(net.x), net.x)])
    np.testing.assert_allclose(curved, curved.T, rtol=1e-12)
    assert flat.tolist() == [[0] * 3] * 3


def test_hessians_of_hessians_compose() -> None:
    x = Graph().input("x", (2,))
    third = gr.jacobian(gr.hessian(gr.sum(x**4), x), x)
    found = evaluate([third], {x: [1.0, 2.0]})[third]
    assert (found[0, 0, 0], found[1, 1, 1], found.sum()) == (24, 48, 72)


def test_hvp_takes_one_vector_for_each_wrt(net: Net) -> None:
    vectors = [VALUES["v"], np.ones((2, 3))]
    blocks = gr.hessian(net.f, [net.x, net.W])
    products = gr.hvp(net.f, [net.x, net.W], vectors)
    xx, xw, wx, ww, p, q = net.values([*blocks[0], *blocks[1], *products])
    np.testing.assert_allclose(p, xx @ vectors[0] + np.tensordot(xw, vectors[1], 2), rtol=1e-11)
    np.testing.assert_allclose(q, wx @ vectors[0] + np.tensordot(ww, vectors[1], 2), rtol=1e-11)


def test_gradients_for_each_example_average_to_the_gradient_of_the_mean() -> None:
    g = Graph()
    X, t = g.input("X", ("batch", 4)), g.input("t", ("batch",), "int64")
    W, b = g.param("W", (4, 3), init=gr.init.normal(1.0)), g.param("b", (3,))

    def loss(x: Node, t: Node) -> Node:
        return gr.cross_entropy(gr.tanh(x @ W + b), t)

    each = gr.per_example_grad(loss, [W, b])(X, t)
    whole = gr.grad(gr.cross_entropy(gr.tanh(X @ W + b), t), [W, b])
    feeds = {"X": RNG.standard_normal((6, 4)), "t": RNG.integers(0, 3, 6)}
    dW, db, mW, mb = gr.compile([*each, *whole])(**feeds)
    assert (dW.shape, db.shape) == ((6, 4, 3), (6, 3))
    assert each[0].op.name == "multiply"
    np.testing.assert_allclose(dW.mean(0), mW, rtol=1e-12)
    np.testing.assert_allclose(db.mean(0), mb, rtol=1e-12)


def test_what_has_no_derivative_is_told(net: Net) -> None:
    with pytest.raises(UsageError, match="mode is 'sideways'"):
        gr.jacobian(net.y, net.x, "sideways")
    with pytest.raises(GraphError, match=r"'v'.* does not influence"):
        gr.jacobian(net.y, net.v, "reverse")
    with pytest.raises(GraphError, match="no tangent of 'v' reaches it"):
        gr.jacobian(net.y, net.v, "forward")
    with pytest.raises(DTypeError, match="needs float values"):
        gr.jacobian(gr.argmax(net.x), net.x)
    with pytest.raises(ShapeError, match="defined for a scalar"):
        gr.hessian(net.y, net.x)
