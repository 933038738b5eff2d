"""The bits of integers: NumPy's and the Array API's bitwise functions, and Python's & | ^ ~ << >>.

Of bools they are the logical functions. A shift by more bits than there are leaves the sign alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import DTypeError
from graphc.expr import Expr, Unary, as_expr, primitive
from graphc.graph import Node, Op, public
from graphc.ops.axes import stage
from graphc.ops.elementwise.arith import each, logical_and, logical_not, logical_or, logical_xor
from graphc.types import Type, broadcast, promote

__all__ = [
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
]


def _integers(*args: Type) -> Type:
    """Broadcast and promoted integers; raises DTypeError for floats."""
    dtype = promote(*(a.dtype for a in args))
    if dtype in ("f32", "f64"):
        told = " and ".join(map(str, args))
        raise DTypeError(f"bits are those of integers or bools, not of {told}")
    return Type("i8" if dtype == "bool" else dtype, broadcast(*(a.shape for a in args)))


def _bits(name: str, symbol: str, spell: Callable[..., Expr], means: np.ufunc) -> Op:
    return each(name, symbol, spell, means, infer=_integers)


def _invert(x: Any) -> Expr:
    return Unary("~", as_expr(x))


# fmt: off
_and    = _bits("bitwise_and", "{} & {}", lambda a, b: a & b, np.bitwise_and)
_or     = _bits("bitwise_or",  "{} | {}", lambda a, b: a | b, np.bitwise_or)
_xor    = _bits("bitwise_xor", "{} ^ {}", lambda a, b: a ^ b, np.bitwise_xor)
_not    = _bits("bitwise_invert", "~{}", _invert, np.invert)
_left   = _bits("bitwise_left_shift",  "{} << {}", primitive("left_shift"),  np.left_shift)
_right  = _bits("bitwise_right_shift", "{} >> {}", primitive("right_shift"), np.right_shift)
# fmt: on


def _has_bits(x: Any) -> bool:
    """Whether it is of integers."""
    dtype = x.type.numpy if isinstance(x, Node) else np.asarray(x).dtype
    return dtype.kind in "iu"


def _either(logical: Op, bits: Op, *operands: Any) -> Node:
    """The logical function unless there are integers."""
    return (bits if any(map(_has_bits, operands)) else logical)(*operands)


@public
def bitwise_and(a: Any, b: Any) -> Node:
    """a & b of integers or bools, broadcast and promoted; raises DTypeError for floats."""
    return _either(logical_and, _and, a, b)


@public
def bitwise_or(a: Any, b: Any) -> Node:
    """a | b of integers or bools, broadcast and promoted; raises DTypeError for floats."""
    return _either(logical_or, _or, a, b)


@public
def bitwise_xor(a: Any, b: Any) -> Node:
    """a ^ b of integers or bools, broadcast and promoted; raises DTypeError for floats."""
    return _either(logical_xor, _xor, a, b)


@public
def bitwise_invert(x: Node) -> Node:
    """~x of integers or bools, of x's type; raises DTypeError for floats."""
    return _either(logical_not, _not, stage(x))


@public
def bitwise_left_shift(a: Any, b: Any) -> Node:
    """a << b of integers, wrapped around, broadcast and promoted; raises DTypeError for floats."""
    return _left(a, b)


@public
def bitwise_right_shift(a: Any, b: Any) -> Node:
    """a >> b of integers, the sign kept, broadcast and promoted; raises DTypeError for floats."""
    return _right(a, b)
