"""What emitted modules import: registers, pointers, mathematics, products; nothing of graphc.

Every function stands beside its plain twin, which does the same to NumPy slices. With the JIT off
(NUMBA_DISABLE_JIT) the names here are the twins; PLAIN holds them in any case. External code is
called by symbol name only, never by address, so that what is compiled can be stored. An emitted
module finds all of it in one file, these modules one behind the other.
Traps for who emits code: Note [Lean] in jit.py.
"""

from importlib import import_module
from typing import Any

from numba import njit

from .clock import held, tick, tick_with
from .functions import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    bessel_i0,
    bessel_i0e,
    bessel_i1,
    bessel_i1e,
    cbrt,
    ceil,
    cos,
    cosh,
    digamma,
    erf,
    erfc,
    erfcx,
    erfinv,
    exp,
    exp2,
    expm1,
    floor,
    gelu,
    lgamma,
    log,
    log1p,
    log2,
    log10,
    ndtri,
    reciprocal,
    rint,
    rsqrt,
    sigmoid,
    sin,
    sinh,
    softplus,
    sqrt,
    tan,
    tanh,
    trunc,
    zeta,
)
from .jit import (
    FLAGS,
    KERNEL,
    PLAIN,
    boolean,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
)
from .jit import JIT_OFF as JIT_OFF
from .memory import (
    at_bool,
    at_f32,
    at_f64,
    at_i8,
    at_i16,
    at_i32,
    at_i64,
    at_u8,
    at_u16,
    at_u32,
    at_u64,
    copy,
    failed,
    fill,
    gather_rows,
    outside,
    ptr,
    report,
    shift,
    tape,
)
from .numbers import (
    absolute,
    atan2,
    copysign,
    floor_divide,
    fmod,
    hypot,
    is_finite,
    left_shift,
    maximum,
    minimum,
    nextafter,
    power,
    quotient,
    remainder,
    right_shift,
    select,
    sign,
)
from .orders import multiply
from .products import BLAS, gemm
from .registers import (
    all_lanes,
    any_lanes,
    count4,
    count8,
    count16,
    fma,
    gather,
    keep,
    load4,
    load8,
    load16,
    max_lanes,
    min_lanes,
    part4,
    part8,
    part16,
    prod_lanes,
    splat4,
    splat8,
    splat16,
    store,
    store_part,
    sum_lanes,
    to_bool,
    to_f32,
    to_f64,
    to_i8,
    to_i16,
    to_i32,
    to_i64,
    to_u8,
    to_u16,
    to_u32,
    to_u64,
)
from .team import (
    GIVENS,
    add_up,
    barrier,
    give_back,
    greatest,
    leading,
    least,
    part,
    send,
    serve,
    total,
)

# What an emitted module may import, each name with its twin

_SAME = "BLAS", "boolean", "f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"
PLAIN |= {name: globals()[name] for name in _SAME}
PLAIN["njit"] = lambda function=None, **flags: function or (lambda f: f)
PLAIN |= {"FLAGS": {}, "KERNEL": {}}

globals().update(GIVENS)

SELDOM: dict[str, tuple[str, ...]] = {
    "equations": ("cholesky", "lu", "lu_solve", "triangular_solve"),
    "expm": ("expm",),
    "puts": ("put_extreme", "put_product", "put_set"),
    "random": ("threefry", "uniform32", "uniform32_second", "uniform64"),
    "running": (
        "recurrence",
        "running_best",
        "running_logsumexp",
        "running_product",
        "running_sum",
    ),
    "sorting": ("argsort", "search"),
    "spectra": ("eigh", "eigvalsh", "qr", "svd", "svdvals"),
}
"""Routines that few modules call, by the part that has them: imported when they are asked for."""

_PART = {name: part for part, names in SELDOM.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _PART:
        raise AttributeError(f"the prelude has no {name!r}")
    globals()[name] = found = getattr(import_module(f".{_PART[name]}", __name__), name)
    return found


# fmt: off
__all__ = [
    "BLAS", "FLAGS", "KERNEL", "PLAIN", "absolute", "acos", "acosh", "add_up", "all_lanes",
    "any_lanes", "argsort", "asin", "asinh", "at_bool", "at_f32", "at_f64", "at_i8", "at_i16",
    "at_i32", "at_i64", "at_u8", "at_u16", "at_u32", "at_u64", "atan", "atan2", "atanh", "barrier",
    "bessel_i0", "bessel_i0e", "bessel_i1", "bessel_i1e", "boolean", "cbrt", "ceil", "cholesky",
    "copy", "copysign", "cos", "cosh", "count4", "count8", "count16", "digamma", "eigh", "eigvalsh",
    "erf", "erfc", "erfcx", "erfinv", "exp", "exp2", "expm", "expm1", "f32", "f64", "failed",
    "fill", "floor", "floor_divide", "fma", "fmod", "gather", "gather_rows", "gelu", "gemm",
    "give_back", "given_at_bool", "given_at_f32", "given_at_f64", "given_at_i8", "given_at_i16",
    "given_at_i32", "given_at_i64", "given_at_u8", "given_at_u16", "given_at_u32", "given_at_u64",
    "given_bool", "given_f32", "given_f64", "given_i8", "given_i16", "given_i32", "given_i64",
    "given_u8", "given_u16", "given_u32", "given_u64", "greatest", "held", "hypot", "i8", "i16",
    "i32", "i64", "is_finite", "keep", "leading", "least", "left_shift", "lgamma", "load4", "load8",
    "load16", "log", "log1p", "log2", "log10", "lu", "lu_solve", "max_lanes", "maximum",
    "min_lanes", "minimum", "multiply", "ndtri", "nextafter", "njit", "outside", "part", "part4",
    "part8", "part16", "power", "prod_lanes", "ptr", "put_extreme", "put_product", "put_set", "qr",
    "quotient", "reciprocal", "recurrence", "remainder", "report", "returned_bool", "returned_f64",
    "returned_i64", "returned_u64", "right_shift", "rint", "rsqrt", "running_best",
    "running_logsumexp", "running_product", "running_sum", "search", "select", "send", "serve",
    "shift", "sigmoid", "sign", "sin", "sinh", "softplus", "splat4", "splat8", "splat16", "sqrt",
    "store", "store_part", "sum_lanes", "svd", "svdvals", "tan", "tanh", "tape", "threefry", "tick",
    "tick_with", "to_bool", "to_f32", "to_f64", "to_i8", "to_i16", "to_i32", "to_i64", "to_u8",
    "to_u16", "to_u32", "to_u64", "total", "triangular_solve", "trunc", "u8", "u16", "u32", "u64",
    "uniform32", "uniform32_second", "uniform64", "zeta",
]
# fmt: on
