"""Functions of one number: exponentials, logarithms, trigonometry and the activations built from
them.

Where a gradient can be written with the result y, it is: that decides what the backward sweep has
to keep.
"""

from __future__ import annotations

import numpy as np

from graphc.expr import primitive
from graphc.graph import Op
from graphc.ops.arith import each, masked, numeric, real, square

__all__ = [
    "cos",
    "exp",
    "expm1",
    "log",
    "log1p",
    "relu",
    "sigmoid",
    "sin",
    "softplus",
    "sqrt",
    "tanh",
]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + z), z / (1 + z))


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _call(name: str, means, vjp):  # type: ignore[no-untyped-def]
    return each(name, "", primitive(name), means, vjp, infer=real)


cos: Op
_max = primitive("maximum")

# fmt: off
#                 name        means         local gradient: g from above, y this stage
sqrt     = _call("sqrt",     np.sqrt,      lambda g, y, x: (g / (2 * y),))
exp      = _call("exp",      np.exp,       lambda g, y, x: (g * y,))
log      = _call("log",      np.log,       lambda g, y, x: (g / x,))
log1p    = _call("log1p",    np.log1p,     lambda g, y, x: (g / (1 + x),))
expm1    = _call("expm1",    np.expm1,     lambda g, y, x: (g * (y + 1),))
sin      = _call("sin",      np.sin,       lambda g, y, x: (g * cos(x),))
cos      = _call("cos",      np.cos,       lambda g, y, x: (-g * sin(x),))
tanh     = _call("tanh",     np.tanh,      lambda g, y, x: (g * (1 - square(y)),))
sigmoid  = _call("sigmoid",  _sigmoid,     lambda g, y, x: (g * (y * (1 - y)),))
softplus = _call("softplus", _softplus,    lambda g, y, x: (g * sigmoid(x),))
relu     = each("relu", "", lambda x: _max(x, 0), lambda x: np.maximum(x, 0), lambda g, y, x: (masked(g, y > 0),), infer=numeric)
# fmt: on
