"""Gradients of products, of scores and of deep nets, against the formulas of the lectures."""

import numpy as np
import pytest

import graphc as gr
from examples import deep_net, products, relu_memory


def test_gradient_of_a_product_has_the_lectures_formulas_and_shapes():
    program = gr.compile([products.product["f"], "D"], ["D", "W", "X"], jit=False)
    given = products.feeds()
    (_, D), d = program(given)
    W, X, dD = given["W"], given["X"], given["dD"]
    np.testing.assert_allclose(D, W @ X, rtol=1e-13)
    np.testing.assert_allclose(d["W"], dD @ X.T, rtol=1e-12)
    np.testing.assert_allclose(d["X"], W.T @ dD, rtol=1e-12)
    np.testing.assert_array_equal(d["D"], dD)
    assert (d["W"].shape, d["X"].shape, d["D"].shape) == ((5, 10), (10, 3), (5, 3))


def test_inputs_times_1000_make_the_gradients_on_the_weights_1000_times_larger():
    program = gr.compile(products.product, ["W"], jit=False)
    given = products.feeds()
    once, scaled = program(given)[1]["W"], program({**given, "X": 1000 * given["X"]})[1]["W"]
    np.testing.assert_allclose(scaled, 1000 * once, rtol=1e-12)


@pytest.mark.parametrize("sigma", deep_net.IN_NUMPY, ids=lambda sigma: sigma.__name__)
@pytest.mark.parametrize("depth", [1, 2, 7, 50])
def test_deep_net_has_the_formulas_gradients_and_3l_less_1_products(sigma, depth):
    count, error = deep_net.compare([sigma] * depth, jit=False)
    assert count == 3 * depth - 1
    assert error < 1e-12


def test_layers_of_a_deep_net_may_differ():
    count, error = deep_net.compare([*deep_net.IN_NUMPY] * 2, jit=False)
    assert (count, error < 1e-12) == (23, True)


def test_training_step_of_50_layers_holds_149_products():
    net = deep_net.deep_net([gr.relu] * 50)
    step = gr.compile_step(net["loss"], optimizer=gr.optim.SGD(lr=0.1), jit=False)
    assert len(step.plan.products) == 149


def test_memory_of_relu_is_linear_in_the_vector():
    assert relu_memory.memory(4096, jit=False) <= 2 * 4096 * 8 + 256
    growth = np.diff([relu_memory.memory(n, jit=False) for n in (1024, 2048, 3072, 4096)])
    assert len(set(growth)) == 1
