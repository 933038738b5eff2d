"""The samples of every operation: calls written once, run with graphc, NumPy and PyTorch in the
place of `m`.

`SAMPLES[name]` is a list of Sample(call, specs); a spec draws one argument in the element type
under test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from graphc.types import DTYPES


class Spec(NamedTuple):
    """How to draw an argument: shape, drawing from a generator, a shape and a float type; `named`:
    a first size "batch".
    """

    shape: tuple[int, ...]
    draw: Callable[[np.random.Generator, tuple[int, ...], str], np.ndarray]
    named: bool = False

    @property
    def declared(self) -> tuple[Any, ...]:
        """The shape as an input declares it."""
        return ("batch", *self.shape[1:]) if self.named else self.shape

    def __call__(self, rng: np.random.Generator, dtype: str) -> np.ndarray:
        return self.draw(rng, self.shape, dtype)


class Sample(NamedTuple):
    """A call on a namespace `m` and arguments, and how to draw the arguments."""

    call: Callable[..., Any]
    specs: tuple[Spec, ...]

    def arrays(self, dtype: str, seed: int = 0) -> list[np.ndarray]:
        """The arguments."""
        rng = np.random.default_rng(seed)
        return [spec(rng, dtype) for spec in self.specs]


def real(*shape: int) -> Spec:
    """Normal numbers, none within 0.01 of 0, where many functions have a kink."""
    return Spec(shape, lambda rng, s, dtype: _away(rng.standard_normal(s)).astype(DTYPES[dtype]))


def positive(*shape: int) -> Spec:
    """Numbers from 0.3 to 2."""
    return Spec(shape, lambda rng, s, dtype: np.asarray(rng.uniform(0.3, 2, s), DTYPES[dtype]))


def integer(*shape: int, below: int = 3, low: int = 0, dtype: str = "i8") -> Spec:
    """Integers low <= i < below of a type of their own."""
    return Spec(shape, lambda rng, s, _: np.asarray(rng.integers(low, below, s), DTYPES[dtype]))


def truth(*shape: int) -> Spec:
    """Bools."""
    return Spec(shape, lambda rng, s, _: np.asarray(rng.random(s) < 0.5))


def given(values: Any, dtype: str | None = None) -> Spec:
    """These values, in the type under test unless they have their own."""
    return Spec(
        np.shape(values), lambda rng, s, under_test: np.array(values, DTYPES[dtype or under_test])
    )


def batch(*shape: int) -> Spec:
    """Normal numbers whose first size has a name."""
    return real(*shape)._replace(named=True)


def labels(*shape: int, below: int = 3) -> Spec:
    """Class labels whose first size has a name."""
    return integer(*shape, below=below, dtype="u8")._replace(named=True)


def _away(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 0.01, 0.5, x)


def one(call: Callable[..., Any], *specs: Spec) -> Sample:
    """A sample."""
    return Sample(call, specs)


def unary(name: str, spec: Callable[..., Spec] = real) -> list[Sample]:
    """Shapes of all kinds for a function of one argument."""
    call = lambda m, x: getattr(m, name)(x)  # noqa: E731
    return [one(call, spec(*shape)) for shape in ((), (1,), (5,), (0,), (2, 1, 3), (33,))]


PATTERNS = (
    ((), ()),
    ((3,), ()),
    ((), (2, 3)),
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((2, 3), (2, 3)),
    ((0, 3), (1, 3)),
)
PATTERNS += (((4, 1, 2), (3, 1)), ((1,), (1,)))


def binary(
    name: str, left: Callable[..., Spec] = real, right: Callable[..., Spec] = real
) -> list[Sample]:
    """Every broadcast pattern for a function of two arguments."""
    call = lambda m, a, b: getattr(m, name)(a, b)  # noqa: E731
    return [one(call, left(*a), right(*b)) for a, b in PATTERNS]


def whole(*shape: int) -> Spec:
    """Small integers."""
    return integer(*shape, low=-2, below=3, dtype="i32")


def reduction(name: str, spec: Callable[..., Spec] = real, *, empty: bool = False) -> list[Sample]:
    """All axes, one, the last, several, none; with and without keepdims."""
    calls = [
        lambda m, x: getattr(m, name)(x),
        lambda m, x: getattr(m, name)(x, axis=0),
        lambda m, x: getattr(m, name)(x, axis=-1, keepdims=True),
    ]
    several = [
        lambda m, x: getattr(m, name)(x, axis=(0, -1)),
        lambda m, x: getattr(m, name)(x, axis=(2, 1), keepdims=True),
    ]
    found = [one(call, spec(*shape)) for call in calls for shape in ((5,), (1,), (3, 4), (2, 3, 5))]
    found += [one(call, spec(2, 3, 4)) for call in several] + [one(calls[0], spec())]
    return found + ([one(calls[1], spec(0, 3))] if empty else [])


def lone(name: str, spec: Callable[..., Spec] = real) -> list[Sample]:
    """One axis or all."""
    calls = [lambda m, x: getattr(m, name)(x), lambda m, x: getattr(m, name)(x, axis=-1)]
    return [one(call, spec(*shape)) for call in calls for shape in ((5,), (3, 4), (2, 3, 5))]


def pair(name: str) -> list[Sample]:
    """A prediction and its target, both reductions."""
    plain = lambda m, a, b: getattr(m, name)(a, b)  # noqa: E731
    summed = lambda m, a, b: getattr(m, name)(a, b, reduction="sum")  # noqa: E731
    shapes = ((5,), (3, 4), ())
    return [one(call, real(*s), positive(*s)) for call in (plain, summed) for s in shapes] + [
        one(plain, real(3), positive())
    ]


def labelled(name: str) -> list[Sample]:
    """Scores and labels: a batch, one row, a sequence."""
    call = lambda m, x, t: getattr(m, name)(x, t)  # noqa: E731
    return [
        one(call, batch(5, 3), labels(5)),
        one(call, real(1, 4), integer(1)),
        one(call, real(2, 3, 4), integer(2, 3, dtype="i64")),
    ]


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    # arithmetic
    "add":           binary("add") + binary("add", whole, real),
    "subtract":      binary("subtract"),
    "multiply":      binary("multiply") + binary("multiply", whole, whole),
    "divide":        binary("divide", real, positive) + binary("divide", whole, positive),
    "negative":      unary("negative"),
    "positive":      unary("positive"),
    "reciprocal":    unary("reciprocal", positive),
    "square":        unary("square"),
    "power":         [*binary("power", positive, real), one(lambda m, x: m.power(x, 3), real(4)), one(lambda m, x: m.power(x, 2), real(4)), one(lambda m, x: m.power(x, 0), real(4)), one(lambda m, x: m.power(x, -1.5), positive(4)), one(lambda m, x: m.power(x, -2), real(2, 2)), one(lambda m, x: m.power(x, 2), integer(4))],
    "abs":           unary("abs"),
    "sign":          unary("sign"),
    "maximum":       binary("maximum"),
    "minimum":       binary("minimum"),
    "floor_divide":  binary("floor_divide", real, positive),
    "remainder":     binary("remainder", real, positive),
    "equal":         binary("equal", whole, whole),
    "not_equal":     binary("not_equal", whole, whole),
    "less":          binary("less") + binary("less", whole, real),
    "less_equal":    binary("less_equal", whole, whole),
    "greater":       binary("greater"),
    "greater_equal": binary("greater_equal", whole, whole),
    "isnan":         [one(lambda m, x: m.isnan(x), given([1.0, np.nan, np.inf]))],
    "logical_and":   binary("logical_and", truth, truth),
    "logical_or":    binary("logical_or", truth, truth),
    "logical_xor":   binary("logical_xor", truth, truth),
    "logical_not":   unary("logical_not", truth),
    "where":         [
        one(lambda m, c, a, b: m.where(c, a, b), truth(*c), real(*a), real(*b))
        for c, a, b in (((), (), ()), ((3,), (3,), ()), ((2, 1), (3,), (2, 3)), ((2, 3), (), (1, 3)), ((0,), (1,), ()))
    ],
    "stop_gradient": unary("stop_gradient"),
    "astype":        [
        one(lambda m, x: m.astype(x, m.int32), real(4)),
        one(lambda m, x: m.astype(x, m.float64), real(2, 3)),
        one(lambda m, x: m.astype(x, m.float64), integer(3)),
    ],
    "alias":         unary("alias"),
    "copy":          unary("copy"),
    # functions of one number
    "sqrt":          unary("sqrt", positive),
    "exp":           [*unary("exp"), one(lambda m, x: m.exp(x), integer(4, dtype="i32"))],
    "log":           unary("log", positive),
    "log1p":         unary("log1p", positive),
    "expm1":         unary("expm1"),
    "sin":           unary("sin"),
    "cos":           unary("cos"),
    "tanh":          unary("tanh"),
    "sigmoid":       unary("sigmoid"),
    "softplus":      unary("softplus"),
    "relu":          unary("relu"),
    # reductions
    "sum":           reduction("sum", empty=True) + reduction("sum", integer),
    "prod":          reduction("prod", empty=True) + reduction("prod", positive),
    "mean":          [*reduction("mean"), one(lambda m, x: m.mean(x, axis=0), integer(5, 2)), one(lambda m, x: m.mean(x), batch(4, 3)), one(lambda m, x: m.mean(x, axis=0), batch(4, 3))],
    "max":           [*reduction("max"), one(lambda m, x: m.max(x, axis=0), batch(4, 3)), one(lambda m, x: m.max(x), integer(5))],
    "min":           reduction("min"),
    "any":           reduction("any", truth, empty=True),
    "all":           reduction("all", truth, empty=True),
    "argmax":        lone("argmax") + lone("argmax", integer),
    "argmin":        lone("argmin"),
    "logsumexp":     reduction("logsumexp"),
    "others":        [one(lambda m, x: m.others(x, (0,)), real(4)), one(lambda m, x: m.others(x, (0, 2)), real(2, 3, 2)),
                      one(lambda m, x: m.others(x, (1,)), given([[0.0, 2.0, 3.0], [0.0, 0.0, 1.5],
                      [1.0, 2.0, 0.5]]))],
    # layout
    "reshape":       [one(lambda m, x, s=s: m.reshape(x, s), real(2, 6)) for s in ((12,), (3, 4), (-1, 2), (2, 1, 6))]
                     + [one(lambda m, x: m.reshape(x, (0, 5)), real(0)), one(lambda m, x: m.reshape(x, ()), real(1)),
                        one(lambda m, x: m.reshape(x, (-1, 6)), batch(4, 2, 3)), one(lambda m, x:
                        m.reshape(x, (-1,)), batch(4, 3))],
    "transpose":     [one(lambda m, x: m.permute_dims(x, (1, 2, 0)), real(2, 3, 4)), one(lambda m, x: x.T, real(2, 3)),
                      one(lambda m, x: m.matrix_transpose(x), real(2, 3, 4))],
    "broadcast_to":  [one(lambda m, x: m.broadcast_to(x, (2, 3)), real(3)), one(lambda m, x: m.broadcast_to(x, (2, 3)), real(2, 1)),
                      one(lambda m, x: m.broadcast_to(x, (4,)), real()), one(lambda m, x:
                      m.broadcast_to(x, (0, 3)), real(3))],
    "expand_dims":   [one(lambda m, x, a=a: m.expand_dims(x, a), real(2, 3)) for a in (0, 1, -1)],
    "squeeze":       [one(lambda m, x: m.squeeze(x, 1), real(2, 1, 3)), one(lambda m, x: m.squeeze(x, -1), real(1, 1))],
    "flip":          [one(lambda m, x, a=a: m.flip(x, a), real(2, 3)) for a in ((0,), (-1,), (0, 1))]
                     + [one(lambda m, x: m.flip(x, (0,)), batch(4))],
    "slice":         [
        one(lambda m, x: x[1:], real(4)), one(lambda m, x: x[:-1, ::2], real(3, 5)), one(lambda m,
        x: x[1], real(3, 2)),
        one(lambda m, x: x[-1, ..., 1:3], real(2, 3, 4)), one(lambda m, x: x[:, None, 2], real(2,
        3)),
        one(lambda m, x: x[5:2], real(4)), one(lambda m, x: x[1, 2], real(2, 3)), one(lambda m, x:
        x[7:], real(4, 2)),
        one(lambda m, x: x[-3:-1, 0:100:3], real(5, 7)),
        one(lambda m, x: x[1:], batch(4, 2)), one(lambda m, x: x[:-1, 1], batch(4, 2)), one(lambda
        m, x: x[-2:], batch(4)),
        one(lambda m, x: x[:2], batch(4)), one(lambda m, x: x[-1], batch(4, 2)), one(lambda m, x:
        x[1:-1, None], batch(4)),
    ],
    "place":         [one(lambda m, x: m.place(x), real(2, 3))],
    "concat":        [
        one(lambda m, a, b: m.concat((a, b)), real(2, 3), real(1, 3)), one(lambda m, a, b:
        m.concat((a, b), 1), real(2, 3), real(2, 2)),
        one(lambda m, a: m.concat((a, a, a), -1), real(2)), one(lambda m, a, b: m.concat((a, b)),
        real(0), real(3)),
        one(lambda m, a, b: m.concat((a, b)), batch(4, 2), real(1, 2)),
    ],
    "stack":         [one(lambda m, a, b, i=i: m.stack((a, b), i), real(2, 3), real(2, 3)) for i in (0, 1, -1)]
                     + [one(lambda m, a, b: m.stack((a, b)), real(), real())],
    "iota":          [one(lambda m, x: m.iota(x, (2, 3, 4), (0, 2)), real()), one(lambda m, x: m.iota(x, (5,), (0,)), real())],
    "size":          [one(lambda m, x: m.size(x), batch(4, 3)), one(lambda m, x: m.size(x, 0), batch(4, 3))],
    # indices
    "take":          [
        one(lambda m, x, i: m.take(x, i, axis=0), real(5, 2), integer(3, low=-5, below=5)),
        one(lambda m, x, i: m.take(x, i, axis=1), real(2, 5), integer(3, 2, below=5, dtype="i64")),
        one(lambda m, x, i: m.take(x, i, axis=-1), real(2, 3, 4), integer(below=4)),
        one(lambda m, x, i: m.take(x, i), real(2, 3), integer(4, low=-6, below=6, dtype="i32")),
    ],
    "index":         [
        one(lambda m, x, i: x[i], real(4, 3), integer(6, low=-4, below=4, dtype="i64")),
        one(lambda m, x, i, j: x[i, j], real(4, 3), integer(2, 1, below=4, dtype="i64"), integer(5,
        low=-3, dtype="i64")),
        one(lambda m, x, i: x[i, 1:], real(4, 3), integer(2)),
        one(lambda m, x, i: x[:, i], real(4, 3), integer(2, 2, dtype="u8")),
        one(lambda m, x, i: x[i, :, i], real(4, 2, 3), integer(5, dtype="i32")),
        one(lambda m, x, i: x[None, 1, i], real(2, 3), integer(4, dtype="i16")),
        one(lambda m, x, i: x[1, :, i], real(2, 3, 4), integer(4, dtype="i16")),
        one(lambda m, x, i: x[..., i, None], real(2, 3), integer(dtype="i64")),
        one(lambda m, x: x[[2, 0]], real(3, 2)),
    ],
    "index_add":     [one(lambda m, g, i: m.index_add(g, i, shape=(4, 2)), real(5, 2), integer(5, low=-4, below=4, dtype="i64"))],
    "scatter_add":   [
        one(lambda m, x, i, v: m.scatter_add(x, i, v), real(4, 2), integer(5, below=4, dtype="i64"),
        real(5, 2)),
        one(lambda m, x, i, v: m.scatter_add(x, i, v), real(4), integer(2, 3, low=-4, below=4),
        real(3)),
        one(lambda m, x, i, j, v: m.scatter_add(x, (i, j), v), real(4, 3), integer(5, below=4),
        integer(5), real()),
    ],
    "gather":        [one(lambda m, x, i: m.gather(x, i), real(4, 2), integer(3, below=4, dtype="i64"))],
    "scatter":       [one(lambda m, g, i: m.scatter(g, i, shape=(4,)), real(6), integer(6, below=4, dtype="i64"))],
    "check":         [one(lambda m, i: m.check(i), integer(4))],
    "one_hot":       [one(lambda m, t: m.one_hot(t, 3), integer(4, dtype="u8")), one(lambda m, t: m.one_hot(t, 5), integer(2, 3)),
                      one(lambda m, t: m.one_hot(t, 3), integer())],
    # products
    "matmul":        [
        one(lambda m, a, b: m.matmul(a, b), real(*a), real(*b))
        for a, b in (
            ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((1, 1), (1, 1)), ((5,
            2, 3), (3, 4)),
            ((5, 2, 3), (5, 3, 1)), ((2, 1, 2, 3), (5, 3, 4)), ((3,), (2, 3, 4)), ((2, 4, 3), (3,)),
            ((2, 0), (0, 3)),
        )
    ],
    "product":       [one(lambda m, a, b: m.product(a, b), real(2, 3), real(3, 4))],
    # softmax, losses, penalties
    "softmax":       [one(lambda m, x, a=a: m.softmax(x, a), real(2, 3, 4)) for a in (0, 1, -1)],
    "log_softmax":   [one(lambda m, x, a=a: m.log_softmax(x, a), real(2, 3, 4)) for a in (0, 1, -1)],
    "class_losses":  labelled("class_losses"),
    "cross_entropy": [*labelled("cross_entropy"),
                      one(lambda m, x, t, w: m.cross_entropy(x, t, w), real(5, 3), integer(5,
                      dtype="u8"), positive(5))],
    "hinge":         [*labelled("hinge"), one(lambda m, x, t: m.hinge(x, t, margin=0.3), real(6, 4), integer(6))],
    "squared_error": pair("squared_error"),
    "binary_cross_entropy": pair("binary_cross_entropy"),
    "l2":            [one(lambda m, a, b: m.l2(a, b), real(3, 2), real(4)), one(lambda m, a: m.l2(a, strength=0.1), real(3))],
}
# fmt: on

KINKED = {
    "abs",
    "sign",
    "maximum",
    "minimum",
    "relu",
    "max",
    "min",
    "hinge",
    "where",
    "remainder",
    "floor_divide",
}
"""Operations whose second derivative is zero or not everywhere defined: not checked for the second
order.
"""
