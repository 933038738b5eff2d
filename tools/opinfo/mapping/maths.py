"""Mathematical functions, element by element."""

from __future__ import annotations

from typing import Any

from ..rows import Functions, Rows
from .forms import same


def logit(m: Functions, x: Any, eps: float | None = None) -> Any:
    """The logit of x kept away from 0 and 1 by eps."""
    return m.logit(x if eps is None else m.clip(x, eps, 1 - eps))


def mvlgamma(m: Functions, x: Any, p: int) -> Any:
    """The multivariate log-gamma by SciPy's name."""
    return m.multigammaln(x, p)


def polygamma(m: Functions, x: Any, n: int) -> Any:
    """The n-th derivative of digamma."""
    return m.polygamma(n, x)


# fmt: off
ROWS: Rows = {
    **{name: same(name) for name in (
        "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "sin", "sinh",
        "tan", "tanh", "exp", "exp2", "expm1", "log", "log10", "log1p", "log2", "sqrt", "sigmoid",
        "logaddexp", "logaddexp2", "hypot", "sinc", "erf", "erfc", "erfinv", "lgamma", "digamma",
        "i0", "igamma", "igammac",
    )},
    "rsqrt": same("rsqrt"),
    "logit": logit,
    "xlogy": same("xlogy"),
    "mvlgamma.mvlgamma_p_1": mvlgamma,
    "mvlgamma.mvlgamma_p_3": mvlgamma,
    "mvlgamma.mvlgamma_p_5": mvlgamma,
    **{f"polygamma.polygamma_n_{n}": polygamma for n in range(5)},
    "special.polygamma.special_polygamma_n_0": polygamma,
    **{f"special.{name}": same(name) for name in (
        "xlog1py", "entr", "ndtr", "ndtri", "log_ndtr", "i0e", "i1", "i1e", "erfcx", "zeta",
    )},
}
# fmt: on
