"""Attribute values as text that a person can write, and back: `2`, `(batch, 784)`, `normal(0.1)`.

Reading inverts writing exactly. Text is parsed as Python's literals with a table of constructors
and is never run; what is no such literal is a string.
"""

from __future__ import annotations

import ast
import math
import warnings
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import numpy as np

import graphc.init
from graphc.errors import GraphcError, UsageError
from graphc.init import KINDS, Init
from graphc.types import Size, Type, as_dim, dtype_name, parse_type

WORDS = {
    "true": True,
    "false": False,
    "none": None,
    "inf": math.inf,
    "nan": math.nan,
    "True": True,
    "False": False,
}
READABLE = 16


class _ForeignError(Exception):
    """The text is not a literal of this language."""


# Reading


def read(text: str) -> Any:
    """The value that the text stands for; the text itself where it is no literal."""
    try:
        tree = _parsed(text)
        return text if isinstance(tree, ast.Name) and tree.id not in WORDS else _value(tree)
    except (
        _ForeignError,
        SyntaxError,
        ValueError,
        TypeError,
        RecursionError,
        MemoryError,
        GraphcError,
    ):
        return text


def _parsed(text: str) -> ast.expr:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text.strip(), mode="eval").body


def _value(tree: ast.AST) -> Any:
    if type(tree) not in READERS:
        raise _ForeignError
    return READERS[type(tree)](tree)


def _constant(tree: ast.Constant) -> Any:
    if isinstance(tree.value, (bytes, complex)):
        raise _ForeignError
    return tree.value


def _name(tree: ast.Name) -> Any:
    return WORDS[tree.id] if tree.id in WORDS else as_dim(tree.id)


def _negated(tree: ast.UnaryOp) -> Any:
    number = _value(tree.operand)
    if (
        not isinstance(tree.op, ast.USub)
        or isinstance(number, bool)
        or not isinstance(number, (int, float))
    ):
        raise _ForeignError
    return -number


def _called(tree: ast.Call) -> Any:
    if not isinstance(tree.func, ast.Name) or tree.func.id not in MAKERS:
        raise _ForeignError
    named = {str(k.arg): _value(k.value) for k in tree.keywords}
    return MAKERS[tree.func.id](*map(_value, tree.args), **named)


def _items(tree: Any) -> tuple[Any, ...]:
    return tuple(map(_value, tree.elts))


READERS: dict[type, Callable[[Any], Any]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.BinOp: lambda tree: as_dim(ast.unparse(tree)),
    ast.UnaryOp: _negated,
    ast.Tuple: _items,
    ast.List: _items,
    ast.Call: _called,
}


def _array(dtype: str, shape: Any, data: str) -> np.ndarray:
    little = Type(dtype).numpy.newbyteorder("<")
    return np.frombuffer(b64decode(data), little).astype(Type(dtype).numpy).reshape(shape)


def _scalar(dtype: str, data: str) -> Any:
    return _array(dtype, (), data)[()]


MAKERS: dict[str, Callable[..., Any]] = {
    "size": as_dim,
    "type": parse_type,
    "slice": slice,
    "array": _array,
    "scalar": _scalar,
    **{kind: getattr(graphc.init, kind) for kind in KINDS if kind != "array"},
    "values": graphc.init.array,
}
"""What a call in the text may name."""


# Writing


def write(value: Any) -> str:
    """The text that `read` takes back to the same value.

    Raises UsageError for what has no text, such as a function.
    """
    if isinstance(value, Size):
        return _quoted(value)
    return value if isinstance(value, str) and _is_plain(value) else _inner(value)


def _is_plain(text: str) -> bool:
    """Whether a string may stand without quotes: no literal, and no file format loses any of it."""
    return text.isprintable() and text == text.strip() != "" and _is(read(text), text)


def _inner(value: Any) -> str:
    writer = next((WRITERS[kind] for kind in type(value).__mro__ if kind in WRITERS), None)
    if writer is None:
        raise UsageError(f"a value of type {type(value).__name__} cannot be written as text")
    return writer(value)


def _sequence(values: tuple[Any, ...]) -> str:
    return f"({', '.join(map(_inner, values))}{',' if len(values) == 1 else ''})"


def _size(dim: Size) -> str:
    """Bare where a name or a sum reads back as this size, which `true` and `inf` do not."""
    return str(dim) if _is(read(f"({dim},)"), (dim,)) else _quoted(dim)


def _quoted(dim: Size) -> str:
    return f"size({str(dim)!a})"


def _call(name: str, *args: Any) -> str:
    return f"{name}({', '.join(map(_inner, args))})"


def _bits(array: np.ndarray) -> str:
    little = array.astype(array.dtype.newbyteorder("<"))
    return b64encode(little.tobytes()).decode()


def _init(value: Init) -> str:
    if value.kind == "array":
        return f"values({write_array(value.args[0])})"
    return _call(value.kind, *value.args)


WRITERS: dict[type, Callable[[Any], str]] = {
    str: ascii,
    bool: repr,
    int: repr,
    float: repr,
    type(None): repr,
    type(...): lambda value: "...",
    tuple: _sequence,
    list: lambda value: _sequence(tuple(value)),
    Size: _size,
    Type: lambda value: f"type({str(value)!a})",
    slice: lambda value: _call("slice", value.start, value.stop, value.step),
    Init: lambda value: _init(value),
    np.generic: lambda value: _call("scalar", dtype_name(value.dtype), _bits(np.asarray(value))),
    np.ndarray: lambda value: _call("array", dtype_name(value.dtype), value.shape, _bits(value)),
}


def _is(a: Any, b: Any) -> bool:
    """Equal to the last bit and type: 1 is not 1.0, nor 0.0 -0.0."""
    return type(a) is type(b) and repr(a) == repr(b)


# Arrays of numbers, as a graph's constants are


def write_array(array: np.ndarray) -> str:
    """A few numbers as Python writes them where that keeps every bit, else base64."""
    plain = _sequence_text(array) if array.size <= READABLE else ""
    try:
        same = bool(plain) and _same_bits(read_array(plain, array.dtype), array)
    except (ValueError, OverflowError):
        same = False
    return plain if same else _inner(array)


def _sequence_text(array: np.ndarray) -> str:
    if array.ndim == 0:
        return str(array[()])
    rows = [_sequence_text(row) for row in array]
    return f"({', '.join(rows)}{',' if len(rows) == 1 else ''})"


def _same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def read_array(text: Any, dtype: Any = None) -> np.ndarray:
    """The array of numbers that the text stands for; raises ValueError where it is none."""
    found = np.array(read(text) if isinstance(text, str) else text, dtype)
    dtype_name(found.dtype)
    return found


# Types of several results


def write_types(types: tuple[Type, ...]) -> str:
    """`f32[batch,10]`, or `f32[3]; i64[3]` for several results."""
    return "; ".join(map(str, types))


def as_type(value: Any) -> Type:
    """A Type, or its text; raises ShapeError or DTypeError."""
    return value if isinstance(value, Type) else parse_type(str(value))
