"""Object code that Numba made in, a callable out, without importing Numba.

Every object gets an LLVM engine of its own, so symbols of two objects never meet.  An object is
only given to the engine if each symbol it needs has an address: LLVM ends the process otherwise.
"""

from __future__ import annotations

import builtins
import ctypes
import json
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from graphc.emit.text import GATE
from graphc.runtime import tiles

METH_VARARGS_AND_KEYWORDS = 1 | 2

# Symbol prefix and the extension module of Numba's whose `c_helpers` have the addresses.
HELPERS = (
    ("NRT_", "numba.core.runtime._nrt_python"),
    ("numba_", "numba._helperlib"),
)

_lock = threading.Lock()
_told: set[str] = set()  # what LLVM's symbol table has been told of already
_tiles: list[Any] = []  # engines whose code stays


@dataclass(frozen=True)
class Object:
    """Machine code of one entry point, and what it takes to call it."""

    key: str
    name: str
    wrapper: str  # the symbol that Python calls
    native: str  # the symbol behind it
    environments: tuple[str, ...]  # variables that must point to a Numba environment
    needs: tuple[str, ...]  # symbols defined elsewhere
    code: bytes

    def pack(self) -> bytes:
        """Write everything but the code as one line of JSON, then the code."""
        facts = {field: value for field, value in vars(self).items() if field != "code"}
        return json.dumps(facts).encode() + b"\n" + self.code

    @classmethod
    def unpack(cls, content: bytes) -> Object:
        """Read what `pack` wrote; anything else raises ValueError, KeyError or TypeError."""
        line, _, code = content.partition(b"\n")
        facts = json.loads(line)
        facts |= {field: tuple(facts[field]) for field in ("environments", "needs")}
        return cls(**facts, code=code)


@dataclass(frozen=True)
class Linked:
    """A compiled function: what Python calls, and the address of the machine code behind it."""

    function: Callable[..., Any]
    address: int = 0


class _Environment:
    """Stands for Numba's Environment, whose layout it has: CPython sorts slots by name."""

    __slots__ = ("a_globals", "b_consts")

    def __init__(self) -> None:
        self.a_globals: dict[str, Any] = {}
        self.b_consts: list[Any] = []


class _MethodDef(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


@dataclass(frozen=True)
class _Alive:
    """What must outlive the callable; it is the callable's `__self__`."""

    engine: Any
    environment: _Environment
    method: _MethodDef


def harvest(key: str, result: Any) -> Object | None:
    """Take the object code from Numba's CompileResult, or None where it would not run elsewhere.

    It would not where it holds addresses or Python objects of this process, as code that returns
    arrays does; scalars and tuples of them are returned without.
    """
    module = result.library._final_module
    environments = _environments(module)
    if result.objectmode or result.reload_init or result.library.has_dynamic_globals:
        return None
    if any(_has_constants(symbol) for symbol in environments):
        return None
    outside = [v.name for v in (*module.functions, *module.global_variables) if v.is_declaration]
    return Object(
        key=key,
        name=result.fndesc.qualname,
        wrapper=result.fndesc.llvm_cpython_wrapper_name,
        native=result.fndesc.llvm_func_name,
        environments=environments,
        needs=tuple(name for name in outside if not name.startswith("llvm.")),
        code=result.library._get_compiled_object(),
    )


def link(stored: Object, libraries: Iterable[str] = ()) -> Linked | None:
    """Make a callable of object code, or None where one of its symbols has no address.

    `libraries` are shared libraries that may be loaded for symbols that are not there yet.
    """
    engine = _engine()  # the first one makes the symbols of the process known to LLVM
    if not _resolved(stored.needs, libraries):
        return None
    _give(engine, stored.code)
    environment = _Environment()
    for symbol in stored.environments:
        place = engine.get_global_value_address(symbol)
        ctypes.c_void_p.from_address(place).value = id(environment)
    address = engine.get_function_address(stored.wrapper)
    method = _MethodDef(stored.name.encode(), address, METH_VARARGS_AND_KEYWORDS, None)
    native = engine.get_function_address(stored.native)
    return Linked(_callable(_Alive(engine, environment, method)), native)


def _environments(module: Any) -> tuple[str, ...]:
    names = (variable.name for variable in module.global_variables if not variable.is_declaration)
    return tuple(name for name in names if name.startswith("_ZN08NumbaEnv"))


def _has_constants(symbol: str) -> bool:
    from numba.core.environment import lookup_environment

    environment = lookup_environment(symbol)
    return environment is not None and bool(environment.consts)


def _callable(alive: _Alive) -> Callable[..., Any]:
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    make.restype = ctypes.py_object
    function: Callable[..., Any] = make(ctypes.addressof(alive.method), alive, None)
    return function


def _binding() -> Any:
    import llvmlite.binding as llvm

    if "LLVM" not in _told:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        _told.add("LLVM")
    return llvm


def _engine() -> Any:
    llvm = _binding()
    # The engine takes possession of its target machine, so it cannot be shared.
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


def _give(engine: Any, code: bytes) -> None:
    """Have an engine place object code, whose symbols all have addresses."""
    engine.add_object_file(_binding().ObjectFileRef.from_data(code))
    engine.finalize_object()


def _resolved(needs: Sequence[str], libraries: Iterable[str]) -> bool:
    with _lock:
        _tell_objects()
        for prefix, extension in HELPERS:
            if any(name.startswith(prefix) for name in needs):
                _tell_helpers(prefix, extension)
        _link_tiles(needs)
        _link_gates(needs)
        return _known(needs) or (_loaded(libraries) and _known(needs))


def _link_tiles(needs: Sequence[str]) -> None:
    """Give the functions that programs share an address, as far as they are stored."""
    for name in needs:
        code = tiles.get(name) if name.startswith(tiles.PREFIX) and not _known([name]) else None
        if code is not None:
            engine = _engine()
            _give(engine, code)
            _binding().add_symbol(name, engine.get_function_address(name))
            _tiles.append(engine)


def _link_gates(needs: Sequence[str]) -> None:
    """Give the user's functions an address, which is of this process whoever compiled the rest."""
    for name in needs:
        if name.startswith(GATE) and not _known([name]):
            import_module("graphc.runtime.callbacks").ready(name)


def _known(needs: Sequence[str]) -> bool:
    return all(_binding().address_of_symbol(name) for name in needs)


def _loaded(libraries: Iterable[str]) -> bool:
    for path in libraries:
        try:
            _binding().load_library_permanently(path)
        except RuntimeError:
            return False
    return True


def _tell_objects() -> None:
    """Define the symbols by which Numba's code means Python's own objects, as Numba does."""
    if "objects" in _told:
        return
    llvm = _binding()
    llvm.add_symbol("_Py_NoneStruct", id(None))
    for value in vars(builtins).values():
        if isinstance(value, type) and issubclass(value, BaseException):
            llvm.add_symbol(f"PyExc_{value.__name__}", id(value))
    _told.add("objects")


def _tell_helpers(prefix: str, extension: str) -> None:
    if extension in _told:
        return
    module = _extension(extension)
    if hasattr(module, "memsys_use_cpython_allocator"):
        module.memsys_use_cpython_allocator()  # as Numba does, so that both free what either took
    for name, address in module.c_helpers.items():
        _binding().add_symbol(name if name.startswith("_") else prefix + name, address)
    _told.add(extension)


def _extension(name: str) -> ModuleType:
    """Load one extension module of Numba's without the package around it."""
    if name in sys.modules:
        return sys.modules[name]
    spec = _extension_spec(name)
    module = module_from_spec(spec)
    assert spec.loader is not None
    spec.loader.exec_module(module)
    if "numba" not in sys.modules:
        sys.modules.pop(name, None)  # a later `import numba` shall find its package untouched
    return module


def _extension_spec(name: str) -> ModuleSpec:
    package = find_spec("numba")
    if package is None or package.origin is None:
        raise ImportError("Numba is not installed")
    folder = Path(package.origin).parent.joinpath(*name.split(".")[1:-1])
    spec = PathFinder.find_spec(name, [str(folder)])
    if spec is None:
        raise ImportError(f"{folder} has no {name}")
    return spec
