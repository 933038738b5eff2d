"""What convolutions, pooling and their kind refuse, route and share out, beyond their samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import GraphcError, ShapeError, UsageError
from graphc.interpret import evaluate


def inputs(*shapes: Any) -> list[gr.Node]:
    g = gr.Graph("net")
    return [g.input(f"x{i}", shape) for i, shape in enumerate(shapes)]


WRONG: list[tuple[type[GraphcError], str, Callable[..., Any], tuple[Any, ...]]] = [
    (
        ShapeError,
        "but a kernel of shape (4, 2, 3, 3) in 1 group takes 2",
        gr.conv2d,
        ((1, 3, 8, 8), (4, 2, 3, 3)),
    ),
    (
        ShapeError,
        "a window over 5 elements, gaps included, does not fit into 4",
        gr.conv1d,
        ((1, 2, 4), (3, 2, 5)),
    ),
    (
        ShapeError,
        "a kernel of shape (3, 2, 5) has no 2 sizes behind features",
        gr.conv2d,
        ((1, 2, 4, 4), (3, 2, 5)),
    ),
    (
        ShapeError,
        "takes (batch, channels) and 2 more, not shape (4, 4)",
        gr.conv,
        ((4, 4), (3, 2, 2, 2)),
    ),
    (
        ShapeError,
        "a bias of shape (2,) does not fit 3 features",
        gr.conv1d,
        ((1, 2, 4), (3, 2, 2), (2,)),
    ),
    (
        ShapeError,
        "3 features do not make 2 groups of one size",
        lambda x, w: gr.conv(x, w, groups=2),
        ((1, 4, 4), (3, 2, 2)),
    ),
    (
        ShapeError,
        "the named size time stands where windows need a number",
        gr.conv1d,
        ((2, 3, "time"), (4, 3, 2)),
    ),
    (
        ShapeError,
        "but a kernel of shape (3, 2, 2) takes 3",
        gr.conv_transpose,
        ((1, 2, 4), (3, 2, 2)),
    ),
    (
        ShapeError,
        "5 channels do not make 2 groups of one size",
        lambda x: gr.group_norm(x, 2),
        ((2, 5, 3),),
    ),
    (
        ShapeError,
        "3 columns are not a multiple of 2",
        lambda x: gr.pixel_unshuffle(x, 2),
        ((1, 2, 4, 3),),
    ),
    (
        UsageError,
        "padding is 'full'",
        lambda x, w: gr.conv(x, w, padding="full"),
        ((1, 2, 4), (3, 2, 2)),
    ),
    (UsageError, "stride is 0", lambda x: gr.max_pool(x, 2, 0), ((1, 2, 4),)),
    (
        UsageError,
        "output_padding (2,) is not smaller than the stride (2,)",
        lambda x, w: gr.conv_transpose(x, w, None, 2, 0, 2),
        ((1, 3, 4), (3, 2, 2)),
    ),
    (UsageError, "mode is 'cubist'", lambda x: gr.interpolate(x, 2, mode="cubist"), ((1, 2, 4),)),
    (UsageError, "one of a size and a scale is wanted", gr.interpolate, ((1, 2, 4),)),
]


@pytest.mark.parametrize(("error", "sentence", "call", "shapes"), WRONG)
def test_what_does_not_fit_is_told_in_a_sentence(
    error: Any, sentence: str, call: Any, shapes: Any
) -> None:
    with pytest.raises(error) as found:
        call(*inputs(*shapes))
    assert sentence in str(found.value)


def slopes(call: Callable[..., gr.Node], values: list[float]) -> np.ndarray:
    """The gradient of the sum of what is made of one channel."""
    (x,) = inputs((1, 1, len(values)))
    d = gr.grad(gr.sum(call(x)), x)
    return evaluate([d], {x: np.reshape(values, x.shape)})[d].ravel()


def test_the_first_of_equal_elements_takes_the_gradient_of_a_window() -> None:
    found = slopes(lambda x: gr.max_pool(x, 3), [2.0, 5.0, 5.0, 1.0, 1.0, 1.0])
    assert found.tolist() == [0, 1, 0, 1, 0, 0]


def test_overlapping_windows_add_up_their_gradients() -> None:
    assert slopes(lambda x: gr.avg_pool(x, 2, 1), [1.0, 2.0, 3.0]).tolist() == [0.5, 1, 0.5]
    assert slopes(lambda x: gr.max_pool(x, 2, 1), [1.0, 3.0, 2.0]).tolist() == [0, 2, 0]


def test_elements_that_no_window_sees_have_no_gradient() -> None:
    assert slopes(lambda x: gr.avg_pool(x, 2, 3), [1.0] * 6).tolist() == [0.5, 0.5, 0, 0.5, 0.5, 0]


def test_convolution_does_not_turn_the_kernel_round() -> None:
    x, w = inputs((1, 1, 3), (1, 1, 2))
    y = gr.conv1d(x, w)
    arrays = {x: np.array([[[1.0, 2.0, 4.0]]]), w: np.array([[[10.0, 1.0]]])}
    assert evaluate([y], arrays)[y].ravel().tolist() == [12, 24]


def test_an_image_without_batch_gives_one_without_batch() -> None:
    x, w = inputs((2, 5, 5), (3, 2, 2, 2))
    assert gr.conv2d(x, w).shape == (3, 4, 4)
    assert gr.max_pool(x, (2, 2)).shape == (2, 2, 2)
    assert gr.conv_transpose2d(gr.conv2d(x, w), w).shape == (2, 5, 5)


def test_the_gradients_of_a_convolution_are_convolutions() -> None:
    x, w = inputs(("batch", 2, 5), (3, 2, 3))
    d_x, d_w = gr.grad(gr.sum(gr.sin(gr.conv1d(x, w))), [x, w])
    made = {n.op.name for n in x.graph.order(d_x, d_w)}
    assert {"conv", "conv_transpose", "conv_weights"} <= made
    assert (d_x.shape, d_w.shape) == (x.shape, w.shape)


def test_windows_cost_nothing_where_they_are_read_in_place() -> None:
    (x,) = inputs(("batch", 3, 8, 8))
    source = gr.compile(gr.max_pool(x, 3, 2), jit=False, form="plain").source()
    assert "x0[i*192 + j*64 + k*16 + m*8 + l*2 + n]" in source
    assert "work" not in source.split("def forward")[1].split(":")[0]
