"""Names and contents in, files in graphc's cache folder out; a file is whole or it does not count.

Source text is stored as it reads, object code behind a header with its checksum.  Files are written
beside their place and renamed into it, so that any number of processes may share a folder.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import secrets
import shutil
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from graphc.place import caller

MAGIC = b"graphc object 1\n"
STALE_SECONDS = 3600.0  # a temporary file of this age has no writer any more

_MODULE, _HASH = r"\w+_[0-9a-f]{16}", r"[0-9a-f]{16}"
_FILE = re.compile(
    rf"graphc_prelude_[0-9a-f]+\.py|graphc_tile_{_HASH}\.o|{_MODULE}(\.py|\.\w+\.{_HASH}\.o)",
    re.ASCII,
)
_FOLDER = re.compile(r"graphc_prelude_[0-9a-f]+", re.ASCII)
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.tmp")
_lock = threading.Lock()
_retreats: dict[Path | None, Path] = {}  # a folder that could not be written -> what stands for it


@dataclass(frozen=True)
class Entry:
    """One file of the cache, as `graphc cache list` prints it."""

    name: str
    bytes: int
    modified: datetime


def cache_dir() -> Path:
    """Name the folder that graphc writes to; it exists once something was written.

    GRAPHC_CACHE_DIR, else XDG_CACHE_HOME/graphc, else the platform's place for caches.
    """
    try:
        wanted = _wanted()
    except RuntimeError as error:  # there is no home directory
        return _retreat(None, error)
    return _retreats.get(wanted, wanted)


def put_text(name: str, text: str) -> Path:
    """Make the file `name` hold exactly `text`, and say where it is."""
    content = text.encode()
    for path in _places(name):
        if _read(path) == content:
            return path
    return _write(name, content)


def put_object(name: str, content: bytes) -> None:
    """Store `content` under a checksum; where nothing can be written, nothing is stored."""
    with suppress(OSError):
        _write(name, MAGIC + hashlib.sha256(content).digest() + content)


def get_object(name: str) -> bytes | None:
    """Return what `put_object` stored, or None if the file is missing, damaged or not graphc's."""
    found = (_unwrap(_read(path)) for path in _places(name))
    return next((content for content in found if content is not None), None)


def entries() -> list[Entry]:
    """List graphc's files in the cache folder, by name."""
    found = []
    for file in _files(cache_dir()):
        with suppress(OSError):  # another process may have removed it since
            status = file.stat(follow_symlinks=False)
            modified = datetime.fromtimestamp(status.st_mtime)
            found.append(Entry(file.name, status.st_size, modified))
    files = [entry for entry in found if _FILE.fullmatch(entry.name)]
    return sorted([*files, *map(_whole, _folders(cache_dir()))], key=lambda e: e.name)


def _whole(folder: os.DirEntry[str]) -> Entry:
    """A folder as one entry: the bytes of all its files."""
    sizes = (file.stat().st_size for file in _files(Path(folder.path)))
    return Entry(folder.name, sum(sizes), datetime.fromtimestamp(folder.stat().st_mtime))


def clear() -> int:
    """Remove graphc's files from the cache folder, and nothing else; return how many went."""
    removed = 0
    for file in _files(cache_dir()):
        with suppress(OSError):
            if _FILE.fullmatch(file.name) or _abandoned(file):
                os.unlink(file.path)
                removed += 1
    for inner in _folders(cache_dir()):
        removed += len(_files(Path(inner.path)))
        shutil.rmtree(inner.path, ignore_errors=True)
    return removed


def _wanted() -> Path:
    named = os.environ.get("GRAPHC_CACHE_DIR")
    if named:
        return Path(named).expanduser().absolute()
    return _caches() / "graphc"


def _caches() -> Path:
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(xdg):  # the XDG specification: a relative path is to be ignored
        return Path(xdg)
    if sys.platform == "win32" and "LOCALAPPDATA" in os.environ:
        return Path(os.environ["LOCALAPPDATA"])
    return Path("~/Library/Caches" if sys.platform == "darwin" else "~/.cache").expanduser()


def _places(name: str) -> Iterator[Path]:
    """Where `name` may be read: where graphc writes, then a full cache it may only read."""
    folder = cache_dir()
    yield folder / name
    for wanted, instead in tuple(_retreats.items()):
        if instead == folder and wanted is not None:
            yield wanted / name


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _unwrap(stored: bytes | None) -> bytes | None:
    if stored is None or not stored.startswith(MAGIC):
        return None
    start = len(MAGIC) + hashlib.sha256().digest_size
    content = stored[start:]
    return content if hashlib.sha256(content).digest() == stored[len(MAGIC) : start] else None


def _write(name: str, content: bytes) -> Path:
    folder = cache_dir()
    try:
        return _replace(folder / name, content)
    except OSError as error:
        return _replace(_retreat(folder, error) / name, content)


def _replace(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(beside, "xb") as file:
            file.write(content)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    return path


def _retreat(folder: Path | None, reason: Exception) -> Path:
    """Replace a folder that cannot be used by a private one, and say so once a process."""
    with _lock:
        first = not _retreats
        private = _private_folder() if first else next(iter(_retreats.values()))
        _retreats[folder] = private
    if first:
        where = "for want of a home directory" if folder is None else f"in {folder} ({reason})"
        sentence = (
            f"graphc cannot keep compiled code {where}; this process uses a temporary folder"
            " (GRAPHC_CACHE_DIR may name another place)"
        )
        warnings.warn_explicit(sentence, RuntimeWarning, *caller())
    return private


def _private_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="graphc-"))
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child ends before its parent
        shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return [file for file in found if file.is_file(follow_symlinks=False)]
    except OSError:
        return []


def _folders(folder: Path) -> list[os.DirEntry[str]]:
    """The preludes that are packages."""
    try:
        with os.scandir(folder) as found:
            inner = [entry for entry in found if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [entry for entry in inner if _FOLDER.fullmatch(entry.name)]


def _abandoned(file: os.DirEntry[str]) -> bool:
    """Whether a writer was killed between writing this file and renaming it."""
    match = _TEMPORARY.fullmatch(file.name)
    if match is None or _FILE.fullmatch(match["name"]) is None:
        return False
    return time.time() - file.stat().st_mtime > STALE_SECONDS
