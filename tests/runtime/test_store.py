"""The cache folder: whole files or none, whatever else is in it or in its way."""

import os
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graphc.runtime import store

OBJECT = "step_0123456789abcdef.forward.fedcba9876543210.o"
MODULE = "step_0123456789abcdef.py"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "_retreats", {})
    return tmp_path / "cache"


def test_object_comes_back_as_it_was_put():
    store.put_object(OBJECT, b"\x00machine code\n")
    assert store.get_object(OBJECT) == b"\x00machine code\n"


def test_missing_object_is_none():
    assert store.get_object(OBJECT) is None


DAMAGES = {
    "empty": lambda whole: b"",
    "cut in its header": lambda whole: whole[:20],
    "cut in its content": lambda whole: whole[:-1],
    "longer": lambda whole: whole + b"\x00",
    "a bit flipped": lambda whole: whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:],
    "a bit of the checksum flipped": lambda whole: whole[:16] + bytes([whole[16] ^ 1]) + whole[17:],
    "foreign": lambda whole: b"\x7fELF" + whole,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_object_counts_as_missing_and_is_overwritten(folder, damage):
    store.put_object(OBJECT, b"machine code")
    whole = (folder / OBJECT).read_bytes()
    (folder / OBJECT).write_bytes(damage(whole))
    assert store.get_object(OBJECT) is None
    store.put_object(OBJECT, b"machine code")
    assert (folder / OBJECT).read_bytes() == whole


def test_text_is_stored_as_it_reads(folder):
    path = store.put_text(MODULE, "x = 1  # é\n")
    assert path == folder / MODULE
    assert path.read_bytes() == "x = 1  # é\n".encode()


def test_edited_text_is_written_again():
    path = store.put_text(MODULE, "x = 1\n")
    path.write_text("x = 2\n")
    store.put_text(MODULE, "x = 1\n")
    assert path.read_text() == "x = 1\n"


def test_same_text_is_left_alone():
    path = store.put_text(MODULE, "x = 1\n")
    os.utime(path, (1, 1))
    store.put_text(MODULE, "x = 1\n")
    assert path.stat().st_mtime == 1


def test_writing_leaves_nothing_beside_the_file(folder):
    store.put_object(OBJECT, b"machine code")
    assert os.listdir(folder) == [OBJECT]


def test_unusable_folder_warns_once_in_one_sentence_and_goes_on(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.warns(RuntimeWarning) as caught:
        path = store.put_text(MODULE, "x = 1\n")
    with warnings.catch_warnings(action="error"):
        store.put_object(OBJECT, b"machine code")
    assert str(caught[0].message) == (
        f"graphc cannot keep compiled code in {tmp_path}/file/cache ([Errno 20] Not a directory: "
        f"'{tmp_path}/file/cache'); this process uses a temporary folder (GRAPHC_CACHE_DIR may name"
        " another place)"
    )
    assert caught[0].filename == __file__
    assert path.read_text() == "x = 1\n"
    assert store.get_object(OBJECT) == b"machine code"
    assert store.cache_dir() == path.parent != tmp_path / "file" / "cache"


def test_missing_home_warns_and_goes_on(monkeypatch):
    def nobody(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("GRAPHC_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", nobody)
    with pytest.warns(RuntimeWarning, match="for want of a home directory"):
        assert store.put_text(MODULE, "x = 1\n").read_text() == "x = 1\n"


def test_folder_that_may_only_be_read_is_read_without_a_warning(folder, monkeypatch):
    store.put_text(MODULE, "x = 1\n")
    store.put_object(OBJECT, b"machine code")
    monkeypatch.setattr(store, "_replace", None)  # nothing may be written
    assert store.put_text(MODULE, "x = 1\n") == folder / MODULE
    assert store.get_object(OBJECT) == b"machine code"


def test_folder_that_turned_full_is_still_read(folder):
    store.put_object(OBJECT, b"machine code")
    (folder / MODULE).mkdir()  # cannot be replaced by a file
    with pytest.warns(RuntimeWarning, match="temporary folder"):
        assert store.put_text(MODULE, "x = 1\n").parent != folder
    assert store.get_object(OBJECT) == b"machine code"


def test_folder_is_chosen_by_graphc_then_xdg_then_home(monkeypatch, tmp_path, folder):
    assert store.cache_dir() == folder
    monkeypatch.setenv("GRAPHC_CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert store.cache_dir() == tmp_path / "graphc"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert store.cache_dir().is_relative_to(Path.home())


def test_entries_are_graphcs_files_by_name(folder):
    store.put_object(OBJECT, b"machine code")
    store.put_text(MODULE, "x = 1\n")
    store.put_text("graphc_prelude_ab12cd34.py", "")
    (folder / "notes.txt").write_text("mine")
    listed = store.entries()
    assert [e.name for e in listed] == ["graphc_prelude_ab12cd34.py", OBJECT, MODULE]
    assert [e.bytes for e in listed] == [0, 60, 6]
    assert abs(listed[0].modified.timestamp() - time.time()) < 60


def test_no_folder_has_no_entries_and_nothing_to_clear():
    assert store.entries() == []
    assert store.clear() == 0


def test_clear_removes_only_what_graphc_made(folder):
    store.put_object(OBJECT, b"machine code")
    store.put_text(MODULE, "x = 1\n")
    others = {"notes.txt", "model.py", "step_abc.py", "libm.o", ".bashrc", "a_0123456789abcdef.npz"}
    for name in others:
        (folder / name).write_text("mine")
    (folder / "step_fedcba9876543210.py").mkdir()
    assert store.clear() == 2
    assert set(os.listdir(folder)) == others | {"step_fedcba9876543210.py"}


def test_clear_takes_what_a_killed_writer_left_but_not_what_is_being_written(folder):
    folder.mkdir()
    young, old = folder / f".{MODULE}.01234567.tmp", folder / f".{OBJECT}.89abcdef.tmp"
    young.write_text("half a mod")
    old.write_text("half an obj")
    os.utime(old, (1, 1))
    assert store.clear() == 1
    assert young.exists()


def test_readers_writers_and_clear_at_once_see_whole_files_or_none():
    content = os.urandom(1 << 16)

    def work(action):
        return [action() for _ in range(60)]

    with ThreadPoolExecutor(5) as pool:
        reading = [pool.submit(work, lambda: store.get_object(OBJECT)) for _ in range(2)]
        writing = [pool.submit(work, lambda: store.put_object(OBJECT, content)) for _ in range(2)]
        clearing = pool.submit(work, store.clear)
    assert all(found in (None, content) for future in reading for found in future.result())
    assert all(future.exception() is None for future in (*writing, clearing))
