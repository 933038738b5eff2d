"""Reductions, running sums, order and statistics."""

from __future__ import annotations

from typing import Any

from ..rows import Functions, Rows
from .forms import along, as_vector, axes, over, to_bool, typed


def truth(name: str) -> Any:
    """any and all of numbers."""

    def call(m: Functions, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        return getattr(m, name)(to_bool(m, x), axis=axes(x, dim), keepdims=keepdim)

    return call


def extreme(name: str) -> Any:
    """An extreme of all elements, or along an axis with its position."""

    def call(m: Functions, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return getattr(m, name)(x)
        given = {"axis": axes(x, dim), "keepdims": keepdim}
        return getattr(m, name)(x, **given), getattr(m, f"arg{name}")(x, **given)

    return call


def position(name: str) -> Any:
    """Where the extreme is."""

    def call(m: Functions, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        return getattr(m, name)(x, axis=axes(x, dim), keepdims=keepdim)

    return call


def spread(name: str) -> Any:
    """var and std with all of PyTorch's ways to say the correction."""

    def call(
        m: Functions, x: Any, dim: Any = None, unbiased: bool = True, keepdim: bool = False,
        *, correction: Any = None,
    ) -> Any:  # fmt: skip
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        correction = int(unbiased) if correction is None else correction
        given = {"axis": axes(x, dim), "keepdims": keepdim, "correction": correction}
        return getattr(m, name)(x, **given)

    return call


def without_nan(name: str) -> Any:
    """A sum or a mean of what is a number."""

    def call(m: Functions, x: Any, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> Any:
        return getattr(m, name)(typed(m, x, kwargs), axis=axes(x, dim), keepdims=keepdim)

    return call


def count_nonzero(m: Functions, x: Any, dim: Any = None) -> Any:
    """How many elements are not zero."""
    return m.count_nonzero(x, axis=axes(x, dim))


def ordered(
    m: Functions, x: Any, dim: int = -1, descending: bool = False, stable: bool = True
) -> Any:
    """Sorted values and where they stood."""
    given = {"axis": dim, "descending": descending}
    return as_vector(m, x, lambda v: (m.sort(v, **given), m.argsort(v, **given)))


def argsort(
    m: Functions, x: Any, dim: int = -1, descending: bool = False, stable: bool = True
) -> Any:
    """Where the sorted elements stood."""
    return as_vector(m, x, lambda v: m.argsort(v, axis=dim, descending=descending))


def topk(
    m: Functions, x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> Any:  # fmt: skip
    """The k largest or smallest, and where they stood."""
    return as_vector(m, x, lambda v: m.topk(v, k, axis=dim, largest=largest))


def kthvalue(m: Functions, x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest, and where it stood."""
    return as_vector(m, x, lambda v: m.kthvalue(v, k, axis=dim, keepdims=keepdim))


def median(m: Functions, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The lower of two middle elements, which is PyTorch's median, and where it stood."""
    if dim is None:
        return m.sort(m.ravel(x))[(m.ravel(x).shape[0] - 1) // 2]
    n = x.shape[dim] if x.ndim else 1
    return kthvalue(m, x, (n + 1) // 2, dim, keepdim)


def quantiles(name: str) -> Any:
    """A quantile, or several along a new first axis."""

    def call(
        m: Functions, x: Any, q: Any, dim: Any = None, keepdim: bool = False,
        interpolation: str = "linear",
    ) -> Any:  # fmt: skip
        given = {"axis": axes(x, dim), "keepdims": keepdim, "method": interpolation}
        return getattr(m, name)(x, m.literal(q), **given)

    return call


def is_in(
    m: Functions, x: Any, among: Any, *, assume_unique: bool = False, invert: bool = False
) -> Any:  # fmt: skip
    """Whether elements are among others."""
    found = m.any(m.equal(m.expand_dims(x, -1), m.ravel(among)), axis=-1)
    return m.logical_not(found) if invert else found


def difference(
    m: Functions, x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None
) -> Any:  # fmt: skip
    """Differences of neighbours, n times."""
    return m.diff(x, n=n, axis=dim, prepend=prepend, append=append)


def area(m: Functions, y: Any, x: Any = None, *, dx: float = 1.0, dim: int = -1) -> Any:
    """The trapezoidal rule."""
    return m.trapezoid(y, x, dx, axis=dim)


def running_area(m: Functions, y: Any, x: Any = None, *, dx: float = 1.0, dim: int = -1) -> Any:
    """The trapezoidal rule up to every element."""
    return m.cumulative_sum(trapezia(m, y, x, dx, dim), axis=dim)


def trapezia(m: Functions, y: Any, x: Any, dx: float, dim: int) -> Any:
    """The areas between neighbours."""
    low, high = neighbours(y, dim)
    if x is None:
        return (low + high) * (dx / 2)
    left, right = neighbours(x, dim if x.ndim > 1 else 0)
    width = right - left
    if x.ndim == 1 and y.ndim > 1:
        width = m.reshape(width, (-1,) + (1,) * (y.ndim - 1 - dim % y.ndim))
    return (low + high) * width / 2


def neighbours(x: Any, dim: int) -> tuple[Any, Any]:
    """All elements along an axis but the last, and all but the first."""
    lead = (slice(None),) * (dim % x.ndim)
    return x[(*lead, slice(None, -1))], x[(*lead, slice(1, None))]


def search(
    m: Functions, edges: Any, values: Any, *, out_int32: bool = False, right: bool = False,
    side: Any = None, sorter: Any = None,
) -> Any:  # fmt: skip
    """Where values belong in sorted edges."""
    edges = edges if sorter is None else m.take_along_axis(edges, sorter, axis=-1)
    found = m.searchsorted(edges, values, side or ("right" if right else "left"))
    return m.astype(found, "int32") if out_int32 else found


def bucketize(m: Functions, x: Any, edges: Any, **kwargs: Any) -> Any:
    """`searchsorted`, the other way round; here PyTorch's right is NumPy's."""
    found = m.bucketize(x, edges, right=kwargs.get("right", False))
    return m.astype(found, "int32") if kwargs.get("out_int32") else found


def dist(m: Functions, x: Any, y: Any, p: Any = 2) -> Any:
    """The norm of a difference."""
    return m.vector_norm(x - y, ord=p)


def normed(
    m: Functions, x: Any, p: Any = None, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Any:  # fmt: skip
    """torch.norm: of vectors, unless it says nuc or fro."""
    x = x if dtype is None else m.astype(x, dtype)
    if p == "nuc":
        given = tuple(dim) if dim is not None else (0, 1)
        return m.matrix_norm(matrices_last(m, x, *given), ord="nuc", keepdims=keepdim)
    p = 2 if p in (None, "fro") else p
    return m.vector_norm(x, axis=axes(x, dim), keepdims=keepdim, ord=p)


def vector_norm(
    m: Functions, x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:  # fmt: skip
    """The norm of vectors."""
    x = x if dtype is None else m.astype(x, dtype)
    return m.vector_norm(x, axis=axes(x, dim), keepdims=keepdim, ord=ord)


def matrix_norm(
    m: Functions, x: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False,
    *, dtype: Any = None,
) -> Any:  # fmt: skip
    """The norm of matrices."""
    x = x if dtype is None else m.astype(x, dtype)
    a, b = (d % x.ndim for d in dim)
    found = m.matrix_norm(matrices_last(m, x, a, b), ord=ord)
    return m.expand_dims(found, (a, b)) if keepdim else found


def matrices_last(m: Functions, x: Any, first: int, second: int) -> Any:
    """x with two axes moved to the end."""
    a, b = first % x.ndim, second % x.ndim
    return m.permute_dims(x, (*(i for i in range(x.ndim) if i not in (a, b)), a, b))


def linalg_norm(
    m: Functions, x: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, **kwargs: Any
) -> Any:  # fmt: skip
    """The norm of a vector or a matrix, as `ord` and `dim` say."""
    if ord is None:
        flat = m.ravel(x) if dim is None and not keepdim else x
        return vector_norm(m, flat, 2, dim, keepdim, **kwargs)
    lone = isinstance(dim, int) or (dim is not None and len(dim) == 1) or x.ndim < 2
    if lone:
        return vector_norm(m, x, ord, dim, keepdim, **kwargs)
    return matrix_norm(m, x, ord, (-2, -1) if dim is None else dim, keepdim, **kwargs)


def both(m: Functions, x: Any, *, dim: Any = None, keepdim: bool = False) -> Any:
    """The two extremes."""
    return m.aminmax(x, axis=axes(x, dim), keepdims=keepdim)


def renorm(m: Functions, x: Any, p: Any, dim: int, most: float) -> Any:
    """Slices along an axis with a norm of `most` at most."""
    rest = tuple(i for i in range(x.ndim) if i != dim % x.ndim)
    size = m.vector_norm(x, axis=rest, keepdims=True, ord=p)
    return x * m.where(size > most, most / (size + 1e-7), 1.0)


def running(name: str) -> Any:
    """A running extreme and where it is."""
    return lambda m, x, dim: as_vector(m, x, lambda v: getattr(m, name)(v, axis=dim))


# fmt: off
ROWS: Rows = {
    "sum": over("sum"),
    "prod": over("prod"),
    "mean": over("mean"),
    "amax": over("max"),
    "amin": over("min"),
    "aminmax": both,
    "max.reduction_no_dim": extreme("max"),
    "min.reduction_no_dim": extreme("min"),
    "max.reduction_with_dim": extreme("max"),
    "min.reduction_with_dim": extreme("min"),
    "argmax": position("argmax"),
    "argmin": position("argmin"),
    "any": truth("any"),
    "all": truth("all"),
    "logsumexp": over("logsumexp"),
    "var": spread("var"),
    "var.unbiased": spread("var"),
    "std": spread("std"),
    "std.unbiased": spread("std"),
    "var_mean": spread("var_mean"),
    "var_mean.unbiased": spread("var_mean"),
    "std_mean": spread("std_mean"),
    "std_mean.unbiased": spread("std_mean"),
    "nansum": without_nan("nansum"),
    "nanmean": without_nan("nanmean"),
    "count_nonzero": count_nonzero,
    "cumsum": along("cumulative_sum"),
    "cumprod": along("cumulative_prod"),
    "cummax": running("cummax"),
    "cummin": running("cummin"),
    "logcumsumexp": along("logcumsumexp"),
    "sort": ordered,
    "msort": lambda m, x: as_vector(m, x, lambda v: m.sort(v, axis=0)),
    "argsort": argsort,
    "topk": topk,
    "kthvalue": kthvalue,
    "median": median,
    "quantile": quantiles("quantile"),
    "nanquantile": quantiles("nanquantile"),
    "diff": difference,
    "isin": is_in,
    "trapz": area,
    "trapezoid": area,
    "cumulative_trapezoid": running_area,
    "searchsorted": search,
    "bucketize": bucketize,
    "dist": dist,
    "norm": normed,
    "norm.fro": normed,
    "norm.inf": normed,
    "norm.nuc": normed,
    "renorm": renorm,
    "linalg.vector_norm": vector_norm,
    "linalg.matrix_norm": matrix_norm,
    "linalg.norm": linalg_norm,
}
# fmt: on
