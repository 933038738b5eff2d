"""Functions of real numbers."""
# mypy: allow-untyped-calls, allow-untyped-decorators

from typing import Any

import numpy as np

from .jit import Builder, Value, constant, libm, llvm
from .numbers import of_one


def _decay(b: Builder, v: Value) -> Value:
    """exp(-|v|), which cannot overflow."""
    return libm("exp")(b, b.fneg(llvm("fabs")(b, v)))


def _sigmoid(b: Builder, v: Value) -> Value:
    """1 / (1 + z) or z / (1 + z) with z = exp(-|v|)."""
    one, z = constant(v.type, 1), _decay(b, v)
    return b.fdiv(b.select(b.fcmp_ordered(">=", v, constant(v.type, 0)), one, z), b.fadd(one, z))


def _plain_sigmoid(x: Any) -> Any:
    z = np.exp(-np.absolute(x))
    return (
        np.where(x >= 0, np.ones_like(z), z) / (1 + z)
        if np.ndim(x)
        else (1 if x >= 0 else z) / (1 + z)
    )


def _softplus(b: Builder, v: Value) -> Value:
    """max(v, 0) + log1p(exp(-|v|))."""
    return b.fadd(llvm("maximum")(b, v, constant(v.type, 0)), libm("log1p")(b, _decay(b, v)))


def _plain_softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.absolute(x)))


def _reciprocal(b: Builder, v: Value) -> Value:
    return b.fdiv(constant(v.type, 1), v)


# fmt: off
exp        = of_one("exp",        np.exp,   libm("exp"))
expm1      = of_one("expm1",      np.expm1, libm("expm1"))
log        = of_one("log",        np.log,   libm("log"))
log1p      = of_one("log1p",      np.log1p, libm("log1p"))
sin        = of_one("sin",        np.sin,   libm("sin"))
cos        = of_one("cos",        np.cos,   libm("cos"))
tan        = of_one("tan",        np.tan,   libm("tan"))
tanh       = of_one("tanh",       np.tanh,  libm("tanh"))
sqrt       = of_one("sqrt",       np.sqrt,  llvm("sqrt"))
floor      = of_one("floor",      np.floor, llvm("floor"))
trunc      = of_one("trunc",      np.trunc, llvm("trunc"))
reciprocal = of_one("reciprocal", lambda x: np.divide(1, x), _reciprocal)
sigmoid    = of_one("sigmoid",    _plain_sigmoid,            _sigmoid)
softplus   = of_one("softplus",   _plain_softplus,           _softplus)
# fmt: on
