"""What is measured: the sizes, seeds and data of every workload, the same for every library.

A workload is a row of WORKLOADS.  It names the case that prepares it, and a library takes part by
having that case in its table CASES (with_numpy.py and its neighbours).  Another net of dense layers
is one row here and nothing elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

Arrays = dict[str, np.ndarray]

SGD_RATE = 0.1
ADAM_RATE, ADAM_BETA1, ADAM_BETA2, ADAM_EPS = 1e-3, 0.9, 0.999, 1e-8


class Data(NamedTuple):
    """What a case starts from; dense layers are W1, b1, W2, ... with or without the biases."""

    feeds: Arrays
    params: Arrays
    batch: int = 1
    smooth: int = 0  # the layer with tanh after it; relu stands between the others

    def head(self, rows: int | None) -> Data:
        """The same with the first rows only; None is all of them."""
        if rows is None:
            return self
        return self._replace(feeds={name: value[:rows] for name, value in self.feeds.items()})


class Case(NamedTuple):
    """A library made ready: `run()` does the work, `read` turns what it returned into arrays."""

    run: Callable[[], Any]
    read: Callable[[Any], Arrays]


Prepare = Callable[[Data], Case]
Feeds = Callable[[int, int, int], Arrays]
Widths = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """One row of the table that is printed."""

    what: str
    case: str  # the entry of CASES in with_*.py that prepares it
    data: Callable[[], Data]
    calls: int = 1  # how many of what is timed one run does
    tolerance: float = 1e-5  # norm of the error against float64, over the norm of the result
    checked: int | None = None  # how many rows the check is made on; None: all
    cache: str | None = None  # of a whole fresh process: EMPTY, or the row that has filled it
    goal: float | None = None  # graphc over the best peer
    limit: float | None = None  # the goal of graphc in seconds, where no ratio is asked for
    aside: frozenset[str] = field(default=frozenset())  # shown, not counted as the best peer
    after: str | None = None  # the row that runs out of time wherever this one would


EMPTY = "empty"


def point() -> Data:
    """The point (3, -4) of the staged example."""
    return Data({"x": np.asarray(3.0), "y": np.asarray(-4.0)}, {})


def vector(size: int) -> Data:
    """One float32 vector of standard normal numbers."""
    return Data({"x": np.random.default_rng(0).standard_normal(size, dtype=np.float32)}, {})


def matrices(shape: tuple[int, ...], names: Iterable[str]) -> Data:
    """Standard normal float32 arrays of one shape."""
    random = np.random.default_rng(0)
    return Data({name: random.standard_normal(shape, dtype=np.float32) for name in names}, {})


def normed(rows: int, width: int) -> Data:
    """A matrix, what its result is weighed with, and the scale and shift of a layer norm."""
    random = np.random.default_rng(0)
    feeds = {name: random.standard_normal((rows, width), dtype=np.float32) for name in ("x", "u")}
    scale, shift = random.standard_normal((2, width), dtype=np.float32)
    return Data(feeds | {"gamma": 1 + scale / 10, "beta": shift / 10}, {})


EPS_NORM = 1e-5


def noise(rows: int, inputs: int, classes: int) -> Arrays:
    """Uniform inputs and random labels."""
    random = np.random.default_rng(0)
    x = random.random((rows, inputs), dtype=np.float32)
    labels = random.integers(0, classes, rows)
    return {"X": x, "t": labels.astype(np.min_scalar_type(classes - 1))}


def learnable(rows: int, inputs: int, classes: int) -> Arrays:
    """Normal inputs; the label is the largest of random linear scores.  Note [Labels and Adam]."""
    random = np.random.default_rng(0)
    x = random.standard_normal((rows, inputs), dtype=np.float32)
    scores = x @ random.standard_normal((inputs, classes), dtype=np.float32)
    return {"X": x, "t": scores.argmax(1).astype(np.min_scalar_type(classes - 1))}


def dense_net(
    feeds: Feeds, rows: int, widths: Widths, batch: int, biases: bool, smooth: int = 0
) -> Data:
    """Rows drawn by `feeds`, and dense layers of these widths with He's normal initial weights."""
    random = np.random.default_rng(1)
    params: Arrays = {}
    for k, (fan_in, fan_out) in enumerate(pairwise(widths), start=1):
        scale = np.sqrt(2 / fan_in)
        params[f"W{k}"] = (random.standard_normal((fan_in, fan_out)) * scale).astype(np.float32)
        if biases:
            params[f"b{k}"] = np.zeros(fan_out, np.float32)
    return Data(feeds(rows, widths[0], widths[-1]), params, batch, smooth)


def chain(x: Any, y: Any, stages: int, tanh: Callable[[Any], Any]) -> Any:
    """A scalar chain of so many stages, three at a time: h = tanh(h * x + y)."""
    h = x
    for _ in range(stages // 3):
        h = tanh(h * x + y)
    return h


def depth_of(names: Iterable[str]) -> int:
    """The number of dense layers among parameters of these names."""
    return sum(name.startswith("W") for name in names)


def _two_layer_net(rows: int) -> Callable[[], Data]:
    return partial(dense_net, noise, rows, (784, 100, 10), batch=100, biases=False)


def _four_layer_net(third: int = 256, smooth: int = 0) -> Callable[[], Data]:
    widths = (64, 256, 256, third, 10)
    return partial(dense_net, learnable, 32, widths, batch=32, biases=True, smooth=smooth)


AXES = {f"{what}_{axis}": (what, axis) for what in ("sum", "max") for axis in (0, 1)}
STAGES = (100, 1_000, 10_000)
BY_HAND = frozenset({"numpy", "torch"})  # they compile nothing


def _edited(what: str, net: Callable[[], Data]) -> Workload:
    """A net that is compiled again after an edit, with the cache of what it was."""
    return Workload(
        f"with the cache that `edit_cold` leaves: the same, {what}",
        "first_step",
        net,
        tolerance=1e-4,
        cache="edit_cold",
        limit=1.0,
        aside=BY_HAND,
    )


CALLS_STAGED = 1000
SMALL_STEPS = 200
BIG_STEPS = 4

WORKLOADS: dict[str, Workload] = {
    "staged": Workload(
        "value and gradient of the scalar circuit at (3, -4), one call",
        "staged",
        point,
        calls=CALLS_STAGED,
        tolerance=1e-12,
        goal=0.12,
        aside=frozenset({"numpy"}),  # its gradient is written by hand, in scalars
    ),
    "mlp_epoch": Workload(
        "784-100-10 without biases, batch 100, SGD: an epoch of 60,000 rows",
        "sgd_epoch",
        _two_layer_net(60_000),
        tolerance=1e-3,
        goal=0.55,
    ),
    "mlp_small": Workload(
        "64-256-256-256-10 with biases, batch 32, Adam: one step of an epoch",
        "adam_epoch",
        partial(dense_net, learnable, 32 * SMALL_STEPS, (64, 256, 256, 256, 10), 32, biases=True),
        calls=SMALL_STEPS,
        tolerance=2e-2,
        checked=5 * 32,
        goal=0.4,
    ),
    "mlp_big": Workload(
        "1024-2048-2048-1000 with biases, batch 256, SGD: one step of an epoch",
        "sgd_epoch",
        partial(dense_net, noise, 256 * BIG_STEPS, (1024, 2048, 2048, 1000), 256, biases=True),
        calls=BIG_STEPS,
        tolerance=1e-3,
        goal=1.0,
    ),
    "elementwise": Workload(
        "mean(tanh(1.5x+0.3) sigmoid(x) - exp(-x^2)) over 10^6 float32, value and gradient",
        "elementwise",
        partial(vector, 1_000_000),
        goal=0.4,
    ),
    "softmax": Workload(
        "sum(softmax(x) u) of 4096 x 1000 float32 by rows, value and gradient",
        "softmax",
        partial(matrices, (4096, 1000), ("x", "u")),
        tolerance=1e-4,  # the terms of the value nearly cancel
    ),
    "layer_norm": Workload(
        "layer norm of 4096 x 512 float32 with gradients of x, gamma and beta",
        "layer_norm",
        partial(normed, 4096, 512),
        tolerance=1e-4,
    ),
    **{
        name: Workload(
            f"{what} along axis {axis} of 2000 x 2000 float32",
            name,
            partial(matrices, (2000, 2000), ("x",)),
        )
        for name, (what, axis) in AXES.items()
    },
    **{
        f"circuit_{n}_compile": Workload(
            f"a fresh process with an empty cache: the chain of {n} stages to its first result",
            f"circuit_{n}",
            point,
            tolerance=1e-10,
            cache=EMPTY,
            aside=BY_HAND,
        )
        for n in STAGES
    },
    **{
        f"circuit_{n}": Workload(
            f"value and gradient of a scalar chain of {n} stages, one call",
            f"circuit_{n}",
            point,
            tolerance=1e-10,
            after=f"circuit_{n}_compile",
        )
        for n in STAGES
    },
    "compile": Workload(
        "a fresh process with an empty cache: import, build, first step of mlp_epoch's net",
        "first_step",
        _two_layer_net(100),
        cache=EMPTY,
        goal=1.0,
        aside=BY_HAND,
    ),
    "warm": Workload(
        "the same with the cache that `compile` leaves",
        "first_step",
        _two_layer_net(100),
        cache="compile",
        limit=0.35,
        aside=BY_HAND,
    ),
    "edit_cold": Workload(
        "a fresh process with an empty cache: first step of 64-256-256-256-10, batch 32, SGD",
        "first_step",
        _four_layer_net(),
        tolerance=1e-4,
        cache=EMPTY,
        aside=BY_HAND,
    ),
    "edit_width": _edited("the third layer 192 wide", _four_layer_net(third=192)),
    "edit_activation": _edited("tanh after the second layer", _four_layer_net(smooth=2)),
}


# Note [Labels and Adam]
#
# Adam divides a gradient by its own size, so an entry that is nothing but rounding moves as far as
# any other, and so does one that a relu lets through in float32 and not in float64.  Such
# differences grow: after 200 steps two right results may be half their change apart.  Therefore
# `mlp_small` is checked on its first five steps, where right results are 1e-5 apart.  Its labels
# can be learnt, so that no unit dies and leaves moments that decay into subnormal numbers, whose
# slowness would be measured instead of the step.
