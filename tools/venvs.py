"""A folder and packages go in; a virtual environment is made, and its Python comes out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

GRAPHC = ("networkx>=3", "numba>=0.68,<0.69", "numpy>=2")
"""What graphc itself needs."""


def made(venv: Path, packages: Sequence[str]) -> Path:
    """Makes what is not there yet, with pip; raises CalledProcessError where pip fails."""
    python = interpreter(venv)
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", *packages]
    subprocess.run(pip, check=True)
    return python


def interpreter(venv: Path) -> Path:
    """The Python of a virtual environment."""
    return venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def answer(
    tool: str, venv: Path | None, more: Sequence[str], arguments: Sequence[str],
    run: Callable[[], int],
) -> int:  # fmt: skip
    """The exit code of a tool: of its run, or of the same command in an environment of its own with
    `more` packages; 2 where something that it needs is missing.
    """
    own = venv and venv.absolute()
    try:
        if own and interpreter(own) != Path(sys.executable):
            command = [str(made(own, (*GRAPHC, *more))), "-m", f"tools.{tool}", *arguments]
            return subprocess.run(command, check=False).returncode
        return run()
    except (ModuleNotFoundError, subprocess.CalledProcessError) as error:
        print(f"{tool}: {error}; --venv DIR makes an environment", file=sys.stderr)
        return 2
