"""The forms that many rows share: PyTorch's way of passing arguments -> NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..rows import Functions

Call = Callable[..., Any]


def same(name: str) -> Call:
    """The function of that name, with the arguments as they come."""
    return lambda m, *args, **kwargs: getattr(m, name)(*args, **kwargs)


def over(name: str) -> Call:
    """A reduction: `dim` is `axis`, `keepdim` is `keepdims`."""

    def call(m: Functions, x: Any, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> Any:
        x = typed(m, x, kwargs)
        return getattr(m, name)(x, axis=axes(x, dim), keepdims=keepdim, **kwargs)

    return call


def along(name: str) -> Call:
    """A function along one axis that keeps the shape."""

    def call(m: Functions, x: Any, dim: int = -1, **kwargs: Any) -> Any:
        x = typed(m, x, kwargs)
        return as_vector(m, x, lambda v: getattr(m, name)(v, axis=dim, **kwargs))

    return call


def as_vector(m: Functions, x: Any, call: Call) -> Any:
    """PyTorch gives a scalar the axes 0 and -1, those of a vector of one."""
    if x.ndim:
        return call(x)
    found = call(m.reshape(x, (1,)))
    return (
        tuple(m.reshape(y, ()) for y in found) if isinstance(found, tuple) else m.reshape(found, ())
    )


def axes(x: Any, dim: Any) -> Any:
    """The axes meant: None and an empty list for all; PyTorch gives a scalar the axes 0 and -1."""
    if dim is None or dim == [] or dim == ():
        return None
    given = tuple(dim) if isinstance(dim, (list, tuple)) else dim
    scalar = x.ndim == 0 and given in (0, -1, (0,), (-1,))
    return None if scalar else given


def typed(m: Functions, x: Any, kwargs: dict[str, Any]) -> Any:
    """The input in the element type that `dtype=` asks for."""
    dtype = kwargs.pop("dtype", None)
    return x if dtype is None else m.astype(x, dtype)


def to_bool(m: Functions, x: Any) -> Any:
    """Which elements are not zero: PyTorch's truth of a number."""
    return x if getattr(x, "dtype", None) == "bool" else m.not_equal(x, 0)


def ended(m: Functions, loss: Any, reduction: str) -> Any:
    """A loss by elements as one number, or as it is."""
    return loss if reduction == "none" else getattr(m, reduction)(loss)


def sizes(given: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given one by one or in a list."""
    return tuple(given[0]) if given and isinstance(given[0], (list, tuple)) else tuple(given)


def norm(m: Functions, x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    """The p-norm of vectors along axes."""
    return m.vector_norm(x, axis=axes(x, dim), keepdims=keepdim, ord=p)
