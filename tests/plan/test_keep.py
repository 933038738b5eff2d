"""What the backward sweep reads is stored or computed again: the same numbers, fewer bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest

import graphc as gr
from graphc.compile import assemble, transform
from graphc.errors import GraphError, UsageError
from graphc.graph import INPUT, PARAM, Graph, Node
from graphc.interpret import evaluate
from graphc.joint import Joint
from graphc.order import Compiled, Order
from graphc.plan.cut import Prices, cut
from graphc.plan.fuse import fuse
from graphc.plan.keep import held_back, keep, kept
from graphc.plan.memory import laid_out, place
from graphc.plan.settle import settle
from graphc.plan.sizes import Sizes
from graphc.plan.sweeps import AGAIN, Value, read
from graphc.plan.tasks import tasks
from graphc.runtime.arena import State, leaves_of
from graphc.runtime.program import Shape

RNG = np.random.default_rng(11)
LAYER = 64 * 16 * 4
"""The bytes of one layer's result in the chain."""


class Net(NamedTuple):
    """A loss and its params."""

    loss: Node
    params: list[Node]


def weight(g: Graph, name: str, *shape: int) -> Node:
    return g.param(name, shape, init=RNG.standard_normal(shape) / 3)


def chain(
    depth: int = 20, act: Callable[[Node], Node] = gr.tanh, batch: int | str = "batch"
) -> Net:
    g = Graph("chain", dtype="float32")
    h, params = g.input("x", (batch, 16)), []
    for i in range(depth):
        params.append(weight(g, f"w{i}", 16, 16))
        h = act(h @ params[-1]).named(f"h{i}")
    return Net(gr.mean(h * h).named("loss"), params)


def bell(x: Node) -> Node:
    """An activation of many stages."""
    return x * gr.exp(-x * x) * gr.sin(x)


def normal(x: Node) -> Node:
    c = x - gr.mean(x, axis=-1, keepdims=True)
    return c / gr.sqrt(gr.mean(c * c, axis=-1, keepdims=True) + 1e-5)


def residual() -> Net:
    g = Graph("residual", dtype="float32")
    h, params = g.input("x", ("batch", 8)), []
    for i in range(3):
        a, b = weight(g, f"a{i}", 8, 16), weight(g, f"b{i}", 16, 8)
        h, params = h + bell(normal(h) @ a) @ b, [*params, a, b]
    return Net(gr.cross_entropy(normal(h), g.input("t", ("batch",), "uint8")), params)


def picked() -> Net:
    g = Graph("picked", dtype="float32")
    table, w = weight(g, "table", 10, 8), weight(g, "w", 8, 8)
    rows = gr.tanh(gr.take(table, g.input("t", ("batch",), "uint8"), axis=0))
    h = gr.softmax(bell(rows @ w), -1)
    both = gr.concat([h, gr.transpose(gr.transpose(rows))], axis=1)
    return Net(gr.mean(gr.square(both.T @ both)), [table, w])


def punished() -> Net:
    g = Graph("punished", dtype="float32")
    w = weight(g, "w", 8, 8)
    f = gr.mean(gr.square(bell(bell(g.input("x", ("batch", 8)) @ w) @ w)))
    return Net(f + gr.sum(gr.square(gr.grad(f, w))), [w])


NETS = {
    "tanh": chain,
    "relu": lambda: chain(4, gr.relu),
    "bell": lambda: chain(4, bell),
    "residual": residual,
    "picked": picked,
    "punished": punished,
}


def differentiated(net: Net) -> Joint:
    """The joint of a loss and its gradients, after the pass `share`."""
    joint = Joint(net.loss.graph, (net.loss,), tuple(net.params))
    return transform(joint, Order()).after["share"]


def numbers(joint: Joint) -> list[np.ndarray]:
    """The loss and the gradients, by the interpreter."""
    rng = np.random.default_rng(3)
    x, t = rng.standard_normal((5, 16)), rng.integers(0, 8, 5)
    feeds = {n: x[:, : n.shape[-1]] if n.name == "x" else t for n in joint.graph.leaves(INPUT)}
    feeds |= {n: rng.standard_normal(n.shape) for n in joint.graph.leaves(PARAM)}
    found = [*joint.outputs, *joint.gradients.values()]
    values = evaluate(found, feeds)
    return [values[n] for n in found]


def least(joint: Joint) -> int:
    """The fewest bytes that a joint can do with, as the error says."""
    with pytest.raises(GraphError, match="the least it needs is") as caught:
        keep(joint, 0)
    return int(caught.value.hint.removeprefix("keep="))


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_values_computed_again_give_the_same_gradients_within_the_limit(
    net: Callable[[], Net],
) -> None:
    joint = differentiated(net())
    wanted, low, high = numbers(joint), least(joint), kept(joint).held
    for wish in ("auto", low, (low + high) // 2, high):
        found = keep(joint, wish)
        assert isinstance(wish, str) or kept(found).held <= wish
        for ours, theirs in zip(numbers(settle(found)), wanted, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_all_leaves_the_joint_as_it_is() -> None:
    joint = differentiated(chain(2))
    assert keep(joint, "all") is joint
    assert not kept(joint).recomputed


def test_auto_repeats_no_product_and_no_reduction() -> None:
    joint = keep(differentiated(residual()), "auto")
    again = [n for n in joint.graph.nodes if n.op.effect == AGAIN]
    assert again
    assert not {n.op.name for n in again} & {"product", "sum", "max"}


def test_auto_stores_the_argument_of_a_chain_of_cheap_stages() -> None:
    joint = differentiated(chain(4, bell))
    before, after = kept(joint), kept(keep(joint, "auto"))
    assert after.stored_bytes < before.stored_bytes / 2
    assert "product" in {n.op.name for n, _ in after.stored}


def test_auto_leaves_alone_what_one_loop_computes_and_reads() -> None:
    g = Graph()
    x = g.input("x", (1000,))
    joint = differentiated(Net(gr.mean(bell(bell(x))), [x]))
    assert keep(joint, "auto") is joint


def test_a_limit_cuts_a_chain_into_segments_of_about_the_square_root() -> None:
    joint = differentiated(chain(20))
    low = least(joint)
    found = kept(keep(joint, low))
    assert low <= 8 * LAYER
    assert 3 <= sum(n.name is not None for n, _ in found.stored) <= 6


def test_a_looser_limit_costs_fewer_operations() -> None:
    joint = differentiated(chain(20))
    flops = [kept(keep(joint, layers * LAYER)).flops for layers in (8, 12, 16, 21)]
    assert flops == sorted(flops, reverse=True)
    assert flops[0] > flops[1] > flops[2] > flops[3] == 0


def test_a_cheap_product_is_repeated_before_a_dear_one() -> None:
    g = Graph(dtype="float32")
    x, narrow, wide = g.input("x", (64, 2)), weight(g, "narrow", 2, 256), weight(g, "wide", 256, 16)
    first = (x @ narrow).named("first")
    second = (gr.tanh(first) @ wide).named("second")
    joint = differentiated(Net(gr.mean(gr.sin(second)), [narrow, wide]))
    found = kept(keep(joint, kept(joint).held - 1))
    again = {n.name for n, _, _ in found.recomputed}
    assert "second" not in again


def test_a_repeated_stage_belongs_to_its_own_and_stands_before_its_first_reader() -> None:
    joint = keep(differentiated(chain(6)), 4 * LAYER)
    again = [n for n in joint.graph.nodes if n.op.effect == AGAIN]
    for node in again:
        own = node.backward_of
        assert own is not None
        assert (own.op.name, own.types, own.backward_of) == (node.op.name, node.types, None)
        readers = joint.graph.readers(node)
        assert readers
        assert all(r.index > node.index and r.backward_of is not None for r in readers)
    slopes = [g.index for g in joint.gradients.values()]
    assert min(slopes) < max(n.index for n in again), "the last segments wait for their turn"


def test_names_leaves_outputs_and_gradients_stay() -> None:
    joint = differentiated(chain(6))
    found = keep(joint, least(joint))
    assert list(found.graph.names) == list(joint.graph.names)
    assert [n.name for n in found.gradients] == [n.name for n in joint.gradients]
    assert found.outputs == (found.graph["loss"],)
    assert found.wrt == tuple(found.gradients)


def test_a_checked_index_is_checked_once() -> None:
    joint = differentiated(picked())
    found = keep(joint, least(joint))
    checks = [sum(n.op.name == "check" for n in j.graph.nodes) for j in (joint, found)]
    assert checks[0] == checks[1] > 0


@pytest.mark.parametrize("batch", [64, "batch"])
def test_the_workspace_shrinks_with_the_limit(batch: int | str) -> None:
    joint = differentiated(chain(20, batch=batch))
    few = settle(keep(joint, 8 * LAYER))
    assert workspace(few) <= 11 * LAYER < 20 * LAYER < workspace(settle(joint))


def workspace(joint: Joint) -> int:
    """The bytes of `work` for all gradients."""
    sizes = Sizes({"batch": 64}, frozenset(["batch"]))
    leaves = [n for n in joint.graph.nodes if n.is_leaf]
    apart = {**laid_out(leaves, "state", sizes)[0]}
    apart |= laid_out(joint.gradients.values(), "out", sizes)[0]
    found = tasks(joint, joint.gradients.values())
    held_back(joint, found)
    return place(fuse(found), apart, sizes)[1]


def test_compiled_sweeps_give_the_same_numbers() -> None:
    for net in (chain(3, bell), residual(), picked()):
        joint = Joint(net.loss.graph, (net.loss,), tuple(net.params))
        order = Order(jit=False)
        done = transform(joint, order)
        wanted = swept(net, done, order, "all")
        for wish in ("auto", least(done.joint)):
            found = swept(net, done, order, wish)
            for name, slope in wanted.items():
                np.testing.assert_allclose(found[name], slope, rtol=1e-5, atol=1e-7)


def swept(net: Net, done: Compiled, order: Order, wish: str | int) -> dict[str, np.ndarray]:
    """The gradients of a program, by a forward sweep and a backward one."""
    shape = Shape(("loss",), tuple(n.name or "" for n in net.params), True)
    thrifty = replace(done, joint=keep(done.joint, wish))
    state = State(leaves_of(net.loss.graph), 0)
    program = assemble(net.loss.graph, thrifty, order, shape, state)
    rng = np.random.default_rng(3)
    inputs = net.loss.graph.leaves(INPUT)
    program.forward({n.name: rng.integers(0, 8, (5, *n.shape[1:])).astype("u1") for n in inputs})
    return program.backward()


def test_a_repeated_stage_joins_no_loop_of_the_forward_sweep() -> None:
    joint = settle(keep(differentiated(chain(6)), 4 * LAYER))
    found = tasks(joint, joint.gradients.values())
    held_back(joint, found)
    nest = fuse(found)
    forward = [t for t in found.order if t.node.backward_of is None]
    end = max(nest.leaf[t].time for t in forward)
    again = [t for t in found.order if t.node.op.effect == AGAIN]
    assert again
    assert all(nest.leaf[t].time > end for t in again)


def test_both_sides_are_printed_with_their_totals() -> None:
    text = str(kept(keep(differentiated(chain(4)), 3 * LAYER)))
    assert "stored  h" in text
    assert "again   h" in text
    assert text.splitlines()[-1].startswith("stored ")
    assert "bytes at one time" in text


@pytest.mark.parametrize("wish", ["some", -1, True, 1.5])
def test_another_wish_is_an_error(wish: object) -> None:
    with pytest.raises(UsageError, match="keep is"):
        keep(differentiated(chain(1)), wish)  # type: ignore[arg-type]


def test_unknown_sizes_count_as_64() -> None:
    joint = differentiated(chain(2))
    assert kept(joint).stored_bytes == kept(joint, {"batch": 64}).stored_bytes
    assert 2 * kept(joint).stored_bytes == kept(joint, {"batch": 128}).stored_bytes


def test_windows_leave_the_numbers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    joint = differentiated(chain(4, bell))
    whole = kept(keep(joint, "auto"))
    monkeypatch.setattr("graphc.plan.cut.WINDOW", 5)
    found = keep(joint, "auto")
    assert kept(found).stored_bytes <= 1.5 * whole.stored_bytes < kept(joint).stored_bytes
    for ours, theirs in zip(numbers(found), numbers(joint), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_cut_is_the_cheapest_of_all_choices() -> None:
    values = read(differentiated(chain(2, bell))).values
    wanted = [at for at, v in enumerate(values) if v.uses]
    free = [at for at, v in enumerate(values) if v.cheap]
    for weight in (1, 7, 30):
        prices = Prices(
            lambda v: v.nbytes * (1 if v.dense else 2),
            lambda v, weight=weight: v.flops * weight // 3 if v.cheap else None,
        )
        choices = (set(c) for n in range(len(free) + 1) for c in combinations(free, n))
        best = min(price(values, wanted, chosen, prices) for chosen in choices)
        assert price(values, wanted, cut(values, wanted, prices), prices) == best


def price(values: list[Value], wanted: list[int], redone: set[int], prices: Prices) -> int:
    """What it costs to have the values wanted, these computed again and the others stored."""
    needed, stack = set(wanted), list(wanted)
    while stack:
        at = stack.pop()
        fresh = set(values[at].reads) - needed if at in redone else set()
        needed |= fresh
        stack += fresh
    again = sum(prices.again(values[at]) or 0 for at in needed & redone)
    return again + sum(prices.store(values[at]) for at in needed - redone)
