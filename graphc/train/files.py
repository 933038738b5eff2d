"""A step's state to an .npz file and back: whole or not at all, and nothing is unpickled.

Every value is a member under its own name, `np.load(path)["W1"]` reads it; besides there is one of
JSON text with the format's version and the generator's state. Note: [Names in the file].
"""

from __future__ import annotations

import json
import os
import re
import secrets
import struct
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from graphc.errors import DataError
from graphc.runtime.arena import State

FORMAT = 1
HEAD = "%graphc"
"""The member with what is not an array; no name of a value is written so."""

# What zipfile, zlib and numpy raise for a file that is damaged or another one.
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    MemoryError,
    OverflowError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
_UNSAFE = re.compile(r"[%/\\\x00-\x1f\x7f\ud800-\udfff]")
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}

Path = str | os.PathLike[str]


def save(path: Path, state: Mapping[str, np.ndarray], random: np.random.Generator) -> None:
    """Write all of the state; raises DataError when the file cannot be written."""
    file = os.fspath(path)
    beside = f"{file}.{secrets.token_hex(4)}.tmp"
    try:
        with open(beside, "xb") as opened:
            _write(opened, state, random)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(beside, file)
    except OSError as error:
        raise DataError(f"it cannot be written: {error.strerror}", subject=file) from error
    finally:
        with suppress(OSError):
            os.unlink(beside)


def _write(opened: IO[bytes], state: Mapping[str, np.ndarray], random: np.random.Generator) -> None:
    head = {"format": FORMAT, "generator": random.bit_generator.state}
    text = np.frombuffer(json.dumps(head).encode(), np.uint8)
    with zipfile.ZipFile(opened, "w") as archive:
        for name, array in [(HEAD, text), *((_quoted(n), a) for n, a in state.items())]:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy.write_array(member, array, allow_pickle=False)


def load(path: Path, state: State) -> np.random.Generator:
    """Copy what the file holds into the state; gives back the generator it was saved with.

    Raises DataError, and changes nothing, for a file that cannot be read or does not fit the state.
    """
    file = os.fspath(path)
    try:
        arrays, random = _read(file, state)
    except DataError as error:
        raise error.about(file) from error.__cause__
    for name, array in arrays.items():
        state[name][...] = array
    return random


def _read(file: str, state: State) -> tuple[dict[str, np.ndarray], np.random.Generator]:
    try:
        with open(file, "rb") as opened, zipfile.ZipFile(opened) as archive:
            random = _generator(archive)
            _check_fit(archive, state)
            return {n: _member(archive, _quoted(n)) for n in state}, random
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError("there is no such file") from error
    except _UNREADABLE as error:
        raise DataError("this is not a whole file that step.save wrote") from error


def _generator(archive: zipfile.ZipFile) -> np.random.Generator:
    if f"{HEAD}.npy" not in archive.namelist():
        raise DataError(
            "this is an .npz file, but not one that step.save wrote",
            hint="set params one by one: step.params['W1'] = np.load(file)['W1']",
        )
    head = json.loads(_member(archive, HEAD).tobytes())
    if head["format"] != FORMAT:
        raise DataError(f"its format is {head['format']!r}, this graphc reads {FORMAT}")
    random = np.random.default_rng()
    random.bit_generator.state = head["generator"]
    return random


def _check_fit(archive: zipfile.ZipFile, state: State) -> None:
    """Raise DataError about everything that differs between the file and the state."""
    members = {name.removesuffix(".npy") for name in archive.namelist()} - {HEAD}
    wanted = {_quoted(name): name for name in state}
    missing = [repr(name) for quoted, name in wanted.items() if quoted not in members]
    unknown = [repr(_plain(quoted)) for quoted in sorted(members - set(wanted))]
    differ = [
        told
        for quoted, name in wanted.items()
        if quoted in members and (told := _difference(archive, quoted, name, state[name]))
    ]
    facts = [f"it lacks {_several(missing)}"] if missing else []
    facts += [f"it holds {_several(unknown)}, which the step does not have"] if unknown else []
    facts += [_several(differ)] if differ else []
    if facts:
        raise DataError("; ".join(facts))


def _difference(archive: zipfile.ZipFile, quoted: str, name: str, array: np.ndarray) -> str:
    with archive.open(f"{quoted}.npy") as member:
        shape, _, dtype = _HEADERS[npy.read_magic(member)](member)
    if (shape, dtype) == (array.shape, array.dtype):
        return ""
    return f"{name!r} is {_type(dtype, shape)} there and {_type(array.dtype, array.shape)} here"


def _type(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    return f"{dtype}{list(shape)}" if shape else str(dtype)


def _member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array, read to its end, so that its checksum is looked at."""
    with archive.open(f"{name}.npy") as member:
        array: np.ndarray = npy.read_array(member, allow_pickle=False)
        if member.read(1):
            raise ValueError("more bytes than the array has")
    return array


def _several(told: list[str]) -> str:
    more = [f"{len(told) - 8} more"] if len(told) > 8 else []
    return ", ".join([*told[:8], *more])


def _quoted(name: str) -> str:
    """A name as that of a member, with %xxxx for what an archive or a shell would take amiss."""
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):04x}", name)


def _plain(quoted: str) -> str:
    return re.sub(r"%([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), quoted)


# Note [Names in the file]
#
# A user may call a param `a/b`, `file` or `W.npy`. Members are written and read through zipfile by
# their whole name, since np.savez takes names as arguments, and np.load leaves out a last `.npy`.
