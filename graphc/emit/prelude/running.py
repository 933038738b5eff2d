"""Rows in which each element gathers all before it: sums, products, extremes, recurrences."""
# mypy: allow-untyped-decorators

from typing import Any

import numpy as np
from numba import njit

from .functions import exp, log1p
from .jit import FLAGS, JIT_OFF, PLAIN
from .numbers import absolute, maximum, select


@njit(**FLAGS)
def _begin(n: int, reverse: int) -> Any:
    """The first position of a walk over n elements, and the step to the next."""
    return select(reverse != 0, n - 1, 0), select(reverse != 0, -1, 1)


@njit(**FLAGS)
def _compiled_sum(n: int, reverse: int, x: Any, y: Any) -> None:
    at, step = _begin(n, reverse)
    for i in range(n):
        y[at] = x[at] if i == 0 else y[at - step] + x[at]
        at += step


@njit(**FLAGS)
def _compiled_product(n: int, x: Any, y: Any) -> None:
    for i in range(n):
        y[i] = x[i] if i == 0 else y[i - 1] * x[i]


@njit(**FLAGS)
def _compiled_logsumexp(n: int, x: Any, y: Any) -> None:
    for i in range(n):
        a, b = x[i], x[i] if i == 0 else y[i - 1]
        apart = select(a == b, 0.0, absolute(a - b))
        y[i] = a if i == 0 else maximum(a, b) + log1p(exp(-apart))


@njit(**FLAGS)
def _compiled_best(n: int, least: int, x: Any, best: Any) -> None:
    first = 0
    for i in range(n):
        a, b = x[i], x[first]
        beyond = select(least != 0, a < b, a > b) | ((a != a) & (b == b))
        first = select(beyond, i, first)
        best[i] = first


@njit(**FLAGS)
def _compiled_recurrence(n: int, reverse: int, factors: Any, x: Any, y: Any) -> None:
    at, step = _begin(n, reverse)
    for i in range(n):
        y[at] = x[at] if i == 0 else factors[at] * y[at - step] + x[at]
        at += step


def _plain_sum(n: int, reverse: int, x: Any, y: Any) -> None:
    step = -1 if reverse else 1
    y[:n][::step] = np.add.accumulate(x[:n][::step])


def _plain_product(n: int, x: Any, y: Any) -> None:
    y[:n] = np.multiply.accumulate(x[:n])


def _plain_logsumexp(n: int, x: Any, y: Any) -> None:
    y[:n] = np.logaddexp.accumulate(x[:n])


def _plain_best(n: int, least: int, x: Any, best: Any) -> None:
    run = (np.minimum if least else np.maximum).accumulate(x[:n])
    same = (run[1:] == run[:-1]) | ((run[1:] != run[1:]) & (run[:-1] != run[:-1]))
    best[:n] = 0
    best[1:n] = np.maximum.accumulate(np.where(same, 0, np.arange(1, max(n, 1))))


def _plain_recurrence(n: int, reverse: int, factors: Any, x: Any, y: Any) -> None:
    step, order = (-1, range(n - 1, -1, -1)) if reverse else (1, range(n))
    for i, at in enumerate(order):
        y[at] = factors[at] * y[at - step] + x[at] if i else x[at]


# running_sum(n, reverse, x, y): y[i] = x[0] + ... + x[i]; from the end if reverse is not 0.
# running_product(n, x, y): y[i] = x[0] * ... * x[i].
# running_logsumexp(n, x, y): y[i] = log(exp(x[0]) + ... + exp(x[i])), without overflow.
# running_best(n, least, x, best): where the first greatest (least) of x[0] .. x[i] stands; NaN is
# beyond all numbers.
# recurrence(n, reverse, factors, x, y): y[0] = x[0], y[i] = factors[i] y[i - 1] + x[i];
# from the end if reverse is not 0.
PLAIN |= {"running_sum": _plain_sum, "running_product": _plain_product}
PLAIN |= {"running_logsumexp": _plain_logsumexp, "running_best": _plain_best}
PLAIN |= {"recurrence": _plain_recurrence}
running_sum = _plain_sum if JIT_OFF else _compiled_sum
running_product = _plain_product if JIT_OFF else _compiled_product
running_logsumexp = _plain_logsumexp if JIT_OFF else _compiled_logsumexp
running_best = _plain_best if JIT_OFF else _compiled_best
recurrence = _plain_recurrence if JIT_OFF else _compiled_recurrence
