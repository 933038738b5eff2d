"""Samples of activations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from specs import Sample, Spec, batch, integer, one, positive, real


def scipy(name: str) -> Any:
    """SciPy's function, once it is called."""
    reason = "SciPy, the oracle, is not installed"
    return lambda *args: getattr(pytest.importorskip("scipy.special", reason=reason), name)(*args)


def rows(name: str, *more: Any) -> list[Sample]:
    """Shapes of all kinds; with `more` arguments in each."""
    call = lambda m, x: getattr(m, name)(x, *more)  # noqa: E731
    shapes: list[Spec] = [real(), real(0), real(2, 1, 3), batch(7)]
    return [one(call, spec) for spec in shapes]


def _torch(name: str) -> Any:
    def called(*args: Any, **attrs: Any) -> Any:
        torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
        return getattr(torch.nn.functional, name)(*args, **attrs)

    return called


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _glu(x: Any, axis: int = -1) -> Any:
    a, b = np.split(x, 2, axis)
    return a * _sigmoid(b)


def _gelu(x: Any, approximate: str = "none") -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x * scipy("ndtr")(x)


def _shrunk(x: Any, lambd: float = 0.5) -> Any:
    return np.where(x > lambd, x - lambd, np.where(x < -lambd, x + lambd, 0))


def _prelu(x: Any, w: Any) -> Any:
    w = np.reshape(w, (-1,) + (1,) * (x.ndim - 2)) if np.ndim(w) == 1 and x.ndim > 2 else w
    return np.where(x > 0, x, w * x)


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "gelu":        [*rows("gelu"), one(lambda m, x: m.gelu(x), integer(3, dtype="i32"))],
    "gelu_tanh":   [one(lambda m, x: m.gelu(x, "tanh"), spec) for spec in (real(), batch(5))],
    "silu":        [*rows("silu"), one(lambda m, x: m.silu(x), integer(3, dtype="i32"))],
    "mish":        rows("mish"),
    "elu":         [*rows("elu"), one(lambda m, x: m.elu(x, 0.7), real(5))],
    "celu":        [*rows("celu"), one(lambda m, x: m.celu(x, 0.7), real(5))],
    "selu":        rows("selu"),
    "leaky_relu":  [*rows("leaky_relu"), one(lambda m, x: m.leaky_relu(x, 0.2), real(5))],
    "prelu":       [one(lambda m, x, w: m.prelu(x, w), real(5), real()),
                    one(lambda m, x, w: m.prelu(x, w), real(2, 3, 4), real(3)),
                    one(lambda m, x, w: m.prelu(x, w), batch(5, 3), positive(3))],
    "hardtanh":    [*rows("hardtanh"), one(lambda m, x: m.hardtanh(x, -0.5, 2.0), real(9))],
    "relu6":       [*rows("relu6"), one(lambda m, x: m.relu6(4 * x), real(9))],
    "hardsigmoid": [*rows("hardsigmoid"), one(lambda m, x: m.hardsigmoid(4 * x), real(9))],
    "hardswish":   [*rows("hardswish"), one(lambda m, x: m.hardswish(4 * x), real(9))],
    "threshold":   rows("threshold", 0.3, -2.0),
    "softshrink":  [*rows("softshrink"), one(lambda m, x: m.softshrink(x, 0.2), real(9))],
    "hardshrink":  [*rows("hardshrink"), one(lambda m, x: m.hardshrink(x, 0.2), real(9))],
    "softsign":    rows("softsign"),
    "tanhshrink":  rows("tanhshrink"),
    "log_sigmoid": [*rows("log_sigmoid"), one(lambda m, x: m.log_sigmoid(20 * x), real(5))],
    "softplus":    [*rows("softplus"), one(lambda m, x: m.softplus(x, 2.5), real(5)),
                    one(lambda m, x: m.softplus(x, 2.0, 1.0), real(5))],
    "glu":         [one(lambda m, x: m.glu(x), real(4)), one(lambda m, x: m.glu(x, 1), real(2, 6, 3)),
                    one(lambda m, x: m.glu(x), batch(3, 4))],
}

NUMPY: dict[str, Any] = {
    "gelu":        _gelu,
    "silu":        lambda x: x * _sigmoid(x),
    "mish":        lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "elu":         lambda x, alpha=1.0: np.where(x > 0, x, alpha * (np.exp(x) - 1)),
    "celu":        lambda x, alpha=1.0: np.where(x > 0, x, alpha * (np.exp(x / alpha) - 1)),
    "selu":        lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1)),
    "leaky_relu":  lambda x, slope=0.01: np.where(x > 0, x, slope * x),
    "prelu":       _prelu,
    "hardtanh":    lambda x, low=-1.0, high=1.0: np.clip(x, low, high),
    "relu6":       lambda x: np.clip(x, 0, 6),
    "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hardswish":   lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "threshold":   lambda x, limit, value: np.where(x > limit, x, value),
    "softshrink":  _shrunk,
    "hardshrink":  lambda x, lambd=0.5: np.where(np.abs(x) > lambd, x, 0),
    "softsign":    lambda x: x / (1 + np.abs(x)),
    "tanhshrink":  lambda x: x - np.tanh(x),
    "log_sigmoid": lambda x: np.log(_sigmoid(x)),
    "softplus":    lambda x, beta=1.0, threshold=1e9: np.where(beta * x > threshold, x, np.log(1 + np.exp(beta * x)) / beta),
    "glu":         _glu,
}

SINGLE = ("celu", "hardsigmoid")  # PyTorch computes these with constants in single precision
TORCH: dict[str, Any] = {name: _torch(name) for name in SAMPLES if name not in SINGLE}
TORCH |= {"gelu": lambda x, approximate="none": _torch("gelu")(x, approximate=approximate)}
TORCH |= {"log_sigmoid": _torch("logsigmoid"), "gelu_tanh": TORCH["gelu"]}
# fmt: on

KINKED = {"elu", "celu", "selu", "leaky_relu", "prelu", "hardtanh", "relu6", "hardsigmoid"}
KINKED |= {"hardswish", "threshold", "softshrink", "hardshrink"}
