"""What a value is: sizes, element types and shapes, and the two laws by which they combine
(NumPy's).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError

# fmt: off
DTYPES: dict[str, np.dtype[Any]] = {
    "f32": np.dtype("float32"), "f64": np.dtype("float64"),
    "i8": np.dtype("int8"), "i16": np.dtype("int16"), "i32": np.dtype("int32"), "i64": np.dtype("int64"),
    "u8": np.dtype("uint8"), "u16": np.dtype("uint16"), "u32": np.dtype("uint32"), "u64": np.dtype("uint64"),
    "bool": np.dtype("bool"),
}
# fmt: on
NAMES = {dtype: name for name, dtype in DTYPES.items()}
FLOATS = ("f32", "f64")

MOST_AXES = 64
"""As many as NumPy's arrays can have."""


@dataclass(frozen=True, slots=True)
class Size:
    """An affine expression of named sizes, `2*batch + 1`; one without names is a plain int, never
    a Size.
    """

    terms: tuple[tuple[str, int], ...]
    const: int = 0

    def __add__(self, other: Dim) -> Dim:
        return affine({**_terms(self)}, self.const, 1, other)

    __radd__ = __add__

    def __sub__(self, other: Dim) -> Dim:
        return affine({**_terms(self)}, self.const, -1, other)

    def __rsub__(self, other: Dim) -> Dim:
        return (self * -1) + other

    def __mul__(self, factor: int) -> Dim:
        return affine({name: c * factor for name, c in self.terms}, self.const * factor, 0, 0)

    __rmul__ = __mul__

    def __str__(self) -> str:
        parts = [name if c == 1 else f"{c}*{name}" for name, c in self.terms]
        parts += [str(self.const)] if self.const else []
        return "+".join(parts).replace("+-", "-")

    @property
    def names(self) -> tuple[str, ...]:
        """The named sizes it depends on."""
        return tuple(name for name, _ in self.terms)


Dim = int | Size


def _terms(dim: Dim) -> dict[str, int]:
    return dict(dim.terms) if isinstance(dim, Size) else {}


def affine(terms: dict[str, int], const: int, factor: int, other: Dim) -> Dim:
    """`terms + const + factor * other`, an int where no name is left."""
    for name, c in _terms(other).items():
        terms[name] = terms.get(name, 0) + factor * c
    const += factor * (other.const if isinstance(other, Size) else other)
    kept = tuple(sorted((name, c) for name, c in terms.items() if c))
    return Size(kept, const) if kept else const


def named(name: str) -> Size:
    """The size that a user calls `name`."""
    return Size(((name, 1),))


def dim_names(dim: Dim) -> tuple[str, ...]:
    """The named sizes that a size depends on."""
    return dim.names if isinstance(dim, Size) else ()


def bind(dim: Dim, sizes: Mapping[str, int]) -> int:
    """The integer that `dim` is when its names have these sizes."""
    if not isinstance(dim, Size):
        return dim
    return dim.const + sum(c * sizes[name] for name, c in dim.terms)


def bind_shape(shape: Iterable[Dim], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape in integers."""
    return tuple(bind(dim, sizes) for dim in shape)


def product(dims: Iterable[Dim]) -> Dim:
    """The product of sizes; raises ShapeError where it is not affine (batch * batch)."""
    dims = list(dims)
    if any(isinstance(d, int) and d == 0 for d in dims):
        return 0
    total: Dim = 1
    for dim in dims:
        if isinstance(total, Size) and isinstance(dim, Size):
            raise ShapeError(f"the size ({total}) * ({dim}) is not affine in the named sizes")
        total = dim * total if isinstance(total, int) else total * int(dim)  # type: ignore[arg-type]
    return total


@dataclass(frozen=True, slots=True)
class Type:
    """An element type and a shape; prints as `f32[batch,784]`. Raises ShapeError (G103) for more
    than 64 axes.
    """

    dtype: str
    shape: tuple[Dim, ...] = ()

    def __post_init__(self) -> None:
        if len(self.shape) > MOST_AXES:
            raise ShapeError(
                f"a shape of {len(self.shape)} axes is more than the {MOST_AXES} of NumPy's arrays",
                code="G103",
            )

    def __str__(self) -> str:
        return self.dtype + (f"[{','.join(map(str, self.shape))}]" if self.shape else "")

    @property
    def rank(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy dtype of its elements."""
        return DTYPES[self.dtype]

    @property
    def size(self) -> Dim:
        """How many elements it has."""
        return product(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether its elements are f32 or f64."""
        return self.dtype in FLOATS

    def names(self) -> set[str]:
        """The named sizes in its shape."""
        return {name for dim in self.shape if isinstance(dim, Size) for name in dim.names}

    def with_dtype(self, dtype: str) -> Type:
        """The same shape with other elements."""
        return Type(dtype, self.shape)


def dtype_name(dtype: Any) -> str:
    """The short name of an element type given in any spelling: "f32", "float32", np.float32, a
    dtype.

    Raises DTypeError for one that graphc has not (complex, float16, objects, text).
    """
    if isinstance(dtype, str) and dtype in DTYPES:
        return dtype
    try:
        return NAMES[np.dtype(dtype).newbyteorder("=")]
    except (TypeError, KeyError):
        known = ", ".join(DTYPES)
        raise DTypeError(
            f"{_spelled(dtype)} is not an element type of graphc", hint=f"one of {known}"
        ) from None


def _spelled(dtype: Any) -> str:
    return repr(dtype) if isinstance(dtype, str) else str(dtype)


_TYPE = re.compile(r"\s*(\w+)\s*(?:\[(.*)\])?\s*")
_FACTOR = r"(?:(\d+)\*)?([^\W\d]\w*|\d+)"
_TERM = re.compile(rf"([+-]?){_FACTOR}")
_SUM = re.compile(rf"-?{_FACTOR}(?:[+-]{_FACTOR})*")


def parse_type(text: str) -> Type:
    """Type from text such as "f32[batch,784]"; raises ShapeError or DTypeError."""
    match = _TYPE.fullmatch(text)
    if match is None:
        raise ShapeError(f"{text!r} is not a type", hint='write it as "f32[batch,784]"')
    dims = match[2].split(",") if match[2] and match[2].strip() else []
    return Type(dtype_name(match[1]), tuple(as_dim(d.strip()) for d in dims))


def as_dim(dim: Any) -> Dim:
    """A size from an integer, a name, or text such as "2*batch+1"; raises ShapeError."""
    if isinstance(dim, Size):
        return dim
    if isinstance(dim, str):
        return _parse_dim(re.sub(r"\s*([*+-])\s*", r"\1", dim.strip()))
    if isinstance(dim, (int, np.integer)) and not isinstance(dim, bool) and dim >= 0:
        return int(dim)
    raise ShapeError(
        f"{dim!r} is not a size", hint="a size is an integer from 0 up or a name such as 'batch'"
    )


def _parse_dim(text: str) -> Dim:
    total: Dim = 0
    if not _SUM.fullmatch(text):
        raise ShapeError(
            f"{text!r} is not a size", hint="a size is an integer, a name, or like '2*batch+1'"
        )
    for sign, factor, atom in _TERM.findall(text):
        term: Dim = int(atom) if atom.isdigit() else named(atom)
        total = total + term * ((-1 if sign == "-" else 1) * int(factor or 1))
    return total


def as_shape(shape: Any) -> tuple[Dim, ...]:
    """A shape from a tuple or list of sizes, or one size; raises ShapeError."""
    dims = (shape,) if isinstance(shape, (int, str, Size, np.integer)) else tuple(shape)
    return tuple(as_dim(d) for d in dims)


def shape_text(shape: Sequence[Dim]) -> str:
    """A shape as Python writes a tuple, names bare: (batch, 784)."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


@lru_cache(maxsize=4096)
def broadcast(*shapes: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """The shape that NumPy's broadcasting gives; raises ShapeError that names the axis."""
    rank = max(map(len, shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(_joined(axis, dims, shapes) for axis, dims in enumerate(zip(*padded, strict=True)))


def _joined(axis: int, dims: tuple[Dim, ...], shapes: tuple[tuple[Dim, ...], ...]) -> Dim:
    wide = [d for d in dims if d != 1]
    if any(d != wide[0] for d in wide):
        other = next(d for d in wide if d != wide[0])
        texts = " and ".join(shape_text(s) for s in dict.fromkeys(shapes))
        raise ShapeError(
            f"{texts} do not broadcast at axis {axis} ({wide[0]} vs {other})", code="G102"
        )
    return wide[0] if wide else 1


@lru_cache(maxsize=4096)
def promote(*dtypes: str) -> str:
    """The element type that NumPy's promotion gives; uint64 with a signed integer gives f64, as
    there.
    """
    return NAMES[np.result_type(*(DTYPES[d] for d in dtypes))]


@lru_cache(maxsize=64)
def floating(dtype: str) -> str:
    """The float type in which a function such as exp answers for this type: NumPy's, f32 in place
    of f16.
    """
    return dtype if dtype in FLOATS else ("f32" if DTYPES[dtype].itemsize <= 2 else "f64")
