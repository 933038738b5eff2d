"""Names: any text becomes an identifier that is safe and unique."""

from __future__ import annotations

import builtins
from keyword import iskeyword, issoftkeyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphc.emit.names import LONGEST, Names

NASTY = st.one_of(
    st.text(),
    st.sampled_from(
        ["range", "class", "match", "d_x", "d_x2", "_", "f32", "x1", "x1_2", "__debug__"]
    ),
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("hidden", "hidden"),
        ("W1", "W1"),
        ("layer1.h", "layer1_h"),
        ("x); import os", "x_import_os"),
        ("\N{FIRE}", "stage"),
        ("", "stage"),
        ("2nd", "v2nd"),
        ("_x", "_x"),
        ("__debug__", "_debug"),
        ("α", "alpha"),
        ("Σ", "Sigma"),
        ("ς", "sigma"),
        ("dα_1", "dalpha_1"),
        ("x₁²", "x12"),
        ("größe", "grose"),
        ("ø", "o"),
        ("中", "stage"),
        ("∂x", "x"),
        ("x\nreturn 1", "x_return_1"),
        ("a" * 100, "a" * LONGEST),
    ],
)
def test_text_becomes_the_nearest_identifier(wanted, found):
    assert Names().fresh(wanted) == found


@pytest.mark.parametrize(
    "wanted", ["class", "lambda", "match", "None", "range", "print", "min", "int"]
)
def test_words_of_python_get_an_underscore(wanted):
    assert Names().fresh(wanted) == wanted + "_"


def test_words_of_the_module_get_an_underscore():
    names = Names(["f32", "i", "work"])
    assert [names.fresh(w) for w in ("f32", "i", "work", "f32_")] == [
        "f32_",
        "i_",
        "work_",
        "f32_2",
    ]


def test_clashes_are_numbered_apart_from_a_digit():
    names = Names()
    assert [names.fresh("d_x") for _ in range(3)] == ["d_x", "d_x2", "d_x3"]
    assert [names.fresh("x1"), names.fresh("x1"), names.fresh("x12")] == ["x1", "x1_2", "x12"]


def test_a_number_never_leads_to_a_name_that_is_taken_or_reserved():
    names = Names(["d_x2"])
    assert [names.fresh(w) for w in ("d_x3", "d_x", "d_x")] == ["d_x3", "d_x", "d_x4"]


def test_long_names_that_begin_alike_stay_apart():
    names = Names()
    found = [names.fresh("layer_" * 20 + str(i)) for i in range(12)]
    assert len(set(found)) == 12
    assert max(map(len, found)) <= LONGEST


@given(st.lists(NASTY, max_size=30), st.sets(st.sampled_from(["x", "f32", "stage", "d_x2"])))
def test_every_name_is_a_new_identifier_and_no_word_of_python_or_the_module(wanted, reserved):
    names = Names(reserved)
    found = [names.fresh(w) for w in wanted]
    assert len(set(found)) == len(found)
    for name in found:
        assert name.isidentifier()
        assert name.isascii()
        assert len(name) <= LONGEST
        assert not iskeyword(name)
        assert not issoftkeyword(name)
        assert name not in reserved
        assert not (name.islower() and hasattr(builtins, name) and not name.startswith("_"))


@given(st.lists(NASTY, max_size=10))
def test_the_same_texts_give_the_same_names(wanted):
    first, second = Names(["np"]), Names(["np"])
    assert [first.fresh(w) for w in wanted] == [second.fresh(w) for w in wanted]
