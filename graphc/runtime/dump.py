"""Everything there is to see of a program, as files in a folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from graphc.emit.text import parts
from graphc.joint import Joint
from graphc.plan.plan import Plan
from graphc.runtime.load import Loaded
from graphc.show import dot, text


def written(
    folder: str | os.PathLike[str],
    after: Mapping[str, Joint],
    plan: Plan,
    loaded: Loaded,
    woven: str,
    compiled: Mapping[str, tuple[str, str]],
) -> list[Path]:
    """Write the graph after each pass, the plan, the module with its prelude, and machine code.

    `woven` is the module's text with the user's lines; `compiled` gives name and signature of the
    functions that have been compiled. A file is either there as a whole or not at all.
    """
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    files = dict(_graphs(after)) | dict(_code(loaded, compiled))
    (home / loaded.prelude_path.parent.name).mkdir(exist_ok=True)
    files |= {"plan.txt": f"{plan}\n", "source_with_lines.py.txt": woven}
    return [_put(home / name, content) for name, content in files.items()]


def _graphs(after: Mapping[str, Joint]) -> Iterator[tuple[str, str]]:
    for position, (name, joint) in enumerate(after.items(), 1):
        yield f"graph_{position:02}_{name}.txt", f"{text(joint.graph)}\n"
        yield f"graph_{position:02}_{name}.dot", f"{dot(joint.graph)}\n"


def _code(loaded: Loaded, compiled: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, str]]:
    yield loaded.path.name, loaded.text
    home = loaded.prelude_path.parent
    for name, content in parts(loaded.prelude).items():
        file = f"{home.name}/{name}.py" if name else loaded.prelude_path.name
        yield file, content
    for part, (name, signature) in compiled.items():
        yield f"{part}.ll", loaded.llvm(name, signature)
        yield f"{part}.s", loaded.asm(name, signature)


def _put(path: Path, content: str) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
    os.replace(name, path)
    return path
