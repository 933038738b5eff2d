"""Products of matrices, by the BLAS that NumPy brings along or by loops."""
# mypy: allow-untyped-calls, allow-untyped-decorators

import os
from glob import glob
from typing import Any

import llvmlite.binding as binding
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.cgutils import alloca_once_value, get_or_insert_function

from .jit import FLAGS, JIT_OFF, Builder, Rule, Type, Value, define, llvm, typed
from .memory import shift
from .numbers import select

# Products


def _openblas() -> str:
    """Load the OpenBLAS that NumPy's wheel brings along; its file's name, or none at all."""
    numpy = os.path.dirname(np.__file__)
    wheels = glob(os.path.join(numpy, os.pardir, "numpy.libs", "*openblas64_*"))
    for file in wheels + glob(os.path.join(numpy, ".dylibs", "*openblas64_*")):
        binding.load_library_permanently(file)
        if binding.address_of_symbol("scipy_sgemm_64_"):
            return os.path.basename(file)
    return ""


_FILE = "" if JIT_OFF or os.environ.get("GRAPHC_BLAS") == "none" else _openblas()
BLAS = f"OpenBLAS ({_FILE})" if _FILE else "NumPy" if JIT_OFF else "loops"


def _matrix(p: Any, rows: int, columns: int, stride: int) -> Any:
    strides = (stride * p.itemsize, p.itemsize)
    return np.ndarray((rows, columns), p.dtype, buffer=p, strides=strides)


def _fortran(b: Builder, name: str, *values: Value) -> None:
    """Call a routine of BLAS, every argument by reference; alpha tells the precision."""
    single = any(v.type == ir.FloatType() for v in values)
    places = [v if v.type.is_pointer else alloca_once_value(b, v) for v in values]
    kind = ir.FunctionType(ir.VoidType(), [place.type for place in places])
    symbol = f"scipy_{'s' if single else 'd'}{name}_64_"
    b.call(get_or_insert_function(b.module, kind, symbol), places)


def _blas(builder: Builder, *values: Value) -> None:
    """Ask BLAS, which counts down columns, for op(B)' op(A)'; a single row or column is gemv's."""
    ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc = values
    one, either = m.type(1), builder.select
    ta, tb = (builder.icmp_signed("!=", flag, flag.type(0)) for flag in (ta, tb))
    lda, ldb, ldc = (llvm("smax")(builder, stride, one) for stride in (lda, ldb, ldc))
    column, row = (builder.icmp_signed("==", size, one) for size in (n, m))
    thin = builder.and_(builder.or_(column, row), builder.icmp_signed(">", k, k.type(0)))

    def letter(transposed: Value) -> Value:
        return either(transposed, ir.IntType(8)(ord("T")), ir.IntType(8)(ord("N")))

    with builder.if_else(thin) as (vector, matrix):
        with vector:
            turned, length = either(column, builder.not_(ta), tb), either(column, m, n)
            shape = either(turned, k, length), either(turned, length, k)
            by, stride = either(column, a, b), either(column, lda, ldb)
            x = either(column, b, a), either(column, either(tb, one, ldb), either(ta, lda, one))
            y = c, either(column, ldc, one)
            _fortran(builder, "gemv", letter(turned), *shape, alpha, by, stride, *x, beta, *y)
        with matrix:
            letters, operands = (letter(tb), letter(ta)), (b, ldb, a, lda)
            _fortran(builder, "gemm", *letters, n, m, k, alpha, *operands, beta, c, ldc)


# fmt: off
def _blas_gemm(
    typing: Any, ta: Type, tb: Type, m: Type, n: Type, k: Type,
    alpha: Type, a: Type, lda: Type, b: Type, ldb: Type, beta: Type, c: Type, ldc: Type,
) -> Rule:
    size, scaled, onto = types.int64, (c.dtype, c, types.int64), (c, types.int64)
    return typed(types.void(size, size, size, size, size, *scaled, *onto, *scaled), _blas)


def _plain_gemm(
    ta: int, tb: int, m: int, n: int, k: int,
    alpha: Any, a: Any, lda: int, b: Any, ldb: int, beta: Any, c: Any, ldc: int,
) -> None:
    x = _matrix(a, k, m, lda).T if ta else _matrix(a, m, k, lda)
    y = _matrix(b, n, k, ldb).T if tb else _matrix(b, k, n, ldb)
    z = _matrix(c, m, n, ldc)
    z[:] = alpha * (x @ y) if beta == 0 else alpha * (x @ y) + beta * z


@njit(**FLAGS)
def _loops_gemm(
    ta: int, tb: int, m: int, n: int, k: int,
    alpha: Any, a: Any, lda: int, b: Any, ldb: int, beta: Any, c: Any, ldc: int,
) -> None:
    a_row, a_step = select(ta != 0, 1, lda), select(ta != 0, lda, 1)
    b_step, b_column = select(tb != 0, 1, ldb), select(tb != 0, ldb, 1)
    if n == 1:
        _loops(1, m, k, alpha, b, 0, b_step, a, a_step, a_row, beta, c, 0, ldc)
    else:
        _loops(m, n, k, alpha, a, a_row, a_step, b, b_step, b_column, beta, c, ldc, 1)


@njit(**FLAGS)
def _loops(
    m: int, n: int, k: int, alpha: Any, a: Any, a_row: int, a_step: int,
    b: Any, b_step: int, b_column: int, beta: Any, c: Any, c_row: int, c_column: int,
) -> None:
    """Add up rows of b into a row of c: the innermost loop is over neighbours where it can be."""
    for i in range(m):
        row = shift(c, i * c_row)
        for j in range(n):
            row[j * c_column] = select(beta == 0, beta, beta * row[j * c_column])
        for p in range(k):
            factor = alpha * a[i * a_row + p * a_step]
            line = shift(b, p * b_step)
            for j in range(n):
                row[j * c_column] += factor * line[j * b_column]


@njit(**FLAGS)
def _called_gemm(
    ta: int, tb: int, m: int, n: int, k: int,
    alpha: Any, a: Any, lda: int, b: Any, ldb: int, beta: Any, c: Any, ldc: int,
) -> None:
    """One function for all products of a module: written out at each, they compile slowly."""
    _gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
# fmt: on


# gemm(ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc); see Note [Products].
_gemm = define(_plain_gemm, "gemm")(_blas_gemm)
gemm = _loops_gemm if BLAS == "loops" else _gemm if JIT_OFF else _called_gemm


# Note [Products]
#
# C (m by n) becomes alpha op(A) op(B) + beta C, where op(A) is m by k: A itself, or its transpose
# if ta is 1. Rows are lda, ldb and ldc elements apart. C is not read where beta is 0, and overlaps
# neither A nor B. All numbers have one float type. OpenBLAS multiplies a single row or column by
# gemm ten times slower than by gemv (1 by 64 by 64: 3 us against 0.25), so that is what they get.
