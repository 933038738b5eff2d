"""Runs of equal steps become loops: what is found, that nothing changes, and that much is no more
than little.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.compile import differentiate
from graphc.errors import GraphError, NonFiniteError
from graphc.graph import INPUT
from graphc.interpret import evaluate
from graphc.joint import Joint
from graphc.rules.narrow import narrow
from graphc.rules.passes import share, take
from graphc.rules.roll import roll, runs

RNG = np.random.default_rng(0)

Model = tuple[Any, list[Any]]
"""What is computed, and with respect to what."""


def values(joint: Joint, feeds: dict[str, Any]) -> list[Any]:
    """What a joint computes, the gradients last."""
    roots = [*joint.outputs, *joint.gradients.values()]
    inputs = {n: feeds[n.name or ""] for n in joint.graph.nodes if n.op.name == "input"}
    found = evaluate(roots, inputs)
    return [found[n] for n in roots]


def drawn(joint: Joint) -> dict[str, Any]:
    """Numbers for every input."""
    inputs = [n for n in joint.graph.nodes if n.op.name == "input"]
    sizes = {n: [d if isinstance(d, int) else 75 for d in n.shape] for n in inputs}
    return {n.name or "": RNG.uniform(-0.7, 0.7, sizes[n]) for n in inputs}


def taken(model: Model) -> Joint:
    outputs, wrt = model
    many = outputs if isinstance(outputs, list) else [outputs]
    return take(Joint(many[0].graph, tuple(many), tuple(wrt)))


def checked(joint: Joint) -> Joint:
    """The joint after the pass, once it gives what it gave, the gradients too."""
    rolled, result, feeds = roll(joint), roll(joint), drawn(joint)
    wanted = values(differentiate(joint, "zero") if joint.wrt else joint, feeds)
    found = values(narrow(share(differentiate(rolled, "zero") if joint.wrt else rolled)), feeds)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)
    return result


def ops(joint: Joint) -> list[str]:
    return [n.op.name for n in joint.graph.nodes]


# What a loop in Python writes


def recurrent() -> Model:
    g = gr.Graph()
    x, W, h = g.input("x", (70, 3)), g.input("W", (3, 3)), g.input("h", (3,))
    total: Any = 0.0
    for t in range(70):
        h = gr.tanh(h @ W.T + x[t])
        total = total + (gr.sum(h) - 1.0) ** 2
    return total, [W, x]


def kept_in_a_list() -> Model:
    g = gr.Graph()
    x, W, h = g.input("x", (70, 3)), g.input("W", (3, 3)), g.constant(np.zeros(3))
    states = []
    for t in range(70):
        h = gr.tanh(h @ W + x[69 - t])
        states.append(h)
    losses = [gr.sum(h * h) for h in states]
    return [gr.mean(gr.stack(losses)) + sum(losses), gr.concat(states)], [W, x]


def two_layers() -> Model:
    g = gr.Graph()
    x, W, V = g.input("x", (70, 3)), g.input("W", (3, 3)), g.input("V", (3, 3))
    h = z = g.input("h", (3,))
    states = [h := gr.tanh(h @ W + x[t]) for t in range(70)]
    for state in reversed(states):
        z = gr.tanh(z @ V + 2 * state)
    return gr.sum(z), [W, V, x]


def runge_kutta() -> Model:
    g = gr.Graph()
    y = start = g.input("y")
    w, dt = g.input("w"), 0.01
    for k in range(20):
        t = k * dt
        a = gr.cos(w * t) - gr.sin(y)
        b = gr.cos(w * (t + dt / 2)) - gr.sin(y + dt / 2 * a)
        c = gr.cos(w * (t + dt / 2)) - gr.sin(y + dt / 2 * b)
        d = gr.cos(w * (t + dt)) - gr.sin(y + dt * c)
        y = y + dt / 6 * (a + 2 * b + 2 * c + d)
    return y, [w, start]


def several_steps_back() -> Model:
    g = gr.Graph()
    y = start = g.input("y")
    slopes: list[Any] = []
    for k in range(90):
        slopes.append(gr.sin(y) - y)
        more = 23 * slopes[-1] - 16 * slopes[-2] + 5 * slopes[-3] if k > 2 else slopes[-1]
        y = y + 0.01 * more
    return [y, slopes[50]], [start]


def windows() -> Model:
    g = gr.Graph()
    x, w, y = g.input("x", (144, 2)), g.input("w", (3, 2)), g.input("y", (2,))
    for t in range(70):
        y = gr.sin(y) + gr.sum(w * x[t : t + 3], axis=0) - gr.mean(x[2 * t : 2 * t + 2], axis=0)
    return gr.sum(y), [w, x]


def columns() -> Model:
    g = gr.Graph()
    x, U, h = g.input("x", (2, 70, 3)), g.input("U", (3, 3)), g.constant(np.zeros((2, 3)))
    for t in range(70):
        h = gr.tanh(x[:, t] @ U.T + h * gr.exp(-U[0]) + x[:, 0])
    return gr.sum(h), [x, U]


def gates() -> Model:
    g = gr.Graph()
    x, U = g.input("x", (70, 8)), g.input("U", (2, 8))
    h = c = g.constant(np.zeros(2))
    for t in range(70):
        z = x[t] + h @ U
        i, f, o, new = (z[2 * k : 2 * k + 2] for k in range(4))
        c = gr.sigmoid(f) * c + gr.sigmoid(i) * gr.tanh(new)
        h = gr.sigmoid(o) * gr.tanh(c)
    return gr.sum(h), [x, U]


def picked() -> Model:
    g = gr.Graph()
    table, h = g.input("table", (7, 3)), g.input("h", (3,))
    for i in np.random.default_rng(1).integers(0, 7, 70):
        h = gr.tanh(h + gr.take(table, np.array([i]), axis=0)[0])
    return gr.sum(h), [table]


def named_length() -> Model:
    g = gr.Graph()
    x, W, h = g.input("x", ("n", 3)), g.input("W", (3, 3)), g.input("h", (3,))
    for t in range(70):
        h = gr.tanh(h @ W + x[t])
    return gr.sum(h), [x, W]


def interrupted() -> Model:
    g = gr.Graph()
    y, w = g.input("y"), g.input("w")
    middle = y
    for k in range(200):
        y = y + 0.1 * gr.sin(y * w)
        middle = y if k == 90 else middle
    return [y, middle * 2], [w, middle]


def backward_too() -> Model:
    g = gr.Graph()
    y, w = g.input("y"), g.input("w")
    end = y
    for _ in range(80):
        end = end + 0.1 * gr.sin(end * w)
    return [end, *gr.grad(end, [y, w])], []


LOOPS: list[Callable[[], Model]] = [
    recurrent, kept_in_a_list, two_layers, runge_kutta, several_steps_back, windows, columns, gates,
    picked, named_length, interrupted, backward_too,
]  # fmt: skip


@pytest.mark.parametrize("model", LOOPS)
def test_a_loop_in_python_becomes_a_loop_that_computes_the_same(model: Any) -> None:
    rolled = checked(taken(model()))
    assert "scan" in ops(rolled)
    assert len(rolled.graph) < 60


def test_a_run_is_told_as_a_rewrite_and_its_body_is_one_step() -> None:
    rolled = roll(taken(recurrent()))
    (told,) = rolled.fired
    assert (told.during, told.rule) == ("roll", "equal-steps")
    assert "70 steps of 8 stages" in told.stage
    (loop,) = (n for n in rolled.graph.nodes if n.op.name == "scan")
    assert (loop.attrs["length"], loop.attrs["carries"], loop.attrs["rows"]) == (70, 2, 1)
    assert len([n for n in loop.attrs["body"].nodes if not n.is_leaf]) == 8


def test_steps_that_leave_nothing_to_one_another_are_done_all_at_once() -> None:
    g = gr.Graph()
    x, W = g.input("x", (80, 3)), g.input("W", (3, 4))
    outs = [gr.tanh(x[79 - t] @ W + 1.0) for t in range(80)]
    rolled = checked(taken((gr.sum(gr.concat(outs) ** 2), [W, x])))
    assert "scan" not in ops(rolled)
    assert len(rolled.graph) < 20


def test_layers_with_weights_of_their_own_stay_as_they_are() -> None:
    g = gr.Graph()
    h = g.input("h", (3,))
    for k in range(100):
        h = gr.relu(h @ g.param(f"W{k}", (3, 3)))
    joint = taken((gr.sum(h), []))
    assert roll(joint) is joint


def test_short_runs_stay_as_they_are() -> None:
    g = gr.Graph()
    h, W = g.input("h", (3,)), g.input("W", (3, 3))
    for _ in range(runs.STEPS - 2):
        h = gr.tanh(h @ W)
    joint = taken((gr.sum(h), [W]))
    assert roll(joint) is joint


def test_a_few_steps_of_which_all_would_be_kept_are_not_worth_much_memory() -> None:
    g = gr.Graph()
    y = g.input("y", (1000, 1000))
    states = [y := gr.sin(y) for _ in range(100)]
    joint = taken(([states[-1], states[30]], []))
    assert roll(joint) is joint


def test_what_gets_no_gradient_is_told_as_before() -> None:
    def compiled(**options: Any) -> None:
        g = gr.Graph()
        y, w = g.input("y"), g.input("w")
        for _ in range(100):
            y, w = gr.sin(y), w * 2.0
        gr.compile([y, w], wrt=["w"], jit=False, **options)

    with pytest.raises(GraphError) as rolled:
        compiled()
    with pytest.raises(GraphError) as unrolled:
        compiled(without="roll")
    assert str(rolled.value) == str(unrolled.value)


def test_names_within_a_run_are_on_record_and_word_the_loop() -> None:
    g = gr.Graph()
    h, x = g.input("h"), g.input("x", (80,))
    for t in range(80):
        h = gr.tanh(h + x[t]).named(f"h_{t}")
    rolled = roll(taken((h * 2.0, [x])))
    (loop,) = (n for n in rolled.graph.nodes if n.op.name == "scan")
    assert rolled.graph.merged["h_7"] is loop  # type: ignore[attr-defined]
    assert rolled.graph["h_79"] is loop
    assert [n.name for n in loop.attrs["body"].leaves(INPUT)] == ["h", "x"]


def test_a_wrong_index_within_a_run_is_reported() -> None:
    g = gr.Graph()
    table, i = g.input("table", (5,)), g.input("i", (70,), "int64")
    total = table[0]
    for t in range(70):
        total = total + table[i[t]]
    program = gr.compile(total, jit=False)
    indices = np.arange(70) % 5
    assert program(table=np.arange(5.0), i=indices) == 140.0
    indices[40] = 9
    with pytest.raises(gr.GraphcError, match="= 9, but there are indices"):
        program(table=np.arange(5.0), i=indices)


def test_a_search_for_nan_tells_the_stage_of_a_run() -> None:
    g = gr.Graph()
    y = g.input("y")
    for _ in range(100):
        y = gr.sqrt(y - 0.01)
    program = gr.compile(y * 2.0, jit=False, debug="nan")
    with pytest.raises(NonFiniteError, match=r"sqrt .* nan first appears here"):
        program(y=0.005)


# Random loops


def random_loop(r: Random) -> Model:
    """A loop whose step is drawn, with lags, rows, numbers and an exception here and there."""
    g = gr.Graph()
    count, shape = r.choice([10, 14, 25]), r.choice([(), (2,)])
    x, w = g.input("x", (count + 4, *shape)), g.input("w", shape)
    state = [g.input(f"s{k}", shape) for k in range(r.randint(1, 3))]
    first = len(state)
    step = [(r.choice(sorted(KINDS)), r.random(), r.random()) for _ in range(r.randint(1, 6))]
    update = [r.random() for _ in state]
    history, outs, odd = [state], [], r.randrange(2 * count)
    for t in range(count):
        pool = list(history[-1])
        for kind, a, b in step:
            old = history[max(0, len(history) - 1 - int(3 * b))]
            p, q = (one[int(a * len(one))] for one in (pool, old))
            pool.append(gr.tanh(KINDS[kind](p, q, x[t], x[t + int(4 * b)], w, t)))
        pool[-1] = pool[-1] * 0.5 if t == odd else pool[-1]
        history.append([pool[first:][int(u * (len(pool) - first))] for u in update])
        outs.append(pool[-1])
    ends = gr.sum(gr.stack(outs)), gr.sum(sum(outs)), gr.sum(gr.stack([outs[2], w]))
    loss = gr.sum(history[-1][0]) + r.choice(ends)
    return [loss, r.choice(outs)], [x, w]


KINDS: dict[str, Callable[..., Any]] = {
    "sum": lambda p, q, x, y, w, t: p + q,
    "product": lambda p, q, x, y, w, t: p * q + p,
    "row": lambda p, q, x, y, w, t: p + x,
    "later row": lambda p, q, x, y, w, t: p * y,
    "number": lambda p, q, x, y, w, t: p * (0.1 * t) + 0.3,
    "held": lambda p, q, x, y, w, t: p + gr.exp(w) * 2.0,
}


@pytest.mark.parametrize("seed", range(25))
def test_random_loops_compute_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("STEPS", 8), ("STAGES", 40), ("FEW", 4)):
        monkeypatch.setattr(runs, name, value)
    outputs, wrt = random_loop(Random(seed))
    needed = set(outputs[0].graph.order(*outputs))
    checked(taken((outputs, [w for w in wrt if w in needed])))


# Many stages


def test_a_hundred_thousand_stages_are_compiled_with_their_gradient() -> None:
    g = gr.Graph()
    y, k, W = g.input("y", (4,)), g.input("k"), g.input("W", (4, 4))
    end, steps = y, 16_667
    for _ in range(steps):
        end = end + 0.001 * (gr.sin(end @ W) * k - end)
    assert len(g) > 100_000
    program = gr.compile(gr.sum(end), wrt=[k])
    start, weights = np.linspace(0.1, 0.4, 4), 0.5 * np.eye(4)
    value, slopes = program(y=start, k=0.7, W=weights)
    found, slope = start, np.zeros(4)
    for _ in range(steps):
        s, c = np.sin(found / 2), np.cos(found / 2) / 2
        slope = slope + 0.001 * (s + 0.7 * c * slope - slope)
        found = found + 0.001 * (0.7 * s - found)
    assert value == pytest.approx(np.sum(found))
    assert slopes["k"] == pytest.approx(np.sum(slope))


def test_the_gradient_of_many_stages_is_built_and_rolled_as_well() -> None:
    g = gr.Graph()
    y, k = g.input("y"), g.input("k")
    end = y
    for _ in range(600):
        end = end + 0.001 * (gr.sin(end) * k - end)
    joint = roll(taken(([end, *gr.grad(end, [k])], [])))
    assert ops(joint).count("scan") == 2
    assert len(joint.graph) < 60
