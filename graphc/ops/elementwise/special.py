"""Special functions: the error function and the normal distribution, the gamma function and Bessel
functions, with the gradients that they have on paper.

Kernels compute them by published approximations, a few units in the last place in double precision
(graphc/emit/prelude/special.py tells the sources); what they mean is in meanings.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from graphc.errors import UsageError
from graphc.expr import Expr, primitive
from graphc.expr import equal as same
from graphc.graph import Node, Op, declare, public
from graphc.ops.axes import stage
from graphc.ops.elementwise import meanings
from graphc.ops.elementwise.arith import (
    astype,
    each,
    equal,
    logical_and,
    logical_not,
    masked,
    real,
    sign,
    square,
    where,
)
from graphc.ops.elementwise.maths import exp, log, log1p, tan
from graphc.ops.elementwise.rounding import round
from graphc.ops.spell import Expand
from graphc.types import Type, floating

__all__ = [
    "betaln",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "lgamma",
    "log_ndtr",
    "logit",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "xlog1py",
    "xlogy",
    "zeta",
]

HALF_ROOT = math.sqrt(0.5)
ROOT_PI = math.sqrt(math.pi)
ROOT_TWO_PI = math.sqrt(2 * math.pi)


def _each(name: str, spell: Callable[..., Expr], means: Any, vjp: Callable[..., Any]) -> Op:
    return each(name, "", spell, means, vjp, infer=real)


def _call(name: str, vjp: Callable[..., Any]) -> Op:
    return _each(name, primitive(name), getattr(meanings, name), vjp)


def _bessel(name: str, vjp: Callable[..., Any]) -> Op:
    return _each(name, primitive(f"bessel_{name}"), getattr(meanings, name), vjp)


def normal_density(x: Node) -> Node:
    """exp(-x^2 / 2) / sqrt(2 pi)."""
    return exp(square(x) * -0.5) * (1 / ROOT_TWO_PI)


def _zeta_vjp(g: Node, y: Node, s: Node, q: Node) -> tuple[None, Node]:
    return None, g * (-s * zeta(s + 1, q))


def _i1_slope(x: Node, y: Node, whole: Node) -> Node:
    """`whole` - y / x, and 1/2 at 0, where that is 1 - 1/2."""
    zero = equal(x, 0)
    return where(zero, 0.5, whole - y / where(zero, 1.0, x))


erfc: Op
zeta: Op
digamma: Op
i0: Op
i1: Op
i0e: Op
i1e: Op
_polygamma: Op

# fmt: off
#                name        local gradient: g from above, y this stage
erf     = _call("erf",     lambda g, y, x: (g * (2 / ROOT_PI * exp(-square(x))),))
erfc    = _call("erfc",    lambda g, y, x: (g * (-2 / ROOT_PI * exp(-square(x))),))
erfcx   = _call("erfcx",   lambda g, y, x: (g * (2 * x * y - 2 / ROOT_PI),))
erfinv  = _call("erfinv",  lambda g, y, x: (g * (ROOT_PI / 2 * exp(square(y))),))
ndtri   = _call("ndtri",   lambda g, y, p: (g * (ROOT_TWO_PI * exp(square(y) * 0.5)),))
lgamma  = _call("lgamma",  lambda g, y, x: (g * digamma(x),))
digamma = _call("digamma", lambda g, y, x: (g * _polygamma(x, n=1),))
i0      = _bessel("i0", lambda g, y, x: (g * i1(x),))
i1      = _bessel("i1", lambda g, y, x: (g * _i1_slope(x, y, i0(x)),))
i0e     = _bessel("i0e", lambda g, y, x: (g * (i1e(x) - sign(x) * y),))
i1e     = _bessel("i1e", lambda g, y, x: (g * _i1_slope(x, y, i0e(x) - sign(x) * y),))
zeta    = _call("zeta",    _zeta_vjp)
# fmt: on


# The normal distribution


def _float(x: Type, **_: Any) -> Type:
    return x.with_dtype(floating(x.dtype))


def _defined(
    name: str,
    define: Callable[..., Node],
    means: Callable[..., Any],
    vjp: Callable[..., Any],
) -> Op:
    """Declare a function of one number that others define, over its float type."""

    def of_float(x: Node, **attrs: Any) -> Node:
        return define(astype(x, floating(x.dtype)), **attrs)

    return declare(Op(name, _float, Expand(of_float), means, vjp))


def _ndtr_means(x: np.ndarray) -> np.ndarray:
    return 0.5 * meanings.erfc(-HALF_ROOT * x)


def _log_ndtr_define(x: Node) -> Node:
    left = log(erfcx(x * -HALF_ROOT) * 0.5) - square(x) * 0.5
    return where(x < -1, left, log1p(erfc(x * HALF_ROOT) * -0.5))


def _log_ndtr_means(x: np.ndarray) -> np.ndarray:
    left = np.log(0.5 * meanings.erfcx(-HALF_ROOT * x)) - 0.5 * np.square(x)
    return np.where(x < 0, left, np.log1p(-0.5 * meanings.erfc(HALF_ROOT * x)))


def _log_ndtr_vjp(g: Node, y: Node, x: Node) -> tuple[Node]:
    """density / ndtr, of which exp(-x^2 / 2) cancels."""
    return (g * (math.sqrt(2 / math.pi) / erfcx(x * -HALF_ROOT)),)


ndtr = _defined(
    "ndtr",
    lambda x: erfc(x * -HALF_ROOT) * 0.5,
    _ndtr_means,
    lambda g, y, x: (g * normal_density(x),),
)
log_ndtr = _defined("log_ndtr", _log_ndtr_define, _log_ndtr_means, _log_ndtr_vjp)


# The gamma function


@cache
def _cotangent(n: int) -> tuple[int, ...]:
    """Coefficients of q with d^n/dx^n cot(pi x) = (-pi)^n q(cot(pi x)): q' (1 + c^2) follows q."""
    q: tuple[int, ...] = (0, 1)
    for _ in range(n):
        slope = [k * each for k, each in enumerate(q)][1:]
        q = tuple(map(sum, zip([*slope, 0, 0], [0, 0, *slope], strict=True)))
    return q


def _cotangent_at(n: int, c: Any) -> Any:
    """The polynomial in c^2, times c if it is odd: no infinity meets a zero."""
    first, squared = (n + 1) % 2, c * c
    *lower, total = _cotangent(n)[first::2]
    for each_ in reversed(lower):
        total = _times(total, squared) + each_
    return total * c if first else total


def _times(factor: Any, x: Any) -> Any:
    """The product, without a factor of 1."""
    return x if isinstance(factor, int) and factor == 1 else factor * x


def _polygamma_define(x: Node, n: int) -> Node:
    """(-1)^(n+1) n! zeta(n + 1, x), reflected for x < 0: Abramowitz and Stegun 6.4.7, 6.4.10."""
    left = x < 0
    series = _times(math.factorial(n), zeta(n + 1.0, where(left, 1 - x, x)))
    cotangent = 1 / tan((x - round(x)) * math.pi)
    mirror = -math.pi * (-math.pi) ** n * _cotangent_at(n, cotangent)
    return where(left, mirror - series, series if n % 2 else -series)


def _polygamma_means(x: np.ndarray, n: int) -> np.ndarray:
    wide = np.asarray(x, np.float64)
    series = math.factorial(n) * meanings.zeta(n + 1.0, np.where(wide < 0, 1 - wide, wide))
    with np.errstate(all="ignore"):
        cotangent = 1 / np.tan((wide - np.rint(wide)) * np.pi)
        mirror = -np.pi * (-np.pi) ** n * _cotangent_at(n, cotangent)
    return np.where(wide < 0, mirror - series, (-1.0) ** (n + 1) * series)


_polygamma = _defined(
    "polygamma",
    _polygamma_define,
    _polygamma_means,
    lambda g, y, x, n: (g * _polygamma(x, n=n + 1),),
)


@public
def polygamma(n: int, x: Node) -> Node:
    """The n-th derivative of digamma: 0 is digamma, 1 trigamma; elementwise, floats of x's shape.

    `n` is an integer from 0 on; raises UsageError for anything else. Source: Abramowitz and Stegun,
    6.4, through the Hurwitz zeta function.
    """
    if not isinstance(n, int) or isinstance(n, bool) or n < 0:
        raise UsageError(f"the order of polygamma is an integer from 0 on, not {n!r}")
    return _polygamma(stage(x), n=n) if n else digamma(x)


def _betaln_means(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return meanings.lgamma(a) + meanings.lgamma(b) - meanings.lgamma(np.add(a, b))


def _betaln_vjp(g: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
    whole = digamma(a + b)
    return g * (digamma(a) - whole), g * (digamma(b) - whole)


betaln = declare(
    Op(
        "betaln",
        real,
        Expand(lambda a, b: lgamma(a) + lgamma(b) - lgamma(a + b)),
        _betaln_means,
        _betaln_vjp,
    )
)
"""log(gamma(a) gamma(b) / gamma(a + b)) for a, b > 0."""


@public
def multigammaln(x: Node, d: int) -> Node:
    """The logarithm of the multivariate gamma function of dimension d, elementwise: log(pi) d (d -
    1) / 4 plus the sum of lgamma(x - (j - 1) / 2) for j from 1 to d; for x > (d - 1) / 2.

    Raises UsageError for a dimension that is no integer from 1 on.
    """
    if not isinstance(d, int) or isinstance(d, bool) or d < 1:
        raise UsageError(f"the dimension of multigammaln is an integer from 1 on, not {d!r}")
    total = lgamma(x)
    for j in range(1, d):
        total = total + lgamma(x - j / 2)
    return total + math.log(math.pi) * d * (d - 1) / 4


# Products with logarithms


def _times_log_spell(log_of: str) -> Callable[..., Expr]:
    def spell(x: Any, y: Any) -> Expr:
        nothing = same(x, 0) & same(y, y)
        return primitive("select")(nothing, 0, x * primitive(log_of)(y))

    return spell


def _times_log_means(log_of: Callable[..., Any]) -> Callable[..., np.ndarray]:
    def means(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.where((x == 0) & ~np.isnan(y), 0, x * log_of(y)).astype(np.result_type(x, y))

    return means


def _xlogy_vjp(g: Node, y: Node, x: Node, z: Node) -> tuple[Any, Any]:
    some = logical_not(logical_and(equal(x, 0), z <= 0))
    return masked(g * log(z), some), masked(g * (x / z), some)


def _xlog1py_vjp(g: Node, y: Node, x: Node, z: Node) -> tuple[Any, Any]:
    some = logical_not(logical_and(equal(x, 0), z <= -1))
    return masked(g * log1p(z), some), masked(g * (x / (1 + z)), some)


def _entr_spell(x: Any) -> Expr:
    select = primitive("select")
    y = select(same(x, 0), 0, -(x * primitive("log")(x)))
    return select(x < 0, -math.inf, y)


def _entr_means(x: np.ndarray) -> np.ndarray:
    y = np.where(x == 0, 0, -x * np.log(x))
    return np.where(x < 0, -np.inf, y).astype(x.dtype)


def _logit_spell(x: Any) -> Expr:
    """Near 1/2, where the quotient is near 1, of the distance from there."""
    log_, log1p_ = primitive("log"), primitive("log1p")
    centre = log1p_(2 * x - 1) - log1p_(1 - 2 * x)
    return primitive("select")((x < 0.3) | (x > 0.65), log_(x / (1 - x)), centre)


def _logit_means(x: np.ndarray) -> np.ndarray:
    return np.log(x) - np.log1p(-x)


_xlogy = _times_log_spell("log"), _times_log_means(np.log)
_xlog1py = _times_log_spell("log1p"), _times_log_means(np.log1p)

# fmt: off
xlogy   = _each("xlogy",   *_xlogy,                    _xlogy_vjp)
xlog1py = _each("xlog1py", *_xlog1py,                  _xlog1py_vjp)
entr    = _each("entr",    _entr_spell,  _entr_means,  lambda g, y, x: (g * (-1 - log(x)),))
logit   = _each("logit",   _logit_spell, _logit_means, lambda g, y, x: (g / (x * (1 - x)),))
# fmt: on
