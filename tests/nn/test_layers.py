"""Layers name their params, say what they cannot do, and keep statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from peers import array

import graphc as gr
from graphc.errors import DTypeError, GraphcError, GraphError, ShapeError, UsageError
from graphc.interpret import evaluate

RNG = np.random.default_rng(0)


def test_a_layer_without_a_name_takes_the_first_that_is_free() -> None:
    g = gr.Graph()
    x = g.input("x", (2, 3))
    with g.scope("deep"):
        y = gr.nn.dense(gr.nn.dense(x, 4, gr.relu), 5, bias=False)
    gr.nn.layer_norm(gr.nn.dense(y, 6), name="last")
    assert list(g.names)[1:] == [
        "deep.dense.W", "deep.dense.b", "deep.dense2.W", "dense.W", "dense.b", "last.gamma",
        "last.beta",
    ]  # fmt: skip
    with pytest.raises(GraphError, match=r"two nodes are named 'last.W'"):
        gr.nn.dense(gr.nn.dense(y, 6, name="last"), 6, name="last")


def test_a_net_of_layers_is_its_formula() -> None:
    g = gr.Graph()
    ids = g.input("ids", (2, 4), "int64")
    y = gr.nn.rms_norm(gr.nn.embedding(ids, 5, 3, padding=0))
    z = gr.nn.dense(y, 2, gr.tanh)
    feeds = {n: RNG.standard_normal(n.shape) for n in g.nodes if n.op.name == "param"}
    table, gamma, W, b = (
        feeds[g[n]] for n in ("embedding.W", "rms_norm.gamma", "dense.W", "dense.b")
    )
    at = np.array([[0, 1, 2, 1], [4, 4, 0, 3]])
    slope = gr.grad(gr.sum(z), g["embedding.W"])
    found = evaluate([z, slope], {ids: at, **feeds})
    rows = table[at]
    rows = rows / np.sqrt((rows**2).mean(-1, keepdims=True) + np.finfo(float).eps) * gamma
    np.testing.assert_allclose(found[z], np.tanh(rows @ W + b), rtol=1e-12)
    assert not found[slope][0].any()
    assert found[slope][1:].all()


def test_convolutions_are_torchs_with_its_weights() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    module = torch.nn.Conv2d(4, 6, (3, 2), 2, 1, groups=2, dtype=torch.float64)
    x = RNG.standard_normal((2, 4, 7, 6))
    g = gr.Graph()
    y = gr.nn.conv2d(g.input("x", x.shape), 6, (3, 2), stride=2, padding=1, groups=2)
    feeds = {g["x"]: x, g["conv2d.W"]: array(module.weight), g["conv2d.b"]: array(module.bias)}
    wanted = module(torch.tensor(x)).detach()
    np.testing.assert_allclose(evaluate([y], feeds)[y], wanted, rtol=1e-10, atol=1e-12)


def normed() -> gr.Graph:
    """A net with batch normalisation and its loss."""
    g = gr.Graph("normed")
    x, t = g.input("x", ("batch", 3, 4)), g.input("t", ("batch", 2, 3))
    y = gr.nn.batch_norm(gr.nn.conv1d(x, 2, 2)).named("y")
    gr.squared_error(y, t).named("loss")
    return g


def test_batch_norm_trains_on_its_batch_and_predicts_by_what_it_has_seen() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    net = torch.nn.Sequential(torch.nn.Conv1d(3, 2, 2), torch.nn.BatchNorm1d(2)).double()
    g = normed()
    step = gr.compile_step(g["loss"], optimizer=gr.optim.SGD(lr=0.1), jit=False)
    step.params["conv1d.W"], step.params["conv1d.b"] = array(net[0].weight), array(net[0].bias)
    predict = step.compile(g["y"])
    descent = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        x, t = RNG.standard_normal((5, 3, 4)), RNG.standard_normal((5, 2, 3))
        loss = torch.nn.functional.mse_loss(net(torch.tensor(x)), torch.tensor(t))
        descent.zero_grad()
        loss.backward()
        descent.step()
        assert step(x=x, t=t) == pytest.approx(loss.item(), rel=1e-10)
    bn = net[1].eval()
    np.testing.assert_allclose(step.params["batch_norm.mean"], bn.running_mean, rtol=1e-10)
    np.testing.assert_allclose(step.params["batch_norm.var"], bn.running_var, rtol=1e-10)
    np.testing.assert_allclose(predict(x=x), net(torch.tensor(x)).detach(), rtol=1e-9, atol=1e-12)


def test_a_step_that_does_not_read_a_state_leaves_it() -> None:
    g = gr.Graph()
    x, w = g.input("x", (4, 2)), g.param("w", (2,), init=gr.init.ones())
    gr.nn.batch_norm(x, affine=False)
    step = gr.compile_step(gr.sum(x * w), optimizer=gr.optim.SGD(), jit=False)
    step(x=np.ones((4, 2)))
    assert not step.params["batch_norm.mean"].any()


def test_what_a_user_says_of_a_state_is_what_holds() -> None:
    g = gr.Graph()
    x, w = g.input("x", (3,)), g.param("w", (), init=gr.init.ones())
    seen = g.state("seen", (), "int64")
    g.updates[seen] = seen + 1
    loss = gr.sum(x * w) + seen * 0.0
    own = gr.compile_step(loss, optimizer=gr.optim.SGD(), jit=False)
    told = gr.compile_step(loss, optimizer=gr.optim.SGD(), jit=False, updates={seen: seen + 10})
    for step in (own, told):
        step(x=np.ones(3))
    assert (int(own.params["seen"]), int(told.params["seen"])) == (1, 10)


@pytest.mark.parametrize(
    ("drawn", "bound"),
    [
        (gr.init.truncated_normal(0.5), 1.0),
        (gr.init.he_uniform(), np.sqrt(6 / 40)),
        (gr.init.lecun_uniform(), np.sqrt(3 / 40)),
        (gr.init.orthogonal(2.0), 2.0),
    ],
    ids=str,
)
def test_initial_values_stay_within_their_bound_and_fill_it(drawn: Any, bound: float) -> None:
    values = drawn(np.random.default_rng(0), (40, 30), "float64")
    assert np.abs(values).max() <= bound
    assert np.abs(values).max() > 0.3 * bound


def test_an_orthogonal_matrix_is_one_whichever_side_is_longer() -> None:
    for shape in ((6, 4), (4, 6), (2, 3, 4)):
        q = gr.init.orthogonal()(np.random.default_rng(0), shape, "float64").reshape(-1, shape[-1])
        small = q.T @ q if len(q) >= q.shape[1] else q @ q.T
        np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-12)


MISTAKES = [
    (lambda x: gr.nn.dense(x, 4), ShapeError, "the width is w, and params need a number"),
    (lambda x: gr.nn.batch_norm(x[0]), ShapeError, r"there is no axis 1 in shape \(w,\)"),
    (lambda x: gr.nn.dense(gr.argmax(x, 0), 4), DTypeError, "a layer takes floats, not i64"),
    (lambda x: gr.nn.dense(x.T, 4, "relu"), UsageError, "a function of a stage, not 'relu'"),
    (lambda x: gr.nn.dense(x.T, 4, name=3), UsageError, "the name of a layer is text, not int"),
    (lambda x: gr.nn.conv1d(x, 4, 3, groups=0), UsageError, "groups is 0"),
    (lambda x: gr.nn.multi_head_attention(x.T, 0), UsageError, "heads is 0"),
]


@pytest.mark.parametrize(("call", "error", "text"), MISTAKES)
def test_a_mistake_is_told_in_a_sentence(call: Any, error: type[GraphcError], text: str) -> None:
    with pytest.raises(error, match=text):
        call(gr.Graph().input("x", (2, "w")))


def test_ids_that_threads_copy_are_all_there_before_they_are_checked() -> None:
    g = gr.Graph(dtype="float32")
    rows = g.input("rows", (64, 33), "uint8")
    scores = gr.nn.dense(gr.nn.embedding(rows[:, :-1], 50, 96), 50)
    loss = gr.cross_entropy(scores, rows[:, 1:])
    step = gr.compile_step(loss, optimizer=gr.optim.SGD(), jit=False, threads=2)
    text = step.source("step")
    written, checked = text.rindex("store(copy_rows"), text.index("= outside(copy_rows")
    assert "barrier(team, me)" in text[written:checked]
