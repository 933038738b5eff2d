"""A graph built by hand with networkx runs as the same model written otherwise does."""

import networkx as nx
import numpy as np

import graphc as gr
from examples import circuits, from_networkx


def test_circuit_by_hand_is_the_circuit():
    feeds = {"x": -2, "y": 5, "z": -4}
    by_hand = gr.from_networkx(from_networkx.circuit())
    programs = [
        gr.compile(g["f"], ["x", "y", "z"], jit=False) for g in (by_hand, circuits.sum_times)
    ]
    assert programs[0](feeds) == programs[1](feeds) == (-12, {"x": -4, "y": -4, "z": 3})


def test_layer_by_hand_is_relu_of_the_product():
    net = gr.from_networkx(from_networkx.layer())
    program = gr.compile(net["h"], jit=False)
    program.params["W1"] = np.eye(784, 100)
    X = np.random.default_rng(0).standard_normal((3, 784)).astype("float32")
    np.testing.assert_array_equal(program(X=X), np.maximum(X[:, :100], 0))
    assert [node.name for node in nx.dag_longest_path(net.nx)] == ["X", "z", "h"]
