"""Emitted modules: written, imported, compiled once on a machine, and never believed unchecked."""

import hashlib
import inspect
import json
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import numpy as np
import pytest

from graphc.runtime import load as loading
from graphc.runtime import store
from graphc.runtime.link import Object, link
from graphc.runtime.load import CompileFailure, compilations, load

PRELUDE = """
from numba import njit, types
from numba.extending import intrinsic

FLAGS = dict(nogil=True, error_model="numpy", fastmath={"contract", "arcp"})


@intrinsic
def half(typingctx, x):
    def build(context, builder, signature, args):
        return builder.fmul(args[0], args[0].type(0.5))
    return types.float64(types.float64), build


def plain_half(x):
    return 0.5 * x


@njit(**FLAGS)
def shared(x):
    return x + 1.0


PLAIN = {"half": plain_half, "shared": getattr(shared, "py_func", shared)}
"""

PRELUDE_NAME = "graphc_prelude_" + hashlib.sha256(PRELUDE.encode()).hexdigest()[:8]

TEXT = f'''"""A stand-in for what graphc emits."""
import math

from {PRELUDE_NAME} import FLAGS, half, njit, shared

STEP = 3.0


@njit(**FLAGS)
def inner(x):
    """tanh of half of x."""
    return math.tanh(half(x))


@njit(**FLAGS)
def forward(x):
    return shared(inner(x)) * STEP


@njit(**FLAGS)
def rows(a, b, n):
    for i in range(n):
        b[i] = forward(a[i])
    return b[0], n


@njit(**FLAGS)
def refuses(n):
    if n < 0:
        raise ValueError("n is negative")
    return n
'''

FORWARD = ("forward", "float64(float64)")
ROWS = ("rows", "Tuple((float64, int64))(float64[::1], float64[::1], int64)")

# What a fresh process does with the module; it prints what the tests want to know of it.
PROCESS = """
import json, sys
import numpy as np
from graphc.runtime.load import compilations, load

text, prelude, functions = json.load(sys.stdin)
loaded = load(text, "trial", prelude)
forward, rows = [loaded.function(*function) for function in functions]
a, b = np.arange(4.0), np.zeros(4)
first, n = rows(a, b, 4)
imported = "numba" in sys.modules
print(json.dumps([forward(2.0), first, n, b.tolist(), [f for _, f in compilations], imported]))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache, and a process that has loaded nothing."""
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "_retreats", {})
    forget(monkeypatch)
    return tmp_path / "cache"


def forget(monkeypatch):
    monkeypatch.setattr(loading, "_loaded", {})
    compilations.clear()


def expected(x):
    return 3.0 * (np.tanh(x / 2) + 1.0)


def start():
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    json.dump([TEXT, PRELUDE, [FORWARD, ROWS]], process.stdin)
    process.stdin.close()
    return process


def finish(process):
    """Check a process's results; return what it compiled and whether it imported Numba."""
    with process:
        value, first, n, b, compiled, imported = json.loads(process.stdout.read())
    assert value == pytest.approx(expected(2.0))
    assert (first, n) == (b[0], 4)
    np.testing.assert_allclose(b, expected(np.arange(4.0)))
    return compiled, imported


def warm(monkeypatch):
    """Fill the cache, forget what was loaded, and return the one object file of `forward`."""
    loaded = load(TEXT, "trial", PRELUDE)
    loaded.function(*FORWARD)
    forget(monkeypatch)
    return next(loaded.path.parent.glob("*.forward.*.o"))


def test_jitted_function_plain_function_and_numpy_agree():
    loaded = load(TEXT, "trial", PRELUDE)
    a, b, c = np.linspace(-3, 3, 7), np.zeros(7), np.zeros(7)
    assert loaded.function(*ROWS)(a, b, 7) == (b[0], 7)
    assert loaded.plain("rows")(a, c, 7) == (c[0], 7)
    np.testing.assert_allclose(b, expected(a), rtol=1e-14)
    np.testing.assert_allclose(c, expected(a), rtol=1e-14)


def test_plain_function_and_all_it_calls_are_python():
    called = set()
    plain = load(TEXT, "trial", PRELUDE).plain("rows")
    sys.setprofile(lambda frame, event, _: called.add(frame.f_code.co_name))
    plain(np.ones(1), np.ones(1), 1)
    sys.setprofile(None)
    assert {"rows", "forward", "inner", "plain_half", "shared"} <= called


def test_second_process_compiles_nothing_and_does_without_numba():
    assert finish(start()) == (["forward", "rows"], True)
    assert finish(start()) == ([], False)


def test_two_processes_may_start_on_one_empty_cache():
    processes = [start(), start()]
    assert all(imported for _, imported in map(finish, processes))
    assert finish(start()) == ([], False)


def test_same_text_is_the_same_module_for_many_threads_at_once():
    text = TEXT.replace("STEP = 3.0", "STEP = 5.0")
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(lambda _: load(text, "trial", PRELUDE), range(16)))
        modules = list(pool.map(lambda each: each.module, loaded))
        functions = list(pool.map(lambda each: each.function(*FORWARD), loaded))
    assert {id(each) for each in modules} == {id(sys.modules[loaded[0].name])}
    assert len({id(each) for each in functions}) == 1
    assert [name for _, name in compilations] == ["forward"]


def test_entry_that_came_from_the_cache_works_like_the_compiled_one(monkeypatch):
    functions = (ROWS, ("refuses", "int64(int64)"))
    for _ in range(2):
        rows, refuses = [load(TEXT, "trial", PRELUDE).function(*each) for each in functions]
        with pytest.raises(TypeError, match="can't unbox array"):
            rows(1.0, 2.0, 3)
        with pytest.raises(TypeError, match="rows expected 3 arguments, got 2"):
            rows(np.ones(1), np.ones(1))
        with pytest.raises(ValueError, match="n is negative"):
            refuses(-1)
        compiled = len(compilations)
        forget(monkeypatch)
    assert compiled == 0


def test_entry_from_the_cache_neither_keeps_nor_loses_its_arguments(monkeypatch):
    load(TEXT, "trial", PRELUDE).function(*ROWS)
    forget(monkeypatch)
    rows = load(TEXT, "trial", PRELUDE).function(*ROWS)
    a, b = np.ones(3), np.ones(3)
    before = sys.getrefcount(a), sys.getrefcount(b)
    for _ in range(100):
        rows(a, b, 3)
    assert (sys.getrefcount(a), sys.getrefcount(b)) == before
    assert compilations == []


DAMAGES = {
    "empty": lambda whole: b"",
    "truncated": lambda whole: whole[: len(whole) // 2],
    "flipped": lambda whole: whole[:-99] + bytes([whole[-99] ^ 0x55]) + whole[-98:],
    "foreign": lambda whole: b"\x7fELF\x02\x01\x01" * 99,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_object_is_compiled_again_and_repaired(monkeypatch, damage):
    file = warm(monkeypatch)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert load(TEXT, "trial", PRELUDE).function(*FORWARD)(2.0) == pytest.approx(expected(2.0))
    assert [name for _, name in compilations] == ["forward"]
    assert Object.unpack(store.get_object(file.name)).name == "forward"


def test_sound_object_of_another_function_is_not_used(monkeypatch):
    file = warm(monkeypatch)
    load(TEXT, "trial", PRELUDE).function("refuses", "int64(int64)")
    file.write_bytes(next(file.parent.glob("*.refuses.*.o")).read_bytes())
    forget(monkeypatch)
    assert load(TEXT, "trial", PRELUDE).function(*FORWARD)(2.0) == pytest.approx(expected(2.0))


def test_object_that_needs_an_unknown_symbol_is_not_linked(monkeypatch):
    stored = Object.unpack(store.get_object(warm(monkeypatch).name))
    assert link(stored).function(2.0) == pytest.approx(expected(2.0))
    assert link(Object(**{**vars(stored), "needs": ("graphc_is_not_a_symbol",)})) is None


@pytest.mark.parametrize("change", ["numba", "processor", "settings", "target", "prelude"])
def test_object_of_another_version_machine_or_target_is_not_used(monkeypatch, change):
    warm(monkeypatch)
    if change in ("numba", "processor"):
        monkeypatch.setattr(loading, "_machine", lambda: f"another {change}")
    if change == "settings":
        monkeypatch.setenv("NUMBA_OPT", "1")
    prelude = PRELUDE + "\n" if change == "prelude" else PRELUDE
    target = "avx512" if change == "target" else ""
    loaded = load(TEXT, "trial", prelude, target=target)
    assert loaded.function(*FORWARD)(2.0) == pytest.approx(expected(2.0))
    assert [name for _, name in compilations] == ["forward"]


def test_functions_of_one_name_in_two_modules_keep_their_own_bodies(monkeypatch):
    texts = [TEXT, TEXT.replace("math.tanh(half(x))", "half(x)")]
    for _ in range(2):
        tanh, linear = [load(text, "trial", PRELUDE).function(*FORWARD) for text in texts]
        assert tanh(2.0) == pytest.approx(expected(2.0))
        assert linear(2.0) == 6.0
        compiled = len(compilations)
        forget(monkeypatch)
    assert compiled == 0


def test_edited_source_is_written_again_and_not_run(monkeypatch):
    path = load(TEXT, "trial", PRELUDE).path
    path.write_text("raise SystemExit")
    forget(monkeypatch)
    assert load(TEXT, "trial", PRELUDE).function(*FORWARD)(2.0) == pytest.approx(expected(2.0))
    assert path.read_text() == TEXT


def test_unusable_cache_warns_once_and_the_program_runs(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.warns(RuntimeWarning, match="temporary folder"):
        loaded = load(TEXT, "trial", PRELUDE)
    with warnings.catch_warnings(action="error"):
        assert loaded.function(*FORWARD)(2.0) == pytest.approx(expected(2.0))
    assert loaded.path.read_text() == TEXT


def test_source_of_a_loaded_function_can_be_read(folder):
    loaded = load(TEXT, "trial", PRELUDE)
    assert loaded.path == folder / f"{loaded.name}.py"
    assert loaded.name.startswith("trial_")
    assert inspect.getsource(loaded.plain("inner")).endswith("return math.tanh(half(x))\n")
    assert inspect.getsource(loaded.module) == TEXT
    assert loaded.plain("inner").__doc__ == "tanh of half of x."


def test_module_and_prelude_run_by_hand_from_their_folder(folder):
    loaded = load(TEXT, "trial", PRELUDE)
    code = f"import {loaded.name} as m; print(m.forward(2.0))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True,
        env={"NUMBA_DISABLE_JIT": "0", "PYTHONPATH": ""},
    )  # fmt: skip
    assert float(done.stdout) == pytest.approx(expected(2.0))


def test_files_are_the_ones_that_the_cache_lists_and_clears(folder):
    loaded = load(TEXT, "trial", PRELUDE)
    loaded.function(*FORWARD)
    names = [entry.name for entry in store.entries()]
    assert sorted(file.name for file in folder.iterdir()) == sorted(names)
    assert [Path(name).suffix for name in names] == [".py", ".o", ".py"]
    assert store.clear() == 3
    assert loaded.function(*FORWARD)(2.0) == pytest.approx(expected(2.0))


def test_what_a_user_named_at_length_still_fits_a_file():
    name = "n" * 300
    loaded = load(TEXT.replace("forward", name), name, PRELUDE)
    assert loaded.function(name, FORWARD[1])(2.0) == pytest.approx(expected(2.0))
    assert len(store.entries()) == 3


@pytest.mark.parametrize("name", ["", "../x", "x y", "x); import os", "naïve"])
def test_name_that_is_no_plain_identifier_is_refused(name):
    with pytest.raises(ValueError, match="a module cannot be called"):
        load(TEXT, name, PRELUDE)


def test_llvm_and_assembly_can_be_read_also_of_what_the_cache_had(monkeypatch):
    warm(monkeypatch)
    loaded = load(TEXT, "trial", PRELUDE)
    loaded.function(*FORWARD)
    assert "define" in loaded.llvm(*FORWARD)
    assert loaded.name in loaded.asm(*FORWARD)


def test_disabled_jit_gives_the_plain_function(monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    prelude, name = PRELUDE + "\n", "graphc_prelude_00000000"
    loaded = load(TEXT.replace(PRELUDE_NAME, name), "trial", prelude)
    forward = loaded.function(*FORWARD)
    assert inspect.isfunction(forward)
    assert forward(2.0) == pytest.approx(expected(2.0))
    with pytest.raises(RuntimeError, match="forward is not compiled while NUMBA_DISABLE_JIT"):
        loaded.asm(*FORWARD)


def test_failure_to_compile_is_one_sentence_with_the_source_and_no_traceback_of_numbas():
    loaded = load(TEXT.replace("math.tanh(half(x))", "x.missing"), "broken", PRELUDE)
    with pytest.raises(CompileFailure) as caught:
        loaded.function(*FORWARD)
    assert str(caught.value).startswith(
        f"function forward does not compile, which is a bug in graphc; its source is {loaded.path}"
    )
    assert "\n" not in str(caught.value)
    assert "missing" in str(caught.value)
    assert "Failed in nopython mode" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert compilations == []


def test_failure_to_run_the_module_is_told_the_same_way():
    loaded = load("x = 1 +\n", "broken")
    with pytest.raises(CompileFailure, match=r"a bug in graphc; its source is .*Syntax"):
        loaded.plain("x")
    assert loaded.name not in sys.modules
