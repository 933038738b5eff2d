"""What a team shares: barriers, shares, totals, arguments and results; and whose team it is."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest

from graphc.emit.prelude import JIT_OFF
from graphc.emit.text import prelude, prelude_name
from graphc.runtime import team
from graphc.runtime.load import Loaded, load
from graphc.runtime.target import target

pytestmark = pytest.mark.skipif(JIT_OFF, reason="without the JIT there is one thread")

TEXT = '''"""Functions of teams, with their doors."""
from {prelude} import FLAGS, barrier, f32, given_at_f32, given_at_f64, given_at_i64, given_at_u8
from {prelude} import given_bool, given_f32, given_f64, given_i64, give_back, given_u8, greatest
from {prelude} import least, njit, part, ptr, returned_bool, returned_f64, returned_i64, send, total


@njit(**FLAGS)
def share_rounds(me, team):
    rounds, marks = given_i64(team, 0), given_at_i64(team, 1)
    for k in range(rounds):
        marks[8 * me] = k + 1
        barrier(team, me)
        for other in range(team[0]):
            marks[8 * me + 1] += marks[8 * other] != k + 1
        barrier(team, me)


@njit(**FLAGS)
def run_rounds(rounds, marks, team):
    send(ptr(team), rounds, ptr(marks))


@njit(**FLAGS)
def share_totals(me, team):
    x, bytes, out = given_at_f64(team, 0), given_at_u8(team, 1), given_at_f64(team, 2)
    out[5 * me] = total(team, me, 0, x[me])
    out[5 * me + 1] = greatest(team, me, 1, x[me])
    out[5 * me + 2] = least(team, me, 0, x[me])
    out[5 * me + 3] = greatest(team, me, 1, bytes[me])
    out[5 * me + 4] = total(team, me, 0, f32(x[me]))


@njit(**FLAGS)
def run_totals(x, bytes, out, team):
    send(ptr(team), ptr(x), ptr(bytes), ptr(out))


@njit(**FLAGS)
def share_mixed(me, team):
    n, a, b, c = given_i64(team, 0), given_f32(team, 1), given_f64(team, 2), given_bool(team, 3)
    d, out = given_u8(team, 4), given_at_f32(team, 5)
    for i in range(part(team, me, n, 8), part(team, me + 1, n, 8)):
        out[i] += a
    give_back(team, me, 0, a)
    give_back(team, me, 1, b)
    give_back(team, me, 2, c)
    give_back(team, me, 3, d)
    give_back(team, me, 4, -n)


@njit(**FLAGS)
def run_mixed(n, a, b, c, d, out, team):
    send(ptr(team), n, a, b, c, d, ptr(out))
    floats = returned_f64(ptr(team), 0), returned_f64(ptr(team), 1)
    whole = returned_i64(ptr(team), 3), returned_i64(ptr(team), 4)
    return floats, returned_bool(ptr(team), 2), whole


@njit(**FLAGS)
def share_size(me, team):
    give_back(team, me, 0, team[0])


@njit(**FLAGS)
def run_size(team):
    send(ptr(team), 0)
    return returned_i64(ptr(team), 0)
'''

SIGNATURES = {
    "rounds": "(int64, int64[::1], int64[::1])",
    "totals": "(float64[::1], uint8[::1], float64[::1], int64[::1])",
    "mixed": "(int64, float32, float64, boolean, uint8, float32[::1], int64[::1])",
    "size": "(int64[::1],)",
}


@cache
def module() -> Loaded:
    text = TEXT.replace("{prelude}", prelude_name(prelude()))
    return load(text, "teams", prelude(), target=target())


def parts(name: str) -> tuple[Any, int]:
    """The door of that name, and the address of what its threads run."""
    shared = module().address(f"share_{name}", "(int64, CPointer(int64))")
    return module().function(f"run_{name}", SIGNATURES[name]), shared


def entry(name: str, count: int) -> Any:
    return team.entry(*parts(name), count)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_behind_a_barrier_stands_what_every_thread_wrote_before_it(count):
    marks = np.zeros((4, 8), np.int64)
    for rounds in (1, 200):
        entry("rounds", count)(rounds, marks.reshape(-1))
        assert marks[:count, 0].tolist() == [rounds] * count
    assert not marks[:, 1].any()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_all_threads_have_one_total_added_up_in_their_order(count):
    x, out = np.array([0.1, 1e16, -1e16, 0.3]), np.zeros((count, 5))
    entry("totals", count)(x, np.array([10, 250, 3, 130], np.uint8), out.reshape(-1))
    one, single = 0.0, np.float32(0)
    for value in x[:count]:
        one, single = one + value, single + np.float32(value)
    most = [10, 250, 250, 250][count - 1]
    assert out.tolist() == [[one, x[:count].max(), x[:count].min(), most, single]] * count


def test_not_a_number_is_the_greatest_and_the_least():
    out = np.zeros((2, 5))
    entry("totals", 2)(np.array([np.nan, 1.0]), np.zeros(2, np.uint8), out.reshape(-1))
    assert np.isnan(out[:, :3]).all()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_arguments_and_results_of_all_types_arrive_and_shares_cover_everything_once(count):
    mixed = entry("mixed", count)
    for n in (0, 1, 7, 8, 64, 1001):
        out = np.zeros(n, np.float32)
        assert mixed(n, 0.5, -1e-300, True, 200, out) == ((0.5, -1e-300), True, (200, -n))
        assert (out == 0.5).all()


def test_threads_of_python_call_at_once_and_each_has_its_own_answer():
    mixed = entry("mixed", 2)

    def work(number: int) -> None:
        for turn in range(200):
            out = np.zeros(100, np.float32)
            assert mixed(100, number, turn, False, number, out)[0] == (number, turn)
            assert (out == number).all()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(1, 4)))


def test_who_calls_while_the_team_is_busy_runs_alone():
    size = entry("size", 2)
    assert size() == 2
    with team.team_of(2).lock:
        assert size() == 1
    assert size() == 2


def test_a_call_that_is_interrupted_leaves_the_team_free():
    def interrupted(words: np.ndarray) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        team.entry(interrupted, 0, 2)()
    assert entry("size", 2)() == 2


def test_a_call_within_a_call_gives_no_other_work_to_the_outer_one():
    outer = team.alone(1)
    team.alone(2)
    assert team.alone(1) is outer
    assert outer[team.FUNCTION] == 1


def test_where_the_system_gives_no_more_threads_the_team_is_smaller(monkeypatch):
    start = threading.Thread.start

    def only_one(thread: threading.Thread) -> None:
        if thread.name.startswith("graphc worker 2"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", only_one)
    monkeypatch.setattr(team, "_teams", {})
    assert entry("size", 5)() == 2


@pytest.mark.parametrize(("told", "wanted"), [("150000 100000", 1), ("250000 100000", 2)])
def test_a_container_has_as_many_cores_as_it_gets_the_time_of(told, wanted, monkeypatch, tmp_path):
    (tmp_path / "cpu.max").write_text(told)
    monkeypatch.setattr(team, "QUOTA", str(tmp_path / "cpu.max"))
    monkeypatch.setattr(team, "_siblings", str)
    monkeypatch.setattr(team.os, "sched_getaffinity", lambda _: range(8), raising=False)
    assert team.cores() == wanted


def test_a_container_without_a_limit_has_the_cores_of_the_machine(monkeypatch, tmp_path):
    (tmp_path / "cpu.max").write_text("max 100000")
    monkeypatch.setattr(team, "QUOTA", str(tmp_path / "cpu.max"))
    monkeypatch.setattr(team, "_siblings", lambda cpu: str(cpu // 2))
    monkeypatch.setattr(team.os, "sched_getaffinity", lambda _: range(8), raising=False)
    assert team.cores() == 4
