"""Numba's target for kernels: the processor, without what flat loops over numbers never call.

Numba's own CPU target reads every implementation that it has, of strings, sets, linear algebra,
before it compiles its first function: see Note [Target].
"""
# mypy: allow-untyped-calls, allow-subclassing-any

from functools import cached_property, partial
from importlib import import_module
from typing import Any

from numba import jit
from numba.core import target_extension, typing
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.cpu import CPUContext
from numba.core.registry import CPUDispatcher, CPUTarget
from numba.core.runtime import rtsys

TARGET = f"{__name__}.{len(target_extension.target_registry)}"
"""Its name, which two preludes in one process do not share, nor one that is imported again."""

IMPLEMENTED = [f"numba.cpython.{name}" for name in ("builtins", "numbers", "rangeobj", "tupleobj")]
IMPLEMENTED += ["numba.np.arrayobj"]
REGISTERED = "numba.cpython.mathimpl"
"""Modules of Numba's whose import defines what is built in, and one with a registry of its own."""


class Typing(typing.Context):
    """Types of what Numba has built in, and of intrinsics."""

    def refresh(self) -> None:
        """Take what is new among what is built in, for this target."""
        with target_extension.target_override(TARGET):
            super().refresh()

    def load_additional_registries(self) -> None:
        """Nothing more: math, sets, lists and NumPy's functions stay away."""


class Library(JITCodeLibrary):
    """Code that LLVM's passes go over once, when all of an entry point is together."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


class Codegen(JITCPUCodegen):
    """Makes such libraries."""

    _library_class = Library


class Context(CPUContext):
    """Code of what Numba has built in, and of intrinsics."""

    def init(self) -> None:
        """Set up the code generator."""
        super().init()
        self._internal_codegen = Codegen("graphc.exec")

    def load_additional_registries(self) -> None:
        """Numbers, ranges, tuples, and arrays that come from Python."""
        rtsys.initialize(self)
        for name in IMPLEMENTED:
            import_module(name)
        self.install_registry(import_module(REGISTERED).registry)


class Target(CPUTarget):
    """The contexts, made when the first function is compiled."""

    @cached_property
    def _toplevel_typing_context(self) -> Typing:
        return Typing()

    @cached_property
    def _toplevel_target_context(self) -> Context:
        return Context(self.typing_context, TARGET)


class Dispatcher(CPUDispatcher):
    """Compiles for this target."""

    targetdescr = Target(TARGET)


class Kernels(target_extension.CPU):
    """The target's place among Numba's: what runs on a CPU runs here."""


target_extension.target_registry[TARGET] = Kernels
target_extension.dispatcher_registry[Kernels] = Dispatcher
target_extension.jit_registry[Kernels] = partial(jit, _target=TARGET)


# Note [Target]
#
# The CPU target of Numba imports linear algebra, strings, dictionaries, random numbers, and SciPy
# where it is installed, before it compiles anything: 0.3 s of 0.4. It also runs LLVM's passes over
# each function, then over each library, then a second time, cheaply, to find pairs of reference
# counts; kernels have none, and are only ever part of an entry point. A function for Numba's own
# target cannot be called from here, nor the other way round.
