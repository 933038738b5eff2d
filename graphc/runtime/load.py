"""The text of an emitted module in, the module and its compiled functions out.

A module's name carries the hash of its text, its prelude and its target, so a name never means two
texts.  What was compiled is stored; a second process neither compiles it nor imports Numba.
"""

from __future__ import annotations

import hashlib
import json
import linecache
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, cached_property
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from graphc import collector
from graphc.emit.text import GATES, gates_called, parts
from graphc.errors import GraphcError
from graphc.runtime import store, tiles
from graphc.runtime.link import Linked, Object, harvest, link
from graphc.runtime.sentences import first_line

Function = Callable[..., Any]

FORMAT = "2"  # part of every key: other than this, no stored code is used
LONGEST_NAME = 60  # of what a user named, in a file's name
WITHOUT_EFFECT = {"NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER"}

compilations: list[tuple[str, str]] = []  # (module, function), each time Numba compiled one

_PRELUDE = re.compile(r"^from (graphc_prelude_\w+) import\b", re.MULTILINE | re.ASCII)
_lock = threading.RLock()
_loaded: dict[tuple[str, str], Loaded] = {}


class CompileFailure(RuntimeError):
    """An emitted module does not compile: graphc wrote something wrong."""


class Loaded:
    """An emitted module on disk, imported and compiled only as far as it is used."""

    def __init__(self, name: str, key: str, text: str, prelude: str, libraries: tuple[str, ...]):
        self.name = f"{name}_{key[:16]}"
        self.key = key
        self.text = text
        self.prelude = prelude
        self.libraries = libraries
        self.path = store.put_text(f"{self.name}.py", text)
        self._functions: dict[tuple[str, str], Linked] = {}
        self._results: dict[tuple[str, str], Any] = {}
        found = _PRELUDE.search(text)
        self._prelude_name = found[1] if found else None
        if self._prelude_name:
            self.prelude_path = _written(self._prelude_name, prelude)

    def __repr__(self) -> str:
        return f"<Loaded {self.path}>"

    @property
    def module(self) -> ModuleType:
        """The module itself; the first use runs it, which imports Numba."""
        with _lock:
            if self._prelude_name and self._prelude_name not in sys.modules:
                _imported(self._prelude_name, self.prelude_path)
            if self.name not in sys.modules:
                if names := gates_called(self.text):
                    import_module("graphc.runtime.callbacks").offer(names)
                self._run(self.name, self.path, self.text)
            return sys.modules[self.name]

    def function(self, name: str, signature: str) -> Function:
        """Return the compiled entry point of one function, from the cache if it is there.

        It takes arguments by position, of exactly the types in `signature`, and does not check
        arrays: one of another dtype or layout is misread.
        """
        return self.linked(name, signature).function

    def address(self, name: str, signature: str) -> int:
        """Return where the machine code of one function is: called as Numba calls, with places for
        the result and an exception first.
        """
        return self.linked(name, signature).address

    def linked(self, name: str, signature: str) -> Linked:
        """Return one function compiled, from the cache if it is there."""
        known = self._functions.get((name, signature))
        if known is not None:
            return known
        with _lock:
            if (name, signature) not in self._functions:
                self._functions[name, signature] = self._entry(name, signature)
            return self._functions[name, signature]

    def plain(self, name: str) -> Function:
        """Return one function as Python runs it: no JIT in it, nor in what it calls."""
        function: Function = self._plain_namespace[name]
        return function

    def llvm(self, name: str, signature: str) -> str:
        """Return the optimised LLVM code of one function, compiled now if the cache had it."""
        return str(self._compiled(name, signature).library.get_llvm_str())

    def asm(self, name: str, signature: str) -> str:
        """Return the assembly of one function, compiled now if the cache had it."""
        return str(self._compiled(name, signature).library.get_asm_str())

    def _entry(self, name: str, signature: str) -> Linked:
        if jit_disabled():
            return Linked(self.plain(name))
        key = _digest(self.key, name, signature, _machine(), *_settings())
        file = f"{self.name}.{name[:LONGEST_NAME]}.{key[:16]}.o"
        return self._stored(file, key) or self._fresh(file, key, name, signature)

    def _stored(self, file: str, key: str) -> Linked | None:
        """Link what the cache has; whatever is wrong with it, the function is compiled again."""
        try:
            content = store.get_object(file)
            found = Object.unpack(content) if content is not None else None
            if found is None or found.key != key:
                return None
            return link(found, self.libraries) or self._linked_late(found)
        except Exception:
            return None

    def _linked_late(self, found: Object) -> Linked | None:
        """Link again with every symbol that Numba and the prelude define when they are imported."""
        from numba.core.registry import cpu_target

        _ = self.module, cpu_target.target_context  # a look at either imports and registers
        return link(found)

    def _fresh(self, file: str, key: str, name: str, signature: str) -> Linked:
        """Compile a function; it runs from its object code, as it will in the next process."""
        result = self._compiled(name, signature)
        with suppress(Exception):  # what cannot be stored is compiled again next time
            harvested = harvest(key, result)
            if harvested is not None:
                store.put_object(file, harvested.pack())
                found = link(harvested, self.libraries) or self._linked_late(harvested)
                if found is not None:
                    return found
        address = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
        return Linked(result.entry_point, address)

    def _compiled(self, name: str, signature: str) -> Any:
        """Numba's CompileResult for one function, compiled once a process."""
        with _lock:
            if (name, signature) not in self._results:
                with collector.at_rest():
                    self._results[name, signature] = self._compile(name, signature)
            return self._results[name, signature]

    def _compile(self, name: str, signature: str) -> Any:
        dispatcher = getattr(self.module, name)
        if not hasattr(dispatcher, "py_func"):
            raise RuntimeError(f"{name} is not compiled while NUMBA_DISABLE_JIT is set")
        from numba.core.sigutils import normalize_signature

        try:
            arguments, _ = normalize_signature(signature)
            dispatcher.compile(signature)
        except GraphcError:
            raise
        except Exception as error:
            raise _failure(f"function {name} does not compile", self.path, error) from None
        compilations.append((self.name, name))
        return dispatcher.overloads[arguments]

    def _run(self, name: str, path: Path, text: str) -> None:
        module = ModuleType(name)
        module.__file__ = str(path)
        module.__spec__ = ModuleSpec(name, None, origin=str(path))
        # Tracebacks and inspect.getsource keep the text even where the file goes.
        linecache.cache[str(path)] = (len(text), None, text.splitlines(keepends=True), str(path))
        sys.modules[name] = module
        try:
            exec(compile(text, str(path), "exec", dont_inherit=True), vars(module))
        except BaseException as error:
            del sys.modules[name]
            if not isinstance(error, Exception):
                raise
            raise _failure(f"module {name} does not run", path, error) from None

    @cached_property
    def _plain_namespace(self) -> dict[str, Any]:
        """The module's names: functions without the JIT, what the prelude gave as its twins."""
        module = vars(self.module)
        prelude = vars(sys.modules[self._prelude_name]) if self._prelude_name else {}
        twins = {key: twin for key, twin in prelude.get("PLAIN", {}).items() if key in module}
        namespace = {**module, **twins}
        if "gates" in module:
            namespace["gates"] = sys.modules[GATES].PLAIN
        for key, value in module.items():
            python = getattr(value, "py_func", value)
            if isinstance(python, FunctionType) and python.__globals__ is module:
                namespace[key] = _rebound(python, namespace)
        return namespace


def load(
    text: str, name: str, prelude: str = "", *, target: str = "", libraries: Iterable[str] = ()
) -> Loaded:
    """Write an emitted module and its prelude to the cache; the same text gives the same object.

    `name` is an identifier, which the hash is appended to.  `text` imports from a prelude named
    graphc_prelude_<hash>, whose text is `prelude`.  `target` says for what machine and libraries
    the text was emitted; `libraries` are shared libraries that its functions call by symbol.
    """
    if not name.isidentifier() or not name.isascii():
        raise ValueError(f"a module cannot be called {name!r}")
    key = _digest(FORMAT, text, prelude, target)
    with _lock:
        if (name, key) not in _loaded:
            short = name[:LONGEST_NAME]
            _loaded[name, key] = Loaded(short, key, text, prelude, tuple(libraries))
        return _loaded[name, key]


def _written(name: str, prelude: str) -> Path:
    """Write a prelude; where it is to be imported from."""
    found = parts(prelude)
    if "" in found:
        return store.put_text(f"{name}.py", prelude)
    places = {each: store.put_text(f"{name}/{each}.py", text) for each, text in found.items()}
    return places["__init__"]


def _imported(name: str, path: Path) -> None:
    """Import a prelude from its file, or from its folder."""
    folder = [str(path.parent)] if path.name == "__init__.py" else None
    spec = spec_from_file_location(name, path, submodule_search_locations=folder)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(sys.modules[name])
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception):
            raise
        raise _failure(f"module {name} does not run", path, error) from None
    objects = sys.modules.get(f"{name}.objects")
    if objects is not None:
        objects.keep_with(tiles)


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@cache
def _machine() -> str:
    """Everything but the text that machine code depends on: the versions and the processor."""
    from importlib.metadata import version

    import llvmlite.binding as llvm

    versions = (version(package) for package in ("numba", "llvmlite", "numpy"))
    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:  # LLVM knows none on this platform
        features = ""
    processor = (llvm.get_process_triple(), llvm.get_host_cpu_name(), features)
    return _digest(sys.version, *versions, *processor)


def _settings() -> list[str]:
    """The environment variables that change what Numba makes of a text."""
    names = {name for name in os.environ if name.startswith("NUMBA_")} - WITHOUT_EFFECT
    return [f"{name}={os.environ[name]}" for name in sorted(names)]


def jit_disabled() -> bool:
    """Whether NUMBA_DISABLE_JIT is set."""
    if "numba" in sys.modules:
        from numba import config

        return bool(vars(config)["DISABLE_JIT"])
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def _rebound(function: FunctionType, namespace: dict[str, Any]) -> FunctionType:
    """The same code over other globals, its numbers NumPy's: they divide by zero as compiled ones
    do, where Python's raise.
    """
    code = function.__code__
    code = code.replace(co_consts=tuple(map(_numpys, code.co_consts)))
    again = FunctionType(
        code, namespace, function.__name__, function.__defaults__, function.__closure__
    )
    again.__kwdefaults__ = function.__kwdefaults__
    again.__doc__ = function.__doc__
    return again


def _numpys(value: Any) -> Any:
    return np.float64(value) if isinstance(value, float) else value


def _failure(what: str, path: Path, error: Exception) -> CompileFailure:
    kind = type(error).__name__
    bug = f"{what}, which is a bug in graphc; its source is {path}"
    return CompileFailure(f"{bug} ({kind}: {first_line(error)})")
