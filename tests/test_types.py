"""Sizes, element types and shapes, and NumPy's two laws of combining them."""

from __future__ import annotations

from itertools import product as pairs
from typing import Any

import numpy as np
import pytest

from graphc.errors import DTypeError, ShapeError
from graphc.types import (
    DTYPES,
    Type,
    as_dim,
    as_shape,
    bind,
    broadcast,
    dtype_name,
    floating,
    named,
    parse_type,
    product,
    promote,
    shape_text,
)

N, M = named("n"), named("m")


@pytest.mark.parametrize(
    "text", ["f32", "f64[batch,784]", "i64[3]", "bool[2*batch+1,n]", "u8[n-1]", "f32[0]"]
)
def test_types_print_as_they_are_read(text: str) -> None:
    assert str(parse_type(text)) == text


def test_sizes_are_affine() -> None:
    assert str(2 * N + M - N + 3) == "m+n+3"
    assert N - N + 4 == 4
    assert (3 - N) + N == 3
    assert bind(2 * N - 1, {"n": 5}) == 9


def test_equal_sizes_are_equal_however_they_were_made() -> None:
    assert N + M == M + N
    assert as_dim("2*n+1") == N + N + 1
    assert hash(as_dim("n")) == hash(N)


def test_products_of_sizes() -> None:
    assert product((2, N, 3)) == 6 * N
    assert product(()) == 1
    assert product((N, 0, N)) == 0


def test_a_product_of_two_named_sizes_is_told() -> None:
    with pytest.raises(ShapeError) as error:
        product((N, M))
    assert str(error.value) == "[G101] the size (n) * (m) is not affine in the named sizes"


@pytest.mark.parametrize("a", DTYPES)
@pytest.mark.parametrize("b", DTYPES)
def test_promotion_is_numpys(a: str, b: str) -> None:
    assert DTYPES[promote(a, b)] == np.result_type(DTYPES[a], DTYPES[b])


SHAPES: list[tuple[int, ...]] = [(), (1,), (3,), (0,), (2, 1), (1, 3), (2, 3), (4, 1, 3)]


@pytest.mark.parametrize(("a", "b"), list(pairs(SHAPES, SHAPES)))
def test_broadcasting_is_numpys(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    try:
        wanted = np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(ShapeError):
            broadcast(a, b)
    else:
        assert broadcast(a, b) == wanted


def test_named_sizes_broadcast_with_themselves_and_with_one() -> None:
    assert broadcast((N, 1), (3,), (1, 3)) == (N, 3)


def test_shapes_that_do_not_broadcast_are_told() -> None:
    with pytest.raises(ShapeError) as error:
        broadcast((32, 10), (32, 9))
    assert str(error.value) == "[G102] (32, 10) and (32, 9) do not broadcast at axis 1 (10 vs 9)"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("f32", "f32"),
        ("float32", "f32"),
        (np.float64, "f64"),
        (np.dtype("uint8"), "u8"),
        (bool, "bool"),
        (int, "i64"),
        (np.dtype(">i4"), "i32"),
    ],
)
def test_element_types_have_many_spellings(given: Any, name: str) -> None:
    assert dtype_name(given) == name


@pytest.mark.parametrize("given", ["float16", complex, "text", object, np.dtype("U3")])
def test_an_unknown_element_type_is_told(given: Any) -> None:
    with pytest.raises(DTypeError, match="is not an element type of graphc") as error:
        dtype_name(given)
    assert error.value.hint == "one of f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, bool"


@pytest.mark.parametrize("given", [-1, 2.5, "", "2+", "a b", "2n", "n*m", None, True])
def test_what_is_no_size_is_told(given: Any) -> None:
    with pytest.raises(ShapeError, match="is not a size"):
        as_dim(given)


def test_what_is_no_type_is_told() -> None:
    with pytest.raises(ShapeError) as error:
        parse_type("f32[3")
    assert (
        str(error.value) == "[G101] 'f32[3' is not a type\n  hint: write it as \"f32[batch,784]\""
    )


def test_shapes_of_one_size_and_of_many() -> None:
    assert as_shape("batch") == (named("batch"),)
    assert as_shape((np.int64(3), "n")) == (3, N)
    assert (shape_text((N,)), shape_text((N, 3)), shape_text(())) == ("(n,)", "(n, 3)", "()")


def test_a_types_size_and_names() -> None:
    t = parse_type("f32[n,3,2]")
    assert (t.rank, t.size, t.names()) == (3, 6 * N, {"n"})
    assert t.with_dtype("i8") == Type("i8", (N, 3, 2))


def test_functions_of_small_integers_are_single() -> None:
    assert [floating(d) for d in ("bool", "i8", "u16", "i32", "f32", "f64")] == [
        "f32", "f32", "f32", "f64", "f32", "f64",
    ]  # fmt: skip
