"""Attribute values as text and back."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import init
from graphc.errors import UsageError
from graphc.literal import read, read_array, write, write_array
from graphc.types import Size, named


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        ("f32", "f32"),
        ("1", "'1'"),
        ("true", "'true'"),
        ("", "''"),
        ("a\nb", "'a\\nb'"),
        ((1,), "(1,)"),
        ((named("batch"), 784), "(batch, 784)"),
        (named("batch"), "size('batch')"),
        ((Size((("true", 1),)),), "(size('true'),)"),
        (-0.0, "-0.0"),
        (float("-inf"), "-inf"),
        (slice(None, 3, -1), "slice(None, 3, -1)"),
        (init.uniform(-1.0, 2.0), "uniform(-1.0, 2.0)"),
        (np.float32(0.1), "scalar('f32', 'zczMPQ==')"),
    ],
)
def test_a_value_is_written_as_a_person_would_and_read_back(value, text):
    assert write(value) == text
    assert (type(read(text)), repr(read(text))) == (type(value), repr(value))


@pytest.mark.parametrize(
    "text", ["x); import os", "__import__('os')", "(" * 400, "f32[2]", "1 +", "[i for i in x]"]
)
def test_text_that_is_no_literal_stays_text(text):
    assert read(text) == text


def test_small_arrays_are_readable_and_every_array_keeps_its_bits():
    assert write_array(np.array([[0.1, -0.0]], "float32")) == "((0.1, -0.0),)"
    for array in (
        np.zeros((0, 3)),
        np.arange(99),
        np.frombuffer(b"\1\0\xc0\x7f", "float32"),
        np.array(True),
    ):
        back = read_array(write_array(array), array.dtype)
        assert (back.shape, back.tobytes()) == (array.shape, array.tobytes())


def test_a_function_has_no_text():
    with pytest.raises(UsageError, match="a value of type function cannot be written as text"):
        write((1, lambda: 0))
