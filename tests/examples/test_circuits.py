"""The lecture's small circuits and its neuron, with the lecture's numbers."""

import pytest

import graphc as gr
from examples import circuits, neuron


def run(graph: gr.Graph, wrt: str, **inputs: float) -> tuple[float, list[float]]:
    value, gradients = gr.compile(graph, wrt=wrt.split(), jit=False)(**inputs)
    return value, list(gradients.values())


def test_sum_times_hands_the_gradient_of_q_to_x_and_y():
    program = gr.compile([circuits.sum_times["f"], circuits.sum_times["q"]], jit=False)
    assert program(x=-2, y=5, z=-4) == [-12, 3]
    assert run(circuits.sum_times, "x y z q", x=-2, y=5, z=-4) == (-12, [-4, -4, 3, -4])


def test_product_gives_each_input_the_other_ones_value():
    assert run(circuits.product, "x y", x=4, y=-3) == (-12, [-3, 4])


@pytest.mark.parametrize(
    ("x", "y", "gradients"), [(4, 2, [1, 0]), (2, 4, [0, 1]), (3, 3, [1, 0]), (0.0, -0.0, [1, 0])]
)
def test_max_gives_everything_to_the_winner_and_of_two_to_the_first(x, y, gradients):
    assert run(circuits.larger, "x y", x=x, y=y) == (max(x, y), gradients)


def test_three_gates():
    assert run(circuits.three_gates, "x y z w", x=3, y=-4, z=2, w=-1) == (-20, [-8, 6, 2, 0])


@pytest.fixture(scope="module")
def as_written() -> object:
    program = gr.compile(neuron.neuron, wrt=[*neuron.WEIGHTS, *neuron.INPUTS], without="group")
    return program.trace(neuron.WEIGHTS | neuron.INPUTS)


WIRES = (1.0, 0.20), (-1.0, -0.20), (0.37, -0.53), (1.37, -0.53), (0.73, 1.0)


def test_every_wire_of_the_neuron_has_the_drawings_numbers(as_written):
    rows = [(round(row.value, 2), round(row.gradient, 2)) for row in as_written.wires[-5:]]
    assert tuple(rows) == WIRES


@pytest.mark.parametrize("without", [(), "group"])
def test_gradients_of_the_neuron_with_and_without_a_sigmoid_gate(without):
    wrt = [*neuron.WEIGHTS, *neuron.INPUTS]
    program = gr.compile(neuron.neuron, wrt=wrt, without=without, jit=False)
    f, gradients = program(neuron.WEIGHTS | neuron.INPUTS)
    assert round(f, 2) == 0.73
    assert [round(gradients[w], 3) for w in neuron.WEIGHTS] == [-0.197, -0.393, 0.197]
    assert [round(gradients[x], 3) for x in neuron.INPUTS] == [0.393, -0.590]


def test_the_last_five_gates_of_the_neuron_become_one_sigmoid():
    plan = gr.compile(neuron.neuron, jit=False).plan
    assert plan.stages[-1].text == "sigmoid(score)"
