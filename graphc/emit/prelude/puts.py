"""Values put at indices of a copy, one line of an array at a time."""
# mypy: allow-untyped-calls, allow-untyped-decorators

from typing import Any

import numpy as np
from numba import njit

from .jit import FLAGS, JIT_OFF, PLAIN
from .memory import copy
from .numbers import select

# put_set(n, k, x, at, values, out, winners): out is x with values put at `at`, the last of those
# that meet there; winners tell which, -1 where x stayed. put_extreme leaves the largest (or the
# smallest) of x and the values instead, the first of equal ones; put_product multiplies.


@njit(**FLAGS)
def _compiled_set(n: int, k: int, x: Any, at: Any, values: Any, out: Any, winners: Any) -> None:
    """The last value at each place."""
    copy(out, x, n)
    for i in range(n):
        winners[i] = -1
    for j in range(k):
        i = select(at[j] < 0, at[j] + n, at[j])
        out[i] = values[j]
        winners[i] = j


@njit(**FLAGS)
def _compiled_extreme(
    n: int, k: int, largest: int, x: Any, at: Any, values: Any, out: Any, winners: Any
) -> None:
    """The largest or the smallest at each place; NaN is both."""
    copy(out, x, n)
    for i in range(n):
        winners[i] = -1
    for j in range(k):
        i = select(at[j] < 0, at[j] + n, at[j])
        v, held = values[j], out[i]
        beyond = select(largest != 0, v > held, v < held)
        if (beyond | (v != v)) & (held == held):
            out[i] = v
            winners[i] = j


@njit(**FLAGS)
def _compiled_product(n: int, k: int, x: Any, at: Any, values: Any, out: Any) -> None:
    """The product of all at each place."""
    copy(out, x, n)
    for j in range(k):
        i = select(at[j] < 0, at[j] + n, at[j])
        out[i] = out[i] * values[j]


def _plain_set(n: int, k: int, x: Any, at: Any, values: Any, out: Any, winners: Any) -> None:
    out[:n], winners[:n] = x[:n], -1
    for j, i in enumerate(at[:k]):
        out[:n][i], winners[:n][i] = values[j], j


def _plain_extreme(
    n: int, k: int, largest: int, x: Any, at: Any, values: Any, out: Any, winners: Any
) -> None:
    out[:n], winners[:n] = x[:n], -1
    for j, i in enumerate(at[:k]):
        held, v = out[:n][i], values[j]
        beyond = v > held if largest else v < held
        if (beyond or v != v) and held == held:
            out[:n][i], winners[:n][i] = v, j


def _plain_product(n: int, k: int, x: Any, at: Any, values: Any, out: Any) -> None:
    out[:n] = x[:n]
    np.multiply.at(out[:n], at[:k], values[:k])


PLAIN |= {"put_set": _plain_set, "put_extreme": _plain_extreme, "put_product": _plain_product}
put_set = _plain_set if JIT_OFF else _compiled_set
put_extreme = _plain_extreme if JIT_OFF else _compiled_extreme
put_product = _plain_product if JIT_OFF else _compiled_product
