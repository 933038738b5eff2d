"""Random graphs through the whole compiler: with all passes, without each, with the JIT; as one
kernel and as two sweeps; on smaller and larger data than they were compiled for.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from agreement import Case, Stepped
from drawing import Drawn, Pick
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from graphc.compile import OPTIONAL
from graphc.errors import GraphcError

pytestmark = [
    pytest.mark.filterwarnings("ignore::graphc.errors.RecompileWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # NumPy's about means of nothing
]

FOUND = (Phase.explicit, Phase.reuse, Phase.generate)  # a graph that fails is shown as drawn
LEFT_OUT = [[], *([name] for name in OPTIONAL), list(OPTIONAL)]


def hypothetical(data: st.DataObject) -> Pick:
    return lambda options: options[data.draw(st.integers(0, len(options) - 1))]


def seeded(seed: int) -> Pick:
    return random.Random(seed).choice


def check(drawn: Drawn, **options: Any) -> None:
    """Results and gradients that are drawn, at all sizes, as far as NumPy has them too."""
    outputs = [drawn.loss(), *drawn.some(drawn.pick([0, 1, 3]))]
    case = Case(outputs, drawn.wrt(), **options)
    for sizes in drawn.runs():
        feeds = drawn.feeds(sizes)
        if has_meaning(lambda: case.wanted(feeds)):  # noqa: B023
            case.check(feeds)
            if case.wrt:
                case.check_apart(feeds)


def has_meaning(run: Callable[[], Any]) -> bool:
    """Whether the interpreter takes it: no slice or extreme of what has become empty."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's about means of nothing
            run()
    except (GraphcError, ValueError, IndexError):
        return False
    return True


@settings(max_examples=15, phases=FOUND)
@given(st.data())
def test_plain_source_gives_what_the_interpreter_gives(data: st.DataObject) -> None:
    check(Drawn(hypothetical(data)))


@pytest.mark.parametrize("without", LEFT_OUT[1:], ids="+".join)
@settings(max_examples=3, phases=FOUND)
@given(data=st.data())
def test_every_pass_may_be_left_out(without: list[str], data: st.DataObject) -> None:
    check(Drawn(hypothetical(data)), without=without)


@settings(max_examples=15, phases=FOUND)
@given(st.data())
def test_new_values_of_states_are_made_of_the_old_ones(data: st.DataObject) -> None:
    drawn = Drawn(hypothetical(data), steps=8, states=3)
    without = drawn.pick([[], *LEFT_OUT])
    step = Stepped(drawn.updates(), drawn.some(2), without=without)
    feeds = drawn.feeds(drawn.sizes)
    if has_meaning(lambda: step.wanted(feeds)):
        step.check(feeds)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_large_graphs_agree_too(seed: int) -> None:
    check(Drawn(seeded(seed), steps=300))


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_compiled_source_gives_what_the_interpreter_gives(seed: int) -> None:
    check(Drawn(seeded(seed), steps=20), jit=True)
