"""How LAPACK is called, the one that NumPy brings along, and what it is called for.

Matrices lie row by row; see Note [Rows and columns].
"""
# mypy: allow-untyped-calls, allow-untyped-decorators

from inspect import Parameter, Signature
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.cgutils import alloca_once_value, get_or_insert_function
from numba.extending import intrinsic

from .alone import alone
from .factors import NAN
from .jit import FLAGS, JIT_OFF, PLAIN, Builder, Plain, Rule, Type, Value, typed
from .products import BLAS

# How LAPACK is called

LETTERS = "side", "uplo", "trans", "diag", "job"
L, N, R, S, T, U, V, A = map(ord, "LNRSTUVA")


def lapack(name: str, takes: str) -> Plain:
    """The intrinsic that calls a routine with these arguments: numbers and letters by reference,
    pointers as they are. `one` and `info` are made here; info is what comes back.
    """
    words = takes.split()

    def rule(typing: Any, *args: Type) -> Rule:
        kinds = (a if isinstance(a, types.CPointer) else types.int64 for a in args)
        return typed(types.int64(*kinds), lambda b, *values: _call(b, name, words, values))

    parameters = ["typing", *(w for w in words if w not in ("one", "info"))]
    kind = Parameter.POSITIONAL_OR_KEYWORD
    rule.__signature__ = Signature([Parameter(p, kind) for p in parameters])  # type: ignore[attr-defined]
    rule.__name__ = name
    made: Plain = intrinsic(rule)
    return made


def _call(b: Builder, name: str, words: list[str], values: tuple[Value, ...]) -> Value:
    given, info = iter(values), alloca_once_value(b, ir.IntType(64)(0))
    floats = (ir.FloatType(), ir.DoubleType())
    element = next(v.type.pointee for v in values if v.type.is_pointer and v.type.pointee in floats)
    places = []
    for word in words:
        value = info if word == "info" else element(1) if word == "one" else next(given)
        value = b.trunc(value, ir.IntType(8)) if word in LETTERS else value
        places.append(value if value.type.is_pointer else alloca_once_value(b, value))
    kind = ir.FunctionType(ir.VoidType(), [place.type for place in places])
    symbol = f"scipy_{'s' if element == floats[0] else 'd'}{name}_64_"
    with alone(b):
        b.call(get_or_insert_function(b.module, kind, symbol), places)
    return b.load(info)


potrf = lapack("potrf", "uplo n a lda info")
getrf = lapack("getrf", "m n a lda pivots info")
trsm = lapack("trsm", "side uplo trans diag m n one a lda b ldb")
syevd = lapack("syevd", "job uplo n a lda w work lwork iwork liwork info")
gelqf = lapack("gelqf", "m n a lda tau work lwork info")
orglq = lapack("orglq", "m n k a lda tau work lwork info")
gesdd = lapack("gesdd", "job m n a lda s u ldu v ldv work lwork iwork info")


def _room_of(typing: Any, scratch: Type, offset: Type, like: Type) -> Rule:
    """room_of(scratch, offset, like): elements of the type of `like` from a byte offset on."""

    def build(b: Builder, scratch: Value, offset: Value, like: Value) -> Value:
        return b.bitcast(b.gep(scratch, [offset], inbounds=True), like.type)

    return typed(like(scratch, types.int64, like), build)


room_of: Plain = intrinsic(_room_of)


@njit(**FLAGS)
def transpose(rows: int, columns: int, x: Any, y: Any) -> None:
    """y becomes the transpose of x, which has so many rows."""
    for i in range(rows):
        for j in range(columns):
            y[j * rows + i] = x[i * columns + j]


# What is offered


def offered(name: str, plain: Plain, lapack: Plain, loops: Plain) -> Plain:
    """The function that is there for this name; its twin is known by it."""
    PLAIN[name] = plain
    return plain if JIT_OFF else loops if BLAS == "loops" else lapack


# What NumPy says


def view(p: Any, *shape: int) -> Any:
    """An array of this shape in the memory that begins at p."""
    return p[: int(np.prod(shape))].reshape(shape)


def store_found(results: tuple[Any, ...], function: Any, *args: Any) -> None:
    """What a function of NumPy's gives goes to the results, NaN where it fails."""
    try:
        found = function(*args)
    except np.linalg.LinAlgError:
        found = (NAN,) * len(results)
    for result, value in zip(results, found, strict=True):
        result[...] = value


# Note [Rows and columns]
#
# LAPACK's matrices lie column by column: what is a matrix here is its transpose there. That costs
# nothing where the transpose serves as well: the upper triangle there is the lower one here; LU of
# the transpose solves equations as LU does; LQ of it is QR; X T = B is T^T X^T = B^T. Eigenvectors
# and singular vectors are exchanged in memory, though, so that their signs are those that NumPy
# gives. How much scratch is wanted: graphc.ops.linalg.factor.
