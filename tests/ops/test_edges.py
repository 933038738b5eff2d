"""Where operations meet their limits: empty, infinite, tied and misused arguments, and every
sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc.ops as gr
from graphc.errors import DTypeError, GraphcError, LabelError, ShapeError, UsageError
from graphc.graph import OPS, Graph, Node
from graphc.interpret import evaluate
from graphc.ops.shaping.pieces import slice_needs
from graphc.types import named

INF, NAN = np.inf, np.nan


def at(call: Callable[..., Node], *arrays: Any) -> Any:
    """The value of a call on arrays."""
    g = Graph()
    values = [np.asarray(a) for a in arrays]
    inputs = [g.input(f"x{i}", v.shape, v.dtype) for i, v in enumerate(values)]
    node = call(*inputs)
    return evaluate([node], dict(zip(inputs, values, strict=True)))[node].tolist()


# Values at the limits


def test_nothing_sums_to_zero_and_multiplies_to_one() -> None:
    assert at(lambda x: gr.sum(x, axis=0), np.ones((0, 2))) == [0, 0]
    assert at(lambda x: gr.prod(x, axis=0), np.ones((0, 2))) == [1, 1]


def test_logsumexp_at_infinity() -> None:
    rows = [[-INF, -INF], [INF, 0.0], [1e4, 1e4], [NAN, 0.0]]
    found = at(lambda x: gr.logsumexp(x, axis=1), rows)
    np.testing.assert_allclose(found, [-INF, INF, 1e4 + np.log(2), NAN])


def test_softmax_does_not_overflow() -> None:
    assert at(gr.softmax, [1e4, 1e4, -1e4, -INF]) == [0.5, 0.5, 0, 0]
    assert at(gr.log_softmax, [1e4, 1e4 - 1000, -INF]) == [0, -1000, -INF]


def test_the_first_nan_is_the_maximum() -> None:
    assert at(gr.argmax, [1.0, NAN, 3.0, NAN]) == 1
    assert at(gr.argmin, [1.0, 0.0, NAN]) == 2
    assert np.isnan(at(gr.max, [1.0, NAN]))


def test_sums_of_small_integers_are_wide() -> None:
    g = Graph()
    types = {d: gr.sum(g.input(d, (2,), d)).dtype for d in ("bool", "int8", "uint16", "float32")}
    assert types == {"bool": "i64", "int8": "i64", "uint16": "u64", "float32": "f32"}
    assert gr.mean(g.input("k", (2,), "int8")).dtype == "f64"
    assert gr.sum(g["float32"], dtype="float64").dtype == "f64"


def test_the_maximum_of_bools_is_any() -> None:
    assert at(gr.max, [False, True]) is True
    assert at(gr.min, [False, True]) is False


def test_small_labels_index_large_tables() -> None:
    assert at(lambda x, i: x[i], np.arange(300), np.array([255], np.uint8)) == [255]
    assert at(lambda x, i: x[i], np.arange(300), np.array([-128], np.int8)) == [172]


def test_scatter_add_adds_up_at_one_place() -> None:
    found = at(lambda x, i: gr.scatter_add(x, i, 2), np.zeros(3), np.array([0, 0, -1]))
    assert found == [4, 0, 2]


def test_a_mean_divides_by_its_size_at_run_time() -> None:
    g = Graph()
    x = g.input("x", ("batch", "width"))
    y = gr.mean(x)
    for shape in ((3, 2), (1, 5)):
        assert evaluate([y], {x: np.ones(shape)})[y] == 1


def test_weights_that_are_equal_change_nothing() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.standard_normal((4, 3)), np.array([0, 2, 1, 1])
    plain = at(gr.cross_entropy, scores, labels)
    assert at(gr.cross_entropy, scores, labels, np.full(4, 0.2)) == pytest.approx(plain)


def test_hinge_is_the_lectures() -> None:
    scores, labels = [[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]], [0, 1, 2]
    assert at(gr.hinge, scores, labels) == pytest.approx((2.9 + 0 + 12.9) / 3)


def test_l2_is_the_sum_of_squares_times_its_strength() -> None:
    assert at(lambda a, b: gr.l2(a, b, strength=0.5), [1.0, 2.0], [[3.0]]) == 7


# Shapes with names


def test_shapes_keep_their_names() -> None:
    g = Graph()
    x = g.input("x", ("batch", 4, 6))
    found = [
        x[1:], x[:-2], x[-3:], x[:5], x[::-1], x[0], gr.reshape(x, (-1, 8)), gr.reshape(x, ("batch",
        -1)),
        gr.concat([x, x]), gr.concat([x, x[1:]]), gr.ravel(x), x.T, gr.stack([x, x], 1),
    ]  # fmt: skip
    assert [str(n.type)[4:-1] for n in found] == [
        "batch-1,4,6", "batch-2,4,6", "3,4,6", "5,4,6", "batch,4,6", "4,6", "3*batch,8", "batch,24",
        "2*batch,4,6", "2*batch-1,4,6", "24*batch", "6,4,batch", "batch,2,4,6",
    ]  # fmt: skip


def test_two_named_sizes_stay_apart_in_a_reshape() -> None:
    x = Graph().input("x", ("batch", "time", 64))
    assert str(gr.reshape(x, ("batch", "time", 8, 8)).type) == "f64[batch,time,8,8]"
    assert str(gr.reshape(x, ("batch", "time", 4, -1)).type) == "f64[batch,time,4,16]"


def test_a_slice_tells_what_it_needs_of_a_named_size() -> None:
    n = named("n")
    needs = slice_needs((n,), (n - 3,), (n,), (1,))
    assert needs == [3, n - 3, 0]


def test_a_slice_outside_of_a_named_size_is_told() -> None:
    x = Graph().input("x", ("batch",))
    y = x[:5]
    with pytest.raises(ShapeError, match=r"a slice reaches outside of shape \(3,\)"):
        evaluate([y], {x: np.ones(3)})


# What is a view stays a view, what changes nothing is nothing


def test_what_changes_nothing_is_the_stage_itself() -> None:
    v = Graph().input("v", (3,))
    same = (v.T, v[:], v[...], gr.astype(v, "float64"), gr.squeeze(v), gr.transpose(v, None))
    assert all(n is v for n in same)


def test_softmax_and_logsumexp_share_their_parts() -> None:
    g = Graph()
    g.sharing = True
    x = g.input("x", (4, 3))
    before = len(g)
    OPS["logsumexp"].spell.define(x, axis=(1,), keepdims=True)
    first = len(g) - before
    OPS["softmax"].spell.define(x, axis=(1,))
    assert len(g) - before - first == 1


# Sentences


def sentence(call: Callable[[], Any], kind: type[GraphcError]) -> str:
    """What an error says, without the stage and line it is about."""
    with pytest.raises(kind) as error:
        call()
    assert "(test_edges.py:" in error.value.subject
    return f"[{error.value.code}] {error.value.sentence}"


def leaves() -> dict[str, Node]:
    g = Graph()
    return {
        "v": g.input("v", (3,)),
        "m": g.input("m", (2, 3)),
        "x": g.input("x", ("batch", 3)),
        "s": g.input("s"),
        "b": g.input("b", (3,), "bool"),
        "t": g.input("t", (2,), "int32"),
        "W": g.param("W", (784, 100)),
        "images": g.input("images", (32, 783)),
        "none": g.input("none", (0, 2)),
    }


# fmt: off
SENTENCES: list[tuple[Callable[..., Any], type[GraphcError], str]] = [
    (lambda n: n["images"] @ n["W"], ShapeError, "[G101] images has shape (32, 783) but W has shape (784, 100); inner sizes 783 != 784"),
    (lambda n: gr.relu(n["m"]) @ n["W"], ShapeError, "[G101] the first argument has shape (2, 3) but W has shape (784, 100); inner sizes 3 != 784"),
    (lambda n: n["v"] @ n["s"], ShapeError, "[G101] matmul takes vectors and matrices, not scalars"),
    (lambda n: n["v"] @ n["b"], DTypeError, "[G201] matmul takes numbers, not f64[3] and bool[3]"),
    (lambda n: gr.sum(n["m"], axis=2), ShapeError, "[G103] axis 2 is out of range for shape (2, 3)"),
    (lambda n: gr.sum(n["s"], axis=0), ShapeError, "[G103] axis 0 is out of range for shape ()"),
    (lambda n: gr.sum(n["m"], axis=(0, -2)), ShapeError, "[G103] an axis comes twice in (0, -2)"),
    (lambda n: gr.sum(n["m"], axis=1.0), UsageError, "[G601] an axis is an integer, not float"),
    (lambda n: gr.sum([1.0, 2.0]), UsageError, "[G601] a stage of a graph is wanted here, not list"),
    (lambda n: gr.max(n["none"], axis=0), ShapeError, "[G106] an array of shape (0, 2) has no extreme along axes (0,)"),
    (lambda n: gr.reshape(n["m"], (4, 2)), ShapeError, "[G104] (2, 3) cannot be reshaped to (4, 2): 6 elements are not 8"),
    (lambda n: gr.reshape(n["v"], (3, *(1,) * 64)), ShapeError, "[G103] a shape of 65 axes is more than the 64 of NumPy's arrays"),
    (lambda n: gr.reshape(n["x"], (-1, 2)), ShapeError, "[G104] (batch, 3) cannot be reshaped to (-1, 2)"),
    (lambda n: gr.reshape(n["m"], (-1, -1)), ShapeError, "[G104] only one size of a shape may be -1"),
    (lambda n: gr.transpose(n["m"], (0, 0)), ShapeError, "[G103] axes (0, 0) do not name each axis of (2, 3) once"),
    (lambda n: n["v"].mT, ShapeError, "[G103] a matrix has two axes or more, not shape (3,)"),
    (lambda n: gr.squeeze(n["m"], 0), ShapeError, "[G103] axis 0 of (2, 3) has size 2, not 1"),
    (lambda n: gr.broadcast_to(n["m"], (3,)), ShapeError, "[G102] (2, 3) does not broadcast to (3,)"),
    (lambda n: gr.concat([n["m"], n["v"]]), ShapeError, "[G102] (2, 3) and (3,) differ beside axis 0"),
    (lambda n: gr.concat(n["m"]), UsageError, "[G601] a sequence of one array or more is wanted here"),
    (lambda n: gr.stack([n["v"], n["s"]]), ShapeError, "[G102] (3,) and () are not one shape, so they cannot be stacked"),
    (lambda n: n["v"][3], LabelError, "[G103] index 3 is outside of axis 0 of shape (3,)"),
    (lambda n: n["v"][0, 0], LabelError, "[G103] 2 indices are too many for shape (3,)"),
    (lambda n: n["v"][n["b"]], UsageError, "[G601] a boolean mask picks as many elements as it has true ones, which no shape can say"),
    (lambda n: n["v"][n["s"]], DTypeError, "[G201] an index is an integer, not f64"),
    (lambda n: n["x"][::2], ShapeError, "[G104] one in 2 of batch elements is not affine in the named sizes"),
    (lambda n: n["v"][n["s"]:], UsageError, "[G601] the bounds of a slice are known before data comes, so they cannot be stages"),
    (lambda n: gr.where(n["v"], 1, 0), DTypeError, "[G201] the condition is f64[3], not bool"),
    (lambda n: n["v"] & n["b"], DTypeError, "[G201] logical operations take bool, not f64[3]"),
    (lambda n: gr.astype(n["v"], "float16"), DTypeError, "[G201] 'float16' is not an element type of graphc"),
    (lambda n: gr.one_hot(n["v"], 3), DTypeError, "[G201] a label is an integer, not f64[3]"),
    (lambda n: gr.cross_entropy(n["m"], n["v"]), DTypeError, "[G201] class labels are integers, not f64[3]"),
    (lambda n: gr.cross_entropy(n["x"], n["t"]), ShapeError, "[G101] scores of shape (batch, 3) do not fit labels of shape (2,)"),
    (lambda n: gr.cross_entropy(n["m"], n["t"], n["v"]), ShapeError, "[G101] weights of shape (3,) do not fit labels of shape (2,)"),
    (lambda n: gr.squared_error(n["v"], n["v"][:, None]), ShapeError, "[G101] the prediction has shape (3,) but the target has shape (3, 1)"),
    (lambda n: gr.arange(0, INF, like=n["v"]), UsageError, "[G601] a range from 0 to inf in steps of 1 has no end"),
    (lambda n: gr.squared_error(n["v"], 0, reduction="avg"), UsageError, "[G601] reduction is 'mean', 'sum' or 'none', not 'avg'"),
    (lambda n: gr.l2(), UsageError, "[G601] l2 takes one param or more"),
]
# fmt: on


@pytest.mark.parametrize(("call", "kind", "text"), SENTENCES, ids=[s[2] for s in SENTENCES])
def test_misuse_is_told(call: Callable[..., Any], kind: type[GraphcError], text: str) -> None:
    assert sentence(lambda: call(leaves()), kind) == text
