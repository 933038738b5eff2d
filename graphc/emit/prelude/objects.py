"""Code that many programs share: a function of LLVM goes in, its name in this process comes out.

Each is made once, in the background, while Numba types and lowers what calls it; a Keeper may keep
machine code for the next process.
"""
# mypy: allow-untyped-calls

import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import llvmlite.binding as binding
from llvmlite import ir

Make = Callable[[str], ir.Module]
"""What builds a module with a function of this name."""

EFFORT = 2
"""Of LLVM's code generator; its other passes find nothing to better: see Note [Objects]."""


class Keeper:
    """Where machine code is kept; this one keeps none."""

    def get(self, name: str) -> bytes | None:
        """The object code of a function, if it was kept."""
        return None

    def put(self, name: str, code: bytes) -> None:
        """Keep the object code of a function."""


class _Object:
    """One function on its way to an address."""

    def __init__(self, name: str, make: Make) -> None:
        self.name, self.make = name, make
        self.lock = threading.Lock()
        self.engine: Any = None

    def ready(self) -> None:
        """Make the function, or wait until it is made."""
        with self.lock:
            if self.engine is None:
                self.engine = linked(self.name, self._code())

    def _code(self) -> bytes:
        code = _keeper[0].get(self.name)
        if code is None:
            code = machine_code(self.make(self.name))
            _keeper[0].put(self.name, code)
        return code


_keeper = [Keeper()]
_objects: dict[str, _Object] = {}
_waiting: list[_Object] = []
_lock = threading.Lock()


def keep_with(keeper: Keeper) -> None:
    """From now on, ask this keeper first, and give it what is made."""
    _keeper[0] = keeper


def shared(text: str, make: Make) -> str:
    """The name of a function, which begins to be made unless it is there; `text` says all that is
    to be known of it.
    """
    name = f"graphc_tile_{_digest(text)}"
    with _lock:
        if name not in _objects:
            _objects[name] = _Object(name, make)
            _waiting.append(_objects[name])
            if len(_waiting) == 1:
                threading.Thread(target=_make_all, name="graphc tiles").start()
    return name


def _make_all() -> None:
    """Make what waits; one thread does, since more would only wait for each other. It ends with the
    lock in its hand, so that who asks next knows whether to begin another.
    """
    while True:
        with suppress(Exception):  # who waits for it tries again, and is told
            _waiting[0].ready()
        with _lock:
            del _waiting[0]
            if not _waiting:
                return


def ready() -> None:
    """Wait until all that was asked for has an address; raises what went wrong."""
    for name, each in tuple(_objects.items()):
        try:
            each.ready()
        except BaseException:
            _objects.pop(name, None)  # whoever asks again begins anew
            raise


def machine_code(module: ir.Module) -> bytes:
    """The object code of a module for this machine."""
    code: bytes = _target().emit_object(binding.parse_assembly(str(module)))
    return code


def linked(name: str, code: bytes) -> Any:
    """Give a function an address under its name; the engine that holds it."""
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _target())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    binding.add_symbol(name, engine.get_function_address(name))
    return engine


def _digest(text: str) -> str:
    """A name for a function, its module's text and the machine included."""
    return hashlib.sha256(repr((__name__, text, *_machine())).encode()).hexdigest()[:16]


@cache
def _machine() -> tuple[str, ...]:
    """What machine code depends on besides its text."""
    version = ".".join(map(str, binding.llvm_version_info))
    return version, binding.get_process_triple(), binding.get_host_cpu_name(), _features()


@cache
def _features() -> str:
    try:
        return str(binding.get_host_cpu_features().flatten())
    except RuntimeError:  # LLVM knows none on this platform
        return ""


def _target() -> Any:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(binding.get_process_triple())
    cpu = binding.get_host_cpu_name()
    return target.create_target_machine(cpu=cpu, features=_features(), opt=EFFORT, jit=True)


# Note [Objects]
#
# A tile of a product is written as LLVM code with its loops and registers as they are to be: passes
# of LLVM take as long as its code generator and change nothing that can be measured. llvmlite lets
# one thread at a time into LLVM, so what runs beside it is Python: Numba's type inference, and its
# lowering. The name of a function tells its text, this prelude's and the machine's, so a stored
# program that needs it can only mean this one. A child of a fork has none of its parent's threads;
# whoever waits for a function makes it if nobody did.
