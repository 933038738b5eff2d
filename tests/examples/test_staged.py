"""The staged example: its digits, with the rewrite rules and without them."""

import pytest

import graphc as gr
from examples.staged import RULES, staged


@pytest.mark.parametrize("without", [(), RULES])
def test_staged_example_has_the_notes_digits(without):
    program = gr.compile(staged, wrt=["x", "y"], without=without, jit=False)
    value, gradients = program(x=3, y=-4)
    assert value == 1.5456448841066441
    assert gradients == {"x": 2.0595697955721652, "y": 1.5922327514838093}
    names = "sigy num sigx xpy xpysqr den invden f"
    assert [stage.name for stage in program.plan.stages] == names.split()


def test_the_two_sweeps_apart_give_the_same_digits():
    program = gr.compile(staged, wrt=["x", "y"], jit=False)
    assert program.forward(x=3, y=-4) == 1.5456448841066441
    assert program.backward() == {"x": 2.0595697955721652, "y": 1.5922327514838093}
    assert program.backward(2.0)["x"] == 2 * 2.0595697955721652
