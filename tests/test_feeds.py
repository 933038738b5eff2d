"""What a call may be fed: each mistake is one sentence, told whole."""

from __future__ import annotations

import re

import numpy as np
import pytest

import graphc as gr


@pytest.fixture(scope="module")
def program():
    g = gr.Graph("net", dtype="float32")
    images = g.input("images", ("batch", 4))
    labels = g.input("labels", ("batch",), "uint8")
    W = g.param("W", (4, 3))
    loss = gr.cross_entropy(images @ W, labels).named("loss")
    return gr.compile(loss, wrt=["W"])


IMAGES, LABELS = np.zeros((2, 4), "float32"), np.array([0, 1], "uint8")
GOOD = {"images": IMAGES, "labels": LABELS}

# fmt: off
MISTAKES = [
    ({"imgs": IMAGES, "labels": LABELS}, KeyError,
     "[G301] unknown input 'imgs'; the inputs are 'images', 'labels'\n"
     "  hint: did you mean 'images'?"),
    ({"images": IMAGES}, KeyError,
     "[G302] missing feed for 'labels' u8[batch]\n  hint: call it with labels=..."),
    ({**GOOD, "W": np.zeros((4, 3))}, KeyError,
     "[G301] 'W' is a parameter, not an input\n  hint: set it once: program.params['W'] = array"),
    ({**GOOD, "images": IMAGES.astype("complex128")}, TypeError,
     "[G203] input 'images' is float32 but was fed complex128 of shape (2, 4)\n"
     "  hint: feed x.astype(np.float32)"),
    ({**GOOD, "labels": np.array([0, 300])}, TypeError,
     "[G203] input 'labels' is uint8, which cannot hold every value that was fed"),
    ({**GOOD, "images": [[1, 2], [3]]}, TypeError,
     "[G203] input 'images' was fed what is not a regular array of numbers"),
    ({**GOOD, "images": np.zeros((2, 5), "float32")}, ValueError,
     "[G304] input (FILE): input 'images' is declared (batch, 4) "
     "but was fed an array of shape (2, 5)"),
    ({**GOOD, "labels": np.zeros(3, "uint8")}, ValueError,
     "[G305] the named sizes disagree: 'images' (batch, 4) is fed (2, 4), "
     "'labels' (batch,) is fed (3,)"),
    ({**GOOD, "labels": np.array([0, 5], "uint8")}, IndexError,
     "[G307] cross_entropy 'loss' (FILE): labels[1] = 5, but there are 3 classes"),
]
# fmt: on


@pytest.mark.parametrize(("feeds", "builtin", "text"), MISTAKES)
def test_a_bad_feed_is_one_sentence(program, feeds, builtin, text):
    with pytest.raises(gr.GraphcError) as caught:
        program(feeds)
    assert isinstance(caught.value, builtin)
    assert re.sub(r"test_feeds.py:\d+", "FILE", str(caught.value)) == text


def test_a_wider_float_is_cast_and_that_is_said_once(program, recwarn):
    program({**GOOD, "images": IMAGES.astype("float64")})
    program({**GOOD, "images": IMAGES.astype("float64")})
    (told,) = [str(w.message) for w in recwarn if "each call casts" in str(w.message)]
    assert told == "input 'images' is float32 but is fed float64: each call casts 64 bytes"


def test_any_integers_that_fit_may_be_labels(program):
    assert program({**GOOD, "labels": [0, 1]})[0] == program(GOOD)[0]


def test_inputs_that_are_not_read_may_be_fed():
    g = gr.Graph("g")
    x, _ = g.input("x"), g.input("unused")
    assert gr.compile(x * 2, jit=False)(x=2, unused=1) == 4


def test_an_index_out_of_range_is_told_by_its_place_along_every_axis():
    g = gr.Graph()
    table, ids = g.input("table", (5, 2)), g.input("ids", ("batch", 4), "int64")
    program = gr.compile(gr.embedding(ids, table), jit=False)
    rows = np.zeros((3, 4), "int64")
    rows[2, 1] = 7
    with pytest.raises(IndexError, match=r"ids\[2, 1\] = 7, but there are indices from 0 to 4"):
        program(table=np.ones((5, 2)), ids=rows)
