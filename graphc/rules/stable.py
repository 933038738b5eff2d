"""Forms that overflow or cancel, and forms of the same real function that do not.

Every row is tested against higher precision. A row fires before differentiation, and only where
nobody else reads what it swallows, so that it never computes a value twice.
"""

from __future__ import annotations

from graphc.graph import Node
from graphc.ops import (
    abs,
    cross_entropy,
    exp,
    expm1,
    log,
    log1p,
    log_softmax,
    logsumexp,
    sigmoid,
    softmax,
    softplus,
    sqrt,
    square,
)  # fmt: skip
from graphc.rules.rule import Found, Table, holes, loose, rule

x, t = holes("x t")


def _axis(found: Found, name: str) -> tuple[int, ...]:
    axis: tuple[int, ...] = found[name].attrs["axis"]
    return axis


def _keeps(found: Found, name: str) -> bool:
    return bool(found[name].attrs["keepdims"])


def _logsumexp(found: Found) -> Node:
    return logsumexp(found["x"], _axis(found, "sum"), keepdims=_keeps(found, "sum"))


def _same_attrs(found: Found) -> bool:
    """Whether a maximum and the sum that it steadies go along the same axes and keep them."""
    return (
        _keeps(found, "max")
        and found["max"].attrs == found["logsumexp"].attrs == found["top"].attrs
    )


def _shifted(found: Found) -> bool:
    return _keeps(found, "max") and _axis(found, "max") == _axis(found, "softmax")


def _is_cross_entropy(found: Found) -> bool:
    """Whether the classes are the last axis everywhere and the mean is over all rows."""
    scores, last = found["x"], (found["x"].ndim - 1,)
    along = _axis(found, "sum") == _axis(found, "log_softmax") == last
    whole = len(_axis(found, "mean")) == scores.ndim - 1 and not _keeps(found, "sum")
    classes = found["one_hot"].shape == scores.shape and found["sum"].dtype == scores.dtype
    return along and whole and classes


def _cross_entropy(found: Found) -> Node:
    return cross_entropy(found["x"], found["t"])


_picked = loose("sum", loose("one_hot", t) * loose("log_softmax", x))

# ruff: noqa: E501 - a row is one line
# fmt: off
STABLE = Table("stable",
    rule("softplus",            log(1.0 + exp(x)),              softplus(x)),
    rule("softplus-log1p",      log1p(exp(x)),                  softplus(x)),
    rule("log1p",               log(1.0 + x),                   log1p(x)),
    rule("log1p-minus",         log(1.0 - x),                   log1p(-x)),
    rule("expm1",               exp(x) - 1.0,                   expm1(x)),
    rule("minus-expm1",         1.0 - exp(x),                   -expm1(x)),
    rule("log-exp",             log(exp(x)),                    x),
    rule("sqrt-square",         sqrt(square(x)),                abs(x)),
    rule("one-minus-sigmoid",   1.0 - sigmoid(x),               sigmoid(-x)),
    rule("log-sigmoid",         log(sigmoid(x)),                -softplus(-x)),
    rule("log-likelihood",      t * log(sigmoid(x)) + (1.0 - t) * log(1.0 - sigmoid(x)),
                                -(t * softplus(-x) + (1.0 - t) * softplus(x))),
    rule("minus-likelihood",    -t * log(sigmoid(x)) - (1.0 - t) * log(1.0 - sigmoid(x)),
                                t * softplus(-x) + (1.0 - t) * softplus(x)),

    rule("logsumexp",           log(loose("sum", exp(x))),      _logsumexp),
    rule("logsumexp-shifted",   loose("max", x) + loose("logsumexp", x - loose("max", x, called="top")),
                                lambda found: logsumexp(found["x"], _axis(found, "max"), keepdims=True),
                                when=_same_attrs),
    rule("softmax",             exp(x) / loose("sum", exp(x)),
                                lambda found: softmax(found["x"], _axis(found, "sum")),
                                when=lambda found: _keeps(found, "sum")),
    rule("softmax-shifted",     loose("softmax", x - loose("max", x)),
                                lambda found: softmax(found["x"], _axis(found, "softmax")),
                                when=_shifted),
    rule("log-softmax",         log(loose("softmax", x)),
                                lambda found: log_softmax(found["x"], _axis(found, "softmax"))),
    rule("minus-logsumexp",     x - loose("logsumexp", x),
                                lambda found: log_softmax(found["x"], _axis(found, "logsumexp")),
                                when=lambda found: _keeps(found, "logsumexp")),
    rule("cross-entropy",       loose("mean", -_picked),        _cross_entropy, when=_is_cross_entropy, mixed=True),
    rule("cross-entropy-minus", -loose("mean", _picked),        _cross_entropy, when=_is_cross_entropy, mixed=True),
    alone=True,
)
# fmt: on
