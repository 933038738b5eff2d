"""Functions that programs share, kept in the cache: a name in, object code out."""

from __future__ import annotations

from graphc.runtime import store

PREFIX = "graphc_tile_"


def get(name: str) -> bytes | None:
    """The object code of a function, if the cache has it."""
    return store.get_object(f"{name}.o")


def put(name: str, code: bytes) -> None:
    """Keep the object code of a function, where anything can be written."""
    store.put_object(f"{name}.o", code)
