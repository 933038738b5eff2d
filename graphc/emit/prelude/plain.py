"""Formulas over NumPy's numbers: what formula.py's Real is to LLVM's values.

A formula that is written with the operators of both is its own twin: it rounds alike in both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

Operand = Union["Plain", float]


@dataclass(frozen=True, slots=True)
class Plain:
    """Doubles or bits being computed, with what they are done to in Real's words."""

    v: Any

    def __add__(self, other: Operand) -> "Plain":
        return Plain(self.v + _value(other))

    def __sub__(self, other: Operand) -> "Plain":
        return Plain(self.v - _value(other))

    def __mul__(self, other: Operand) -> "Plain":
        return Plain(self.v * _value(other))

    def __truediv__(self, other: Operand) -> "Plain":
        return Plain(self.v / _value(other))

    def __radd__(self, other: float) -> "Plain":
        return Plain(other + self.v)

    def __rsub__(self, other: float) -> "Plain":
        return Plain(other - self.v)

    def __rmul__(self, other: float) -> "Plain":
        return Plain(other * self.v)

    def __rtruediv__(self, other: float) -> "Plain":
        return Plain(other / self.v)

    def __neg__(self) -> "Plain":
        return Plain(-self.v)

    def __lt__(self, other: Operand) -> "Plain":
        return Plain(self.v < _value(other))

    def __gt__(self, other: Operand) -> "Plain":
        return Plain(self.v > _value(other))

    def __ge__(self, other: Operand) -> "Plain":
        return Plain(self.v >= _value(other))

    def __and__(self, other: "Plain") -> "Plain":
        return Plain(self.v & other.v)

    def __or__(self, other: "Plain") -> "Plain":
        return Plain(self.v | other.v)

    def __invert__(self) -> "Plain":
        return Plain(~self.v)

    def same(self, other: Operand) -> "Plain":
        """Where the two are equal."""
        return Plain(self.v == _value(other))

    def pick(self, yes: "Plain", no: Operand) -> "Plain":
        """One of two where this bit is set, the other where it is not."""
        return Plain(np.where(self.v, yes.v, _value(no)))

    def of(self, number: float) -> "Plain":
        """This number in every lane."""
        return Plain(np.full_like(self.v, number))

    def by(self, means: Callable[..., Any], build: Any, *others: "Plain") -> "Plain":
        """What a function gives, which is known by its meaning and by how it is built."""
        return Plain(means(self.v, *(each.v for each in others)))


def _value(x: Operand) -> Any:
    return x.v if isinstance(x, Plain) else x


def twin_of(formula: Callable[..., Plain]) -> Callable[..., Any]:
    """The function of numbers and arrays that a formula means: in double precision, the result in
    that of the arguments.
    """

    def twin(*operands: Any) -> Any:
        kind = np.result_type(*operands)
        kind = kind if kind.kind == "f" else np.dtype(np.float64)
        with np.errstate(all="ignore"):
            doubles = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in operands))
            return np.asarray(formula(*map(Plain, doubles)).v).astype(kind)[()]

    return twin
