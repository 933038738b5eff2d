"""The squiggle through three points, with the numbers of the video."""

import pytest

from examples import squiggle


@pytest.fixture(scope="module")
def descent() -> list[squiggle.Descent]:
    return list(squiggle.fit_b3(jit=False))


def test_first_steps_of_the_last_bias(descent):
    first, second, third = descent[:3]
    assert (first.b3, round(first.ssr, 1)) == (0, 20.4)
    assert (round(first.slope, 1), round(first.step, 2)) == (-15.7, -1.57)
    assert (round(second.b3, 2), round(second.slope, 2)) == (1.57, -6.26)
    assert round(third.b3, 2) == 2.19


def test_last_bias_ends_when_the_step_is_close_to_0(descent):
    assert round(descent[-1].b3, 2) == 2.61
    assert abs(descent[-1].step) < 0.001 < abs(descent[-2].step)


def test_all_seven_parameters_at_once():
    errors = squiggle.fit_all()
    assert round(errors[0], 2) == 1.90
    assert errors[-1] < 1e-4
