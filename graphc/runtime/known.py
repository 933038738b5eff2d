"""Records of what was compiled in, the same records in a later process out.

A key says everything that a record depends on, graphc's own files among it. A record that is
missing, damaged or of another key is none: what it tells is found again, and written again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from graphc.runtime import store
from graphc.runtime.target import target
from graphc.version import __version__

FORMAT = "1"  # part of every key
HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LONGEST = 40  # of a title, in a file's name


def key_of(*facts: str) -> str:
    """The key of what depends on these facts, on this machine's libraries and on graphc itself."""
    versions = (FORMAT, sys.version, np.__version__, target(), _graphc())
    return hashlib.sha256(json.dumps([*versions, *facts]).encode()).hexdigest()


def recall(title: str, kind: str, key: str) -> tuple[Mapping[str, Any], bytes] | None:
    """What `remember` was given under this key: a record in JSON's terms and bytes beside it."""
    line, _, data = (store.get_object(_file(title, kind, key)) or b"").partition(b"\n")
    try:
        told = json.loads(line)
        return (told["record"], data) if told["key"] == key else None
    except (ValueError, KeyError, TypeError):
        return None


def remember(title: str, kind: str, key: str, record: Mapping[str, Any], data: bytes = b"") -> None:
    """Store a record, and bytes beside it, for later processes, where that is possible."""
    line = json.dumps({"key": key, "record": record}).encode()
    store.put_object(_file(title, kind, key), line + b"\n" + data)


def _file(title: str, kind: str, key: str) -> str:
    return f"{title[:LONGEST]}_{key[:16]}.{kind}.{key[16:32]}.o"


@cache
def _graphc() -> str:
    """What tells this graphc from others: its version, and of each of its files size and time."""
    files = sorted(_files(HOME, ""))
    return hashlib.sha256(repr((__version__, files)).encode()).hexdigest()


def _files(folder: str, name: str) -> Iterator[tuple[str, int, int]]:
    """The Python files in a folder and in those within it."""
    with os.scandir(folder) as found:
        for entry in found:
            if entry.name.endswith(".py"):
                status = entry.stat()
                yield f"{name}/{entry.name}", status.st_size, status.st_mtime_ns
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _files(entry.path, f"{name}/{entry.name}")
