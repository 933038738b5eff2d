"""Samples of the operations that a network of dense layers needs."""

from __future__ import annotations

import numpy as np
from specs import (
    Sample,
    batch,
    binary,
    given,
    integer,
    labelled,
    lone,
    one,
    positive,
    real,
    reduction,
    truth,
    unary,
    whole,
)

# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    # arithmetic
    "add":           binary("add") + binary("add", whole, real),
    "subtract":      binary("subtract"),
    "multiply":      binary("multiply") + binary("multiply", whole, whole),
    "divide":        binary("divide", real, positive) + binary("divide", whole, positive),
    "quotient":      binary("quotient", real, positive) + binary("quotient", whole, positive),
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
    "hinge":         [*labelled("hinge"), one(lambda m, x, t: m.hinge(x, t, margin=0.3), real(6, 4), integer(6))],
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
