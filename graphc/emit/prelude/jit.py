"""How functions are compiled, and how an intrinsic stands beside its plain twin."""
# mypy: allow-untyped-calls, allow-untyped-decorators

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir
from numba import config
from numba.core import typed_passes, untyped_passes
from numba.core.cgutils import get_or_insert_function
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager, register_pass
from numba.extending import intrinsic

from .objects import ready
from .target import TARGET

Type: TypeAlias = Any  # of Numba's
Builder: TypeAlias = Any  # of LLVM's, as its values
Value: TypeAlias = Any
Build = Callable[..., Value]  # from a builder and values
Rule = tuple[Any, Build]
Plain = Callable[..., Any]

PLAIN: dict[str, Any] = {}


class Lean(CompilerBase):
    """Numba's pipeline without what flat loops do not need; see Note [Lean]."""

    def define_pipelines(self) -> list[PassManager]:
        """One pipeline, from bytecode to machine code."""
        return [_pipeline("lean", Entered)]


@register_pass(mutates_CFG=True, analysis_only=False)
class Entered(typed_passes.NativeLowering):
    """Code that Python calls: it is linked at once, to shared functions too."""

    _name = "lowering_to_be_called"

    def run_pass(self, state: Any) -> bool:
        """Lower a function whose callees have addresses."""
        ready()
        return bool(super().run_pass(state))


@register_pass(mutates_CFG=True, analysis_only=False)
class Linked(typed_passes.NativeLowering):
    """Code that is only ever part of other code: optimised and made machine code there; see Note
    [Lean].
    """

    _name = "lowering_to_be_linked"

    def run_pass(self, state: Any) -> bool:
        """Lower a function, and let callers link what came out."""
        state.library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
        state.library._optimize_final_module = lambda: None
        state.library._finalize_final_module = partial(setattr, state.library, "_finalized", True)
        state.flags.no_compile = True
        super().run_pass(state)
        nobody: Any = [].append  # Numba wants a builtin function, and one for each
        state.targetctx.insert_user_function(nobody, state.cr.fndesc, [state.library])
        state.cr = state.cr._replace(cfunc=nobody)
        return True


class LeanKernel(CompilerBase):
    """The same pipeline for functions that Python does not call."""

    def define_pipelines(self) -> list[PassManager]:
        """One pipeline, from bytecode to code to be linked."""
        return [_pipeline("lean kernel", Linked)]


def _pipeline(name: str, lowering: type) -> PassManager:
    pipeline = PassManager(name)
    for each in (*PASSES, lowering, typed_passes.NoPythonBackend):
        pipeline.add_pass(each, each.__name__)
    pipeline.finalize()
    return pipeline


# fmt: off
PASSES: tuple[type, ...] = (
    untyped_passes.TranslateByteCode, untyped_passes.FixupArgs, untyped_passes.IRProcessing,
    typed_passes.NopythonTypeInference, typed_passes.PreLowerStripPhis, typed_passes.IRLegalization,
    typed_passes.AnnotateTypes,
)
# fmt: on
FLAGS: dict[str, Any] = dict(nogil=True, error_model="numpy", fastmath={"contract", "arcp"})
FLAGS |= dict(pipeline_class=Lean, no_cfunc_wrapper=True, _target=TARGET)
KERNEL = FLAGS | dict(pipeline_class=LeanKernel, no_cpython_wrapper=True)
JIT_OFF: bool = config.DISABLE_JIT  # type: ignore[attr-defined]


def define(plain: Plain, name: str | None = None) -> Callable[[Callable[..., Rule]], Plain]:
    """Make an intrinsic of the rule that types and builds it, or its twin if the JIT is off."""

    def decorate(rule: Callable[..., Rule]) -> Plain:
        rule.__name__ = name or rule.__name__
        PLAIN[rule.__name__] = plain
        return plain if JIT_OFF else intrinsic(rule)

    return decorate


def typed(signature: Any, build: Build) -> Rule:
    """What a rule returns: the signature that arguments are cast to, and the code behind it."""

    def codegen(context: Any, builder: Builder, _: Any, values: list[Value]) -> Value:
        result = build(builder, *values)
        return context.get_dummy_value() if result is None else result

    return signature, codegen


# Element types, called as casts: f32(0), i64(t[i])

f32, f64 = np.float32, np.float64
i8, i16, i32, i64 = np.int8, np.int16, np.int32, np.int64
u8, u16, u32, u64 = np.uint8, np.uint16, np.uint32, np.uint64
boolean = np.bool_


# Code that is called


def external(b: Builder, name: str, *values: Value) -> Value:
    """A call of a pure function of numbers of one type."""
    kind = ir.FunctionType(values[0].type, [v.type for v in values])
    function = get_or_insert_function(b.module, kind, name)
    function.attributes.add("nounwind")
    function.attributes.add("readnone")
    return b.call(function, values)


def libm(name: str) -> Build:
    """A function of the C library, float32 in its own precision; lane by lane for a vector."""
    names = {ir.FloatType(): name + "f", ir.DoubleType(): name}

    def build(b: Builder, *values: Value) -> Value:
        return lanewise(b, lambda *each: external(b, names[each[0].type], *each), *values)

    return build


def llvm(name: str) -> Build:
    """What the processor has, or LLVM builds from what it has."""
    return lambda b, *values: external(b, f"llvm.{name}.{_suffix(values[0].type)}", *values)


def _suffix(kind: Any) -> str:
    """How LLVM's intrinsics call a type: f32, v8f32."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{kind.element.intrinsic_name}"
    name: str = kind.intrinsic_name
    return name


def constant(kind: Any, value: Any) -> Value:
    """A number of this type, in every lane of a vector."""
    if isinstance(kind, ir.VectorType):
        return ir.Constant(kind, [ir.Constant(kind.element, value)] * kind.count)
    return ir.Constant(kind, value)


def lanewise(b: Builder, build: Build, *values: Value) -> Value:
    """What a function of scalars gives, lane by lane for vectors."""
    kind = values[0].type
    if not isinstance(kind, ir.VectorType):
        return build(*values)
    result = None
    for n in range(kind.count):
        lane = ir.Constant(ir.IntType(32), n)
        each = build(*(b.extract_element(v, lane) for v in values))
        start = ir.Constant(ir.VectorType(each.type, kind.count), ir.Undefined)
        result = b.insert_element(start if result is None else result, each, lane)
    return result


# Note [Lean]
#
# The pipeline has no rewriting before types are known: no raise, assert, comprehension or closure
# compiles. It has no SSA form: a variable that a loop gives two types silently has the wider one,
# so `s = 0.0` before `s += x[i]` makes s a float64; start from f32(0). Literals are i64 and f64:
# x * 2 is f64 for an f32 x, i32 + i32 is i64, while the plain twins keep NumPy's types; cast, or
# take constants from the module's globals, which compiles a fifth faster than f32(2) in a loop.
# Negate a bool as `c ^ True`: ~ of a Python bool is an integer. An index of a pointer is neither
# checked nor wrapped around. A nest of two loops with five statements takes about 50 ms to compile,
# in a function with 80 of them too; sharing names between loops and ternaries cost nothing more.
# Numba optimises a function and makes machine code of it, then links it into its callers, where
# LLVM does all of that again. Kernels are called by their doors only, so theirs is left out: no
# engine gets them, which would look for shared functions that are still being made.
