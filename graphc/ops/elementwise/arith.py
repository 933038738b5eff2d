"""Arithmetic, comparison, logic and choice: one row an operation, with its spelling, meaning and
local gradient.

Ties go to exactly one: maximum(a, b) sends its gradient to a where a >= b. Masks of gradients are
`masked`, so that
they are applied last and an untaken branch gives no NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from inspect import signature
from operator import mul
from typing import Any

import numpy as np

from graphc.errors import DTypeError, UsageError
from graphc.expr import Number, primitive
from graphc.expr import equal as same
from graphc.expr import not_equal as different
from graphc.graph import FUNCTIONS, Node, Op, declare, graph_of, public
from graphc.ops.spell import Each, as_they_are, chosen, like_result, together
from graphc.types import Type, broadcast, dtype_name, floating, promote

__all__ = [
    "abs",
    "add",
    "astype",
    "clip",
    "divide",
    "equal",
    "float_power",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "full_like",
    "greater",
    "greater_equal",
    "isnan",
    "ldexp",
    "lerp",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "ones_like",
    "positive",
    "power",
    "reciprocal",
    "remainder",
    "sign",
    "square",
    "stop_gradient",
    "subtract",
    "where",
    "zeros_like",
]


@dataclass(frozen=True)
class Masked:
    """A term of a gradient that counts only where `mask` holds; grad.py applies it as late as it
    can.
    """

    term: Any
    mask: Any


def masked(term: Any, mask: Any) -> Masked:
    """The term where the mask holds, zero elsewhere."""
    return Masked(term, mask)


# Type rules of elementwise operations


def numeric(*args: Type) -> Type:
    """Broadcast and promoted; bool counts as i64, as sums of bool do."""
    dtype = promote(*(a.dtype for a in args))
    return Type("i64" if dtype == "bool" else dtype, broadcast(*(a.shape for a in args)))


def real(*args: Type) -> Type:
    """Broadcast and promoted to a float type."""
    return Type(floating(promote(*(a.dtype for a in args))), broadcast(*(a.shape for a in args)))


def truth(*args: Type) -> Type:
    """Broadcast; bool."""
    return Type("bool", broadcast(*(a.shape for a in args)))


def logical(*args: Type) -> Type:
    """Broadcast; bool from bools."""
    for a in args:
        if a.dtype != "bool":
            raise DTypeError(
                f"logical operations take bool, not {a}", hint="compare first: gr.not_equal(x, 0)"
            )
    return truth(*args)


def choice(condition: Type, a: Type, b: Type) -> Type:
    """Broadcast; the promoted type of the two values."""
    if condition.dtype != "bool":
        raise DTypeError(
            f"the condition is {condition}, not bool", hint="compare first: gr.not_equal(x, 0)"
        )
    return Type(promote(a.dtype, b.dtype), broadcast(condition.shape, a.shape, b.shape))


def each(
    name: str,
    symbol: str,
    spell: Callable[..., Any],
    numpy: Callable[..., Any],
    vjp: Callable[..., Any] | None = None,
    *,
    infer: Callable[..., Type] = numeric,
    operands: Callable[..., tuple[str, ...]] = like_result,
    linear: bool = False,
) -> Op:
    """Declare an elementwise operation of as many arguments as its NumPy meaning has."""
    count = numpy.nin if isinstance(numpy, np.ufunc) else len(signature(numpy).parameters)
    return declare(
        Op(name, _counted(infer, count), Each(spell, operands, linear), numpy, vjp, symbol)
    )


def _counted(infer: Callable[..., Type], count: int) -> Callable[..., Type]:
    """The type rule for exactly `count` arguments."""

    def counted(*args: Type) -> Type:
        if len(args) != count:
            raise UsageError(f"it takes {count} argument{'s' * (count > 1)}, not {len(args)}")
        return infer(*args)

    return counted


def is_constant(node: Node, value: float | None = None) -> bool:
    """Whether a node is a constant scalar, of this value if one is given."""
    return (
        node.op.name == "const" and node.value.ndim == 0 and (value is None or node.value == value)
    )


def divide_vjp(g: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
    """d(a/b) = da / b - (a/b) / b db; of 1/b it is -1/b**2 db."""
    return g / b, (-g / square(b) if is_constant(a, 1) else -g * y / b)


def power_vjp(g: Node, y: Node, x: Node, n: Node) -> tuple[Any, Any]:
    """d(x**n) = n x**(n-1) dx + x**n log(x) dn; a constant exponent is never logged."""
    if is_constant(n):
        exponent = n.value.item()
        lower = x if exponent == 2 else power(x, exponent - 1)
        return (g * (exponent * lower) if exponent else zeros_like(g)), None
    d_x = g * n * power(x, n - 1)
    zero = equal(x, 0)
    log = FUNCTIONS["log"](where(zero, 1, x))
    return masked(d_x, not_equal(n, 0)), masked(g * y * log, ~zero)


def _spell_power(x: Any, n: Any) -> Any:
    """Small whole exponents are products; any other is the prelude's power."""
    whole = n.value if isinstance(n, Number) and n.value in (1, 2, 3, 4) else 0
    return reduce(mul, [x] * int(whole)) if whole else primitive("power")(x, n)


def _flat_vjp(g: Node, y: Node, x: Node) -> tuple[Node]:
    return (zeros_like(g),)


def _spell_fmax(a: Any, b: Any) -> Any:
    """maximum, but a number wins over NaN."""
    return _select(different(a, a), b, _select(different(b, b), a, _max(a, b)))


def _spell_fmin(a: Any, b: Any) -> Any:
    return _select(different(a, a), b, _select(different(b, b), a, _min(a, b)))


def _fmax_vjp(g: Node, y: Node, a: Node, b: Node) -> tuple[Any, Any]:
    first = _or_nan(a >= b, b)
    return masked(g, first), masked(g, ~first)


def _fmin_vjp(g: Node, y: Node, a: Node, b: Node) -> tuple[Any, Any]:
    first = _or_nan(a <= b, b)
    return masked(g, first), masked(g, ~first)


def _or_nan(first: Node, b: Node) -> Node:
    return logical_or(first, isnan(b)) if b.type.is_float else first


def _fmod_vjp(g: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
    """a less a whole number of b, towards zero."""
    return g, -g * FUNCTIONS["trunc"](a / b)


square: Op
sign: Op
_min, _max, _abs, _sign = map(primitive, ("minimum", "maximum", "absolute", "sign"))
_select, _floor_divide, _remainder = map(primitive, ("select", "floor_divide", "remainder"))
_and, _or, _not = (lambda a, b: a & b), (lambda a, b: a | b), (lambda a: a ^ True)

# fmt: off
#                      name          symbol        spelled as                  means          local gradient: g from above, y this stage
add          = each("add",          "{} + {}",  lambda a, b: a + b,          np.add,        lambda g, y, a, b: (g, g), linear=True)
subtract     = each("subtract",     "{} - {}",  lambda a, b: a - b,          np.subtract,   lambda g, y, a, b: (g, -g), linear=True)
multiply     = each("multiply",     "{} * {}",  lambda a, b: a * b,          np.multiply,   lambda g, y, a, b: (g * b, g * a))
divide       = each("divide",       "{} / {}",  lambda a, b: a / b,          np.divide,     divide_vjp, infer=real)
quotient     = each("quotient",     "{} / {}",  primitive("quotient"),       np.divide,     divide_vjp, infer=real)
negative     = each("negative",     "-{}",      lambda x: -x,                np.negative,   lambda g, y, x: (-g,), linear=True)
positive     = each("positive",     "+{}",      lambda x: x,                 np.positive,   lambda g, y, x: (g,), linear=True)
reciprocal   = each("reciprocal",   "1 / {}",   lambda x: 1 / x,             lambda x: 1 / x, lambda g, y, x: (-1.0 / square(x) * g,), infer=real)
square       = each("square",       "{}**2",    lambda x: x * x,             np.square,     lambda g, y, x: (g * (2 * x),))
power        = each("power",        "{}**{}",   _spell_power,                 np.power,      power_vjp)
abs          = each("abs",          "abs({})",  _abs,                        np.abs,        lambda g, y, x: (g * sign(x),))
sign         = each("sign",         "sign({})", _sign,                       np.sign,       _flat_vjp)
maximum      = each("maximum",      "",         _max,                        np.maximum,    lambda g, y, a, b: (masked(g, a >= b), masked(g, ~(a >= b))))
minimum      = each("minimum",      "",         _min,                        np.minimum,    lambda g, y, a, b: (masked(g, a <= b), masked(g, ~(a <= b))))
floor_divide = each("floor_divide", "{} // {}", _floor_divide,               np.floor_divide)
remainder    = each("remainder",    "{} % {}",  _remainder,                  np.remainder,   lambda g, y, a, b: (g, -g * floor_divide(a, b)))
fmod         = each("fmod",         "",         primitive("fmod"),           np.fmod,        _fmod_vjp)
fmax         = each("fmax",         "",         _spell_fmax,                 np.fmax,        _fmax_vjp)
fmin         = each("fmin",         "",         _spell_fmin,                 np.fmin,        _fmin_vjp)

equal         = each("equal",         "{} == {}", same,                      np.equal,         infer=truth, operands=together)
not_equal     = each("not_equal",     "{} != {}", different,                 np.not_equal,     infer=truth, operands=together)
less          = each("less",          "{} < {}",  lambda a, b: a < b,        np.less,          infer=truth, operands=together)
less_equal    = each("less_equal",    "{} <= {}", lambda a, b: a <= b,       np.less_equal,    infer=truth, operands=together)
greater       = each("greater",       "{} > {}",  lambda a, b: a > b,        np.greater,       infer=truth, operands=together)
greater_equal = each("greater_equal", "{} >= {}", lambda a, b: a >= b,       np.greater_equal, infer=truth, operands=together)
isnan         = each("isnan",         "",         lambda x: different(x, x), np.isnan,         infer=truth, operands=as_they_are)
logical_and   = each("logical_and",   "{} & {}",  _and,                      np.logical_and,   infer=logical, operands=as_they_are)
logical_or    = each("logical_or",    "{} | {}",  _or,                       np.logical_or,    infer=logical, operands=as_they_are)
logical_xor   = each("logical_xor",   "{} ^ {}",  lambda a, b: a ^ b,        np.logical_xor,   infer=logical, operands=as_they_are)
logical_not   = each("logical_not",   "~{}",      _not,                      np.logical_not,   infer=logical, operands=as_they_are)

where        = each("where", "", _select, lambda c, a, b: np.where(c, a, b), lambda g, y, c, a, b: (None, masked(g, c), masked(g, ~c)), infer=choice, operands=chosen, linear=True)
copy         = each("copy", "{}", lambda x: x, lambda x: x, lambda g, y, x: (g,), infer=lambda x: x, operands=as_they_are, linear=True)
stop_gradient = each("stop_gradient", "", lambda x: x, lambda x: x, infer=lambda x: x, operands=as_they_are)
# fmt: on


def _cast_vjp(g: Node, y: Node, x: Node, dtype: str) -> tuple[Node | None]:
    return (cast(g, dtype=x.dtype) if x.type.is_float and y.type.is_float else None,)


cast = declare(
    Op(
        "astype",
        lambda x, dtype: x.with_dtype(dtype_name(dtype)),
        Each(lambda x: x, like_result, linear=True),
        lambda x, dtype: np.asarray(x).astype(Type(dtype_name(dtype)).numpy),
        _cast_vjp,
    )
)


@public
def astype(x: Node, dtype: Any) -> Node:
    """`x` with elements of another type; a float cut to an integer is cut towards zero, and takes
    no gradient.
    """
    name = dtype_name(dtype)
    return x if x.dtype == name else cast(x, dtype=name)


@public
def clip(x: Node, low: Any = None, high: Any = None) -> Node:
    """`x` kept within `low` and `high`, either of which may be left out; NaN stays NaN."""
    x = x if low is None else maximum(x, low)
    return x if high is None else minimum(x, high)


@public
def float_power(x: Any, n: Any) -> Node:
    """`x**n` in double precision, broadcast."""
    double = (astype(a, "f64") if isinstance(a, Node) else a for a in (x, n))
    return power(*double)


@public
def ldexp(x: Any, n: Any) -> Node:
    """x 2**n, broadcast; in two factors, so that neither alone overflows."""
    half = floor_divide(n, 2) if isinstance(n, Node) else n // 2
    exp2 = FUNCTIONS["exp2"] if isinstance(n, Node) else lambda k: 2.0**k
    return multiply(multiply(x, exp2(half)), exp2(n - half))


@public
def lerp(a: Any, b: Any, weight: Any) -> Node:
    """a + weight (b - a), broadcast: a where the weight is 0, b where it is 1."""
    return add(a, multiply(weight, subtract(b, a)))


@public
def zeros_like(x: Node, dtype: Any = None) -> Node:
    """Zeros of the shape of `x`, of its element type unless told otherwise."""
    return full_like(x, 0, dtype)


@public
def ones_like(x: Node, dtype: Any = None) -> Node:
    """Ones of the shape of `x`, of its element type unless told otherwise."""
    return full_like(x, 1, dtype)


@public
def full_like(x: Node, value: float, dtype: Any = None) -> Node:
    """A number at every place of `x`, of its element type unless told otherwise."""
    scalar = graph_of(x).constant(value, x.dtype if dtype is None else dtype)
    return FUNCTIONS["broadcast_to"](scalar, x.shape) if x.shape else scalar
