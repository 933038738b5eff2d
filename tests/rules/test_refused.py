"""Every refused equation breaks where it says, and simplifying keeps its left side's value."""

from __future__ import annotations

import numpy as np
import pytest
from rule_samples import instance, same_bits

from graphc.grad import grad
from graphc.interpret import evaluate
from graphc.joint import Joint
from graphc.rules.passes import simplify
from graphc.rules.refused import REFUSED, Refused

ROWS = pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.why)


def _holes(row: Refused, holes: dict) -> dict:
    return {hole: np.full(hole.shape, row.breaks[name]) for name, hole in holes.items()}


def _value(row: Refused, side: str) -> np.ndarray:
    shape = () if row.of == "gradient" else (2,)
    root, holes = instance(getattr(row, side), "f64", shape)
    root = grad(root, [holes["x"]])[0] if row.of == "gradient" else root
    return np.broadcast_to(evaluate([root], _holes(row, holes))[root], shape)


@ROWS
def test_refused_equation_breaks_at_its_input(row):
    assert not same_bits(_value(row, "left"), _value(row, "right"))


@ROWS
def test_simplify_keeps_what_the_left_side_is_there(row):
    root, holes = instance(row.left, "f64", (2,))
    joint = simplify(Joint(root.graph, (root,), wrt=tuple(holes.values())))
    feeds = dict(zip(joint.wrt, _holes(row, holes).values(), strict=True))
    left = evaluate([root], _holes(row, holes))[root]
    assert same_bits(evaluate(joint.outputs, feeds)[joint.outputs[0]], left)
