"""debug="nan": the first stage that is not finite, with its line and what it was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import NonFiniteError, UsageError


def watched(build: Callable[..., Any], *shape: Any, wrt: bool = True) -> Any:
    """A program of one input p that is watched."""
    g = gr.Graph()
    p = g.input("p", shape)
    return gr.compile(build(p).named("f"), wrt=[p] if wrt else None, jit=False, debug="nan")


def message(program: Any, p: Any) -> str:
    with pytest.raises(NonFiniteError) as error:
        program(p=p)
    return str(error.value)


def test_the_whole_sentence_of_a_logarithm() -> None:
    program = watched(lambda p: gr.mean(gr.log(p).named("logp")), 4)
    line = program.after["write_down"].graph["logp"].where[0].line
    assert message(program, [1.0, 0.0, 2.0, 0.0]) == (
        f"[G401] log 'logp' (test_finite.py:{line}): -inf first appears here, in the forward sweep;"
        " input 'p' had min 0, 2 of 4 elements <= 0\n"
        "  hint: the log of a probability is gr.log_softmax(scores), which never takes log(0)"
    )


HERE = "first appears here, in the forward sweep; input 'p' had"
BACK = "first appears in the gradient through it, in the backward sweep; its input, multiply, had"

# fmt: off
SENTENCES = [
    (lambda p: gr.mean(gr.log(p)), [-1.0, 1.0],  f"nan {HERE} min -1, 1 of 2 elements <= 0"),
    (lambda p: gr.sum(gr.exp(p)),  [999.0, 1.0], f"inf {HERE} max 999, 1 of 2 elements beyond the"),
    (lambda p: gr.sum(1 / p),      [0.0, 1.0],   f"inf {HERE} min 0, 1 of 2 elements == 0"),
    (lambda p: gr.sum(p * p),      [1e200, 1.0], f"inf {HERE} min 1 and max 1e+200"),
    (lambda p: gr.sum(gr.sqrt(p)), [0.0, 1.0],   f"inf {BACK} min 0, 1 of 2 elements == 0"),
    (lambda p: gr.sum(p),          [np.nan, 1],  ": 1 of the 2 elements that were fed are not"),
]
# fmt: on


@pytest.mark.parametrize(("build", "p", "sentence"), SENTENCES)
def test_each_stage_is_told_with_what_it_was_given(build: Any, p: Any, sentence: str) -> None:
    assert sentence in message(watched(build, 2), p)


def test_an_infinity_that_a_mask_takes_out_is_nobodys_fault() -> None:
    program = watched(lambda p: gr.sum(gr.where(p > 0, gr.log(p), 0.0)), 2)
    value, grads = program(p=[0.0, 1.0])
    assert value == 0.0
    assert grads["p"].tolist() == [0.0, 1.0]


def test_the_sweeps_apart_are_watched_too() -> None:
    program = watched(gr.sqrt)
    assert program.forward(p=0.0) == 0.0
    with pytest.raises(NonFiniteError, match="in the backward sweep"):
        program.backward()


def test_integers_and_finite_values_pass() -> None:
    program = watched(lambda p: gr.argmax(p), 3, wrt=False)
    assert program(p=[1.0, 3.0, 2.0]) == 1


def test_an_unknown_wish_is_told() -> None:
    g = gr.Graph()
    with pytest.raises(UsageError, match="debug='inf' means nothing"):
        gr.compile(g.input("p"), debug="inf")
