"""The laws of rewriting, over every row of every table."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from rule_examples import EXAMPLES
from rule_samples import cost, is_plain, same_bits, specials, written

from graphc.errors import GraphError
from graphc.graph import CONST, Node
from graphc.interpret import evaluate
from graphc.joint import Fired, Joint
from graphc.rules.algebra import ALGEBRA
from graphc.rules.group import GROUP
from graphc.rules.replay import replay
from graphc.rules.rewrite import rewriting
from graphc.rules.rule import Rule, Table, holes, rule
from graphc.rules.stable import STABLE

TABLES = (ALGEBRA, GROUP, STABLE)
FLOATS = ("f32", "f64")
INTEGERS = ("i8", "u8", "i64")


def _rows(*tables: Table) -> Any:
    return pytest.mark.parametrize(
        "row", [r for t in tables for r in t.rules], ids=lambda r: r.name
    )


def _rewritten(row: Rule, dtype: str) -> tuple[Joint, Joint]:
    """The joint of a row's left side, and what the row alone makes of it."""
    root, inputs = written(row, dtype)
    joint = Joint(root.graph, (root,), wrt=tuple(inputs.values()))
    fired: list[Fired] = []
    found = replay(joint, rewriting(Table("one", row, alone=True), "test", fired))
    return joint, Joint(found.graph, found.outputs, found.wrt, fired=tuple(fired))


def _value(joint: Joint, feeds: Any) -> np.ndarray:
    return evaluate(joint.outputs, dict(zip(joint.wrt, feeds, strict=True)))[joint.outputs[0]]


# Every table


@_rows(*TABLES)
def test_row_fires_on_its_own_left_side(row):
    assert row.name in [f.rule for f in _rewritten(row, "f64")[1].fired]


@_rows(*TABLES)
def test_row_keeps_the_type(row):
    for dtype in FLOATS:
        before, after = _rewritten(row, dtype)
        assert before.outputs[0].types == after.outputs[0].types


@_rows(*TABLES)
def test_row_never_costs_more(row):
    before, after = _rewritten(row, "f64")
    assert cost(after.outputs[0]) <= cost(before.outputs[0])


@_rows(*TABLES)
def test_row_agrees_with_numpy_on_drawn_inputs(row):
    for dtype, tolerance in (("f32", 2e-5), ("f64", 1e-13)):
        before, after = _rewritten(row, dtype)
        feeds = [_drawn(node) for node in before.wrt]
        np.testing.assert_allclose(
            _value(after, feeds), _value(before, feeds), rtol=tolerance, atol=tolerance
        )


def _drawn(node: Node) -> np.ndarray:
    rng, shape = np.random.default_rng(7), [64 if not isinstance(d, int) else d for d in node.shape]
    draws = {"b": lambda: rng.random(shape) < 0.5, "u": lambda: rng.integers(0, 4, shape)}
    return draws.get(node.type.numpy.kind, lambda: rng.uniform(0.05, 0.95, shape))().astype(
        node.type.numpy
    )


def test_no_two_rows_share_a_name():
    names = [row.name for table in TABLES for row in table.rules]
    assert len(set(names)) == len(names)


def test_a_table_with_one_name_twice_is_refused():
    (x,) = holes("x")
    with pytest.raises(GraphError, match="two rows of 'twin' are named 'same'"):
        Table("twin", rule("same", x / 1.0, x), rule("same", x * 1.0, x))


def test_every_row_with_loose_operations_has_an_example_and_no_other():
    loose = {row.name for table in TABLES for row in table.rules if not is_plain(row.left)}
    assert loose == set(EXAMPLES)


# Algebra: the same bits


@_rows(ALGEBRA)
def test_algebra_keeps_every_bit_of_special_floats(row):
    for dtype in FLOATS:
        before, after = _rewritten(row, dtype)
        feeds = list(specials({n.name: n for n in before.wrt}).values())
        assert same_bits(_value(before, feeds), _value(after, feeds))


@_rows(ALGEBRA)
def test_algebra_keeps_every_bit_of_integers_that_wrap_around(row):
    for dtype in INTEGERS:
        try:
            before, after = _rewritten(row, dtype)
        except (OverflowError, ValueError):
            continue  # -1 is no unsigned number: the left side cannot be written
        feeds = list(specials({n.name: n for n in before.wrt}).values())
        if not (row.name.startswith("power-minus") or row.name.startswith("div")):
            assert same_bits(_value(before, feeds), _value(after, feeds))
        assert before.outputs[0].types == after.outputs[0].types


# Stability: never further from the true value, which decimal numbers of 400 digits give

DIGITS = 400
WIDE = (-80.0, -30.0, -5.5, -1.0, -1e-3, -1e-9, 1e-12, 1e-5, 0.3, 2.0, 17.0, 40.0, 88.0)
UNIT = (1e-12, 1e-5, 0.01, 0.3, 0.5, 0.9)


@_rows(STABLE)
def test_stable_row_is_never_further_from_the_true_value(row):
    for dtype in FLOATS:
        before, after = _rewritten(row, dtype)
        feeds = [_spread(node, row) for node in before.wrt]
        true = _exactly(before, feeds)
        unit = 1.0 if row.name in EXAMPLES else float(np.finfo(before.outputs[0].type.numpy).tiny)
        left, right = (_error(_value(j, feeds), true, unit) for j in (before, after))
        assert np.all(right <= np.maximum(left, 8))


def _spread(node: Node, row: Rule) -> np.ndarray:
    if node.dtype == "u8":
        return np.arange(node.shape[0], dtype="u1") % 4
    values = UNIT if node.name == "t" or row.name.startswith("log1p") else WIDE
    count = 13 if node.type.names() else node.type.size
    return (
        np.resize(np.array(values), count)
        .reshape([13] if node.type.names() else node.shape)
        .astype(node.type.numpy)
    )


def _error(value: np.ndarray, true: np.ndarray, unit: float) -> np.ndarray:
    """The distance in last places of the true value, or of a larger `unit`; inf if not finite.

    What is summed over an axis is no more accurate than the largest term, so its unit is 1.
    """
    eps = Decimal(float(np.finfo(value.dtype).eps))
    with localcontext() as context:
        context.prec = DIGITS
        distance = [
            float(abs(Decimal(float(v)) - t) / (eps * max(abs(t), Decimal(unit))))
            if np.isfinite(v)
            else np.inf
            for v, t in zip(np.ravel(value), np.ravel(true), strict=True)
        ]
    return np.array(distance)


def _each(function: Any) -> Any:
    return lambda x: np.vectorize(function, otypes=[object])(x)


def _softmax(x: Any, axis: Any) -> Any:
    e = _each(Decimal.exp)(x)
    return e / np.sum(e, axis=axis, keepdims=True)


MEANS = {
    "exp": _each(Decimal.exp),
    "log": _each(Decimal.ln),
    "log1p": _each(lambda x: (1 + x).ln()),
    "sqrt": _each(Decimal.sqrt),
    "sigmoid": _each(lambda x: 1 / (1 + (-x).exp())),
    "softmax": _softmax,
    "log_softmax": lambda x, axis: MEANS["log"](_softmax(x, axis)),
    "logsumexp": lambda x, axis, keepdims: MEANS["log"](
        np.sum(MEANS["exp"](x), axis=axis, keepdims=keepdims)
    ),
    "one_hot": lambda t, num_classes, dtype: np.eye(num_classes, dtype=int).astype(object)[t],
    "mean": lambda x, axis, keepdims: np.sum(x) / x.size,
}


def _exactly(joint: Joint, feeds: list[np.ndarray]) -> np.ndarray:
    """The value of the only output in decimal numbers."""
    values: dict[Node, Any] = {
        n: f if f.dtype == "u1" else _decimals(f) for n, f in zip(joint.wrt, feeds, strict=True)
    }
    with localcontext() as context:
        context.prec = DIGITS
        for node in joint.graph.order(*joint.outputs):
            if node.op is CONST:
                values[node] = _decimals(node.value)
            elif node not in values:
                means = MEANS.get(node.op.name, node.op.numpy)
                values[node] = means(*(values[a] for a in node.args), **node.attrs)
    return np.asarray(values[joint.outputs[0]], dtype=object)


def _decimals(array: np.ndarray) -> Any:
    return np.vectorize(lambda v: Decimal(float(v)), otypes=[object])(array)


@pytest.mark.parametrize(
    ("name", "x", "value"),
    [
        ("softplus", 800.0, 800.0),
        ("log-sigmoid", -800.0, -800.0),
        ("log-exp", 800.0, 800.0),
        ("log1p", 1e-20, 1e-20),
        ("expm1", 1e-20, 1e-20),
        ("one-minus-sigmoid", 40.0, np.exp(-40.0)),
        ("logsumexp", 800.0, 800.0 + np.log(4)),
        ("softmax", 800.0, 0.25),
        ("log-softmax", -800.0, -np.log(4)),
        ("sqrt-square", -1e200, 1e200),
    ],
)
def test_stable_row_mends_what_overflows_or_cancels(name, x, value):
    row = next(r for r in STABLE.rules if r.name == name)
    _, after = _rewritten(row, "f64")
    feed = np.full([d if isinstance(d, int) else 3 for d in after.wrt[0].shape], x)
    np.testing.assert_allclose(_value(after, [feed]), value, rtol=1e-14)
