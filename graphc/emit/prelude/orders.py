"""multiply: a product of matrices with literal shapes, one LLVM function for each kind of call,
which programs share.
"""
# mypy: allow-untyped-calls, allow-untyped-decorators

from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from .blocks import multiply_into
from .cuts import Machine, Order, Product, host
from .jit import JIT_OFF, PLAIN, Builder, Plain, Rule, Type, Value
from .objects import shared
from .products import _plain_gemm
from .tiles import Matrix

HOST = host()


def _known(kind: Type) -> int | None:
    """A literal's value."""
    value: int | None = getattr(kind, "literal_value", None)
    return value


NAMES = ["ta", "tb", "m", "n", "k", "alpha", "a", "lda", "b", "ldb", "beta", "c", "ldc", "panel"]
NAMES += ["depth", "rows"]
LITERAL = {"ta", "tb", "lda", "ldb", "ldc", "depth", "rows"}
MAY_BE_LITERAL = {"m", "n", "k", "alpha", "beta"}


def _order(kinds: tuple[Type, ...], **rest: Any) -> Order:
    """What the types of a call's arguments say."""
    known = {name: _known(kind) for name, kind in zip(NAMES, kinds, strict=True)}
    if any(known[name] is None for name in LITERAL):
        raise TypeError("flags, strides and the sizes of blocks are literal")
    words: dict[str, Any] = {name: known[name] for name in LITERAL | MAY_BE_LITERAL}
    double = kinds[NAMES.index("c")].dtype == types.float64
    return Order(**words, **rest, double=double)


def _product(order: Order, values: tuple[Value, ...]) -> Product:
    """The product that a function's arguments are; of a column it is the transposes'."""
    a, b, c, panel, alpha, beta, m, n, k = values
    left, right = Matrix(a, order.lda, 1), Matrix(b, order.ldb, 1)
    product = Product(
        left.turned if order.ta else left,
        right.turned if order.tb else right,
        Matrix(c, order.ldc, 1),
        _first(order.m, m),
        _first(order.n, n),
        _first(order.k, k),
        _first(order.alpha, alpha),
        _first(order.beta, beta),
        panel,
        order,
    )
    return product.turned if order.n == 1 and order.m != 1 else product


def _first(known: int | None, value: Value) -> Value:
    return value if known is None else known


def tile(order: Order) -> str:
    """The name of the function that makes all such products."""
    return shared(order.name, partial(tile_module, order))


def tile_module(order: Order, name: str) -> ir.Module:
    """LLVM code of a function that makes all such products."""
    module = ir.Module(name)
    function = ir.Function(module, _kind(order), name)
    # optsize: loops are unrolled and vectorised as far as they should be
    for attribute in ("nounwind", "optsize"):
        function.attributes.add(attribute)
    if order.machine.width == 64:  # or LLVM may halve the vectors
        set.add(function.attributes, '"min-legal-vector-width"="512"')
    b = ir.IRBuilder(function.append_basic_block("entry"))
    multiply_into(b, _product(order, function.args))
    b.ret_void()
    return module


def _kind(order: Order) -> Any:
    """A function of A, B, C, scratch, alpha, beta, m, n, k."""
    number, size = order.element, ir.IntType(64)
    return ir.FunctionType(ir.VoidType(), [number.as_pointer()] * 4 + [number] * 2 + [size] * 3)


def _called(order: Order) -> Any:
    """The code of a call."""
    name = tile(order)

    def codegen(context: Any, b: Builder, signature: Any, values: list[Value]) -> Value:
        _, _, m, n, k, alpha, a, _, at_b, _, beta, c, _, panel, _, _ = values
        number = order.element
        factors = [
            x if known is None else ir.Constant(number, float(known))
            for x, known in ((alpha, order.alpha), (beta, order.beta))
        ]
        none = ir.Constant(number.as_pointer(), None)
        scratch = b.bitcast(panel, number.as_pointer()) if panel.type.is_pointer else none
        function = get_or_insert_function(b.module, _kind(order), name)
        function.attributes.add("nounwind")
        b.call(function, [a, at_b, c, scratch, *factors, m, n, k])
        return context.get_dummy_value()

    return codegen


def _taken(kinds: tuple[Type, ...], order: Order) -> tuple[Type, ...]:
    """The types that arguments are cast to: literals stay, other numbers are converted."""
    size, number = types.int64, types.float64 if order.double else types.float32
    wanted = [size] * 5 + [number, None, size, None, size, number, None, size, None, size, size]
    return tuple(
        kind if want is None or _known(kind) is not None else want
        for kind, want in zip(kinds, wanted, strict=True)
    )


# fmt: off
def multiplier(machine: Machine) -> Plain:
    """The intrinsic multiply for a machine; see Note [Multiply]."""
    def multiply(
        typing: Any, ta: Type, tb: Type, m: Type, n: Type, k: Type, alpha: Type, a: Type, lda: Type,
        b: Type, ldb: Type, beta: Type, c: Type, ldc: Type, panel: Type, depth: Type, rows: Type,
    ) -> Rule:
        kinds = (ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, panel, depth, rows)
        order = _order(kinds, machine=machine)
        return types.void(*_taken(kinds, order)), _called(order)

    return intrinsic(prefer_literal=True)(multiply)


def _plain_multiply(
    ta: int, tb: int, m: int, n: int, k: int, alpha: Any, a: Any, lda: int,
    b: Any, ldb: int, beta: Any, c: Any, ldc: int, panel: Any, depth: int, rows: int,
) -> None:
    _plain_gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
# fmt: on


PLAIN |= {"multiply": _plain_multiply}
multiply = _plain_multiply if JIT_OFF else multiplier(HOST)


# Note [Multiply]
#
# multiply(ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc, panel, depth, rows) does what gemm
# does: see Note [Products]. Flags, strides, depth and rows are literal; so are sizes, where they
# are known, and factors, where they are 0 or 1. `depth`, if it is not 0: panels of B are copied to
# `panel`, so deep at a time, their rows side by side. `rows`, if it is not 0, with depth: so many
# rows of A are copied behind them.
# Equal calls share one function, in all programs: see Note [Objects].
