"""Where the user wrote something: the first line on the call stack that is not graphc's own."""

from __future__ import annotations

import os
import re
import sys
from typing import NamedTuple

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_CELL = re.compile(r"<ipython-input-(\d+)-|[/\\]ipykernel_\d+[/\\]")


class Place(NamedTuple):
    """A file (or a notebook's cell) and a line; prints as `net.py:14`."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"


def caller() -> Place:
    """The line of the user's that is being run."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return Place(_cell(frame.f_code.co_filename), frame.f_lineno)


def _cell(file: str) -> str:
    match = _CELL.search(file)
    if match is None:
        return file
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    number = match[1] or getattr(shell, "execution_count", "")
    return f"cell {number}".rstrip()
