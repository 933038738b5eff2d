"""Elementwise functions at their limits: infinities, ties, poles, integers, and every sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc.ops as gr
from graphc.errors import DTypeError, GraphcError, ShapeError, UsageError
from graphc.grad import grad
from graphc.graph import Graph, Node
from graphc.interpret import evaluate

INF, NAN = np.inf, np.nan


def at(call: Callable[..., Node], *arrays: Any) -> np.ndarray:
    """The value of a call on arrays."""
    node, feeds = built(call, *arrays)
    return evaluate([node], feeds)[node]


def built(call: Callable[..., Node], *arrays: Any) -> tuple[Node, dict[Node, np.ndarray]]:
    g = Graph()
    values = [np.asarray(a) for a in arrays]
    inputs = [g.input(f"x{i}", v.shape, v.dtype) for i, v in enumerate(values)]
    return call(*inputs), dict(zip(inputs, values, strict=True))


def gradient_at(call: Callable[..., Node], *arrays: Any) -> list[Any]:
    node, feeds = built(call, *(np.asarray(a, np.float64) for a in arrays))
    found = grad(gr.sum(node), list(feeds), disconnected="zero")
    values = evaluate(found, feeds)
    return [values[g].tolist() for g in found]


# Names


NAMED = ["arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "absolute", "degrees"]
NAMED += ["radians", "rint", "fix", "fabs", "sinc", "i0", "signbit", "cbrt", "isposinf"]


@pytest.mark.parametrize("name", NAMED)
def test_numpys_functions_build_the_graph(name: str) -> None:
    x = np.array([0.25, 0.5, 0.75]) + (name == "arccosh")
    function = getattr(np, name)
    np.testing.assert_allclose(at(function, x), function(x), rtol=1e-12)


@pytest.mark.parametrize("name", ["arctan2", "pow", "hypot", "left_shift", "bitwise_and", "fmod"])
def test_numpys_functions_of_two_build_the_graph(name: str) -> None:
    a, b = np.array([5, 9]), np.array([3, 2])
    function = getattr(np, name)
    np.testing.assert_allclose(at(function, a, b), function(a, b), rtol=1e-12)


def test_operators_on_integers_mean_their_bits() -> None:
    a, b = np.array([12, -7, 5], np.int16), np.array([10, 3, 1], np.int16)
    assert at(lambda a, b: a & b, a, b).tolist() == (a & b).tolist()
    assert at(lambda a, b: a | b, a, b).tolist() == (a | b).tolist()
    assert at(lambda a, b: a ^ b, a, b).tolist() == (a ^ b).tolist()
    assert at(lambda a, b: ~a, a, b).tolist() == (~a).tolist()
    assert at(lambda a, b: (a << b) >> 1, a, b).tolist() == ((a << b) >> 1).tolist()
    assert at(lambda a, b: 3 & (1 << b), a, b).tolist() == (3 & (1 << b)).tolist()


def test_operators_on_bools_stay_logical() -> None:
    node, _ = built(lambda c: ~(c & True) | c, [True, False])
    assert {n.op.name for n in node.graph.nodes if n.args} == {
        "logical_and", "logical_not", "logical_or",
    }  # fmt: skip


def test_rounding_keeps_integers_and_their_type() -> None:
    for call in (gr.floor, gr.ceil, gr.trunc, gr.round, gr.nan_to_num):
        for dtype in (np.int8, np.uint16, np.bool_):
            assert at(call, np.ones(2, dtype)).dtype == dtype
    assert at(gr.sinc, np.ones(2, np.int8)).dtype == np.float32


def test_shifts_beyond_the_bits_leave_the_sign() -> None:
    x = np.array([1, -5, 100], np.int8)
    assert at(lambda x: x << 8, x).tolist() == [0, 0, 0]
    assert at(lambda x: x >> 9, x).tolist() == [0, -1, 0]


# Values at the limits


def test_logaddexp_of_infinities() -> None:
    a, b = [-INF, -INF, INF, INF, NAN], [-INF, 1.0, INF, -INF, 0.0]
    wanted = [-INF, 1, INF, INF, NAN]
    np.testing.assert_array_equal(at(gr.logaddexp, a, b), wanted)
    np.testing.assert_array_equal(at(gr.logaddexp2, a, b), wanted)


def test_products_with_logarithms_vanish_at_zero() -> None:
    x, y = [0.0, 0.0, 0.0, 2.0, NAN], [0.0, INF, NAN, 0.0, 1.0]
    np.testing.assert_array_equal(at(gr.xlogy, x, y), [0, 0, NAN, -INF, NAN])
    np.testing.assert_array_equal(at(gr.entr, [0.0, -1.0, 1.0]), [0, -INF, 0])


def test_tails_of_the_normal_distribution_do_not_vanish() -> None:
    found = at(gr.log_ndtr, [-1e10, -40.0, 10.0])
    np.testing.assert_allclose(found, [-5e19, -804.6084420137538, -7.61985302416052e-24])
    np.testing.assert_array_equal(at(gr.ndtri, [0.0, 1.0, -0.5]), [-INF, INF, NAN])
    np.testing.assert_array_equal(at(gr.erfinv, [1.0, -1.0, 2.0]), [INF, -INF, NAN])


def test_nan_passes_through_activations() -> None:
    calls = [gr.hardshrink, gr.softshrink, gr.relu6, gr.hardtanh, gr.elu, gr.selu, gr.hardswish]
    calls += [gr.hardsigmoid, gr.leaky_relu, gr.mish, gr.silu, lambda x: gr.threshold(x, 0, 1)]
    for call in calls:
        assert np.isnan(at(call, [NAN, 1.0])).tolist() == [True, False]


def test_activations_do_not_overflow() -> None:
    far = np.array([-1e4, 1e4])
    assert at(gr.silu, far).tolist() == [0, 1e4]
    assert at(gr.mish, far).tolist() == [0, 1e4]
    assert at(gr.log_sigmoid, far).tolist() == [-1e4, 0]
    assert at(lambda x: gr.softplus(x, 3.0), far).tolist() == [0, 1e4]


def test_ldexp_overflows_only_where_its_value_does() -> None:
    x, n = np.array([2.0**-1000, 1.0, 3.0]), np.array([2000, -1074, 2000])
    assert at(gr.ldexp, x, n).tolist() == [2.0**1000, 2.0**-1074, INF]


def test_float_power_is_in_double_precision() -> None:
    found = at(lambda x: gr.float_power(x, 2), np.array([3, 4], np.int8))
    assert found.dtype == np.float64
    assert found.tolist() == [9, 16]


# Gradients at the limits


def test_gradients_of_untaken_branches_are_not_nan() -> None:
    for call in (gr.elu, gr.selu, gr.celu, gr.silu, gr.softplus, gr.gelu):
        assert np.isfinite(gradient_at(call, [-800.0, 0.0, 800.0])[0]).all()
    assert gradient_at(gr.relu6, [NAN, 1.0])[0] == [0, 1]


def test_gradients_at_the_origin_are_zero() -> None:
    assert gradient_at(gr.hypot, [0.0], [0.0]) == [[0], [0]]
    assert gradient_at(gr.atan2, [0.0], [0.0]) == [[0], [0]]
    assert gradient_at(gr.copysign, [0.0], [-1.0]) == [[0], [0]]


def test_logaddexp_of_equal_infinities_shares_its_gradient() -> None:
    assert gradient_at(gr.logaddexp, [-INF, 3.0], [-INF, 3.0]) == [[0.5, 0.5], [0.5, 0.5]]


def test_a_product_with_a_logarithm_has_no_slope_where_it_is_nothing() -> None:
    assert gradient_at(gr.xlogy, [0.0, 0.0], [0.0, 2.0]) == [[0, np.log(2)], [0, 0]]


def test_nothing_flows_to_the_number_that_lost() -> None:
    assert gradient_at(gr.fmax, [1.0, NAN, 2.0], [NAN, 1.0, 2.0]) == [[1, 0, 1], [0, 1, 0]]
    assert gradient_at(gr.nan_to_num, [NAN, INF, 2.0]) == [[0, 0, 1]]


def test_bessel_functions_and_sinc_have_smooth_slopes_at_zero() -> None:
    second = lambda call: lambda x: grad(gr.sum(call(x)), x)  # noqa: E731
    assert gradient_at(gr.i1, [0.0]) == [[0.5]]
    assert gradient_at(gr.sinc, [0.0]) == [[0]]
    found = gradient_at(second(gr.sinc), [0.0, 1e-9, 0.0999])
    np.testing.assert_allclose(found[0][:2], [-(np.pi**2) / 3] * 2, rtol=1e-12)


def test_the_tail_of_log_ndtr_has_the_slope_minus_x() -> None:
    (found,) = gradient_at(gr.log_ndtr, [-1e8, -1e3, 50.0])
    np.testing.assert_allclose(found, [1e8, 1e3 + 1e-3, 0], rtol=1e-8, atol=1e-300)


def test_rounding_is_flat_and_remainders_are_not() -> None:
    assert gradient_at(gr.floor, [1.5])[0] == [0]
    assert gradient_at(gr.remainder, [7.5], [2.0]) == [[1], [-3]]
    assert gradient_at(gr.fmod, [-7.5], [2.0]) == [[1], [3]]


def test_prelu_takes_a_weight_for_each_channel() -> None:
    x, w = -np.ones((2, 3, 4)), np.array([0.1, 0.2, 0.3])
    assert at(gr.prelu, x, w)[0, :, 0].tolist() == [-0.1, -0.2, -0.3]
    assert gradient_at(gr.prelu, x, w)[1] == [-8, -8, -8]


# Sentences


def batches(x: Node) -> Node:
    return x.graph.input("b", ("batch", 2))


# fmt: off
SENTENCES: list[tuple[Callable[[Node], Any], type[GraphcError], str]] = [
    (lambda x: gr.gelu(x, "erf"), UsageError, "approximate is 'none' or 'tanh', not 'erf'"),
    (lambda x: gr.elu(x, "a"), UsageError, "alpha is a number, not str"),
    (lambda x: gr.leaky_relu(x, x), UsageError, "negative_slope is a number, not Node"),
    (lambda x: gr.celu(x, 0), UsageError, "the alpha of celu is positive, not 0"),
    (lambda x: gr.hardtanh(x, 1, -1), UsageError, "min_val is at most max_val, not 1.0 over -1.0"),
    (lambda x: gr.softshrink(x, -1), UsageError, "lambd is a number from 0 on, not -1"),
    (lambda x: gr.polygamma(-1, x), UsageError, "an integer from 0 on, not -1"),
    (lambda x: gr.polygamma(x, x), UsageError, "the order of polygamma is an integer from 0 on"),
    (lambda x: gr.multigammaln(x, 0), UsageError, "an integer from 1 on, not 0"),
    (lambda x: gr.glu(x), ShapeError, "axis 0 of shape (3,) has no two halves that are known"),
    (lambda x: gr.glu(batches(x), 0), ShapeError, "axis 0 of shape (batch, 2) has no two halves"),
    (lambda x: x << 1, DTypeError, "bits are those of integers or bools, not of f64[3] and f64"),
    (lambda x: ~x, DTypeError, "logical operations take bool, not f64[3]"),
    (lambda x: gr.round(x, 1.5), UsageError, "decimals are an integer, not float"),
    (lambda x: gr.round(gr.astype(x, "i8"), -1), DTypeError, "only floats are rounded to tens"),
]
# fmt: on


@pytest.mark.parametrize(("call", "kind", "text"), SENTENCES, ids=[s[2] for s in SENTENCES])
def test_misuse_is_told(call: Callable[[Node], Any], kind: type[GraphcError], text: str) -> None:
    with pytest.raises(kind) as caught:
        call(Graph().input("x", (3,)))
    assert text in str(caught.value)
