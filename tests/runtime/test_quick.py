"""Calls the short way: whatever is fed, the answer or the sentence is that of a careful call."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import (
    FeedError,
    GraphcError,
    LabelError,
    NonFiniteError,
    RecompileWarning,
    ShapeError,
    UsageError,
)
from graphc.runtime.program import Program

RNG = np.random.default_rng(3)
X, T = RNG.standard_normal((6, 4)), np.array([0, 2, 1, 1, 0, 2], "uint8")
X32 = X.astype("float32")


def model() -> gr.Graph:
    g = gr.Graph("short", dtype="float32")
    x, t = g.input("x", ("n", 4)), g.input("t", ("n",), "uint8")
    k, c = g.input("k", (), "int8"), g.input("c")
    g.input("unread", (3,))
    logits = (x @ g.param("w", (4, 3), init=gr.init.normal())) * c + k
    g.name(loss=gr.cross_entropy(logits, t), logits=logits)
    return g


def program_of(jit: bool) -> Program:
    g = model()
    return gr.compile([g["loss"], g["logits"]], wrt=["w", "x", "c"], jit=jit)


@pytest.fixture(scope="module")
def programs() -> tuple[Program, Program]:
    """The same model compiled, after a call, and as plain Python."""
    program = program_of(jit=True)
    program(GOOD)
    return program, program_of(jit=False)


@contextmanager
def short_only(program: Program) -> Iterator[None]:
    """Inside, a call that goes the careful way fails."""
    door, program.door = program.door, None  # type: ignore[assignment]
    try:
        yield
    finally:
        program.door = door


def flat(answer: Any) -> list[Any]:
    """Outputs and gradients in a row."""
    outputs, gradients = answer
    return [*outputs, *gradients.values()]


GOOD = {"x": X32, "t": T, "k": 2, "c": 0.5}

# fmt: off
SHORT: dict[str, dict[str, Any]] = {
    "as declared": {}, "in another order": dict(reversed(GOOD.items())),
    "a smaller batch": {"x": X32[:3], "t": T[:3]}, "no rows": {"x": X32[:0], "t": T[:0]},
    "an unread input": {"unread": "anything"}, "integers for a float": {"c": 3},
    "a number of NumPy's": {"c": np.float32(0.25)}, "what is not finite": {"c": float("nan")},
}
CAREFUL: dict[str, dict[str, Any]] = {
    "columns first": {"x": np.asfortranarray(X32)}, "every other row": {"x": X32[::2], "t": T[::2]},
    "lists": {"x": X.tolist(), "t": T.tolist()}, "other integers": {"t": T.astype("int64")},
    "a wider float": {"x": X}, "the other byte order": {"x": X32.astype(">f4")},
    "an array of no axes": {"c": np.array(0.5), "k": np.array(2)}, "a large integer": {"c": 2**70},
}
MISTAKES: dict[str, dict[str, Any]] = {
    "another width": {"x": X32[:, :3].copy()}, "another rank": {"t": T[:, None]},
    "sizes that differ": {"t": T[:3]}, "a label out of range": {"t": T + 1},
    "a number out of range": {"k": 200}, "a fraction": {"k": 0.5}, "text": {"x": "text"},
    "an unknown input": {"y": 1}, "a parameter": {"w": X32}, "nothing": {"x": None},
    "too large a number": {"c": 10**400}, "complex numbers": {"x": X32 * 1j},
}
# fmt: on


@pytest.mark.filterwarnings("ignore:.*each call casts", "ignore:.*encountered in")
@pytest.mark.parametrize("changes", [*SHORT.values(), *CAREFUL.values()], ids=[*SHORT, *CAREFUL])
def test_an_answer_is_that_of_plain_python(
    programs: tuple[Program, Program], changes: dict[str, Any]
) -> None:
    compiled, plain = programs
    feeds = {**GOOD, **changes}
    for found, wanted in zip(flat(compiled(**feeds)), flat(plain(**feeds)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
        assert type(found) is type(wanted)
        assert np.shape(found) == np.shape(wanted)


@pytest.mark.parametrize("changes", SHORT.values(), ids=SHORT)
def test_what_is_as_declared_goes_the_short_way(
    programs: tuple[Program, Program], changes: dict[str, Any]
) -> None:
    with short_only(programs[0]):
        by_keyword = programs[0](**{**GOOD, **changes})
        in_a_mapping = programs[0]({**GOOD, **changes})
    for one, other in zip(flat(by_keyword), flat(in_a_mapping), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("changes", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_as_on_the_first_call(
    programs: tuple[Program, Program], changes: dict[str, Any]
) -> None:
    told = []
    for program in programs:
        with pytest.raises(GraphcError) as caught:
            program(**{**GOOD, **changes})
        told.append((type(caught.value), str(caught.value)))
    assert told[0] == told[1]
    with short_only(programs[0]):
        programs[0](GOOD)  # which the mistake has not spoiled


def test_mappings_and_keywords_mix_and_must_be_complete(programs: tuple[Program, Program]) -> None:
    program, rest = programs[0], {"t": T, "k": 2, "c": 0.5}
    wanted, _ = program(GOOD)
    assert program(rest, x=X32)[0][0] == wanted[0]
    assert program({**rest, "x": X32[:1]}, x=X32)[0][0] == wanted[0]
    for feeds, named in ((rest, {}), (None, rest), (None, {}), ({}, {})):
        with pytest.raises(FeedError, match="missing feed for 'x'"):
            program(feeds, **named)
    with pytest.raises(UsageError, match="by keyword"):
        program(X32)  # type: ignore[arg-type]


def test_an_array_that_changed_its_shape_is_looked_at_again(
    programs: tuple[Program, Program],
) -> None:
    x = X32.copy()
    programs[0](**{**GOOD, "x": x})
    x.shape = (4, 6)
    with pytest.raises(ShapeError, match="declared \\(n, 4\\)"):
        programs[0](**{**GOOD, "x": x})


def test_results_are_the_callers(programs: tuple[Program, Program]) -> None:
    first = flat(programs[0](**GOOD))
    kept = [np.array(value) for value in first]
    second = flat(programs[0](**{**GOOD, "x": X32 + 1}))
    second[1][...] = 0
    for value, before in zip(first, kept, strict=True):
        np.testing.assert_array_equal(value, before)


def test_new_parameters_are_seen(programs: tuple[Program, Program]) -> None:
    program, w = programs[0], programs[0].params["w"].copy()
    program.params["w"] = np.zeros((4, 3))
    assert program(**GOOD)[0][0] == pytest.approx(np.log(3))
    program.params["w"] = w


def test_a_cast_is_said_where_the_call_is(recwarn: pytest.WarningsRecorder) -> None:
    program = program_of(jit=False)
    program(**{**GOOD, "x": X})
    assert [w.filename for w in recwarn if "each call casts" in str(w.message)] == [__file__]


@pytest.mark.filterwarnings("ignore::graphc.errors.RecompileWarning")
def test_every_specialisation_has_its_short_way() -> None:
    g = gr.Graph()
    x = g.input("x", ("n", "m"))
    program = gr.compile([x * 2, gr.sum(x, 0)])
    shapes = [(2, 3), (5, 3), (2, 4), (1, 3), (4, 4)]
    data = [RNG.standard_normal(shape) for shape in shapes]
    for x_ in data:
        program(x=x_)
    with short_only(program):
        for x_ in data[1:]:
            double, total = program(x=x_)
            np.testing.assert_array_equal(double, 2 * x_)
            np.testing.assert_allclose(total, x_.sum(0))
    with pytest.warns(RecompileWarning, match="n grew"):
        assert program(x=np.ones((50, 3)))[1][0] == 50


def test_sizes_and_slices_that_depend_on_each_other_are_checked() -> None:
    g = gr.Graph()
    x, y = g.input("x", ("n",)), g.input("y", ("2*n+1",))
    program = gr.compile(gr.sum(x[3:]) + gr.sum(y))
    assert program(x=np.arange(6.0), y=np.arange(13.0)) == 12 + 78
    with short_only(program):
        assert program(x=-np.arange(6.0), y=np.arange(13.0)) == 78 - 12
    with pytest.raises(ShapeError, match="disagree"):
        program(x=np.arange(6.0), y=np.arange(12.0))
    with pytest.raises(ShapeError, match="beyond"):
        program(x=np.arange(2.0), y=np.arange(5.0))


NAMES = [
    "feeds",
    "more",
    "self",
    "class",
    "a1",
    "call",
    "x y",
    "entry",
    "None",
    "x=1): pass #",
    "é",
]


@pytest.mark.parametrize("shape", [(), (2,)])
def test_any_name_may_be_that_of_an_input(shape: tuple[int, ...]) -> None:
    g = gr.Graph()
    inputs = [g.input(name, shape) for name in NAMES]
    program = gr.compile(gr.sum(sum(x * 2**n for n, x in enumerate(inputs))))
    feeds = {name: np.ones(shape) * n if shape else n for n, name in enumerate(NAMES)}
    wanted = sum(n * 2**n for n in range(len(NAMES))) * (2 if shape else 1)
    assert program(**feeds) == wanted
    with short_only(program):
        assert program(**feeds) == program(feeds) == wanted


def test_a_program_stays_a_program() -> None:
    g = gr.Graph()
    program = gr.compile(gr.sin(g.input("x")))
    program(x=1)
    assert isinstance(program, Program)
    assert type(program).__name__ == "Program"
    assert type(program).__call__.__doc__ == Program.__call__.__doc__
    assert "def forward" in program.source()
    assert program.forward(x=2) == program(x=2)


def test_what_is_watched_goes_the_careful_way() -> None:
    g = gr.Graph()
    program = gr.compile(gr.log(g.input("x")), debug="nan")
    assert program(x=1) == 0
    with pytest.raises(NonFiniteError):
        program(x=-1)


def test_a_step_is_one_call_after_the_other_in_all_threads() -> None:
    g = model()
    step = gr.compile_step(g["loss"], optimizer=gr.optim.SGD(lr=0.0), outputs=[g["logits"]])
    loss, logits = step(GOOD)

    def train(number: int) -> None:
        for n in range(50):
            assert step(**GOOD)[0] == loss
            assert step(GOOD, k=number, t=T if n % 2 else T.astype("int64"))[1].shape == (6, 3)

    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(train, range(4)))) == 4
    assert step.steps == 401
    np.testing.assert_array_equal(step(**GOOD)[1], logits)
    assert isinstance(step, gr.Step)


def test_a_step_goes_the_short_way_and_learns() -> None:
    step = gr.compile_step(model()["loss"], optimizer=gr.optim.SGD(lr=0.1))
    losses = [step(**GOOD)]
    with short_only(step.program):
        losses += [step(x=X32, t=T, c=0.5, k=2) for _ in range(20)]
        step.lr = 0
        assert step(GOOD) == step(**GOOD)
    assert losses[-1] < 0.9 * losses[0]
    with pytest.raises(LabelError, match=r"t\[1\] = 3"):
        step(**{**GOOD, "t": T + 1})
    assert step.steps == 23


def test_large_results_stay_the_callers_while_held_and_their_memory_is_used_again():
    g = gr.Graph("large", dtype="float32")
    program = gr.compile([g.input("x", ("n",)) * 2.0])
    x = np.arange(100_000, dtype=np.float32)
    held = [program(x=x + k)[0] for k in range(4)]
    part = held[0][5:10]
    for k in range(4):
        assert np.array_equal(held[k], (x + k) * 2)
    places = {value.ctypes.data for value in held}
    del held
    again = {program(x=x + k)[0].ctypes.data for k in range(6)}
    assert np.array_equal(part, np.arange(5, 10) * 2)
    assert len(places) == 4
    assert len(again) <= 2
