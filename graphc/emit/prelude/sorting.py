"""Where the elements of a row stand in order, and where others would stand among them."""
# mypy: allow-untyped-decorators

from typing import Any

import numpy as np
from numba import njit

from .jit import FLAGS, JIT_OFF, PLAIN, i64
from .memory import at_i64, copy, shift
from .numbers import minimum, select

RUN = 16
"""How many elements are sorted one by one before runs are merged."""


@njit(**FLAGS)
def _before(descending: int, u: Any, v: Any) -> Any:
    """Whether u stands strictly before v; NaN is greater than all numbers."""
    low, high = select(descending != 0, v, u), select(descending != 0, u, v)
    return (low < high) | ((high != high) & (low == low))


@njit(**FLAGS)
def _inserted(start: int, stop: int, descending: int, x: Any, order: Any) -> None:
    """Sort the positions start..stop-1, one by one."""
    for i in range(start, stop):
        j = i
        while j > start and _before(descending, x[i], x[order[j - 1]]):
            order[j] = order[j - 1]
            j -= 1
        order[j] = i


# fmt: off
@njit(**FLAGS)
def _merged(
    start: int, middle: int, stop: int, descending: int, x: Any, order: Any, spare: Any
) -> None:
    """Make one sorted run of two neighbours; the left one is set aside first."""
    if not _before(descending, x[order[middle]], x[order[middle - 1]]):
        return
    left = middle - start
    copy(spare, shift(order, start), left)
    i, j, k = 0, middle, start
    while i < left and j < stop:
        right = _before(descending, x[order[j]], x[spare[i]])
        order[k] = select(right, order[j], spare[i])
        i, j, k = i + select(right, 0, 1), j + select(right, 1, 0), k + 1
    copy(shift(order, k), shift(spare, i), left - i)
# fmt: on


@njit(**FLAGS)
def _compiled_argsort(n: int, descending: int, x: Any, order: Any, scratch: Any) -> None:
    spare = at_i64(scratch, 0)
    for start in range(0, n, RUN):
        _inserted(start, minimum(start + RUN, n), descending, x, order)
    width = i64(RUN)
    while width < n:
        for start in range(0, n - width, 2 * width):
            stop = minimum(start + 2 * width, n)
            _merged(start, start + width, stop, descending, x, order, spare)
        width *= 2


def _plain_argsort(n: int, descending: int, x: Any, order: Any, scratch: Any) -> None:
    if descending:
        order[:n] = n - 1 - np.argsort(x[:n][::-1], kind="stable")[::-1]
    else:
        order[:n] = np.argsort(x[:n], kind="stable")


@njit(**FLAGS)
def _compiled_search(n: int, m: int, right: int, row: Any, values: Any, found: Any) -> None:
    for k in range(m):
        low, high = 0, n
        while low < high:
            middle = (low + high) // 2
            at, v = row[middle], values[k]
            after = select(right != 0, _before(0, v, at) ^ True, _before(0, at, v))
            low, high = select(after, middle + 1, low), select(after, high, middle)
        found[k] = low


def _plain_search(n: int, m: int, right: int, row: Any, values: Any, found: Any) -> None:
    found[:m] = np.searchsorted(row[:n], values[:m], "right" if right else "left")


# argsort(n, descending, x, order, scratch): the positions of n elements in order, equal ones as
# they stand, NaN as the greatest. `scratch` has room for n positions.
# search(n, m, right, row, values, found): before which of n ordered elements each of m values would
# stand; behind those equal to it if right is not 0.
PLAIN |= {"argsort": _plain_argsort, "search": _plain_search}
argsort = _plain_argsort if JIT_OFF else _compiled_argsort
search = _plain_search if JIT_OFF else _compiled_search
