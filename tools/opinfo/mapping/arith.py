"""Arithmetic, comparisons, rounding and choices, element by element."""

from __future__ import annotations

from math import pi
from typing import Any

from ..rows import Functions, Rows
from .forms import same, to_bool


def clamp(m: Functions, x: Any, min: Any = None, max: Any = None) -> Any:
    """PyTorch's lower bound yields to the upper one, as NumPy's clip does."""
    x = x if min is None else m.maximum(x, min)
    return x if max is None else m.minimum(x, max)


def truth(name: str) -> Any:
    """A logical function of numbers."""
    return lambda m, *xs: getattr(m, name)(*(to_bool(m, x) for x in xs))


def divided(m: Functions, x: Any, y: Any, rounding_mode: str | None = None) -> Any:
    """A quotient, rounded as PyTorch says."""
    if rounding_mode == "floor":
        return m.floor_divide(x, y)
    return m.trunc(m.divide(x, y)) if rounding_mode == "trunc" else m.divide(x, y)


def rounded(m: Functions, x: Any, *, decimals: int = 0) -> Any:
    """To the nearest, halves to even."""
    return m.round(x, decimals=decimals) if decimals else m.round(x)


def is_close(
    m: Functions, x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:  # fmt: skip
    """Within a tolerance; infinities only where they are equal."""
    near = m.less_equal(m.abs(x - y), atol + rtol * m.abs(y))
    same = m.logical_or(m.equal(x, y), m.logical_and(near, m.isfinite(y)))
    return m.logical_or(same, m.logical_and(m.isnan(x), m.isnan(y))) if equal_nan else same


def nan_to_num(
    m: Functions, x: Any, nan: Any = None, posinf: Any = None, neginf: Any = None
) -> Any:
    """Numbers for what is none."""
    return m.nan_to_num(x, nan=nan or 0.0, posinf=posinf, neginf=neginf)


def cast(dtype: str) -> Any:
    """Another element type."""
    return lambda m, x, **_: m.astype(x, dtype)


def kept(m: Functions, x: Any, *_: Any, **__: Any) -> Any:
    """The value itself: what graphc's stages are anyway."""
    return m.positive(x)


# fmt: off
ROWS: Rows = {
    "abs": same("abs"),
    "add": lambda m, x, y, alpha=1: m.add(x, y if alpha == 1 else m.multiply(y, alpha)),
    "sub": lambda m, x, y, alpha=1: m.subtract(x, y if alpha == 1 else m.multiply(y, alpha)),
    "rsub": lambda m, x, y, alpha=1: m.subtract(y, m.multiply(x, alpha)),
    "mul": same("multiply"),
    "div.no_rounding_mode": divided,
    "div.trunc_rounding": divided,
    "div.floor_rounding": divided,
    "true_divide": same("divide"),
    "floor_divide": same("floor_divide"),
    "remainder": same("remainder"),
    "fmod": same("fmod"),
    "pow": same("power"),
    "float_power": same("float_power"),
    "__radd__": lambda m, x, y: y + x,
    "__rsub__": lambda m, x, y: y - x,
    "__rmul__": lambda m, x, y: y * x,
    "__rdiv__": lambda m, x, y: y / x,
    "__rmod__": lambda m, x, y: y % x,
    "__rpow__": lambda m, x, y: y ** x,
    "neg": same("negative"),
    "positive": same("positive"),
    "reciprocal": same("reciprocal"),
    "square": same("square"),
    "sign": same("sign"),
    "sgn": same("sign"),
    "signbit": same("signbit"),
    "copysign": same("copysign"),
    "heaviside": same("heaviside"),
    "nextafter": same("nextafter"),
    "maximum": same("maximum"),
    "minimum": same("minimum"),
    "max.binary": same("maximum"),
    "min.binary": same("minimum"),
    "fmax": same("fmax"),
    "fmin": same("fmin"),
    "clamp": clamp,
    "clamp_min": same("maximum"),
    "clamp_max": same("minimum"),
    "eq": same("equal"),
    "ne": same("not_equal"),
    "lt": same("less"),
    "le": same("less_equal"),
    "gt": same("greater"),
    "ge": same("greater_equal"),
    "equal": lambda m, x, y: m.all(m.equal(x, y)),
    "isclose": is_close,
    "allclose": lambda m, x, y, **k: m.all(is_close(m, x, y, **k)),
    "isnan": same("isnan"),
    "isinf": same("isinf"),
    "isfinite": same("isfinite"),
    "isposinf": same("isposinf"),
    "isneginf": same("isneginf"),
    "isreal": same("isreal"),
    "logical_and": truth("logical_and"),
    "logical_or": truth("logical_or"),
    "logical_xor": truth("logical_xor"),
    "logical_not": truth("logical_not"),
    "bitwise_and": same("bitwise_and"),
    "bitwise_or": same("bitwise_or"),
    "bitwise_xor": same("bitwise_xor"),
    "bitwise_not": same("bitwise_invert"),
    "bitwise_left_shift": same("bitwise_left_shift"),
    "bitwise_right_shift": same("bitwise_right_shift"),
    "__rand__": lambda m, x, y: m.bitwise_and(y, x),
    "__ror__": lambda m, x, y: m.bitwise_or(y, x),
    "__rxor__": lambda m, x, y: m.bitwise_xor(y, x),
    "gcd": same("gcd"),
    "lcm": same("lcm"),
    "where": lambda m, x, c, y: m.where(c, x, y),
    "masked_fill": same("masked_fill"),
    "lerp": same("lerp"),
    "addcmul": lambda m, x, a, b, value=1: x + value * a * b,
    "addcdiv": lambda m, x, a, b, value=1: x + value * a / b,
    "floor": same("floor"),
    "ceil": same("ceil"),
    "trunc": same("trunc"),
    "round": rounded,
    "round.decimals_0": rounded,
    "round.decimals_3": rounded,
    "round.decimals_neg_3": rounded,
    "frac": same("frac"),
    "nan_to_num": nan_to_num,
    "deg2rad": same("deg2rad"),
    "rad2deg": same("rad2deg"),
    "angle": lambda m, x: m.where(m.less(x, 0), pi, m.where(m.isnan(x), x, 0.0)),
    "ldexp": same("ldexp"),
    "clone": kept,
    "contiguous": kept,
    "alias_copy": kept,
    "real": kept,
    "conj": kept,
    "conj_physical": kept,
    "resolve_conj": kept,
    "resolve_neg": kept,
    "double": cast("float64"),
    "float": cast("float32"),
    "long": cast("int64"),
    "int": cast("int32"),
    "short": cast("int16"),
    "char": cast("int8"),
    "byte": cast("uint8"),
    "bool": lambda m, x, **_: m.not_equal(x, 0),
    "zeros_like": lambda m, x, **k: m.zeros_like(x, **chosen(k)),
    "ones_like": lambda m, x, **k: m.ones_like(x, **chosen(k)),
    "full_like": lambda m, x, value, **k: m.full_like(x, value, **chosen(k)),
    "fill": lambda m, x, value: m.full(x.shape, value, dtype=x.dtype, like=x),
    "zero_": lambda m, x: m.zeros_like(x),
}
# fmt: on


def chosen(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The element type alone, of what PyTorch may be asked for besides."""
    dtype = kwargs.get("dtype")
    return {} if dtype is None else {"dtype": dtype}
