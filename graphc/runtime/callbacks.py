"""What emitted code calls as `gates.name`: functions of the user's in, intrinsics that call their
symbols out, and behind each symbol the function, compiled for C.

Kernels are compiled for a target of their own, which cannot call a function for Numba's own one but
by its address. Imported, and Numba with it, when the first such function is called.
"""
# mypy: allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from inspect import Parameter, Signature
from types import ModuleType, SimpleNamespace
from typing import Any

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.core.compiler import Flags
from numba.core.registry import cpu_target
from numba.core.targetconfig import ConfigStack
from numba.extending import intrinsic
from numba.np.numpy_support import as_dtype, from_dtype

from graphc.emit.text import GATE, GATES
from graphc.errors import GraphcError, UsageError
from graphc.gates.called import CALLED, Called
from graphc.runtime.sentences import first_line
from graphc.types import DTYPES, NAMES

_module = sys.modules.setdefault(GATES, ModuleType(GATES, "What emitted code calls as gates."))
vars(_module).setdefault("PLAIN", SimpleNamespace())
_compiled: dict[str, Any] = {}
"""The callbacks by their symbols, which must outlive all code that has their addresses."""


def offer(names: Iterable[str]) -> None:
    """Put what these functions are called through into the module, and their twins into PLAIN."""
    for name in names:
        called = CALLED.get(name)
        if called is not None and not hasattr(_module, name):
            off = numba.config.DISABLE_JIT  # type: ignore[attr-defined]
            setattr(vars(_module)["PLAIN"], name, called.plain)
            setattr(_module, name, called.plain if off else _intrinsic(called))


def ready(symbol: str) -> None:
    """Give a symbol its address. Raises UsageError (G604) where Numba cannot compile what is behind
    it for its element types, UsageError for a wrong number of gradient terms.

    Whoever calls holds the lock under which programs are loaded.
    """
    if symbol not in _compiled:
        name, *dtypes = symbol.removeprefix(GATE).split(".")
        called = CALLED[name]
        subject = called.subject(tuple(dtypes))
        try:
            with ConfigStack().enter(_flags()):
                _compiled[symbol] = _callback(called, dtypes)
        except GraphcError as error:
            raise error.about(subject) from None
        except Exception as error:
            told = ", ".join(dtypes)
            raise UsageError(
                f"Numba cannot compile it for {told}: {first_line(error)}",
                subject=subject,
                code="G604",
            ) from None
        llvm.add_symbol(symbol, _compiled[symbol].address)


# Calls by symbol


def _intrinsic(called: Called) -> Any:
    """What emitted code calls: numbers, or the sizes of a core and where its arrays begin."""
    sizes = called.core.letters if called.core else ()
    count = len(sizes) + called.takes

    def rule(typing: Any, *args: Any) -> Any:
        dtypes = _pointed(args[len(sizes) :]) if called.core else [_widest(args)]
        symbol = f"{GATE}{'.'.join([called.name, *dtypes])}"
        ready(symbol)
        number = from_dtype(DTYPES[dtypes[0]])
        array_call = types.void(*[types.int64] * len(sizes), *args[len(sizes) :])
        return array_call if called.core else number(*[number] * count), _calling(symbol)

    kind = Parameter.POSITIONAL_OR_KEYWORD
    parameters = [Parameter(f"a{n}", kind) for n in range(count)]
    rule.__signature__ = Signature([Parameter("typing", kind), *parameters])  # type: ignore[attr-defined]
    rule.__name__ = called.name
    return intrinsic(rule)


def _widest(args: Iterable[Any]) -> str:
    return "f64" if any(a != types.float32 for a in args) else "f32"


def _pointed(args: Iterable[Any]) -> list[str]:
    return [NAMES[as_dtype(a.dtype)] for a in args]


def _calling(symbol: str) -> Callable[..., Any]:
    """The code of a call: numbers are told to depend on numbers alone."""

    def build(context: Any, b: Any, signature: Any, values: Sequence[Any]) -> Any:
        returns = context.get_value_type(signature.return_type)
        fills = signature.return_type == types.void
        kind = ir.FunctionType(ir.VoidType() if fills else returns, [v.type for v in values])
        function = get_or_insert_function(b.module, kind, symbol)
        function.attributes.add("nounwind")
        if not fills:
            function.attributes.add("readnone")
        result = b.call(function, values)
        return context.get_dummy_value() if fills else result

    return build


# What is behind a symbol


def _flags() -> Flags:
    """What is handed on to the user's functions: Numba's own, not those of the kernel that is being
    compiled, which may divide by zero.
    """
    found = Flags()
    found.nrt = True  # type: ignore[assignment, misc]
    return found


def _callback(called: Called, dtypes: Sequence[str]) -> Any:
    """The function for these element types, as C calls it."""
    compiled = called.function
    if not hasattr(compiled, "py_func"):
        compiled = numba.njit(nogil=True, error_model="numpy")(compiled)
    kinds = [from_dtype(DTYPES[d]) for d in dtypes]
    if called.core is None:
        kinds = kinds * called.takes
        text = _of_numbers(called, _returned(compiled, kinds))
        return numba.cfunc(kinds[0](*kinds))(_written(text, compiled))
    sizes = [types.int64] * len(called.core.letters)
    places = [types.CPointer(kind) for kind in kinds]
    return numba.cfunc(types.void(*sizes, *places))(_written(_of_arrays(called), compiled))


def _returned(compiled: Any, kinds: Sequence[Any]) -> Any:
    """What a function returns; raises what Numba raises."""
    kind = types.Dispatcher(compiled)
    return cpu_target.typing_context.resolve_function_type(kind, tuple(kinds), {}).return_type


def _of_numbers(called: Called, returned: Any) -> str:
    """The text of a function of numbers that gives one; raises UsageError where it does not."""
    several = isinstance(returned, types.BaseTuple)
    called.check_terms(len(returned) if several else 1)
    picked = called.term[0] if called.term is not None and several else None
    number = returned if picked is None else returned[picked]
    if not isinstance(number, (types.Integer, types.Float, types.Boolean)):
        raise called.no_number(str(number))
    names = ", ".join(f"a{n}" for n in range(called.takes))
    part = "" if picked is None else f"[{picked}]"
    return f"def call({names}):\n    return function({names}){part}\n"


def _of_arrays(called: Called) -> str:
    """The text of a function of sizes and pointers that fills arrays."""
    core = called.core
    assert core is not None
    size = {letter: f"n{n}" for n, letter in enumerate(core.letters)}
    names = [f"a{n}" for n in range(called.takes)]
    axes = core.args + core.results
    shapes = [f"({', '.join(size[letter] for letter in each)},)" for each in axes]
    pairs = zip(names, shapes, strict=True)
    lines = [
        f"def call({', '.join([*size.values(), *(f'p_{name}' for name in names)])}):",
        *(f"    {name} = carray(p_{name}, {shape})" for name, shape in pairs),
        *(f"    {name}[:] = 0" for name in names[len(core.args) :]),
        f"    function({', '.join(names)})",
    ]
    return "\n".join([*lines, ""])


def _written(text: str, function: Any) -> Callable[..., Any]:
    """The function of a text of ours over one of the user's."""
    scope: dict[str, Any] = {"function": function, "carray": numba.carray}
    exec(compile(text, "<graphc callback>", "exec", dont_inherit=True), scope)
    made: Callable[..., Any] = scope["call"]
    return made
