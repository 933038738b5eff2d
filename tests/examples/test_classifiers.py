"""Linear classifiers and nets on column vectors: the gradients have the formulas on paper."""

import numpy as np
import pytest
from differences import differences

import graphc as gr
from examples import column_nets, logistic, softmax_regression, svm, xor


def test_softmax_regression_has_the_gradient_of_the_notes_in_one_stage():
    model = softmax_regression
    data = model.flowers()
    program = gr.compile([model.loss, model.scores], [model.scores, model.W], jit=False)
    (_, scores), d = program(data)
    surplus = model.surplus(scores, data["y"])
    np.testing.assert_allclose(d["scores"] * len(scores), surplus, atol=1e-13)
    np.testing.assert_allclose(d["W"], data["X"].T @ surplus / len(scores), atol=1e-13)
    assert [stage.text for stage in program.plan.stages] == ["X @ W", "cross_entropy(scores, y)"]


def hinge_loss(values: dict) -> float:
    """The multi-class SVM loss with L2, a row and a class at a time."""
    total = 0.0
    for x, label in zip(values["X"], values["y"], strict=True):
        s = x @ values["W"] + values["b"]
        total += sum(max(0.0, s[j] - s[label] + 1) for j in range(svm.CLASSES) if j != label)
    return total / len(values["X"]) + svm.STRENGTH * np.sum(values["W"] ** 2)


def test_svm_loss_and_its_gradient():
    program = gr.compile(svm.loss, [svm.W, svm.b], jit=False, seed=1)
    data = svm.blobs(30)
    value, d = program(data)
    at = {**data, **program.params}
    assert value == pytest.approx(hinge_loss(at), rel=1e-13)
    for name in ("W", "b"):
        np.testing.assert_allclose(d[name], differences(hinge_loss, at, name), atol=1e-8)


def test_logistic_regression_has_the_gradient_p_less_y():
    model = logistic
    program = gr.compile([model.loss, model.p], [model.w, model.b, model.score], jit=False)
    program.params.update(w=[0.3, -0.2], b=0.1)
    data = model.halves()
    (value, p), d = program(data)
    X, y = data["X"], data["y"]
    assert value == pytest.approx(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
    np.testing.assert_allclose(d["score"], (p - y) / len(y), atol=1e-15)
    np.testing.assert_allclose(d["w"], X.T @ (p - y) / len(y), atol=1e-14)
    assert d["b"] == pytest.approx(np.mean(p - y))


def column_gradients(X: np.ndarray, Y: np.ndarray, params: dict, layers: int) -> dict:
    """dW = dZ A^T / m, db = sum(dZ) / m, dZ = W^T dZ * (1 - A**2), from the last layer down."""
    A = [X]
    for i in range(1, layers + 1):
        Z = params[f"W{i}"] @ A[-1] + params[f"b{i}"]
        A.append(np.tanh(Z))
    m, d = X.shape[1], {}
    dZ = 1 / (1 + np.exp(-Z)) - Y
    for i in range(layers, 0, -1):
        d[f"W{i}"], d[f"b{i}"] = dZ @ A[i - 1].T / m, dZ.sum(axis=1, keepdims=True) / m
        dZ = (params[f"W{i}"].T @ dZ) * (1 - A[i - 1] ** 2)
    return d


@pytest.mark.parametrize("sizes", [(2, 4, 1), (2, 5, 3, 1)])
def test_column_nets_have_the_lectures_gradients(sizes):
    net, data = column_nets.column_net(*sizes), column_nets.rings(7)
    program = gr.compile(net["loss"], [name for name in net.names if name[0] in "Wb"], jit=False)
    _, d = program(data)
    expected = column_gradients(data["X"], data["Y"], dict(program.params), len(sizes) - 1)
    assert d.keys() == expected.keys()
    for name, gradient in expected.items():
        np.testing.assert_allclose(d[name], gradient, atol=1e-13)


def test_xor_has_the_gradients_of_the_eleven_lines():
    program = gr.compile(xor.loss, [xor.W1, xor.W2], jit=False)
    _, d = program(xor.ROWS)
    X, y = xor.ROWS.values()
    W1, W2 = program.params.values()
    l1 = 1 / (1 + np.exp(-X @ W1))
    l2 = 1 / (1 + np.exp(-l1 @ W2))
    l2_delta = (y - l2) * (l2 * (1 - l2))
    l1_delta = l2_delta @ W2.T * (l1 * (1 - l1))
    np.testing.assert_allclose(d["W2"], -l1.T @ l2_delta, atol=1e-15)
    np.testing.assert_allclose(d["W1"], -X.T @ l1_delta, atol=1e-15)
